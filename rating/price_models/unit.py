"""`unit`: every unit at the same price."""

import polars as pl


def unit(parts: pl.DataFrame, price_tiers: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG001 - every model has this shape
    """Charge the whole quantity at the list unit price.

    Reads    parts    part_id, quantity [integer, scaled], unit_price [integer, scaled]
    Makes    part_id, term_quantity, term_price: one row per part
    Source   P3 `unit`

    >>> parts = pl.DataFrame({"part_id": [0], "quantity": [12], "unit_price": [3]})
    >>> unit(parts, pl.DataFrame()).row(0)
    (0, 12, 3)
    """
    return parts.select("part_id", term_quantity="quantity", term_price="unit_price")
