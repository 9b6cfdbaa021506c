"""Commands at once on a lake in an object store: as in a folder one lands, and the others compute anew on its head."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.lake.addresses import store_at
from flows.lake.journal import Lake
from flows.lake.store import Folder
from tests.flows.store.s3 import running
from tests.races.racing import Racers, Said
from tests.races.serial import refuse_other_than_serial, refuse_unsound
from tests.races.world import Place

pytestmark = pytest.mark.xdist_group("races")


class Stored(Place):
    """The world of a folder, and its lake in an object store."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.folder)
        self.lake = Path("s3://books/eu/lake")
        here, there = Folder(place.lake), store_at(self.lake)
        for name in here.names(""):
            with here.open(name) as file:
                there.put(name, file.read())

    def _in(self, *words: str | Path) -> tuple[str, ...]:
        return (*super()._in(*words), "--reference", str(self.folder / "reference"))

    def in_folder(self, said: Said) -> Said:
        """A command as it would be given for the lake of the folder."""
        lake = str(self.folder / "lake")
        return replace(said, arguments=tuple(lake if word == str(self.lake) else word for word in said.arguments))


@pytest.fixture(scope="module")
def store(pool: Racers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A store with a bucket, which every process can reach; each has a folder of copies of its own."""
    for needed in ("obstore", "moto.server", "flask_cors"):
        pytest.importorskip(needed, reason=f"{needed} is not installed: it comes with the extra dev")
    with running() as server, pytest.MonkeyPatch.context() as environment:
        for name, value in server.environment.items():
            environment.setenv(name, value)
        environment.setenv("BILLFOLD_CACHE", str(tmp_path_factory.mktemp("parent")))
        server.renew()
        for racer in pool.racers:
            racer.order("told", {**server.environment, "BILLFOLD_CACHE": str(tmp_path_factory.mktemp("racer"))})
            racer.result()
        yield


def test_of_runs_that_race_in_an_object_store_each_lands_once_and_the_journal_is_that_of_a_folder(
    store: None, pool: Racers, half_issued: Place, racing_on: Callable[[Place], Place]
) -> None:
    """All four stop before the record of the same commit: three of them lose, and lose again until each has landed."""
    place, again = Stored(racing_on(half_issued)), racing_on(half_issued)
    head = Lake.open(place.lake).head().number
    said = pool.race(
        [place.ingest("late-a"), place.ingest("late-b"), place.bill("2026-11"), place.operations("payment")]
    )
    assert [(one.status, one.err) for one in said] == [("committed", "")] * 4
    assert sorted(one.commit or 0 for one in said) == list(range(head + 1, head + 5))
    refuse_unsound(place)
    refuse_other_than_serial(pool, place, [place.in_folder(one) for one in said], again)
