"""A policy is a dated row: for everyone, or for an account, which goes first. It is read once per account and period,
at the last instant of the period.
"""

from __future__ import annotations

import polars as pl

from rating.policies import DEFAULTS, account_policies
from schemas.billing_policies import BillingPolicies
from tests.tables import table

title = "Policies: data, not branches"

ACCOUNTS = table(BillingPolicies, "billing_account_id\nacme\nglobex", policy="x", value="x").select(
    "billing_account_id",
    time_zone=pl.lit("UTC"),
    last_instant=pl.lit("2026-10-31T23:59:59.999999Z").str.to_datetime(time_unit="us", time_zone="UTC"),
)


def stacking(billing_policies: pl.DataFrame, accounts: pl.DataFrame = ACCOUNTS) -> dict[str, str]:
    found = account_policies(accounts, billing_policies)
    return dict(found.select("billing_account_id", "stacking").iter_rows())


def test_without_a_row_a_policy_has_the_first_value_of_its_list() -> None:
    found = account_policies(ACCOUNTS, BillingPolicies.empty())
    assert found.select(list(DEFAULTS)).unique().rows(named=True) == [DEFAULTS]
    first = {"stacking": "sequential", "eligibility": "usage_time", "charge_order": "oldest_first"}
    first |= {"tax_rounding": "per_category", "unpriced_usage": "hold", "rounding_charges": "half_away"}
    assert {name: DEFAULTS[name] for name in first} == first


def test_a_row_without_an_account_is_for_everyone_and_one_with_an_account_goes_before_it() -> None:
    found = stacking(
        table(
            BillingPolicies,
            """
            billing_account_id | policy   | value
                               | stacking | additive
            globex             | stacking | best_only
            """,
        )
    )
    assert found == {"acme": "additive", "globex": "best_only"}


def test_an_older_row_of_the_account_goes_before_a_newer_one_of_everyone() -> None:
    found = stacking(
        table(
            BillingPolicies,
            """
            billing_account_id | policy   | value     | valid_from
                               | stacking | additive  | 2026-09-01
            globex             | stacking | best_only | 2026-01-01
            """,
        )
    )
    assert found["globex"] == "best_only"


def test_the_row_in_force_at_the_last_instant_of_the_month_counts() -> None:
    """A change on the last day counts for all of October; one of the first of November does not."""
    found = stacking(
        table(
            BillingPolicies,
            """
            billing_account_id | policy   | value     | valid_from | valid_until
            acme               | stacking | additive  | 2026-01-01 | 2026-10-31
            acme               | stacking | best_only | 2026-10-31 |
            globex             | stacking | additive  | 2026-01-01 | 2026-11-01
            globex             | stacking | best_only | 2026-11-01 |
            """,
        )
    )
    assert found == {"acme": "best_only", "globex": "additive"}


def test_a_policy_begins_at_midnight_where_the_account_is() -> None:
    """In Kolkata the first of November is 18:30 UTC of the last of October, which this last instant is past."""
    november = table(
        BillingPolicies,
        """
        policy   | value    | valid_from
        stacking | additive | 2026-11-01
        """,
    )
    in_kolkata = ACCOUNTS.with_columns(time_zone=pl.lit("Asia/Kolkata"))
    assert stacking(november) == {"acme": "sequential", "globex": "sequential"}
    assert stacking(november, in_kolkata) == {"acme": "additive", "globex": "additive"}
