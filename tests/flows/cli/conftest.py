"""Books that tests of one worker share to read from; who changes books makes their own."""

from pathlib import Path

import pytest

from tests.flows.cli.worked import bill_all, issue_all


@pytest.fixture(scope="session")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with October billed and not issued."""
    return bill_all(tmp_path_factory.mktemp("drafts"))


@pytest.fixture(scope="session")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with October issued."""
    lake = bill_all(tmp_path_factory.mktemp("books"))
    said = issue_all(lake)
    assert said.code == 0, said.both
    return lake


@pytest.fixture(autouse=True)
def _no_books_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment decides which books a test reads."""
    for name in ("BILLFOLD_LAKE", "BILLFOLD_REFERENCE", "BILLFOLD_DEBUG"):
        monkeypatch.delenv(name, raising=False)
