"""Processes that run billfold's own command line at once, and are held at gates where it matters.

Each is spawned, imports everything, and then takes orders through a pipe, so that a race costs no start. A gate is a
place in the program (`BEFORE_COMMIT`, `BEFORE_PUBLISHING`) where a racer stops and says so, until it is told to go on:
`race` lets all go on when each is there or done, which makes every loser a loser of one head.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import cli
from flows.lake import audit
from flows.lake.journal import Lake, record_name
from flows.lake.named_queries import queries as queries_of
from flows.lake.published import PUBLISHED
from flows.lake.store import Folder
from flows.lake.views import connect

SECONDS = 300
"""How long anything here may take before the test says that it hangs."""

BEFORE_COMMIT, BEFORE_PUBLISHING = "before the commit", "before publishing"

DIGESTED = (
    *("invoices", "invoice_lines", "tax_breakdown", "charges", "allocations", "grant_movements", "ledger_entries"),
    *("payment_applications", "operations", "usage_records", "landed_files", "grant_balances", "trial_balance"),
)
"""The relations by which a reader tells one state of the books from another."""

HOLD_AT_EACH_READ = (
    *("trial_balance_is_zero", "transactions_sum_to_zero", "receivable_is_what_is_open", "document_is_its_lines"),
    *("numbers_are_gap_free", "due_is_payable", "charged_is_what_was_applied", "usage_is_billed_or_held"),
)
"""Invariants that are cheap, and that a reader of half a run would see broken."""


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        """What it said for a program."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def status(self) -> str:
        """What became of it: committed, nothing to do, refused."""
        return str(self.record["status"]) if self.out else "refused"

    @property
    def commit(self) -> int | None:
        """The number of the last commit that it made, if it made one."""
        commit = self.record.get("commit") if self.out else None
        return commit["number"] if commit else None


@dataclass(frozen=True)
class Seen:
    """What a reader saw at one reading: the latest commit, what the tables hold, which invariants were broken."""

    commit: int
    digests: tuple[tuple[int, int], ...]
    broken: tuple[str, ...]


# --- in the parent ----------------------------------------------------------------------------------------------------


@dataclass
class Racer:
    """One process, and the pipe to it."""

    process: Any
    pipe: Connection
    is_busy: bool = False

    def order(self, work: str, *words: Any) -> None:
        """Have it begin a piece of work."""
        self.is_busy = True
        self.pipe.send((work, words))

    def answer(self, seconds: float = SECONDS) -> tuple[str, Any]:
        """What it says next: the name of a gate that it is at, or `done` and the result."""
        if not self.pipe.poll(seconds):
            raise TimeoutError(f"a racer said nothing for {seconds} s")
        found: tuple[str, Any] = self.pipe.recv()
        self.is_busy = found[0] not in ("ready", "done")
        return found

    def go_on(self) -> None:
        """Let it through the gate it is at."""
        self.pipe.send("go")

    def result(self) -> Any:
        """What its work comes to, through every gate."""
        while True:
            place, value = self.answer()
            if place == "done":
                return value
            self.go_on()


@dataclass
class Racers:
    """Processes that wait for orders."""

    racers: list[Racer]

    def race(self, commands: Sequence[Sequence[Any]], gate: str | None = BEFORE_COMMIT) -> list[Said]:
        """Run commands at once, one in each process; all stop at their first gate until each is there or done."""
        racing = self.racers[: len(commands)]
        assert len(racing) == len(commands), "more commands than processes"
        for racer, command in zip(racing, commands, strict=True):
            racer.order("command", tuple(map(str, command)), gate)
        return finished(racing)

    def one(self, *command: Any) -> Said:
        """Run one command by itself."""
        return self.race([command], None)[0]

    def watching(self, count: int) -> list[Racer]:
        """So many of them, from the end, to do something else meanwhile."""
        return self.racers[-count:] if count else []

    def renew(self) -> None:
        """Put new processes in the place of those that a failed test has left in the middle of something."""
        for place, racer in enumerate(self.racers):
            if racer.is_busy:
                racer.process.kill()
                self.racers[place] = started()
                assert self.racers[place].answer()[0] == "ready"

    def close(self) -> None:
        """End them all."""
        for racer in self.racers:
            racer.pipe.close()
        for racer in self.racers:
            racer.process.join(10)
            if racer.process.is_alive():
                racer.process.kill()


def finished(racing: Sequence[Racer]) -> list[Any]:
    """The results of all; who comes to a gate waits there until everybody else has come to one, or is done."""
    results: dict[int, Any] = {}
    at_gate: set[int] = set()
    while len(results) < len(racing):
        running = [one for place, one in enumerate(racing) if place not in results and place not in at_gate]
        if not running:
            for place in at_gate:
                racing[place].go_on()
            at_gate = set()
            continue
        ready = wait([one.pipe for one in running], SECONDS)
        if not ready:
            raise TimeoutError(f"{len(running)} racers said nothing for {SECONDS} s")
        for place, one in enumerate(racing):
            if one.pipe in ready:
                said, value = one.answer()
                if said == "done":
                    results[place] = value
                else:
                    at_gate.add(place)
    return [results[place] for place in range(len(racing))]


@contextlib.contextmanager
def racers(count: int) -> Iterator[Racers]:
    """So many processes, each with everything imported."""
    found = Racers([started() for _ in range(count)])
    for racer in found.racers:
        assert racer.answer()[0] == "ready"
    try:
        yield found
    finally:
        found.close()


def started() -> Racer:
    """A process that says `ready` once it is."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=take_orders, args=(there,))  # no daemon: billfold starts processes of its own
    process.start()
    there.close()
    return Racer(process, here)


# --- in a racer -------------------------------------------------------------------------------------------------------


def take_orders(pipe: Connection) -> None:
    """Do what the parent says until it hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe.send(("ready", None))
    while True:
        try:
            work, words = pipe.recv()
        except EOFError:
            return
        pipe.send(("done", WORKS[work](pipe, *words)))


def run_command(pipe: Connection, arguments: tuple[str, ...], gate: str | None) -> Said:
    """A command of billfold's, stopped at a gate when it first comes there."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), gated(pipe, gate):
        code = cli.main(list(arguments))
    return Said(arguments, code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def gated(pipe: Connection, gate: str | None) -> Iterator[None]:
    """Make the program stop at a gate, once."""
    if gate is None:
        yield
        return
    verb, is_there = GATES[gate]
    passed = False

    def stopping(original: Callable[..., Any]) -> Callable[..., Any]:
        def once(store: object, *words: Any) -> Any:
            nonlocal passed
            if is_there(*words) and not passed:
                passed = True
                pipe.send((gate, os.getpid()))
                pipe.recv()
            return original(store, *words)

        return once

    with pytest.MonkeyPatch.context() as patched:
        for kind in stores():
            patched.setattr(kind, verb, stopping(getattr(kind, verb)))
        yield


def stores() -> list[type]:
    """The kinds of places that a lake may lie in here."""
    if find_spec("obstore") is None:
        return [Folder]
    from flows.lake.object_store import ObjectStore

    return [Folder, ObjectStore]


def _is_record(name: str, _content: bytes) -> bool:
    return name.startswith("journal/0")


def _is_published(_staged: Path, name: str) -> bool:
    return name == PUBLISHED


GATES: dict[str, tuple[str, Callable[..., bool]]] = {
    BEFORE_COMMIT: ("put_if_absent", _is_record),
    BEFORE_PUBLISHING: ("replace", _is_published),
}
"""Before which verb of the store a racer stops, and for which of its objects."""
assert record_name(1).startswith("journal/0")


def read_on(pipe: Connection, root: str, how: str) -> list[Seen]:
    """Read the books over and over until the parent says that it is enough."""
    seen: list[Seen] = []
    while not pipe.poll(0.4):
        try:
            with opened(Path(root), how) as connection:
                seen.append(reading(connection))
        except duckdb.Error as fault:
            seen.append(Seen(seen[-1].commit if seen else 0, (), (f"cannot be read: {fault}",)))
    pipe.recv()
    return seen


@contextlib.contextmanager
def opened(root: Path, how: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The books as an analyst opens them, or as billfold's own commands do."""
    if how == "published":
        with duckdb.connect(str(root / PUBLISHED), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            yield connection
    else:
        with connect(Lake.open(root)) as connection:
            yield connection


def reading(connection: duckdb.DuckDBPyConnection) -> Seen:
    """One reading: several questions of one connection, which must all be answered of one state."""
    ((commit,),) = connection.sql("select max(commit_number) from runs").fetchall()
    digests = tuple(
        connection.sql(f"select count(*), coalesce(bit_xor(hash(one)), 0) from {name} as one").fetchall()[0]
        for name in DIGESTED
    )
    broken = tuple(one.name for one in cheap_invariants() if connection.sql(one.text).fetchall())
    ((after,),) = connection.sql("select max(commit_number) from runs").fetchall()
    return Seen(commit, digests, broken if after == commit else ("the commit moved within one reading",))


def cheap_invariants() -> list[Any]:
    found = [one for one in queries_of("invariants") if one.name in HOLD_AT_EACH_READ]
    assert len(found) == len(HOLD_AT_EACH_READ)
    return found


def sweep_on(pipe: Connection, root: str) -> list[str]:
    """Sweep over and over what dead runs left; gives what was swept."""
    swept: list[str] = []
    while not pipe.poll(0.01):
        swept += Lake.open(Path(root)).sweep()
    pipe.recv()
    return swept


def verify_on(pipe: Connection, root: str) -> list[str]:
    """Verify over and over; gives what was wrong."""
    faults: list[str] = []
    while not pipe.poll(0.01):
        faults += audit.verify(Lake.open(Path(root)))
    pipe.recv()
    return faults


def told(_pipe: Connection, environment: dict[str, str]) -> None:
    """Have variables in the environment."""
    os.environ.update(environment)


WORKS: dict[str, Callable[..., Any]] = {
    "command": run_command,
    "told": told,
    "read": read_on,
    "sweep": sweep_on,
    "verify": verify_on,
}
