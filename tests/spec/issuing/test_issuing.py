"""A draft becomes a document when it is issued: it gets a number, without gaps per seller, document type and accounting
year, an issue date and a due date. One with a mandatory field missing does not.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from rating.issuing import accounting_year, missing_fields, numbered
from schemas.invoices import Invoices
from tests.tables import assert_table, table

title = "Issuing: numbers and dates (I1, I2)"

NOV_3 = date(2026, 11, 3)
NONE_ISSUED = Invoices.empty()
DRAFTS = table(
    Invoices,
    """
    invoice_id | billing_account_id | seller_id | document_type
    i-globex   | globex             | north     | 380
    i-acme     | acme               | north     | 380
    i-initech  | initech            | north     | 381
    i-umbrella | umbrella           | south     | 380
    """,
)


def terms(pattern: str = "INV-{year}-{sequence:06}", year_start: str = "01-01") -> pl.DataFrame:
    return DRAFTS.select(
        "billing_account_id",
        payment_terms_days=pl.lit(14, dtype=pl.Int64),
        accounting_year_start=pl.lit(year_start),
        invoice_number_pattern=pl.lit(pattern),
        credit_note_number_pattern=pl.lit("CN-{year}-{sequence:06}"),
    )


def test_invoices_are_numbered_in_the_order_of_accounts_by_seller_and_type() -> None:
    assert_table(
        numbered(DRAFTS, terms(), NONE_ISSUED, NOV_3),
        Invoices,
        """
        billing_account_id | invoice_number  | accounting_year | sequence
        acme               | INV-2026-000001 | 2026            |        1
        globex             | INV-2026-000002 | 2026            |        2
        initech            | CN-2026-000001  | 2026            |        1
        umbrella           | INV-2026-000001 | 2026            |        1
        """,
    )


def test_numbers_go_on_after_the_last_one_issued_without_a_gap() -> None:
    """North has issued 41 invoices and a credit note this year, and 7 invoices last year; south none."""
    issued = table(
        Invoices,
        """
        invoice_id | seller_id | document_type | accounting_year | sequence
        a          | north     | 380           | 2026            |       40
        b          | north     | 380           | 2026            |       41
        c          | north     | 381           | 2026            |        1
        d          | north     | 380           | 2025            |        7
        """,
        document_state="issued",
    )
    assert_table(
        numbered(DRAFTS, terms(), issued, NOV_3),
        Invoices,
        """
        billing_account_id | invoice_number
        acme               | INV-2026-000042
        globex             | INV-2026-000043
        initech            | CN-2026-000002
        umbrella           | INV-2026-000001
        """,
    )


def test_an_accounting_year_has_the_name_of_the_year_it_began_in() -> None:
    """Where it begins in April, January still counts to the year before, and so do its numbers."""
    assert accounting_year(date(2027, 3, 31), "04-01") == "2026"
    assert accounting_year(date(2027, 4, 1), "04-01") == "2027"
    assert accounting_year(date(2026, 12, 31), "01-01") == "2026"
    january = numbered(DRAFTS, terms(year_start="04-01"), NONE_ISSUED, date(2027, 1, 5))
    assert january["accounting_year"].unique().to_list() == ["2026"]


def test_an_issued_document_has_its_dates_and_state() -> None:
    """Issued on 3 November, due in 14 days."""
    found = numbered(DRAFTS.head(1), terms(), NONE_ISSUED, NOV_3)
    assert_table(
        found,
        Invoices,
        """
        document_state | issue_date | due_date
        issued         | 2026-11-03 | 2026-11-17
        """,
    )


def test_issuing_changes_no_amount() -> None:
    found = numbered(DRAFTS, terms(), NONE_ISSUED, NOV_3)
    told = ["invoice_number", "accounting_year", "sequence", "issue_date", "due_date", "document_state"]
    assert found.drop(told).equals(DRAFTS.drop(told).sort("billing_account_id"))


def test_a_number_longer_than_sixteen_characters_is_refused() -> None:
    assert len("INVOICE-26-00001") == 16
    sixteen = terms("INVOICE-26-{sequence:05}")
    assert numbered(DRAFTS, sixteen, NONE_ISSUED, NOV_3)["invoice_number"].str.len_chars().max() == 16
    with pytest.raises(ValueError, match="more than 16 characters"):
        numbered(DRAFTS, terms("INVOICE-2026-{sequence:05}"), NONE_ISSUED, NOV_3)


def test_each_missing_field_is_named() -> None:
    parties = ["seller_legal_name", "seller_address", "seller_tax_ids", "buyer_legal_name", "buyer_address"]
    sound = table(
        Invoices,
        """
        billing_account_id | seller_legal_name | seller_address | seller_tax_ids | buyer_legal_name | buyer_address
        acme               | North             | Hafen 1        | ["DE1"]        | Acme             | Markt 2
        """,
    )
    assert missing_fields(sound).is_empty()
    for field in parties:
        without = sound.with_columns(pl.lit(None, dtype=sound.schema[field]).alias(field))
        assert missing_fields(without)["billing_account_id"].to_list() == ["acme"], field
    blank = sound.with_columns(buyer_address=pl.lit("  "), seller_tax_ids=pl.lit([], dtype=pl.List(pl.String)))
    assert missing_fields(blank)["field"].to_list() == [
        "the account's address (BG-8)",
        "the seller's tax number (BT-31)",
    ]
