"""Published fees per payment: a rate, a fixed fee, a cap, a least and a most.

Stripe, https://stripe.com/pricing (US), as tabled by
https://docs.wpsimplepay.com/articles/accepting-ach-debit-payments/ (2022) and
https://feetrace.com/blog/stripe-ach-fees-for-saas-what-finance-teams-should-know (March 2026): cards 2.9 % + 0.30 USD;
ACH debit 0.80 %, at most 5.00.

Upvest, https://docs.upvest.co/products/byol/guides/fees/fees_transaction_fees_designing (read in November 2026): 1 %
per order, not less than 1 EUR, not more than 100 EUR.
"""

from __future__ import annotations

import pytest

from rating.outputs import Outputs
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.golden.prices.months import assert_due, month
from tests.tables import table

CARD = """
    price_model | list_unit_price | fixed_fee
    percentage  |           0.029 |      0.30
"""
IN_PERSON = """
    price_model | list_unit_price | fixed_fee
    percentage  |           0.027 |      0.05
"""
ACH = """
    price_model | list_unit_price | maximum
    percentage  |           0.008 |    5.00
"""
ORDER = """
    price_model | list_unit_price | minimum | maximum
    percentage  |            0.01 |       1 |     100
"""


def paid(price: str, currency: str, *payments: str) -> Outputs:
    """Payments at this fee."""
    records = "\n".join(["consumed_quantity", *payments])
    return month(
        currency=currency,
        skus=table(
            Skus,
            f"""
            sku_id  | service  | pricing_unit
            payment | Payments | {currency}
            """,
        ),
        sku_prices=table(SkuPrices, price, sku_id="payment"),
        usage_records=table(UsageRecords, records, sku_id="payment", consumed_unit=currency),
    )


@pytest.mark.parametrize(("payment", "fee"), [("100", "3.20"), ("1000", "29.30"), ("0.01", "0.30")])
def test_stripe_card(payment: str, fee: str) -> None:
    """2.90 + 0.30 = 3.20 and 29.00 + 0.30 = 29.30 as published; a cent costs 0.30029."""
    assert_due(paid(CARD, "USD", payment), fee)


def test_stripe_cards_of_a_month() -> None:
    """Five payments of 19.99: each 0.57971 + 0.30, together 4.39855, so 4.40. Rounded one by one it would be the same;
    of nine, 7.91739 → 7.92 and not 9 × 0.88 = 7.92. Of fifty, 43.9855 → 43.99, where one by one is 44.00.
    """
    assert_due(paid(CARD, "USD", *["19.99"] * 5), "4.40")
    assert_due(paid(CARD, "USD", *["19.99"] * 50), "43.99")


def test_stripe_card_in_person() -> None:
    """2.7 % + 0.05, as in https://getlago.com/docs/templates/per-transaction/stripe (read in November 2026): 40.00
    costs 1.13.
    """
    assert_due(paid(IN_PERSON, "USD", "40"), "1.13")


@pytest.mark.parametrize(
    ("payment", "fee"), [("100", "0.80"), ("624.99", "5.00"), ("625", "5.00"), ("1000", "5.00"), ("8000", "5.00")]
)
def test_stripe_ach_is_capped(payment: str, fee: str) -> None:
    """0.80 for 100 and 5.00 for 625, 1,000 and 8,000 as published; 624.99 × 0.008 = 4.99992."""
    assert_due(paid(ACH, "USD", payment), fee)


def test_stripe_ach_is_capped_payment_by_payment() -> None:
    """100, 625 and 8,000: 0.80 + 5.00 + 5.00."""
    assert_due(paid(ACH, "USD", "100", "625", "8000"), "10.80")


@pytest.mark.parametrize(
    ("order", "fee"), [("50", "1.00"), ("100", "1.00"), ("5000", "50.00"), ("10000", "100.00"), ("50000", "100.00")]
)
def test_upvest_order_fee_with_a_least_and_a_most(order: str, fee: str) -> None:
    assert_due(paid(ORDER, "EUR", order), fee)
