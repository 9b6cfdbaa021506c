"""The books as of any commit: what was said then is said again, whatever came later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.billing.months import Month
from tests.flows.cli.worked import Said, billfold, line_with


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """At commit 3 acme is billed 114; the disk is mended from 0.10 to 0.20, and at commit 4 it is 168; 5 issues it.

    50 more at list price, 45 after the discount, 54 with tax.
    """
    month = Month(tmp_path_factory.mktemp("month")).whole()
    prices = month.reference_folder / "sku_prices.csv"
    prices.write_text(prices.read_text().replace("EUR,unit,0.10", "EUR,unit,0.20"))
    month.bill()
    month.issue()
    month.lake.close()
    return month.lake.root


def record(*arguments: object) -> Any:
    """What a command says to a program."""
    said = billfold(*arguments, "--json")
    assert said.code == 0, said.both
    return json.loads(said.out)


def shown(lake: Path, as_of: int) -> Said:
    return billfold("show", "invoice", "acme", "--lake", lake, "--as-of", as_of)


def test_an_invoice_is_shown_as_it_was_before_a_later_bill(lake: Path) -> None:
    assert line_with(shown(lake, 3).out, ["Amount due", "EUR 114.00"])
    assert "DRAFT" in shown(lake, 3).out
    assert line_with(shown(lake, 4).out, ["Amount due", "EUR 168.00"])
    assert line_with(shown(lake, 5).out, ["Invoice INV-2026-00001"])
    assert shown(lake, 5).out == billfold("show", "invoice", "acme", "--lake", lake).out


def test_before_the_first_bill_there_is_no_invoice(lake: Path) -> None:
    said = shown(lake, 2)
    assert said.code == 1
    assert "no document" in said.err


def test_sql_reads_the_tables_of_that_commit(lake: Path) -> None:
    asked = "select amount_due, billing_currency, document_state from invoices where billing_account_id = 'acme'"
    found = [record("sql", asked, "--lake", lake, "--as-of", number) for number in (2, 3, 4, 5)]
    assert found == [
        [],
        [{"amount_due": "114.00", "billing_currency": "EUR", "document_state": "draft"}],
        [{"amount_due": "168.00", "billing_currency": "EUR", "document_state": "draft"}],
        [{"amount_due": "168.00", "billing_currency": "EUR", "document_state": "issued"}],
    ]


def test_sql_reads_the_reference_tables_of_that_commit(lake: Path) -> None:
    asked = "select list_unit_price from sku_prices where sku_id = 'disk-ssd'"
    found = [record("sql", asked, "--lake", lake, "--as-of", number) for number in (3, 4)]
    assert found == [[{"list_unit_price": "0.1"}], [{"list_unit_price": "0.2"}]]


def test_lists_an_account_and_credit_are_those_of_that_commit(lake: Path) -> None:
    invoices = record("show", "invoices", "--account", "acme", "--lake", lake, "--as-of", 3)
    assert [(row["amount_due"], row["state"]) for row in invoices] == [("114.00", "draft")]
    account = record("show", "account", "acme", "--lake", lake, "--as-of", 4)
    assert account["credit_limit"][0]["used_credit_limit"] == "168.00"
    granted = [record("show", "grants", "--account", "acme", "--lake", lake, "--as-of", number) for number in (2, 3)]
    assert [rows[0]["balance"] for rows in granted] == ["40.00", "0.00"]
    assert len(record("show", "runs", "--lake", lake, "--as-of", 3)) == 4


def test_a_document_and_a_charge_are_explained_as_of_that_commit(lake: Path) -> None:
    """The disk is the second expense of acme: 500 at 0.10, then at 0.20."""
    asked = "select expense_number from invoice_lines where billing_account_id = 'acme' and sku_id = 'disk-ssd'"
    number = record("sql", asked, "--lake", lake)[0]["expense_number"]
    charges = [record("explain", f"acme/{number}", "--lake", lake, "--as-of", commit) for commit in (3, 4)]
    assert [charge["list_cost"] for charge in charges] == ["50.00", "100.00"]
    documents = [record("explain", "acme", "--lake", lake, "--as-of", commit) for commit in (3, 4)]
    assert [document["total_with_tax"] for document in documents] == ["114.00", "168.00"]


def test_the_books_hold_as_of_every_commit(lake: Path) -> None:
    for number in range(6):
        said = billfold("audit", "--lake", lake, "--as-of", number)
        assert (said.code, f"as of commit {number}" in said.out) == (0, True), said.both


def test_a_commit_that_is_not_there_is_refused(lake: Path) -> None:
    for command in (
        ["show", "invoices"],
        ["sql", "select 1"],
        ["audit"],
        ["explain", "acme"],
        ["show", "account", "acme"],
    ):
        said = billfold(*command, "--lake", lake, "--as-of", 99)
        assert said.code == 1
        assert "there is no commit 99; the head is 5" in said.err
