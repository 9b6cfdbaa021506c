"""Published support plans, minimums and commitments: what is due without, or beside, usage.

AWS Support, https://aws.amazon.com/premiumsupport/pricing/ (its Vietnamese edition, read in November 2026): Developer
the greater of 29 USD or 3 % of monthly usage, 2,000 × 3 % = 60. Business the greater of 100 or 10 % up to 10,000, 7 %
up to 80,000, 5 % up to 250,000, 3 % above: 85,000 cost 6,150. Enterprise 10 % up to 150,000, 7 % up to 500,000, 5 % up
to 1,000,000, 3 % above: 1,200,000 cost 70,500.

AWS, https://aws.amazon.com/premiumsupport/knowledge-center/support-billing/ (2017): Business (100 a month) from the
exact middle of October is 50.

Lago, https://getlago.com/docs/guide/plans/charges/spending-minimum and
https://getlago.com/docs/guide/lago-cloud/contract-billing (read in November 2026): 50 of usage at 0.010 a user against
a minimum of 100, a true-up of 50; 800 against a commitment of 1,000, a true-up of 200; with 1,300 none. Minimums are
prorated by days.
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.price_tiers import PriceTiers
from schemas.recurring_items import RecurringItems
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.spend_limits import SpendLimits
from schemas.usage_records import UsageRecords
from tests.golden.prices.months import assert_due, month
from tests.tables import table

SKUS = table(
    Skus,
    """
    sku_id   | service | pricing_unit
    support  | Support | USD
    plan     | Support | month
    users    | Users   | user
    true-up  | Support | month
    """,
)
BUSINESS = """
    up_to  | unit_price
    10000  |       0.10
    80000  |       0.07
    250000 |       0.05
           |       0.03
"""
ENTERPRISE = """
    up_to   | unit_price
    150000  |       0.10
    500000  |       0.07
    1000000 |       0.05
            |       0.03
"""


def supported(tiers: str, usage: str) -> Outputs:
    """A support plan whose quantity is the money that was spent."""
    return month(
        skus=SKUS,
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | sku_id  | price_model
            plan-tiers   | support | graduated
            """,
        ),
        price_tiers=table(PriceTiers, tiers, sku_price_id="plan-tiers"),
        usage_records=table(UsageRecords, f"consumed_quantity\n{usage}", sku_id="support", consumed_unit="USD"),
    )


def test_aws_business_support() -> None:
    """10,000 × 10 % + 70,000 × 7 % + 5,000 × 5 % = 1,000 + 4,900 + 250 = 6,150 as published."""
    assert_due(supported(BUSINESS, "85000"), "6150.00")


def test_aws_enterprise_support() -> None:
    """15,000 + 24,500 + 25,000 + 6,000 = 70,500 as published."""
    assert_due(supported(ENTERPRISE, "1200000"), "70500.00")


@pytest.mark.parametrize(("usage", "fee"), [("2000", "60.00"), ("500", "29.00"), ("966.67", "29.00"), ("967", "29.01")])
def test_aws_developer_support(usage: str, fee: str) -> None:
    """3 %, at least 29: 2,000 × 3 % = 60 as published; 500 would be 15; 966.67 is 29.0001; 967 is 29.01."""
    price = table(
        SkuPrices,
        """
        sku_id  | price_model | list_unit_price | minimum
        support | percentage  |            0.03 |      29
        """,
    )
    records = table(UsageRecords, f"consumed_quantity\n{usage}", sku_id="support", consumed_unit="USD")
    assert_due(month(skus=SKUS, sku_prices=price, usage_records=records), fee)


PLAN = table(
    SkuPrices,
    """
    sku_price_id | sku_id | list_unit_price
    plan         | plan   |             100
    """,
)


def subscribed(period: str, proration: str, valid_from: str, valid_until: str = "", zone: str = "UTC") -> Outputs:
    """A plan of 100 a month, from one day until another."""
    return month(
        period,
        zone=zone,
        skus=SKUS,
        sku_prices=PLAN,
        recurring_items=table(
            RecurringItems,
            f"""
            recurring_item_id | sku_id | quantity | proration   | valid_from   | valid_until
            plan-acme         | plan   |        1 | {proration} | {valid_from} | {valid_until}
            """,
        ),
    )


def test_aws_support_from_the_exact_middle_of_october() -> None:
    """From noon on the 16th: 15.5 of 31 days by the second, 50 as published."""
    assert_due(subscribed("2026-10", "second", "2026-10-16T12:00:00.000000Z"), "50.00")


@pytest.mark.parametrize(
    ("period", "valid_from", "valid_until", "cost"),
    [
        ("2026-10", "2026-01-01", "", "100.00"),
        ("2026-10", "2026-10-16", "", "51.61"),
        ("2026-10", "2026-10-31", "", "3.23"),
        ("2026-10", "2026-10-10", "2026-10-20", "32.26"),
        ("2026-11", "2026-11-16", "", "50.00"),
        ("2026-02", "2026-02-15", "", "50.00"),
        ("2028-02", "2028-02-15", "", "51.72"),
    ],
)
def test_a_plan_by_the_day(period: str, valid_from: str, valid_until: str, cost: str) -> None:
    """A hundred a month: 16 of 31 days 51.6129, one of 31 3.2258, ten of 31 32.2580, 15 of 30 50.00, 14 of 28 50.00
    and, in a leap year, 15 of 29 51.7241.
    """
    assert_due(subscribed(period, "day", valid_from, valid_until), cost)


def test_a_plan_by_the_day_and_by_the_second_where_the_clock_goes_back() -> None:
    """From the 25th on, 7 of 31 days are 22.58. In Berlin they are 169 of 745 hours: 22.6845…, 22.68."""
    assert_due(subscribed("2026-10", "day", "2026-10-25", zone="Europe/Berlin"), "22.58")
    assert_due(subscribed("2026-10", "second", "2026-10-25", zone="Europe/Berlin"), "22.68")


def test_a_plan_without_proration_is_due_whole() -> None:
    assert_due(subscribed("2026-10", "none", "2026-10-31"), "100.00")


def committed(users: str, limit: pl.DataFrame) -> Outputs:
    """So many users at 0.010 each, with a spend limit."""
    return month(
        skus=SKUS,
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | sku_id | list_unit_price
            users        | users  |           0.010
            """,
        ),
        spend_limits=limit,
        usage_records=table(UsageRecords, f"consumed_quantity\n{users}", sku_id="users", consumed_unit="user"),
    )


def minimum(amount: str, valid_from: str = "2026-01-01") -> pl.DataFrame:
    return table(
        SpendLimits,
        f"""
        spend_limit_id | kind          | billing_account_id | amount   | true_up_sku_id | valid_from
        commitment     | minimum_spend | acme               | {amount} | true-up        | {valid_from}
        """,
    )


@pytest.mark.parametrize(
    ("users", "amount", "usage", "true_up", "due"),
    [("5000", "100", "50.00", "50.00", "100.00"), ("80000", "1000", "800.00", "200.00", "1000.00")],
)
def test_lago_minimums_are_trued_up(users: str, amount: str, usage: str, true_up: str, due: str) -> None:
    """5,000 × 0.010 = 50 of 100: 50. 800 of 1,000: 200. As published."""
    billed = committed(users, minimum(amount))
    assert_due(billed, due)
    costs = dict(billed.charges.select("sku_id", "list_cost").iter_rows())
    assert {sku: f"{cost:.2f}" for sku, cost in costs.items()} == {"users": usage, "true-up": true_up}


def test_lago_above_the_minimum_nothing_is_added() -> None:
    """1,300 against 1,000."""
    billed = committed("130000", minimum("1000"))
    assert_due(billed, "1300.00")
    assert billed.charges.height == 1


def test_a_minimum_counts_by_its_days() -> None:
    """1,000 from the 17th on is 15 of 31 days, 483.87; with 50 of usage, 433.87 are missing."""
    assert_due(committed("5000", minimum("1000", "2026-10-17")), "483.87")


def test_a_maximum_is_as_much_as_is_due() -> None:
    """1,300 with at most 1,000: 300 come off."""
    cap = table(
        SpendLimits,
        """
        spend_limit_id | kind          | billing_account_id | amount
        cap            | maximum_spend | acme               |   1000
        """,
    )
    assert_due(committed("130000", cap), "1000.00")
    assert_due(committed("80000", cap), "800.00")
