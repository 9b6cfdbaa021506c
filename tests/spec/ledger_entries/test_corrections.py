"""What a correction posts: documents by their differences, grants by what they took in all."""

from __future__ import annotations

import polars as pl

from rating.ledger_entries import document_entries, grant_entries
from schemas.grant_movements import GrantMovements
from schemas.grants import Grants
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from tests.spec.corrections.chain import corrected, issued, october
from tests.spec.period import BONUS
from tests.tables import assert_table, table

title = "Ledger: what corrections post (B1, L4)"


def test_a_credit_note_posts_its_differences_under_its_own_id() -> None:
    """100.00 and 20.00 of tax; a bonus of 40.00 that came later takes 8.00 of the tax back. Its 40.00 are posted as
    what the grant paid, not by the document."""
    today = october("vm-small | 100", operations=table(Operations, "amount\n40", **BONUS))
    note = corrected(today, issued(october("vm-small | 100"), "INV-1"))
    entries = document_entries(note.invoices, note.invoice_lines, note.tax_breakdown)
    assert_table(
        entries,
        LedgerEntries,
        """
        transaction_kind | ledger_account     | source_table  | amount
        invoice          | receivable         | tax_breakdown |  -8.00
        invoice          | tax_payable/DE/VAT | tax_breakdown |   8.00
        """,
    )
    assert entries["source_id"].unique().to_list() == note.invoices["invoice_id"].to_list()


def test_usage_that_was_taken_back_takes_its_revenue_back() -> None:
    """Ten hours less: 10.00 of revenue and 2.00 of tax."""
    note = corrected(october("vm-small | 90"), issued(october("vm-small | 100"), "INV-1"))
    assert_table(
        document_entries(note.invoices, note.invoice_lines, note.tax_breakdown),
        LedgerEntries,
        """
        ledger_account     | amount
        receivable         | -10.00
        receivable         |  -2.00
        revenue/Cloud      |  10.00
        tax_payable/DE/VAT |   2.00
        """,
    )


def grants(text: str) -> pl.DataFrame:
    """Grants of acme in euros with two decimals."""
    return table(Grants, text, billing_account_id="acme").with_columns(exponent=pl.lit(2, dtype=pl.Int64))


def moved(text: str) -> pl.DataFrame:
    """What October did to grants."""
    return table(GrantMovements, text, billing_account_id="acme", billing_period="2026-10")


def test_what_came_back_to_a_grant_is_less_of_what_it_paid() -> None:
    """40.00 charged, 15.00 of it returned: 25.00 paid. Of 10.00 that had expired 10.00 are back."""
    assert_table(
        grant_entries(
            moved(
                """
                movement_id | grant_id | movement | amount
                m1          | launch   | charged  | -40.00
                m2          | launch   | returned |  15.00
                m3          | launch   | expired  | -10.00
                m4          | launch   | expired  |  10.00
                """
            ),
            grants("grant_id | kind | terminal_status\nlaunch | bonus | recovered"),
        ),
        LedgerEntries,
        """
        transaction_kind | ledger_account               | amount
        grant_applied    | grant_liability/bonus/launch |  25.00
        grant_applied    | receivable                   | -25.00
        grant_applied    | bonus_expense                |  25.00
        grant_applied    | bonus_commitment             | -25.00
        """,
    )


def test_a_refund_that_was_corrected_is_rounded_on_all_of_it() -> None:
    """48.00 bought for 0.02. 12.00 were refunded, then 6.00 of them were needed after all: 6 × 0.02 ÷ 48 is 0.0025, so
    nothing is given back. Rounded one by one it would be 0.01 (of 0.005) less nothing (of 0.0025)."""
    assert_table(
        grant_entries(
            moved(
                """
                movement_id | grant_id | movement | amount
                m1          | bought   | refunded | -12.00
                m2          | bought   | refunded |   6.00
                """
            ),
            grants("grant_id | kind | terminal_status | amount | price_paid\nbought | paid | refunded | 48 | 0.02"),
        ),
        LedgerEntries,
        """
        ledger_account              | amount
        grant_liability/paid/bought |   6.00
        discounts_given             |  -6.00
        """,
    )
