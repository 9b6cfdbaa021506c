"""Issuing: drafts become numbered documents; numbers are gap-free per seller, type and accounting year (I1, I2)."""

from datetime import date, timedelta

import polars as pl

from schemas.invoices import Invoices

MANDATORY = {
    "seller_legal_name": "the seller's legal name (BT-27)",
    "seller_address": "the seller's address (BG-5)",
    "seller_tax_ids": "the seller's tax number (BT-31)",
    "buyer_legal_name": "the account's legal name (BT-44)",
    "buyer_address": "the account's address (BG-8)",
}
"""What a document must have before it gets a number."""

MAX_NUMBER = 16


def accounting_year(issue_date: date, year_start: str) -> str:
    """The accounting year a document counts in: the calendar year in which that year began.

    >>> accounting_year(date(2027, 1, 5), "04-01"), accounting_year(date(2026, 11, 3), "01-01")
    ('2026', '2026')
    """
    begins = f"{issue_date:%m-%d}" >= year_start
    return str(issue_date.year if begins else issue_date.year - 1)


def missing_fields(drafts: pl.DataFrame) -> pl.DataFrame:
    """The mandatory fields each draft lacks: billing_account_id, field.

    Source   I2
    """
    empty = [
        drafts.filter(_is_empty(drafts, column)).select("billing_account_id", field=pl.lit(said))
        for column, said in MANDATORY.items()
    ]
    return pl.concat(empty).sort("billing_account_id", "field")


def _is_empty(drafts: pl.DataFrame, column: str) -> pl.Expr:
    blank = (
        pl.col(column).list.len() == 0 if drafts.schema[column].is_nested() else pl.col(column).str.strip_chars() == ""
    )
    return pl.col(column).is_null() | blank


def numbered(drafts: pl.DataFrame, terms: pl.DataFrame, issued: pl.DataFrame, issue_date: date) -> pl.DataFrame:
    """Give drafts their numbers, in account order, after the last one issued, and their dates.

    Reads    drafts  Invoices with no field missing
             terms   billing_account_id, payment_terms_days, accounting_year_start, invoice_number_pattern,
                     credit_note_number_pattern
             issued  Invoices issued before
    Makes    Invoices, document_state `issued`
    Errors   ValueError: a number that comes out longer than 16 characters
    Source   I1, I2
    """
    series = ["seller_id", "document_type", "accounting_year"]
    last = issued.group_by(series).agg(last=pl.col("sequence").max())
    rows = drafts.drop("accounting_year", "sequence", "invoice_number", "issue_date", "due_date").join(
        terms, on="billing_account_id", how="left"
    )
    years = {start: accounting_year(issue_date, start) for start in rows["accounting_year_start"].unique()}
    rows = (
        rows.with_columns(accounting_year=pl.col("accounting_year_start").replace_strict(years, return_dtype=pl.String))
        .join(last, on=series, how="left")
        .sort("billing_account_id", maintain_order=True)
        .with_columns(sequence=pl.col("last").fill_null(0) + pl.int_range(pl.len()).over(series) + 1)
    )
    numbers = [_number(row) for row in rows.iter_rows(named=True)]
    due = [issue_date + timedelta(days=days) for days in rows["payment_terms_days"]]
    return Invoices.conform(
        rows.with_columns(
            pl.Series("invoice_number", numbers, dtype=pl.String),
            pl.Series("due_date", due, dtype=pl.Date),
            issue_date=pl.lit(issue_date),
            document_state=pl.lit("issued"),
            sequence=pl.col("sequence").cast(pl.Int64),
        )
    )


def _number(row: dict[str, object]) -> str:
    pattern = str(row["credit_note_number_pattern" if row["document_type"] == "381" else "invoice_number_pattern"])
    number = pattern.format(year=row["accounting_year"], sequence=row["sequence"])
    if len(number) > MAX_NUMBER:
        raise ValueError(
            f"seller {row['seller_id']!r}: the number {number!r} has more than {MAX_NUMBER} characters; "
            "shorten the pattern in sellers"
        )
    return number
