"""The files of a delivery: looked at, known by content, read once, each with one fate."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from flows.landing.landed import Landed, gather_parts, is_of_memory, is_our_fault, totals
from flows.landing.manifest import Manifest, Promised
from flows.landing.reader import ReaderDied
from flows.landing.workspace import Workspace
from flows.mapping import ColumnMapping
from flows.progress import Progress
from flows.sources import FileFault
from flows.sources.content import (
    Stamp,
    check_file,
    common_folder,
    digest_of,
    is_fresh,
    names_below_common_folder,
    stamp,
)

AGAIN = "rejects landed again"
"""What stands for a file's name when rejects that wait are one more file of a delivery."""

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
    is_fresh: bool = False
    """Written to just before it was looked at: a change at the same moment would not show in its stamp."""
    promised: Promised | None = None
    number: int = -1
    landed: Landed | None = None

    @property
    def size(self) -> int:
        """Bytes, as it came."""
        return self.stamp[1] if self.stamp else 0

    @property
    def fate(self) -> str:
        """read, already_read or file_rejected; a file is not read again under the same mapping."""
        return "file_rejected" if self.fault else "read" if self.landed else "already_read"

    def anew(self, found: FoundBroken) -> Delivered:
        """The file as it was before it was read, or set aside."""
        fault = found.faults.get(self.path) or (None if self.landed else self.fault)
        is_doubtful = self.is_doubtful or self.path in found.doubtful
        return replace(self, fault=fault, is_doubtful=is_doubtful, number=-1, landed=None)


def look_at(files: Sequence[Path], progress: Progress, manifest: Manifest | None = None) -> list[Delivered]:
    """Check and digest every file; the same path twice is one file.

    Rejects  F_UNREADABLE F_NOT_REGULAR F_UNSAFE_PATH; F_UNLISTED F_MANIFEST_MISSING_FILE F_CHECKSUM by the manifest
    """
    progress.step("Looking at the files")
    names = names_below_common_folder([*files, *(manifest or ())])
    came = set(names_below_common_folder(files))
    top = common_folder(names)
    delivery = [Delivered(path, name) for path, name in names.items()]
    for done, one in enumerate(delivery):
        progress.advance(done, len(delivery))
        try:
            if one.path not in came:
                raise FileFault("F_MANIFEST_MISSING_FILE", one.name)
            if manifest is not None and one.path not in manifest:
                raise FileFault("F_UNLISTED", one.name)
            check_file(one.path, top)
            one.stamp = stamp(one.path)
            one.is_fresh = is_fresh(one.stamp)
            one.digest = digest_of(one.path)
            one.promised = manifest[one.path] if manifest else None
            if one.promised:
                one.promised.check_digest(one.digest)
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
    gather_parts([one.landed for one in delivery if one.landed], desk)


def _read(one: Delivered, mapping: ColumnMapping | None, read_before: ReadBefore, desk: Workspace) -> Landed | None:
    """The rows of a file, or None when it was read before under the same mapping (U3).

    Rejects that land again are in billfold's own form, whatever mapping the other files have.
    """
    mapping = None if one.name == AGAIN else mapping
    if (one.digest, mapping.digest if mapping else None) in read_before:
        return None
    desk.path("in", f"{one.number:06}").symlink_to(one.path)
    looked = desk.reader.look(one.number, mapping, one.size)
    if (one.digest, looked.mapping_digest) in read_before:
        return None
    landed = desk.reader.land(one.number, mapping, one.name, looked.size, is_doubtful=one.is_doubtful)
    if one.promised:
        one.promised.check_totals(*totals(landed, desk))
    read_before.add((one.digest, landed.mapping_digest))
    return landed


def changed_meanwhile(delivery: list[Delivered]) -> dict[Path, FileFault]:
    """Files that are not what they were when they were digested.

    Rejects  F_CHECKSUM
    """
    return {
        one.path: FileFault("F_CHECKSUM", "a file that changed while it was read")
        for one in delivery
        if one.landed and _has_changed(one)
    }


def _has_changed(one: Delivered) -> bool:
    try:
        return stamp(one.path) != one.stamp or (one.is_fresh and digest_of(one.path) != one.digest)
    except (OSError, FileFault):
        return True


def _too_large(delivery: list[Delivered], fault: duckdb.Error | ReaderDied, desk: Workspace) -> dict[Path, FileFault]:
    """The files with rows that no usage has, where memory is what is missing: engines take thousands of rows at once.

    Rejects  F_EXPANSION_LIMIT
    """
    is_memory = is_of_memory(fault) if isinstance(fault, duckdb.Error) else fault.fault.code == "F_EXPANSION_LIMIT"
    landed = [one for one in delivery if one.landed] if is_memory else []
    return {one.path: said for one in landed if one.landed and (said := desk.reader.fault_of_rows(one.landed))}


def broken(delivery: list[Delivered], fault: duckdb.Error | ReaderDied, desk: Workspace) -> FoundBroken:
    """Which files cannot be read to the end, found one by one after the engine failed on all; raises when none is.

    Only a Parquet file is read where it lies; of all others a copy was made, which cannot fail. A broken file is read
    once more by the careful reader, which knows texts that are no UTF-8 from pages that are damaged.
    """
    if large := _too_large(delivery, fault, desk):
        return FoundBroken(large)
    if isinstance(fault, duckdb.Error) and is_our_fault(fault):
        raise fault
    found = {
        one: said
        for one in delivery
        if one.landed and one.landed.source == "parquet" and (said := desk.reader.fault_of(one.path, one.size))
    }
    if not found:
        raise fault
    faults = {one.path: said for one, said in found.items() if one.is_doubtful or said.code != "F_CORRUPT_PAGE"}
    return FoundBroken(faults, [one.path for one in found if one.path not in faults])
