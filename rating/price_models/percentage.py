"""`percentage`: a rate on an amount of money and a fee per record, within a least and a most."""

import polars as pl

from rating.money import is_less


def percentage(parts: pl.DataFrame, price_tiers: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG001 - every model has this shape
    """Charge each record rate × quantity + fixed fee, no less than the minimum, no more than the maximum.

    A correction gives back what its quantity costs.

    Reads    parts    part_id, quantity: of one record [integer, scaled], part_count: how many records are alike,
                      unit_price: the rate, fixed_fee, minimum, maximum (null: none) [integers], one
    Makes    part_id, term_quantity, term_price: the rate on the quantity and the fee, or the bound alone
    Source   P3 `percentage`

    >>> parts = pl.DataFrame({"part_id": [0, 1], "quantity": [100, -1], "part_count": [2, 1], "unit_price": [3, 3],
    ...                       "fixed_fee": [30, 30], "minimum": [50, 50], "maximum": [None, None], "one": [1, 1]},
    ...                      schema_overrides={"maximum": pl.Int64})
    >>> percentage(parts, pl.DataFrame()).rows()
    [(0, 200, 3), (0, 2, 30), (1, -1, 50)]
    """
    size, count = pl.col("quantity").abs(), pl.col("part_count") * pl.col("quantity").sign().cast(pl.Int128)
    rows = parts.select(
        "part_id",
        "unit_price",
        "minimum",
        "maximum",
        "one",
        size=size,
        count=count,
        fee=pl.col("fixed_fee").fill_null(0),
    ).filter(pl.col("count") != 0)
    cost = [("size", "unit_price"), ("one", "fee")]
    below = is_less(rows, cost, [("one", "minimum")])
    above = is_less(rows, [("one", "maximum")], cost)
    rows = rows.with_columns(
        bound=pl.when(above).then("maximum").when(below).then("minimum"), fees=pl.col("one") * pl.col("count")
    )
    within = rows.filter(pl.col("bound").is_null())
    terms = pl.concat(
        [
            within.select("part_id", term_quantity=pl.col("size") * pl.col("count"), term_price="unit_price"),
            within.select("part_id", term_quantity="fees", term_price="fee"),
            rows.drop_nulls("bound").select("part_id", term_quantity="fees", term_price="bound"),
        ]
    )
    return terms.filter(pl.col("term_price") != 0)
