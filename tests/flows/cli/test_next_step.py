"""What a run says is to be done next: which of `bill`, `issue` and `backfill` finishes a change, of the same books."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.flows.billing.months import Month, made_once
from tests.flows.cli.worked import billfold

LATER = "2026-12-01"


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    """October, issued to two accounts."""
    found = Month(tmp_path).whole()
    found.issue()
    return found


def said(month: Month, *words: object) -> str:
    """What a command says, in one line."""
    answer = billfold(*words, *month.where)
    return " ".join(f"{answer.out} {answer.err}".split())


def of_the_same_books(month: Month, command: str) -> str:
    return f"{command} --lake {month.lake.root} --reference {month.reference_folder}"


def test_a_bill_of_an_issued_month_sends_to_a_backfill(month: Month):
    month.ingest(month.usage("late.csv", "late-1,acme,,vm-1,vm-small,eu-1,2026-10-05T00:00Z,2026-10-05T10:00Z,10,hour"))
    page = said(month, "bill", "--period", "2026-10")
    keep = "2 account(s) have their invoice of 2026-10 and keep it; what came for them since is posted by:"
    assert f"{keep} {of_the_same_books(month, 'billfold backfill')}" in page
    assert "1 accounts' months touched, 1 changed" in said(month, "backfill")


def test_a_bill_of_drafts_says_nothing_of_a_backfill(tmp_path: Path):
    drafts = Month(tmp_path)
    drafts.ingest()
    page = said(drafts, "bill", "--period", "2026-10")
    assert page.startswith("bill: commit 2")
    assert "backfill" not in page


def test_a_backfill_says_that_issued_invoices_keep_their_tax_rates(month: Month):
    """20 % becomes 25: nothing is posted, and the page says what would mend a rate that was wrong (T4)."""
    keep = "tax_rates is another: issued invoices, and what corrects them, keep the rates they have"
    assert keep not in said(month, "backfill")
    rates = month.reference_folder / "tax_rates.csv"
    rates.write_text(rates.read_text(encoding="utf-8").replace(",0.20,", ",0.25,"), encoding="utf-8")
    page = said(month, "backfill")
    assert page.startswith("backfill: nothing to do")
    assert f"{keep}; where such a rate was wrong, void the invoice and bill its month again" in page


def test_a_refusal_names_the_command_of_the_same_books(month: Month):
    page = said(month, "issue", "--period", "2026-11", "--issue-date", LATER)
    assert of_the_same_books(month, "run: billfold bill --period 2026-11") in page
    page = said(month, "bill", "--period", "2026-12")
    assert of_the_same_books(month, "run: billfold bill --period 2026-11") in page


def test_where_the_books_are_is_not_said_where_nobody_said_it(month: Month, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BILLFOLD_LAKE", str(month.lake.root))
    monkeypatch.setenv("BILLFOLD_REFERENCE", str(month.reference_folder))
    assert billfold("bill", "--period", "2026-12").err.rstrip().endswith("run: billfold bill --period 2026-11")


def test_a_backfill_with_nothing_to_do_says_why_and_names_a_month_that_waits_to_be_billed(tmp_path: Path):
    books = Month(tmp_path)
    assert said(books, "backfill").strip() == "backfill: nothing to do; no month is billed yet"
    books.ingest()
    waits = of_the_same_books(
        books, "2026-10 has usage or charges and is not billed yet: billfold bill --period 2026-10"
    )
    assert f"no month is billed yet {waits}" in said(books, "backfill")
    said(books, "bill", "--period", "2026-10")
    assert said(books, "backfill").strip() == "backfill: nothing to do; the billed months say all that is known"
    november = "n1,acme,,vm-1,vm-small,eu-1,2026-11-01T01:00Z,2026-11-01T11:00Z,10,hour"
    books.ingest(books.usage("november.csv", november))
    assert "2026-11 has usage or charges and is not billed yet" in said(books, "backfill")


def test_where_a_month_without_usage_lies_between_the_next_to_bill_is_that_one(tmp_path: Path):
    """October is billed, November has nothing, December has usage: a bill of December would be refused (K8)."""
    books = Month(tmp_path)
    books.ingest()
    said(books, "bill", "--period", "2026-10")
    december = "d1,acme,,vm-1,vm-small,eu-1,2026-12-01T01:00Z,2026-12-01T11:00Z,10,hour"
    books.ingest(books.usage("december.csv", december), received_at=datetime(2027, 1, 2, tzinfo=UTC))
    waits = "2026-12 has usage or charges and is not billed yet: billfold bill --period 2026-11"
    assert of_the_same_books(books, waits) in said(books, "backfill")


def test_a_folder_with_a_blank_in_its_name_is_named_as_a_shell_takes_it(tmp_path: Path):
    folder = tmp_path / "my books"
    folder.mkdir()
    books = Month(folder)
    books.ingest()
    assert f"--lake '{books.lake.root}' --reference '{books.reference_folder}'" in said(books, "backfill")
