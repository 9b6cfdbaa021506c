"""`graduated`: each slice of a quantity at the price of the tier it falls in."""

import polars as pl


def graduated(parts: pl.DataFrame, price_tiers: pl.DataFrame) -> pl.DataFrame:
    """Charge each slice of a pool's quantity at the price of the tier it falls in, and each tier entered its flat fee.

    With Q the quantity the pool had before, a part of q costs f(Q + q) − f(Q). Tiers are cumulative and inclusive; a
    tier is entered when the quantity is above its lower bound. What lies below zero (corrections) is charged at the
    price of the first tier.

    Reads    parts        part_id, price_row, quantity_before, quantity [integers, scaled alike], one
             price_tiers  price_row, tier, tier_start, tier_end (null: open), tier_price, flat_fee [integers]; the
                          bounds are not divided yet, so `scale` brings them to the part's scale
    Makes    part_id, term_quantity, term_price: the slices, and the flat fees as a quantity of `one`
    Source   P3 `graduated`, P6

    >>> parts = pl.DataFrame({"part_id": [0], "price_row": [7], "quantity_before": [8], "quantity": [4],
    ...                       "scale": [1], "one": [1]})
    >>> tiers = pl.DataFrame({"price_row": [7, 7], "tier": [0, 1], "tier_start": [0, 10],
    ...                       "tier_end": [10, None], "tier_price": [3, 2], "flat_fee": [0, 0]})
    >>> graduated(parts, tiers).sort("term_price").rows()
    [(0, 2, 2), (0, 2, 3)]
    """
    rows = parts.join(price_tiers, on="price_row")
    before, after = pl.col("quantity_before"), pl.col("quantity_before") + pl.col("quantity")
    starts, ends = pl.col("tier_start") * pl.col("scale"), pl.col("tier_end") * pl.col("scale")

    def below(quantity: pl.Expr) -> pl.Expr:
        """The part of a quantity that lies in the tier: signed below zero, in the first tier only."""
        in_tier = pl.max_horizontal(pl.min_horizontal(quantity, ends), starts) - starts
        return pl.when((pl.col("tier") == 0) & (quantity < 0)).then(quantity).otherwise(in_tier)

    entered = (after > starts).cast(pl.Int8) - (before > starts).cast(pl.Int8)
    slices = rows.select("part_id", term_quantity=below(after) - below(before), term_price="tier_price")
    fees = rows.select("part_id", term_quantity=pl.col("one") * entered, term_price="flat_fee")
    terms = pl.concat([slices, fees])
    return terms.filter((pl.col("term_quantity") != 0) & (pl.col("term_price") != 0))
