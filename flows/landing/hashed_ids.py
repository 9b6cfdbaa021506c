"""The hashes of a delivery's ids, in files by their first bits: however many there are, a few million are in memory.

Equal hashes lie in one part, whatever period they are of, so that each part is looked at by itself; and the parts in
their order are all hashes in order.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flows.landing.record_ids import IDS_AT_ONCE, Hashes, in_order

AT_ONCE = 4_000_000
"""About how many hashes are in memory together: a part of all periods."""

_BITS = 64
_ONE = np.dtype("<u8")


class HashedIds:
    """Hashes by billing period and part. They are added by any number of threads, and read when all are there."""

    def __init__(self, folder: Path, count: int) -> None:
        """Have room for so many hashes, in a folder of their own."""
        self.parts = parts_for(count)
        self._folder = folder
        self._waiting: dict[str, list[Hashes]] = {}
        self._waiting_count = 0
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True)

    def add(self, period: str, hashes: Hashes) -> None:
        """Add hashes of a period, in any order."""
        with self._lock:
            self._waiting.setdefault(period, []).append(hashes)
            self._counts[period] = self._counts.get(period, 0) + len(hashes)
            self._waiting_count += len(hashes)
            if self._waiting_count >= IDS_AT_ONCE:
                self._write()

    def periods(self) -> list[str]:
        """The periods that have any, in order."""
        return sorted(period for period, count in self._counts.items() if count)

    def count(self, period: str) -> int:
        """How many hashes of a period were added."""
        return self._counts.get(period, 0)

    def part(self, period: str, number: int) -> Hashes:
        """The hashes of a period in one part, sorted, equal ones beside each other."""
        with self._lock:
            self._write()
        path = self._path(period, number)
        return in_order([np.fromfile(path, _ONE)] if path.exists() else [])

    def of_all_periods(self, number: int) -> list[Hashes]:
        """One part of every period, each sorted."""
        return [self.part(period, number) for period in self.periods()]

    def _write(self) -> None:
        """Put what waits to the end of the files."""
        for period, waiting in self._waiting.items():
            ordered = in_order(waiting)
            for number, (first, last) in enumerate(bounds(self.parts)):
                if len(found := between(ordered, first, last)):
                    with self._path(period, number).open("ab") as file:
                        file.write(found.astype(_ONE, copy=False).data)
        self._waiting, self._waiting_count = {}, 0

    def _path(self, period: str, number: int) -> Path:
        return self._folder / f"{period}-{number:06}"


def parts_for(count: int) -> int:
    """How many parts so many hashes are held in: a power of two.

    >>> parts_for(0), parts_for(AT_ONCE), parts_for(AT_ONCE + 1), parts_for(100_000_000)
    (1, 1, 2, 32)
    """
    return 1 << (max(count - 1, 0) // AT_ONCE).bit_length()


def bounds(parts: int) -> Iterator[tuple[int, int]]:
    """The first and the last hash that each part can hold, the parts being a power of two.

    >>> [(hex(first), hex(last)) for first, last in bounds(2)]
    [('0x0', '0x7fffffffffffffff'), ('0x8000000000000000', '0xffffffffffffffff')]
    """
    size = (1 << _BITS) // parts
    for number in range(parts):
        yield number * size, (number + 1) * size - 1


def between(ordered: Hashes, first: int, last: int) -> Hashes:
    """The hashes of a sorted array from the first to the last of a range, both included."""
    return ordered[np.searchsorted(ordered, np.uint64(first)) : np.searchsorted(ordered, np.uint64(last), "right")]
