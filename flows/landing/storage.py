"""Accepted rows as the lake keeps them: sorted, narrow, the same bytes from the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from flows.lake.journal import Commit, FileEntry, Lake, Snapshot
from flows.landing import stored_ids
from flows.landing.decimals import narrowest
from flows.landing.fates import Decided
from flows.landing.staged import FILE_OF_PLACE, Staged
from flows.landing.workspace import Workspace
from flows.progress import Progress
from flows.sql import literal, parquet

ROWS = "usage_records"
SPANNING = "spanning"
"""Where the summary of a commit counts the rows of each file that end after their billing period (U4)."""
SERIES = "usage_series"
COPIED = "(format parquet, compression zstd, compression_level 1, parquet_version v2)"
STORED = "series_id, usage_record_id, charge_period_start, charge_period_end"

KEYS_AT_ONCE = 8_000_000
"""Of how many rows of a file the series and starts are compared together."""

_LOSERS = "anti join (select * from fates where fate <> 'accepted') as lost using (place)"


@dataclass(frozen=True)
class Kept:
    """What one file of the delivery gave to the lake."""

    count: int
    quantity: Decimal
    spanning: int


def bucket_name(bucket: int) -> str:
    """A bucket as it stands in a folder's name.

    >>> bucket_name(7)
    '07'
    """
    return f"{bucket:02}"


def kept_by_file(desk: Workspace, staged: Staged) -> dict[int, Kept]:
    """What each file of the delivery gives to the lake, counted over the rows that will be written."""
    found = desk.connection.sql(
        f"select {FILE_OF_PLACE}, count(*), sum(consumed_quantity)::decimal(38, 15), count_if(is_spanning) "
        f"from ({staged.source}) {_LOSERS} group by all"
    ).fetchall()
    return {number: Kept(count, quantity, spanning) for number, count, quantity, spanning in found}


@dataclass(frozen=True)
class Written:
    """What became of files of usage."""

    added: list[FileEntry]
    removed: list[str]
    spanning: dict[str, int]
    """Of each added file that has any: how many rows end after their billing period, at most."""


def write_usage(
    desk: Workspace, lake: Lake, staged: Staged, decided: Decided, run_id: str, progress: Progress
) -> Written:
    """Write every (period, bucket) of the delivery, and anew the files that a higher revision takes rows from.

    Makes    StoredUsage, sorted by (series_id, charge_period_start, usage_record_id)
    """
    known = spanning_rows(lake.commits()) if decided.replaced else {}
    has_losers = _count(desk, "(select * from fates where fate <> 'accepted')") > 0
    parts = [
        _Part(
            f"(select * from {source} {_LOSERS})" if has_losers else source,
            {"billing_period": period, "bucket": bucket_name(bucket)},
            run_id,
            None,
        )
        for period, bucket, source in staged.parts()
    ]
    for index, entry in enumerate(decided.replaced):
        gone = f"(select usage_record_id from replaced where path = {literal(str(lake.path(entry)))})"
        rows = f"(select * from {parquet(lake.path(entry))} anti join {gone} using (usage_record_id))"
        waits = "counted_at" in entry.types
        parts.append(_Part(rows, entry.partition, f"{run_id}-{index + 1}", known.get(entry.path, 0), waits))
    added: list[FileEntry] = []
    spanning: dict[str, int] = {}
    for done, (part, (path, count)) in enumerate(zip(parts, desk.at_once(_sorted_file, parts), strict=True)):
        progress.advance(done, len(parts))
        if path:
            added.append(lake.adopt_file(ROWS, path, name=part.name, partition=part.partition))
            spanning |= {added[-1].path: count} if count else {}
    return Written(added, [entry.path for entry in decided.replaced], spanning)


def spanning_rows(commits: Iterable[Commit]) -> dict[str, int]:
    """How many rows of each file of usage end after their billing period, at most; other files have none."""
    return {path: count for commit in commits for path, count in commit.summary.get(SPANNING, {}).items()}


@dataclass(frozen=True)
class _Part:
    """The rows of one file to be, as SQL, and where it goes."""

    rows: str
    partition: dict[str, str]
    name: str
    spanning: int | None
    """How many rows end after their billing period; None for staged rows, which say it themselves."""
    may_wait: bool = True
    """Whether rows have the column that says from when they count, if not from their own start (X4)."""


def _sorted_file(desk: Workspace, part: _Part) -> tuple[Path | None, int]:
    """Write one file; None when there are no rows. And how many of them end after their billing period."""
    rows = part.rows
    flag = "is_spanning" if part.spanning is None else "false"
    waited = "count(counted_at)" if part.may_wait else "0"
    asked = f"select count(*), count_if({flag}), {waited} from {rows}"
    count, spanning, waiting = desk.connection.sql(asked).fetchall()[0]
    if not count:
        return None, 0
    path = desk.path("sorted", f"{'-'.join(part.partition.values())}-{part.name}.parquet")
    quantity = f"consumed_quantity::{narrowest(rows, desk)} as consumed_quantity"
    columns = ", ".join([STORED, quantity, "revision", "tags", *["counted_at"] * bool(waiting)])
    desk.connection.execute(
        f"copy (select {columns} from {rows} order by {_order(desk, rows, count)}) to {literal(str(path))} {COPIED}"
    )
    return path, spanning if part.spanning is None else part.spanning


def _order(desk: Workspace, rows: str, count: int) -> str:
    """The order of a file. The id decides only where a series has two records of one start.

    Sorting by a text costs as much as all the rest of the sort, so it is left out where it decides nothing.
    """
    passes = -(-count // KEYS_AT_ONCE)
    hashed = f"(select hash(series_id, charge_period_start) as key from {rows})"
    for number in range(passes):
        some = "" if passes == 1 else f" where key % {passes} = {number}"
        keys = np.array(desk.connection.sql(f"select key from {hashed}{some}").fetchnumpy()["key"], copy=None)
        keys.sort()
        if bool((keys[1:] == keys[:-1]).any()):
            return "series_id, charge_period_start, usage_record_id"
    return "series_id, charge_period_start"


def write_series(desk: Workspace, lake: Lake, snapshot: Snapshot, staged: Staged, run_id: str) -> list[FileEntry]:
    """Write the series that the lake does not know yet, one file per bucket.

    Makes    UsageSeries, sorted by series_id; RuntimeError when two series share a content hash
    """
    connection = desk.connection
    connection.execute(
        "create table used_series as select distinct series_id, bucket, "
        "billing_account_id, sub_account_id, resource_id, sku_id, region_id, consumed_unit from placed_series "
        f"semi join (select distinct series_id from ({staged.source}) {_LOSERS}) as used using (series_id) "
        "where codes = []"
    )
    known = snapshot.files(SERIES)
    if known:
        source = parquet(*lake.paths(known))
        _check_known(desk, source)
        connection.execute(f"create table new_series as from used_series anti join {source} using (series_id)")
    else:
        connection.execute("create table new_series as from used_series")
    buckets = connection.sql("select distinct bucket from new_series order by bucket").fetchall()
    return [_write_bucket_series(desk, lake, bucket, run_id) for (bucket,) in buckets]


def _write_bucket_series(desk: Workspace, lake: Lake, bucket: int, run_id: str) -> FileEntry:
    path = desk.path("series", f"{bucket}.parquet")
    desk.connection.execute(
        f"copy (select * exclude (bucket) from new_series where bucket = {bucket} order by series_id) "
        f"to {literal(str(path))} {COPIED}"
    )
    return lake.adopt_file(SERIES, path, name=run_id, partition={"bucket": bucket_name(bucket)})


def _check_known(desk: Workspace, source: str) -> None:
    keys = ("billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "consumed_unit")
    differs = " or ".join(f"known.{key} is distinct from used.{key}" for key in keys)
    found = desk.connection.sql(
        f"select series_id from {source} as known join used_series as used using (series_id) where {differs} limit 1"
    ).fetchone()
    if found:
        raise RuntimeError(f"two series have the content hash {found[0]}; rename a resource of one of them")


def write_ids(
    desk: Workspace, lake: Lake, snapshot: Snapshot, decided: Decided, run_id: str
) -> tuple[list[FileEntry], list[str]]:
    """Write the hashes of the accepted ids of every period; smaller files of the period are joined in."""
    added: list[FileEntry] = []
    removed: list[str] = []
    for period in decided.accepted.periods():
        joined = stored_ids.to_join(snapshot, period, decided.accepted.count(period))
        path = desk.path("ids", f"{period}.parquet")
        stored_ids.write(path, decided.accepted, period, lake, joined)
        added.append(lake.adopt_file(stored_ids.TABLE, path, name=run_id, partition={"billing_period": period}))
        removed += [entry.path for entry in joined]
    return added, removed


def _count(desk: Workspace, source: str) -> int:
    row = desk.connection.sql(f"select count(*) from {source}").fetchone()
    return row[0] if row else 0


def rows_in(entries: Iterable[FileEntry]) -> int:
    """Rows of all files."""
    return sum(entry.rows for entry in entries)
