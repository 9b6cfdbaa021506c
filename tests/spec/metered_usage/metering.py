"""Usage records of a few series, metered: what the tests of meters are shown on."""

from __future__ import annotations

from datetime import datetime

import duckdb
import polars as pl

from rating.metering import metered_usage
from schemas.metered_usage import MeteredUsage
from schemas.units import Count, Flag, Hash64, Instant, Quantity, Text
from tests.tables import read

USED = ["series_id", "charge_period_start", "charge_period_end", "consumed_quantity"]

DETAILS = {"series_id": Hash64, "meter": Text, "by_value": Flag, "by_instant": Flag, "is_split": Flag, "is_whole": Flag}
BREAKS = {"series_id": Hash64, "stretch": Count, "starts": Instant, "ends": Instant}
CUTOFFS = {"series_id": Hash64, "cutoff": Instant}
WANTED = {"series_id": Hash64}
PERIODS = {"series_id": Hash64, "period_start": Instant, "period_end": Instant}
WHOLE = {"series_id": Hash64, "starts": Instant, "ends": Instant}


def small(text: str, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """A frame from a pipe table; an instant is like 10-01 00:00 of 2026, a flag that is not mentioned is false."""
    header, rows = read(text)
    named = {name: [_cell(row.get(name), dtype) for row in rows] for name, dtype in schema.items()}
    assert set(header) <= set(schema), f"{set(header) - set(schema)} is no column here"
    return pl.DataFrame(named, schema=schema)


def _cell(text: str | None, dtype: pl.DataType) -> object:
    if dtype == Flag:
        return text == "true"
    if text is None or dtype == Text:
        return text
    return instant(text) if dtype == Instant else int(text)


def instant(text: str) -> datetime:
    """`10-01 00:00` of 2026, in UTC, with seconds and their fraction where there are any."""
    return datetime.fromisoformat(f"2026-{text}+00:00")


def records(text: str, quantity: str = "decimal(18, 6)") -> pl.DataFrame:
    """Usage records as the lake stores them: series_id, starts, ends, quantity."""
    header, rows = read(text)
    assert header == ["series_id", "starts", "ends", "quantity"]
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            "create table usage_records (series_id ubigint, charge_period_start timestamptz, "
            f"charge_period_end timestamptz, consumed_quantity {quantity})"
        )
        connection.executemany(
            "insert into usage_records values (?, ?, ?, ?)",
            [
                (int(str(row["series_id"])), instant(str(row["starts"])), instant(str(row["ends"])), row["quantity"])
                for row in rows
            ],
        )
        return connection.sql("from usage_records").pl()


def meter(
    usage: pl.DataFrame,
    *,
    details: str = "series_id",
    breaks: str = "series_id",
    cutoffs: str = "series_id",
    wanted: str | None = None,
    periods: str = "series_id",
    earlier: pl.DataFrame | None = None,
    whole: str = "series_id",
) -> pl.DataFrame:
    """MeteredUsage of these records, checked to be that table."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("_records", usage.select(USED).to_arrow())
        connection.execute("create table usage_records as from _records")
        if earlier is not None:
            connection.register("_earlier", earlier.select(USED).to_arrow())
            connection.execute("create view earlier_records as from _earlier")
        found = metered_usage(
            connection,
            breaks=small(breaks, BREAKS),
            cutoffs=small(cutoffs, CUTOFFS),
            details=small(details, DETAILS),
            wanted=None if wanted is None else small(wanted, WANTED),
            periods=small(periods, PERIODS),
            whole=small(whole, WHOLE),
        )
    return MeteredUsage.check(found)


__all__ = ["Quantity", "instant", "meter", "records", "small"]
