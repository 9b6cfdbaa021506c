"""Processes and books that the races share; a race is run on a copy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.races.racing import Racers, racers
from tests.races.rounds import RACERS, READERS
from tests.races.world import Place, write_world


@pytest.fixture(scope="session")
def pool() -> Iterator[Racers]:
    """As many processes as any race has, readers included."""
    with racers(RACERS + READERS) as found:
        yield found


@pytest.fixture(scope="session")
def billed(pool: Racers, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """October billed, nothing issued."""
    place = Place(tmp_path_factory.mktemp("races") / "billed")
    write_world(place.folder)
    for command in (place.init(), place.ingest("october"), place.operations("credit"), place.bill("2026-10")):
        said = pool.one(*command)
        assert said.code == 0, said
    return place


@pytest.fixture(scope="session")
def half_issued(pool: Racers, billed: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """October issued of two accounts, November landed."""
    place = billed.copied(tmp_path_factory.mktemp("races") / "half_issued")
    for command in (place.issue("a1"), place.issue("a3"), place.ingest("november")):
        said = pool.one(*command)
        assert said.code == 0, said
    return place


@pytest.fixture
def racing_on(pool: Racers, tmp_path: Path) -> Callable[[Place], Place]:
    """Copies of books to race on: `racing_on(billed)` is one, published where it lies."""
    pool.renew()
    made = 0

    def copy(place: Place) -> Place:
        nonlocal made
        made += 1
        copied = place.copied(tmp_path / f"copy-{made}")
        assert pool.one(*copied.views()).code == 0
        return copied

    return copy
