"""What must be true of the books, asked in SQL before every commit; and whether the lake still is what was committed.

One file per invariant in `invariants/`, each a query that returns the rows that break it. Rule book, section 13.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import duckdb

import schemas
from flows.lake.journal import (
    APPEND_ONLY,
    HINT,
    NOTED_FROM,
    REFERENCE,
    Commit,
    FileEntry,
    Lake,
    Snapshot,
    hinted_head,
    is_kept_for_ever,
    read_record,
    record_name,
)
from flows.lake.named_queries import Query, queries, read_by
from flows.lake.published import PUBLISHED
from flows.lake.views import connect

PERIOD = "billing_period"
SMALL = 32 * 2**20
"""Up to how many bytes of files a lake is held in memory while it is audited."""

MUCH = 4 * 2**20
"""From how many bytes of files on it is worth a second connection to leave out periods that nothing came to."""

SHOWN = 5
"""How many offending rows a breach shows."""


@dataclass(frozen=True)
class Breach:
    """An invariant that does not hold: its name, what it says, how many rows break it, and some of them."""

    name: str
    rule: str
    count: int
    examples: tuple[dict[str, Any], ...]

    def __str__(self) -> str:
        shown = "; ".join(", ".join(f"{key}={value}" for key, value in row.items()) for row in self.examples)
        return f"{self.name}: {self.rule}: broken by {self.count}: {shown}"


def audit(connection: duckdb.DuckDBPyConnection, asked: Collection[Query] | None = None) -> list[Breach]:
    """Every invariant, or each of these, that does not hold on a connection of `views.connect`."""
    found = (_broken(connection, query) for query in (asked_of() if asked is None else asked))
    return [breach for breach in found if breach]


def audit_of(lake: Lake, snapshot: Snapshot | None = None) -> list[Breach]:
    """Every invariant that does not hold as of a snapshot, the head's by default."""
    asked = asked_of()
    with connect(lake, snapshot, only=read_by_audit(asked), in_memory=SMALL, asked=asked) as connection:
        return audit(connection, asked)


def read_by_audit(asked: Collection[Query]) -> set[str]:
    """The relations that invariants read, for a connection that has no others."""
    return read_by([name for query in asked for name in query.reads])


def changed_files(candidate: Snapshot) -> list[FileEntry]:
    """The files that a candidate has and its commit has not, and those that are gone; of reference tables in use, those
    that say something else.
    """
    before = candidate.lake.snapshot(candidate.number)
    was, now = before.visible, candidate.visible
    come = [entry for path, entry in now.items() if path not in was]
    gone = [entry for path, entry in was.items() if path not in now]
    if candidate.reference_digest == before.reference_digest:
        return come + gone
    said, says = _reference_of(before), _reference_of(candidate)
    other = [entry for key, entry in {**said, **says}.items() if not (key in said and key in says)]
    return [entry for entry in come + gone if REFERENCE not in entry.partition] + other


def _reference_of(snapshot: Snapshot) -> dict[tuple[str, str], FileEntry]:
    """The files of the reference tables in use, by what they are and say."""
    in_use = (one for one in snapshot.visible.values() if one.partition.get(REFERENCE) == snapshot.reference_digest)
    return {(entry.table, entry.sha256): entry for entry in in_use}


def asked_apart(
    asked: Collection[Query], candidate: Snapshot, changed: Collection[FileEntry], periods: Collection[str]
) -> tuple[Query, ...]:
    """The invariants that need to be asked only of some billing periods (`periods_asked`).

    Those that look at each period by itself, where of what they read nothing changed that is of no one period; none
    where it would leave out little.
    """
    of_all = {entry.table for entry in changed if PERIOD not in entry.partition}
    apart = tuple(query for query in asked if query.is_by_period and not _reads_any(query, of_all))
    read = read_by_audit(apart)
    left_out = (one for one in candidate.visible.values() if one.table in read and not _is_of(one, periods))
    return apart if sum(entry.bytes for entry in left_out) >= MUCH else ()


def periods_asked(candidate: Snapshot, changed: Iterable[FileEntry]) -> set[str]:
    """The billing periods of which files came or went, and those that the last run named.

    What that run said of a period counts from its commit on, which no audit has seen yet: the reference tables it read,
    and that nothing waits any more.
    """
    periods = {entry.partition[PERIOD] for entry in changed if PERIOD in entry.partition}
    for commit in reversed(candidate.lake.commits(candidate.number)):
        if named := {*commit.inputs.get("periods", ()), *([commit.inputs[PERIOD]] if PERIOD in commit.inputs else [])}:
            return periods | named
    return periods


def only_of(snapshot: Snapshot, periods: Collection[str]) -> Snapshot:
    """A snapshot without the files of other billing periods."""
    return replace(
        snapshot, visible={path: entry for path, entry in snapshot.visible.items() if _is_of(entry, periods)}
    )


def _is_of(entry: FileEntry, periods: Collection[str]) -> bool:
    return entry.partition.get(PERIOD) in (None, *periods)


def asked_of(changed: Collection[str] | None = None) -> list[Query]:
    """All invariants, or those that read one of these tables, directly or through views.

    A run that only adds usage need not audit the ledger again.
    """
    return [query for query in queries("invariants") if changed is None or _reads_any(query, set(changed))]


def is_about_nothing(query: Query, candidate: Snapshot) -> bool:
    """Whether the table that all of it is about has no rows; which of them it is about is asked of it (`_broken`)."""
    if query.of is None or (table := query.of.split()[0].removeprefix("internal.")) not in schemas.TABLES:
        return False
    return not any(entry.rows for entry in candidate.files(table))


def verify(lake: Lake, expect: str | None = None) -> list[str]:
    """What is wrong with the lake's bytes: each changed, deleted or replaced record and file, with its commit.

    Reads everything again and trusts nothing that was read before. Empty when all is as it was committed. A chain is
    whole by itself also where somebody who may write to the lake made it anew from some commit on, or put an older copy
    in its place; `expect`, the hash of any commit as it was noted elsewhere, tells that.
    """
    commits, faults = _chain(lake)
    if expect is not None and not any(commit.hash.startswith(expect) for commit in commits):
        faults.append(f"no commit has the hash {expect}: the journal was made anew, or is an older copy")
    removed_at = {path: commit.number for commit in commits for path in commit.removed}
    for commit in commits:
        faults += [fault for entry in commit.added if (fault := _file_fault(lake, commit, entry))]
    entries = {entry.path: entry for commit in commits for entry in commit.added}
    faults += [
        f"commit {number} removed {path}, which is kept for ever ({APPEND_ONLY_SENTENCE})"
        for path, number in removed_at.items()
        if path in entries and is_kept_for_ever(entries[path])
    ]
    return faults


def strays(lake: Lake) -> list[str]:
    """Files in the lake's folders that no commit names: nothing reads them, and they change no answer.

    A run that died or is held leaves some, which `sweep` removes; the files of a run that is under way are among them.
    """
    named = {entry.path for commit in lake.commits() for entry in commit.added}
    known = {HINT, PUBLISHED, *(record_name(commit.number) for commit in lake.commits())}
    return [name for name in lake.store.names("") if name not in named | known]


APPEND_ONLY_SENTENCE = f"issued documents and {', '.join(sorted(APPEND_ONLY))} only grow"


def _broken(connection: duckdb.DuckDBPyConnection, query: Query) -> Breach | None:
    if query.of and connection.execute(f"select 1 from {query.of} limit 1").fetchone() is None:
        return None
    if connection.execute(query.text).fetchone() is None:  # a relation would be planned twice
        return None
    rows = connection.sql(query.text).pl()
    return Breach(query.name, query.sentence, rows.height, tuple(rows.head(SHOWN).to_dicts()))


def _reads_any(query: Query, changed: set[str]) -> bool:
    """Whether a query reads one of the tables, itself or through the views it reads."""
    return bool(read_by(query.reads) & (changed | {_SOURCES.get(name, name) for name in changed}))


_SOURCES = {
    "usage_records": "internal.usage_totals",
    "stored_usage": "internal.usage_totals",
    "rejects": "internal.rejects",
    "operations": "internal.operations",
    "account_restrictions": "internal.account_restrictions",
    "cost_policy_events": "internal.cost_policy_events",
    "cost_policy_measures": "internal.cost_policy_measures",
    "grant_movements": "internal.grant_movements",
    "invoices": "internal.invoices",
    "billing_policies": "internal.billing_policies",
}
"""Relations that are made of a table's files without a query that names it."""


def _chain(lake: Lake) -> tuple[list[Commit], list[str]]:
    """The records that can be read, in order, and what is wrong with each."""
    noted = hinted_head(lake.store)  # before the journal, which may grow meanwhile
    last = lake.last_number()
    commits: list[Commit] = []
    faults: list[str] = []
    previous: Commit | None = None
    for number in range(last + 1):
        fault, commit = read_record(lake.store, number, previous)
        faults += [fault] if fault else []
        commits += [commit] if commit else []
        previous = commit
    if noted is None and last >= NOTED_FROM and hinted_head(lake.store) is None:
        what = "was changed" if lake.store.exists(HINT) else "is missing"
        faults.append(f"{HINT} {what}: it notes how far the journal went, so records may be missing at its end")
    if noted and noted[0] > last:
        faults.append(f"journal/{noted[0]:012}.json is missing: the journal once went that far")
    elif noted and all(commit.hash != noted[1] for commit in commits):
        faults.append(f"journal/{noted[0]:012}.json was replaced: it once had the hash {noted[1][:12]}…")
    return commits, faults


def _file_fault(lake: Lake, commit: Commit, entry: FileEntry) -> str:
    try:
        size, found = lake.store.digest(entry.path)
    except FileNotFoundError:
        return f"{entry.path} of commit {commit.number} is missing"
    if size != entry.bytes:
        return f"{entry.path} of commit {commit.number} has {size} bytes, not {entry.bytes}"
    return "" if found == entry.sha256 else f"{entry.path} of commit {commit.number} was changed: sha256 {found[:12]}…"


def breaches(found: Iterable[Breach]) -> str:
    """Breaches as a person reads them, one a line."""
    return "\n".join(map(str, found))
