"""A void invoice is taken back whole, with all that corrected it, by one full credit note; the period may be invoiced
again, under a new id.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from rating.corrections import Documents, again, full_credit_note
from rating.hashing import digest
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.tax_breakdown import TaxBreakdown
from tests.spec.corrections.chain import ID, corrected, issued, october
from tests.tables import assert_table

title = "Void invoices: one full credit note of the whole chain (I4)"

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def chain() -> list[Documents]:
    """An invoice of 100.00 and 20.00 of tax, and ten hours more of it: 10.00 and 2.00."""
    first = issued(october("vm-small | 100"), "INV-1")
    return [first, issued(corrected(october("vm-small | 110"), first), "INV-2", "2026-11-10")]


def voided() -> list[Documents]:
    """The chain and what voids it."""
    documents = chain()
    return [*documents, issued(full_credit_note(Documents.together(*documents), NOW), "CN-1", "2026-11-20")]


def counted(documents: list[Documents]) -> pl.DataFrame:
    """How many documents of each account and period there are."""
    return Documents.together(*documents).invoices.group_by(ID).agg(documents=pl.len())


def test_a_full_credit_note_is_the_whole_chain_with_its_sign_changed() -> None:
    """100 and 10, 20.00 and 2.00 of tax: one line of -110, -22.00 of tax, -132.00."""
    note = full_credit_note(Documents.together(*chain()), NOW)
    assert_table(
        note.invoices,
        Invoices,
        """
        document_type | document_state | is_void | preceding_invoice_number | invoice_number | issue_date | list_cost | total_without_tax | total_tax | total_with_tax | amount_due
        381           | draft          | true    | INV-1                    |                |            |   -110.00 |           -110.00 |    -22.00 |        -132.00 |    -132.00
        """,  # noqa: E501 (a table)
    )
    assert_table(
        note.invoice_lines,
        InvoiceLines,
        """
        line_number | sku_id   | quantity | list_cost | line_amount | tax_amount
        1           | vm-small |     -110 |   -110.00 |     -110.00 |     -22.00
        """,
    )
    assert_table(note.tax_breakdown, TaxBreakdown, "taxable_amount | tax_amount\n-110.00 | -22.00")
    assert note.invoices["cutoff_at"].to_list() == [NOW]


def test_what_a_document_of_the_chain_paid_of_another_is_no_payment_of_the_whole() -> None:
    """A credit note of 18.00 was open when 12.00 more were issued, and paid them: that document's amount due was 0.00.
    Taken back is what the three come to: 120 - 18 + 12 = 114.00."""
    first = issued(october("vm-small | 100"), "INV-1")
    less = issued(corrected(october("vm-small | 85"), first), "CN-1", "2026-11-05")
    more = issued(corrected(october("vm-small | 95"), first, less), "INV-2", "2026-11-10")
    nothing = pl.lit(0).cast(more.invoices.schema["amount_due"])
    paid = Documents(
        more.invoices.with_columns(paid_amount=pl.col("amount_due"), amount_due=nothing),
        more.invoice_lines,
        more.tax_breakdown,
    )
    note = full_credit_note(Documents.together(first, less, paid), NOW)
    assert_table(note.invoices, Invoices, "total_with_tax | paid_amount | amount_due\n-114.00 | 0 | -114.00")


def test_a_chain_that_was_voided_before_counts_for_the_id_and_for_nothing_else() -> None:
    """Three documents are issued when the period is invoiced again, four when that is voided; it takes back its own."""
    before = voided()
    anew = issued(again(october("vm-small | 70"), counted(before)), "INV-3", "2026-12-01")
    note = full_credit_note(Documents.together(*before, anew), NOW)
    assert_table(note.invoices, Invoices, "preceding_invoice_number | list_cost | amount_due\nINV-3 | -70.00 | -84.00")
    ids = [one.invoices["invoice_id"].item() for one in (*before, anew, note)]
    places = ["1", "2", "3", "4"]
    assert ids == [digest("acme", "2026-10"), *(digest("acme", "2026-10", place) for place in places)]
    assert anew.invoice_lines["invoice_id"].to_list() == [ids[3]]
    assert anew.tax_breakdown["invoice_id"].to_list() == [ids[3]]


def test_a_correction_of_what_is_invoiced_again_leaves_the_voided_chain_out() -> None:
    """70 were invoiced anew, 75 it is: 5.00 more, whatever was voided before."""
    before = voided()
    anew = issued(again(october("vm-small | 70"), counted(before)), "INV-3", "2026-12-01")
    found = corrected(october("vm-small | 75"), *before, anew)
    assert_table(
        found.invoices,
        Invoices,
        "document_type | preceding_invoice_number | list_cost | amount_due\n380 | INV-3 | 5.00 | 6.00",
    )
    assert found.invoices["invoice_id"].item() == digest("acme", "2026-10", "4")


def test_a_period_whose_invoice_was_voided_has_nothing_to_correct() -> None:
    assert corrected(october("vm-small | 75"), *voided()).invoices.is_empty()


def test_a_period_that_was_never_invoiced_keeps_the_id_of_its_draft() -> None:
    draft = october("vm-small | 70")
    assert again(draft, counted([])).invoices.equals(draft.invoices)
