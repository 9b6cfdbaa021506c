"""An empty lake, and a folder for the files that are to come into it; a conftest that wants them imports them."""

from pathlib import Path

import pytest

from flows.lake.journal import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake", buckets=4)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder
