"""Hours at 2.00 if the month has at most ten, at 1.00 if at most a hundred, else at 0.50: what the month reaches
decides for every hour of it. A bound is inclusive.
"""

from __future__ import annotations

import polars as pl

from schemas.price_tiers import PriceTiers
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Volume: the whole quantity at the price of the tier it reaches (P3, P6)"

PRICE = table(
    SkuPrices,
    """
    sku_price_id  | price_model
    vm-small-list | volume
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


def cost_of(hours: str, tiers: pl.DataFrame = TIERS) -> pl.DataFrame:
    return with_tiers(table(UsageRecords, f"consumed_quantity\n{hours}"), tiers)


def test_a_quantity_past_the_first_tier_is_all_at_the_second_price() -> None:
    """Twelve at 1.00."""
    assert_table(
        cost_of("12"),
        RatingLines,
        """
        pricing_quantity | list_cost
        12               |     12.00
        """,
    )


def test_a_quantity_exactly_on_a_bound_is_at_the_lower_tier() -> None:
    """Ten at 2.00 are 20.00, a hundred at 1.00 are 100.00."""
    assert_table(cost_of("10"), RatingLines, "list_cost\n20.00")
    assert_table(cost_of("100"), RatingLines, "list_cost\n100.00")


def test_the_smallest_quantity_past_a_bound_takes_all_to_the_next_price() -> None:
    """10.01 at 1.00: less than ten hours cost. 120 at 0.50: less than a hundred cost."""
    assert_table(cost_of("10.01"), RatingLines, "list_cost\n10.01")
    assert_table(cost_of("120"), RatingLines, "list_cost\n60.00")


def test_the_total_of_the_month_decides_for_the_first_record_too() -> None:
    """Three times four hours are twelve, at 1.00."""
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
    assert_table(found, RatingLines, "list_cost\n12.00")


def test_projects_and_regions_count_together() -> None:
    """Eight and four are twelve: 8 × 1.00 and 4 × 1.00."""
    found = with_tiers(
        table(
            UsageRecords,
            """
            sub_account_id | region_id | consumed_quantity
            website        | eu-1      |                 8
            app            | us-1      |                 4
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | list_cost
        website        |      8.00
        app            |      4.00
        """,
    )


FEES = table(
    PriceTiers,
    """
    up_to | unit_price | flat_fee
    10    |       2.00 |        5
          |       1.00 |        7
    """,
)


def test_only_the_fee_of_the_tier_reached_is_due() -> None:
    """Eight hours: 16.00 and 5. Twelve hours: 12.00 and 7, not 5 and 7."""
    assert_table(cost_of("8", FEES), RatingLines, "list_cost\n21.00")
    assert_table(cost_of("12", FEES), RatingLines, "list_cost\n19.00")


def test_a_quantity_of_zero_costs_nothing_and_pays_no_fee() -> None:
    assert_table(cost_of("0", FEES), RatingLines, "list_cost\n0")


CHANGE = table(
    SkuPrices,
    """
    sku_price_id | price_model | valid_from | valid_until
    old          | volume      | 2026-01-01 | 2026-10-15
    new          | volume      | 2026-10-15 |
    """,
)
BOTH_TIERS = table(
    PriceTiers,
    """
    sku_price_id | up_to | unit_price | flat_fee
    old          |    10 |       2.00 |        3
    old          |       |       1.00 |        5
    new          |    10 |       4.00 |        7
    new          |       |       0.50 |       11
    """,
)


def test_each_price_row_takes_its_own_price_at_the_tier_the_whole_month_reaches() -> None:
    """Eight and four are twelve, past ten: 8 × 1.00 and 4 × 0.50. The bound of ten is passed with the new row's part,
    so the fee of the second tier, 11, is due there and nowhere else.
    """
    billed = bill(
        sku_prices=CHANGE,
        price_tiers=BOTH_TIERS,
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                 8
            2026-10-20T00:00Z   |                 4
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |      8.00
        new          |     13.00
        """,
    )


def test_a_fee_is_due_on_the_price_row_that_passes_the_bound() -> None:
    """Twelve at the old row pass ten: 12 × 1.00 + 5. Three more at the new row are at 0.50 without a fee."""
    billed = bill(
        sku_prices=CHANGE,
        price_tiers=BOTH_TIERS,
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                12
            2026-10-20T00:00Z   |                 3
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |     17.00
        new          |      1.50
        """,
    )


def test_a_correction_lowers_the_quantity_before_the_tier_is_chosen() -> None:
    """12 hours less 3 are 9: at 2.00. Of corrections alone, -3 at the first price, and no fee comes back."""
    corrected = table(
        UsageRecords,
        """
        usage_record_id | consumed_quantity
        u1              |                12
        u2              |                -3
        """,
    )
    assert_table(with_tiers(corrected), RatingLines, "list_cost\n18.00")
    assert_table(cost_of("-3"), RatingLines, "list_cost\n-6.00")
    assert_table(cost_of("-3", FEES), RatingLines, "list_cost\n-6.00")


def test_the_part_of_a_price_row_is_rounded_once_before_it_is_split() -> None:
    """Three projects of one hour at 0.004: 0.012 → 0.01, and the cent goes to the first by name, app."""
    found = with_tiers(
        table(
            UsageRecords,
            """
            sub_account_id | consumed_quantity
            website        |                 1
            app            |                 1
                           |                 1
            """,
        ),
        table(PriceTiers, "unit_price\n0.004"),
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | list_cost
        app            |      0.01
        website        |         0
                       |         0
        """,
    )
