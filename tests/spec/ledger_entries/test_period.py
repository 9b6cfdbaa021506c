"""What the books say about a whole month: 100.00 of Cloud and 50.00 of Database, 10 % discount, 20 % tax."""

from __future__ import annotations

from schemas.discounts import Discounts
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Ledger: what a month posts (B1)"

TWO_LINES = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-small |               100
    database |                50
    """,
)
TEN_PERCENT = table(Discounts, "value\n10")


def test_a_month_without_grants_posts_its_invoice() -> None:
    """150.00 of revenue, 15.00 given, 27.00 of tax on 135.00; 162.00 are owed, which is what the invoice says."""
    assert_table(
        bill(usage_records=TWO_LINES, discounts=TEN_PERCENT).ledger,
        LedgerEntries,
        """
        transaction_kind | ledger_account     | source_table  | amount
        invoice          | receivable         | invoices      | 135.00
        invoice          | receivable         | tax_breakdown |  27.00
        invoice          | discounts_given    | invoices      |  15.00
        invoice          | revenue/Cloud      | invoices      | -100.00
        invoice          | revenue/Database   | invoices      | -50.00
        invoice          | tax_payable/DE/VAT | tax_breakdown | -27.00
        """,
    )


def test_a_bonus_is_used_and_what_is_left_of_it_ends() -> None:
    """40.00 of 60.00 go to databases, which cost 45.00; the other 15.00 of the window that ends with October expire."""
    billed = bill(
        usage_records=TWO_LINES,
        discounts=TEN_PERCENT,
        operations=table(
            Operations,
            """
            operation_id | kind  | amount | window_start | window_end | include
            launch       | bonus |     60 | 2026-10-01   | 2026-11-01 | ["service:Database"]
            """,
            **ACME,
        ),
    )
    assert_table(
        billed.ledger,
        LedgerEntries,
        """
        transaction_kind | ledger_account               | source_table    | amount
        invoice          | receivable                   | invoices        | 135.00
        invoice          | receivable                   | tax_breakdown   |  18.00
        invoice          | discounts_given              | invoices        |  15.00
        invoice          | revenue/Cloud                | invoices        | -100.00
        invoice          | revenue/Database             | invoices        | -50.00
        invoice          | tax_payable/DE/VAT           | tax_breakdown   | -18.00
        grant_applied    | grant_liability/bonus/launch | grant_movements |  45.00
        grant_applied    | receivable                   | grant_movements | -45.00
        grant_applied    | bonus_expense                | grant_movements |  45.00
        grant_applied    | bonus_commitment             | grant_movements | -45.00
        grant_ended      | grant_liability/bonus/launch | grant_movements |  15.00
        grant_ended      | bonus_commitment             | grant_movements | -15.00
        """,
    )


def test_a_paid_credit_is_no_expense_and_what_expires_of_it_is_income() -> None:
    """162.00 are due and paid out of 200.00; 38.00 expire."""
    billed = bill(
        usage_records=TWO_LINES,
        discounts=TEN_PERCENT,
        operations=table(
            Operations,
            """
            operation_id | kind | amount | window_start | window_end
            bought       | paid |    200 | 2026-10-01   | 2026-11-01
            """,
            **ACME,
        ),
    )
    grants = billed.ledger.filter(source_table="grant_movements")
    assert_table(
        grants,
        LedgerEntries,
        """
        transaction_kind | ledger_account              | amount
        grant_applied    | grant_liability/paid/bought | 162.00
        grant_applied    | receivable                  | -162.00
        grant_ended      | grant_liability/paid/bought |  38.00
        grant_ended      | breakage_income             | -38.00
        """,
    )


def test_what_the_customer_owes_is_what_the_invoice_says() -> None:
    billed = bill(
        usage_records=TWO_LINES,
        discounts=TEN_PERCENT,
        operations=table(
            Operations,
            """
            operation_id | kind    | amount | window_start
            launch       | bonus   |     40 | 2026-10-01
            voucher      | voucher |     14 | 2026-10-01
            """,
            **ACME,
        ),
    )
    owed = billed.ledger.filter(ledger_account="receivable")["amount"].sum()
    assert str(owed) == "100.0000"  # 135 − 40 = 95, 19 of tax, 114, less 14 of credit
    assert billed.invoices["amount_due"].item() == owed


def test_a_month_to_date_posts_nothing() -> None:
    assert bill(usage_records=TWO_LINES, known_as_of="2026-10-20T00:00:00Z").ledger.is_empty()
