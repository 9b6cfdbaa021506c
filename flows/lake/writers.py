"""Who writes to an object store, and whether anybody does: what a kernel lock says of a folder, leases say here.

No lock reaches across machines, so a writer puts a lease, an object of its own, before its first file, puts it anew
while it works and removes it at its end. A sweep puts a mark before it looks for leases, a writer looks for marks after
it has put its lease; the store shows every write at once, so at least one of the two sees the other. Then the sweep
gives way and removes nothing, and the writer waits for the mark to go. What a killed process left counts until it is
old by the store's own clock: a lease for LEASE, a mark for SWEEP, of which a sweep uses half. A process that stood
still for longer could be taken for dead; even so no file younger than YOUNG is removed, and a commit looks at each of
its files once more before it is made.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Protocol

from flows.lake.errors import StoreFailed
from flows.lake.store import STAGING

LEASE = timedelta(hours=12)
RENEW_SECONDS = 600
SWEEP = timedelta(minutes=2)
YOUNG = timedelta(hours=12)
WAIT_SECONDS = 150
"""How long a writer waits for a sweep to end: longer than that of a dead process counts."""

LEASES = f"{STAGING}/writers"
SWEEPS = f"{STAGING}/sweeps"


class Objects(Protocol):
    """What leases need of a store."""

    def put(self, name: str, content: bytes) -> None:
        """Write or replace an object."""

    def times(self, folder: str) -> dict[str, datetime]:
        """When the objects below a folder were last written, by the store's clock."""

    def time_of(self, name: str) -> datetime:
        """When an object was last written, by the store's clock."""

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""


class Writers:
    """The leases of one store, and this process's own."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._turn = threading.RLock()
        self._own = ""
        self._put_at = 0.0
        self._clock: tuple[datetime, float] | None = None
        self._marked_at: float | None = None
        self._end: weakref.finalize[[Callable[[str], None], str, int], Writers] | None = None

    def hold(self) -> None:
        """Say that this process writes, until `release` or its end.

        Errors   StoreFailed: a sweep has been removing what dead runs left for WAIT_SECONDS, and has not ended
        """
        with self._turn:
            if self._own and time.monotonic() - self._put_at < RENEW_SECONDS:
                return
            is_new = not self._own
            own = self._own or f"{LEASES}/{uuid.uuid4().hex}"
            self._objects.put(own, b"writing\n")
            self._own, self._put_at = own, time.monotonic()
            if is_new:
                self._end = weakref.finalize(self, _end, self._objects.delete, own, os.getpid())
                try:
                    self._wait_for_sweeps()
                except BaseException:
                    self.release()
                    raise

    def release(self) -> None:
        """Say that this process writes no more."""
        with self._turn:
            if self._end is not None:
                self._end()
            self._own, self._end = "", None

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Tell whether nobody writes, and keep it so while the context lasts."""
        self.release()
        mark = f"{SWEEPS}/{uuid.uuid4().hex}"
        try:
            self._marked_at = time.monotonic()
            self._objects.put(mark, b"sweeping\n")
            now = self._seen(mark)
            leases, marks = self._objects.times(LEASES), self._objects.times(SWEEPS)
            is_alone = not _younger(leases, now - LEASE) and _younger(marks, now - SWEEP) <= {mark}
            for left in [*leases, *(marks.keys() - {mark})] if is_alone else []:
                self._objects.delete(left)
            yield is_alone
        finally:
            self._marked_at = None
            self._objects.delete(mark)

    def is_late(self) -> bool:
        """Whether a sweep has had its time: others may soon take its mark for a dead one's."""
        return self._marked_at is not None and time.monotonic() - self._marked_at > SWEEP.total_seconds() / 2

    def now(self) -> datetime:
        """The store's clock, which alone says how old an object is."""
        if self._clock is None:
            self.hold()
        assert self._clock is not None
        at, since = self._clock
        return at + timedelta(seconds=time.monotonic() - since)

    def _seen(self, name: str) -> datetime:
        """When an object of ours was written just now, by the store's clock."""
        at = self._objects.time_of(name)
        self._clock = at, time.monotonic()
        return at

    def _wait_for_sweeps(self) -> None:
        self._seen(self._own)
        for _ in range(WAIT_SECONDS):
            if not _younger(self._objects.times(SWEEPS), self.now() - SWEEP):
                return
            time.sleep(1)
        raise StoreFailed("another process is removing what dead runs left in the lake; run it again when that is done")


def _younger(times: dict[str, datetime], than: datetime) -> set[str]:
    return {name for name, at in times.items() if at > than}


def _end(delete: Callable[[str], None], own: str, process: int) -> None:
    """Remove a lease, in the process that put it; one that stays grows old by itself."""
    if os.getpid() == process:
        with suppress(Exception):
            delete(own)
