"""When the machine fails a run is refused in one sentence, shows nothing, and can be run again once that is mended.

Single calls are failed by strace (a disk that is full, broken or over its quota, a file system without rights), writes
are cut short by a limit on the size of files, and disks are full or read-only in earnest where the tests may mount
them. For each: exit code 1, a sentence that says what failed and what to do, no traceback, the old state or the new;
and a plain run afterwards reaches the bytes of the run that nothing disturbed.

In the ordinary suite some kinds of calls of `bill` and of the reading half of `ingest` fail once.
BILLFOLD_CRASHES=kinds fails each kind of call of every command, with each error. What fails is printed as `command:
system-call path nth error`, and done again alone by

    BILLFOLD_CRASH="bill: fsync journal 1 EIO" .venv/bin/python -m pytest tests/crash/test_faults.py -q
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows import cli
from tests.crash.calls import Call, Strace, kind_of, one_of_each_kind
from tests.crash.conftest import AGAIN, CRASHES, NAMES
from tests.crash.forks import Ended
from tests.crash.world import COMMANDS, Step, World

pytestmark = pytest.mark.xdist_group("crash")

ERRORS = {
    **dict.fromkeys(("open", "openat", "mkdir", "mkdirat", "symlink", "symlinkat"), ("ENOSPC", "EACCES", "EROFS")),
    **dict.fromkeys(("write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate"), ("ENOSPC", "EDQUOT", "EIO")),
    **dict.fromkeys(("fsync", "fdatasync"), ("EIO", "EDQUOT")),
    **dict.fromkeys(("chmod", "fchmod", "fchmodat"), ("EPERM", "EROFS")),
    **dict.fromkeys(("link", "linkat", "rename", "renameat", "renameat2"), ("EIO", "ENOSPC")),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), ("EIO", "EROFS")),
    "flock": ("ENOLCK",),
}
"""How calls fail on a disk that is full, over quota, broken or read-only."""

THIRD = 3
"""Of the kinds of calls that could fail in the ordinary suite one in three does: most fail in the same place."""

SOME = tuple(COMMANDS) if CRASHES else ("ingest", "bill")
"""What has a fault of its own in the ordinary suite: the others fail by the same code."""


@pytest.mark.parametrize("command", SOME)
def test_a_call_that_fails_refuses_the_run_in_one_sentence(
    world: World, strace: Strace, calls: dict[str, list[Call]], command: str
) -> None:
    step = world.steps[command]
    faults = []
    for call, error in chosen(command, calls[command]):
        world.put_back(step)
        ended = strace.tampered(step.arguments, NAMES, call, f"error={error}:when={call.nth}")
        faults += [f"{command}: {call} {error}: {fault}" for fault in after(world, step, ended)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_write_that_is_cut_short_refuses_the_run(world: World, command: str) -> None:
    step = world.steps[command]
    faults = []
    for most in (500, 1000, 6000) if CRASHES else (1000,):  # what it says is a file too
        world.put_back(step)
        ended = world.program.run(*step.arguments, limits={"RLIMIT_FSIZE": most})
        assert ended.code == 1
        faults += [f"{command}: files of {most} bytes: {fault}" for fault in after(world, step, ended)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("command", SOME)
def test_a_full_disk_refuses_the_run(world: World, command: str) -> None:
    step = world.steps[command]
    faults = []
    for free in (0, 16, 64, 128, 256) if CRASHES else (16,):
        with small_disk(world, step, free) as filler:
            ended = world.program.run(*step.arguments)
            seen = list(visible(world, step, ended))
            filler.unlink()
            faults += [f"{command}: {free} KiB free: {fault}" for fault in [*seen, *world.not_recovered(step)]]
            assert ended.code == 1
            assert "No space left on device" in ended.said
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("command", SOME)
def test_a_lake_that_cannot_be_written_refuses_the_run(world: World, command: str) -> None:
    step = world.steps[command]
    world.put_back(step)
    with read_only(world.lake):
        ended = world.program.run(*step.arguments)
        faults = list(visible(world, step, ended))
    assert ended.code == 1
    assert "Read-only file system" in ended.said or "Permission denied" in ended.said
    assert world.tree() == {**world.tree(), **step.tree_before}
    assert [*faults, *world.not_recovered(step)] == []


@pytest.mark.parametrize("command", SOME)
def test_a_run_needs_no_temporary_space_but_the_lake(world: World, command: str, tmp_path: Path) -> None:
    step = world.steps[command]
    world.put_back(step)
    ended = world.program.run(*step.arguments, environment={"TMPDIR": str(tmp_path / "nowhere")})
    assert ended.code == step.code, ended.said
    assert world.not_recovered(step) == []


def test_an_engine_that_gives_up_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class PanicException(BaseException):
        pass

    def gives_up(*_: object, **__: object) -> int:
        raise PanicException('could not spawn threads: Os { code: 11, message: "Resource temporarily unavailable" }')

    monkeypatch.setattr(cli, "app", gives_up)
    assert cli.main(["status"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("billfold: the engine could not go on, for want of memory or threads: could not spawn")
    assert "run the same command again" in said


def after(world: World, step: Step, ended: Ended) -> list[str]:
    """What is wrong with how a run ended, with what can be seen then, and after it is run again."""
    return [*visible(world, step, ended), *world.cut_off(step, every=bool(CRASHES))]


def visible(world: World, step: Step, ended: Ended) -> Iterator[str]:
    """What is wrong with how a run ended that may have failed, and with what can be seen then."""
    if "Traceback" in ended.said or "did not foresee" in ended.said:
        yield f"it did not say plainly what happened: {ended.said.strip()}"
    if ended.code == 1 and not (ended.said.startswith("billfold: ") and "run" in ended.said):
        yield f"it did not say what to do: {ended.said.strip()}"
    if ended.code not in (1, step.code):
        yield f"exit code {ended.code}: {ended.said.strip()}"
    if ended.code == step.code and len(world.journal()) - 1 != max(step.hashes):
        yield f"exit code {ended.code}, but nothing was committed"
    if ended.code == 1 and "nothing was committed" in ended.said and len(world.journal()) - 1 != min(step.hashes):
        yield f"a commit is there, but it said: {ended.said.strip()}"
    yield from world.partly_visible(step)


def chosen(command: str, calls: list[Call]) -> list[tuple[Call, str]]:
    """Calls and how they fail: of each kind one, in turn with each error; all of them, or the one that is asked for."""
    if AGAIN:
        every = [(call, error) for call in calls for error in ERRORS[call.name]]
        return [(call, error) for call, error in every if f"{command}: {call} {error}" == AGAIN]
    kinds = one_of_each_kind(calls)
    if CRASHES:
        return [(call, error) for call in kinds for error in ERRORS[call.name]]
    wanted = ("scratch",) if command == "ingest" else ("staged", "record", "table", "hint", "database", "folder of rec")
    kinds = [call for call in kinds if kind_of(call.path).startswith(wanted)]
    kinds = [call for call in kinds if command == "bill" or call.name in ("openat", "write")][::THIRD]
    return [(call, ERRORS[call.name][turn % len(ERRORS[call.name])]) for turn, call in enumerate(kinds)]


@contextmanager
def small_disk(world: World, step: Step, free: int) -> Iterator[Path]:
    """The lake before a step on a disk of its own with so many KiB free; gives a file to be removed for more."""
    shutil.rmtree(world.lake, ignore_errors=True)
    world.lake.mkdir()
    with mounted(world.lake, "-t", "tmpfs", "-o", "size=16m", "tmpfs"):
        shutil.copytree(step.before, world.lake, dirs_exist_ok=True)
        filler = world.lake / ".filler"
        room = os.statvfs(world.lake)
        filler.write_bytes(bytes(max(0, room.f_bavail * room.f_frsize - free * 1024)))
        yield filler


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nothing can be written in, not even by root."""
    with mounted(folder, "--bind", str(folder)):
        mount("-o", "remount,bind,ro", str(folder))
        yield


@contextmanager
def mounted(folder: Path, *how: str) -> Iterator[None]:
    """Something mounted at a folder, or a skip where only root may mount."""
    mount(*how, str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mount(*arguments: str) -> None:
    """Mount, or skip the test."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small or a read-only disk: run these tests as root, in a container")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here (a container needs --cap-add=SYS_ADMIN): {done.stderr.strip()}")
