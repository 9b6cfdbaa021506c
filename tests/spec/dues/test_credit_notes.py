"""An open credit note pays later invoices when they are issued, as account balance does: the oldest of both first."""

from __future__ import annotations

import polars as pl

from rating.dues import open_documents
from rating.ledger_entries import summed
from rating.payment_entries import payment_entries
from rating.settlement import settle
from schemas.invoices import Invoices
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.payment_applications import PaymentApplications
from tests.spec.dues.test_dues import EXPONENTS
from tests.spec.dues.test_reversals import ACCOUNT, documents
from tests.spec.period import ACME
from tests.tables import assert_table, table

title = "Credit notes: they pay what is issued later (I6)"

NOTES = table(
    Invoices,
    """
    invoice_id | document_type | invoice_number | issue_date | due_date   | amount_due | billing_period
    september  | 381           | CN-2           | 2026-10-20 | 2026-10-20 |     -40.00 | 2026-09
    august     | 381           | CN-1           | 2026-10-10 | 2026-10-10 |     -30.00 | 2026-08
    """,
    document_state="issued",
)
OCTOBER = table(
    Invoices,
    """
    invoice_id | invoice_number | issue_date | due_date   | amount_due | billing_period
    october    | INV-1          | 2026-11-03 | 2026-11-17 |     100.00 | 2026-10
    """,
    document_state="issued",
)
ISSUE = table(
    Operations, "operation_id | operation      | occurred_at\nissue | issue_invoices | 2026-11-03T00:00Z", **ACME
)
NO_PAYMENTS, NOTHING_PAID = Operations.empty(), PaymentApplications.empty()


def known(*issued_now: pl.DataFrame, before: pl.DataFrame = NOTES) -> pl.DataFrame:
    """Documents issued before, and those that `issue` issues."""
    return pl.concat([documents(before), *(documents(issued, "issue") for issued in issued_now)])


def issued(
    documents: pl.DataFrame, payments: pl.DataFrame = NO_PAYMENTS, applications: pl.DataFrame = NOTHING_PAID
) -> pl.DataFrame:
    return settle(ISSUE, payments, documents, applications, ACCOUNT, EXPONENTS).applications


def test_credit_notes_pay_the_next_invoice_the_oldest_first() -> None:
    """30.00 of August's and 40.00 of September's: 30.00 of October's 100.00 are left to pay."""
    assert_table(
        issued(known(OCTOBER)),
        PaymentApplications,
        """
        operation_id | credit_note_number | invoice_number | amount | is_at_issue
        issue        | CN-1               | INV-1          |  30.00 | true
        issue        | CN-2               | INV-1          |  40.00 | true
        """,
    )


def test_account_balance_and_credit_notes_pay_in_the_order_of_their_dates() -> None:
    """CN-1 of the 10th 30.00, the payment of the 15th 50.00, CN-2 of the 20th the last 20.00; it keeps 20.00."""
    payment = table(
        Operations,
        """
        operation_id | operation      | amount | occurred_at
        transfer     | record_payment |     50 | 2026-10-15T09:00Z
        """,
        **ACME,
    )
    found = issued(known(OCTOBER), payment)
    assert_table(
        found,
        PaymentApplications,
        """
        operation_id | credit_note_number | invoice_number | amount
        issue        | CN-1               | INV-1          |  30.00
        transfer     |                    | INV-1          |  50.00
        issue        | CN-2               | INV-1          |  20.00
        """,
    )
    assert open_documents(NOTES, found)["open_amount"].to_list() == [-20, 0]


def test_a_credit_note_is_as_old_as_the_day_of_its_issue_where_the_account_is() -> None:
    """The 10th begins in Kolkata at 18:30 UTC of the 9th: the payment of 19:00 is younger, that of 18:00 older."""
    kolkata = ACCOUNT.with_columns(time_zone=pl.lit("Asia/Kolkata"))
    note, invoice = NOTES.filter(invoice_number="CN-1"), OCTOBER.with_columns(pl.col("amount_due") - 70)
    for hour, payer in (("19:00", "CN-1"), ("18:00", None)):
        payment = table(
            Operations,
            f"operation_id | operation | amount | occurred_at\ntransfer | record_payment | 30 | 2026-10-09T{hour}Z",
            **ACME,
        )
        found = settle(ISSUE, payment, known(invoice, before=note), NOTHING_PAID, kolkata, EXPONENTS).applications
        assert found["credit_note_number"].to_list() == [payer]


def test_what_is_left_of_a_credit_note_pays_the_invoice_after_the_next() -> None:
    """Of CN-1's 30.00, 25.00 are used: 5.00 pay October, and CN-2 40.00."""
    before = table(
        PaymentApplications,
        """
        operation_id | credit_note_number | invoice_number | amount | is_at_issue
        sooner       | CN-1               | INV-0          |  25.00 | true
        """,
    )
    assert_table(
        issued(known(OCTOBER), applications=before),
        PaymentApplications,
        """
        credit_note_number | amount
        CN-1               |   5.00
        CN-2               |  40.00
        """,
    )


def test_a_credit_note_pays_nothing_that_was_issued_before_it_nor_with_it() -> None:
    sooner = OCTOBER.with_columns(invoice_id=pl.lit("sooner"), invoice_number=pl.lit("INV-0"))
    assert issued(known(NOTES, before=sooner)).is_empty()
    together = NOTES.with_columns(billing_period=pl.lit("2026-10"))
    assert issued(known(together, OCTOBER, before=NOTES.clear())).is_empty()


def test_a_credit_note_pays_for_its_own_account_alone() -> None:
    theirs = NOTES.with_columns(billing_account_id=pl.lit("globex"))
    both = pl.concat([ACCOUNT, ACCOUNT.with_columns(billing_account_id=pl.lit("globex"))])
    found = settle(ISSUE, NO_PAYMENTS, known(OCTOBER, before=theirs), NOTHING_PAID, both, EXPONENTS)
    assert found.applications.is_empty()


def test_in_the_ledger_a_credit_note_becomes_balance_and_pays_so_the_receivable_stays() -> None:
    """30.00 of CN-1 and 40.00 of CN-2: the receivable of the notes is used up, that of the invoice is paid."""
    documents = known(OCTOBER)
    found = payment_entries(ISSUE, NO_PAYMENTS, issued(documents), documents, ACCOUNT)
    assert_table(
        summed(found),
        LedgerEntries,
        """
        transaction_kind    | service_period | ledger_account  | source_id | amount
        credit_note_applied | 2026-10        | receivable      | CN-1      |  30.00
        credit_note_applied | 2026-10        | account_balance | CN-1      | -30.00
        credit_note_applied | 2026-10        | receivable      | CN-2      |  40.00
        credit_note_applied | 2026-10        | account_balance | CN-2      | -40.00
        credit_note_applied | 2026-10        | account_balance | INV-1     |  70.00
        credit_note_applied | 2026-10        | receivable      | INV-1     | -70.00
        """,
    )
