"""A month with an amount off, an amount by promo code, and a tax rate that rises within it: files in, invoices out.

acme uses 60.00 of machines and 50.00 of disk from the 1st on, 40.00 of machines from the 6th on. 10 % off leave 54, 45
and 36; `loyalty` takes 30 of what lies behind the 5th: 6. The bonus pays 40 of the first: 14. Taxed by usage, 14 and 45
at 20 % are 11.80 and 6 at 25 % are 1.50: 78.30 are due.

acme-credit uses the same. 10 % off leave 90 and 45; its code takes 20 of that: 13.33 and 6.67. Taxed by period end, 115
at 25 % are 28.75; less 40 of credit, 103.75 are due.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.explain import explain_charge
from flows.lake.audit import audit_of, verify
from flows.run import NOTHING_TO_DO
from tests.flows.billing.months import Month
from tests.flows.cli.worked import billfold, line_with

ACCEPTED = {
    "operation_id": "accept",
    "operation": "accept_promo_code",
    "occurred_at": "2026-10-02T09:00:00Z",
    "recorded_at": "2026-10-02T09:00:00Z",
    "billing_account_id": "acme-credit",
    "promo_code": "TWENTY",
}


def billed(folder: Path) -> Month:
    """The first-invoice example with the terms above, billed."""
    month = Month(folder)
    tables = {
        "discounts": """
            discount_id,kind,value,billing_currency,billing_account_id,promo_code,valid_from,valid_until
            autumn,percent,10,,,,2026-10-01,2026-10-31
            loyalty,fixed,30,EUR,acme,,2026-10-05,
            twenty,fixed,20,EUR,,TWENTY,2026-10-01,
            next-year,fixed,15.50,EUR,,,2027-01-01,
            """,
        "promo_codes": """
            promo_code,benefit,value,billing_currency,window_start,duration,valid_from
            TWENTY,discount,20,EUR,next_invoice,P3M,2026-10-01
            """,
        "tax_rates": """
            seller_jurisdiction,account_jurisdiction,tax_status,tax_category,component,rate,code,valid_from,valid_until
            DE,DE,business,standard,VAT,0.20,S,2026-01-01,2026-10-04
            DE,DE,business,standard,VAT,0.25,S,2026-10-05,
            """,
        "billing_policies": """
            billing_account_id,policy,value,valid_from
            acme,tax_point,usage,2026-01-01
            """,
    }
    for name, text in tables.items():
        lines = [line.strip() for line in text.strip().splitlines()]
        (month.reference_folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    month.ingest()
    month.operate()
    month.operate(ACCEPTED)
    month.bill()
    return month


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """The month, for tests that only read it."""
    return billed(tmp_path_factory.mktemp("month"))


def test_amounts_come_off_where_they_reach_and_each_part_is_taxed_at_its_rate(month: Month) -> None:
    lines = month.ask(
        "select billing_account_id, list_cost, discount_amount, grant_amount, line_amount, tax_amount "
        "from invoice_lines order by billing_account_id, line_number"
    )
    assert lines == [
        ("acme", *map(Decimal, ("60", "6", "40", "14", "2.80"))),
        ("acme", *map(Decimal, ("50", "5", "0", "45", "9"))),
        ("acme", *map(Decimal, ("40", "34", "0", "6", "1.50"))),
        ("acme-credit", *map(Decimal, ("100", "23.33", "0", "76.67", "19.17"))),
        ("acme-credit", *map(Decimal, ("50", "11.67", "0", "38.33", "9.58"))),
    ]
    assert month.due() == {"acme": Decimal("78.30"), "acme-credit": Decimal("103.75")}


def test_the_breakdown_has_a_row_for_each_rate(month: Month) -> None:
    rows = month.ask("select billing_account_id, rate, taxable_amount, tax_amount from tax_breakdown order by 1, 2")
    assert rows == [
        ("acme", Decimal("0.20"), Decimal("59"), Decimal("11.80")),
        ("acme", Decimal("0.25"), Decimal("6"), Decimal("1.50")),
        ("acme-credit", Decimal("0.25"), Decimal("115"), Decimal("28.75")),
    ]


def test_the_books_keep_every_invariant_and_another_run_finds_nothing_to_do(month: Month) -> None:
    assert audit_of(month.lake) == []
    assert verify(month.lake) == []
    assert month.bill().status == NOTHING_TO_DO


def test_an_issued_month_of_two_rates_keeps_every_invariant(tmp_path: Path) -> None:
    month = billed(tmp_path)
    month.issue()
    assert audit_of(month.lake) == []
    assert month.ask("select document_state, sum(amount_due) from invoices group by 1") == [
        ("issued", Decimal("182.05"))
    ]


def test_every_charge_is_explained_as_it_was_cut(month: Month) -> None:
    for charge_id, cost in month.ask("select charge_id, list_cost from charges"):
        sources = explain_charge(month.lake, charge_id).sources
        assert sources["share_amount"].sum() == cost


def test_s1_26_discounts_can_be_filtered_by_status(month: Month) -> None:
    """Known as of the end of October: the percentage ends with the month, one begins next year."""

    def shown(*options: str) -> list[tuple[str, str]]:
        said = billfold("show", "discounts", *options, "--lake", month.lake.root, "--json")
        assert said.code == 0, said.both
        return [(row["discount_id"], row["value"]) for row in json.loads(said.out)]

    assert shown("--status", "expired") == [("autumn", "10 %")]
    assert shown("--status", "active") == [("loyalty", "30 EUR"), ("twenty", "20 EUR")]
    assert shown("--status", "scheduled") == [("next-year", "15.5 EUR")]
    assert len(shown()) == 4
    assert shown("--account", "acme-credit", "--status", "active") == [("twenty", "20 EUR")]
    assert billfold("show", "runs", "--status", "active", "--lake", month.lake.root).code == 2
    unknown = billfold("show", "discounts", "--status", "over", "--lake", month.lake.root)
    assert (unknown.code, unknown.err) == (2, "billfold: --status is one of scheduled, active, expired, not 'over'\n")


def test_an_end_day_reads_as_it_was_typed_in_every_place(month: Month) -> None:
    """autumn ends with 31 October; the code was taken on 2 October for three months from the upcoming invoice on."""

    def read(*command: str) -> Any:
        return json.loads(billfold(*command, "--lake", month.lake.root, "--json").out)

    ends = {row["discount_id"]: row["valid_until"] for row in read("show", "discounts")}
    assert ends == {"autumn": "2026-10-31", "loyalty": None, "twenty": "2026-12-31", "next-year": None}
    explained = {
        row["discount_id"]: row["valid_until"] for row in read("explain", "acme", "--period", "2026-10")["discounts"]
    }
    assert explained["autumn"] == "2026-10-31"
    assert "from 2026-10-01 to 2026-10-31" in billfold("explain", "acme", "--lake", month.lake.root).out
    assert "valid_until" in read("show", "promo-codes")[0]


def test_an_invoice_shows_each_rate_and_each_amount_off(month: Month) -> None:
    said = billfold("show", "invoice", "acme", "--lake", month.lake.root)
    assert said.code == 0, said.both
    assert line_with(said.out, ["S", "20 %", "59.00", "11.80"])
    assert line_with(said.out, ["S", "25 %", "6.00", "1.50"])
    assert line_with(said.out, ["loyalty", "30.00"])


def test_a_rate_for_a_day_that_has_none_holds_the_account(tmp_path: Path) -> None:
    """Taxed by usage, with rates from the 5th on only: what was used on the 1st has none."""
    month = Month(tmp_path)
    rates = month.reference_folder / "tax_rates.csv"
    rates.write_text(rates.read_text().replace("2026-01-01", "2026-10-05"))
    (month.reference_folder / "billing_policies.csv").write_text(
        "policy,value,valid_from\ntax_point,usage,2026-01-01\n"
    )
    month.whole()
    assert month.ask("select billing_account_id, reason_code from holds order by 1") == [
        ("acme", "H_NO_TAX_RATE"),
        ("acme-credit", "H_NO_TAX_RATE"),
    ]
