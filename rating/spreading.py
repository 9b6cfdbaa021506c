"""A charge spread over its usage records, exactly (P8)."""

import polars as pl

from rating.money import share_integers

ALIKE = ["series_id", "charge_period_start", "charge_period_end", "consumed_quantity"]


def spread(records: pl.DataFrame, list_cost_mu: int) -> pl.DataFrame:
    """Split a charge over the records it is made of, in proportion to what each adds to it, by largest remainder.

    A record's weight is what is left of its quantity to charge, or its own cost where records are priced one by one.
    Of records that say the same, with the same resource, time and quantity, the first by id has the largest weight.
    Where the weights sum to nothing the last record has the whole, as P7 leaves it to the last charge of a line.

    Reads    records  usage_record_id, series_id, charge_period_start, charge_period_end, consumed_quantity,
             weight: an integer as text, of any size
    Makes    records in order of start and id, with share_mu [mu]; the shares sum to the charge
    Source   P8, M1

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 10, day, tzinfo=UTC) for day in (2, 1, 1)]
    >>> records = pl.DataFrame({"usage_record_id": ["c", "b", "a"], "series_id": [1, 1, 2], "charge_period_start": at,
    ...     "charge_period_end": at, "consumed_quantity": [1, 1, 1], "weight": ["1", "1", "1"]})
    >>> spread(records, 100).select("usage_record_id", "share_mu").rows()
    [('a', 34), ('b', 33), ('c', 33)]
    """
    rows = _heaviest_first(records).sort("charge_period_start", "usage_record_id", nulls_last=True)
    weights = [int(weight) for weight in rows["weight"]]
    if rows.height and not sum(weights):
        weights = [0] * (rows.height - 1) + [1]
    return rows.with_columns(pl.Series("share_mu", share_integers(list_cost_mu, weights), dtype=pl.Int64))


def _heaviest_first(records: pl.DataFrame) -> pl.DataFrame:
    """Records that say the same, with their weights dealt out by id; how they were told apart is nobody's concern."""
    rows = records.sort(*ALIKE, "usage_record_id", nulls_last=True)
    by_weight = sorted(
        zip(rows.select(pl.struct(ALIKE).rle_id()).to_series(), map(int, rows["weight"]), strict=True),
        key=lambda one: (one[0], -one[1]),
    )
    return rows.with_columns(pl.Series("weight", [str(weight) for _, weight in by_weight], dtype=pl.String))
