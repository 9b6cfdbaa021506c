"""A quantity has up to fifteen decimals, a price up to twelve. Their product has twenty-seven, and the last of them can
decide a cent.
"""

from __future__ import annotations

import polars as pl
import pytest

from schemas.billing_policies import BillingPolicies
from schemas.price_tiers import PriceTiers
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Extremes: every digit counts (M3, P3)"


def cost_at(price: str, *quantities: str, **tables: pl.DataFrame) -> pl.DataFrame:
    records = table(UsageRecords, "\n".join(["consumed_quantity", *quantities]))
    return bill(sku_prices=table(SkuPrices, price), usage_records=records, **tables).rating_lines


@pytest.mark.parametrize(
    ("quantity", "cost"),
    [
        ("4999999999.999999999999999", "0"),
        ("5000000000", "0.01"),
        ("14999999999.999999999999999", "0.01"),
        ("15000000000", "0.02"),
        ("-5000000000", "-0.01"),
        ("-4999999999.999999999999999", "0"),
    ],
)
def test_the_27th_decimal_decides_a_cent(quantity: str, cost: str) -> None:
    """At 10^-12, five thousand million are half a cent, and 10^-15 less is less than half."""
    assert_table(cost_at("list_unit_price\n0.000000000001", quantity), RatingLines, f"list_cost\n{cost}")


@pytest.mark.parametrize(
    ("mode", "cost"), [("half_away", "100.00"), ("half_even", "100.00"), ("up", "100.00"), ("down", "99.99")]
)
def test_the_largest_quantity_at_the_smallest_price(mode: str, cost: str) -> None:
    """99,999,999,999,999.999999999999999 at 10^-12 are 10^-27 short of a hundred."""
    policy = table(
        BillingPolicies,
        f"""
        policy           | value
        rounding_charges | {mode}
        """,
    )
    found = cost_at("list_unit_price\n0.000000000001", "99999999999999.999999999999999", billing_policies=policy)
    assert_table(found, RatingLines, f"list_cost\n{cost}")


def test_small_parts_add_up_exactly() -> None:
    """Ten times 0.100000000000001 are 1.00000000000001, at 10^12 a cent more than 10^12."""
    assert_table(
        cost_at("list_unit_price\n1000000000000", *["0.100000000000001"] * 10),
        RatingLines,
        """
        pricing_quantity | list_cost
        1.00000000000001 | 1000000000000.01
        """,
    )


def test_a_large_and_a_small_quantity_add_up_exactly() -> None:
    """10^13, 10^-15 and -10^13 are 10^-15, at 10^13 a cent."""
    assert_table(
        cost_at("list_unit_price\n10000000000000", "10000000000000", "0.000000000000001", "-10000000000000"),
        RatingLines,
        """
        pricing_quantity  | list_cost
        0.000000000000001 |      0.01
        """,
    )


def test_a_price_may_be_for_the_smallest_or_the_largest_quantity() -> None:
    """10^-12 for each 10^-15 is 1000 a unit. 1.00 for 99,999,999,999,999.999999999999999 is 1.00 for just that many."""
    smallest = "list_unit_price | per_quantity\n0.000000000001 | 0.000000000000001"
    largest = "list_unit_price | per_quantity\n1 | 99999999999999.999999999999999"
    assert_table(cost_at(smallest, "2"), RatingLines, "list_cost\n2000.00")
    assert_table(cost_at(largest, "99999999999999.999999999999999"), RatingLines, "list_cost\n1.00")
    assert_table(cost_at(largest, "499999999999.999999999999999"), RatingLines, "list_cost\n0")
    assert_table(cost_at(largest, "500000000000"), RatingLines, "list_cost\n0.01")


TIER = table(
    SkuPrices,
    """
    sku_price_id  | price_model
    vm-small-list | graduated
    """,
)


def test_a_tier_may_end_at_any_decimal() -> None:
    """0.333333333333333 hours at 3 × 10^13 are a cent less than 10^13; the 10^-15 above is at 10^13, a cent."""
    tiers = table(
        PriceTiers,
        """
        up_to             |     unit_price
        0.333333333333333 | 30000000000000
                          | 10000000000000
        """,
    )
    for hours, cost in (("0.333333333333333", "9999999999999.99"), ("0.333333333333334", "10000000000000.00")):
        billed = bill(
            sku_prices=TIER, price_tiers=tiers, usage_records=table(UsageRecords, f"consumed_quantity\n{hours}")
        )
        assert_table(billed.rating_lines, RatingLines, f"list_cost\n{cost}")


def test_a_tier_of_the_smallest_price_and_the_largest_bound() -> None:
    """All but the last 10^-15 of 10^14 at 10^-12 in the first tier; just that is in it."""
    tiers = table(
        PriceTiers,
        """
        up_to                          |     unit_price | flat_fee
        99999999999999.999999999999998 | 0.000000000001 |        0
                                       |              0 |        7
        """,
    )
    for hours, cost in (
        ("99999999999999.999999999999998", "100.00"),
        ("99999999999999.999999999999999", "107.00"),
    ):
        billed = bill(
            sku_prices=TIER, price_tiers=tiers, usage_records=table(UsageRecords, f"consumed_quantity\n{hours}")
        )
        assert_table(billed.rating_lines, RatingLines, f"list_cost\n{cost}")


def test_a_free_quantity_may_have_any_decimal() -> None:
    """1 less 0.333333333333333 is 0.666666666666667, at 3 × 10^13 a cent more than 2 × 10^13."""
    price = "list_unit_price | free_quantity\n30000000000000 | 0.333333333333333"
    assert_table(cost_at(price, "1"), RatingLines, "list_cost\n20000000000000.01")
    assert_table(cost_at(price, "0.333333333333333"), RatingLines, "list_cost\n0")
    assert_table(cost_at(price, "0.333333333333334"), RatingLines, "list_cost\n0.03")


def test_blocks_may_be_as_small_as_a_quantity() -> None:
    """A cent per started 10^-15: 10^-14 hours are ten, one hour is 10^15 of them, 10^13."""
    price = "price_model | package_size | list_unit_price\npackage | 0.000000000000001 | 0.01"
    assert_table(cost_at(price, "0.00000000000001"), RatingLines, "list_cost\n0.10")
    assert_table(cost_at(price, "1"), RatingLines, "list_cost\n10000000000000.00")


def test_a_rate_of_a_very_large_payment_is_exact() -> None:
    """10^-12 of 99,999,999,999,999.99 is 99.99999999999999, and 0.005 more is 100.00499999999999: not 100.01."""
    price = "price_model | list_unit_price | fixed_fee\npercentage | 0.000000000001 | 0.0050"
    assert_table(cost_at(price, "99999999999999.99"), RatingLines, "list_cost\n100.00")


def test_a_free_quantity_with_a_factor_that_does_not_end_is_exact() -> None:
    """A hundred minutes are 1.666… hours, 0.666666666666667 free: 0.999999999999999666…, at 3 × 10^13
    29,999,999,999,999.99 exactly.
    """
    records = table(
        UsageRecords,
        """
        consumed_quantity | consumed_unit
        100               | minute
        """,
    )
    price = table(SkuPrices, "list_unit_price | free_quantity\n30000000000000 | 0.666666666666667")
    assert_table(
        bill(sku_prices=price, usage_records=records).rating_lines, RatingLines, "list_cost\n29999999999999.99"
    )
