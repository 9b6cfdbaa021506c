"""File-system calls of a command as strace tells them, and the same command with a call that kills it or fails.

strace counts calls by thread, and narrows them down to paths that are known beforehand; so a call is named by its
path, its system call and how many of these its thread had made on the path, and staged files have names that come
again (`names` of `Program.start`). Which of its threads an engine has do what may differ from run to run: of each kind
of call a first one of a thread is chosen, which is always made.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.crash.forks import Ended, Program

CHANGING = (
    *("open", "openat", "creat", "mkdir", "mkdirat", "rmdir"),
    *("write", "pwrite64", "writev", "pwritev", "pwritev2", "copy_file_range", "sendfile"),
    *("truncate", "ftruncate", "fallocate", "chmod", "fchmod", "fchmodat"),
    *("link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rename", "renameat", "renameat2"),
    *("fsync", "fdatasync", "flock"),
)
"""Calls that change what a file system holds, or say when; a kill at any other leaves what one at the next of these
leaves. Not every machine has each of them."""

_CALL = re.compile(r"^(?:(?P<thread>\d+)\s+)?(?P<name>\w+)\((?P<rest>.*)$")
_OPENED = re.compile(r"(?<!AT_FDCWD)<(/[^<>]*)>")
_NAMED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FAILED = re.compile(r"= -1 (E[A-Z]+)")
ATTACHED_WITHIN = 10
"""Seconds."""


@dataclass(frozen=True)
class Call:
    """A call on a path of the lake, `order` among all of the command."""

    name: str
    path: str
    nth: int
    """How many of its name its thread had made on the path that strace watches for it."""
    order: int
    others: tuple[str, ...] = ()
    """Other paths it names: what is linked or renamed."""

    @property
    def watched(self) -> str:
        """The path that strace knows it by: of a rename it looks at the old one only."""
        return self.others[0] if self.name.startswith("rename") else self.path

    def __str__(self) -> str:
        return f"{self.name} {self.path} {self.nth}"


class Strace:
    """Commands of a lake under strace."""

    def __init__(self, program: Program, lake: Path) -> None:
        if shutil.which("strace") is None:
            pytest.skip("strace is not installed: apt-get install strace")
        self.program = program
        self.lake = lake

    def recorded(self, arguments: Sequence[str], names: str) -> tuple[list[Call], Ended]:
        """Run a command and tell its changing calls on the lake, in order."""
        ended, lines = self._traced(arguments, names, [])
        return list(self._calls(lines)), ended

    def killed(self, arguments: Sequence[str], names: str, call: Call) -> Ended:
        """Run a command that is killed as it enters a call, which is not carried out."""
        return self.tampered(arguments, names, call, f"signal=SIGKILL:when={call.nth}")

    def tampered(self, arguments: Sequence[str], names: str, call: Call, how: str) -> Ended:
        """Run a command with a call tampered with: `how` is what `strace -e inject=` takes."""
        path = str(self.lake / call.watched) if call.watched else str(self.lake)
        return self._traced(arguments, names, ["-P", path, "-e", f"inject={call.name}:{how}"])[0]

    def _traced(self, arguments: Sequence[str], names: str, options: Sequence[str]) -> tuple[Ended, list[str]]:
        told = self.program.folder / "calls"
        told.unlink(missing_ok=True)
        child = self.program.start(*arguments, names=names)
        traced = ",".join(f"?{name}" for name in CHANGING)
        command = ["strace", "-f", "-y", "-s", "0", "-e", f"trace={traced}", "-o", str(told), *options]
        tracer = subprocess.Popen([*command, "-p", str(child)], stderr=subprocess.PIPE, text=True)
        is_attached = _wait_for(tracer, child)
        self.program.go()
        ended = self.program.wait()
        _, said = tracer.communicate(timeout=60)
        if not is_attached:
            pytest.skip(f"strace may not trace here (a container needs --cap-add=SYS_PTRACE): {said.strip()}")
        return ended, told.read_text(encoding="utf-8", errors="replace").splitlines()

    def _calls(self, lines: Sequence[str]) -> Iterator[Call]:
        counted: Counter[tuple[str, str, str]] = Counter()
        order = 0
        for line in lines:
            found = _CALL.match(line)
            if not found:
                continue
            paths = self._inside(found["rest"])
            for path in paths:
                counted[found["thread"], found["name"], path] += 1
            if paths and _is_changing(found["name"], found["rest"]):
                call = Call(found["name"], paths[-1], 0, order, tuple(paths[:-1]))
                yield replace(call, nth=counted[found["thread"], call.name, call.watched])
                order += 1

    def _inside(self, rest: str) -> list[str]:
        """Paths of the lake that a call names, relative to it, each once; what it makes comes last."""
        arguments = rest.split(" = ")[0]
        whole = [*_OPENED.findall(arguments), *_NAMED.findall(arguments)]
        paths = [Path(one) for one in whole if one.startswith("/")]
        return list(
            dict.fromkeys(
                "" if path == self.lake else path.relative_to(self.lake).as_posix()
                for path in paths
                if path.is_relative_to(self.lake)
            )
        )


def _wait_for(tracer: subprocess.Popen[str], child: int) -> bool:
    """Whether strace has got hold of the child."""
    until = time.monotonic() + ATTACHED_WITHIN
    while tracer.poll() is None and time.monotonic() < until:
        status = Path(f"/proc/{child}/status").read_text()
        if "TracerPid:\t0\n" not in status:
            assert tracer.stderr is not None
            return "attached" in tracer.stderr.readline()
        time.sleep(0.001)
    return False


def _is_changing(name: str, rest: str) -> bool:
    """Opening a file to read it changes nothing, and a call that failed of itself neither."""
    if name in ("open", "openat") and "O_CREAT" not in rest and "O_TRUNC" not in rest:
        return False
    return _FAILED.search(rest) is None


_STAGED = re.compile(r"^staging/[0-9a-f]{32}-")
_KINDS = (
    (re.compile(r"staging/[^/]+-ingest$"), "scratch folder"),
    (re.compile(r"staging/[^/]+-ingest/"), "scratch file"),
    (re.compile(r"staging/[^/]+\.parquet$"), "staged table"),
    (re.compile(r"staging/[^/]+-\d{12}\.json$"), "staged record"),
    (re.compile(r"staging/[^/]+\.json$"), "staged hint"),
    (re.compile(r"staging/[^/]+\.duckdb"), "staged database"),
    (re.compile(r"staging/\.[a-z]+$"), "lock"),
    (re.compile(r"journal/\d{12}\.json$"), "record"),
    (re.compile(r"journal/head\.json$"), "hint"),
    (re.compile(r"journal$"), "folder of records"),
    (re.compile(r"billing\.duckdb"), "database"),
    (re.compile(r".*\.parquet$"), "table"),
    (re.compile(r"staging$"), "staging"),
    (re.compile(r"$"), "lake"),
)


def one_of_each_kind(calls: Iterable[Call]) -> list[Call]:
    """Of each system call on each kind of path one that every run makes, the last of these."""
    kinds: dict[tuple[str, str], Call] = {}
    for call in calls:
        which = call.name, kind_of(call.path)
        if which not in kinds or call.nth == 1:
            kinds[which] = call
    return sorted(kinds.values(), key=lambda call: call.order)


def kind_of(path: str) -> str:
    """What a path of a lake is.

    >>> kind_of("charges/billing_period=2026-10/1.parquet"), kind_of("charges/billing_period=2026-10"), kind_of("")
    ('table', 'folder of tables', 'lake')
    """
    return next((kind for pattern, kind in _KINDS if pattern.match(path)), "folder of tables")
