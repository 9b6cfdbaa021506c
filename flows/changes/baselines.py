"""Up to which commit the books of a billed period are complete, and what came or went since."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from flows import books
from flows.lake.journal import Commit, FileEntry, Snapshot
from flows.standing import says
from rating.periods import add_months, first_day
from schemas.units import Day, Text

NAMED = {"billing_account_id": Text, "billing_period": Text, "why": Text}
"""An account and a period that are touched, and by what."""


@dataclass(frozen=True)
class Changed:
    """The files of a table that came since a commit, and those it had that are gone."""

    added: tuple[FileEntry, ...]
    removed: tuple[FileEntry, ...]


@dataclass(frozen=True)
class Baseline:
    """A billed period, and the commit that its books are complete for."""

    billing_period: str
    commit: Commit

    @property
    def number(self) -> int:
        """The number of the commit."""
        return self.commit.number

    @property
    def reference_digest(self) -> str | None:
        """The reference tables that the period was billed with."""
        found = self.commit.inputs.get("reference_digest")
        return None if found is None else str(found)

    @property
    def first_on(self) -> date:
        """The first day of the period."""
        return first_day(self.billing_period)

    @property
    def end_on(self) -> date:
        """The day after its last."""
        return add_months(self.first_on, 1)


@dataclass(frozen=True)
class History:
    """The journal up to a snapshot, as the causes of a change ask it."""

    snapshot: Snapshot
    of_issued: bool = False
    """Whether what is asked is about accounts whose invoice is issued: a bill leaves them alone (L4)."""

    @cached_property
    def commits(self) -> list[Commit]:
        """Every commit up to the snapshot's."""
        return self.snapshot.lake.commits(self.snapshot.number)

    @cached_property
    def baselines(self) -> tuple[Baseline, ...]:
        """The billed periods, oldest first, each with the last run that its books are complete for.

        That is its last bill, or the last backfill that says so. For accounts whose invoice is issued no bill counts
        that came after an issue; only the periods for which that is another run are listed then.
        """
        last = {period: self._last_run(period) for period in sorted(books.billed_periods(self.snapshot))}
        if not self.of_issued:
            return tuple(Baseline(period, commit) for period, commit in last.items())
        issued = self._first_issues
        of_issued = {period: self._last_run(period, issued[period]) for period in last if period in issued}
        return tuple(Baseline(period, run) for period, run in of_issued.items() if run.number != last[period].number)

    @cached_property
    def periods(self) -> pl.DataFrame:
        """The billed periods as a table: billing_period, first_on, end_on [half-open], baseline [commit number]."""
        rows = [(one.billing_period, one.first_on, one.end_on, one.number) for one in self.baselines]
        schema = {"billing_period": Text, "first_on": Day, "end_on": Day, "baseline": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def changed(self, table: str, since: int) -> Changed:
        """The files of a table that came after a commit and are there, and those that were there and are gone."""
        added: dict[str, FileEntry] = {}
        removed: list[str] = []
        for commit in self.commits[since + 1 :]:
            for path in commit.removed:
                if added.pop(path, None) is None and path.startswith(f"{table}/"):
                    removed.append(path)
            added |= {entry.path: entry for entry in commit.added if entry.table == table}
        gone = [entry for entry in self._entries(table) if entry.path in removed] if removed else []
        return Changed(tuple(added.values()), tuple(gone))

    def brought(self, table: str) -> dict[int, list[FileEntry]]:
        """The files of an append-only table by the commit that brought them, since the oldest baseline."""
        oldest = min((one.number for one in self.baselines), default=len(self.commits))
        found = {
            commit.number: [entry for entry in commit.added if entry.table == table]
            for commit in self.commits[oldest + 1 :]
        }
        return {number: entries for number, entries in found.items() if entries}

    def _entries(self, table: str) -> Iterator[FileEntry]:
        return (entry for commit in self.commits for entry in commit.added if entry.table == table)

    @cached_property
    def _first_issues(self) -> dict[str, int]:
        """The first commit that issued anything of each period."""
        found: dict[str, int] = {}
        for commit in self.commits:
            for entry in commit.added:
                if entry.table == "invoices" and entry.partition.get("state") == "issued":
                    found.setdefault(entry.partition["billing_period"], commit.number)
        return found

    def _last_run(self, period: str, issued: int | None = None) -> Commit:
        """The last run that is complete for a period; no bill from an issue on. The first commit of all, if none is."""
        for commit in reversed(self.commits):
            if says(commit, period) and (issued is None or commit.command != "bill" or commit.number < issued):
                return commit
        return self.commits[0]


def named(rows: pl.DataFrame, why: str | None = None) -> pl.DataFrame:
    """Rows of accounts and periods as NAMED; `why` where it is one for all."""
    rows = rows if why is None else rows.with_columns(why=pl.lit(why))
    return rows.select(pl.col(name).cast(dtype) for name, dtype in NAMED.items()).unique()


def nobody() -> pl.DataFrame:
    """NAMED without rows."""
    return pl.DataFrame(schema=NAMED)
