"""What policies say of account periods that are committed, by the tables of today."""

import polars as pl

from flows.lake.journal import Snapshot
from rating.chains import OWNER
from rating.dates import LAST_INSTANT
from rating.policies import account_policies
from schemas.units import Text


def policy_of_periods(
    snapshot: Snapshot, periods: pl.DataFrame, billing_policies: pl.DataFrame, policy: str
) -> pl.DataFrame:
    """What a policy says of each of these account periods, at its last instant.

    Reads    periods: billing_account_id, billing_period; BillingPolicies
    Makes    billing_account_id, billing_period, time_zone, and a column of the policy's name; of committed ones
    """
    columns = dict.fromkeys((*OWNER, "time_zone", policy), Text)
    rows = snapshot.read("account_periods", billing_period=periods["billing_period"].unique().to_list())
    rows = rows.join(periods, on=OWNER, how="semi").select(*OWNER, "time_zone", last_instant=LAST_INSTANT)
    parts = [
        account_policies(own.drop("billing_period"), billing_policies)
        .with_columns(billing_period=pl.lit(period, dtype=Text))
        .select(*columns)
        for (period,), own in rows.sort(OWNER).group_by("billing_period", maintain_order=True)
    ]
    return pl.concat([pl.DataFrame(schema=columns), *parts])
