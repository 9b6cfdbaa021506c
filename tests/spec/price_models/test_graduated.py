"""Ten hours at 2.00, then up to a hundred at 1.00, the rest at 0.50. A bound is inclusive: hour 10 is still at 2.00."""

from __future__ import annotations

import polars as pl

from schemas.price_tiers import PriceTiers
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Graduated: each slice at the price of its own tier (P3)"

PRICE = table(
    SkuPrices,
    """
    sku_price_id  | price_model
    vm-small-list | graduated
    """,
)
TIERS = table(
    PriceTiers,
    """
    up_to | unit_price
    10    |       2.00
    100   |       1.00
          |       0.50
    """,
)


def with_tiers(usage_records: pl.DataFrame, tiers: pl.DataFrame = TIERS) -> pl.DataFrame:
    return bill(sku_prices=PRICE, price_tiers=tiers, usage_records=usage_records).rating_lines


def test_a_quantity_past_the_first_tier_pays_both_prices() -> None:
    """Ten at 2.00 and two at 1.00 are 22.00."""
    found = with_tiers(table(UsageRecords, "consumed_quantity\n12"))
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        12               |     22.00
        """,
    )


def test_a_quantity_exactly_on_a_bound_is_all_in_the_lower_tier() -> None:
    """Ten at 2.00; and a hundred are ten at 2.00 and ninety at 1.00, 110.00."""
    assert_table(with_tiers(table(UsageRecords, "consumed_quantity\n10")), RatingLines, "list_cost\n20.00")
    assert_table(with_tiers(table(UsageRecords, "consumed_quantity\n100")), RatingLines, "list_cost\n110.00")


def test_the_smallest_quantity_past_a_bound_is_at_the_next_price() -> None:
    """Ten at 2.00 and 0.01 at 1.00."""
    assert_table(with_tiers(table(UsageRecords, "consumed_quantity\n10.01")), RatingLines, "list_cost\n20.01")


def test_a_quantity_across_three_tiers_pays_three_prices() -> None:
    """Ten at 2.00, ninety at 1.00, twenty at 0.50: 20 + 90 + 10 = 120.00."""
    assert_table(with_tiers(table(UsageRecords, "consumed_quantity\n120")), RatingLines, "list_cost\n120.00")


def test_records_count_together_towards_the_bound() -> None:
    """Three times four hours are twelve: 22.00."""
    found = with_tiers(
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-03T00:00Z   |                 4
            2026-10-13T00:00Z   |                 4
            2026-10-23T00:00Z   |                 4
            """,
        )
    )
    assert_table(found, RatingLines, "list_cost\n22.00")


def test_tier_costs_are_rounded_once_for_all_tiers() -> None:
    """One at 0.004 and one at 0.004 are 0.008, so 0.01; tier by tier they would be nothing."""
    tiers = table(
        PriceTiers,
        """
        up_to | unit_price
        1     |      0.004
              |      0.004
        """,
    )
    assert_table(with_tiers(table(UsageRecords, "consumed_quantity\n2"), tiers), RatingLines, "list_cost\n0.01")


FEES = table(
    PriceTiers,
    """
    up_to | unit_price | flat_fee
    10    |       2.00 |        5
          |       1.00 |        7
    """,
)


def test_a_flat_fee_is_due_once_its_tier_is_entered() -> None:
    """Half an hour: 5 and 1.00. Ten and a half: 5 + 20.00, then 7 + 0.50: 32.50."""
    assert_table(with_tiers(table(UsageRecords, "consumed_quantity\n0.5"), FEES), RatingLines, "list_cost\n6.00")
    assert_table(with_tiers(table(UsageRecords, "consumed_quantity\n10.5"), FEES), RatingLines, "list_cost\n32.50")


def test_a_quantity_on_the_bound_does_not_enter_the_next_tier() -> None:
    """Ten hours: 5 + 20.00, and not the 7 of the second tier."""
    assert_table(with_tiers(table(UsageRecords, "consumed_quantity\n10"), FEES), RatingLines, "list_cost\n25.00")


def test_a_quantity_of_zero_pays_no_flat_fee() -> None:
    assert_table(with_tiers(table(UsageRecords, "consumed_quantity\n0"), FEES), RatingLines, "list_cost\n0")


def test_a_correction_in_the_month_lowers_the_quantity_before_tiers_are_counted() -> None:
    """12 hours less 3 are 9, all in the first tier: 18.00, with its fee 23.00 and without the fee of the second."""
    corrected = table(
        UsageRecords,
        """
        usage_record_id | consumed_quantity
        u1              |                12
        u2              |                -3
        """,
    )
    assert_table(with_tiers(corrected), RatingLines, "list_cost\n18.00")
    assert_table(with_tiers(corrected, FEES), RatingLines, "list_cost\n23.00")


def test_a_month_of_corrections_alone_is_at_the_first_price() -> None:
    """-3 hours at 2.00, and no fee comes back that was not charged here."""
    taken_back = table(UsageRecords, "consumed_quantity\n-3")
    assert_table(with_tiers(taken_back), RatingLines, "list_cost\n-6.00")
    assert_table(with_tiers(taken_back, FEES), RatingLines, "list_cost\n-6.00")
