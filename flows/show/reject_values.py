"""Rejects with what they would be worth at list price, and the drafts they would touch (U6); found when asked for.

What a kept row says is read again by the grammar that ingest reads with, as it is when rejects land again.
"""

from datetime import datetime
from importlib import resources

import duckdb
import polars as pl

from flows.landing.reject_rows import NOT_LANDED_AGAIN
from flows.landing.sql import grammar
from flows.sql import literals
from rating.dates import instants
from rating.estimates import as_ever, list_values
from rating.periods import period_of
from rating.sql import keep
from schemas import REFERENCE
from schemas.units import Hash64, Money

UNREADABLE = tuple(code for code in NOT_LANDED_AGAIN if code != "R_NOT_USAGE")
"""Reasons of lines that were kept as they were, because nothing could be read of them."""

HELD = {"H_NO_CONVERSION": "no unit", "H_AMOUNT_OUT_OF_RANGE": "too large"}
"""Why an account's rows have no estimate, by the reason that would hold the account."""

SERIES = ["billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "consumed_unit"]
GROUP = ["reason_code", "billing_account_id", "billing_period", "billing_currency"]
VALUES = {
    "reason_code": pl.String,
    "billing_account_id": pl.String,
    "billing_period": pl.String,
    "billing_currency": pl.String,
    "row_count": pl.Int64,
    "estimated_list_cost": Money,
    "without_estimate": pl.String,
}


def value_rejects(connection: duckdb.DuckDBPyConnection, delivery_id: str | None = None) -> None:
    """Make the tables `readable_rejects` and `reject_values` of the books a connection is open on.

    Reads    rejects that wait, of one delivery if asked; the reference tables
    Makes    readable_rejects: one row per reject with its account, period, currency, and why it has no estimate
             reject_values: one row per reason, account, period and why there is no estimate (null: there is one), with
             the number of rows and what they would cost at list price, rated as usage of their own
    Source   U6
    """
    asked = "select * from rejects where status = 'waiting' and ($1::varchar is null or delivery_id = $1)"
    waiting = connection.execute(asked, [delivery_id]).pl()
    reference = {name: connection.sql(f"from {name}").pl() for name in REFERENCE}
    rejects = _placed(_readable(waiting, reference), reference["billing_accounts"])
    keep(connection, "readable_rejects", rejects)
    keep(connection, "reject_values", _values(rejects, reference))


def _readable(waiting: pl.DataFrame, reference: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """What each row says, field by field."""
    tables = {
        "waiting": waiting,
        "accounts": reference["billing_accounts"].select("billing_account_id"),
        "skus": reference["skus"].select("sku_id", "pricing_unit"),
        "conversions": reference["unit_conversions"].select("from_unit", "to_unit", "sku_id"),
    }
    with duckdb.connect() as reading:
        reading.execute("set timezone = 'UTC'")
        reading.execute(grammar())
        reading.execute(f"set variable unreadable = {literals(UNREADABLE)}")
        for name, rows in tables.items():
            keep(reading, name, rows)
        text = (resources.files("flows.show") / "rejects" / "readable.sql").read_text(encoding="utf-8")
        return reading.sql(text).pl()


def _placed(rejects: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Rejects with the currency of their account, and the period by its calendar where ingest could not tell it."""
    dated = instants(as_ever(accounts, "billing_account_id")).sort("billing_account_id", "starts")
    zones: dict[str, list[tuple[datetime, str]]] = {}
    for account, starts, zone in dated.select("billing_account_id", "starts", "time_zone").iter_rows():
        zones.setdefault(account, []).append((starts, zone))
    currencies = dated.unique("billing_account_id", keep="last").select("billing_account_id", "billing_currency")
    periods = [
        period or _period(start, zones.get(account, []))
        for period, start, account in rejects.select(
            "billing_period", "charge_period_start", "billing_account_id"
        ).iter_rows()
    ]
    return rejects.with_columns(pl.Series("billing_period", periods, dtype=pl.String)).join(
        currencies, on="billing_account_id", how="left", maintain_order="left"
    )


def _period(start: datetime | None, zones: list[tuple[datetime, str]]) -> str | None:
    """The month a row would fall in."""
    in_force = [zone for starts, zone in zones if start is not None and starts <= start]
    return period_of(start, in_force[-1]) if start is not None and in_force else None


def _values(rejects: pl.DataFrame, reference: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """How many rows of each reason, account and period have an estimate, and how many have none for which cause."""
    counts = rejects.group_by(*GROUP, "without_estimate").agg(row_count=pl.len().cast(pl.Int64))
    ratable = rejects.filter(pl.col("without_estimate").is_null())
    rated = [_rated(usage, reference) for usage in ratable.partition_by("billing_period", maintain_order=True)]
    nothing = pl.DataFrame(schema=VALUES)
    parts = [nothing, counts.filter(pl.col("without_estimate").is_not_null())]
    for values in rated:
        known = counts.filter(pl.col("without_estimate").is_null()).drop("without_estimate")
        known = known.join(values, on=["reason_code", "billing_account_id", "billing_period"])
        cause = pl.col("hold_code").replace_strict(HELD, default="not billable", return_dtype=pl.String)
        parts += [
            known.filter(pl.col("hold_code").is_not_null()).with_columns(without_estimate=cause),
            known.filter(pl.col("hold_code").is_null()).with_columns(
                row_count="unpriced_count", estimated_list_cost=None, without_estimate=pl.lit("no price")
            ),
            known.filter(pl.col("hold_code").is_null()).with_columns(
                row_count=pl.col("row_count") - pl.col("unpriced_count"), estimated_list_cost="list_cost"
            ),
        ]
    rows = pl.concat(
        [part.select(pl.col(name) for name in VALUES if name in part.columns) for part in parts], how="diagonal"
    )
    return rows.filter(pl.col("row_count") > 0).sort(*GROUP, "without_estimate", nulls_last=True)


def _rated(usage: pl.DataFrame, reference: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The rows of one period at list price: each reason as if it were all the usage of its accounts."""
    usage = usage.with_columns(group_id="reason_code")
    series = usage.select("group_id", *SERIES).unique(maintain_order=True).with_row_index("series_id")
    series = series.with_columns(pl.col("series_id").cast(Hash64))
    records = usage.join(series, on=["group_id", *SERIES], nulls_equal=True).select(
        "series_id", "charge_period_start", "charge_period_end", "consumed_quantity"
    )
    period = usage["billing_period"][0]
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        keep(connection, "usage_records", records)
        values = list_values(connection, series, reference, period)
    return values.rename({"group_id": "reason_code"}).with_columns(billing_period=pl.lit(period))
