"""An invoice as a person expects it: the worked example of section 5, currencies, drafts, credit by name."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from flows.lake.journal import Lake
from flows.show.console import print_whole
from flows.show.invoice import read_document
from flows.show.page import invoice_page
from tests.flows.cli.worked import RECEIVED, billfold, line_with, write_world


def invoice_of(lake: Path, account: str, *more: str) -> str:
    said = billfold("show", "invoice", account, "--lake", lake, *more)
    assert said.code == 0, said.both
    return said.out


def test_a_bonus_lowers_the_taxable_amount_and_114_is_due(books: Path):
    page = invoice_of(books, "acme")
    assert line_with(page, ["List cost"]).split()[-1] == "150.00"
    assert line_with(page, ["Discounts"]).split()[-1] == "-15.00"
    assert line_with(page, ["Credit before tax"]).split()[-1] == "-40.00"
    assert line_with(page, ["BT-109"]).split()[-1] == "95.00"
    assert line_with(page, ["BT-110"]).split()[-1] == "19.00"
    assert line_with(page, ["BT-115"]).split()[-2:] == ["EUR", "114.00"]


def test_a_paid_credit_pays_after_tax_and_122_is_due(books: Path):
    page = invoice_of(books, "bolt")
    assert line_with(page, ["BT-109"]).split()[-1] == "135.00"
    assert line_with(page, ["BT-110"]).split()[-1] == "27.00"
    assert line_with(page, ["BT-112"]).split()[-1] == "162.00"
    assert line_with(page, ["BT-113"]).split()[-1] == "-40.00"
    assert line_with(page, ["BT-115"]).split()[-2:] == ["EUR", "122.00"]


def test_totals_stand_in_the_order_of_en_16931(books: Path):
    terms = re.findall(r"BT-\d+", invoice_of(books, "bolt"))
    assert terms == ["BT-106", "BT-109", "BT-110", "BT-112", "BT-113", "BT-115"]


def test_each_line_names_what_lowered_and_what_paid_it(books: Path):
    bonus, paid = invoice_of(books, "acme"), invoice_of(books, "bolt")
    assert "Welcome bonus (bonus credit)" in bonus
    assert line_with(bonus, ["Discount 10 % (ten-acme)", "-10.00"])
    assert "Prepaid credit (paid credit)" in paid
    assert "40.00 after tax" in " ".join(paid.split())


def test_a_price_for_many_units_says_for_how_many(books: Path):
    assert line_with(invoice_of(books, "acme"), ["Disk space", "100", "GB", "500.00/1,000", "50.00"])


def test_rupees_are_grouped_in_lakh_and_crore(books: Path):
    page = invoice_of(books, "mumbai")
    assert line_with(page, ["BT-115"]).split()[-2:] == ["INR", "1,50,249.03"]
    assert "Export outside the Union" in page


def test_won_have_no_decimals(books: Path):
    page = invoice_of(books, "seoul")
    assert line_with(page, ["Machine hours", "823", "1,500.4", "1,234,829"])
    # 1000 × 0.5 + 200 × 0.25 = 550
    assert line_with(page, ["BT-115"]).split()[-2:] == ["KRW", "1,235,379"]


def test_a_tiered_line_prints_the_tiers_that_were_reached(books: Path):
    page = invoice_of(books, "seoul")
    assert line_with(page, ["Mails sent", "1,200", "tiers", "550"])
    assert "up to 1,000 mail: 0.5" in page
    assert "up to 5,000 mail: 0.25" in page
    assert "0.125" not in page


def test_a_draft_says_that_it_is_none(drafts: Path):
    page = invoice_of(drafts, "acme")
    assert "DRAFT - not an invoice" in page
    assert "Number" not in page
    assert line_with(page, ["State"]).split() == ["State", "draft"]


def test_an_issued_invoice_names_both_sides_its_number_and_its_dates(books: Path):
    page = invoice_of(books, "acme")
    assert "DRAFT" not in page
    for text in (
        "N-2026-000001",
        "North GmbH",
        "DE123456789",
        "Acme Ltd",
        "Markt 2, Berlin",
        "2026-11-03",
        "2026-11-17",
    ):
        assert text in page
    assert "2026-10-01 - 2026-10-31 (Europe/Berlin)" in page


def test_number_id_and_account_lead_to_the_same_invoice(books: Path):
    record = json.loads(invoice_of(books, "acme", "--json"))
    page = invoice_of(books, "acme", "--period", "2026-10")
    assert invoice_of(books, record["invoice_number"]) == page
    assert invoice_of(books, record["invoice_id"]) == page


def test_a_program_reads_the_same_amounts_as_plain_text(books: Path):
    record = json.loads(invoice_of(books, "mumbai", "--json"))
    assert record["amount_due"] == "150249.03"
    assert record["payment_state"] == "issued"
    credited = json.loads(invoice_of(books, "bolt", "--json"))
    assert credited["paid_by_credit"] == {"Prepaid credit (paid credit)": "40.00"}
    assert [line["line_amount"] for line in credited["lines"]] == ["45.00", "90.00"]


def test_a_page_in_a_pipe_is_100_wide_and_has_no_colours(books: Path):
    page = invoice_of(books, "acme")
    assert max(map(len, page.splitlines())) == 100
    assert "\x1b" not in page


def test_a_narrow_terminal_gets_the_same_amounts_in_fewer_columns(books: Path):
    page = io.StringIO()
    document = read_document(Lake.open(books), "acme")
    print_whole(Console(file=page, width=70, markup=False), *invoice_page(document, width=70))
    assert max(map(len, page.getvalue().splitlines())) == 70
    assert line_with(page.getvalue(), ["Machine hours", "100.00", "90.00", "S"])
    assert line_with(page.getvalue(), ["100 GB at 500.00/1,000"])
    assert line_with(page.getvalue(), ["Welcome bonus (bonus credit)", "-40.00"])
    assert line_with(page.getvalue(), ["BT-115", "114.00"])


def test_a_name_that_looks_like_markup_is_shown_as_it_is(books: Path):
    assert "Bolt [bold]AG[/]" in invoice_of(books, "bolt")


def test_month_to_date_says_what_it_is_and_up_to_when(tmp_path: Path):
    lake = write_world(tmp_path)
    billfold("init", lake)
    billfold("ingest", tmp_path / "usage", "--lake", lake, "--received-at", RECEIVED)
    billfold("operations", tmp_path / "operations.jsonl", "--lake", lake, "--received-at", "2026-10-02T00:00:00Z")
    said = billfold("bill", "--period", "2026-10", "--until", "2026-10-20", "--lake", lake)
    assert said.code == 0, said.both
    page = invoice_of(lake, "acme")
    assert "MONTH TO DATE - not an invoice" in page
    assert "2026-10-21 00:00 UTC" in page
    assert line_with(page, ["Credit before tax", "-40.00"])
    assert line_with(page, ["BT-115"]).split()[-1] == "114.00"


@pytest.mark.parametrize("which", ["nobody", "N-2026-999999"])
def test_what_nobody_knows_is_refused_with_what_to_do(books: Path, which: str):
    said = billfold("show", "invoice", which, "--lake", books)
    assert said.code == 1
    assert "billfold show invoices" in said.err
    assert said.out == ""
