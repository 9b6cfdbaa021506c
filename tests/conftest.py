"""What every test run needs: a Prefect home of its own, so that it neither finds nor leaves anything in the user's.

The suite draws the same examples each time, so that it says something of the change it is run on; BILLFOLD_EXAMPLES has
them drawn anew.
"""

import os
import shutil
import tempfile
from functools import partial

import duckdb
import pytest
from _pytest.nodeid import coerce_node_id
from hypothesis import settings

settings.register_profile("suite", derandomize=True)
if "BILLFOLD_EXAMPLES" not in os.environ:
    settings.load_profile("suite")

if "PYTEST_XDIST_WORKER" in os.environ:
    # There is a worker for each processor, so more threads in each only wait for one another, which costs a fifth of
    # the suite. What threads could change is asked by tests/determinism, in processes of its own.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    duckdb.connect = partial(duckdb.connect, config={"threads": 1})

_PREFECT_HOME = tempfile.mkdtemp(prefix="billfold-prefect-")
os.environ["PREFECT_HOME"] = _PREFECT_HOME  # before anything imports Prefect, which reads it once


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_PREFECT_HOME, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep tests of a group on one worker: xdist 3.8 says the group where pytest 9.2 no longer looks for it."""
    for item in items if config.getoption("loadgroup", default=False) else []:
        groups = sorted(str(mark.args[0]) for mark in item.iter_markers("xdist_group"))
        if groups and "@" not in item.nodeid.rpartition("]")[2]:
            item._id = coerce_node_id(f"{item.nodeid}@{'_'.join(groups)}")  # type: ignore[attr-defined]
