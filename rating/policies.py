"""Policies are dated rows, read once per account and period at the last instant of the period.

The first value of each list in the rule book is the default; a row without an account replaces it for everyone, a row
that names an account for that account.
"""

from collections.abc import Collection, Mapping

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


GRACE_DAYS: dict[str, str] = {"grace_days": "2"}
"""Read when drafts are to be issued by a schedule, not when a month is billed."""


BOUNDS: dict[str, str] = {
    "bound_payable_above": "none",
    "bound_payable_below": "none",
    "bound_payable_documents": "10",
    "bound_payable_months": "6",
    "bound_rejects": "none",
    "bound_rejects_rows": "1000",
}
"""Read of a whole run before it commits. Tables without a row, as runs before had them, know no bound."""


def account_policies(
    accounts: pl.DataFrame, billing_policies: pl.DataFrame, defaults: Mapping[str, str] = DEFAULTS
) -> pl.DataFrame:
    """Each account's policies, a column each.

    Reads    accounts          billing_account_id, time_zone, last_instant
             billing_policies  BillingPolicies, dated
             defaults          the policies that are asked for, with what counts where no row says it
    Makes    accounts with one text column per policy of the defaults
    Source   rule book, opening paragraph; M2
    """
    rows = billing_policies.filter(pl.col("policy").is_in(list(defaults)))
    account, zone = ["billing_account_id"], ["time_zone", "last_instant"]
    own = _said(accounts.select(*account, *zone).join(rows, on=account), account, defaults)
    for_all = rows.filter(pl.col("billing_account_id").is_null()).drop("billing_account_id")
    zones = accounts.select(zone).unique(maintain_order=True)
    general = zones.join(
        _said(zones.join(for_all, how="cross"), zone, defaults), on=zone, how="left", maintain_order="left"
    )
    keys = accounts.select(*account, *zone)
    keys = keys.join(general, on=zone, how="left", maintain_order="left", suffix="_general")
    said = keys.select(account).join(own, on=account, how="left", maintain_order="left")
    return accounts.hstack(
        [
            pl.select(pl.coalesce(said[policy], keys[policy], pl.lit(default)).alias(policy)).to_series()
            for policy, default in defaults.items()
        ]
    )


def _said(rows: pl.DataFrame, key: list[str], policies: Collection[str]) -> pl.DataFrame:
    """What dated rows say in force at the last instant: one row per key, a column per policy; null where nothing."""
    found = instants(rows).filter(in_force("last_instant")).sort(*key, "starts", descending=[*[False] * len(key), True])
    return found.group_by(key, maintain_order=True).agg(
        pl.col("value").filter(pl.col("policy") == policy).first().alias(policy) for policy in policies
    )
