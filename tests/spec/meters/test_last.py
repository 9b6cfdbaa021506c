"""What each resource stood at in the end, added over the resources: the record with the latest start, of those the one
with the latest end, of those the largest quantity. It stands at that record's project and price.
"""

from __future__ import annotations

import polars as pl

from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Meter last: where each resource stood (P1)"

STAND = table(
    Skus,
    """
    sku_id   | meter
    vm-small | last
    """,
)


def stands(usage_records: pl.DataFrame, **tables: pl.DataFrame) -> pl.DataFrame:
    return bill(skus=STAND, usage_records=usage_records, **tables).rating_lines


def test_the_latest_record_of_each_resource_counts() -> None:
    """Three of the first machine, which had five before, and two of the second."""
    found = stands(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity
            vm-1        | 2026-10-20T00:00Z   |                 3
            vm-1        | 2026-10-10T00:00Z   |                 5
            vm-2        | 2026-10-05T00:00Z   |                 2
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        5                |      5.00
        """,
    )


def test_of_one_start_the_latest_end_counts_and_then_the_larger_quantity() -> None:
    """Of vm-1 the record that ends at two, 3; of vm-2 the larger of two alike, 9."""
    found = stands(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | charge_period_end | consumed_quantity
            vm-1        | 2026-10-20T00:00Z   | 2026-10-20T01:00Z |                 5
            vm-1        | 2026-10-20T00:00Z   | 2026-10-20T02:00Z |                 3
            vm-2        | 2026-10-20T00:00Z   | 2026-10-20T01:00Z |                 8
            vm-2        | 2026-10-20T00:00Z   | 2026-10-20T01:00Z |                 9
            """,
        )
    )
    assert_table(found, RatingLines, "pricing_quantity\n12")


def test_a_later_start_goes_before_a_later_end() -> None:
    """The record of the 20th counts, though that of the 10th ends after it."""
    found = stands(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | charge_period_end | consumed_quantity
            vm-1        | 2026-10-10T00:00Z   | 2026-10-31T00:00Z |                 5
            vm-1        | 2026-10-20T00:00Z   | 2026-10-20T01:00Z |                 3
            """,
        )
    )
    assert_table(found, RatingLines, "pricing_quantity\n3")


def test_a_stand_of_zero_counts() -> None:
    """What was given back by the 20th costs nothing."""
    found = stands(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity
            vm-1        | 2026-10-10T00:00Z   |                 5
            vm-1        | 2026-10-20T00:00Z   |                 0
            """,
        )
    )
    assert_table(found, RatingLines, "list_cost\n0")


def test_the_whole_of_it_is_at_the_price_and_in_the_project_of_that_record() -> None:
    """Five in the website before the price rises, three in the app after it: 30.00 for the app alone."""
    found = stands(
        table(
            UsageRecords,
            """
            sub_account_id | resource_id | charge_period_start | consumed_quantity
            website        | vm-1        | 2026-10-10T00:00Z   |                 5
            app            | vm-1        | 2026-10-20T00:00Z   |                 3
            """,
        ),
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | list_unit_price | valid_from | valid_until
            old          |               1 | 2026-01-01 | 2026-10-15
            new          |              10 | 2026-10-15 |
            """,
        ),
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | sku_price_id | list_cost
        website        | old          |         0
        app            | new          |     30.00
        """,
    )


def test_units_are_compared_after_conversion() -> None:
    """Of one start and end, 90 minutes are larger than one hour."""
    found = stands(
        table(
            UsageRecords,
            """
            resource_id | consumed_quantity | consumed_unit
            vm-1        |                 1 | hour
            vm-1        |                90 | minute
            """,
        )
    )
    assert_table(found, RatingLines, "pricing_quantity\n1.5")
