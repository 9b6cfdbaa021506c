"""What metering has to tell apart: more than a sum, where a meter, a price or a boundary looks closer (P1 to P3)."""

import polars as pl

from rating.price_models import BY_RECORD
from rating.quantities import ONE_PER_RESOURCE


def details(
    classes: pl.DataFrame,
    stretches: pl.DataFrame,
    members: pl.DataFrame,
    prices: pl.DataFrame,
    is_whole: pl.Series,
) -> pl.DataFrame:
    """What metering must do for each series beyond a plain sum.

    Reads    is_whole: whether records of a class are never cut in this period (spanning_records.py)
    Makes    series_id, meter, by_value, by_instant, is_split, is_whole: only of series that are no plain sum
    Source   P1, P2 rounding per record, P3 `percentage` per record, U4
    """
    per_record = prices.filter(pl.col("price_model").is_in(BY_RECORD))["price_row"]
    priced = stretches.filter(pl.col("price_row").is_in(per_record.implode()))["timeline_id"].unique()
    adds = ~pl.col("meter").is_in(ONE_PER_RESOURCE)
    is_percentage = pl.col("timeline_id").is_in(priced.implode())
    rounds = pl.col("quantity_rounding_scope") == "record"
    found = classes.with_columns(is_whole=is_whole).filter(pl.col("charge_category") == "usage")
    found = found.select(
        "class_id",
        "meter",
        by_value=(rounds.fill_null(value=False) & (adds | (pl.col("meter") == "max"))) | (is_percentage & adds),
        by_instant=pl.lit(value=False),
        is_split=(pl.col("spanning_records") == "split") & ~pl.col("is_whole"),
        is_whole="is_whole",
    )
    found = found.filter((pl.col("meter") != "sum") | pl.col("by_value") | pl.col("is_split") | pl.col("is_whole"))
    return members.join(found, on="class_id").drop("class_id")


def each_instant(known: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    """The same for these series, told apart by instant and by value.

    Reads    known: details; series: series_id
    Makes    details, one row per series
    """
    rows = series.join(known.drop("by_value", "by_instant"), on="series_id", how="left")
    return rows.select(
        "series_id",
        pl.col("meter").fill_null("sum"),
        by_value=~pl.col("meter").fill_null("sum").is_in(ONE_PER_RESOURCE),
        by_instant=pl.lit(value=True),
        is_split=pl.col("is_split").fill_null(value=False),
        is_whole=pl.col("is_whole").fill_null(value=False),
    )
