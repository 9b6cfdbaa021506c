"""25.00 for a month in which there is any use at all, however much. It stands on the line of the first hour of use."""

from __future__ import annotations

import polars as pl

from schemas.charges import Charges
from schemas.discounts import Discounts
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Flat: once per pool and month with usage (P3, P6)"

PRICE = table(
    SkuPrices,
    """
    price_model | list_unit_price
    flat        |              25
    """,
)


def with_price(usage_records: pl.DataFrame, price: pl.DataFrame = PRICE) -> pl.DataFrame:
    return bill(sku_prices=price, usage_records=usage_records).rating_lines


def test_any_quantity_costs_the_same() -> None:
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n0.01")), RatingLines, "list_cost\n25.00")
    assert_table(
        with_price(table(UsageRecords, "consumed_quantity\n500\n300")),
        RatingLines,
        """
        pricing_quantity | list_cost
        800              |     25.00
        """,
    )


def test_a_quantity_of_zero_costs_nothing() -> None:
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n0")), RatingLines, "list_cost\n0")


def test_a_month_without_usage_costs_nothing() -> None:
    assert with_price(table(UsageRecords, "charge_period_start\n2026-11-01T00:00Z")).is_empty()


TWO_PROJECTS = table(
    UsageRecords,
    """
    sub_account_id | charge_period_start | consumed_quantity
    app            | 2026-10-03T00:00Z   |                 0
    website        | 2026-10-04T00:00Z   |                 1
    app            | 2026-10-05T00:00Z   |               100
    """,
)


def test_it_stands_on_the_line_of_the_first_positive_record() -> None:
    """The app's record of the 3rd is of nothing: the website was the first to use anything."""
    assert_table(
        with_price(TWO_PROJECTS),
        RatingLines,
        """
        sub_account_id | list_cost
        website        |     25.00
        app            |         0
        """,
    )


def test_an_instant_of_what_is_weighed_by_time_is_no_use() -> None:
    """3 units at one instant weigh nothing in the month; the first that are held for a while are the website's."""
    found = bill(
        sku_prices=PRICE,
        skus=table(Skus, "meter\ntime_weighted"),
        usage_records=table(
            UsageRecords,
            """
            sub_account_id | charge_period_start | charge_period_end | consumed_quantity
            app            | 2026-10-03T00:00Z   | 2026-10-03T00:00Z |                 3
            website        | 2026-10-04T00:00Z   | 2026-10-04T01:00Z |                 1
            app            | 2026-10-05T00:00Z   | 2026-10-05T01:00Z |                 1
            """,
        ),
    ).rating_lines
    assert_table(
        found.sort("sub_account_id"),
        RatingLines,
        """
        sub_account_id | list_cost
        app            |      0.00
        website        |     25.00
        """,
    )


def test_by_project_each_project_with_usage_pays() -> None:
    by_project = table(
        SkuPrices,
        """
        price_model | list_unit_price | tier_scope
        flat        |              25 | sub_account
        """,
    )
    assert_table(
        with_price(TWO_PROJECTS, by_project),
        RatingLines,
        """
        sub_account_id | list_cost
        website        |     25.00
        app            |     25.00
        """,
    )


def test_of_two_prices_in_the_month_the_first_used_is_paid() -> None:
    """The price rises on the 15th; the first use was before."""
    found = with_price(
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                 1
            2026-10-20T00:00Z   |                 9
            """,
        ),
        table(
            SkuPrices,
            """
            sku_price_id | price_model | list_unit_price | valid_from | valid_until
            old          | flat        |              25 | 2026-01-01 | 2026-10-15
            new          | flat        |              40 | 2026-10-15 |
            """,
        ),
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |     25.00
        new          |         0
        """,
    )


def test_usage_that_is_taken_back_whole_costs_nothing() -> None:
    """Five hours and a correction of -5; and a month of corrections alone."""
    taken_back = table(
        UsageRecords,
        """
        usage_record_id | consumed_quantity
        u1              |                 5
        u2              |                -5
        """,
    )
    assert_table(with_price(taken_back), RatingLines, "list_cost\n0")
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n-5")), RatingLines, "list_cost\n0")


def test_a_month_within_the_free_quantity_costs_nothing() -> None:
    """Ten hours are free: ten cost nothing, and 10.01 cost 25.00."""
    ten_free = table(
        SkuPrices,
        """
        price_model | list_unit_price | free_quantity
        flat        |              25 |            10
        """,
    )
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n10"), ten_free), RatingLines, "list_cost\n0")
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n10.01"), ten_free), RatingLines, "list_cost\n25.00")


def test_a_cut_shares_it_by_quantity() -> None:
    """A discount begins on the 15th: one hour before and three after, 6.25 and 18.75."""
    billed = bill(
        sku_prices=PRICE,
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                 1
            2026-10-20T00:00Z   |                 3
            """,
        ),
        discounts=table(
            Discounts,
            """
            discount_id | value | valid_from
            autumn      |    10 | 2026-10-15
            """,
        ),
    )
    assert_table(
        billed.charges,
        Charges,
        """
        charge_period_start | list_cost
        2026-10-01T00:00Z   |      6.25
        2026-10-15T00:00Z   |     18.75
        """,
    )
