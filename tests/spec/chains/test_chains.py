"""An invoice and what corrects it are a chain; how it stands is what is paid of it from elsewhere (X2, I6)."""

from __future__ import annotations

import polars as pl
import pytest

from rating.chains import chained, standings
from schemas.invoices import Invoices
from schemas.payment_applications import PaymentApplications
from tests.spec.period import ACME
from tests.tables import table

title = "Chains: an invoice, what corrects it, and how much is paid (X2)"

OCTOBER = table(
    Invoices,
    """
    invoice_id | document_type | invoice_number | preceding_invoice_number | billing_period | amount_due
    october    | 380           | INV-1          |                          | 2026-10        |     114.00
    lowered    | 381           | CN-1           | INV-1                    | 2026-10        |     -24.00
    november   | 380           | INV-2          |                          | 2026-11        |     100.00
    """,
    document_state="issued",
    **ACME,
)
NOTHING = PaymentApplications.empty()


def applications(rows: str) -> pl.DataFrame:
    header = "operation_id | credit_note_number | invoice_number | amount | is_at_issue"
    return table(PaymentApplications, f"{header}\n{rows}", **ACME)


def stands(rows: pl.DataFrame) -> list[tuple[str, str, str, str]]:
    found = rows.select("root_number", "standing", "due_amount", "paid_amount").rows()
    return [(root, standing, f"{due:.2f}", f"{paid:.2f}") for root, standing, due, paid in found]


def test_an_invoice_and_its_credit_note_are_due_together() -> None:
    """114.00 less 24.00 are 90.00; nothing came in."""
    assert stands(standings(OCTOBER, NOTHING)) == [
        ("INV-1", "issued", "90.00", "0.00"),
        ("INV-2", "issued", "100.00", "0.00"),
    ]


def test_a_credit_note_that_pays_its_own_invoice_pays_nothing_of_the_chain() -> None:
    """The 24.00 are moved inside: 90.00 stay due."""
    own = applications("fix | CN-1 | INV-1 | 24.00 | false")
    assert stands(standings(OCTOBER, own))[0] == ("INV-1", "issued", "90.00", "0.00")


def test_a_credit_note_that_pays_another_invoice_takes_from_its_own_chain() -> None:
    """CN-1 pays 24.00 of November: October is due 90.00 and gave 24.00 away, so 114.00 are open."""
    away = applications("next | CN-1 | INV-2 | 24.00 | false")
    assert stands(standings(OCTOBER, away)) == [
        ("INV-1", "issued", "90.00", "-24.00"),
        ("INV-2", "partly_paid", "100.00", "24.00"),
    ]


@pytest.mark.parametrize(
    ("amount", "standing"), [("89.99", "partly_paid"), ("90.00", "paid"), ("114.00", "paid")], ids=str
)
def test_a_chain_is_paid_when_nothing_of_it_is_open(amount: str, standing: str) -> None:
    paid = applications(f"transfer |  | INV-1 | {amount} | false")
    assert stands(standings(OCTOBER, paid))[0] == ("INV-1", standing, "90.00", amount)


def test_a_reversed_payment_paid_nothing() -> None:
    rows = applications("transfer |  | INV-1 | 90.00 | false\nbounced  |  | INV-1 | -90.00 | false")
    assert stands(standings(OCTOBER, rows))[0] == ("INV-1", "issued", "90.00", "0.00")


def test_what_was_paid_at_issue_counts_once() -> None:
    """100.00 came to the account first: of 140.00 that were due, 40.00 are left on the document."""
    rest = table(
        Invoices, "invoice_id | invoice_number | amount_due\noctober | INV-1 | 40.00", document_state="issued", **ACME
    )
    at_issue = applications("transfer |  | INV-1 | 100.00 | true")
    assert stands(standings(rest, at_issue)) == [("INV-1", "partly_paid", "140.00", "100.00")]


def test_an_invoice_of_nothing_is_paid() -> None:
    free = table(
        Invoices, "invoice_id | invoice_number | amount_due\noctober | INV-1 | 0.00", document_state="issued", **ACME
    )
    assert stands(standings(free, NOTHING)) == [("INV-1", "paid", "0.00", "0.00")]


def test_a_voided_chain_does_not_stand_and_the_next_invoice_does() -> None:
    """INV-1 was voided by CN-1; INV-3 invoices October again."""
    rows = table(
        Invoices,
        """
        invoice_id | document_type | invoice_number | preceding_invoice_number | is_void | amount_due
        october    | 380           | INV-1          |                          | false   |     114.00
        voided     | 381           | CN-1           | INV-1                    | true    |    -114.00
        again      | 380           | INV-3          |                          | false   |     114.00
        """,
        document_state="issued",
        **ACME,
    )
    assert stands(standings(rows, NOTHING)) == [("INV-3", "issued", "114.00", "0.00")]
    found = chained(rows).select("root_number", "is_voided").rows()
    assert found == [("INV-1", True), ("INV-1", True), ("INV-3", False)]


def test_drafts_belong_to_no_chain() -> None:
    assert chained(OCTOBER.with_columns(document_state=pl.lit("draft"))).is_empty()
