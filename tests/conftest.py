"""What every test run needs: a Prefect home of its own, so that it neither finds nor leaves anything in the user's."""

import os
import shutil
import tempfile

import pytest

_PREFECT_HOME = tempfile.mkdtemp(prefix="billfold-prefect-")
os.environ["PREFECT_HOME"] = _PREFECT_HOME  # before anything imports Prefect, which reads it once


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_PREFECT_HOME, ignore_errors=True)
