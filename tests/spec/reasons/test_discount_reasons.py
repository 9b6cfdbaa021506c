"""Every discount of an account has one reason for every charge of the month, also one whose code was not accepted.

Every SKU costs 1.00 an hour, so that hours read as euros.
"""

from __future__ import annotations

import polars as pl

from rating.allocations.limit_reasons import made_up
from rating.allocations.reasons import DISCOUNT_REASONS, discount_reasons, offers
from rating.outputs import Rated
from rating.pipeline import Inputs
from schemas.billing_policies import BillingPolicies
from schemas.discounts import Discounts
from schemas.promo_codes import PromoCodes
from schemas.skus import Skus
from schemas.spend_limits import SpendLimits
from schemas.usage_records import UsageRecords
from tests.spec.period import USUAL
from tests.spec.reasons.told import assert_reasons, month
from tests.tables import table

title = "Reasons: why a discount lowered a charge, or did not (G8)"

USED = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-large |               100
    database |              0.03
    training |                20
    """,
)
DISCOUNTS = table(
    Discounts,
    """
    discount_id | value | priority | sku_id   | promo_code | valid_from
    gift        |   100 |        1 | training |            | 2026-01-01
    ten         |    10 |        2 |          |            | 2026-01-01
    winter      |    50 |        3 |          |            | 2026-12-01
    hello       |    20 |        4 | vm-large | HELLO      | 2026-01-01
    staff       |    90 |        5 |          | STAFF      | 2026-01-01
    """,
)
CODES = table(
    PromoCodes,
    """
    promo_code | benefit  | accounts
    HELLO      | discount |
    STAFF      | discount | ["other"]
    """,
)
SKUS = pl.concat([USUAL["skus"], table(Skus, "sku_id | description\nleast | least")])
AT_LEAST = table(
    SpendLimits,
    """
    spend_limit_id | kind          | amount | billing_account_id | true_up_sku_id
    least          | minimum_spend | 100    | acme               | least
    """,
)


def told(**tables: pl.DataFrame) -> pl.DataFrame:
    def ask(made: Rated, inputs: Inputs) -> pl.DataFrame:
        of = inputs.reference
        accounts = ["billing_account_id", "billing_currency", "time_zone", "period_start", "period_end"]
        unheard = offers(of["discounts"], of["promo_codes"], made.terms, made.items.select(accounts).unique())
        added = made_up(made.items, of["spend_limits"])
        return discount_reasons(made.items, made.terms, made.discounted, added, unheard)

    return month(ask, **{"usage_records": USED, "discounts": DISCOUNTS, "promo_codes": CODES, **tables})


def test_each_discount_says_of_each_charge_what_it_took_or_why_not() -> None:
    """10 % of 100.03 are 10.00, all of it the large machine's; the code HELLO was not accepted, STAFF is for others."""
    assert_reasons(
        told().sort("discount_id"),
        """
        discount_id | charge   | reason       | amount
        gift        | vm-large | scope        | 0.00
        hello       | vm-large | code         | 0.00
        ten         | vm-large | applied      | 10.00
        winter      | vm-large | window       | 0.00
        gift        | database | scope        | 0.00
        hello       | database | code         | 0.00
        ten         | database | no_share     | 0.00
        winter      | database | window       | 0.00
        gift        | training | applied      | 20.00
        hello       | training | code         | 0.00
        ten         | training | nothing_left | 0.00
        winter      | training | window       | 0.00
        """,
    )


def test_best_only_names_the_discounts_that_were_worth_less() -> None:
    """Training has 100 % and 10 %, the rest 10 % alone."""
    best = table(BillingPolicies, "policy | value\nstacking | best_only")
    assert_reasons(
        told(billing_policies=best),
        """
        charge   | reason   | amount
        vm-large | applied  | 10.00
        database | no_share | 0.00
        training | better   | 0.00
        """,
        discount_id="ten",
    )


def test_what_a_minimum_lacks_takes_no_discount() -> None:
    """100 - 10 + 0.03 + 20 - 20 are 90.03, and 9.97 are added."""
    found = told(spend_limits=AT_LEAST, skus=SKUS)
    assert_reasons(
        found,
        """
        charge   | reason       | amount
        vm-large | applied      | 10.00
        database | no_share     | 0.00
        training | nothing_left | 0.00
        least    | minimum      | 0.00
        """,
        discount_id="ten",
    )
    assert {*found["reason"], "better"} == set(DISCOUNT_REASONS)


def test_a_discount_of_another_month_is_outside_its_window_whatever_it_is_for() -> None:
    """Winter is for the database alone; October's machine is no closer to it than its database, or what is added."""
    only = DISCOUNTS.with_columns(
        sku_id=pl.when(pl.col("discount_id") == "winter").then(pl.lit("database")).otherwise("sku_id")
    )
    assert_reasons(
        told(discounts=only, spend_limits=AT_LEAST, skus=SKUS),
        """
        charge   | reason | amount
        vm-large | window | 0.00
        database | window | 0.00
        training | window | 0.00
        least    | window | 0.00
        """,
        discount_id="winter",
    )


def test_a_code_that_was_for_another_month_is_not_offered() -> None:
    """HELLO is for November; who has not accepted it missed nothing."""
    later = DISCOUNTS.with_columns(valid_from=pl.lit("2026-11-01"))
    assert "hello" not in set(told(discounts=later)["discount_id"])
