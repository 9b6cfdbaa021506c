"""The real program without its start: a process imports everything once and forks a child for every command.

A child runs `flows.cli.main` with the arguments it is given, and waits before it begins, so that strace can be put on
it. A fork takes only the thread along that forks: so nothing but imports may happen before, what starts threads on
import is kept from it, and a process with threads that somebody could wait for refuses to fork.

`Program` is what tests use; the other half of this file is what runs in the process that forks.
"""

from __future__ import annotations

import ctypes
import importlib
import itertools
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
MAY_BE_TRACED_BY_ANYONE = (0x59616D61, ctypes.c_ulong(-1))
"""prctl's PR_SET_PTRACER: where Yama guards tracing, a child lets strace in that is no parent of it."""

WITHOUT_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOBODY_WAITS_FOR = {"polars-ooc-clea"}
"""Polars' cleaner of frames that were spilled: a child spills none."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or minus the signal that killed it, and what it said."""

    code: int
    out: str
    said: str
    seconds: float
    """Of processor time."""


class Program:
    """Forks commands, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {name: text for name, text in os.environ.items() if not name.startswith("BILLFOLD_")}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment | WITHOUT_THREADS | {"COLUMNS": "200"},
        )
        assert self._answer() == "ready"

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._server.communicate()

    def start(self, *arguments: str, **options: Any) -> int:
        """Fork a child that is about to run a command, for `go`; gives its process id.

        `environment` adds to the child's; `names` has the lake's staged files named one after the other and not at
        random; `limits` are of `resource`, as {name: most}; `dies_after` so many seconds of processor time it is gone,
        `gone_after` so many of the clock. `room` is how many more bytes of addresses it may take than when its engines
        have started their threads, on one core.
        """
        return int(self._ask(do="start", arguments=arguments, folder=str(self.folder), **options))

    def go(self) -> None:
        """Let the child begin."""
        self._ask(do="go")

    def wait(self) -> Ended:
        """Wait for the child's end."""
        code, seconds = self._ask(do="wait").split()
        out, said = ((self.folder / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "said"))
        return Ended(int(code), out, said, float(seconds))

    def run(self, *arguments: str, **options: Any) -> Ended:
        """Run a command to its end."""
        self.start(*arguments, **options)
        self.go()
        return self.wait()

    def _ask(self, **what: Any) -> str:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(what) + "\n")
        self._server.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._server.stdout is not None
        answer = self._server.stdout.readline().strip()
        assert answer, "the process that forks has ended"
        return answer


# --- the process that forks -------------------------------------------------------------------------------------------


def serve() -> None:
    """Import, then fork a child for whoever asks; ends with its standard input."""
    _import_all()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    answers.write("ready\n")
    child, gate = 0, -1
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "start":
            child, gate = _fork(asked)
            answers.write(f"{child}\n")
        elif asked["do"] == "go":
            os.close(gate)
            answers.write("gone\n")
        else:
            _, status, used = os.wait4(child, 0)
            answers.write(f"{os.waitstatus_to_exitcode(status)} {used.ru_utime + used.ru_stime}\n")


def _import_all() -> None:
    """Import every module of the program, and see that this starts no thread."""
    _have_literals_wait()
    for package in ("schemas", "rating", "flows"):
        for found in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if not found.name.startswith("flows.orchestrated"):  # Prefect, which no command here runs with
                importlib.import_module(found.name)
    _make_schemas()
    importlib.import_module("duckdb").close()  # of the connection that it opens on import, and nobody here uses
    threads = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    lost = sorted(set(threads[1:]) - NOBODY_WAITS_FOR)
    assert not lost, f"{lost} run after the imports, and a fork would lose them: which module works as it is imported?"


def _make_schemas() -> None:
    """What every command makes at first: Pandera's schemas, and what it imports for its first check."""
    import schemas

    for table in {**schemas.TABLES, **schemas.VIEWS}.values():
        table.columns()
    importlib.import_module("pandera.backends.polars.register").register_polars_backends(use_narwhals_backend=False)


def _have_literals_wait() -> None:
    """Polars works out a literal with a time zone at once, on threads of its own: an expression waits for its use."""
    import polars as pl

    literal = pl.lit

    def lit(value: Any, dtype: Any = None, **options: Any) -> pl.Expr:
        if isinstance(value, datetime) and value.tzinfo is UTC and isinstance(dtype, pl.Datetime):
            return literal((value - EPOCH) // timedelta(microseconds=1)).cast(pl.Datetime("us", "UTC")).cast(dtype)
        return literal(value, dtype, **options)

    pl.lit = lit


def _fork(asked: dict[str, Any]) -> tuple[int, int]:
    """The child, and what is to be closed for it to begin."""
    reading, gate = os.pipe()
    child = os.fork()
    if child:
        os.close(reading)
        return child, gate
    os.close(gate)
    _prepare(asked)
    os.read(reading, 1)
    os.close(reading)
    signal.setitimer(signal.ITIMER_PROF, asked.get("dies_after", 0))  # SIGPROF kills like SIGKILL where nobody minds it
    signal.setitimer(signal.ITIMER_REAL, asked.get("gone_after", 0))  # and so does SIGALRM
    code = importlib.import_module("flows.cli").main(asked["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _have_no_more_than(room: int) -> None:
    """Start the engines' threads, then leave so much room: an engine that cannot start a thread speaks to nobody."""
    import duckdb
    import polars as pl

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    frame = pl.LazyFrame({"key": [1, 2], "value": [1, 2]}).group_by("key").agg(pl.col("value").sum())
    frame.collect(engine="streaming")
    frame.collect()
    duckdb.connect().close()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + room
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _prepare(asked: dict[str, Any]) -> None:
    """What surrounds the command: files for what it says, its environment, its limits."""
    folder = Path(asked["folder"])
    for number, path in enumerate(("/dev/null", folder / "out", folder / "said")):
        handle = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    os.environ.update(asked.get("environment", {}))
    if asked.get("names"):
        counted = itertools.count(1)
        uuid.uuid4 = lambda: uuid.uuid5(uuid.NAMESPACE_OID, f"{asked['names']} {next(counted)}")
    if asked.get("room"):
        _have_no_more_than(asked["room"])
    for name, most in asked.get("limits", {}).items():
        resource.setrlimit(getattr(resource, name), (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python starts; a write past RLIMIT_FSIZE fails then
    ctypes.CDLL(None).prctl(*MAY_BE_TRACED_BY_ANYONE)


if __name__ == "__main__":
    serve()
