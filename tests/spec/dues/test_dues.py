"""A payment pays the invoice it names, or the oldest due first. What is over stays on account and pays what is issued
later.
"""

from __future__ import annotations

import polars as pl

from rating.dues import apply_payments, open_documents, open_payments
from schemas.currencies import Currencies
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.payment_applications import PaymentApplications
from tests.spec.period import ACME
from tests.tables import assert_table, table

title = "Dues: which money pays which invoice (I6)"

THREE_INVOICES = table(
    Invoices,
    """
    invoice_id | invoice_number | due_date   | amount_due
    october    | INV-3          | 2026-11-17 |     100.00
    august     | INV-1          | 2026-09-17 |      50.00
    september  | INV-2          | 2026-10-17 |      70.00
    """,
    document_state="issued",
)
NO_PAYMENTS_YET = PaymentApplications.empty()
EXPONENTS = table(Currencies, "billing_currency\nEUR").select("billing_currency", "exponent")


def paid(
    payments: pl.DataFrame,
    invoices: pl.DataFrame = THREE_INVOICES,
    before: pl.DataFrame = NO_PAYMENTS_YET,
    *,
    is_at_issue: bool = False,
) -> pl.DataFrame:
    documents = open_documents(invoices, before)
    return apply_payments(open_payments(payments, before), documents, EXPONENTS, is_at_issue=is_at_issue)


PAYMENT = {**ACME, "operation": "record_payment", "payment_kind": "money"}


def test_a_payment_pays_the_oldest_due_first() -> None:
    """100.00: 50.00 of August, and 50.00 of September's 70.00."""
    found = paid(
        table(
            Operations,
            """
            operation_id | amount
            transfer     |    100
            """,
            **PAYMENT,
        )
    )
    assert_table(
        found,
        PaymentApplications,
        """
        operation_id | invoice_number | amount
        transfer     | INV-1          |  50.00
        transfer     | INV-2          |  50.00
        """,
    )


def test_a_payment_that_names_an_invoice_pays_that_one_alone() -> None:
    """100.00 for August's 50.00: the rest stays on account."""
    found = paid(
        table(
            Operations,
            """
            operation_id | amount | invoice_number
            transfer     |    100 | INV-1
            """,
            **PAYMENT,
        )
    )
    assert_table(
        found,
        PaymentApplications,
        """
        invoice_number | amount
        INV-1          |  50.00
        """,
    )


def test_payments_pay_in_the_order_they_occurred() -> None:
    """The earlier 60.00 pay August and 10.00 of September, the later 60.00 the rest of it."""
    found = paid(
        table(
            Operations,
            """
            operation_id | occurred_at       | amount
            a-later      | 2026-11-05T00:00Z |     60
            b-sooner     | 2026-11-04T00:00Z |     60
            """,
            **PAYMENT,
        )
    )
    assert_table(
        found,
        PaymentApplications,
        """
        operation_id | invoice_number | amount
        b-sooner     | INV-1          |  50.00
        b-sooner     | INV-2          |  10.00
        a-later      | INV-2          |  60.00
        """,
    )


def test_a_payment_goes_on_where_it_stopped_and_an_invoice_stays_paid() -> None:
    """Of 100.00, 50.00 went to August before: the other 50.00 go to September."""
    found = paid(
        table(
            Operations,
            """
            operation_id | amount
            transfer     |    100
            """,
            **PAYMENT,
        ),
        before=table(
            PaymentApplications,
            """
            operation_id | invoice_number | amount | is_at_issue
            transfer     | INV-1          |     50 | false
            """,
        ),
    )
    assert_table(
        found,
        PaymentApplications,
        """
        invoice_number | amount
        INV-2          |  50.00
        """,
    )


def test_what_an_invoice_took_at_issue_is_in_its_amount_due_already() -> None:
    """August's 50.00 are what is due after 20.00 of account balance paid at issue."""
    found = open_documents(
        THREE_INVOICES.filter(invoice_number="INV-1"),
        table(
            PaymentApplications,
            """
            operation_id | invoice_number | amount | is_at_issue
            early        | INV-1          |     20 | true
            part         | INV-1          |     15 | false
            """,
        ),
    )
    assert str(found["open_amount"].item()) == "35.0000"


def test_what_is_over_stays_on_account() -> None:
    payments = table(
        Operations,
        """
        operation_id | amount
        transfer     |    300
        """,
        **PAYMENT,
    )
    applied = paid(payments)
    assert str(applied["amount"].sum()) == "220.0000"  # 50 + 70 + 100
    left = open_payments(payments, applied)
    assert left["rest_amount"].to_list() == [80]


def test_at_issue_the_balance_pays_the_new_invoice_whatever_it_was_once_for() -> None:
    """It named August's invoice, which is paid: its 80.00 now pay a new one."""
    new = table(
        Invoices,
        """
        invoice_id | invoice_number | due_date   | amount_due
        november   | INV-4          | 2026-12-17 |     100.00
        """,
        document_state="issued",
    )
    payments = table(
        Operations,
        """
        operation_id | amount | invoice_number
        transfer     |     80 | INV-1
        """,
        **PAYMENT,
    )
    assert paid(payments, new).is_empty()
    assert_table(
        paid(payments, new, is_at_issue=True),
        PaymentApplications,
        """
        operation_id | invoice_number | amount | is_at_issue
        transfer     | INV-4          |  80.00 | true
        """,
    )


def test_only_issued_documents_are_due_and_nobody_pays_for_another_account() -> None:
    others = table(
        Invoices,
        """
        invoice_id | billing_account_id | document_state | invoice_number | due_date   | amount_due
        draft      | acme               | draft          |                |            |      10.00
        theirs     | globex             | issued         | INV-9          | 2026-09-01 |      10.00
        """,
    )
    payments = table(Operations, "amount\n100", **PAYMENT)
    assert open_documents(others, NO_PAYMENTS_YET)["invoice_number"].to_list() == ["INV-9"]
    assert paid(payments, others).is_empty()


def test_withheld_tax_and_write_offs_pay_as_money_does() -> None:
    found = paid(
        table(
            Operations,
            """
            operation_id | payment_kind | amount | invoice_number
            a            | withheld_tax |     30 | INV-1
            b            | write_off    |     30 | INV-1
            """,
            **ACME,
            operation="record_payment",
        )
    )
    assert_table(
        found,
        PaymentApplications,
        """
        operation_id | invoice_number | amount
        a            | INV-1          |  30.00
        b            | INV-1          |  20.00
        """,
    )
