"""A month below zero is a credit note; it pays what is issued later, in line with the account balance (G7, I6)."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from flows.show.console import print_whole
from flows.show.invoice import read_document
from flows.show.page import invoice_page
from tests.flows.billing.months import made_once
from tests.flows.billing.test_payments import balances, payment
from tests.flows.billing.test_reversed_payments import OCTOBER, Audited, reversal

DECEMBER = "d1,acme,,vm-1,vm-small,eu-1,2026-12-01T10:00:00+01:00,2026-12-05T14:00:00+01:00,100,hour"
NOTE, LATER = "CN-2026-00001", "INV-2027-00001"
BACK = {
    "operation_id": "sorry",
    "operation": "add_charge",
    "occurred_at": "2026-11-15T00:00:00Z",
    "billing_account_id": "acme",
    "amount": "-30",
    "tax_category": "standard",
    "text": "Sorry for the outage",
}


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Audited:
    """October is issued, 114 due. In November acme got 30 and 6 of tax back: a credit note of 36 of the 3rd."""
    month = Audited(tmp_path).whole()
    month.issue()
    month.operate(BACK)
    month.bill(period="2026-11")
    month.issue(period="2026-11", issue_date=date(2026, 12, 3))
    return month


def page(month: Audited, number: str) -> str:
    """A document as a terminal shows it."""
    shown = io.StringIO()
    print_whole(Console(file=shown, width=100), *invoice_page(read_document(month.lake, number), width=100))
    return shown.getvalue()


def december(month: Audited) -> None:
    """100 h of 0.50 are 50, and 10 of tax."""
    month.ingest(month.usage("december.csv", DECEMBER), received_at=datetime(2027, 1, 2, tzinfo=UTC))
    month.bill(period="2026-12")
    month.issue(period="2026-12", issue_date=date(2027, 1, 4))


def test_a_credit_note_lowers_what_is_owed_and_pays_the_next_invoice(month: Audited) -> None:
    """October's 114 stay due; of December's 60 the note pays 36."""
    assert month.documents() == {OCTOBER: (Decimal(114), "issued"), NOTE: (Decimal(-36), "issued")}
    december(month)
    assert month.documents() == {
        OCTOBER: (Decimal(114), "issued"),
        NOTE: (Decimal(0), "paid"),
        LATER: (Decimal(24), "partly paid"),
    }
    found = month.ask("select total_with_tax, paid_amount, amount_due from invoices where billing_period = '2026-12'")
    assert found == [(Decimal(60), Decimal(36), Decimal(24))]
    # 114 and 24, and 122 of the other account
    assert balances(month) == {"receivable": Decimal(260), "account_balance": 0}
    assert f"Credit note {NOTE}" in page(month, LATER)
    assert f"pays {LATER}" in page(month, NOTE)


def test_the_older_of_balance_and_credit_note_pays_first_and_a_reversal_leaves_the_note_used(month: Audited) -> None:
    """124 of November the 10th pay October's 114; 10 are over and older than the note of December the 3rd, of which
    36 follow: 14 of the 60 are due. Reversed, 114 and 24 are due, and the note stays used."""
    month.operate(payment("p1", "124"))
    december(month)
    paid = "select operation_id, credit_note_number, amount from payment_applications where is_at_issue order by amount"
    assert month.ask(paid) == [("p1", None, Decimal(10)), ("issue-2026-12-1", NOTE, Decimal(36))]
    month.operate(reversal("r1", "p1", occurred_at="2027-01-10T00:00:00Z"))
    assert month.documents() == {
        OCTOBER: (Decimal(114), "issued"),
        NOTE: (Decimal(0), "paid"),
        LATER: (Decimal(24), "partly paid"),
    }
    assert balances(month) == {"cash": 0, "receivable": Decimal(260), "account_balance": 0}
