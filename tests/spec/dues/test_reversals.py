"""A reversed payment takes back what it had paid of documents, and has nothing left. What became due again waits for
the next payment; other balance does not move to it.
"""

from __future__ import annotations

import polars as pl

from rating.dues import open_documents, open_payments, standing_payments
from rating.ledger_entries import summed
from rating.payment_entries import payment_entries
from rating.settlement import settle
from schemas.invoices import Invoices
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.payment_applications import PaymentApplications
from tests.spec.dues.test_dues import EXPONENTS
from tests.spec.period import ACME
from tests.tables import assert_table, table

title = "Reversals: what was paid becomes due again (I6)"

ACCOUNT = pl.DataFrame({"billing_account_id": ["acme"], "time_zone": ["UTC"], "account_currency": ["EUR"]})
ISSUED = table(
    Invoices,
    """
    invoice_id | invoice_number | due_date   | amount_due | billing_period
    august     | INV-1          | 2026-09-17 |      50.00 | 2026-08
    september  | INV-2          | 2026-10-17 |      70.00 | 2026-09
    """,
    document_state="issued",
)


def documents(issued: pl.DataFrame = ISSUED, issued_by: str | None = None) -> pl.DataFrame:
    """Documents of an account whose amounts due are not rounded, issued before or by an operation."""
    return issued.with_columns(
        exponent=pl.lit(2, dtype=pl.Int64),
        payable_increment=pl.lit("0"),
        rounding_charges=pl.lit("half_away"),
        issued_by=pl.lit(issued_by, dtype=pl.String),
    )


NOBODY_BEFORE = Operations.empty()
NOTHING_PAID = PaymentApplications.empty()


def settled(
    operations: pl.DataFrame,
    before: pl.DataFrame = NOBODY_BEFORE,
    issued: pl.DataFrame | None = None,
    applications: pl.DataFrame = NOTHING_PAID,
) -> pl.DataFrame:
    known = documents() if issued is None else issued
    return settle(operations, before, known, applications, ACCOUNT, EXPONENTS).applications


PAID_150 = table(Operations, "operation_id | operation      | amount\ntransfer     | record_payment | 150", **ACME)
TAKEN_BACK = table(
    Operations,
    """
    operation_id | operation       | reverses_operation_id | occurred_at
    back         | reverse_payment | transfer              | 2026-11-20T00:00Z
    """,
    **ACME,
)


def test_a_reversal_takes_back_what_the_payment_paid_of_each_document() -> None:
    """150.00 paid 50.00 and 70.00; both are due again, and the 30.00 that were over are gone."""
    first = settled(PAID_150)
    found = settled(TAKEN_BACK, PAID_150, applications=first)
    assert_table(
        found,
        PaymentApplications,
        """
        operation_id | invoice_number | amount | is_at_issue
        back         | INV-1          | -50.00 | false
        back         | INV-2          | -70.00 | false
        """,
    )
    applied = pl.concat([first, found])
    assert open_documents(ISSUED, applied)["open_amount"].to_list() == [50, 70]
    assert open_payments(standing_payments(pl.concat([PAID_150, TAKEN_BACK])), applied).is_empty()


def test_what_the_rest_of_it_paid_at_issue_counts_after_the_issue() -> None:
    """30.00 of it are on September's invoice as paid, 40.00 are due; reversed, 70.00 are open and 40.00 stays said."""
    september = ISSUED.filter(invoice_number="INV-2").with_columns(pl.col("amount_due") - 30)
    at_issue = table(
        PaymentApplications,
        """
        operation_id | invoice_number | amount | is_at_issue
        transfer     | INV-2          |  30.00 | true
        """,
    )
    found = settled(TAKEN_BACK, PAID_150, documents(september), at_issue)
    assert_table(found, PaymentApplications, "invoice_number | amount | is_at_issue\nINV-2 | -30.00 | false")
    assert open_documents(september, pl.concat([at_issue, found]))["open_amount"].to_list() == [70]


def test_other_balance_does_not_move_to_what_became_due_again() -> None:
    """`other` has 30.00 over; 50.00 and 70.00 become due again, and nothing pays them before somebody pays."""
    other = table(
        Operations,
        """
        operation_id | operation      | amount | occurred_at
        transfer     | record_payment |    120 | 2026-11-01T00:00Z
        other        | record_payment |     30 | 2026-11-02T00:00Z
        """,
        **ACME,
    )
    first = settled(other)
    found = settled(TAKEN_BACK, other, applications=first)
    assert found["operation_id"].unique().to_list() == ["back"]
    later = table(Operations, "operation_id | operation      | amount\nlater | record_payment | 60", **ACME)
    assert_table(
        settled(later, pl.concat([other, TAKEN_BACK]), applications=pl.concat([first, found])),
        PaymentApplications,
        """
        operation_id | invoice_number | amount
        later        | INV-1          |  50.00
        later        | INV-2          |  10.00
        """,
    )


def test_in_one_commit_each_account_goes_in_its_own_order() -> None:
    """Paid, issued, reversed: INV-2 is issued with 30.00 of 80.00 that were over, then all 80.00 go back."""
    operations = table(
        Operations,
        """
        operation_id | operation       | amount | reverses_operation_id | occurred_at
        transfer     | record_payment  |     80 |                       | 2026-11-01T00:00Z
        issue        | issue_invoices  |        |                       | 2026-11-02T00:00Z
        back         | reverse_payment |        | transfer              | 2026-11-03T00:00Z
        """,
        **ACME,
    )
    known = pl.concat(
        [documents(ISSUED.filter(invoice_number="INV-1")), documents(ISSUED.filter(invoice_number="INV-2"), "issue")]
    )
    assert_table(
        settled(operations, issued=known),
        PaymentApplications,
        """
        operation_id | invoice_number | amount | is_at_issue
        transfer     | INV-1          |  50.00 | false
        transfer     | INV-2          |  30.00 | true
        back         | INV-1          | -50.00 | false
        back         | INV-2          | -30.00 | false
        """,
    )


def test_a_payment_after_an_issue_of_the_same_commit_pays_what_the_balance_left_of_it() -> None:
    """`sooner` pays 50.00 of INV-1 and, at issue, 30.00 of INV-2; 40.00 are left of it, 10.00 of `later` over."""
    operations = table(
        Operations,
        """
        operation_id | operation      | amount | occurred_at
        sooner       | record_payment |     80 | 2026-11-01T00:00Z
        issue        | issue_invoices |        | 2026-11-02T00:00Z
        later        | record_payment |     50 | 2026-11-03T00:00Z
        """,
        **ACME,
    )
    known = pl.concat(
        [documents(ISSUED.filter(invoice_number="INV-1")), documents(ISSUED.filter(invoice_number="INV-2"), "issue")]
    )
    found = settle(operations, NOBODY_BEFORE, known, NOTHING_PAID, ACCOUNT, EXPONENTS)
    assert_table(
        found.applications,
        PaymentApplications,
        """
        operation_id | invoice_number | amount | is_at_issue
        sooner       | INV-1          |  50.00 | false
        sooner       | INV-2          |  30.00 | true
        later        | INV-2          |  40.00 | false
        """,
    )
    assert_table(found.issued, Invoices, "invoice_number | paid_amount | amount_due\nINV-2 | 30.00 | 40.00")


def test_the_ledger_books_the_mirror_of_the_payment() -> None:
    """150.00 came in: 120.00 for documents, 30.00 on account. All of it goes out again."""
    applied = settled(PAID_150)
    back = settled(TAKEN_BACK, PAID_150, applications=applied)
    found = payment_entries(TAKEN_BACK, PAID_150, back, documents(), ACCOUNT)
    assert_table(
        summed(found),
        LedgerEntries,
        """
        transaction_kind | ledger_account  | amount  | source_id | service_period
        payment_reversed | cash            | -150.00 | back      | 2026-11
        payment_reversed | receivable      |  120.00 | back      | 2026-11
        payment_reversed | account_balance |   30.00 | back      | 2026-11
        """,
    )
