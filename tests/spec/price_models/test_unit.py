"""A price is for one unit, or for so many (`per_quantity`): the quantity is divided exactly, and
only the cost is rounded.
"""

from __future__ import annotations

from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Unit: every unit at the same price (P3)"


def test_the_cost_is_quantity_times_price() -> None:
    """12.5 hours at 0.30 are 3.75."""
    billed = bill(
        sku_prices=table(SkuPrices, "list_unit_price\n0.30"),
        usage_records=table(UsageRecords, "consumed_quantity\n12.5"),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity | list_unit_price | list_cost
        12.5             |            0.30 |      3.75
        """,
    )


def test_a_price_per_thousand_charges_parts_of_a_thousand() -> None:
    """2.00 per 1000: 1500 cost 3.00."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            list_unit_price | per_quantity
            2               |         1000
            """,
        ),
        usage_records=table(UsageRecords, "consumed_quantity\n1500"),
    )
    assert_table(billed.rating_lines, RatingLines, "list_cost\n3.00")


def test_a_price_per_three_is_exact() -> None:
    """1.00 for three: one is 0.333… → 0.33, two are 0.67, three are 1.00, and 3000 are 1000.00, not 999.99."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | sku_id   | list_unit_price | per_quantity
            p1           | vm-small |               1 |            3
            p2           | vm-large |               1 |            3
            p3           | image    |               1 |            3
            p4           | database |               1 |            3
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |                 1
            vm-large |                 2
            image    |                 3
            database |              3000
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_id   | list_cost
        vm-small |      0.33
        vm-large |      0.67
        image    |      1.00
        database |   1000.00
        """,
    )


def test_a_quantity_of_zero_costs_nothing() -> None:
    billed = bill(usage_records=table(UsageRecords, "consumed_quantity\n0"))
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost
        0                |         0
        """,
    )


def test_a_correction_takes_back_what_it_would_have_cost() -> None:
    """12 hours and a correction of -2 at 1.00."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            usage_record_id | consumed_quantity
            u1              |                12
            u2              |                -2
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost
        10               |     10.00
        """,
    )


def test_fifteen_decimals_of_quantity_meet_twelve_of_price() -> None:
    """10^-15 hours at 10^13 are a cent, and 10^10 hours at 10^-12 too: nothing of either is cut."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | sku_id   | list_unit_price
            dear         | vm-small | 10000000000000
            cheap        | vm-large | 0.000000000001
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small | 0.000000000000001
            vm-large |       10000000000
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_id   | list_cost
        vm-small |      0.01
        vm-large |      0.01
        """,
    )
