"""The journal: what is in the lake, commit by commit, each naming the one before by its hash.

A commit appears by create-if-absent after every file it names is written and synced. Before that nothing of a run is
visible, after it everything is; of two runs that race, one wins and the other is told `HeadMoved`.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from flows.lake import tables
from flows.lake.addresses import spelled, store_at
from flows.lake.errors import FileChanged as FileChanged
from flows.lake.errors import LakeError as LakeError
from flows.lake.errors import StoreFailed
from flows.lake.store import HashingFile, Store, sha256_of
from flows.machine import about

FORMAT = 1
JOURNAL = "journal"
REFERENCE = "reference"
_RECORD = re.compile(rf"{JOURNAL}/\d{{12}}\.json")
BEFORE_ALL = "0" * 64
HINT = "journal/head.json"
NOTED_FROM = 2
"""From which commit on a note of the head is there for certain: a run that dies right after the first leaves none."""
DEFAULT_BUCKETS = 16
APPEND_ONLY = frozenset(
    {
        "account_restrictions",
        "cost_policy_events",
        "expense_numbers",
        "grants",
        "landed_files",
        "ledger_entries",
        "operations",
        "payment_applications",
        "rejects",
    }
)
"""Tables whose files no commit may remove (B2); issued documents neither (L4)."""


ASKED_OFTEN = frozenset({"grants", "operations"})
"""Small tables that a run reads many times over."""


class NotALake(LakeError):  # noqa: N818 (a sentence, as callers read it)
    """There is no lake of the name."""


class HeadMoved(LakeError):  # noqa: N818 (a sentence, as callers read it)
    """Another run committed first: read the new head and compute again."""


class JournalBroken(LakeError):  # noqa: N818 (a sentence, as callers read it)
    """A commit record is missing, was changed or does not follow its predecessor."""


@dataclass(frozen=True)
class FileEntry:
    """One data file as a commit names it."""

    path: str
    table: str
    sha256: str
    rows: int
    bytes: int
    partition: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Commit:
    """One record of the journal: what a run added and removed, from what inputs, with what totals."""

    number: int
    previous_hash: str
    hash: str
    run_id: str
    command: str
    inputs: dict[str, Any] = field(default_factory=dict)
    added: tuple[FileEntry, ...] = ()
    removed: tuple[str, ...] = ()
    totals: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)

    def sealed(self) -> Commit:
        """The same record carrying the hash of all the rest of it."""
        return replace(self, hash=self.own_hash())

    def own_hash(self) -> str:
        """sha256 of the record without its own hash; as it names its predecessor's, it speaks of all before."""
        rest = {name: value for name, value in self._fields().items() if name != "hash"}
        return sha256_of_bytes(canonical(rest))

    def record(self) -> bytes:
        """The bytes of the record in the journal."""
        return canonical(self._fields())

    def _fields(self) -> dict[str, Any]:
        """What the record says, as it is; copying it all first costs more than all the rest of reading a journal."""
        return {**vars(self), "added": [vars(entry) for entry in self.added]}


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, one spelling for one value. Decimals and dates become text; a float is refused.

    >>> canonical({"b": Decimal("1.50"), "a": [date(2026, 10, 1)]})
    b'{"a":["2026-10-01"],"b":"1.50"}'
    """
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def sha256_of_bytes(content: bytes) -> str:
    """The sha256 of bytes, as text."""
    return hashlib.sha256(content).hexdigest()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(one) for one in value)
    if isinstance(value, (Decimal, Path)):
        return str(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"a commit record holds text, whole numbers and decimals, not {type(value).__name__} {value!r}")


def parsed(content: bytes) -> Commit:
    """A commit from its record; the hash is not looked at here."""
    fields = json.loads(content)
    added = tuple(FileEntry(**entry) for entry in fields.pop("added"))
    removed = tuple(fields.pop("removed"))
    return Commit(**fields, added=added, removed=removed)


class Lake:
    """Immutable Parquet files in one place, and the journal that says which of them count.

    `address` names the lake, also to another process; `root` is the folder of this machine that its place has.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._known: list[Commit] = []
        self._read: dict[str, tuple[tuple[str, ...], pl.DataFrame]] = {}
        self._reading = threading.Lock()
        self.buckets = int(self.commits(0)[0].inputs["buckets"])

    @classmethod
    def create(
        cls, where: Path | str, *, buckets: int = DEFAULT_BUCKETS, first: Callable[[], None] = lambda: None
    ) -> Lake:
        """Make a lake; the number of buckets stays for its life.

        `first` makes what must lie beside it before anybody sees a lake, where none is seen yet.
        """
        if buckets < 1:
            raise LakeError(f"a lake needs at least one bucket, not {buckets}")
        store = store_at(where)
        store.prove()
        if not store.exists(record_name(0)):
            first()
        genesis = Commit(0, BEFORE_ALL, "", "genesis", "init", {"format": FORMAT, "buckets": buckets}).sealed()
        if not store.put_if_absent(record_name(0), genesis.record()):
            raise LakeError(f"{spelled(where)} already is a lake; use it as it is or name another folder")
        store.sync([record_name(0)])
        return cls(store)

    @classmethod
    def open(cls, where: Path | str) -> Lake:
        """Open a lake, if only to read: a folder, or `s3://bucket/prefix`."""
        store, name = store_at(where), spelled(where)
        if not store.exists(record_name(0)):
            raise NotALake(f"{name} is not a lake (it has no {record_name(0)}); run: billfold init {name}")
        lake = cls(store)
        written = lake.commits(0)[0].inputs["format"]
        if written != FORMAT:
            raise LakeError(f"{name} has format {written}; this billfold reads format {FORMAT}")
        return lake

    def __reduce__(self) -> tuple[Any, ...]:
        return (Lake, (self.store,))

    def __repr__(self) -> str:
        return f"Lake({self.address!r})"

    @property
    def address(self) -> str:
        """What names the lake: the folder, or the address in an object store."""
        return self.store.address

    @property
    def root(self) -> Path:
        """The folder of this machine that the lake's place has."""
        return self.store.root

    @property
    def is_here(self) -> bool:
        """Whether the lake lies in a folder of this machine, so that its files can be read where they are."""
        return self.address == str(self.root)

    # --- reading -----------------------------------------------------------------------------------------------

    def head(self) -> Commit:
        """The latest commit."""
        return self.commits()[-1]

    def commits(self, up_to: int | None = None) -> list[Commit]:
        """Every commit from the genesis on, checked to follow one another."""
        last = self.last_number() if up_to is None else up_to
        with self._reading:
            unread = range(len(self._known), last + 1)
            for number, content in zip(unread, self.store.contents([*map(record_name, unread)]), strict=True):
                self._known.append(self._judged(number, content))
        return self._known[: last + 1]

    def snapshot(self, number: int | None = None) -> Snapshot:
        """What is visible at a commit; at the head when none is named."""
        last = self.last_number()
        wanted = last if number is None else number
        if not 0 <= wanted <= last:
            raise LakeError(f"there is no commit {number}; the head is {last}")
        commits = self.commits(wanted)
        return Snapshot(self, commits[-1], _visible(commits), _reference_in_use(commits))

    def find_run(self, run_id: str) -> Commit | None:
        """The commit a run made, if it ever did."""
        return next((commit for commit in reversed(self.commits()) if commit.run_id == run_id), None)

    def path(self, entry: FileEntry | str) -> Path:
        """Where an engine reads a file."""
        return self.store.local(entry.path, entry.sha256) if isinstance(entry, FileEntry) else self.store.local(entry)

    def paths(self, entries: Iterable[FileEntry]) -> list[Path]:
        """Where an engine reads files; what has to be fetched is fetched several at a time."""
        wanted = list(entries)
        self.store.fetch({entry.path: entry.sha256 for entry in wanted})
        return [self.path(entry) for entry in wanted]

    def checked(self, entries: Collection[FileEntry]) -> list[Path]:
        """The same of files that have the size their commit says; FileChanged where one has not."""
        check_sizes(self, entries)
        return self.paths(entries)

    def read(self, table: str, entries: Sequence[FileEntry]) -> pl.DataFrame:
        """The rows of files of a table, typed by its schema."""
        return tables.read_parquet(table, self.checked(entries))

    def read_once(self, table: str, entries: Sequence[FileEntry]) -> pl.DataFrame:
        """The same, kept until other files of the table are asked for: no file of a lake ever changes."""
        paths = tuple(entry.path for entry in entries)
        known = self._read.get(table)
        if known is None or known[0] != paths:
            known = self._read[table] = paths, self.read(table, entries)
        return known[1]

    # --- writing -----------------------------------------------------------------------------------------------

    def write_table(
        self,
        table: str,
        frame: pl.DataFrame,
        *,
        run_id: str,
        partition: Mapping[str, str] | None = None,
        label: str = "",
    ) -> FileEntry:
        """Write a frame as one immutable file, invisible until a commit names it.

        The same frame under the same name again is the same file. Rows may be none.
        """
        rows = tables.typed(table, frame)
        name = f"{run_id}-{label}" if label else run_id
        staged = self.store.staging(f"{name}.parquet")
        with about(staged), staged.open("xb") as file:
            digesting = HashingFile(file)
            try:
                tables.write_parquet(rows, digesting)  # type: ignore[arg-type]
            except pl.exceptions.PolarsError:
                if digesting.fault:
                    raise digesting.fault from None
                raise
        entry = FileEntry(
            path=tables.path_of(table, partition or {}, name),
            table=tables.folder_of(table),
            sha256=digesting.hexdigest(),
            rows=rows.height,
            bytes=digesting.size,
            partition=dict(partition or {}),
            types=tables.types_of(rows),
        )
        return self._place(staged, entry)

    def staging_path(self, hint: str) -> Path:
        """A fresh path inside the lake's file system to write a file at before `adopt_file`."""
        return self.store.staging(hint)

    def adopt_file(
        self,
        table: str,
        staged_path: Path,
        *,
        name: str,
        partition: Mapping[str, str] | None = None,
        types: Mapping[str, str] | None = None,
    ) -> FileEntry:
        """Take an already written Parquet file into the lake: hash, sync, make read-only, move.

        The file must lie in the lake's file system (`staging_path`). `types`, when given, must be what the file has.
        """
        found = tables.types_in(staged_path)
        if types is not None and dict(types) != found:
            raise TypeError(f"{table}: the file {staged_path.name} has the types {found}, not {dict(types)}")
        entry = FileEntry(
            path=tables.path_of(table, partition or {}, name.removesuffix(".parquet")),
            table=tables.folder_of(table),
            sha256=sha256_of(staged_path),
            rows=tables.rows_in(staged_path),
            bytes=staged_path.stat().st_size,
            partition=dict(partition or {}),
            types=found,
        )
        return self._place(staged_path, entry)

    def write_reference(
        self, reference: Mapping[str, pl.DataFrame], digest: str, *, run_id: str, snapshot: Snapshot
    ) -> list[FileEntry]:
        """Store the reference tables a run used; nothing when an earlier commit already lists this digest."""
        if snapshot.has_reference(digest):
            return []
        partition = {REFERENCE: digest}
        return [
            self.write_table(name, frame, run_id=run_id, partition=partition)
            for name, frame in sorted(reference.items())
        ]

    def commit(
        self,
        parent: Commit,
        *,
        run_id: str,
        command: str,
        inputs: Mapping[str, Any],
        added: Sequence[FileEntry],
        removed: Sequence[str] = (),
        totals: Mapping[str, Any] | None = None,
        numbers: Mapping[str, Any] | None = None,
        summary: Mapping[str, Any] | None = None,
    ) -> Commit:
        """Make a run's files visible, all at once, on top of the commit it was computed from.

        Raises HeadMoved when another run committed on the same parent first.
        """
        self.store.hold()  # a sweep between the check of the files and the record would leave a record without files
        self._check_files(parent, added, removed)
        following = Commit(
            number=parent.number + 1,
            previous_hash=parent.hash,
            hash="",
            run_id=run_id,
            command=command,
            inputs=_plain(inputs),
            added=tuple(sorted(added, key=lambda entry: entry.path)),
            removed=tuple(sorted(removed)),
            totals=_plain(totals or {}),
            numbers=_plain(numbers or {}),
            summary=_plain(summary or {}),
        ).sealed()
        name = record_name(following.number)
        if following.number == NOTED_FROM:
            self.leave_hint(parent)  # whoever made it may not have come to that yet
        self.store.sync([*(entry.path for entry in added), name])
        try:
            is_made = self.store.put_if_absent(name, following.record())
        except OSError as fault:
            if read_record(self.store, following.number, parent)[1] != following:
                raise
            raise LakeError(
                f"commit {following.number} is made, but the disk may lose it ({fault.strerror or fault}); "
                "mend that and run the same command again"
            ) from fault
        if not is_made and not self.store.exists(name):
            raise LakeError(
                f"{self.store.location(name)} is no file, so nothing can be committed; remove it and run the same "
                "command again"
            )
        if not is_made:
            raise HeadMoved(
                f"commit {following.number} was made by another run while {command} computed; "
                "nothing of this run is visible: run it again on the new head"
            )
        with suppress(OSError, StoreFailed):  # the note may lag behind, and the commit is made
            self.leave_hint(following)
        return following

    def sweep(self) -> list[str]:
        """Remove what dead runs left behind: staged files, and data files that no commit names.

        Nothing is removed while another process writes; a file of a running writer is named by no commit yet.
        """
        with self.store.alone() as is_alone:
            if not is_alone:
                return []
            named = {entry.path for commit in self.commits() for entry in commit.added}
            folders = {REFERENCE, *(name.split("/")[0] for name in named), *tables.folders()}
            unnamed = [name for name in self.store.names("") if name.split("/")[0] in folders and name not in named]
            staged = self.store.staged_files()
            orphans = [name for name in unnamed if self.store.remove(name)]
            for path in staged:
                path.unlink(missing_ok=True)
        return [*orphans, *(path.relative_to(self.root).as_posix() for path in staged)]

    def close(self) -> None:
        """Say that this process writes no more; `sweep` of others may then run."""
        self.store.release()

    # --- inside ------------------------------------------------------------------------------------------------

    def _place(self, staged: Path, entry: FileEntry) -> FileEntry:
        """Put a staged file under its name. What has the name already is the same run's earlier try, so the same bytes.

        Should it differ after all (a dead run of another version of an engine), the file gets a name of its own:
        nothing in a lake is ever replaced.
        """
        renamed = f"{entry.path.removesuffix('.parquet')}.{entry.sha256[:16]}.parquet"
        for candidate in (entry, replace(entry, path=renamed)):
            if self.store.adopt(staged, candidate.path, candidate.sha256):
                return candidate
            if self._holds(candidate):
                staged.unlink()
                return candidate
        raise FileChanged(
            f"{renamed} does not hold the bytes its name promises and no commit names it; remove it, and run again"
        )

    def leave_hint(self, head: Commit) -> None:
        """Note how far the journal goes, so that `verify` misses a record that was cut off its end.

        The journal alone decides what is committed: the note may lag behind, and nothing but `verify` reads it.
        """
        noted = hinted_head(self.store)
        if noted is None or noted[0] < head.number:
            self.store.put(HINT, canonical({"number": head.number, "hash": head.hash}))

    def _holds(self, entry: FileEntry) -> bool:
        return self.store.digest(entry.path) == (entry.bytes, entry.sha256)

    def _check_files(self, parent: Commit, added: Sequence[FileEntry], removed: Sequence[str]) -> None:
        visible = _visible(self.commits(parent.number))
        if self.commits(parent.number)[-1].hash != parent.hash:
            raise JournalBroken(f"commit {parent.number} is not the one this run was computed from")
        kept_for_ever = [path for path in removed if path in visible and is_kept_for_ever(visible[path])]
        if kept_for_ever:
            raise LakeError(f"cannot remove {kept_for_ever[0]}: what it holds is corrected by new rows, never replaced")
        gone = [path for path in removed if path not in visible]
        if gone:
            raise LakeError(f"cannot remove {gone[0]}: it is not visible at commit {parent.number}")
        kept = visible.keys() - set(removed)
        counted = Counter([*kept, *(entry.path for entry in added)])
        twice = [path for path, count in counted.items() if count > 1]
        if twice:
            raise LakeError(f"{twice[0]} would be in the lake twice")
        check_sizes(self, added)

    def last_number(self) -> int:
        """The number of the latest commit, looked up anew."""
        names = self.store.names(JOURNAL)
        numbers = [int(Path(name).stem) for name in names if _RECORD.fullmatch(name)]
        if not numbers:
            raise JournalBroken(f"{record_name(0)} is missing")
        return max(numbers)

    def _judged(self, number: int, content: bytes | None) -> Commit:
        fault, commit = judged(number, content, self._known[-1] if self._known else None)
        if commit is None or fault:
            raise JournalBroken(f"{fault}; run: billfold audit --verify")
        return commit


@dataclass(frozen=True)
class Snapshot:
    """What is visible at a commit, or would be after it (`with_changes`)."""

    lake: Lake
    commit: Commit
    visible: Mapping[str, FileEntry]
    reference_digest: str | None = None
    known_as_of: datetime | None = None
    """Up to when a candidate counts inputs; null is what the commits before it do."""

    @property
    def number(self) -> int:
        """The number of the commit."""
        return self.commit.number

    def files(self, table: str, **partition: str | Collection[str]) -> list[FileEntry]:
        """The table's files, of one part if asked; reference tables as of the digest in use. In order of path."""
        return [entry for entry in self._by_table.get(tables.folder_of(table), []) if _lies_in(entry, partition)]

    def read(self, table: str, **partition: str | Collection[str]) -> pl.DataFrame:
        """The rows of a table, typed by its schema; `usage_records` in the slim form it is stored in."""
        entries = self.files(table, **partition)
        if table not in ASKED_OFTEN:
            return self.lake.read(table, entries)
        return self.lake.read_once(table, entries)

    def has_reference(self, digest: str) -> bool:
        """Whether a commit lists the reference tables of this digest."""
        return any(entry.partition.get(REFERENCE) == digest for entry in self.visible.values())

    def with_changes(
        self,
        added: Iterable[FileEntry],
        removed: Iterable[str] = (),
        *,
        reference_digest: str | None = None,
        known_as_of: datetime | None = None,
    ) -> Snapshot:
        """What would be visible after a commit of these changes: the candidate that is audited before it is made."""
        new = list(added)
        gone = set(removed)
        kept = {path: entry for path, entry in self.visible.items() if path not in gone}
        brought = next((entry.partition[REFERENCE] for entry in new if REFERENCE in entry.partition), None)
        return replace(
            self,
            visible=kept | {entry.path: entry for entry in new},
            reference_digest=reference_digest or brought or self.reference_digest,
            known_as_of=known_as_of or self.known_as_of,
        )

    @cached_property
    def _by_table(self) -> dict[str, list[FileEntry]]:
        found: dict[str, list[FileEntry]] = {}
        for _, entry in sorted(self.visible.items()):
            if entry.partition.get(REFERENCE, self.reference_digest) == self.reference_digest:
                found.setdefault(entry.table, []).append(entry)
        return found


def is_kept_for_ever(entry: FileEntry) -> bool:
    """Whether no commit may remove the file: append-only tables and issued documents."""
    return entry.table in APPEND_ONLY or entry.partition.get("state") in ("issued", "sold")


def hinted_head(store: Store) -> tuple[int, str] | None:
    """Number and hash of a commit that once was the head, if one was noted."""
    if not store.exists(HINT):
        return None
    try:
        with store.open(HINT) as file:
            noted = json.loads(file.read())
        return int(noted["number"]), str(noted["hash"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def check_size(lake: Lake, entry: FileEntry) -> None:
    """Raise when a file is gone or has another size than its commit says; its bytes are hashed by `verify` alone."""
    check_sizes(lake, [entry])


def check_sizes(lake: Lake, entries: Collection[FileEntry]) -> None:
    """The same of several files, which a store may be asked for at once."""
    sizes = lake.store.sizes([entry.path for entry in entries])
    for entry in entries:
        found = sizes.get(entry.path)
        if found is None:
            raise FileChanged(f"{entry.path} is missing; run: billfold audit --verify")
        if found != entry.bytes:
            raise FileChanged(
                f"{entry.path} has {found} bytes, its commit says {entry.bytes}; run: billfold audit --verify"
            )


def read_record(store: Store, number: int, previous: Commit | None) -> tuple[str, Commit | None]:
    """One record and what is wrong with it, if anything: missing, unreadable, changed, out of sequence."""
    (content,) = store.contents([record_name(number)])
    return judged(number, content, previous)


def judged(number: int, content: bytes | None, previous: Commit | None) -> tuple[str, Commit | None]:
    """The record that these bytes are, None where there are none, and what is wrong with it."""
    name = record_name(number)
    if content is None:
        return f"{name} is missing", None
    try:
        commit = parsed(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return f"{name} is no commit record", None
    if commit.record() != content or commit.own_hash() != commit.hash:
        return f"{name} was changed: its hash does not fit what it says", commit
    expected = previous.hash if previous else BEFORE_ALL
    if commit.number != number or commit.previous_hash != expected:
        return f"{name} does not follow the commit before it", commit
    return "", commit


def record_name(number: int) -> str:
    """The object that a commit's record is."""
    return f"{JOURNAL}/{number:012}.json"


def _visible(commits: Iterable[Commit]) -> dict[str, FileEntry]:
    """The files that count after these commits."""
    found: dict[str, FileEntry] = {}
    for commit in commits:
        for path in commit.removed:
            found.pop(path, None)
        found.update((entry.path, entry) for entry in commit.added)
    return found


def _reference_in_use(commits: Sequence[Commit]) -> str | None:
    named = (commit.inputs.get("reference_digest") for commit in reversed(commits))
    return next((digest for digest in named if digest), None)


def _lies_in(entry: FileEntry, partition: Mapping[str, str | Collection[str]]) -> bool:
    return all(
        entry.partition.get(key) == wanted if isinstance(wanted, str) else entry.partition.get(key) in wanted
        for key, wanted in partition.items()
    )
