"""Each record of something counts one, however much it says. A record of nothing, or a correction, counts nothing."""

from __future__ import annotations

import polars as pl

from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.unit_conversions import UnitConversions
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Meter count: how many records (P1)"

REQUESTS = table(
    Skus,
    """
    sku_id   | meter | pricing_unit | allows_corrections
    vm-small | count | request      | true
    """,
)


def counted(usage_records: pl.DataFrame, skus: pl.DataFrame = REQUESTS, **tables: pl.DataFrame) -> pl.DataFrame:
    return bill(skus=skus, usage_records=usage_records, **tables).rating_lines


def test_each_positive_record_counts_one() -> None:
    """Of 5, 0, 0.001 and -2, two."""
    found = counted(
        table(
            UsageRecords,
            """
            consumed_quantity | consumed_unit
            5                 | request
            0                 | request
            0.001             | request
            -2                | request
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        2                |      2.00
        """,
    )


def test_counts_add_over_resources_and_prices() -> None:
    """Two before the price rises to 10.00 and one after."""
    found = counted(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity | consumed_unit
            vm-1        | 2026-10-10T00:00Z   |                 7 | request
            vm-2        | 2026-10-10T00:00Z   |                 7 | request
            vm-1        | 2026-10-20T00:00Z   |                 7 | request
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
        sku_price_id | pricing_quantity | list_cost
        old          |                2 |      2.00
        new          |                1 |     10.00
        """,
    )


THOUSANDS = table(
    UnitConversions,
    """
    from_unit | to_unit           | numerator | denominator
    request   | thousand requests |         1 |        1000
    """,
)
THREE = table(
    UsageRecords,
    """
    consumed_quantity | consumed_unit
    1                 | request
    12                | request
    400               | request
    """,
)


def test_a_count_is_converted_like_any_quantity() -> None:
    """Three requests are 0.003 thousands; at 1000.00 a thousand they cost 3.00."""
    by_thousands = table(
        Skus,
        """
        sku_id   | meter | pricing_unit
        vm-small | count | thousand requests
        """,
    )
    found = counted(
        THREE, by_thousands, unit_conversions=THOUSANDS, sku_prices=table(SkuPrices, "list_unit_price\n1000")
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        0.003            |      3.00
        """,
    )


def test_a_count_is_rounded_like_any_quantity() -> None:
    """Three requests are 0.003 thousands: a started one is one."""
    by_started_thousands = table(
        Skus,
        """
        sku_id   | meter | pricing_unit      | quantity_rounding | quantity_increment | quantity_rounding_scope
        vm-small | count | thousand requests | up                |                  1 | period
        """,
    )
    assert_table(counted(THREE, by_started_thousands, unit_conversions=THOUSANDS), RatingLines, "pricing_quantity\n1")
