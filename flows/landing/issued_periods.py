"""Periods that take no more usage, as their invoice is issued and a policy wants it so (X4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.lake.journal import Snapshot
from flows.standing import standing
from rating.chains import OWNER
from rating.policies import account_policies
from schemas.units import Text

if TYPE_CHECKING:
    from flows.reference import Reference


def periods_that_take_no_usage(snapshot: Snapshot, reference: Reference) -> pl.DataFrame:
    """The periods of accounts whose invoice stands, where policy `late_usage` is `reject` at their last instant.

    An invoice that was voided stands no more, so the period takes usage again.

    Makes    billing_account_id, billing_period
    Source   X4, policy `late_usage`
    """
    policies = reference["billing_policies"]
    nothing = pl.DataFrame(schema=dict.fromkeys(OWNER, Text))
    if policies.filter((pl.col("policy") == "late_usage") & (pl.col("value") == "reject")).is_empty():
        return nothing
    stands = standing(snapshot, since="")
    if stands.is_empty():
        return nothing
    periods = snapshot.read("account_periods", billing_period=stands["billing_period"].unique().to_list())
    accounts = periods.join(stands, on=OWNER, how="semi").select(
        *OWNER, "time_zone", last_instant=pl.col("period_end") - pl.duration(microseconds=1)
    )
    refusing = [
        account_policies(own.drop("billing_period"), policies)
        .filter(late_usage="reject")
        .select("billing_account_id", billing_period=pl.lit(period, dtype=Text))
        for (period,), own in accounts.group_by("billing_period", maintain_order=True)
    ]
    return pl.concat([nothing, *refusing])
