"""A lake over another: it reads what the other has committed up to a commit, and writes into a folder of its own.

Ordinary flows run on it unchanged, and the lake below never learns of it: what would happen can be computed and looked
at without happening (X5), and what happened can be computed again from where it began (L2).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flows.lake.journal import JOURNAL, Commit, Lake, LakeError, record_name
from flows.lake.store import Folder, Store


def overlay(lake: Lake, folder: Path, at: int | None = None) -> Lake:
    """A lake that begins as another is at a commit, its head by default, and goes its own way in `folder`.

    Reads    the other lake's journal up to that commit, and the files that these commits name; later ones are not there
    Writes   only below `folder`, which is made if need be: data, journal, hints, locks, staged files
    Errors   LakeError: the other lake has no such commit, or the folder lies in it
    Source   X5, L2
    """
    commits = lake.commits(lake.snapshot(at).number)
    own = Folder(folder.expanduser().resolve())
    if own.root.is_relative_to(lake.root.resolve()):
        raise LakeError(
            f"{folder} lies in {lake.root}, where an overlay of that lake never writes; name another folder"
        )
    own.local(JOURNAL).mkdir(parents=True, exist_ok=True)
    over = Lake(Layers(lake.store, own, _named_by(commits)))
    over.leave_hint(commits[-1])  # its journal goes as far as what it reads below
    return over


def _named_by(commits: Iterable[Commit]) -> frozenset[str]:
    """The records of commits and every file they ever added, also those that a later one removed."""
    return frozenset(
        name for commit in commits for name in (record_name(commit.number), *(entry.path for entry in commit.added))
    )


@dataclass(frozen=True)
class Layers:
    """Two places as one: the objects that are `below` are read there, everything else is read and written above."""

    base: Store
    own: Folder
    below: frozenset[str]

    def _place(self, name: str) -> Store:
        return self.base if name in self.below else self.own

    @property
    def address(self) -> str:
        """The folder above."""
        return self.own.address

    @property
    def root(self) -> Path:
        """The folder above."""
        return self.own.root

    @property
    def here(self) -> Folder:
        """The folder above."""
        return self.own

    def prove(self) -> None:
        """The folder above, where everything is written."""
        self.own.prove()

    # --- read where it lies ------------------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        """Whether an object of this name can be read."""
        return self._place(name).exists(name)

    def size(self, name: str) -> int:
        """Bytes of an object."""
        return self._place(name).size(name)

    def open(self, name: str) -> BinaryIO:
        """An object's bytes, to read."""
        return self._place(name).open(name)

    def location(self, name: str) -> str:
        """Where an object lies, to be told."""
        return self._place(name).location(name)

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """Bytes of those of the objects that are there."""
        return self.base.sizes([*self._below(names)]) | self.own.sizes([*self._above(names)])

    def contents(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """The bytes of small objects, in order; None for one that is not there."""
        below = self.base.contents([*self._below(names)])
        above = self.own.contents([*self._above(names)])
        return (next(below if name in self.below else above) for name in names)

    def digest(self, name: str) -> tuple[int, str]:
        """Bytes and sha256 of an object."""
        return self._place(name).digest(name)

    def local(self, name: str, sha256: str = "") -> Path:
        """Where an engine reads the object."""
        return self._place(name).local(name, sha256)

    def fetch(self, wanted: Mapping[str, str]) -> None:
        """Have objects where `local` says; those above are there."""
        self.base.fetch({name: wanted[name] for name in self._below(wanted)})

    def names(self, folder: str) -> list[str]:
        """Names of all objects below a folder, sorted."""
        inside = f"{folder}/" if folder else ""
        return sorted({name for name in self.below if name.startswith(inside)} | set(self.own.names(folder)))

    # --- write above -------------------------------------------------------------------------------------------

    def put(self, name: str, content: bytes) -> None:
        """Write or replace an object above; what is below is replaced by nobody."""
        self._refuse_below(name)
        self.own.put(name, content)

    def replace(self, staged: Path, name: str) -> None:
        """Move a staged file to its name above."""
        self._refuse_below(name)
        self.own.replace(staged, name)

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Write an object above, unless the name is taken here or below."""
        return name not in self.below and self.own.put_if_absent(name, content)

    def staging(self, hint: str) -> Path:
        """A fresh local path above."""
        return self.own.staging(hint)

    def adopt(self, staged: Path, name: str, sha256: str = "") -> bool:
        """Move a staged file to its name above, unless the name is taken here or below."""
        return name not in self.below and self.own.adopt(staged, name, sha256)

    def remove(self, name: str) -> bool:
        """Remove an object above."""
        self._refuse_below(name)
        return self.own.remove(name)

    def sync(self, names: Iterable[str]) -> None:
        """Make the folder entries of objects above durable; those below are."""
        self.own.sync(self._above(names))

    # --- who else writes above ---------------------------------------------------------------------------------

    def staged_files(self) -> list[Path]:
        """What lies in staging above."""
        return self.own.staged_files()

    def hold(self) -> None:
        """Say that this process is writing above."""
        self.own.hold()

    def release(self) -> None:
        """Say that this process writes no more."""
        self.own.release()

    def alone(self) -> AbstractContextManager[bool]:
        """A context that tells whether no other process is writing above."""
        return self.own.alone()

    def in_turn(self, seconds: float) -> AbstractContextManager[bool]:
        """A context that one process at a time is in above."""
        return self.own.in_turn(seconds)

    def _below(self, names: Iterable[str]) -> Iterator[str]:
        return (name for name in names if name in self.below)

    def _above(self, names: Iterable[str]) -> Iterator[str]:
        return (name for name in names if name not in self.below)

    def _refuse_below(self, name: str) -> None:
        if name in self.below:
            raise PermissionError(f"{name} lies in the lake below, which an overlay only reads")
