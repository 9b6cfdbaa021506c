"""Killed at any moment, a run leaves the old state or the new, and the same command again makes it whole.

Each command that changes the books is killed with SIGKILL as it enters a call that changes the lake (strace does it),
and at random moments. After each kill the views show the state before or after, whole, `audit --verify` finds nothing,
and one plain run more reaches the bytes of the run that nothing disturbed, with no file left over.

In the ordinary suite `bill` is killed at each kind of call, the others around their commits. BILLFOLD_CRASHES=kinds
kills each command at each kind of call, =all at every call, a number at every call and so many random moments (10000
take a few hours; it is a long run of its own):

    BILLFOLD_CRASHES=10000 .venv/bin/python -m pytest tests/crash/test_kills.py -q

What fails is printed as `command: system-call path nth`, and done again alone by

    BILLFOLD_CRASH="bill: link journal/000000000003.json 1" .venv/bin/python -m pytest tests/crash/test_kills.py -q
    BILLFOLD_CRASH="bill: 0.137 seconds" .venv/bin/python -m pytest tests/crash/test_kills.py -q
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterable

import pytest

from tests.crash.calls import Call, Strace, kind_of, one_of_each_kind
from tests.crash.conftest import AGAIN, CRASHES, NAMES
from tests.crash.forks import ROOT
from tests.crash.world import COMMANDS, Step, World, differences

pytestmark = pytest.mark.xdist_group("crash")
MOMENTS = int(CRASHES) if CRASHES.isdigit() else 30
OF_THE_READER = re.compile(r"staging/[^/]+-ingest/(unpacked|text|parts|converted|staged)\b")
"""What a process of its own writes that reads files: one that is killed at a call each time loses its file, not the
run (tests/hostile/test_reader.py)."""
LEAVE_AS_IS = frozenset({"fsync", "fdatasync", "flock"})
"""A kill at one of these leaves what one at the next call leaves; only every call has them."""

AROUND_THE_COMMIT = ("record", "database")
KINDS = {"ingest": ("scratch folder",)}
"""Where others than `bill` are killed in the ordinary suite: around their commit, and in what is theirs alone."""

BEYOND = 1.1
"""How far beyond the time of an undisturbed run random moments reach."""


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_any_call_a_run_leaves_the_old_state_or_the_new_and_is_made_whole(
    world: World, strace: Strace, calls: dict[str, list[Call]], command: str
) -> None:
    step = world.steps[command]
    faults = []
    for call in chosen(command, calls[command]):
        world.put_back(step)
        ended = strace.killed(step.arguments, NAMES, call)
        if ended.code != -signal.SIGKILL and call.nth == 1:
            faults.append(f"{command}: {call}: was not killed there but ended with {ended.code}: {ended.said}")
        faults += [f"{command}: {call}: {fault}" for fault in world.cut_off(step, every=bool(CRASHES))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_random_moments_a_run_leaves_the_old_state_or_the_new_and_is_made_whole(
    world: World, command: str
) -> None:
    step = world.steps[command]
    faults = []
    for seconds in moments(step):
        world.put_back(step)
        world.program.run(*step.arguments, dies_after=seconds)
        faults += [f"{command}: {seconds:.3f} seconds: {fault}" for fault in world.cut_off(step, every=bool(CRASHES))]
    assert not faults, "\n".join(faults)


@pytest.mark.skipif(bool(AGAIN), reason="one kill of a forked program is asked for")
def test_the_program_that_is_not_forked_is_killed_and_made_whole_alike(world: World, strace: Strace) -> None:
    step = world.steps["bill"]
    world.put_back(step)
    program = [sys.executable, "-m", "flows.cli", *step.arguments]
    record = str(world.lake / f"journal/{max(step.hashes):012}.json")
    kill = ("-P", record, "-e", "trace=?link,?linkat", "-e", "inject=?link,?linkat:signal=SIGKILL")
    killed = subprocess.run(
        ["strace", "-f", "-o", os.devnull, *kill, *program], cwd=ROOT, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert world.partly_visible(step) == []
    assert world.tree().keys() > step.tree_before.keys()
    subprocess.run(program, cwd=ROOT, capture_output=True, check=True)
    assert differences(step.after, world.tree()) == []
    assert world.published() == step.published_after


def chosen(command: str, calls: Iterable[Call]) -> list[Call]:
    """The calls to be killed: one of each kind, all of them, or the one that is asked for."""
    if AGAIN:
        return [call for call in calls if f"{command}: {call}" == AGAIN]
    calls = [call for call in calls if not OF_THE_READER.match(call.path)]
    if CRASHES not in ("", "kinds"):
        return list(calls)
    kinds = one_of_each_kind(call for call in calls if call.name not in LEAVE_AS_IS)
    wanted = KINDS.get(command, ())
    return [
        call
        for call in kinds
        if command == "bill" or CRASHES or kind_of(call.path).startswith((*AROUND_THE_COMMIT, *wanted))
    ]


def moments(step: Step) -> list[float]:
    """When to kill a command, in seconds of its processor time: a busy machine kills at the same moments."""
    if AGAIN:
        found = re.fullmatch(rf"{step.command}: ([\d.]+) seconds", AGAIN)
        return [float(found[1])] if found else []
    drawn = random.Random(None if CRASHES else step.command)
    return [drawn.uniform(0, BEYOND * step.seconds) for _ in range(MOMENTS // len(COMMANDS))]
