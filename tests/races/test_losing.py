"""What a loser is told, and how long who waits for a turn waits."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from flows.lake.journal import HeadMoved, Lake
from flows.lake.published import Publishing, publish
from flows.lake.store import Folder
from flows.left_behind import clear_up
from flows.on_the_head import TRIES, on_the_head
from flows.run import Refusal


def test_a_run_is_computed_anew_until_the_head_stays() -> None:
    heads = iter([HeadMoved("first"), HeadMoved("second"), None])
    computed = []

    def compute() -> int:
        computed.append(len(computed))
        if moved := next(heads):
            raise moved
        return len(computed)

    assert on_the_head(compute, "2026-10 was billed") == 3


def test_who_loses_each_time_is_told_to_run_again_when_the_others_are_done() -> None:
    computed = []

    def compute() -> None:
        computed.append(1)
        raise HeadMoved("another was first")

    with pytest.raises(Refusal) as refused:
        on_the_head(compute, "2026-10 was billed")
    assert str(refused.value) == (
        "other runs committed 12 times while 2026-10 was billed, so nothing of this run is in the books; "
        "run it again when they are done"
    )
    assert len(computed) == TRIES == 12


def in_its_turn(root: str, pipe: Connection) -> None:
    """A process that is in its turn, and stays in it."""
    with Folder(Path(root)).in_turn(0) as is_mine:
        pipe.send(is_mine)
        pipe.recv()


def test_nobody_waits_for_ever_for_who_is_stopped_in_its_turn_and_who_is_killed_has_had_it(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    publish(lake)
    lake.commit(lake.head(), run_id="r1", command="bill", inputs={}, added=[])
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    other = spawn.Process(target=in_its_turn, args=(str(lake.root), there))
    other.start()
    assert here.recv() is True
    os.kill(other.pid or 0, signal.SIGSTOP)
    with pytest.raises(Publishing, match=r"has been writing billing\.duckdb for 0\.1 s"):
        publish(lake, seconds=0.1)
    clear_up(lake)  # which would publish what lags behind, and leaves it
    os.kill(other.pid or 0, signal.SIGKILL)
    other.join()
    publish(lake, seconds=0)
