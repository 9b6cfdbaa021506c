"""Records that span a boundary, cut there by time: `spanning_records: split` (U4).

Whether a record is cut at the end of its period is for that period to say, by its policy and by its terms of the SKU,
so that the later one knows what is left for it. What lies in a later period is a record of that one: it is counted by
its meter, rounded and priced by its terms, and cut inside it where that period cuts records of the SKU itself.
"""

import polars as pl

from rating.dates import FOREVER, instants, period_ends, period_starts
from rating.money import QUANTITY_ONE, scaled, to_quantity
from schemas.units import Instant

SPLITS = ["sum", "time_weighted"]
"""Meters whose records can be cut; of any other a record counts whole, at its start."""

IS_CUT = pl.col("meter").is_in(SPLITS) & ~(pl.col("quantity_rounding_scope") == "record").fill_null(value=False)
"""Whether a row of a SKU lets its records be cut: no quantity that each record is rounded to is a matter of time."""

BEGUN = ["sku_id", "time_zone", "starts", "ends"]


def whole_records(skus: pl.DataFrame, by_record: pl.DataFrame, time_zones: pl.DataFrame) -> pl.DataFrame:
    """When those records of a SKU begin that no policy cuts: whole billing periods, where an account is.

    A period goes by the SKU's row of its last instant, and cuts nothing that a price looks at record by record, even
    where that price is in force for a part of it.

    Reads    Skus; by_record: SkuPrices of such a price; time_zones: time_zone of the accounts
    Makes    sku_id, time_zone, starts, ends [half-open]; what lies in two such stretches is in both
    Source   U4, P1, P2, P3
    """
    some = skus.filter(~IS_CUT).select("sku_id").unique()
    rows = instants(skus.join(some, on="sku_id", how="semi").join(time_zones.unique(), how="cross"))
    rows = rows.sort("sku_id", "time_zone", "starts").with_columns(
        # a SKU that ended is as it was last (P1)
        ends=pl.col("starts").shift(-1).over("sku_id", "time_zone")
    )
    rows = rows.filter(~IS_CUT)
    rows = rows.with_columns(period_starts(rows, "starts"), period_starts(rows, "ends"))
    priced = instants(by_record.select("sku_id", "valid_from", "valid_until").join(time_zones.unique(), how="cross"))
    priced = priced.with_columns(period_starts(priced, "starts"), period_ends(priced, "ends"))
    found = pl.concat([rows.select(BEGUN), priced.select(BEGUN)])
    return found.with_columns(pl.col("ends").fill_null(FOREVER)).unique().sort(BEGUN)


def of_series(whole: pl.DataFrame, classes: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """The same by series.

    Makes    series_id, starts, ends
    """
    of_class = classes.select("class_id", "sku_row").join(_of_rows(whole, classes), on="sku_row")
    return members.join(of_class, on="class_id").select("series_id", "starts", "ends")


def takes_whole(whole: pl.DataFrame, classes: pl.DataFrame) -> pl.Series:
    """Whether the billed period takes a class's records as they are."""
    begins = (pl.col("starts") <= pl.col("period_start")) & (pl.col("period_start") < pl.col("ends"))
    rows = _of_rows(whole, classes).filter(begins)["sku_row"].unique()
    return classes["sku_row"].is_in(rows.implode())


def _of_rows(whole: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """The stretches by a SKU's row in a time zone, which classes have the number of: sku_row, period_start, …"""
    known = classes.select("sku_row", "sku_id", "time_zone", "period_start").unique("sku_row")
    return known.join(whole, on=["sku_id", "time_zone"]).select("sku_row", "period_start", "starts", "ends")


def boundaries(breaks: pl.DataFrame, periods: pl.DataFrame, cutoffs: pl.DataFrame) -> pl.DataFrame:
    """Where the records of a series are cut: at the ends of its billing period and of the stretches in it.

    A month to date cuts them too where it ends: what lies before it counts.

    Reads    breaks (series_id, stretch, starts, ends), periods (series_id, period_start, period_end)
             cutoffs (series_id, cutoff)
    Makes    series_id, moment
    """
    moments = [
        breaks.select("series_id", moment="starts"),
        periods.select("series_id", moment="period_start"),
        periods.select("series_id", moment="period_end"),
        cutoffs.select("series_id", moment="cutoff"),
    ]
    return pl.concat(moments).unique()


def pieces(spanning: pl.DataFrame, moments: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """The pieces of records that lie in the billed period; each piece is a record with its own start.

    A quantity is divided cumulatively by time, as a line is by quantity (P7): up to a moment it has the floor of its
    share in units of 10^-15, mirrored below zero. So a further cut changes no other piece, the pieces add up to the
    record, and two periods that each know only their own cuts agree. What is weighed by time keeps its quantity, as
    its time is what divides.

    Reads    spanning  series_id, meter (null: sum), charge_period_start, charge_period_end, consumed_quantity
                       [Quantity], copies: so many equal records
             moments   series_id, moment
             periods   series_id, period_start, period_end; a series that is not named has no bounds
    Makes    series_id, charge_period_start, charge_period_end, consumed_quantity
    Source   U4, M1, P1
    """
    records = spanning.with_row_index("record")
    start, end = pl.col("charge_period_start"), pl.col("charge_period_end")
    inside = (
        records.select("record", "series_id", "charge_period_start", "charge_period_end")
        .join(moments, on="series_id")
        .filter((start < pl.col("moment")) & (pl.col("moment") < end))
    )
    starts = pl.concat([inside.select("record", "moment"), records.select("record", moment=start)]).sort(
        "record", "moment"
    )
    rows = (
        starts.with_columns(until=pl.col("moment").shift(-1).over("record"))
        .join(records, on="record", maintain_order="left")
        .with_columns(pl.col("until").fill_null(end))
        .join(periods, on="series_id", how="left", maintain_order="left")
    )
    is_inside = (pl.col("moment") >= pl.col("period_start")) & (pl.col("moment") < pl.col("period_end"))
    rows = rows.filter(is_inside.fill_null(value=True)).with_columns(
        amount=scaled("consumed_quantity"), length=_microseconds(end - start)
    )
    part = rows.select(_share("until") - _share("moment")).to_series()
    one = pl.repeat(QUANTITY_ONE, rows.height, dtype=pl.Int128, eager=True)
    return (
        rows.select(
            "series_id",
            pl.col("moment").cast(Instant).alias("charge_period_start"),
            pl.col("until").cast(Instant).alias("charge_period_end"),
            pl.when(pl.col("meter") == "time_weighted")
            .then("consumed_quantity")
            .otherwise(to_quantity(part, one))
            .alias("consumed_quantity"),
            pl.int_ranges("copies").alias("copy"),
        )
        .explode("copy")
        .drop("copy")
    )


def _share(moment: str) -> pl.Expr:
    """What a record has used up to a moment, in units of 10^-15. In two parts, as the product needs over 128 bits."""
    length, amount = pl.col("length"), pl.col("amount").abs()
    passed = _microseconds(pl.col(moment) - pl.col("charge_period_start"))
    share = amount // length * passed + amount % length * passed // length
    return pl.col("amount").sign() * share


def _microseconds(duration: pl.Expr) -> pl.Expr:
    return duration.dt.total_microseconds().cast(pl.Int128)
