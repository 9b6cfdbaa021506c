"""Usage that landed after its period was billed, or that a higher revision took away (X4)."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, time, timedelta

import polars as pl

from flows.changes.baselines import Baseline, Changed, History, named, nobody
from flows.lake.journal import FileEntry, Lake
from flows.landing.storage import spanning_rows
from flows.shared_engine import asking
from flows.sql import parquet
from schemas.units import Hash64

WHY = "late usage"
ROWS = "usage_records"
_MEASURED = "series_id, charge_period_start, charge_period_end, consumed_quantity::decimal(38, 15) as consumed_quantity"
"""What a bill sees of a record, in one type for files of any."""
_ANY_ZONE = timedelta(days=1)


def late_usage(history: History, reference: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The accounts whose usage of a billed period is other than it was when that was billed.

    Only files that came or went are read: of those that came, which series are in them; where a revision rewrote a
    file, which records differ. Records of an earlier period that run into a later one count there too, where a policy
    splits them (U4).

    Makes    NAMED
    """
    found = [nobody()]
    by_commit = {one.number: history.changed(ROWS, one.number) for one in history.baselines}
    for baseline in history.baselines:
        changed = by_commit[baseline.number]
        if not (changed.added or changed.removed):
            continue
        series = _series(history, _of_period(changed, baseline.billing_period))
        running_in = _series(
            history, _running_in(history, changed, baseline, reference), after=_earliest_start(baseline)
        )
        splitting = splitters(reference["billing_policies"])
        if splitting is not None:
            running_in = running_in.join(splitting, on="billing_account_id", how="semi")
        accounts = pl.concat([series, running_in]).with_columns(billing_period=pl.lit(baseline.billing_period))
        found.append(named(accounts, WHY))
    return pl.concat(found)


def splitters(policies: pl.DataFrame) -> pl.DataFrame | None:
    """The accounts that a policy may split spanning records of: billing_account_id; None for all of them."""
    rows = policies.filter((pl.col("policy") == "spanning_records") & (pl.col("value") == "split"))
    return None if rows["billing_account_id"].has_nulls() else rows.select("billing_account_id")


def is_anybody(splitting: pl.DataFrame | None) -> bool:
    """Whether `splitters` are any account at all."""
    return splitting is None or not splitting.is_empty()


def _of_period(changed: Changed, period: str) -> Changed:
    return _where(changed, lambda entry: entry.partition["billing_period"] == period)


def _running_in(
    history: History, changed: Changed, baseline: Baseline, reference: Mapping[str, pl.DataFrame]
) -> Changed:
    """The changed files of earlier periods that have records which end in a later one."""
    earlier = _where(changed, lambda entry: entry.partition["billing_period"] < baseline.billing_period)
    if not (earlier.added or earlier.removed) or not is_anybody(splitters(reference["billing_policies"])):
        return Changed((), ())
    spanning = spanning_rows(history.commits)
    return _where(earlier, lambda entry: entry.path in spanning)


def _where(changed: Changed, is_wanted: Callable[[FileEntry], bool]) -> Changed:
    added, removed = (tuple(filter(is_wanted, part)) for part in (changed.added, changed.removed))
    return Changed(added, removed)


def _earliest_start(baseline: Baseline) -> datetime:
    """When the period begins, wherever an account may be."""
    return datetime.combine(baseline.first_on, time(), UTC) - _ANY_ZONE


def _series(history: History, changed: Changed, after: datetime | None = None) -> pl.DataFrame:
    """The accounts of the series that the changed files hold records of, or hold other records of than before.

    Reads    after: only records that end after it
    Makes    billing_account_id
    """
    snapshot = history.snapshot
    parts = sorted({_part(entry) for entry in (*changed.added, *changed.removed)})
    if not parts:
        return pl.DataFrame(schema={"billing_account_id": pl.String})
    queries = [_query(snapshot.lake, _of_part(changed, part)) for part in parts]
    where = "" if after is None else " where charge_period_end > $after"
    sql = " union ".join(f"(select distinct series_id from ({query}){where})" for query in queries)
    with asking() as connection:
        ids = connection.execute(sql, {"after": after} if after else None).pl()
    known = snapshot.read("usage_series", bucket={bucket for _, bucket in parts})
    ids = ids.cast({"series_id": Hash64})
    return known.join(ids, on="series_id", how="semi").select("billing_account_id").unique()


def _part(entry: FileEntry) -> tuple[str, str]:
    return entry.partition["billing_period"], entry.partition["bucket"]


def _of_part(changed: Changed, part: tuple[str, str]) -> Changed:
    return _where(changed, lambda entry: _part(entry) == part)


def _query(lake: Lake, changed: Changed) -> str:
    """The records of files that came; where others went, those that are not in both."""
    added, removed = (_rows(lake, entries) for entries in (changed.added, changed.removed))
    if not changed.removed:
        return added
    if not changed.added:
        return removed
    return f"(({added}) except all ({removed})) union all (({removed}) except all ({added}))"


def _rows(lake: Lake, entries: Collection[FileEntry]) -> str:
    return " union all ".join(f"select {_MEASURED} from {parquet(path)}" for path in lake.checked(entries))
