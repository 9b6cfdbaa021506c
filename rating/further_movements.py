"""What a period does to grants beyond what was posted with its issued document: added, never replaced (L4, B3, K3)."""

import polars as pl

from rating.sql import content_ids
from schemas.grant_movements import GrantMovements

PAYING = ("charged", "returned")
"""Movements that follow what a grant pays of a charge, there and back."""

WHAT = ["grant_id", "billing_period", "word", "charge_id"]


def further_movements(committed: pl.DataFrame, desired: pl.DataFrame) -> pl.DataFrame:
    """The rows that bring the movements of issued periods from what is committed to what they should be.

    Of what was charged too much, the rest is `returned`; what more is paid is `charged`. What expired, was recovered or
    drawn too much comes back under the same word. What is paid more is dated by the end of its charge or window, what
    comes back when it was taken, the oldest first, as an end may have moved since: so a balance never falls below zero
    on its time line.

    Reads    GrantMovements of the same accounts and periods, made by billing: all that are committed; as they should be
    Makes    GrantMovements, to be kept beside the committed ones; none where nothing changed
    Source   L4, B3, K1, K3

    >>> further_movements(GrantMovements.empty(), GrantMovements.empty()).height
    0
    """
    sides = pl.concat(
        [
            _named(desired).with_columns(change=pl.col("amount"), is_committed=pl.lit(False)),
            _named(committed).with_columns(change=-pl.col("amount"), is_committed=pl.lit(True)),
        ]
    )
    rest = [name for name in GrantMovements.columns() if name not in {*WHAT, "amount", "movement", "movement_id"}]
    changes = (
        sides.group_by(WHAT, maintain_order=True)
        .agg(pl.col("change").sum(), pl.col("is_committed").sum().alias("before"), *(pl.col(rest).first(),))
        .filter(pl.col("change") != 0)
    )
    rows = pl.concat([changes.filter(pl.col("change") < 0), _come_back(changes, committed)])
    is_returned = (pl.col("word") == "charged") & (pl.col("change") > 0)
    rows = rows.with_columns(
        movement=pl.when(is_returned).then(pl.lit("returned")).otherwise("word"),
        amount=pl.col("change"),
        place=pl.col("before").cast(pl.String),
    )
    keyed = content_ids(rows, "grant_id", "movement", "billing_period", "charge_id", "place")
    rows = rows.with_columns(movement_id=keyed)
    by = ["billing_account_id", "grant_id", "movement", "charge_id", "before"]
    return GrantMovements.conform(rows.sort(by, nulls_last=True))


def _come_back(changes: pl.DataFrame, committed: pl.DataFrame) -> pl.DataFrame:
    """What comes back, at each instant no more than was taken then, the oldest first: `before` counts on."""
    taken = _named(committed).group_by(*WHAT, "occurred_at").agg(taken=-pl.col("amount").sum())
    taken = taken.filter(pl.col("taken") > 0).sort("occurred_at").rename({"occurred_at": "taken_at"})
    rows = changes.filter(pl.col("change") > 0).join(taken, on=WHAT, nulls_equal=True, maintain_order="left_right")
    left = pl.col("change") - (pl.col("taken").cum_sum().over(WHAT) - pl.col("taken"))
    rows = rows.with_columns(change=pl.min_horizontal("taken", left)).filter(pl.col("change") > 0)
    place = pl.int_range(pl.len(), dtype=pl.UInt32).over(WHAT)
    return rows.with_columns(occurred_at="taken_at", before=pl.col("before") + place).select(changes.columns)


def _named(movements: pl.DataFrame) -> pl.DataFrame:
    """Movements with the word they are compared under: paying and returning are one."""
    is_paying = pl.col("movement").is_in(PAYING)
    return movements.with_columns(word=pl.when(is_paying).then(pl.lit("charged")).otherwise("movement"))
