"""A rating line is an account's use of a SKU in one project and region at one price row. Its cost is rounded once. Only
a price boundary makes a new line: a bonus or a discount that begins inside the month does not.
"""

from __future__ import annotations

from schemas.billing_policies import BillingPolicies
from schemas.discounts import Discounts
from schemas.operations import Operations
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Rating lines: what is rounded once (P5)"

THREE_RESOURCES = table(
    UsageRecords,
    """
    resource_id | consumed_quantity
    vm-1        |                 1
    vm-2        |                 1
    vm-3        |                 1
    """,
)
LOW_PRICE = table(SkuPrices, "list_unit_price\n0.004")


def test_resources_of_a_sku_are_one_line() -> None:
    """Three resources at 0.004 are 0.012, so 0.01."""
    billed = bill(sku_prices=LOW_PRICE, usage_records=THREE_RESOURCES)
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        resource_id | pricing_quantity | record_count | list_cost
                    |                3 |            3 |      0.01
        """,
    )


def test_policy_line_grain_makes_a_line_of_each_resource() -> None:
    """Each resource is 0.004, so nothing."""
    billed = bill(
        sku_prices=LOW_PRICE,
        usage_records=THREE_RESOURCES,
        billing_policies=table(
            BillingPolicies,
            """
            policy     | value
            line_grain | resource
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        resource_id | pricing_quantity | list_cost
        vm-1        |                1 |         0
        vm-2        |                1 |         0
        vm-3        |                1 |         0
        """,
    )


def test_projects_and_regions_are_lines_of_their_own() -> None:
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sub_account_id | region_id | consumed_quantity
            website        | eu-1      |                 1
            website        | us-1      |                 2
            app            | eu-1      |                 4
                           |           |                 8
            website        | eu-1      |                16
            """,
        )
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sub_account_id | region_id | list_cost
        website        | eu-1      |     17.00
        website        | us-1      |      2.00
        app            | eu-1      |      4.00
                       |           |      8.00
        """,
    )


def test_a_price_change_inside_the_month_makes_two_lines() -> None:
    """Ten hours at 1.00 and ten at 2.00."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | list_unit_price | valid_from | valid_until
            old          |               1 | 2026-01-01 | 2026-10-15
            new          |               2 | 2026-10-15 |
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                10
            2026-10-20T00:00Z   |                10
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |     10.00
        new          |     20.00
        """,
    )


def test_a_price_that_comes_back_after_another_continues_its_line() -> None:
    """A contract at 0.50 for one week; before and after it the book's 1.00, which is one line of 3 hours."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | billing_account_id | list_unit_price | valid_from | valid_until
            book         |                    |            1.00 | 2026-01-01 |
            week         | acme               |            0.50 | 2026-10-12 | 2026-10-19
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                 1
            2026-10-15T00:00Z   |                10
            2026-10-20T00:00Z   |                 2
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_price_id | pricing_quantity | list_cost
        book         |                3 |      3.00
        week         |               10 |      5.00
        """,
    )
    assert billed.charges.height == 2


THREE_DAYS = table(
    UsageRecords,
    """
    charge_period_start | consumed_quantity
    2026-10-05T00:00Z   |                 1
    2026-10-15T00:00Z   |                 1
    2026-10-25T00:00Z   |                 1
    """,
)


def test_a_bonus_and_a_discount_inside_the_month_make_no_new_line() -> None:
    """Three hours at 0.335 are 1.005, so 1.01; hour by hour they would be 0.34 three times, 1.02."""
    billed = bill(
        sku_prices=table(SkuPrices, "list_unit_price\n0.335"),
        usage_records=THREE_DAYS,
        operations=table(
            Operations,
            """
            kind  | amount | window_start
            bonus |     50 | 2026-10-10
            """,
            **ACME,
        ),
        discounts=table(
            Discounts,
            """
            discount_id | value | valid_from
            autumn      |    10 | 2026-10-20
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost
        3                |      1.01
        """,
    )
    assert billed.charges.height == 3
