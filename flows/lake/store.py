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
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

READ_ONLY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
STAGING = "staging"
WRITERS = "staging/.writers"


class Store(Protocol):
    """What a lake asks of the place it lies in. Names are relative posix paths."""

    def exists(self, name: str) -> bool:
        """Whether an object of this name can be read."""

    def size(self, name: str) -> int:
        """Bytes of an object; FileNotFoundError when there is none."""

    def open(self, name: str) -> BinaryIO:
        """An object's bytes, to read."""

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

    def adopt(self, staged: Path, name: str) -> bool:
        """Move a staged file to its name, durable and read-only, unless the name is taken; tell whether it moved."""

    def remove(self, name: str) -> None:
        """Remove an object; only the sweep of orphans does."""

    def local(self, name: str) -> Path:
        """Where an engine reads the object."""

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


class Folder:
    """A lake in a folder of a local or shared file system with hard links."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._held: int | None = None

    def __getstate__(self) -> Path:
        return self.root

    def __setstate__(self, root: Path) -> None:
        Folder.__init__(self, root)

    def __del__(self) -> None:
        with suppress(Exception):
            self.release()

    def local(self, name: str) -> Path:
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

    def open(self, name: str) -> BinaryIO:
        """An object's bytes, to read."""
        return self.local(name).open("rb")

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
        _sync_file(staged)
        staged.replace(target)
        _sync_folder(target.parent)

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

    def adopt(self, staged: Path, name: str) -> bool:
        """Move a staged file to its name, durable and read-only, unless the name is taken; tell whether it moved.

        A hard link is the create-if-absent of a folder: it fails when the name exists and shows whole files only. Where
        the name is taken the staged file stays.
        """
        self.hold()
        target = self._made_parent(name)
        staged.chmod(READ_ONLY)
        _sync_file(staged)
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
        _sync_folder(target.parent)
        return True

    def remove(self, name: str) -> None:
        """Remove an object; only the sweep of orphans does."""
        self.local(name).unlink(missing_ok=True)

    def sync(self, names: Iterable[str]) -> None:
        """Make the folder entries of these objects durable, up to the root."""
        parents = {parent for name in names for parent in PurePosixPath(name).parents}
        for parent in sorted(parents, key=lambda one: -len(one.parts)):
            _sync_folder(self.root / parent)

    def hold(self) -> None:
        """Say that this process is writing: a shared lock, which a killed process loses by itself.

        A lock of the kernel and not a file that names a process: process ids repeat, and differ between containers
        that share a disk, so a file of a live writer could look like one of a dead writer.
        """
        if self._held is None:
            (self.root / STAGING).mkdir(parents=True, exist_ok=True)
            self._held = self._locked(fcntl.LOCK_SH)

    def release(self) -> None:
        """Say that this process writes no more."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Tell whether no other process is writing, and keep it so while the context lasts."""
        self.release()
        (self.root / STAGING).mkdir(parents=True, exist_ok=True)
        try:
            lock = self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            os.close(lock)

    def staged_files(self) -> list[Path]:
        """What lies in staging: files of running writers, and of dead ones."""
        folder = self.root / STAGING
        return sorted(path for path in folder.glob("*") if path.is_file() and path.name != Path(WRITERS).name)

    def _locked(self, how: int) -> int:
        handle = os.open(self.root / WRITERS, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, how)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _staged_bytes(self, name: str, content: bytes) -> Path:
        staged = self.staging(name)
        with staged.open("xb") as file:
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

    def write(self, content: bytes) -> int:
        """Write and digest."""
        view = memoryview(content).cast("B")
        self._digest.update(view)
        self.size += len(view)
        self._file.write(view)
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


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    _sync_file(path)
