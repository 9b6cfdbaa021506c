"""One small world for the tests that only read it."""

from pathlib import Path

import pytest

from flows.sample import SampleWorld, sample


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> SampleWorld:
    return sample(tmp_path_factory.mktemp("sample") / "world", accounts=90, rows=12_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "world"
