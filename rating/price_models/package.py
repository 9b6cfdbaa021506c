"""`package`: whole blocks, each as soon as it is started."""

import polars as pl


def package(parts: pl.DataFrame, price_tiers: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG001 - every model has this shape
    """Charge the blocks that a part starts, beyond those the pool had started before.

    Below zero (corrections) a block is given back once it is whole.

    Reads    parts    part_id, quantity_before, quantity [integers, scaled alike], package_size, scale, one,
                      unit_price: the price of a block
    Makes    part_id, term_quantity, term_price: so many blocks, a block counting as `one`
    Source   P3 `package`, P6

    >>> parts = pl.DataFrame({"part_id": [0], "quantity_before": [95], "quantity": [10], "package_size": [100],
    ...                       "scale": [1], "one": [1], "unit_price": [3]})
    >>> package(parts, pl.DataFrame()).row(0)
    (0, 1, 3)
    """
    size = pl.col("package_size") * pl.col("scale")

    def started(quantity: pl.Expr) -> pl.Expr:
        return (quantity + size - 1) // size

    before, after = pl.col("quantity_before"), pl.col("quantity_before") + pl.col("quantity")
    blocks = started(after) - started(before)
    terms = parts.select("part_id", term_quantity=blocks * pl.col("one"), term_price="unit_price")
    return terms.filter(pl.col("term_quantity") != 0)
