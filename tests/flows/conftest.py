"""Places for lakes: a folder, and an object store on this machine; both keep the same promises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.store.s3 import Server

PLACES = ("folder", pytest.param("s3", marks=pytest.mark.xdist_group("s3")))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """An object store, started once."""
    for needed in ("obstore", "moto.server", "flask_cors"):
        pytest.importorskip(needed, reason=f"{needed} is not installed: it comes with the extra dev")
    from tests.flows.store.s3 import running

    with running() as found:
        yield found


@pytest.fixture
def s3(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """The object store with a new bucket `books`, reached as the environment says, and nothing else of the user's."""
    from flows.lake import bucket, writers

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BILLFOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(bucket, "RETRIES", 1)
    monkeypatch.setattr(writers, "YOUNG", timedelta(seconds=-2))  # the store tells times in whole seconds
    server.renew()
    yield server
    server.goes_wrong()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a lake may be made: each kind of place in turn."""
    if request.param == "folder":
        return str(tmp_path / "lake")
    request.getfixturevalue("s3")
    return "s3://books/eu/lake"
