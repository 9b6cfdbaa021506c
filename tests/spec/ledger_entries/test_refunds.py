"""What is refunded of a paid grant is its price, in proportion to what is left of its face value; the rest of the entry
was a discount when it was bought.
"""

from __future__ import annotations

import polars as pl
import pytest

from schemas.billing_accounts import BillingAccounts
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, USUAL, bill
from tests.tables import assert_table, table

title = "Ledger: refunds in proportion (B1, K5)"


def refunded(amount: str, price: str, currency: str = "EUR", hours: int = 0) -> pl.DataFrame:
    """What October posts for a grant that was bought in September and is given back on the 15th."""
    operations = table(
        Operations,
        f"""
        operation_id | operation       | amount   | price_paid | grant_id | occurred_at
        bought       | purchase_credit | {amount} | {price}    |          | 2026-09-01T00:00:00Z
        back         | refund_credit   |          |            | bought   | 2026-10-15T00:00:00Z
        """,
        **ACME,
    )
    usage = table(UsageRecords, f"charge_period_start | consumed_quantity\n2026-10-01T00:00Z | {hours}")
    billed = bill(
        operations=operations,
        usage_records=usage,
        billing_accounts=table(BillingAccounts, f"billing_account_id | billing_currency\nacme | {currency}"),
        sku_prices=USUAL["sku_prices"].with_columns(billing_currency=pl.lit(currency)),
    )
    return billed.ledger.filter(transaction_kind="grant_ended")


def test_the_price_is_given_back_in_proportion_to_the_rest() -> None:
    """100.00 bought for 80.00; 50.00 of usage and 10.00 of tax are paid: 40.00 are left, 40 % of the price is 32.00."""
    assert_table(
        refunded("100", "80", hours=50),
        LedgerEntries,
        """
        ledger_account              | amount
        grant_liability/paid/bought |  40.00
        cash                        | -32.00
        discounts_given             |  -8.00
        """,
    )


def test_what_was_not_used_is_given_back_whole() -> None:
    assert_table(
        refunded("100", "80"),
        LedgerEntries,
        """
        ledger_account              | amount
        grant_liability/paid/bought | 100.00
        cash                        | -80.00
        discounts_given             | -20.00
        """,
    )


def test_a_grant_bought_at_its_face_value_gives_no_discount_back() -> None:
    assert_table(
        refunded("100", "100", hours=50),
        LedgerEntries,
        """
        ledger_account              | amount
        grant_liability/paid/bought |  40.00
        cash                        | -40.00
        """,
    )


@pytest.mark.parametrize(
    ("amount", "price", "currency", "hours", "rest", "cash", "discount"),
    [
        # 90.00 − 36.00 = 54.00; 54 × 77.77 ÷ 90 = 46.662
        ("90", "77.77", "EUR", 30, "54.00", "46.66", "7.34"),
        # 100.00 − 36.00 = 64.00; 64 × 33.33 ÷ 100 = 21.3312
        ("100", "33.33", "EUR", 30, "64.00", "21.33", "42.67"),
        # 48 − 36 = 12; 12 × 0.02 ÷ 48 = 0.005, a tie: away from zero
        ("48", "0.02", "EUR", 30, "12.00", "0.01", "11.99"),
        # 100 − 36 = 64 won; 64 × 77 ÷ 100 = 49.28
        ("100", "77", "KRW", 30, "64", "49", "15"),
        # 72 − 36 = 36 won; 36 × 71 ÷ 72 = 35.5, a tie
        ("72", "71", "KRW", 30, "36", "36", "0"),
        # 100.000 − 36.000 = 64.000 dinars; 64 × 33.333 ÷ 100 = 21.33312
        ("100", "33.333", "BHD", 30, "64.000", "21.333", "42.667"),
    ],
)
def test_what_is_given_back_is_rounded_to_the_minor_unit_half_away(
    amount: str, price: str, currency: str, hours: int, rest: str, cash: str, discount: str
) -> None:
    """30 hours and 20 % of tax on them are 36 of whatever currency."""
    wanted = f"grant_liability/paid/bought | {rest}\ncash | -{cash}"
    if discount != "0":
        wanted += f"\ndiscounts_given | -{discount}"
    assert_table(refunded(amount, price, currency, hours), LedgerEntries, f"ledger_account | amount\n{wanted}")


def test_a_paid_grant_that_nothing_was_paid_for_gives_nothing_back() -> None:
    """Credit of a paid kind that was given, not sold."""
    operations = table(
        Operations,
        """
        operation_id | operation     | kind | amount | grant_id | occurred_at
        gift         | grant_credit  | paid |    100 |          | 2026-09-01T00:00:00Z
        back         | refund_credit |      |        | gift     | 2026-10-15T00:00:00Z
        """,
        **ACME,
    )
    assert_table(
        bill(operations=operations).ledger,
        LedgerEntries,
        """
        ledger_account            | amount
        grant_liability/paid/gift |  100.00
        discounts_given           | -100.00
        """,
    )
