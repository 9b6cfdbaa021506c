"""Policies are dated rows, read once per account and period at the last instant of the period.

The first value of each list in the rule book is the default; a row without an account replaces it for everyone, a row
that names an account for that account.
"""

import polars as pl

from rating.dates import in_force, instants

DEFAULTS: dict[str, str] = {
    "charge_order": "oldest_first",
    "credit_hysteresis": "0.05",
    "credit_restricted": "1.00",
    "credit_warning": "0.80",
    "eligibility": "usage_time",
    "grant_order": "kind_rank,priority,expires_at,coverage,occurred_at,grant_id",
    "late_usage": "correct",
    "line_grain": "sku",
    "organization_credit": "open",
    "paid_charges": "untouched",
    "payable_increment": "0",
    "proration": "none",
    "retroactive_bonus_tax": "reduce",
    "rounding_charges": "half_away",
    "rounding_tax": "half_away",
    "spanning_records": "start",
    "stacking": "sequential",
    "tax_point": "period_end",
    "tax_rounding": "per_category",
    "unpriced_usage": "hold",
}


def account_policies(accounts: pl.DataFrame, billing_policies: pl.DataFrame) -> pl.DataFrame:
    """Each account's policies, a column each.

    Reads    accounts          billing_account_id, time_zone, last_instant
             billing_policies  BillingPolicies, dated
    Makes    accounts with one text column per policy of `DEFAULTS`
    Source   rule book, opening paragraph; M2
    """
    rows = billing_policies.filter(pl.col("policy").is_in(list(DEFAULTS)))
    keys = accounts.select("billing_account_id", "time_zone", "last_instant")
    own = keys.join(rows, on="billing_account_id", how="inner")
    general = keys.join(rows.filter(pl.col("billing_account_id").is_null()).drop("billing_account_id"), how="cross")
    columns = [*own.columns]
    said = (
        instants(pl.concat([own.with_columns(rank=0), general.select(columns).with_columns(rank=1)]))
        .filter(in_force("last_instant"))
        .sort("billing_account_id", "policy", "rank", "starts", descending=[False, False, False, True])
        .unique(["billing_account_id", "policy"], keep="first", maintain_order=True)
    )
    for policy, default in DEFAULTS.items():
        value = said.filter(pl.col("policy") == policy).select("billing_account_id", pl.col("value").alias(policy))
        accounts = accounts.join(value, on="billing_account_id", how="left", maintain_order="left").with_columns(
            pl.col(policy).fill_null(default)
        )
    return accounts
