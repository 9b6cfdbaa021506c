"""A correction as its reader has to take it: what it corrects, what each line was and is, and what it stands with.

October of acme is 100.00 and 50.00 less 10 %: 135.00 and 27.00 of tax, 162.00. A bonus of 40.00 that came later takes
40.00 and 8.00 of tax back; then 20 hours of 0.50 that came late wait as a draft: 10.00 less 1.00, and 1.80 of tax. The
invoice of the other account was void.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from flows.backfill import backfill
from flows.lake.audit import audit
from flows.lake.views import connect
from flows.show.account import account_record
from flows.show.console import print_whole
from flows.show.invoice import as_record, read_document
from flows.show.page import invoice_page
from tests.flows.billing.months import Month

INVOICE, NOTE, OTHER, FULL_NOTE = "INV-2026-00001", "CN-2026-00001", "INV-2026-00002", "CN-2026-00002"
LATE = "late,acme,,vm-1,vm-small,eu-1,2026-10-20T00:00:00+02:00,2026-10-20T20:00:00+02:00,20,hour"
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """October, invoiced and corrected."""
    made = Month(tmp_path_factory.mktemp("corrected"))
    made.ingest()
    made.bill()
    made.issue()
    said = {"occurred_at": "2026-11-02T05:00:00Z"}
    bonus = {"operation": "grant_credit", "kind": "bonus", "amount": "40", "window_start": "2026-10-01"}
    made.operate({"operation_id": "late-bonus", "billing_account_id": "acme", **bonus, **said})
    backfill(made.lake, made.reference(), received_at=NOW, issue_date=date(2026, 11, 20))
    made.ingest(made.usage("late.csv", LATE))
    backfill(made.lake, made.reference(), received_at=NOW, issue_date=None)
    void = {"operation": "void_invoice", "invoice_number": OTHER, "occurred_at": "2026-11-21T05:00:00Z"}
    made.operate({"operation_id": "v1", "billing_account_id": "acme-credit", **void})
    return made


def page(month: Month, wanted: str, width: int = 100) -> str:
    """The page of a document, as it is printed; one blank for any number of them."""
    shown = io.StringIO()
    print_whole(Console(file=shown, width=width), *invoice_page(read_document(month.lake, wanted), width=width))
    return " ".join(shown.getvalue().split())


def draft(month: Month) -> str:
    return str(month.ask("select invoice_id from invoices where document_state = 'draft'")[0][0])


def test_a_credit_note_says_what_it_corrects_and_what_each_line_was_and_is(month: Month) -> None:
    shown = page(month, NOTE)
    assert f"Credit note {NOTE} It corrects invoice {INVOICE}" in shown
    assert "Small virtual machine #1 0.00 -40.00 S" in shown  # no hour more or less: no quantity
    assert "bonus (bonus credit) -40.00" in shown
    assert "was 200 hour for 100.00, 90.00 to tax; is 200 hour for 100.00, 50.00 to tax" in shown
    assert "SSD" not in shown
    assert "BT-115 EUR -48.00" in shown
    assert "bonus (bonus credit) -40.00 was 200 hour for 100.00, 90.00 to tax" in page(month, NOTE, width=60)


def test_a_draft_that_corrects_shows_what_it_would_add_to_all_that_is_issued(month: Month) -> None:
    shown = page(month, draft(month))
    assert "DRAFT - not an invoice" in shown
    assert f"It corrects invoice {INVOICE}" in shown
    assert "Small virtual machine #1 20 hour 0.50 10.00 9.00 S" in shown
    assert "Discount 10 % (autumn) -1.00" in shown
    assert "bonus" not in shown
    assert "was 200 hour for 100.00, 50.00 to tax; is 220 hour for 110.00, 59.00 to tax" in shown


def test_the_invoice_keeps_its_lines_and_names_what_corrects_it(month: Month) -> None:
    """What paid a charge since is on the credit note: the invoice's lines are lowered by what lowered them then."""
    shown = page(month, INVOICE)
    assert "Small virtual machine #1 200 hour 0.50 100.00 90.00 S eu-1 Discount 10 % (autumn) -10.00 2 SSD" in shown
    assert "bonus" not in shown
    assert f"credit note {NOTE} 48.00" in shown
    assert "Left to pay: EUR 114.00" in shown
    corrected_by = shown.partition("Corrected by")[2]
    assert f"credit note {NOTE} 2026-11-20 -48.00 -48.00" in corrected_by
    assert "invoice draft 10.80 10.80" in corrected_by


def test_a_void_invoice_is_shown_as_such_with_what_took_it_back(month: Month) -> None:
    shown, note = page(month, OTHER), page(month, FULL_NOTE)
    assert "State voided" in shown
    assert f"full credit note {FULL_NOTE} 2026-11-21 -162.00 -162.00" in shown
    assert f"It takes back invoice {OTHER} whole" in note
    assert "Small virtual machine #1 -200 hour 0.50 -100.00 -90.00 S" in note
    assert "was" not in note


def test_a_program_reads_what_a_corrected_line_was_and_the_other_documents(month: Month) -> None:
    record = as_record(read_document(month.lake, NOTE))
    (line,) = record["lines"]
    assert {name: line["was"][name] for name in ("quantity", "list_cost", "line_amount")} == {
        "quantity": "200",
        "list_cost": "100.00",
        "line_amount": "90.00",
    }
    assert [one["amount"] for one in line["allocations"]] == ["40.00"]
    assert [one["invoice_number"] for one in record["chain"]] == [INVOICE, None]


def test_the_list_of_documents_says_which_correct_which(month: Month) -> None:
    listed = account_record(month.lake, "acme")["invoices"]
    told = {(one["invoice_number"], one["corrects"], one["state"], one["open_amount"]) for one in listed}
    assert told == {
        (INVOICE, None, "partly paid", "114.00"),
        (NOTE, INVOICE, "paid", "0.00"),
        (None, INVOICE, "draft", "10.80"),
    }


def test_the_books_hold(month: Month) -> None:
    with connect(month.lake) as connection:
        assert audit(connection) == []
