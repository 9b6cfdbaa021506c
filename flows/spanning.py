"""What records that run on past a month's end used and cost at list price: told with the bill of the month (U4).

They are billed in the month they begin in, or split, as policy `spanning_records` says; either way whoever looks at the
bill can see how much of it this is about.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

import duckdb
import polars as pl

from flows import books
from flows.lake.journal import FileEntry, Snapshot
from flows.landing.storage import spanning_rows
from rating.estimates import list_values
from rating.money import EXACT
from rating.one_thread import on_one_thread
from rating.sql import keep
from schemas.units import Quantity

AT_ONCE = 1_000_000
"""About how many records are held in memory together: whole buckets, one at least."""

SAME = ("sku_id", "consumed_unit", "billing_currency")
_OWNER = ("billing_account_id", "billing_currency", "period_end")


def spanning_records(
    snapshot: Snapshot, reference_files: Collection[FileEntry], period: str, known_as_of: datetime
) -> list[dict[str, Any]]:
    """How many records end after their account's billing period, what they used and cost at list price, by SKU.

    Reads    usage of the period, of files that have such records; reference tables
    Makes    sku_id, consumed_unit, billing_currency, records, consumed_quantity, list_cost: of these records by
             themselves, before discounts; quantity and cost as texts, as a report holds them
    Source   U4
    """
    known = spanning_rows(snapshot.lake.commits(snapshot.number))
    files = [entry for entry in snapshot.files("usage_records", billing_period=period) if entry.path in known]
    if not files:
        return []
    reference = books.reference_tables(snapshot.lake, reference_files)
    owners = books.accounts_of(reference, period, known_as_of)
    owners = owners.drop_nulls(["exponent", "seller_jurisdiction"]).select(_OWNER)
    if owners.is_empty():
        return []
    found = (_of_files(snapshot, some, reference, owners, period) for some in _some_at_once(files, known))
    return _added_up(row for rows in found for row in rows.iter_rows(named=True))


def _some_at_once(files: Collection[FileEntry], known: Mapping[str, int]) -> Iterator[list[FileEntry]]:
    """The files, so many buckets together that their records are about AT_ONCE; an account lies in one bucket."""
    some: list[FileEntry] = []
    count = 0
    ordered = sorted(files, key=lambda entry: (entry.partition["bucket"], entry.path))
    for _, own in groupby(ordered, key=lambda entry: entry.partition["bucket"]):
        if count >= AT_ONCE:
            yield some
            some, count = [], 0
        for entry in own:
            some.append(entry)
            count += known[entry.path]
    yield some


@on_one_thread
def _of_files(
    snapshot: Snapshot,
    files: Collection[FileEntry],
    reference: Mapping[str, pl.DataFrame],
    owners: pl.DataFrame,
    period: str,
) -> pl.DataFrame:
    """The same of some files, as a frame with a row per SKU, unit and currency."""
    buckets = sorted({entry.partition["bucket"] for entry in files})
    series = snapshot.read("usage_series", bucket=buckets).join(owners, on="billing_account_id")
    with books.usage_connection(snapshot.lake, files, threads=1) as connection:
        keep(connection, "owned", series.select("series_id", "period_end"))
        found = connection.sql(
            "select u.* from usage_records u join owned o on o.series_id = u.series_id "
            "where u.charge_period_end > o.period_end"
        ).pl()
    series = series.join(found, on="series_id", how="semi")
    group = pl.concat_str("sku_id", "consumed_unit", separator="\x1f")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        keep(connection, "usage_records", found)
        values = list_values(connection, series.with_columns(group_id=group), reference, period)
    costs = values.join(owners, on="billing_account_id").group_by("group_id", "billing_currency")
    used = (
        found.join(series, on="series_id")
        .group_by(*SAME)
        .agg(records=pl.len().cast(pl.Int64), consumed_quantity=pl.col("consumed_quantity").cast(Quantity).sum())
    )
    return used.with_columns(group_id=group).join(
        costs.agg(pl.col("list_cost").sum()), on=["group_id", "billing_currency"], how="left"
    )


def _added_up(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all buckets by SKU, unit and currency."""
    sums: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        known = sums.setdefault(
            tuple(row[name] for name in SAME),
            {"records": 0, "consumed_quantity": Decimal(0), "list_cost": Decimal(0)},
        )
        known["records"] += row["records"]
        for name in ("consumed_quantity", "list_cost"):
            known[name] = EXACT.add(known[name], row[name] or Decimal(0))
    return [
        {
            **dict(zip(SAME, key, strict=True)),
            "records": known["records"],
            "consumed_quantity": f"{known['consumed_quantity']:f}",
            "list_cost": f"{known['list_cost']:f}",
        }
        for key, known in sorted(sums.items())
    ]
