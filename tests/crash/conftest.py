"""One world for all tests of a worker that crash the program."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import world as worlds
from tests.crash.calls import Call, Strace
from tests.crash.forks import Program

CRASHES = os.environ.get("BILLFOLD_CRASHES", "")
"""How much is crashed: nothing for the ordinary suite, `kinds`, `all` or a number; see test_kills.py."""

AGAIN = os.environ.get("BILLFOLD_CRASH", "")
"""One kill or fault, as a failing test has printed it."""

PREFIX = "billfold-crash-"
"""What the folder of a world begins with, before the id of the process whose it is."""

NAMES = "named"
"""From what staged files get their names in a run under strace."""


def clear_up(top: Path) -> None:
    """Remove the worlds of processes that are no more: one that was killed removed its own no more."""
    for folder in top.glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[worlds.World]:
    """A month, and the lake before each of its commands."""
    in_memory = Path("/dev/shm")  # where there is one: to sync a file costs nothing there
    top = in_memory if os.access(in_memory, os.W_OK) else tmp_path_factory.mktemp("crash")
    clear_up(top)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=top)).resolve()
    try:
        with Program(folder) as program:
            yield worlds.build(folder, program)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def strace(world: worlds.World) -> Strace:
    """Commands of the world under strace."""
    return Strace(world.program, world.lake)


@pytest.fixture(scope="session")
def calls(world: worlds.World, strace: Strace) -> dict[str, list[Call]]:
    """Every call of each command that changes the lake, in order."""
    found = {}
    for command, step in world.steps.items():
        world.put_back(step)
        found[command], ended = strace.recorded(step.arguments, NAMES)
        assert ended.code == step.code, ended.said
        assert worlds.differences(step.after, world.tree()) == []
    return found
