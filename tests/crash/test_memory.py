"""With too little memory a run is refused in one sentence, shows nothing, and does its work once there is more.

A bill runs on one core, with so many MiB more of addresses than it has when its engines have started their threads. It
needs some 500. With ROOM an engine finds no room for a thread or a block, and says so.

Other room is not given, for there the engines speak to nobody: up to 16 MiB Polars' allocator ends the process
(SIGABRT), with 128 to 192 the C library does (127, "cannot allocate memory for thread-local data"), or Polars waits for
ever, as it does where its threads cannot be started: one that dies as it starts is waited for all the same. Where these
begin moves with what is loaded, so a run that ends like that is no fault by itself, as long as another is refused in a
sentence: what it leaves is judged alike, and it is stopped after SECONDS.
"""

from __future__ import annotations

import pytest

from flows import cli
from tests.crash.test_faults import visible
from tests.crash.world import World

pytestmark = pytest.mark.xdist_group("crash")

ROOM = (64, 96, 32, 80, 48, 112)
"""MiB, tried in turn until a run was refused ENOUGH times."""

ENOUGH = 2

SECONDS = 20
ENDED_BY_AN_ENGINE = (-6, 127, -14)
"""SIGABRT, the C library's end, and SIGALRM: it was stopped."""


def test_a_bill_with_too_little_memory_is_refused_and_shows_nothing(world: World) -> None:
    step = world.steps["bill"]
    refused, faults = [], []
    for room in ROOM:
        if len(refused) == ENOUGH:
            break
        world.put_back(step)
        ended = world.program.run(*step.arguments, room=room << 20, gone_after=SECONDS)
        is_told = ended.code not in ENDED_BY_AN_ENGINE
        found = [*visible(world, step, ended)] if is_told else world.partly_visible(step)
        found += [f"it ended with {ended.code}"] if is_told and ended.code != 1 else []
        refused += [room] if is_told else []
        faults += [f"{room} MiB: {fault}" for fault in [*found, *world.not_recovered(step)]]
    assert faults == []
    assert refused


def test_who_has_no_memory_for_a_sentence_says_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def has_none(*_: object, **__: object) -> int:
        raise MemoryError

    monkeypatch.setattr(cli, "app", has_none)
    monkeypatch.setattr("flows.show.faults.explain", has_none)
    assert cli.main(["status"]) == 1
    said = capfd.readouterr().err
    assert said.startswith("billfold: there is not enough memory; what was not committed")
    assert said.count("\n") == 1
