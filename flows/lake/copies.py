"""Whole copies of a store's objects in a folder of this machine, where engines read them.

No object of a lake ever changes, so a copy is right for ever: it is named by the object and by the sha256 that a commit
says, and was found to have it when it was fetched. Copies may be deleted at any time that nobody reads them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from flows.lake.errors import FileChanged, LakeError
from flows.lake.store import READ_ONLY

CACHE = "BILLFOLD_CACHE"
"""Where copies lie; `billfold` in the user's cache folder when it is not set."""

MOST = "BILLFOLD_CACHE_BYTES"
"""How many bytes of copies are kept of a lake between runs."""

MOST_BYTES = 20 * 2**30
READERS = ".readers"
_PART = ".part"


def folder_of(address: str) -> Path:
    """The folder of this machine that belongs to a store, made if need be; nobody else can look into it.

    Errors   LakeError: it belongs to somebody else, who could change what is read
    """
    named = os.environ.get(CACHE)
    try:
        above = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "billfold"
        above.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(above, os.W_OK):
            raise PermissionError
    except (OSError, RuntimeError):
        if named:
            raise
        above = Path(tempfile.gettempdir()) / f"billfold-{os.getuid()}"
        above.mkdir(exist_ok=True, mode=0o700)
    folder = above.resolve() / hashlib.sha256(address.encode()).hexdigest()[:16]
    folder.mkdir(exist_ok=True, mode=0o700)
    if {above.stat().st_uid, folder.stat().st_uid} - {os.getuid(), 0}:
        raise LakeError(f"{folder} belongs to another user; name a folder of your own in {CACHE}")
    return folder


class Copies:
    """The copies of one store. While a process has used one, no other process removes any."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._held: int | None = None
        self._turn = threading.Lock()

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()

    def place(self, name: str, sha256: str) -> Path:
        """Where the copy of an object lies, or would."""
        parts = PurePosixPath(name)
        return self.root.joinpath(*parts.parent.parts, f"{parts.stem}.{sha256[:16] or 'latest'}{parts.suffix}")

    def has(self, name: str, sha256: str) -> bool:
        """Whether there is a copy; it counts as used."""
        self._use()
        with suppress(FileNotFoundError, PermissionError):
            os.utime(self.place(name, sha256))
            return True
        return False

    def fetch(self, name: str, sha256: str, read: Callable[[], Iterable[bytes]]) -> Path:
        """The copy of an object, made from its bytes where there is none; without a digest always made anew.

        Errors   FileChanged: the bytes have not the digest
        """
        copy = self.place(name, sha256)
        if sha256 and self.has(name, sha256):
            return copy
        self._use()
        copy.parent.mkdir(parents=True, exist_ok=True)
        part = copy.parent / f"{uuid.uuid4().hex}{_PART}"
        try:
            found = _written(part, read())
            if sha256 and found != sha256:
                raise FileChanged(f"{name} was changed: sha256 {found[:12]}…; run: billfold audit --verify")
            part.chmod(READ_ONLY)
            part.replace(copy)
        finally:
            part.unlink(missing_ok=True)
        return copy

    def take(self, staged: Path, name: str, sha256: str) -> None:
        """Keep a file of this machine that became an object as the object's copy."""
        self._use()
        copy = self.place(name, sha256)
        copy.parent.mkdir(parents=True, exist_ok=True)
        staged.chmod(READ_ONLY)
        staged.replace(copy)

    def close(self) -> None:
        """Say that this process reads no copy any more."""
        with self._turn:
            if self._held is not None:
                os.close(self._held)
                self._held = None

    def _use(self) -> None:
        """Keep others from removing copies; where nobody reads any, remove first what is more than the bound."""
        with self._turn:
            if self._held is not None:
                return
            self.root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.root / READERS, os.O_RDWR | os.O_CREAT, 0o600)
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._trim(int(os.environ.get(MOST, MOST_BYTES)))
            fcntl.flock(handle, fcntl.LOCK_SH)
            self._held = handle

    def _trim(self, most: int) -> None:
        """Remove what dead processes were fetching, and the copies used longest ago."""
        files = [path for path in self.root.rglob("*") if path.is_file() and path.name != READERS]
        copies = [(path.stat(), path) for path in files if path.suffix != _PART]
        total = sum(stat.st_size for stat, _ in copies)
        for path in files:
            if path.suffix == _PART:
                path.unlink()
        for stat, path in sorted(copies, key=lambda copy: (copy[0].st_mtime_ns, copy[1])):
            if total <= most:
                break
            path.unlink()
            total -= stat.st_size


def _written(path: Path, chunks: Iterable[bytes]) -> str:
    """Write a file to disk; gives the sha256 of what came."""
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
