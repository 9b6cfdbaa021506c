"""2.9 % of each payment and 0.30: the quantity is money, and every record is priced by itself, exactly; the line is
rounded once. A record costs at least its minimum and at most its maximum.
"""

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

title = "Percentage: a rate of each record, a fee, a minimum and a maximum (P3)"

PRICE = table(
    SkuPrices,
    """
    price_model | list_unit_price | fixed_fee
    percentage  |           0.029 |      0.30
    """,
)


def cost_of(*payments: str, price: pl.DataFrame = PRICE) -> pl.DataFrame:
    usage_records = table(UsageRecords, "\n".join(["consumed_quantity", *payments]))
    return bill(sku_prices=price, usage_records=usage_records).rating_lines


def test_a_record_costs_its_rate_and_the_fee() -> None:
    """2.90 + 0.30, and 29.00 + 0.30."""
    assert_table(
        cost_of("100"),
        RatingLines,
        """
        pricing_quantity | list_unit_price | list_cost
        100              |           0.029 |      3.20
        """,
    )
    assert_table(cost_of("1000"), RatingLines, "list_cost\n29.30")


def test_every_record_pays_the_fee() -> None:
    """Two of 10.00 are twice 0.59; one of 20.00 would be 0.88."""
    assert_table(cost_of("10", "10"), RatingLines, "list_cost\n1.18")
    assert_table(cost_of("20"), RatingLines, "list_cost\n0.88")


def test_records_are_not_rounded_one_by_one() -> None:
    """Three of 1.15 are three times 0.33335, so 1.00005 → 1.00; one by one they would be 0.99."""
    assert_table(cost_of("1.15", "1.15", "1.15"), RatingLines, "list_cost\n1.00")


def test_a_record_of_zero_pays_neither_fee_nor_minimum() -> None:
    assert_table(cost_of("0", price=CLAMPED), RatingLines, "list_cost\n0")


CLAMPED = table(
    SkuPrices,
    """
    price_model | list_unit_price | fixed_fee | minimum | maximum
    percentage  |           0.029 |      0.30 |    0.50 |   10.00
    """,
)


@pytest.mark.parametrize(
    ("payment", "cost"), [("1", "0.50"), ("10", "0.59"), ("334", "9.99"), ("335", "10.00"), ("1000", "10.00")]
)
def test_minimum_and_maximum_bound_rate_and_fee_together(payment: str, cost: str) -> None:
    """1.00 costs 0.329, so 0.50; 334.00 costs 9.986; 335.00 would cost 10.015 and 1000.00 29.30, so 10.00."""
    assert_table(cost_of(payment, price=CLAMPED), RatingLines, f"list_cost\n{cost}")


def test_each_record_is_bounded_by_itself() -> None:
    """1.00 at its minimum, 1000.00 at its maximum: 10.50."""
    assert_table(cost_of("1", "1000", price=CLAMPED), RatingLines, "list_cost\n10.50")


def test_a_correction_gives_back_what_the_record_had_cost() -> None:
    """-100.00 gives back 3.20, and -1.00 the minimum of 0.50."""
    assert_table(cost_of("-100"), RatingLines, "list_cost\n-3.20")
    assert_table(cost_of("-1", price=CLAMPED), RatingLines, "list_cost\n-0.50")
    assert_table(cost_of("100", "-100"), RatingLines, "list_cost\n0")


def test_the_rate_may_be_per_hundred() -> None:
    """2.9 per 100."""
    per_hundred = table(
        SkuPrices,
        """
        price_model | list_unit_price | per_quantity | fixed_fee
        percentage  |             2.9 |          100 |      0.30
        """,
    )
    assert_table(cost_of("100", price=per_hundred), RatingLines, "list_cost\n3.20")


def test_a_fee_alone_is_a_price_per_record() -> None:
    """Three records of any size at 0.30."""
    fee = table(
        SkuPrices,
        """
        price_model | list_unit_price | fixed_fee
        percentage  |               0 |      0.30
        """,
    )
    assert_table(cost_of("1", "20", "300", price=fee), RatingLines, "list_cost\n0.90")


def test_each_project_is_a_line_of_its_own() -> None:
    """3.20 and 29.30; nothing is pooled."""
    billed = bill(
        sku_prices=PRICE,
        usage_records=table(
            UsageRecords,
            """
            sub_account_id | consumed_quantity
            website        |               100
            app            |              1000
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sub_account_id | list_cost
        website        |      3.20
        app            |     29.30
        """,
    )


def test_a_cut_falls_between_records() -> None:
    """A discount begins on the 15th. 10.00 before it costs 0.59, 3.33 after it 0.39657: the line is 0.98657 → 0.99, of
    which 0.59 are before.
    """
    billed = bill(
        sku_prices=PRICE,
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                10
            2026-10-20T00:00Z   |              3.33
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
    assert_table(
        billed.charges,
        Charges,
        """
        charge_period_start | list_cost
        2026-10-01T00:00Z   |      0.59
        2026-10-15T00:00Z   |      0.40
        """,
    )
