"""A lake in an object store that speaks S3: Amazon's, or any that refuses `If-None-Match: *` where a name is taken.

The journal needs one thing of it: a put that creates an object or says that the name is taken. Everything else is a
file that is written once and read whole, so it is copied to this machine for the engines, and the copy stays right.
"""

from __future__ import annotations

import hashlib
import io
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar

from flows.lake import writers
from flows.lake.bucket import Bucket, endpoint
from flows.lake.copies import Copies, folder_of
from flows.lake.errors import FileChanged, LakeError, StoreFailed
from flows.lake.store import STAGING, Folder, sha256_of
from flows.lake.writers import Writers

AT_ONCE = 8
"""Requests beside each other."""

WHOLE = 16 * 2**20
"""Up to how many bytes a file is put by one request; a larger one goes in parts, under a name of its own first."""

WAITS = (0.0, 0.2, 0.5, 1.0, 2.0)
"""Seconds before a put is tried again that met another of the same name which then was not there after all."""

UPLOADS = f"{STAGING}/uploads"
PROOFS = f"{STAGING}/proofs"

Item = TypeVar("Item")
Found = TypeVar("Found")


class ObjectStore:
    """A lake below a prefix of a bucket. Handed to another process it is its address: that one asks for itself."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.root = folder_of(f"{endpoint()} {address}")
        self.here = Folder(self.root)
        self._bucket = Bucket(address)
        self._copies = Copies(self.root / "copies")
        self._writers = Writers(self._bucket)

    def __getstate__(self) -> str:
        return self.address

    def __setstate__(self, address: str) -> None:
        ObjectStore.__init__(self, address)

    def __repr__(self) -> str:
        return f"ObjectStore({self.address!r})"

    # --- reading -----------------------------------------------------------------------------------------------

    def location(self, name: str) -> str:
        """The address of an object."""
        return f"{self.address}/{_key(name)}"

    def prove(self) -> None:
        """Put one object twice: a store that takes both does not know the condition, and cannot hold a lake."""
        name = f"{PROOFS}/{uuid.uuid4().hex}"
        try:
            taken = [self._create(name, content) for content in (b"first", b"second")]
        finally:
            self._bucket.delete(name)
        if taken != [True, False]:
            raise LakeError(
                f"{self.address} cannot hold a lake: the store writes over an object where it should refuse "
                "(If-None-Match: *), so two runs could both commit; see docs/OBJECT_STORE.md"
            )

    def exists(self, name: str) -> bool:
        """Whether an object of this name can be read."""
        return self._size(name) is not None

    def size(self, name: str) -> int:
        """Bytes of an object."""
        return self._bucket.size(_key(name))

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """Bytes of those of the objects that are there."""
        found = zip(names, _at_once(self._size, names), strict=True)
        return {name: size for name, size in found if size is not None}

    def open(self, name: str) -> BinaryIO:
        """An object's bytes, to read."""
        return io.BytesIO(self._bucket.read(_key(name)))

    def contents(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """The bytes of small objects, in order; None for one that is not there."""
        return _at_once(self._content, names)

    def digest(self, name: str) -> tuple[int, str]:
        """Bytes and sha256 of an object as it lies in the store, whatever copies there are."""
        size, digest = 0, hashlib.sha256()
        for chunk in self._bucket.chunks(_key(name)):
            size += len(chunk)
            digest.update(chunk)
        return size, digest.hexdigest()

    def names(self, folder: str) -> list[str]:
        """Names of all objects below a folder, sorted; staged ones are no objects."""
        return sorted(name for name in self._bucket.times(folder) if not name.startswith(f"{STAGING}/"))

    def local(self, name: str, sha256: str = "") -> Path:
        """Where an engine reads the object: a copy on this machine, fetched if need be."""
        key = _key(name)
        return self._copies.fetch(key, sha256, lambda: self._bucket.chunks(key))

    def fetch(self, wanted: Mapping[str, str]) -> None:
        """Have copies of objects, by their sha256, several at a time."""
        missing = [name for name, sha256 in wanted.items() if not self._copies.has(name, sha256)]
        for _ in _at_once(lambda name: self.local(name, wanted[name]), missing):
            pass

    # --- writing -----------------------------------------------------------------------------------------------

    def put(self, name: str, content: bytes) -> None:
        """Write or replace an object, whole or not at all."""
        self._bucket.put(_key(name), content)

    def replace(self, staged: Path, name: str) -> None:
        """Move a staged file to its name, whatever lies there."""
        self._bucket.upload(staged, _key(name))
        staged.unlink()

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Write an object unless the name is taken; tell whether it was written."""
        self.hold()
        return self._create(_key(name), content)

    def staging(self, hint: str) -> Path:
        """A fresh path on this machine to write a file at before `adopt` takes it; the process is marked as writing."""
        self.hold()
        return self.here.staging(hint)

    def adopt(self, staged: Path, name: str, sha256: str = "") -> bool:
        """Move a staged file to its name unless the name is taken; tell whether it moved.

        Where the digest is known, the file stays on this machine as the copy of the object.

        Errors   FileChanged: the disk gives back other bytes than were written
        """
        self.hold()
        if sha256 and sha256_of(staged) != sha256:
            raise FileChanged(f"{staged} is not what was written to it: see to the disk, and run it again")
        is_small = staged.stat().st_size <= WHOLE
        is_made = self._create(_key(name), staged.read_bytes()) if is_small else self._assemble(_key(name), staged)
        if is_made and sha256:
            self._copies.take(staged, name, sha256)
        elif is_made:
            staged.unlink()
        return is_made

    def remove(self, name: str) -> bool:
        """Remove an object; only the sweep of orphans does. Tell whether it went.

        What is young stays, and what a sweep has no time left for: the next one takes it.
        """
        if self._writers.is_late():
            return False
        try:
            age = self._writers.now() - self._bucket.time_of(_key(name))
        except FileNotFoundError:
            return True
        if age < writers.YOUNG:
            return False
        self._bucket.delete(_key(name))
        return True

    def sync(self, names: Iterable[str]) -> None:
        """Nothing: what a store says it has is durable."""

    # --- who else writes ---------------------------------------------------------------------------------------

    def staged_files(self) -> list[Path]:
        """What lies in staging on this machine."""
        return self.here.staged_files()

    def hold(self) -> None:
        """Say that this process is writing: a lease in the store, and a lock on the staging folder of this machine."""
        self.here.hold()
        self._writers.hold()

    def release(self) -> None:
        """Say that this process writes no more."""
        self._writers.release()
        self.here.release()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Tell whether no other process is writing, here or elsewhere, and keep it so; uploads of dead ones go."""
        self.release()
        with self.here.alone() as is_alone_here:
            if not is_alone_here:
                yield False
                return
            with self._writers.alone() as is_alone:
                for left in self._bucket.times(UPLOADS) if is_alone else ():
                    self._bucket.delete(left)
                yield is_alone

    def in_turn(self, seconds: float) -> AbstractContextManager[bool]:
        """A context that one process of this machine at a time is in; what it guards is of this machine alone."""
        return self.here.in_turn(seconds)

    # --- inside ------------------------------------------------------------------------------------------------

    def _size(self, name: str) -> int | None:
        try:
            return self.size(name)
        except FileNotFoundError:
            return None

    def _content(self, name: str) -> bytes | None:
        try:
            return self._bucket.read(_key(name))
        except FileNotFoundError:
            return None

    def _create(self, name: str, content: bytes) -> bool:
        """Put an object unless there is one; tell whether this put made the one that is there.

        An answer can be lost. The store has the object then, and says that the name is taken when the library puts it
        again, or nothing at all; so what is there is looked at, and the put that made it left its name with it.

        Errors   StoreFailed: it was not written, or nobody can tell; the message says which
        """
        maker = uuid.uuid4().hex
        for wait in WAITS:
            time.sleep(wait)
            failed = None
            try:
                self._bucket.create(name, content, maker)
                return True
            except FileExistsError:
                pass
            except StoreFailed as fault:
                failed = fault
            is_ours = self._is_made_by(maker, name, content, failed)
            if is_ours is not None:
                return is_ours
            if failed:
                raise failed
        raise StoreFailed(f"{self.location(name)}: somebody else is writing it; run the same command again")

    def _is_made_by(self, maker: str, name: str, content: bytes, failed: StoreFailed | None) -> bool | None:
        """Whether a put made the object that is there; None where there is none.

        A store that keeps no metadata is judged by the bytes: who puts the same ones has done the same.
        """
        try:
            found = self._bucket.maker(name)
            return found == maker if found is not None else self._bucket.read(name) == content
        except FileNotFoundError:
            return None
        except StoreFailed as fault:
            raise StoreFailed(f"{failed or fault} (whether it was written before that is not known)") from None

    def _assemble(self, name: str, staged: Path) -> bool:
        """The same of a large file: parts are put on no condition, so they go to a name of their own first.

        From there the store copies them itself, on condition that the name is free. It copies up to 5 GB.
        """
        aside = f"{UPLOADS}/{uuid.uuid4().hex}"
        self._bucket.upload(staged, aside)
        try:
            for wait in WAITS:
                time.sleep(wait)
                try:
                    self._bucket.copy_to_new(aside, name)
                    return True
                except FileExistsError:
                    if self.exists(name):
                        return False
            raise StoreFailed(f"{self.location(name)}: somebody else is writing it; run the same command again")
        finally:
            self._bucket.delete(aside)


def _key(name: str) -> str:
    """A name inside the lake."""
    if not name or name.startswith("/") or ".." in PurePosixPath(name).parts:
        raise ValueError(f"{name!r} is not a name inside the lake")
    return name


def _at_once(work: Callable[[Item], Found], items: Collection[Item]) -> Iterator[Found]:
    """Work on items, several at a time; results in order."""
    if len(items) < 2:
        return map(work, items)
    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        return iter(list(pool.map(work, items)))
