"""Files of strangers are read in a process of their own, within limits: what kills it costs that file, not the run.

One process reads many files; the next is forked when one has died (see `reader_program`). It is watched while it
works: its own memory (not what it maps from files) and its processor time, which a slow or busy machine does not
change. A file that ends a reader is tried once more in a fresh one, so that nothing else that kills processes is
blamed on it.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import duckdb

from flows.landing.landed import Landed
from flows.landing.limits import Limits
from flows.mapping import ColumnMapping
from flows.sources import FileFault

PROGRAM = "flows.landing.reader_program"
LOOK_AGAIN = 0.05
"""Seconds between two looks at a reader that works."""

IDLE = 10
"""A reader that waits may take so many times longer than its work would: for a disk, not for ever."""

_TICKS = os.sysconf("SC_CLK_TCK")


class ReaderDied(Exception):  # noqa: N818 (what came of a file, until it is known of which)
    """The process that read files has ended: killed by a file, or because it went beyond its limits."""

    def __init__(self, code: str, found: str, wanted: str = "", *, is_beyond_limits: bool = False) -> None:
        super().__init__(found)
        self.fault = FileFault(code, found, wanted)
        self.is_beyond_limits = is_beyond_limits


@dataclass(frozen=True)
class Looked:
    """What is known of a file once it is unpacked and its header read."""

    size: int
    mapping_digest: str | None


class Reader:
    """Reads the files of one workspace, in one process after another."""

    def __init__(self, folder: Path, memory_limit: str, received_at: datetime, limits: Limits) -> None:
        self._limits = limits
        self._begin = {
            "folder": folder,
            "memory_limit": memory_limit,
            "received_at": received_at.isoformat(),
            "limits": limits,
        }
        self._child: _Child | None = None
        self._landed_bytes = 0

    def look(self, number: int, mapping: ColumnMapping | None, size: int) -> Looked:
        """Unpack a file and know what it is; `size` is what it has as it came.

        Rejects  what is wrong with its packing, its header or its columns; F_CRASHED_READER F_EXPANSION_LIMIT
        """
        return Looked(**self._of_file("look", self._limits.unpack_seconds(size), number=number, mapping=mapping))

    def land(
        self, number: int, mapping: ColumnMapping | None, name: str, size: int, *, is_doubtful: bool = False
    ) -> Landed:
        """Make a file's rows at hand and write what it has of each series; `size` is what it has unpacked.

        Rejects  what is wrong with the whole file; F_CRASHED_READER F_EXPANSION_LIMIT
        """
        seconds = self._limits.work_seconds(size)
        said = self._of_file("land", seconds, number=number, mapping=mapping, name=name, is_doubtful=is_doubtful)
        self._landed_bytes += size
        return Landed(**said)

    def alike(self, files: Sequence[Landed]) -> str:
        """The rows of all landed files as SQL, with one type of quantity."""
        return str(self._call("alike", self._limits.work_seconds(self._landed_bytes), files=files))

    def execute(self, *statements: str) -> None:
        """Run statements that read the rows of all landed files."""
        self._call("execute", self._limits.work_seconds(self._landed_bytes), statements=statements)

    def fault_of(self, path: Path, size: int) -> FileFault | None:
        """Why a Parquet file cannot be read to its end; nothing when it can."""
        try:
            said = self._call("read_whole", self._limits.work_seconds(size), path=path)
        except ReaderDied as died:
            return died.fault
        return FileFault("F_CORRUPT_PAGE", said) if said else None

    def fault_of_rows(self, landed: Landed) -> FileFault | None:
        """Does a file have rows far longer than any of usage?"""
        try:
            longest = self._call("longest_row", self._limits.work_seconds(self._landed_bytes), landed=landed)
        except (ReaderDied, duckdb.OutOfMemoryException):
            return FileFault("F_EXPANSION_LIMIT", "rows that do not fit the memory")
        most = self._limits.doubtful_row_bytes
        return FileFault("F_EXPANSION_LIMIT", f"a row of {longest} bytes") if longest > most else None

    def close(self) -> None:
        """End the process, if there is one."""
        if self._child:
            self._child.end()
            self._child = None

    def _of_file(self, work: str, seconds: float, **said: Any) -> Any:
        try:
            try:
                return self._call(work, seconds, **said)
            except ReaderDied as died:
                if died.is_beyond_limits:
                    raise
                return self._call(work, seconds, **said)
        except ReaderDied as died:
            raise died.fault from None

    def _call(self, work: str, seconds: float, **said: Any) -> Any:
        if self._child is None:
            self._child = _Child()
            self._answer("begin", self._limits.seconds, **self._begin)
        return self._answer(work, seconds, **said)

    def _answer(self, work: str, seconds: float, **said: Any) -> Any:
        assert self._child
        try:
            answer = self._child.answer((work, said), self._limits.memory, seconds)
        except BaseException:  # it has died, or whoever waits for it is to stop
            self.close()
            raise
        return _done(answer)


def start() -> None:
    """Have readers at hand soon, while other things are done."""
    with _LOCK:
        _Readers.at_hand()


def _done(answer: dict[str, Any]) -> Any:
    """What came of an order; a fault of the file, the engine or the machine is raised here as it was there."""
    if "fault" in answer:
        raise FileFault(*answer["fault"])
    if "engine" in answer:
        name, text = answer["engine"]
        raise getattr(duckdb, name, duckdb.Error)(text)
    if "system" in answer:
        raise OSError(*answer["system"][:2], *answer["system"][2:])
    if "bug" in answer:
        raise RuntimeError(f"a fault of billfold while reading; please report this:\n{answer['bug']}")
    return answer["done"]


class _Child:
    """One reader, and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with _LOCK, theirs:
            self._readers, self._number = _Readers.forked(theirs)
        self._socket = Connection(ours.detach())

    def answer(self, order: tuple[str, Any], memory: int, seconds: float) -> dict[str, Any]:
        """Hand in an order and wait for what comes of it, with an eye on the bytes and seconds that it costs."""
        seconds_before, waited = _seconds(self._number), 0.0
        try:
            self._socket.send_bytes(pickle.dumps(order))
            while not self._socket.poll(LOOK_AGAIN):
                waited += LOOK_AGAIN
                if _own_memory(self._number) > memory:
                    raise _beyond("F_EXPANSION_LIMIT", f"more than {memory >> 20:,} MB of memory to read it")
                if _seconds(self._number) - seconds_before > seconds or waited > IDLE * seconds:
                    raise _beyond("F_CRASHED_READER", f"more than {seconds:.0f} seconds to read it")
            answer: dict[str, Any] = json.loads(self._socket.recv_bytes())
        except (EOFError, ConnectionError):
            raise ReaderDied("F_CRASHED_READER", self._end()) from None
        return answer

    def end(self) -> None:
        """Kill it; what it was doing is not wanted any more."""
        self._socket.close()
        if self._number:
            os.kill(self._number, signal.SIGKILL)
            self._end()

    def _end(self) -> str:
        """How it ended. A reader is waited for once, by the process that forked it."""
        number, self._number = self._number, 0
        if not number:
            return ""
        with _LOCK:
            return _said(self._readers.wait(number))


def _beyond(code: str, found: str) -> ReaderDied:
    return ReaderDied(code, found, is_beyond_limits=True)


def _said(status: int | None) -> str:
    """How a process ended.

    >>> _said(signal.SIGSEGV), _said(3 << 8), _said(None)
    ('SIGSEGV', 'exit code 3', 'an unknown end')
    """
    if status is None:
        return "an unknown end"
    return signal.Signals(status & 127).name if status & 127 else f"exit code {status >> 8}"


def _own_memory(process: int) -> int:
    """Bytes of memory of a process that are its own, where the system says so."""
    for line in _told(process, "status").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    return 0


def _seconds(process: int) -> float:
    """Seconds of processor time of a process, where the system says so."""
    fields = _told(process, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def _told(process: int, what: str) -> str:
    try:
        return Path(f"/proc/{process}/{what}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


_LOCK = threading.RLock()


class _Readers:
    """The process that readers are forked from, one for the program; used under the lock."""

    _one: _Readers | None = None

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-m", PROGRAM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the program, which then ends this
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
            )

    @classmethod
    def at_hand(cls) -> _Readers:
        """The one there is, or a new one."""
        if cls._one is None or cls._one._child.poll() is not None:
            cls._one = cls()
        return cls._one

    @classmethod
    def forget(cls) -> None:
        """In a forked copy of the program: what there is belongs to the original."""
        global _LOCK
        _LOCK = threading.RLock()
        cls._one = None

    @classmethod
    def stop(cls) -> None:
        """End it with the program."""
        if cls._one:
            cls._one._control.close()
            cls._one._child.kill()
            cls._one._child.wait()
            cls._one = None

    @classmethod
    def forked(cls, theirs: socket.socket) -> tuple[_Readers, int]:
        """A new reader: the process that forked it, and its number. One that has just been killed is replaced."""
        for _ in range(2):
            readers = cls.at_hand()
            if number := readers._fork(theirs):
                return readers, number
            cls.stop()
        raise RuntimeError(f"the process that reads files does not start; `{sys.executable} -m {PROGRAM} 0` says why")

    def _fork(self, theirs: socket.socket) -> int:
        try:
            socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
            return int(self._control.recv(64) or 0)
        except ConnectionError:
            return 0

    def wait(self, number: int) -> int | None:
        """How a reader ended; unknown when the process that forked it has ended, too."""
        try:
            self._control.send(f"wait {number}".encode())
            status = self._control.recv(64)
        except ConnectionError:
            return None
        return int(status) if status else None


atexit.register(_Readers.stop)
os.register_at_fork(after_in_child=_Readers.forget)
