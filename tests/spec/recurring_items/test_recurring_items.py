"""What is charged each period without usage: one usage row per dated row of an item, its quantity times the part of the
period it covers, priced like any other. Every SKU costs 1.00 an hour, so that quantities read as euros; October has 31
days.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.charges import Charges
from schemas.discounts import Discounts
from schemas.holds import Holds
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.price_tiers import PriceTiers
from schemas.rating_lines import RatingLines
from schemas.recurring_items import RecurringItems
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Recurring items: what is charged without usage (P9)"


def recurring(text: str) -> pl.DataFrame:
    return table(RecurringItems, text, billing_account_id="acme", sku_id="vm-small")


SIXTY_TWO = recurring(
    """
    quantity | valid_from
    62       | 2026-01-01
    """
)


def policy(value: str) -> pl.DataFrame:
    return table(BillingPolicies, f"policy | value\nproration | {value}")


def costs(recurring_items: pl.DataFrame, **terms: Any) -> list[str]:
    """What each charge of the period costs, oldest first."""
    charges = bill(recurring_items=recurring_items, **terms).charges
    return [f"{cost:.2f}" for cost in charges.sort("charge_order")["list_cost"]]


def test_an_item_is_charged_without_any_usage() -> None:
    billed = bill(recurring_items=SIXTY_TWO)
    assert_table(
        billed.charges,
        Charges,
        """
        sku_id   | charge_category | charge_period_start | charge_period_end | pricing_quantity | list_cost
        vm-small | recurring       | 2026-10-01T00:00Z   | 2026-11-01T00:00Z |               62 |     62.00
        """,
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_id   | charge_category | sku_price_id  | list_cost | record_count
        vm-small | recurring       | vm-small-list |     62.00 |            1
        """,
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        list_cost | total_tax | amount_due
        62.00     |     12.40 |      74.40
        """,
    )


def test_beside_usage_of_the_same_sku_it_is_a_line_of_its_own() -> None:
    """Usage stands before it: recurring comes before usage in the alphabet of categories."""
    billed = bill(
        recurring_items=SIXTY_TWO, usage_records=table(UsageRecords, "sku_id | consumed_quantity\nvm-small | 5")
    )
    assert_table(
        billed.charges,
        Charges,
        """
        charge_category | pricing_quantity | list_cost | charge_order
        recurring       |               62 |     62.00 |            1
        usage           |                5 |      5.00 |            2
        """,
    )


FROM_THE_17TH = recurring(
    """
    quantity | valid_from
    62       | 2026-10-17
    """
)


@pytest.mark.parametrize(("value", "cost"), [("none", "62.00"), ("day", "30.00"), ("second", "30.00")])
def test_a_part_of_the_month_counts_as_the_policy_says(value: str, cost: str) -> None:
    """From the 17th on are 15 of 31 days: 62 × 15/31 are 30."""
    assert costs(FROM_THE_17TH, billing_policies=policy(value)) == [cost]


@pytest.mark.parametrize(("value", "cost"), [("none", "62.00"), ("day", "30.00"), ("second", "29.00")])
def test_a_day_that_is_touched_is_a_day_and_a_second_is_a_second(value: str, cost: str) -> None:
    """From noon of the 17th on: 15 days are touched, 14.5 are covered."""
    noon = recurring(
        """
        quantity | valid_from
        62       | 2026-10-17T12:00:00.000000Z
        """
    )
    assert costs(noon, billing_policies=policy(value)) == [cost]


def lives(window: str) -> pl.DataFrame:
    return table(BillingAccounts, f"valid_from | valid_until\n{window}")


@pytest.mark.parametrize(
    ("life", "value", "cost"),
    [
        ("2026-01-01 | 2026-10-17", "none", "62.00"),
        ("2026-01-01 | 2026-10-17", "day", "32.00"),  # 16 of 31 days
        ("2026-01-01 | 2026-10-17T12:00:00.000000Z", "day", "34.00"),  # a day is touched
        ("2026-01-01 | 2026-10-17T12:00:00.000000Z", "second", "33.00"),
        ("2026-10-17 |", "none", "62.00"),
        ("2026-10-17 |", "day", "30.00"),
        ("2026-10-11 | 2026-10-21", "second", "20.00"),
    ],
)
def test_an_item_is_charged_for_the_time_that_its_account_is_there(life: str, value: str, cost: str) -> None:
    """Where the account begins or ends inside the month, so does what it rents."""
    assert costs(SIXTY_TWO, billing_accounts=lives(life), billing_policies=policy(value)) == [cost]


@pytest.mark.parametrize("value", ["none", "day", "second"])
def test_an_item_from_after_the_end_of_its_account_is_not_charged(value: str) -> None:
    ended = lives("2026-01-01 | 2026-10-17")
    assert costs(FROM_THE_17TH, billing_accounts=ended, billing_policies=policy(value)) == []


def test_another_row_of_the_account_ends_no_item() -> None:
    """It moves on the 11th: one account, one item for the whole month."""
    moved = lives("2026-01-01 | 2026-10-11\n2026-10-11 |")
    assert costs(SIXTY_TWO, billing_accounts=moved, billing_policies=policy("day")) == ["62.00"]


def test_the_charge_says_which_part_of_the_month_it_is_for() -> None:
    billed = bill(
        recurring_items=recurring(
            """
            quantity | valid_from | valid_until
            62       | 2026-10-11 | 2026-10-21
            """
        ),
        billing_policies=policy("day"),
    )
    assert_table(
        billed.charges,
        Charges,
        """
        pricing_quantity | list_cost
        20               |     20.00
        """,
    )


def test_what_the_row_says_goes_before_the_policy() -> None:
    own = recurring(
        """
        recurring_item_id | quantity | proration | valid_from
        a                 |       62 | none      | 2026-10-17
        b                 |       31 |           | 2026-10-17
        """
    )
    assert_table(
        bill(recurring_items=own, billing_policies=policy("day")).rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost | record_count
        77               |     77.00 |            2
        """,
    )


def test_what_changes_inside_the_month_is_charged_by_parts() -> None:
    """62 for 10 days are 20, 31 for the other 21 days are 21."""
    change = recurring(
        """
        recurring_item_id | quantity | valid_from | valid_until
        a                 |       62 | 2026-01-01 | 2026-10-11
        a                 |       31 | 2026-10-11 |
        """
    )
    assert_table(
        bill(recurring_items=change, billing_policies=policy("day")).rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost | record_count
        41               |     41.00 |            2
        """,
    )


def test_without_proration_only_the_latest_row_counts() -> None:
    """Once, and in full; also where the item has ended inside the month."""
    change = recurring(
        """
        recurring_item_id | quantity | valid_from | valid_until
        a                 |       62 | 2026-01-01 | 2026-10-11
        a                 |       31 | 2026-10-11 | 2026-10-12
        """
    )
    assert costs(change) == ["31.00"]


def test_what_ends_before_or_begins_after_the_month_is_not_there() -> None:
    others = recurring(
        """
        recurring_item_id | quantity | valid_from | valid_until
        a                 |        1 | 2026-01-01 | 2026-10-01
        b                 |        1 | 2026-11-01 |
        """
    )
    assert costs(others) == []


def test_days_are_those_of_the_account() -> None:
    """From 17 October 00:00 in Seoul, which is the 16th in UTC: 15 of 31 days."""
    accounts = table(BillingAccounts, "billing_account_id | time_zone\nacme | Asia/Seoul")
    assert costs(FROM_THE_17TH, billing_accounts=accounts, billing_policies=policy("day")) == ["30.00"]
    assert costs(FROM_THE_17TH, billing_accounts=accounts, billing_policies=policy("second")) == ["30.00"]


def test_a_month_of_745_hours_is_a_month() -> None:
    """Berlin's October has 31 days and an hour. From the 25th on are 7 days, or 169 of 745 hours: 14 and 14.06."""
    accounts = table(BillingAccounts, "billing_account_id | time_zone\nacme | Europe/Berlin")
    late = recurring(
        """
        quantity | valid_from
        62       | 2026-10-25
        """
    )
    assert costs(late, billing_accounts=accounts, billing_policies=policy("day")) == ["14.00"]
    assert costs(late, billing_accounts=accounts, billing_policies=policy("second")) == ["14.06"]


def test_a_part_that_does_not_end_is_exact_until_it_is_rounded() -> None:
    """1 for 10 of 31 days at 3.10 is 1.00, although 10/31 has no end."""
    one = recurring(
        """
        quantity | valid_from | valid_until
        1        | 2026-01-01 | 2026-10-11
        """
    )
    price = table(SkuPrices, "sku_price_id | sku_id | list_unit_price\nvm-small-list | vm-small | 3.10")
    assert costs(one, sku_prices=price, billing_policies=policy("day")) == ["1.00"]


def test_in_a_draft_it_is_there_once_it_has_begun() -> None:
    """A draft of the 15th: what began on the 1st counts whole, what begins on the 15th at 12:00 does not."""
    two = recurring(
        """
        recurring_item_id | quantity | valid_from
        a                 |       10 | 2026-01-01
        b                 |       20 | 2026-10-15T12:00:00.000000Z
        """
    )
    assert costs(two, known_as_of="2026-10-15T12:00:00Z") == ["10.00"]
    assert costs(two, known_as_of="2026-10-15T12:00:00.000001Z") == ["30.00"]


def test_a_draft_has_the_row_that_has_begun_where_a_later_one_has_not() -> None:
    change = recurring(
        """
        recurring_item_id | quantity | valid_from | valid_until
        a                 |       62 | 2026-01-01 | 2026-10-20
        a                 |       31 | 2026-10-20 |
        """
    )
    assert costs(change, known_as_of="2026-10-15T12:00:00Z") == ["62.00"]


@pytest.mark.parametrize("meter", ["sum", "count", "time_weighted", "max", "last", "unique"])
def test_no_meter_counts_or_weighs_it(meter: str) -> None:
    skus = table(Skus, f"sku_id | meter\nvm-small | {meter}")
    assert costs(SIXTY_TWO, skus=skus) == ["62.00"]


@pytest.mark.parametrize("scope", ["record", "period"])
def test_its_quantity_is_rounded_like_any(scope: str) -> None:
    """62 × 14/31 are 28; rounded up to a multiple of 10 they are 30."""
    part = recurring(
        """
        quantity | valid_from
        62       | 2026-10-18
        """
    )
    skus = table(
        Skus,
        f"sku_id | quantity_rounding | quantity_increment | quantity_rounding_scope\nvm-small | up | 10 | {scope}",
    )
    assert costs(part, skus=skus, billing_policies=policy("day")) == ["30.00"]


def test_it_shares_a_tier_pool_with_usage() -> None:
    """The first 60 cost 1.00, the rest 0.50. The item begins first: 60 + 2 × 0.50 = 61.00, the usage 8 × 0.50 = 4.00;
    the pool costs 65.00, shared by quantity: 62/70 and 8/70 of it."""
    prices = table(SkuPrices, "sku_price_id | sku_id | price_model | list_unit_price\np | vm-small | graduated |")
    tiers = table(
        PriceTiers,
        """
        sku_price_id | up_to | unit_price
        p            |    60 |          1
        p            |       |        0.5
        """,
    )
    usage = table(UsageRecords, "sku_id | charge_period_start | consumed_quantity\nvm-small | 2026-10-05T00:00Z | 8")
    assert costs(SIXTY_TWO, sku_prices=prices, price_tiers=tiers, usage_records=usage) == ["57.57", "7.43"]


def test_discounts_and_grants_reach_it() -> None:
    """A discount of 10 % for everything, a bonus of 5 for what recurs."""
    bonus = table(
        Operations,
        """
        kind  | amount | window_start | include
        bonus |      5 | 2026-10-01   | ["charge:recurring"]
        """,
        **ACME,
    )
    discount = table(
        Discounts,
        """
        value | valid_from
        10    | 2026-01-01
        """,
    )
    billed = bill(
        recurring_items=SIXTY_TWO,
        usage_records=table(UsageRecords, "sku_id | consumed_quantity\nvm-small | 10"),
        operations=bonus,
        discounts=discount,
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        list_cost | discount_amount | grant_amount | line_amount
        62.00     |            6.20 |         5.00 |       50.80
        10.00     |            1.00 |            0 |        9.00
        """,
    )


def test_it_is_incurred_when_it_begins() -> None:
    """A bonus from the 17th on cuts the line; the item lies before the cut, whole, and the bonus does not reach it."""
    bonus = table(
        Operations,
        """
        kind  | amount | window_start
        bonus |      5 | 2026-10-17
        """,
        **ACME,
    )
    assert_table(
        bill(recurring_items=SIXTY_TWO, operations=bonus).invoice_lines,
        InvoiceLines,
        """
        charge_period_start | charge_period_end | list_cost | grant_amount
        2026-10-01T00:00Z   | 2026-10-17T00:00Z |     62.00 |            0
        """,
    )


def test_an_item_without_a_price_puts_the_account_on_hold() -> None:
    other = recurring(
        """
        quantity | valid_from
        1        | 2026-01-01
        """
    )
    prices = table(SkuPrices, "sku_price_id | sku_id\nvm-large-list | vm-large")
    billed = bill(recurring_items=other, sku_prices=prices)
    assert_table(billed.holds, Holds, "billing_account_id | reason_code\nacme | R_NO_PRICE")
    assert billed.invoices.is_empty()


def test_items_are_charged_apart_by_project_resource_and_region() -> None:
    """By resource only where the policy asks for it."""
    items = recurring(
        """
        recurring_item_id | sub_account_id | resource_id | region_id | quantity | valid_from
        a                 | website        | ip-1        | eu        |        1 | 2026-01-01
        b                 | website        | ip-2        | eu        |        2 | 2026-01-01
        c                 | website        | ip-1        | us        |        4 | 2026-01-01
        d                 | app            | ip-1        | eu        |        8 | 2026-01-01
        """
    )
    assert_table(
        bill(recurring_items=items).rating_lines,
        RatingLines,
        """
        sub_account_id | region_id | list_cost
        website        | eu        |      3.00
        website        | us        |      4.00
        app            | eu        |      8.00
        """,
    )


def outputs_are_equal(one: Outputs, other: Outputs) -> bool:
    return all(rows.equals(other.tables()[name]) for name, rows in one.tables().items())


def test_the_order_of_its_rows_changes_nothing() -> None:
    items = recurring(
        """
        recurring_item_id | quantity | valid_from | valid_until
        a                 |       62 | 2026-01-01 | 2026-10-11
        a                 |       31 | 2026-10-11 |
        b                 |        7 | 2026-10-03 |
        """
    )
    day = policy("day")
    assert outputs_are_equal(
        bill(recurring_items=items, billing_policies=day), bill(recurring_items=items.reverse(), billing_policies=day)
    )
