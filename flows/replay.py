"""A run computed again from what went into it, and compared with what it left in the lake, byte for byte (L2).

The run is made once more on an overlay at the commit before it, with the reference tables, the period and the
operations that its commit names. Ids and file names derive from what went in, so the same inputs give the same files.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl

from flows.bill_period import bill_period
from flows.held import Approval
from flows.lake.journal import Commit, FileChanged, FileEntry, Lake, canonical
from flows.lake.overlay import overlay
from flows.lake.tables import read_parquet
from flows.operations import carry_out
from flows.progress import Progress, silent
from flows.reference import Reference
from flows.run import EXIT_DONE, EXIT_REFUSED, Refusal, Run, software
from rating.operations import ACCEPTED, FILLED_IN
from rating.rejects import REASONS
from schemas import REFERENCE
from schemas.operations import Operations

JUDGED_UNREAD = ("O_BAD_FIELD", "O_MISSING_FIELD", "O_PRECISE", "O_FORBIDDEN", "O_ID_CONFLICT")
"""Reasons that reading a file may give: the file is not kept, so such a refusal is taken as it was."""

SHOWN = 5
"""How many accounts a file that differs is said to concern."""


@dataclass(frozen=True)
class Replay:
    """How a run that was computed again compares with its commit."""

    commit: Commit
    compared: int
    """How many files were compared."""
    faults: tuple[str, ...] = ()
    """What differs, a sentence each."""
    notes: tuple[str, ...] = field(default=())
    """What may be the reason."""

    @property
    def is_same(self) -> bool:
        """Whether every file and number came out as it was committed."""
        return not self.faults

    @property
    def exit_code(self) -> int:
        """0 the same, 1 not."""
        return EXIT_DONE if self.is_same else EXIT_REFUSED


def replay(lake: Lake, which: str, *, progress: Progress = silent) -> Replay:
    """Compute a run again and compare it with its commit: every file's table, part and bytes, and the numbers issued.

    Reads    `which`: the number of a commit, a run id, or the beginning of one
    Writes   nothing to the lake
    Errors   Refusal: no such run, several, or one of which not all that went in is kept
    Source   L2
    """
    commit = named(lake, which)
    again = AGAIN.get(commit.command)
    if again is None:
        raise Refusal(f"commit {commit.number} is {commit.command}: {NOT_AGAIN.get(commit.command, NOT_KNOWN)}")
    with TemporaryDirectory(prefix="billfold-replay-") as folder:
        over = overlay(lake, Path(folder), commit.number - 1)
        try:
            progress.step(f"compute commit {commit.number} again")
            made = _made_again(lake, over, commit, again)
            progress.step("compare")
            faults = tuple(_stored_faults(lake, commit.added)) + (
                (made,) if isinstance(made, str) else tuple(_differences(lake, over, commit, made))
            )
        finally:
            over.close()
    notes = () if not faults else tuple(_notes(lake, commit))
    return Replay(commit, len(commit.added), faults, notes)


def named(lake: Lake, which: str) -> Commit:
    """The commit that a number or a run id stands for; the latest, where a run was made more than once."""
    commits = lake.commits()
    if which.isascii() and which.isdigit() and int(which) < len(commits):
        return commits[int(which)]
    found = {commit.run_id: commit for commit in commits if which and commit.run_id.startswith(which)}
    if len(found) == 1:
        return next(iter(found.values()))
    what = f"{len(found)} runs begin with" if found else "no commit has the number, and no run the id"
    raise Refusal(f"{what} {which!r}; list them: billfold show runs --wide")


# --- once more ------------------------------------------------------------


def _bill_again(lake: Lake, over: Lake, commit: Commit) -> Run:
    """A bill: the period, up to the same instant, in the same groups of buckets."""
    known_as_of = datetime.fromisoformat(commit.inputs["known_as_of"])
    return bill_period(
        over,
        _reference(lake, commit),
        period=commit.inputs["billing_period"],
        until=None if commit.inputs["is_closing"] else known_as_of,
        groups=_groups(commit, lake.buckets),
        issue_date=_issue_date(commit),
        approval=_approval(commit),
    )


def _operate_again(lake: Lake, over: Lake, commit: Commit) -> Run:
    """Operations, an issue among them: those that the commit decided, decided again."""
    files = [entry for entry in commit.added if entry.table == "operations"]
    decided = pl.concat([Operations.empty(), *(_read(lake, entry) for entry in files)])
    return carry_out(over, _reference(lake, commit), landed(decided))


def _backfill_again(lake: Lake, over: Lake, commit: Commit) -> Run:
    """A backfill; its corrections are issued by a commit of their own."""
    from flows.backfill import posted

    return posted(over, _reference(lake, commit), _issue_date(commit), approval=_approval(commit))


def _issue_date(commit: Commit) -> date | None:
    """The issue date that tax rates were taken of, where a run was told one (T1)."""
    found = commit.inputs.get("issue_date")
    return None if found is None else date.fromisoformat(str(found))


def _approval(commit: Commit) -> Approval | None:
    """Who approved what was held, and of which hold."""
    found = commit.inputs.get("approval")
    return None if found is None else Approval(**found)


Again = Callable[[Lake, Lake, Commit], Run]

AGAIN: Mapping[str, Again] = {
    "bill": _bill_again,
    "operations": _operate_again,
    "backfill": _backfill_again,
}
"""How each command is made again: the lake, the overlay at the commit before, the commit."""

NOT_AGAIN = {
    "ingest": "the files that were landed are not kept, so they cannot be landed again; what became of each of their "
    "rows is, and billfold audit --verify compares every byte of it with the commit",
    "init": "it holds nothing but the number of buckets",
    "hold": "it holds figures that waited for approval, and no file; what was approved can be made again",
}
NOT_KNOWN = "this version does not know how to make it again"


def _made_again(lake: Lake, over: Lake, commit: Commit, again: Again) -> Commit | str:
    """The commit that the run makes on the overlay, or what keeps it from being made."""
    try:
        again(lake, over, commit)
    except (Refusal, FileChanged, OSError, pl.exceptions.PolarsError, duckdb.Error) as fault:
        return f"the run cannot be made again: {fault}"
    made = over.commits()[commit.number :]
    return made[0] if made else "made again, the run finds nothing to do"


def _reference(lake: Lake, commit: Commit) -> Reference:
    """The reference tables of a commit, as it or an earlier one stored them."""
    snapshot = lake.snapshot(commit.number)
    return Reference({name: snapshot.read(name) for name in REFERENCE}, commit.inputs["reference_digest"])


def _read(lake: Lake, entry: FileEntry) -> pl.DataFrame:
    return read_parquet(entry.table, lake.checked([entry]))


def _groups(commit: Commit, buckets: int) -> int:
    """Into how many tasks the buckets were gathered: grouping changes no row, but what lies in which file.

    The label of a file says its buckets; the largest group is as large as all but the last.
    """
    labels = [Path(entry.path).name.split(".")[0].split("-") for entry in commit.added]
    ranges = [(int(label[-2]), int(label[-1])) for label in labels if len(label) == 4 and label[-1].isdigit()]
    size = max((last - first + 1 for first, last in ranges), default=buckets)
    return -(-buckets // size)


def landed(decided: pl.DataFrame) -> pl.DataFrame:
    """The operations of a commit as they landed, before they were decided.

    What reading refused, or two contents under one id, stays refused: of the file only its rows are kept.
    """
    return pl.DataFrame([_landed(row) for row in decided.iter_rows(named=True)], schema=decided.schema, orient="row")


def _landed(row: dict[str, Any]) -> dict[str, Any]:
    if row["status"] != ACCEPTED and row["reason_code"] in JUDGED_UNREAD:
        sentence = REASONS[row["reason_code"]].sentence
        return row | {"status": ACCEPTED, "reason": row["reason"].removeprefix(sentence).removeprefix(": ")}
    said = json.loads(row["original"])
    filled_in = [name for name in FILLED_IN.get(row["operation"], ()) if said.get(name) in (None, "")]
    return row | {"status": ACCEPTED, "reason_code": None, "reason": None} | dict.fromkeys(filled_in)


# --- comparing ------------------------------------------------------------


def _stored_faults(lake: Lake, entries: tuple[FileEntry, ...]) -> Iterator[str]:
    """Files that are not what their commit says, whatever came out now."""
    for entry in entries:
        try:
            is_as_committed = lake.store.digest(entry.path) == (entry.bytes, entry.sha256)
        except FileNotFoundError:
            yield f"{entry.path} is missing"
            continue
        if not is_as_committed:
            yield f"{entry.path} was changed after its commit"


def _differences(lake: Lake, over: Lake, commit: Commit, made: Commit) -> Iterator[str]:
    """What a commit and the same run made again differ in: files by table, part and bytes, then what they say."""
    unmatched = Counter(map(_content, made.added))
    missing = []
    for entry in commit.added:
        if unmatched[_content(entry)]:
            unmatched[_content(entry)] -= 1
        else:
            missing.append(entry)
    others = [entry for entry in made.added if unmatched[_content(entry)] > 0]
    for entry in missing:
        twin = next((one for one in others if one.path == entry.path), None) or _only_twin(entry, missing, others)
        if twin is None:
            yield f"{entry.path}: made again, there is no such file"
            continue
        others.remove(twin)
        yield f"{entry.path}: made again, {_rows_apart(lake, over, entry, twin)}"
    for entry in others:
        yield f"{entry.path}: the commit has no such file; made again, it has {entry.rows:,} row(s)"
    yield from _said_apart("removes", sorted(commit.removed), sorted(made.removed))
    yield from _said_apart("numbers", commit.numbers, made.numbers)
    yield from _said_apart("totals", commit.totals, made.totals)


def _content(entry: FileEntry) -> tuple[str, tuple[tuple[str, str], ...], str]:
    return entry.table, _part(entry)[1], entry.sha256


def _part(entry: FileEntry) -> tuple[str, tuple[tuple[str, str], ...]]:
    return entry.table, tuple(sorted(entry.partition.items()))


def _only_twin(entry: FileEntry, missing: list[FileEntry], others: list[FileEntry]) -> FileEntry | None:
    """The one file of the same table and part on the other side, where names differ and there is one on each."""
    alike = [one for one in others if _part(one) == _part(entry)]
    return alike[0] if len(alike) == 1 and sum(_part(one) == _part(entry) for one in missing) == 1 else None


def _said_apart(what: str, was: Any, now: Any) -> Iterator[str]:
    if canonical({what: was}) != canonical({what: now}):
        yield f"the commit {what} {canonical(was).decode()}; made again, {canonical(now).decode()}"


def _rows_apart(lake: Lake, over: Lake, stored: FileEntry, made: FileEntry) -> str:
    """How many rows two files do not have in common, and of which accounts."""
    try:
        was, now = (_read(side, entry) for side, entry in ((lake, stored), (over, made)))
    except (FileChanged, OSError, pl.exceptions.PolarsError):
        return f"it has {made.rows:,} row(s); the stored one cannot be read"
    with duckdb.connect() as connection:
        connection.register("was", was.to_arrow())
        connection.register("now", now.to_arrow())
        only_stored = connection.sql("from was except all from now").pl()
        only_made = connection.sql("from now except all from was").pl()
    if only_stored.is_empty() and only_made.is_empty():
        return "the same rows are written in other bytes"
    return (
        f"{only_made.height:,} row(s) differ from {only_stored.height:,} stored{_of_accounts(only_stored, only_made)}"
    )


def _of_accounts(*rows: pl.DataFrame) -> str:
    if any("billing_account_id" not in one.columns for one in rows):
        return ""
    accounts = pl.concat([one["billing_account_id"] for one in rows]).drop_nulls().unique().sort().to_list()
    more = f" and {len(accounts) - SHOWN:,} more" if len(accounts) > SHOWN else ""
    return f", of {', '.join(accounts[:SHOWN])}{more}" if accounts else ""


def _notes(lake: Lake, commit: Commit) -> Iterator[str]:
    """What may be why: files that the run read and that are no longer what they were, and another software."""
    before = lake.snapshot(commit.number - 1).visible
    for fault in _stored_faults(lake, tuple(before[path] for path in sorted(before))):
        yield f"{fault}: the run reads, or may read, it"
    was = commit.inputs.get("software")
    if was not in (None, software()):
        yield f"the run was made by billfold {was}; this is {software()}"
