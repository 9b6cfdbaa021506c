"""A document says of every discount, limit, grant and tax what it did to which charge, and why not more (G8)."""

# ruff: noqa: E501 - a table is read across, not folded

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import explain_invoice
from rating.outputs import Rated
from rating.pipeline import Inputs, rated
from tests.flows.cli.worked import GRANTED, RECEIVED, Said, billfold, issue_all, line_with, write_reference
from tests.flows.reference.world import as_csv, rows_of

TABLES = {
    "discounts": """
        discount_id | kind    | value | billing_account_id | sku_id | promo_code | priority | valid_from
        ten         | percent | 10    | acme               |        |            | 1        | 2026-01-01
        gift        | percent | 100   | acme               | disk   |            | 2        | 2026-01-01
        winter      | percent | 50    | acme               | disk   |            | 3        | 2026-12-01
        hello       | percent | 20    |                    |        | HELLO      | 4        | 2026-01-01
    """,
    "promo_codes": """
        promo_code | benefit  | value | valid_from
        HELLO      | discount | 20    | 2026-01-01
    """,
    "spend_limits": """
        spend_limit_id | kind          | amount | billing_account_id | billing_currency | valid_from
        enough         | maximum_spend | 80     | bolt               | EUR              | 2026-01-01
        plenty         | maximum_spend | 500    | acme               | EUR              | 2026-01-01
    """,
}
USAGE = """
    usage_record_id | billing_account_id | sku_id | region_id | charge_period_start  | charge_period_end    | consumed_quantity | consumed_unit
    a1              | acme               | vm     | eu-1      | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 10                | hour
    a2              | acme               | vm     | eu-2      | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 10                | hour
    a3              | acme               | vm     | eu-3      | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 10                | hour
    a4              | acme               | vm     | eu-4      | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 10                | hour
    a5              | acme               | vm     | eu-5      | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 10                | hour
    a6              | acme               | vm     | eu-6      | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 10                | hour
    a7              | acme               | disk   |           | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 100               | GB
    b1              | bolt               | vm     |           | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 100               | hour
"""
GRANTS = [
    {"operation_id": "op-1", "billing_account_id": "acme", "kind": "bonus", "name": "Welcome bonus", "amount": "40.00"},
    {
        "operation_id": "op-2",
        "billing_account_id": "acme",
        "kind": "free",
        "name": "Sixth region",
        "amount": "9.00",
        "include": ["region:eu-6"],
        "priority": 0,
    },
    {
        "operation_id": "op-3",
        "billing_account_id": "acme",
        "kind": "bonus",
        "name": "Autumn",
        "amount": "7.00",
        "window_start": "2026-11-01",
        "priority": 9,
    },
    {"operation_id": "op-4", "billing_account_id": "bolt", "kind": "bonus", "name": "Large", "amount": "500.00"},
    {
        "operation_id": "op-5",
        "billing_account_id": "bolt",
        "kind": "bonus",
        "name": "Short",
        "amount": "6.00",
        "include": ["sku:disk"],
        "window_end": "2026-10-20",
    },
]
LATE = {
    "operation_id": "op-9",
    "billing_account_id": "acme",
    "kind": "bonus",
    "name": "Afterthought",
    "amount": "3.00",
    "occurred_at": "2026-11-05T00:00:00Z",
}


def land(lake: Path, *operations: dict[str, Any], received_at: str = RECEIVED) -> None:
    file = lake.parent / f"{operations[0]['operation_id']}.jsonl"
    lines = [json.dumps({**GRANTED, **one}) for one in operations]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = billfold("operations", file, "--lake", lake, "--received-at", received_at)
    assert said.code == 0, said.both


def billed(folder: Path, *more: str) -> Path:
    """October of two accounts, with discounts, limits and grants."""
    write_reference(folder / "reference", **TABLES)
    (folder / "october.csv").write_text(as_csv(rows_of(USAGE)), encoding="utf-8")
    lake = folder / "lake"
    for command in (["init", lake], ["ingest", folder / "october.csv", "--received-at", RECEIVED, "--lake", lake]):
        said = billfold(*command)
        assert said.code == 0, said.both
    land(lake, *GRANTS, received_at="2026-10-02T00:00:00Z")
    bill(lake, *more)
    return lake


def bill(lake: Path, *more: str) -> None:
    said = billfold("bill", "--period", "2026-10", "--lake", lake, *more)
    assert said.code == 0, said.both


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with October billed and not issued."""
    return billed(tmp_path_factory.mktemp("october"))


def explain(lake: Path, which: str, *more: str) -> Said:
    return billfold("explain", which, "--lake", lake, *more)


def page_of(lake: Path, which: str, *more: str) -> str:
    said = explain(lake, which, *more)
    assert said.code == 0, said.both
    return said.out


def record(lake: Path, which: str, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page_of(lake, which, "--json", *more))
    return found


def test_a_page_says_in_order_how_the_list_cost_becomes_the_amount_due(october: Path):
    """60 and 50; 10 % of 110 are 11, then 45 of the disk's: 54 left; 40 and 9 of bonus: 5, taxed 1."""
    page = page_of(october, "acme", "--period", "2026-10")
    assert line_with(page, ["List cost"]).split()[-1] == "110.00"
    assert line_with(page, ["Discounts", "-"]).split()[-1] == "-56.00"
    assert line_with(page, ["Credit before tax", "-"]).split()[-1] == "-49.00"
    assert line_with(page, ["Amount due"]).split()[-2:] == ["EUR", "6.00"]
    headings = [line for line in page.splitlines() if line in ("Discounts", "Limits", "Credit before tax", "Tax")]
    assert headings == ["Discounts", "Limits", "Credit before tax", "Tax"]


def test_each_discount_says_what_it_took_from_which_charges_or_why_not(october: Path):
    page = page_of(october, "acme")
    assert "Discount 10 % (ten): 11.00 taken off" in page
    assert line_with(page, ["7 charges", "11.00", "taken off"])
    assert "Discount 100 % (gift): 45.00 taken off" in page
    assert line_with(page, ["Disk space #1", "45.00", "taken off"])
    assert line_with(page, ["6 charges", "of another project, service, feature or SKU"])
    assert line_with(page, ["Discount 50 % (winter)", "7 charges", "incurred outside its window"])
    assert line_with(page, ["Discount 20 % (code HELLO)", "7 charges", "its code was not accepted"])


def test_each_limit_says_what_it_saw(october: Path):
    assert "Maximum spend plenty, 500.00: 7 charges of 54.00, so nothing is taken off" in page_of(october, "acme")
    page = page_of(october, "bolt")
    assert "Maximum spend enough, 80.00: 1 charge of 100.00, so 20.00 is taken off" in page
    assert line_with(page, ["Machine hours #1", "20.00", "taken off"])


def test_each_grant_says_what_it_paid_and_why_not_more(october: Path):
    """The sixth region's 9 are for it alone; the welcome bonus pays 9 of four regions and 4 of the fifth."""
    page = page_of(october, "acme")
    assert "Sixth region (free credit), op-2: 9.00 held, 9.00 paid, nothing left" in page
    assert line_with(page, ["usable from 2026-10-01", "for region:eu-6", "not for"])
    assert line_with(page, ["Machine hours #7", "eu-6", "9.00"])
    assert "Welcome bonus (bonus credit), op-1: 40.00 held, 40.00 paid, nothing left" in page
    assert line_with(page, ["Machine hours #6", "eu-5", "4.00 of 9.00", "nothing more was left of it"])
    assert line_with(page, ["Machine hours #7", "eu-6", "paid already by credit that goes before it: Sixth region"])
    assert line_with(page, ["Disk space #1", "nothing to pay"])
    assert line_with(page, ["Autumn (bonus credit), op-3", "7 charges", "incurred outside its window"])


def test_a_grant_says_what_else_the_month_drew_of_it(october: Path):
    """Its last day is the 20th, and nothing it is for was used: all of it expires."""
    page = page_of(october, "bolt")
    assert "Short (bonus credit), op-5: 6.00 held, 0.00 paid, 6.00 expired, nothing left" in page
    assert line_with(page, ["usable 2026-10-01 - 2026-10-20", "for sku:disk"])


def test_all_lists_every_charge(october: Path):
    page = page_of(october, "acme", "--all")
    assert len([line for line in page.splitlines() if "incurred outside its window" in line]) == 14
    assert line_with(page, ["Machine hours #2", "VAT S", "20 %", "0.00"])
    assert line_with(page, ["Machine hours #6", "VAT S", "20 %", "5.00", "1.00"])


def test_the_tax_says_what_it_would_be_without_the_bonus(october: Path):
    """20 % of 54 are 10.80."""
    page = page_of(october, "acme")
    assert line_with(page, ["VAT", "S", "20 %"]).split()[-3:] == ["5.00", "1.00", "10.80"]
    assert "credit before tax lowers it by 9.80: without, 10.80 on 54.00" in page
    assert "shared over 7 charges, in proportion" in page


def test_the_amounts_of_every_grant_sum_to_its_allocations(october: Path):
    asked = "select source_id, sum(amount)::decimal(38, 4) as amount from allocations group by all"
    stored = json.loads(billfold("sql", asked, "--lake", october, "--json").out)
    told: dict[str, Decimal] = {}
    for account in ("acme", "bolt"):
        found = record(october, account)
        for kind, key in (("discounts", "discount_id"), ("limits", "spend_limit_id"), ("grants", "grant_id")):
            for row in found[kind]:
                assert sum(Decimal(one["amount"]) for one in row["charges"]) == Decimal(row["amount"])
                told[row[key]] = Decimal(row["amount"])
        taxes = [(row["tax_amount"], [one["tax_amount"] for one in row["charges"]]) for row in found["tax"]]
        assert all(sum(map(Decimal, shares)) == Decimal(tax) for tax, shares in taxes)
        pairs = [(one["charge_id"], row["grant_id"]) for row in found["grants"] for one in row["charges"]]
        assert len(set(pairs)) == len(pairs) == len(found["charges"]) * len(found["grants"])
    assert {name: amount for name, amount in told.items() if amount} == {
        row["source_id"]: Decimal(row["amount"]) for row in stored
    }


def test_a_spreadsheet_has_a_row_for_every_pair(october: Path):
    """Four discounts and three grants of seven charges."""
    rows = list(csv.DictReader(io.StringIO(page_of(october, "acme", "--csv"))))
    assert len(rows) == 7 * (4 + 3)
    order = [row for row in rows if row["reason"] == "order"]
    assert [(row["source_id"], row["amount"], row["paid_by"]) for row in order] == [("op-1", "0.00", '["op-2"]')]


def test_what_was_recorded_later_is_frozen_out_of_an_issued_invoice_and_waits_for_a_draft(tmp_path: Path):
    lake = billed(tmp_path)
    assert issue_all(lake).code == 0
    land(lake, LATE, received_at="2026-11-05T00:00:00Z")
    issued = page_of(lake, "N-2026-000001")
    assert issued.splitlines()[0] == "Why invoice N-2026-000001 is what it is"
    assert line_with(issued, ["Afterthought (bonus credit), op-9", "7 charges", "issued before it was recorded"])
    assert page_of(lake, record(lake, "acme")["invoice_id"]) == issued == page_of(lake, "acme")
    assert billfold("bill", "--period", "2026-10", "--lake", lake).code == 3  # acme is on hold: its invoice stays
    assert page_of(lake, "N-2026-000001") == issued


def test_a_draft_says_that_it_is_behind_what_was_recorded_since(tmp_path: Path):
    lake = billed(tmp_path)
    land(lake, LATE, received_at="2026-11-05T00:00:00Z")
    assert line_with(
        page_of(lake, "acme"), ["Afterthought (bonus credit), op-9", "7 charges", "billed before it was recorded"]
    )
    bill(lake)
    assert "Afterthought (bonus credit), op-9: 3.00 held, 3.00 paid, nothing left" in page_of(lake, "acme")


def test_month_to_date_is_explained_like_any_document(tmp_path: Path):
    lake = billed(tmp_path, "--until", "2026-10-20")
    page = page_of(lake, "acme")
    assert "month to date" in page
    assert line_with(page, ["Machine hours line 6", "eu-5", "4.00 of 9.00"])
    assert line_with(page, ["Amount due"]).split()[-2:] == ["EUR", "6.00"]


def test_other_numbers_are_never_explained(october: Path, monkeypatch: pytest.MonkeyPatch):
    """A program that would rate the month otherwise today says so, and shows nothing."""

    def otherwise(inputs: Inputs) -> Rated:
        made = rated(inputs)
        return replace(made, bonuses=made.bonuses.with_columns(pl.col("amount_mu") - 1))

    monkeypatch.setattr(explain_invoice, "rated", otherwise)
    said = explain(october, "acme")
    assert (said.code, said.out) == (1, "")
    assert "the invoice of acme for 2026-10 cannot be explained" in said.err
    assert "billfold audit --verify" in said.err


def test_what_nobody_knows_is_refused_with_what_to_do(october: Path):
    said = explain(october, "nobody", "--period", "2026-10")
    assert (said.code, said.out) == (1, "")
    assert "billfold show invoices" in said.err
    said = explain(october, "N-2026-000099")
    assert (said.code, said.out) == (1, "")
    assert "no charge" in said.err
