"""A SKU may be sold in whole hours. Each record is rounded, or the month's total; always in the unit that is priced,
after the conversion and before free quantity, tiers and prices. `up` is away from zero, `down` towards it, `nearest`
takes a half away from zero.
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.billing_policies import BillingPolicies
from schemas.discounts import Discounts
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Quantity rounding: to an increment, per record or per month (P2)"


def sold(rounding: str, scope: str, increment: str = "1", meter: str = "sum") -> pl.DataFrame:
    """The SKU vm-small, rounded so."""
    return table(
        Skus,
        f"""
        quantity_rounding | quantity_increment | quantity_rounding_scope | meter   | allows_corrections
        {rounding}        |        {increment} | {scope}                 | {meter} | true
        """,
    )


def billed(skus: pl.DataFrame, usage_records: pl.DataFrame, **tables: pl.DataFrame) -> Outputs:
    return bill(skus=skus, usage_records=usage_records, **tables)


def hours(*quantities: str) -> pl.DataFrame:
    return table(UsageRecords, "\n".join(["consumed_quantity", *quantities]))


def test_records_are_rounded_one_by_one_or_as_a_total() -> None:
    """Twice 1.2 hours: 2 + 2, or 2.4 → 3."""
    assert_table(
        billed(sold("up", "record"), hours("1.2", "1.2")).rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost
        4                |      4.00
        """,
    )
    assert_table(
        billed(sold("up", "period"), hours("1.2", "1.2")).rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost
        3                |      3.00
        """,
    )


@pytest.mark.parametrize("scope", ["record", "period"])
@pytest.mark.parametrize(
    ("rounding", "used", "priced"),
    [
        ("up", "1.2", "2"),
        ("up", "2", "2"),
        ("up", "0.000000000000001", "1"),
        ("up", "-1.2", "-2"),
        ("down", "1.9", "1"),
        ("down", "0.999999999999999", "0"),
        ("down", "-1.9", "-1"),
        ("nearest", "1.499999999999999", "1"),
        ("nearest", "1.5", "2"),
        ("nearest", "-0.5", "-1"),
        ("nearest", "-1.499999999999999", "-1"),
    ],
)
def test_up_is_away_from_zero_down_towards_it_and_a_half_goes_away(
    rounding: str, used: str, priced: str, scope: str
) -> None:
    assert_table(
        billed(sold(rounding, scope), hours(used)).rating_lines,
        RatingLines,
        f"""
        pricing_quantity | list_cost
        {priced}         |  {priced}
        """,
    )


@pytest.mark.parametrize(
    ("increment", "used", "priced"),
    [("0.25", "1.1", "1.25"), ("25", "26", "50"), ("0.000000000000003", "0.000000000000004", "0.000000000000006")],
)
def test_an_increment_is_any_positive_quantity(increment: str, used: str, priced: str) -> None:
    """1.1 hours in quarters are 1.25; 26 in steps of 25 are 50; four in steps of three are six, at any scale."""
    found = billed(sold("up", "record", increment), hours(used)).rating_lines
    assert_table(found, RatingLines, f"pricing_quantity\n{priced}")


@pytest.mark.parametrize("scope", ["record", "period"])
def test_what_is_rounded_is_the_priced_unit(scope: str) -> None:
    """61 minutes are 1.01666… hours: two, not 61."""
    records = table(
        UsageRecords,
        """
        consumed_quantity | consumed_unit
        61                | minute
        """,
    )
    assert_table(
        billed(sold("up", scope), records).rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost
        2                |      2.00
        """,
    )


def test_a_total_is_exact_before_it_is_rounded() -> None:
    """Three times twenty minutes are one hour exactly, not a little more: 1, not 2."""
    records = table(
        UsageRecords,
        """
        consumed_quantity | consumed_unit
        20                | minute
        20                | minute
        20                | minute
        """,
    )
    assert_table(billed(sold("up", "period"), records).rating_lines, RatingLines, "pricing_quantity\n1")


def test_each_project_has_a_total_of_its_own() -> None:
    """1.2 and 1.2 hours of two projects are two and two."""
    records = table(
        UsageRecords,
        """
        sub_account_id | consumed_quantity
        website        |               1.2
        app            |               1.2
        """,
    )
    assert_table(
        billed(sold("up", "period"), records).rating_lines,
        RatingLines,
        """
        sub_account_id | list_cost
        website        |      2.00
        app            |      2.00
        """,
    )


def test_resources_of_a_project_count_together_unless_the_policy_asks_for_them() -> None:
    """1.2 and 1.2 hours of two machines are 2.4 → 3; line by line two and two."""
    records = table(
        UsageRecords,
        """
        resource_id | consumed_quantity
        vm-1        |               1.2
        vm-2        |               1.2
        """,
    )
    assert_table(billed(sold("up", "period"), records).rating_lines, RatingLines, "pricing_quantity\n3")
    by_resource = table(
        BillingPolicies,
        """
        policy     | value
        line_grain | resource
        """,
    )
    assert_table(
        billed(sold("up", "period"), records, billing_policies=by_resource).rating_lines,
        RatingLines,
        """
        resource_id | pricing_quantity
        vm-1        |                2
        vm-2        |                2
        """,
    )


BOTH_HALVES = table(
    UsageRecords,
    """
    charge_period_start | consumed_quantity
    2026-10-10T00:00Z   |               1.2
    2026-10-20T00:00Z   |               1.2
    """,
)


def test_a_price_change_moves_no_part_of_the_total() -> None:
    """1.2 hours are two, 2.4 are three: two at the old price, and one more at the new."""
    prices = table(
        SkuPrices,
        """
        sku_price_id | list_unit_price | valid_from | valid_until
        old          |               1 | 2026-01-01 | 2026-10-15
        new          |              10 | 2026-10-15 |
        """,
    )
    assert_table(
        billed(sold("up", "period"), BOTH_HALVES, sku_prices=prices).rating_lines,
        RatingLines,
        """
        sku_price_id | pricing_quantity | list_cost
        old          |                2 |      2.00
        new          |                1 |     10.00
        """,
    )


def test_a_discount_that_begins_inside_the_month_moves_no_part_either() -> None:
    """Three hours with it as without it, cut two and one."""
    autumn = table(
        Discounts,
        """
        discount_id | value | valid_from
        autumn      |    10 | 2026-10-15
        """,
    )
    found = billed(sold("up", "period"), BOTH_HALVES, discounts=autumn)
    assert_table(found.rating_lines, RatingLines, "list_cost\n3.00")
    assert sorted(found.charges["list_cost"].to_list()) == [1, 2]


def test_it_comes_before_the_free_quantity() -> None:
    """1.2 hours are two, of which one is free."""
    one_free = table(
        SkuPrices,
        """
        list_unit_price | free_quantity
        1               |             1
        """,
    )
    found = billed(sold("up", "period"), hours("1.2"), sku_prices=one_free).rating_lines
    assert_table(found, RatingLines, "list_cost\n1.00")


def test_records_are_rounded_before_they_are_metered() -> None:
    """Of one machine 1.2, then 1.9, then 0.5 hours: two, two and one; the largest is two."""
    records = table(
        UsageRecords,
        """
        resource_id | charge_period_start | consumed_quantity
        vm-1        | 2026-10-03T00:00Z   |               1.2
        vm-1        | 2026-10-04T00:00Z   |               1.9
        vm-1        | 2026-10-05T00:00Z   |               0.5
        """,
    )
    found = billed(sold("up", "record", meter="max"), records).rating_lines
    assert_table(found, RatingLines, "pricing_quantity\n2")


def test_a_total_is_rounded_after_it_is_metered() -> None:
    """A disk of 1.5 GB for half of October is 0.75: one, in whole units of the month."""
    records = table(
        UsageRecords,
        """
        charge_period_start  | charge_period_end | consumed_quantity
        2026-10-01T00:00Z    | 2026-10-16T12:00Z |               1.5
        """,
    )
    found = billed(sold("up", "period", meter="time_weighted"), records).rating_lines
    assert_table(found, RatingLines, "pricing_quantity\n1")


def test_corrections_and_usage_are_rounded_together() -> None:
    """2.4 hours less 1.2 are 1.2, so two."""
    found = billed(sold("up", "period"), hours("2.4", "-1.2")).rating_lines
    assert_table(found, RatingLines, "pricing_quantity\n2")
