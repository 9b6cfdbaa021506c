"""A conversion is two whole numbers, so that a third of an hour three times is an hour."""

from __future__ import annotations

from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.unit_conversions import UnitConversions
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Conversions: from the unit consumed to the unit priced (P2, M3)"

THIRD = table(
    UnitConversions,
    """
    from_unit | to_unit | numerator | denominator
    third     | hour    |         1 |           3
    """,
)


def test_minutes_become_hours() -> None:
    """90 minutes are 1.5 hours."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            consumed_quantity | consumed_unit
            90                | minute
            """,
        )
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity | pricing_unit | list_cost
        1.5              | hour         |      1.50
        """,
    )


def test_a_factor_that_does_not_end_as_a_decimal_is_kept_as_a_fraction() -> None:
    """A third at 3 × 10^13 an hour is 10^13; 0.333… written with 15 decimals would make it a cent less."""
    billed = bill(
        unit_conversions=THIRD,
        sku_prices=table(SkuPrices, "list_unit_price\n30000000000000"),
        usage_records=table(
            UsageRecords,
            """
            consumed_quantity | consumed_unit
            1                 | third
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity  | list_cost
        0.333333333333333 | 10000000000000.00
        """,
    )


def test_units_of_one_sku_add_up_exactly() -> None:
    """A third, twenty minutes and a third are one hour, on one line."""
    billed = bill(
        unit_conversions=table(
            UnitConversions,
            """
            from_unit | to_unit | numerator | denominator
            third     | hour    |         1 |           3
            minute    | hour    |         1 |          60
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            consumed_quantity | consumed_unit
            1                 | third
            20                | minute
            1                 | third
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity | record_count | list_cost
        1                |            3 |      1.00
        """,
    )


def test_a_factor_that_changes_inside_the_month_makes_no_new_line() -> None:
    """1024 parts of 1/1024 before the 15th and 1000 parts of 1/1000 after: two hours, one line."""
    billed = bill(
        unit_conversions=table(
            UnitConversions,
            """
            from_unit | to_unit | numerator | denominator | valid_from | valid_until
            part      | hour    |         1 |        1024 | 2026-01-01 | 2026-10-15
            part      | hour    |         1 |        1000 | 2026-10-15 |
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity | consumed_unit
            2026-10-14T23:00Z   |              1024 | part
            2026-10-15T00:00Z   |              1000 | part
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost
        2                |      2.00
        """,
    )


def test_a_factor_for_the_sku_goes_before_a_general_one() -> None:
    """A day of vm-small counts ten hours, of any other SKU twenty-four."""
    billed = bill(
        unit_conversions=table(
            UnitConversions,
            """
            from_unit | to_unit | sku_id   | numerator | denominator
            day       | hour    |          |        24 |           1
            day       | hour    | vm-small |        10 |           1
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity | consumed_unit
            vm-small |                 1 | day
            vm-large |                 1 | day
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_id   | list_cost
        vm-small |     10.00
        vm-large |     24.00
        """,
    )
