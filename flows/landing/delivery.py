"""The files of a delivery: looked at, known by content, read once, each with one fate."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from flows.landing.landed import Landed, is_our_fault, land, plan
from flows.landing.sql import parquet
from flows.landing.workspace import Workspace
from flows.mapping import ColumnMapping
from flows.progress import Progress
from flows.sources import FileFault
from flows.sources.content import (
    Stamp,
    check_file,
    common_folder,
    content_of,
    digest_of,
    names_below_common_folder,
    stamp,
)

UNREAD = "unread"
"""Stands for the digest of a file that could not be opened."""

ReadBefore = set[tuple[str, str | None]]
"""Digest of file and mapping of what was read."""


class FoundBroken(Exception):  # noqa: N818 (no error of the program)
    """Files that passed at first and then could not be read to the end, or changed meanwhile.

    `faults` sets them aside; `doubtful` are read once more, row by row.
    """

    def __init__(self, faults: Mapping[Path, FileFault], doubtful: Collection[Path] = ()) -> None:
        super().__init__(", ".join(map(str, [*faults, *doubtful])))
        self.faults = faults
        self.doubtful = frozenset(doubtful)


@dataclass(eq=False)
class Delivered:
    """A file of the delivery and what is known of it so far."""

    path: Path
    name: str
    digest: str = UNREAD
    stamp: Stamp | None = None
    fault: FileFault | None = None
    is_doubtful: bool = False
    number: int = -1
    landed: Landed | None = None

    @property
    def fate(self) -> str:
        """read, already_read or file_rejected; a file is not read again under the same mapping."""
        return "file_rejected" if self.fault else "read" if self.landed else "already_read"

    def anew(self, found: FoundBroken) -> Delivered:
        """The file as it was before it was read, or set aside."""
        fault = found.faults.get(self.path) or (None if self.landed else self.fault)
        is_doubtful = self.is_doubtful or self.path in found.doubtful
        return Delivered(self.path, self.name, self.digest, self.stamp, fault, is_doubtful)


def look_at(files: Sequence[Path], progress: Progress) -> list[Delivered]:
    """Check and digest every file; the same path twice is one file.

    Rejects  F_UNREADABLE F_NOT_REGULAR F_UNSAFE_PATH
    """
    progress.step("Looking at the files")
    names = names_below_common_folder(files)
    top = common_folder(names)
    delivery = [Delivered(path, name) for path, name in names.items()]
    for done, one in enumerate(delivery):
        progress.advance(done, len(delivery))
        try:
            check_file(one.path, top)
            one.stamp = stamp(one.path)
            one.digest = digest_of(one.path)
        except FileFault as fault:
            one.fault = fault
    return delivery


def read_all(
    delivery: list[Delivered],
    mapping: ColumnMapping | None,
    read_before: ReadBefore,
    desk: Workspace,
    progress: Progress,
) -> None:
    """Make the rows of every new file at hand; files are numbered by content, so that their order plays no part."""
    progress.step("Reading the files")
    delivery.sort(key=lambda one: (one.digest, one.name))
    for number, one in enumerate(delivery):
        progress.advance(number, len(delivery))
        one.number = number
        if not one.fault:
            try:
                one.landed = _read(one, mapping, read_before, desk)
            except FileFault as fault:
                one.fault = fault


def _read(one: Delivered, mapping: ColumnMapping | None, read_before: ReadBefore, desk: Workspace) -> Landed | None:
    """The rows of a file, or None when it was read before under the same mapping (U3)."""
    link = desk.path("in", f"{one.number:06}")
    link.symlink_to(one.path)
    planned = plan(content_of(link, desk.path("unpacked", f"{one.number:06}")), mapping)
    if (one.digest, planned.mapping_digest) in read_before:
        return None
    landed = land(planned, one.number, one.name, desk, is_doubtful=one.is_doubtful)
    read_before.add((one.digest, landed.mapping_digest))
    return landed


def changed_meanwhile(delivery: list[Delivered]) -> dict[Path, FileFault]:
    """Files that are not what they were when they were digested.

    Rejects  F_CHECKSUM
    """
    return {
        one.path: FileFault("F_CHECKSUM", "a file that changed while it was read")
        for one in delivery
        if one.landed and _stamp_now(one.path) != one.stamp
    }


def broken(delivery: list[Delivered], fault: duckdb.Error) -> FoundBroken:
    """Which files cannot be read to the end, found one by one after the engine failed on all; raises when none is.

    Only a Parquet file is read where it lies; of all others a copy was made, which cannot fail. A broken file is read
    once more by the careful reader, which knows texts that are no UTF-8 from pages that are damaged.
    """
    if is_our_fault(fault):
        raise fault
    found = {one: said for one in delivery if one.landed and one.landed.source == "parquet" and (said := _said(one))}
    if not found:
        raise fault
    faults = {one.path: FileFault("F_CORRUPT_PAGE", said) for one, said in found.items() if one.is_doubtful}
    return FoundBroken(faults, [one.path for one in found if not one.is_doubtful])


def _said(one: Delivered) -> str:
    """What the engine says of a file when it reads all of it; nothing when it can."""
    try:
        with duckdb.connect() as connection:
            connection.execute(f"select hash(columns(*)) from {parquet(one.path)}").fetchall()
    except duckdb.Error as fault:
        return str(fault).splitlines()[0]
    return ""


def _stamp_now(path: Path) -> Stamp | None:
    try:
        return stamp(path)
    except OSError:
        return None
