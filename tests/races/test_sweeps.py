"""What dead runs left is swept, and nothing of a live one: a lock of the kernel tells which is which."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.lake import audit
from flows.lake.journal import Lake
from flows.lake.store import Folder
from flows.landing.workspace import sweep as sweep_workspaces
from tests.races.racing import BEFORE_COMMIT, Racers, racers
from tests.races.rounds import EVERY_ROUND, RACERS
from tests.races.serial import refuse_unsound
from tests.races.world import Place

pytestmark = pytest.mark.xdist_group("races")

Copy = Callable[[Place], Place]


def files(lake: Path) -> set[str]:
    """Every file and folder of a lake."""
    return {path.relative_to(lake).as_posix() for path in lake.rglob("*")}


def swept(place: Place) -> list[str]:
    """Sweep as the flows of Prefect do when they begin."""
    lake = Lake.open(place.lake)
    sweep_workspaces(lake)
    found = lake.sweep()
    lake.close()
    return found


def test_what_a_live_writer_has_staged_stays_and_of_a_killed_one_it_goes(
    pool: Racers, billed: Place, racing_on: Copy
) -> None:
    place = racing_on(billed)
    before = files(place.lake)
    with racers(1) as one:
        writer = one.racers[0]
        writer.order("command", place.ingest("november"), BEFORE_COMMIT)
        assert writer.answer()[0] == BEFORE_COMMIT
        staged = files(place.lake) - before
        assert any(name.startswith("usage_records/") for name in staged)
        assert any(name.endswith("-ingest") for name in staged), "no scratch folder: nothing is shown to be left alone"
        assert swept(place) == []
        assert files(place.lake) - before == staged
        os.kill(writer.process.pid, signal.SIGKILL)
        writer.process.join()
    orphans = {name for name in staged if name.endswith(".parquet") and not name.startswith("staging/")}
    assert set(swept(place)) == orphans
    assert {name for name in files(place.lake) - before if "." in name} == set()
    assert pool.one(*place.ingest("november")).status == "committed"
    refuse_unsound(place)


def test_a_live_writer_commits_what_was_not_swept_from_under_it(pool: Racers, billed: Place, racing_on: Copy) -> None:
    place = racing_on(billed)
    writer = pool.racers[0]
    for command in (place.ingest("november"), place.operations("payment"), place.bill("2026-10")):
        writer.order("command", command, BEFORE_COMMIT)
        place_of_stop = writer.answer()[0]
        assert swept(place) == [], "swept while it writes"
        if place_of_stop == BEFORE_COMMIT:
            writer.go_on()
            assert writer.result().status == "committed"
    refuse_unsound(place)


@pytest.mark.parametrize("_round", EVERY_ROUND)
def test_runs_at_once_land_while_others_sweep_and_verify(
    _round: int, pool: Racers, billed: Place, racing_on: Copy
) -> None:
    place = racing_on(billed)
    sweeper, verifier = pool.watching(2)
    sweeper.order("sweep", str(place.lake))
    verifier.order("verify", str(place.lake))
    commands = [place.operations("payment"), place.operations("late-bonus"), place.ingest("late-a")]
    said = pool.race(commands[: RACERS - 1], None)
    for watching in (sweeper, verifier):
        watching.go_on()
    named = {entry.path for commit in Lake.open(place.lake).commits() for entry in commit.added}
    assert named.isdisjoint(sweeper.result()), "a sweep took what a commit names"
    assert verifier.result() == [], "sound books were said to be broken while others wrote"
    assert [(one.status, one.err) for one in said] == [("committed", "")] * len(said)
    refuse_unsound(place)


def test_a_commit_made_while_the_books_are_verified_is_no_fault(
    pool: Racers, billed: Place, racing_on: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lands between the count of the records and whatever is read after them."""
    lake = Lake.open(racing_on(billed).lake)
    writer, count = Lake.open(lake.root), lake.last_number

    def counted_and_then_a_commit() -> int:
        found = count()
        writer.commit(writer.head(), run_id=f"after-{found}", command="bill", inputs={}, added=[])
        return found

    monkeypatch.setattr(lake, "last_number", counted_and_then_a_commit)
    assert audit.verify(lake) == []


def test_threads_that_begin_to_write_at_once_take_one_lock_and_leave_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock too many would be held until the process ends, and nothing would ever be swept."""
    lake = Lake.create(tmp_path / "lake")
    locked = Folder._locked

    def slowly(folder: Folder, *words: object) -> int:
        time.sleep(0.05)
        return locked(folder, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(Folder, "_locked", slowly)
    lake.close()
    threads = [threading.Thread(target=lake.store.hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Folder(lake.root).alone() as is_alone:
        assert not is_alone
    lake.close()
    with Folder(lake.root).alone() as is_alone:
        assert is_alone
