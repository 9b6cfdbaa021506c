"""`volume`: the whole quantity at the price of the tier that the period reaches."""

import polars as pl


def volume(parts: pl.DataFrame, price_tiers: pl.DataFrame) -> pl.DataFrame:
    """Charge every unit at the price of the tier that the whole pool's quantity falls in, and that tier's flat fee.

    The fee is due where the pool passes the lower bound of the tier, so once, whatever prices follow each other.

    Reads    parts        part_id, price_row, quantity_before, quantity, pool_quantity [integers, scaled alike], scale,
                          one
             price_tiers  price_row, tier, tier_start, tier_end (null: open), tier_price, flat_fee [integers]
    Makes    part_id, term_quantity, term_price
    Source   P3 `volume`, P6

    >>> parts = pl.DataFrame({"part_id": [0], "price_row": [7], "quantity_before": [0], "quantity": [12],
    ...                       "pool_quantity": [12], "scale": [1], "one": [1]})
    >>> tiers = pl.DataFrame({"price_row": [7, 7], "tier": [0, 1], "tier_start": [0, 10], "tier_end": [10, None],
    ...                       "tier_price": [3, 2], "flat_fee": [0, 5]})
    >>> volume(parts, tiers).sort("term_price").rows()
    [(0, 12, 2), (0, 1, 5)]
    """
    rows = parts.join(price_tiers, on="price_row")
    starts, ends = pl.col("tier_start") * pl.col("scale"), pl.col("tier_end") * pl.col("scale")
    whole = pl.col("pool_quantity")
    above = (whole > starts) | (pl.col("tier") == 0)
    reached = rows.filter(above & (pl.col("tier_end").is_null() | (whole <= ends)))
    before, after = pl.col("quantity_before"), pl.col("quantity_before") + pl.col("quantity")
    enters = (before <= starts) & (starts < after)
    units = reached.select("part_id", term_quantity="quantity", term_price="tier_price")
    fees = reached.filter(enters).select("part_id", term_quantity="one", term_price="flat_fee")
    terms = pl.concat([units, fees])
    return terms.filter((pl.col("term_quantity") != 0) & (pl.col("term_price") != 0))
