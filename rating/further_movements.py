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
    drawn too much comes back under the same word. Each is dated as the first would have been: at the end of its charge
    or window, so that a balance never falls below zero on its time line.

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
    is_returned = (pl.col("word") == "charged") & (pl.col("change") > 0)
    rows = changes.with_columns(
        movement=pl.when(is_returned).then(pl.lit("returned")).otherwise("word"),
        amount=pl.col("change"),
        place=pl.col("before").cast(pl.String),
    )
    keyed = content_ids(rows, "grant_id", "movement", "billing_period", "charge_id", "place")
    rows = rows.with_columns(movement_id=keyed)
    return GrantMovements.conform(rows.sort("billing_account_id", "grant_id", "movement", "charge_id", nulls_last=True))


def _named(movements: pl.DataFrame) -> pl.DataFrame:
    """Movements with the word they are compared under: paying and returning are one."""
    is_paying = pl.col("movement").is_in(PAYING)
    return movements.with_columns(word=pl.when(is_paying).then(pl.lit("charged")).otherwise("movement"))
