"""Free quantity: what comes off the use of a pool first, in time order (P3)."""

import polars as pl

from rating.price_models import BY_FIRST, BY_RECORD
from rating.quantities import COMMON, ONE_PER_RESOURCE, TIME_ORDER, integer
from rating.rows import where
from rating.tier_pools import with_pools

_IS_INSTANT = pl.col("at").is_not_null() & (pl.col("value").is_not_null() | pl.col("meter").is_in(ONE_PER_RESOURCE))


def with_free(rows: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Add what is left of each use once the free quantity of its pool has come off, in time order.

    With c the pool's quantity before and F the price row's free quantity, a use of q is charged as g(c + q) − g(c),
    where g(x) is x − F above F, nothing from 0 to F, and x below 0.

    Makes    rows with rest [integer]; is_coarse: its instants would have to be told apart to know
    Source   P3 `free_quantity`
    """
    # one amount for the line of the first record that counts: only its instants tell which that is once rounded
    # nor what each record costs
    by_record = pl.col("price_model").is_in([*BY_RECORD, *BY_FIRST]) & (pl.col("quantity_rounding_scope") == "period")
    rows = rows.with_columns(rest="quantity", is_coarse=(by_record & ~_IS_INSTANT).fill_null(value=False))
    offers = rows["sold_id"].filter(rows["free_quantity"].is_not_null()).unique()
    if offers.len():
        is_offered = rows.select(pl.col("price_row").is_not_null() & pl.col("sold_id").is_in(offers.implode()))
        rows = _with_rest(rows, is_offered.to_series(), classes)
    return rows.with_columns(
        first_positive_at=pl.when(pl.col("at").is_not_null() | pl.col("value").is_not_null())
        .then(pl.when(pl.col("rest") > 0).then(pl.coalesce("at", "first_record_at")))
        .when((pl.col("meter") != "count") | (pl.col("rest") > 0))
        .then("first_positive_at")
    )


def _with_rest(rows: pl.DataFrame, is_offered: pl.Series, classes: pl.DataFrame) -> pl.DataFrame:
    """Uses with what is left of those to which something free is offered."""
    offered = with_pools(rows.filter(is_offered).with_row_index("_row"), classes)
    offered = offered.with_columns(_free=integer(pl.col("free_quantity").fill_null(0)) * COMMON)
    offered = offered.sort("pool_id", *TIME_ORDER).with_columns(_up_to=pl.col("quantity").cum_sum().over("pool_id"))
    before = pl.col("_up_to") - pl.col("quantity")
    offered = offered.select(
        "_row",
        rest=_above(pl.col("_up_to"), pl.col("_free")) - _above(before, pl.col("_free")),
        is_coarse=_is_coarse(),
    ).sort("_row")
    return rows.with_columns(where(is_offered, offered.drop("_row"), rows))


def _above(quantity: pl.Expr, free: pl.Expr) -> pl.Expr:
    return pl.when(quantity > free).then(quantity - free).when(quantity < 0).then(quantity).otherwise(0)


def _is_coarse() -> pl.Expr:
    """Whether telling instants apart would matter: the free quantity runs out somewhere within several uses.

    It does not where all of the pool is free, nor where the pool is one line without a cut whose price looks at the
    quantity alone.
    """
    pool = "pool_id"
    several = pl.struct("line_class", "price_row", "segment_start").n_unique().over(pool) > 1
    several = several | pl.col("price_model").is_in(BY_RECORD).any().over(pool)
    positive = (pl.col("quantity") >= 0).all().over(pool) & ~pl.col("allows_corrections").any().over(pool)
    all_free = positive & (pl.col("quantity").sum().over(pool) <= pl.col("_free").min().over(pool))
    return several & ~all_free & ~_IS_INSTANT
