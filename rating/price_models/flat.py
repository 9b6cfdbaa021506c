"""`flat`: one amount for a period with usage, however much."""

import polars as pl


def flat(parts: pl.DataFrame, price_tiers: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG001 - every model has this shape
    """Charge the amount once per pool, at the price of the pool's first positive record.

    Reads    parts    part_id, is_first: whether that record is among them, once_quantity: what the pool comes to, one,
                      unit_price
    Makes    part_id, term_quantity, term_price: one unit where it is due
    Source   P3 `flat`

    >>> parts = pl.DataFrame({"part_id": [0, 1], "is_first": [True, False], "once_quantity": [12, 12], "one": [1, 1],
    ...                       "unit_price": [9, 8]})
    >>> flat(parts, pl.DataFrame()).rows()
    [(0, 1, 9)]
    """
    due = parts.filter(pl.col("is_first") & (pl.col("once_quantity") > 0))
    return due.select("part_id", term_quantity="one", term_price="unit_price")
