"""Recurring items: what is billed each period without usage, as usage rows of a category of their own (P9).

Each row is priced like any other usage of its SKU, and as it stands: no meter counts or weighs it.
"""

from math import gcd

import polars as pl

from rating.dates import covered, covered_days, instants
from rating.sql import content_hashes
from rating.usage_classes import with_sku_terms

ACCOUNT = [
    "billing_account_id",
    "billing_period",
    "period_start",
    "period_end",
    "lives_from",
    "lives_until",
    "last_instant",
    "cutoff",
    "time_zone",
]
NAME = "recurring_item"
"""Goes before the key of a recurring item's series, so that it is no usage's."""


def recurring_usage(recurring_items: pl.DataFrame, accounts: pl.DataFrame, skus: pl.DataFrame) -> pl.DataFrame:
    """One usage row per dated row of an item that touches its account's time in the period, with the part it covers.

    The part is exact: `day` counts the local calendar days touched, `second` the time, `none` takes the whole quantity
    of the item's latest row alone. What begins at or after a draft's cutoff is not there yet.

    Reads    RecurringItems, account periods with their policy `proration`, Skus
    Makes    series_id, the item's account, project, resource, SKU and region, consumed_unit, charge_category,
             charge_period_start, charge_period_end, consumed_quantity [per full period],
             share_numerator, share_denominator [Int64, in lowest terms]
    Source   P9
    """
    owned = recurring_items.rename({"proration": "own_proration"}).join(
        accounts.select(*ACCOUNT, "proration"), on="billing_account_id"
    )
    rows = covered(instants(owned)).with_columns(proration=pl.coalesce("own_proration", "proration"))
    rows = rows.filter(pl.col("covered_start") < pl.col("cutoff"))
    item = ["billing_account_id", "recurring_item_id"]
    rows = rows.filter((pl.col("proration") != "none") | (pl.col("starts") == pl.col("starts").max().over(item)))
    rows = with_sku_terms(_with_share(rows.with_columns(_name=pl.lit(NAME))), skus)
    rows = rows.sort("billing_account_id", "recurring_item_id", "starts")
    return rows.select(
        content_hashes(rows, "_name", "recurring_item_id", "valid_from").alias("series_id"),
        "billing_account_id",
        "sub_account_id",
        "resource_id",
        "sku_id",
        "region_id",
        pl.col("pricing_unit").alias("consumed_unit"),
        pl.lit("recurring").alias("charge_category"),
        pl.col("covered_start").alias("charge_period_start"),
        pl.col("covered_end").alias("charge_period_end"),
        pl.col("quantity").alias("consumed_quantity"),
        "share_numerator",
        "share_denominator",
    )


def as_metered(
    recurring: pl.DataFrame, members: pl.DataFrame, classes: pl.DataFrame, stretches: pl.DataFrame
) -> pl.DataFrame:
    """Recurring items as metered rows: one record each, at its start.

    Reads    recurring_usage
    Makes    the columns of MeteredUsage that a sum needs, share_numerator, share_denominator
    Source   P9
    """
    rows = recurring.join(members, on="series_id")
    rows = rows.with_columns(classes["timeline_id"][rows["class_id"]]).join(
        stretches.select("timeline_id", "stretch", "starts", "ends"), on="timeline_id"
    )
    start = pl.col("charge_period_start")
    return rows.filter((pl.col("starts") <= start) & (start < pl.col("ends"))).select(
        "series_id",
        "stretch",
        "consumed_quantity",
        "share_numerator",
        "share_denominator",
        at=start,
        value="consumed_quantity",
        record_count=pl.lit(1, dtype=pl.Int64),
        first_record_at=start,
        first_positive_at=start,
    )


def _with_share(rows: pl.DataFrame) -> pl.DataFrame:
    """The part of the period that is covered, as a fraction in lowest terms."""
    length = (pl.col("covered_end") - pl.col("covered_start")).dt.total_microseconds()
    period = (pl.col("period_end") - pl.col("period_start")).dt.total_microseconds()
    rows = covered_days(rows).with_columns(
        _covered=pl.when(proration="day").then("days").when(proration="second").then(length).otherwise(1),
        _period=pl.when(proration="day").then("days_of_month").when(proration="second").then(period).otherwise(1),
    )
    fractions = rows.select("_covered", "_period").unique()
    divisors = [gcd(covered, whole) for covered, whole in fractions.iter_rows()]
    fractions = fractions.with_columns(pl.Series("_divisor", divisors, dtype=pl.Int64))
    return rows.join(fractions, on=["_covered", "_period"], how="left", maintain_order="left").with_columns(
        share_numerator=pl.col("_covered") // pl.col("_divisor"),
        share_denominator=pl.col("_period") // pl.col("_divisor"),
    )
