"""On which days documents may be issued: when their month is over, and not before what they correct (I1, I2)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows.backfill import backfill
from flows.run import Refusal
from tests.flows.billing.months import RECEIVED, Month

VOID = {
    "operation_id": "void",
    "operation": "void_invoice",
    "occurred_at": "2026-11-05T00:00:00Z",
    "billing_account_id": "acme",
    "invoice_number": "INV-2026-00001",
}


@pytest.fixture
def month(tmp_path: Path) -> Month:
    return Month(tmp_path).whole()


@pytest.mark.parametrize(
    ("on", "why"),
    [
        (date(2026, 10, 30), "2026-10 goes on after 2026-10-30; issue it on its last day or later"),
        (date(2025, 11, 3), "2026-10 goes on after 2025-11-03"),
        (date(9999, 12, 31), "9999-12-31 has no due date"),
    ],
)
def test_on_another_day_nothing_is_issued(month: Month, on: date, why: str) -> None:
    with pytest.raises(Refusal, match=f"O_ISSUE_DATE: {why}"):
        month.issue(on)
    assert month.ask("select distinct document_state from invoices") == [("draft",)]


def test_on_the_last_day_of_the_month_everything_is(month: Month) -> None:
    month.issue(date(2026, 10, 31))
    assert month.ask("select distinct document_state, issue_date from invoices") == [("issued", date(2026, 10, 31))]


def test_an_operation_with_such_a_date_is_rejected_by_itself(month: Month) -> None:
    issue = {"operation_id": "i", "operation": "issue_invoices", "billing_period": "2026-10"}
    payment = {"operation_id": "p", "operation": "record_payment", "billing_account_id": "acme", "amount": "5"}
    at = {"occurred_at": "2026-11-02T00:00:00Z"}
    run = month.operate({**issue, **at, "issue_date": "2026-10-02"}, {**payment, **at})
    assert (run.report["accepted"], run.report["rejected"]) == (1, 1)
    assert month.ask("select reason_code from operations where operation_id = 'i'") == [("O_ISSUE_DATE",)]


def test_a_correction_is_of_no_earlier_day_than_what_it_corrects(month: Month) -> None:
    month.issue(date(2026, 11, 10))
    late = "late,acme,,vm-9,vm-small,eu-1,2026-10-20T00:00:00Z,2026-10-20T10:00:00Z,10,hour"
    month.ingest(month.usage("late.csv", late))
    with pytest.raises(
        Refusal, match=r"INV-2026-0000\d, which it corrects, is of 2026-11-10; issue it on that day or l"
    ):
        backfill(month.lake, month.reference(), received_at=RECEIVED, issue_date=date(2026, 11, 9))
    waiting = "select count(*) from invoices where preceding_invoice_number is not null and document_state = "
    assert month.ask(f"{waiting} 'draft'") == [(1,)]
    backfill(month.lake, month.reference(), received_at=RECEIVED, issue_date=date(2026, 11, 10))
    assert month.ask(f"{waiting} 'issued'") == [(1,)]


def test_a_void_is_of_no_earlier_day_than_its_invoice(month: Month) -> None:
    """Issued with the date of the 10th: on the 5th it cannot be taken back, with the date of the 10th it can."""
    month.issue(date(2026, 11, 10))
    month.operate(VOID)
    why = month.ask("select reason_code, reason from operations where operation_id = 'void'")
    assert why[0][0] == "O_ISSUE_DATE"
    assert why[0][1].endswith("INV-2026-00001, which it corrects, is of 2026-11-10; issue it on that day or later")
    month.operate({**VOID, "operation_id": "again", "issue_date": "2026-11-10"})
    assert month.ask("select status from operations where operation_id = 'again'") == [("accepted",)]
