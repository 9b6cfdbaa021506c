"""5.00 for each started hundred hours of the month. A block is started by the smallest quantity above the last one."""

from __future__ import annotations

import polars as pl
import pytest

from schemas.charges import Charges
from schemas.discounts import Discounts
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Package: started blocks (P3, P6)"

PRICE = table(
    SkuPrices,
    """
    price_model | package_size | list_unit_price
    package     |          100 |               5
    """,
)


def with_price(usage_records: pl.DataFrame, price: pl.DataFrame = PRICE) -> pl.DataFrame:
    return bill(sku_prices=price, usage_records=usage_records).rating_lines


@pytest.mark.parametrize(
    ("hours", "cost"),
    [
        ("0", "0"),
        ("0.000000000000001", "5.00"),
        ("100", "5.00"),
        ("100.01", "10.00"),
        ("200", "10.00"),
        ("201", "15.00"),
    ],
)
def test_a_block_costs_the_same_whether_started_or_full(hours: str, cost: str) -> None:
    """Nothing for nothing, one block up to a hundred, two up to two hundred, three for 201."""
    assert_table(with_price(table(UsageRecords, f"consumed_quantity\n{hours}")), RatingLines, f"list_cost\n{cost}")


def test_records_fill_blocks_together() -> None:
    """40 and 40 and 40 are 120 hours: two blocks, 10.00, not three."""
    found = with_price(
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-03T00:00Z   |                40
            2026-10-13T00:00Z   |                40
            2026-10-23T00:00Z   |                40
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        120              |     10.00
        """,
    )


def test_projects_share_a_block_by_quantity() -> None:
    """Ten hours of each of three are one block of 5.00: 1.666… each, and the two missing cents go to the first two."""
    found = with_price(
        table(
            UsageRecords,
            """
            sub_account_id | consumed_quantity
            website        |                10
            app            |                10
                           |                10
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | list_cost
        app            |      1.67
        website        |      1.67
                       |      1.66
        """,
    )


def test_by_resource_each_resource_starts_its_own_blocks() -> None:
    """30 and 30 hours of two machines: two blocks on one line."""
    found = with_price(
        table(
            UsageRecords,
            """
            resource_id | consumed_quantity
            vm-1        |                30
            vm-2        |                30
            """,
        ),
        table(
            SkuPrices,
            """
            price_model | package_size | list_unit_price | tier_scope
            package     |          100 |               5 | resource
            """,
        ),
    )
    assert_table(found, RatingLines, "list_cost\n10.00")


CHANGE = table(
    SkuPrices,
    """
    sku_price_id | price_model | package_size | list_unit_price | valid_from | valid_until
    old          | package     |          100 |               5 | 2026-01-01 | 2026-10-15
    new          | package     |          100 |               8 | 2026-10-15 |
    """,
)


def test_a_new_price_is_paid_for_the_blocks_that_start_under_it() -> None:
    """150 hours start two blocks at 5.00. 60 more reach 210: one block more, at 8.00."""
    found = with_price(
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |               150
            2026-10-20T00:00Z   |                60
            """,
        ),
        CHANGE,
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |     10.00
        new          |      8.00
        """,
    )


def test_a_block_started_under_the_old_price_is_used_up_under_the_new() -> None:
    """150 hours start two blocks, and 50 more still fit: nothing at the new price."""
    found = with_price(
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |               150
            2026-10-20T00:00Z   |                50
            """,
        ),
        CHANGE,
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |     10.00
        new          |         0
        """,
    )


def test_a_correction_gives_back_the_blocks_it_empties() -> None:
    """201 less 2 are 199 hours, two blocks. Of corrections alone a part of a block is nothing, 130 are one block."""
    corrected = table(
        UsageRecords,
        """
        usage_record_id | consumed_quantity
        u1              |               201
        u2              |                -2
        """,
    )
    assert_table(with_price(corrected), RatingLines, "list_cost\n10.00")
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n-30")), RatingLines, "list_cost\n0")
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n-130")), RatingLines, "list_cost\n-5.00")


def test_a_block_may_be_a_part_of_a_unit() -> None:
    """Half hours at 5.00: 1.2 hours are three, 15.00."""
    half_hours = table(
        SkuPrices,
        """
        price_model | package_size | list_unit_price
        package     |          0.5 |               5
        """,
    )
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n1.2"), half_hours), RatingLines, "list_cost\n15.00")


def test_blocks_that_cost_a_part_of_a_cent_are_rounded_once() -> None:
    """Three blocks at 0.004 are 0.012, so 0.01; block by block they would be nothing."""
    cheap = table(
        SkuPrices,
        """
        price_model | package_size | list_unit_price
        package     |          100 |           0.004
        """,
    )
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n201"), cheap), RatingLines, "list_cost\n0.01")


def test_a_cut_shares_the_blocks_by_quantity_and_starts_none() -> None:
    """A discount begins on the 15th: of 30 and 90 hours, two blocks, 10.00, a quarter is before it."""
    billed = bill(
        sku_prices=PRICE,
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                30
            2026-10-20T00:00Z   |                90
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
    assert_table(billed.rating_lines, RatingLines, "list_cost\n10.00")
    assert_table(billed.charges, Charges, "list_cost\n2.50\n7.50")
