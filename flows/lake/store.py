"""Where the bytes of a lake lie: a handful of verbs, so that an object store can take the folder's place.

The one verb everything rests on is `put_if_absent`: of two writers of one name exactly one succeeds, and a reader
sees all of the bytes or none.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import threading
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from flows.lake.errors import LakeError
from flows.machine import about

READ_ONLY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
STAGING = "staging"
WRITERS = "staging/.writers"
TURNS = "staging/.turns"
LOOKS_AGAIN = 0.02
"""Seconds after which who waits for a turn looks again."""


class Store(Protocol):
    """What a lake asks of the place it lies in. Names are relative posix paths."""

    @property
    def address(self) -> str:
        """What names the place, also to another process; it holds no secret."""

    @property
    def root(self) -> Path:
        """The folder of this machine that the place has: all of it, or where it stages files and keeps copies."""

    @property
    def here(self) -> Folder:
        """That folder, as a place for what only this machine needs."""

    def location(self, name: str) -> str:
        """Where an object lies, to be told."""

    def prove(self) -> None:
        """Raise LakeError where the place can be seen not to keep what `put_if_absent` promises."""

    def exists(self, name: str) -> bool:
        """Whether an object of this name can be read."""

    def size(self, name: str) -> int:
        """Bytes of an object; FileNotFoundError when there is none."""

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """Bytes of those of the objects that are there."""

    def open(self, name: str) -> BinaryIO:
        """An object's bytes, to read."""

    def contents(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """The bytes of small objects, in order; None for one that is not there."""

    def digest(self, name: str) -> tuple[int, str]:
        """Bytes and sha256 of an object as the place has it, whatever copies there are; FileNotFoundError as `size`."""

    def names(self, folder: str) -> list[str]:
        """Names of all objects below a folder, sorted."""

    def put(self, name: str, content: bytes) -> None:
        """Write or replace an object, whole or not at all."""

    def replace(self, staged: Path, name: str) -> None:
        """Move a staged file to its name, whatever lies there; readers keep what they have open."""

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Write an object, whole and durable, unless the name is taken; tell whether it was written."""

    def staging(self, hint: str) -> Path:
        """A fresh local path to write a file at before `adopt` takes it."""

    def adopt(self, staged: Path, name: str, sha256: str = "") -> bool:
        """Move a staged file to its name, durable and read-only, unless the name is taken; tell whether it moved.

        `sha256`, where it is known, is what a copy of the object is known by.
        """

    def remove(self, name: str) -> bool:
        """Remove an object; only the sweep of orphans does. Tell whether it went: some places keep what is young."""

    def local(self, name: str, sha256: str = "") -> Path:
        """Where an engine reads the object; a copy of it is one of these bytes, where the digest is known."""

    def fetch(self, wanted: Mapping[str, str]) -> None:
        """Have objects, named with their sha256, where `local` says, several at a time."""

    def sync(self, names: Iterable[str]) -> None:
        """Make the folder entries of these objects durable."""

    def staged_files(self) -> list[Path]:
        """What lies in staging: files of running writers, and of dead ones."""

    def hold(self) -> None:
        """Say that this process is writing, until `release` or its end."""

    def release(self) -> None:
        """Say that this process writes no more."""

    def alone(self) -> AbstractContextManager[bool]:
        """A context that tells whether no other process is writing, and keeps it so while it lasts."""

    def in_turn(self, seconds: float) -> AbstractContextManager[bool]:
        """A context that one process at a time is in: the others wait so long, and are told whether it is theirs."""


class Folder:
    """A lake in a folder of a local or shared file system with hard links."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._held: int | None = None
        self._holding = threading.Lock()

    def __getstate__(self) -> Path:
        return self.root

    def __setstate__(self, root: Path) -> None:
        Folder.__init__(self, root)

    def __del__(self) -> None:
        with suppress(Exception):
            self.release()

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.root)

    @property
    def here(self) -> Folder:
        """The folder itself."""
        return self

    def location(self, name: str) -> str:
        """Where an object lies, to be told."""
        return str(self.local(name))

    def prove(self) -> None:
        """Raise LakeError where DuckDB cannot open what lies in the folder.

        A file system without hard links says so itself when the first object is put.
        """
        whole = str(self.root.absolute())
        if not whole.isprintable():
            raise LakeError(
                f"{whole!r} cannot be the folder of a lake: DuckDB opens no file below a name with a line break or "
                "another character that cannot be printed; name another folder"
            )

    def fetch(self, wanted: Mapping[str, str]) -> None:
        """Nothing: engines read objects where they lie."""

    def local(self, name: str, sha256: str = "") -> Path:  # noqa: ARG002 (there are no copies that could differ)
        """Where an engine reads the object."""
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            raise ValueError(f"{name!r} is not a name inside the lake")
        return self.root.joinpath(*parts)

    def exists(self, name: str) -> bool:
        """Whether an object of this name can be read."""
        return self.local(name).is_file()

    def size(self, name: str) -> int:
        """Bytes of an object."""
        return self.local(name).stat().st_size

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """Bytes of those of the objects that are there."""
        found = {}
        for name in names:
            with suppress(FileNotFoundError):
                found[name] = self.size(name)
        return found

    def open(self, name: str) -> BinaryIO:
        """An object's bytes, to read."""
        return self.local(name).open("rb")

    def contents(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """The bytes of small objects, in order; None for one that is not there."""
        for name in names:
            path = self.local(name)
            yield path.read_bytes() if path.is_file() else None

    def digest(self, name: str) -> tuple[int, str]:
        """Bytes and sha256 of an object."""
        path = self.local(name)
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return path.stat().st_size, sha256_of(path)

    def names(self, folder: str) -> list[str]:
        """Names of all objects below a folder, sorted; staged files are no objects."""
        top = self.local(folder) if folder else self.root
        staged = self.root / STAGING
        found = [
            path.relative_to(self.root).as_posix()
            for path in top.rglob("*")
            if path.is_file() and not path.is_relative_to(staged)
        ]
        return sorted(found)

    def put(self, name: str, content: bytes) -> None:
        """Write or replace an object, whole or not at all."""
        self.replace(self._staged_bytes(name, content), name)

    def replace(self, staged: Path, name: str) -> None:
        """Move a staged file to its name, whatever lies there; readers keep what they have open."""
        target = self._made_parent(name)
        sync_file(staged)
        staged.replace(target)
        sync_file(target.parent)

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Write an object, whole and durable, unless the name is taken; tell whether it was written."""
        staged = self._staged_bytes(name, content)
        try:
            return self.adopt(staged, name)
        finally:
            staged.unlink(missing_ok=True)

    def staging(self, hint: str) -> Path:
        """A fresh local path to write a file at before `adopt` takes it; the process is marked as writing."""
        self.hold()
        return self.root / STAGING / f"{uuid.uuid4().hex}-{PurePosixPath(hint).name}"

    def adopt(self, staged: Path, name: str, sha256: str = "") -> bool:  # noqa: ARG002 (there are no copies)
        """Move a staged file to its name, durable and read-only, unless the name is taken; tell whether it moved.

        A hard link is the create-if-absent of a folder: it fails when the name exists and shows whole files only. Where
        the name is taken the staged file stays.
        """
        self.hold()
        target = self._made_parent(name)
        staged.chmod(READ_ONLY)
        sync_file(staged)
        try:
            os.link(staged, target)
        except FileExistsError:
            return False
        except OSError as fault:
            if fault.errno not in (errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK):
                raise
            raise OSError(
                fault.errno,
                f"{self.root} cannot hold a lake: its file system makes no hard links ({fault.strerror}); "
                "staged files and the lake must lie in one file system that does",
            ) from fault
        staged.unlink()
        sync_file(target.parent)
        return True

    def remove(self, name: str) -> bool:
        """Remove an object; only the sweep of orphans does."""
        self.local(name).unlink(missing_ok=True)
        return True

    def sync(self, names: Iterable[str]) -> None:
        """Make the folder entries of these objects durable, up to the root."""
        parents = {parent for name in names for parent in PurePosixPath(name).parents}
        for parent in sorted(parents, key=lambda one: -len(one.parts)):
            sync_file(self.root / parent)

    def hold(self) -> None:
        """Say that this process is writing: a shared lock, which a killed process loses by itself.

        A lock of the kernel and not a file that names a process: process ids repeat, and differ between containers
        that share a disk, so a file of a live writer could look like one of a dead writer.
        """
        with self._holding:
            if self._held is None:
                self._held = self._locked(WRITERS, fcntl.LOCK_SH)

    def release(self) -> None:
        """Say that this process writes no more."""
        with self._holding:
            if self._held is not None:
                os.close(self._held)
                self._held = None

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Tell whether no other process is writing, and keep it so while the context lasts."""
        self.release()
        try:
            lock = self._locked(WRITERS, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            os.close(lock)

    @contextmanager
    def in_turn(self, seconds: float) -> Iterator[bool]:
        """One process at a time, and one thread of it; tells whether it came to its turn in so many seconds.

        Who is killed in its turn has had it; who is stopped in it keeps it, so the others do not wait for ever.
        """
        lock = self._turn(time.monotonic() + seconds)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                os.close(lock)

    def _turn(self, until: float) -> int | None:
        while True:
            with suppress(BlockingIOError):
                return self._locked(TURNS, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.monotonic() >= until:
                return None
            time.sleep(LOOKS_AGAIN)

    def staged_files(self) -> list[Path]:
        """What lies in staging: files of running writers, and of dead ones; locks are none of them."""
        folder = self.root / STAGING
        return sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))

    def _locked(self, name: str, how: int) -> int:
        (self.root / STAGING).mkdir(parents=True, exist_ok=True)
        handle = os.open(self.root / name, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with about(self.root / name):
                fcntl.flock(handle, how)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _staged_bytes(self, name: str, content: bytes) -> Path:
        staged = self.staging(name)
        with about(staged), staged.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return staged

    def _made_parent(self, name: str) -> Path:
        target = self.local(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


class HashingFile:
    """A file that digests what is written to it, so that a digest speaks of what was meant, not of what a disk kept."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        self.fault: OSError | None = None
        """What the system said when it would not write: an engine that writes here may say it in words of its own."""

    def write(self, content: bytes) -> int:
        """Write and digest."""
        view = memoryview(content).cast("B")
        self._digest.update(view)
        self.size += len(view)
        try:
            self._file.write(view)
        except OSError as fault:
            self.fault = fault
            raise
        return len(view)

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self._file.flush()

    def hexdigest(self) -> str:
        """The sha256 of all that was written."""
        return self._digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """Have on disk what was written to a file, or which entries a folder has."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with about(path):
            os.fsync(handle)
    finally:
        os.close(handle)
