from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.lake.journal import Lake
from flows.landing import reader


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake", buckets=4)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def bad_reader() -> Iterator[None]:
    """Readers with a source that misbehaves, for one module; they start in half a second."""
    with pytest.MonkeyPatch.context() as patch:
        reader._Readers.stop()
        patch.setattr(reader, "PROGRAM", "tests.hostile.bad_reader")
        yield
        reader._Readers.stop()
