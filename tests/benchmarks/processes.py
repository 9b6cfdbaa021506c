"""What this process and those it has started take: CPU seconds, and the most memory they had together.

Files of usage are read in a process of their own, which lives on between two ingests, so what the system adds up of
children that have ended is not all. Where there is no `/proc`, it is all that is known.
"""

import os
import resource
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
EVERY_SECONDS = 0.05
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def cpu_seconds() -> float:
    """Of this process, of the children it has waited for, and of those that live, with all of theirs."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both) + sum(map(_seconds, _living(os.getpid())))


def own_peak() -> float:
    """The most memory of this process, in megabytes.

    Linux hands the peak of whoever started a process on to it in `ru_maxrss`, so there it is read from `/proc`.
    """
    status = PROC / "self" / "status"
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)
    (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1_000


class Peak:
    """The most memory of this process and its children together, looked at all the time while it is entered."""

    def __enter__(self) -> "Peak":
        """Begin to look."""
        self._most, self._ended = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()

    @property
    def megabytes(self) -> float:
        """What was found; never less than what the system says of this process."""
        return max(self._most, own_peak())

    def _look(self) -> None:
        me = os.getpid()
        while not self._ended.wait(EVERY_SECONDS):
            self._most = max(self._most, sum(map(_megabytes, [me, *_living(me)])))


def _living(process: int) -> Iterator[int]:
    """The children of a process that live, and theirs."""
    for path in (PROC / str(process) / "task").glob("*/children"):
        for child in map(int, _read(path).split()):
            yield child
            yield from _living(child)


def _seconds(process: int) -> float:
    """CPU seconds of a process and of the children it has waited for; fields 14 to 17, after the name in brackets."""
    fields = _read(PROC / str(process) / "stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _megabytes(process: int) -> float:
    """Resident memory."""
    fields = _read(PROC / str(process) / "statm").split()
    return int(fields[1]) * _PAGE / 1_000_000 if fields else 0


def _read(path: Path) -> str:
    """A file of `/proc`; nothing of a process that has just ended."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
