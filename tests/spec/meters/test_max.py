"""The largest quantity that each resource reached, added over the resources. It belongs to the record that reached it
first: its project, its price, its segment.
"""

from __future__ import annotations

import polars as pl

from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Meter max: the peak of each resource (P1)"

PEAK = table(
    Skus,
    """
    sku_id   | meter | allows_corrections
    vm-small | max   | true
    """,
)
DEARER_FROM_THE_15TH = table(
    SkuPrices,
    """
    sku_price_id | list_unit_price | valid_from | valid_until
    old          |               1 | 2026-01-01 | 2026-10-15
    new          |              10 | 2026-10-15 |
    """,
)


def peaks(usage_records: pl.DataFrame, **tables: pl.DataFrame) -> pl.DataFrame:
    return bill(skus=PEAK, usage_records=usage_records, **tables).rating_lines


def test_peaks_are_taken_by_resource_and_added() -> None:
    """Five of the first machine and two of the second: seven."""
    found = peaks(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity
            vm-1        | 2026-10-03T00:00Z   |                 3
            vm-1        | 2026-10-04T00:00Z   |                 5
            vm-1        | 2026-10-05T00:00Z   |                 4
            vm-2        | 2026-10-04T00:00Z   |                 2
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | record_count | list_cost
        7                |            4 |      7.00
        """,
    )


def test_a_peak_reached_again_stays_where_it_was_first() -> None:
    """Five on the 10th and on the 20th: the five of the 10th, at the old price."""
    found = peaks(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity
            vm-1        | 2026-10-10T00:00Z   |                 5
            vm-1        | 2026-10-20T00:00Z   |                 5
            """,
        ),
        sku_prices=DEARER_FROM_THE_15TH,
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | pricing_quantity | list_cost
        old          |                5 |      5.00
        new          |                0 |         0
        """,
    )


def test_a_higher_peak_takes_the_whole_of_it_to_its_own_price() -> None:
    """Six on the 20th: nothing of it is left at the old price."""
    found = peaks(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity
            vm-1        | 2026-10-10T00:00Z   |                 5
            vm-1        | 2026-10-20T00:00Z   |                 6
            """,
        ),
        sku_prices=DEARER_FROM_THE_15TH,
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | pricing_quantity | list_cost
        old          |                0 |         0
        new          |                6 |     60.00
        """,
    )


def test_a_resource_that_moves_between_projects_has_one_peak() -> None:
    """Three in the website, five in the app: five in the app."""
    found = peaks(
        table(
            UsageRecords,
            """
            sub_account_id | resource_id | charge_period_start | consumed_quantity
            website        | vm-1        | 2026-10-03T00:00Z   |                 3
            app            | vm-1        | 2026-10-04T00:00Z   |                 5
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | list_cost
        website        |         0
        app            |      5.00
        """,
    )


def test_usage_without_a_resource_has_one_peak_per_project_and_region() -> None:
    """Three and four of the website in eu-1 are four; its two in us-1 and the app's one are their own."""
    found = peaks(
        table(
            UsageRecords,
            """
            sub_account_id | region_id | charge_period_start | consumed_quantity
            website        | eu-1      | 2026-10-03T00:00Z   |                 3
            website        | eu-1      | 2026-10-04T00:00Z   |                 4
            website        | us-1      | 2026-10-04T00:00Z   |                 2
            app            | eu-1      | 2026-10-04T00:00Z   |                 1
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | region_id | list_cost
        website        | eu-1      |      4.00
        website        | us-1      |      2.00
        app            | eu-1      |      1.00
        """,
    )


def test_quantities_are_compared_in_the_priced_unit() -> None:
    """90 minutes are more than one hour."""
    found = peaks(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity | consumed_unit
            vm-1        | 2026-10-03T00:00Z   |                 1 | hour
            vm-1        | 2026-10-04T00:00Z   |                90 | minute
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        1.5              |      1.50
        """,
    )


def test_the_largest_of_corrections_is_the_one_nearest_to_zero() -> None:
    """Of -3 and -1, -1; beside a 0 it would be 0."""
    found = peaks(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity
            vm-1        | 2026-10-03T00:00Z   |                -3
            vm-1        | 2026-10-04T00:00Z   |                -1
            """,
        )
    )
    assert_table(found, RatingLines, "list_cost\n-1.00")
