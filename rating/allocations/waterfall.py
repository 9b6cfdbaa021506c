"""The waterfall: dues and balances in, applications out. All "who pays for what, in order" is this one primitive.

A loop over ranks, all accounts at once: the n-th grant of every account pays in the n-th step. Within a step an
account's charges stand in the order they are paid in, and a running sum of what is due says where the grant ends.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rating.money import OutOfBoundsError, share, split_lines

SUM_BOUND = 2**62
"""No running sum of a step may reach this; checked before it is taken, because integers wrap."""


def waterfall(dues: pl.DataFrame, balances: pl.DataFrame, eligible: pl.DataFrame) -> pl.DataFrame:
    """Let each payer pay what is due, in order, until it or the dues are used up.

    Reads    dues      due_id, due_mu [mu, not negative], in the order they are paid in; line_id, line_place,
                       charge_place and mode where a payer is proportional: M1 goes over lines first, in their own order
             balances  payer_id, rank [from 1, the step a payer pays in], balance_mu [mu], is_proportional
             eligible  due_id, payer_id: what may pay for what; a due has at most one payer of a rank
    Makes    due_id, payer_id, rank, amount_mu [mu, positive]
    Errors   OutOfBoundsError where a running sum could wrap
    Source   G4, G5, G6
    """
    dues = dues.with_row_index("place")
    rows = (
        eligible.join(dues.drop("due_mu"), on="due_id")
        .join(balances.select("payer_id", "rank", "balance_mu", "is_proportional"), on="payer_id")
        .sort("rank", "payer_id", "place")
    )
    rests = dues["due_mu"].to_numpy().copy()
    found = [
        step.with_columns(amount_mu=_pay(step, rests)).filter(pl.col("amount_mu") > 0)
        for step in rows.partition_by("rank", maintain_order=True)
    ]
    empty = rows.head(0).with_columns(amount_mu=pl.lit(0, dtype=pl.Int64))
    return pl.concat([empty, *found]).select("due_id", "payer_id", "rank", "amount_mu")


def _pay(step: pl.DataFrame, rests: NDArray[np.int64]) -> pl.Series:
    """One step: every account's grant of this rank pays; `rests` falls by what is paid."""
    place = step["place"].to_numpy()
    due = rests[place]
    step = step.with_columns(due_mu=pl.Series(due))
    in_turn = _in_turn(step)
    proportional = step.filter("is_proportional")
    paid = in_turn
    if proportional.height:
        both = step.with_columns(in_turn=in_turn, proportional=_proportionally(step))
        paid = both.select(pl.when("is_proportional").then("proportional").otherwise("in_turn")).to_series()
    rests[place] = due - paid.to_numpy()
    return paid.rename("amount_mu")


def _in_turn(step: pl.DataFrame) -> pl.Series:
    """Earlier dues first: a due gets what the balance still has after those before it."""
    if step["due_mu"].cast(pl.Float64).sum() >= SUM_BOUND:
        raise OutOfBoundsError("the dues of one step sum to more than 2**62 minor units; bill fewer accounts at once")
    before = pl.col("due_mu").cum_sum().over("payer_id") - pl.col("due_mu")
    left = pl.max_horizontal(pl.col("balance_mu") - before, pl.lit(0, dtype=pl.Int64))
    return step.select(pl.min_horizontal("due_mu", left)).to_series()


def _proportionally(step: pl.DataFrame) -> pl.Series:
    """In proportion to what is due: the balance, or all that is due where that is less, split by M1."""
    rows = step.with_row_index("row").with_columns(whole_mu=pl.col("due_mu").sum().over("payer_id"))
    rows = rows.with_columns(total_mu=pl.min_horizontal("balance_mu", "whole_mu"))
    lines = (
        rows.group_by("payer_id", "line_id")
        .agg(pl.col("due_mu").sum(), pl.col("total_mu").first(), pl.col("line_place").min())
        .sort("payer_id", "line_place")
    )
    lines = lines.with_columns(line_mu=share(lines, "total_mu", "due_mu", "payer_id")).with_row_index("payer_line_id")
    split = rows.join(
        lines.select("payer_id", "line_id", "line_mu", "payer_line_id"), on=["payer_id", "line_id"], how="left"
    ).sort("payer_line_id", "charge_place")
    split = split.with_columns(proportional=split_lines(split, "line_mu", "due_mu", "payer_line_id", "mode"))
    return split.sort("row")["proportional"]
