"""Policy `payable_increment`: the amount due is rounded to what can be paid, in the mode of charges. Nothing else is;
the difference stands on the document (BT-114) and in the ledger account `rounding`.
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.dues import paid_at_issue
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.invoices import Invoices
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.payment_applications import PaymentApplications
from schemas.sku_prices import SkuPrices
from schemas.tax_rates import TaxRates
from schemas.usage_records import UsageRecords
from tests.spec.period import BONUS, bill
from tests.tables import assert_table, table

title = "The amount due: rounded to what can be paid (I7)"

FIVE_CENTS = table(
    BillingPolicies,
    """
    policy            | value
    payable_increment | 0.05
    """,
)
ONE_LINE = table(UsageRecords, "sku_id | consumed_quantity\nvm-small | 10.02")


def test_the_amount_due_is_rounded_and_the_difference_is_shown() -> None:
    """10.02 and 20 % of it, 2.004: 2.00, are 12.02; the nearest five cents are 12.00, so 0.02 are taken off.
    The document's own receivable is 10.02 - 0.02; that of its tax stands apart."""
    billed = bill(usage_records=ONE_LINE, billing_policies=FIVE_CENTS)
    assert_table(
        billed.invoices,
        Invoices,
        """
        total_without_tax | total_tax | total_with_tax | paid_amount | rounding_amount | amount_due
        10.02             |      2.00 |          12.02 |           0 |           -0.02 |      12.00
        """,
    )
    assert_table(
        billed.ledger,
        LedgerEntries,
        """
        transaction_kind | ledger_account     | amount
        invoice          | receivable         |  10.00
        invoice          | revenue/Cloud      | -10.02
        invoice          | receivable         |   2.00
        invoice          | tax_payable/DE/VAT |  -2.00
        invoice          | rounding           |   0.02
        """,
    )


def test_without_the_policy_nothing_is_rounded() -> None:
    found = bill(usage_records=ONE_LINE)
    assert_table(found.invoices, Invoices, "rounding_amount | amount_due\n0 | 12.02")
    assert "rounding" not in found.ledger["ledger_account"].to_list()


def test_it_is_rounded_after_what_credit_paid() -> None:
    """12.02 less 2.00 of credit after tax are 10.02: 10.00 are due."""
    credit = table(Operations, "kind | amount\nvoucher | 2", **BONUS)
    found = bill(usage_records=ONE_LINE, billing_policies=FIVE_CENTS, operations=credit)
    assert_table(
        found.invoices,
        Invoices,
        """
        total_with_tax | paid_amount | rounding_amount | amount_due
        12.02          |        2.00 |           -0.02 |      10.00
        """,
    )


@pytest.mark.parametrize(
    ("hours", "mode", "due"),
    [
        ("0.25", "half_away", "0.50"),
        ("0.25", "half_even", "0.00"),
        ("0.75", "half_even", "1.00"),
        ("0.05", "up", "0.50"),
        ("0.45", "down", "0.00"),
        ("-0.25", "half_away", "-0.50"),
        ("-0.05", "up", "-0.50"),
        ("-0.45", "down", "0.00"),
    ],
)
def test_it_is_rounded_in_the_mode_of_charges(hours: str, mode: str, due: str) -> None:
    """Halves of a unit: 0.25 lies between 0.00 and 0.50, 0.75 between 0.50 and 1.00, whose half is the even one; a
    credit note is rounded like the invoice of the same size. A reverse charge has no tax, so hours read as euros."""
    policies = table(
        BillingPolicies,
        f"""
        policy            | value
        payable_increment | 0.50
        rounding_charges  | {mode}
        """,
    )
    untaxed = table(BillingAccounts, "billing_account_id | tax_status\nacme | reverse_charge")
    rates = table(
        TaxRates,
        """
        tax_status     | tax_category | rate | code | exemption_reason
        reverse_charge | standard     |    0 | AE   | Reverse charge
        """,
    )
    usage = table(UsageRecords, f"sku_id | consumed_quantity\nvm-small | {hours}")
    found = bill(usage_records=usage, billing_policies=policies, billing_accounts=untaxed, tax_rates=rates)
    assert_table(found.invoices, Invoices, f"total_with_tax | amount_due\n{hours} | {due}")


def test_an_increment_finer_than_the_currency_rounds_nothing() -> None:
    """Whole won are multiples of 0.05 already; of 0.30, three won are the least multiple: 400 become 399."""
    for increment, due in (("0.05", "400"), ("0.30", "399")):
        found = bill(
            billing_accounts=table(BillingAccounts, "billing_account_id | billing_currency\nacme | KRW"),
            sku_prices=table(SkuPrices, "billing_currency | list_unit_price\nKRW | 333.4"),
            usage_records=table(UsageRecords, "consumed_quantity\n1"),
            billing_policies=table(BillingPolicies, f"policy | value\npayable_increment | {increment}"),
        )
        assert_table(found.invoices, Invoices, f"total_with_tax | amount_due\n400 | {due}")


# --- what is paid at issue ---

DRAFT = table(
    Invoices,
    """
    invoice_id | invoice_number | paid_amount | rounding_amount | amount_due
    october    | INV-1          |           0 |           -0.02 |      12.00
    """,
    document_state="issued",
)


def issued(balance: str, mode: str = "half_away", draft: pl.DataFrame = DRAFT, increment: str = "0.05") -> pl.DataFrame:
    """The document when the account balance has paid a part of it."""
    terms = draft.with_columns(
        exponent=pl.lit(2, dtype=pl.Int64), payable_increment=pl.lit(increment), rounding_charges=pl.lit(mode)
    )
    paid = table(PaymentApplications, f"invoice_number | amount | is_at_issue\nINV-1 | {balance} | true")
    return paid_at_issue(terms, paid)


def test_what_the_balance_leaves_is_rounded_anew() -> None:
    """12.02 less 3.01 are 9.01: 9.00 are due. All of the 12.00 due: nothing is. 11.99: 0.03 are left, so 0.05."""
    for balance, rounding, due in (("3.01", "-0.01", "9.00"), ("12.00", "-0.02", "0"), ("11.99", "0.02", "0.05")):
        assert_table(
            issued(balance),
            Invoices,
            f"""
            paid_amount | rounding_amount | amount_due
            {balance}   | {rounding}      | {due}
            """,
        )


def test_what_is_left_is_never_rounded_below_zero() -> None:
    """12.01 were rounded up to 12.05, of which 12.04 are paid: -0.03 of the exact amount are left, nothing is due."""
    draft = DRAFT.with_columns(
        amount_due=pl.lit("12.05").cast(DRAFT.schema["amount_due"]),
        rounding_amount=pl.lit("0.04").cast(DRAFT.schema["amount_due"]),
    )
    assert_table(issued("12.04", "up", draft), Invoices, "rounding_amount | amount_due\n0.03 | 0")


def test_what_a_balance_of_smaller_units_leaves_is_rounded_to_those_that_there_are() -> None:
    """A currency has lost a digit since 3.006 were paid in advance: of 12.02 less these, 9.014, are 9.00 due; of 12.02
    less 3.004, 9.016, without an increment 9.02, and 9.015 rounded down are 9.01.
    """
    for balance, increment, mode, rounding, due in (
        ("3.006", "0.05", "half_away", "-0.014", "9.00"),
        ("3.004", "0", "half_away", "0.004", "9.02"),
        ("3.005", "0", "half_away", "0.005", "9.02"),
        ("3.005", "0", "down", "-0.005", "9.01"),
    ):
        assert_table(
            issued(balance, mode, increment=increment),
            Invoices,
            f"""
            paid_amount | rounding_amount | amount_due
            {balance}   | {rounding}      | {due}
            """,
        )
