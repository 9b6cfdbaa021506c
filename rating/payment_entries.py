"""What the ledger says of payments, of their reversals and of what is paid at issue (B1, I6)."""

import polars as pl

from rating.accounting_periods import BOOKED_BY, NOTHING_CLOSED, booked
from rating.ledger_entries import KEY, post
from rating.periods import period_of
from schemas.units import Money

EVENTS = {
    "money": ("money received for invoices", "money received on account"),
    "withheld_tax": ("tax withheld from invoices", "tax withheld on account"),
    "write_off": ("invoices written off", "written off on account"),
}
"""What a payment of each kind is, as far as it pays documents, and what is over."""


def payment_entries(
    operations: pl.DataFrame,
    payments: pl.DataFrame,
    applications: pl.DataFrame,
    documents: pl.DataFrame,
    accounts: pl.DataFrame,
    closed: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """What the operations of a commit did to receivables and to account balances.

    A payment lowers the receivable by what it pays, and the rest is the account's balance. A reversal books the mirror
    of the payment and of all that was paid from its rest since. At issue the balance pays; a credit note that pays
    becomes balance first, so a receivable is what is open of each document.

    Reads    operations    accepted Operations of the commit
             payments      accepted `record_payment` Operations, those and all before
             applications  PaymentApplications of the commit
             documents     Invoices that were issued, those and all before, with `issued_by`
             accounts      billing_account_id, account_currency, time_zone
             closed        billing_account_id, operation_id, closed_through, for operations of the commit; without it no
                           month is closed
    Makes    KEY and amount
    Source   B1, B2, I6
    """
    closed = NOTHING_CLOSED if closed is None else closed
    return pl.concat(
        [
            _received(operations, applications, accounts, closed),
            _reversed(operations, payments, applications, accounts, closed),
            _by_documents(applications, documents, closed),
        ]
    ).select(*KEY, "amount")


def _received(
    operations: pl.DataFrame, applications: pl.DataFrame, accounts: pl.DataFrame, closed: pl.DataFrame
) -> pl.DataFrame:
    """What payments of the commit paid at once, and their rest."""
    used = _sums(applications.filter(~pl.col("is_at_issue")))
    payments = _booked(operations.filter(pl.col("operation") == "record_payment"), accounts, closed)
    return _both_sides(payments.join(used, on="operation_id", how="left"), "")


def _reversed(
    operations: pl.DataFrame,
    payments: pl.DataFrame,
    applications: pl.DataFrame,
    accounts: pl.DataFrame,
    closed: pl.DataFrame,
) -> pl.DataFrame:
    """What reversals of the commit took back: of documents, and what was left."""
    used = _sums(applications.with_columns(amount=-pl.col("amount")))
    reversals = operations.filter(pl.col("operation") == "reverse_payment").select(
        pl.col("reverses_operation_id").alias("operation_id"), reversal_id="operation_id", reversed_at="occurred_at"
    )
    rows = payments.join(reversals, on="operation_id", maintain_order="right").with_columns(
        operation_id="reversal_id", occurred_at="reversed_at"
    )
    return _both_sides(_booked(rows, accounts, closed).join(used, on="operation_id", how="left"), ", reversed")


def _sums(applications: pl.DataFrame) -> pl.DataFrame:
    return applications.group_by("operation_id").agg(used_amount=pl.col("amount").sum())


def _booked(rows: pl.DataFrame, accounts: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    """Operations as the ledger names them: of the month in which they occurred, in the account's currency."""
    rows = rows.join(accounts, on="billing_account_id", maintain_order="left")
    periods = [period_of(at, zone) for at, zone in rows.select("occurred_at", "time_zone").iter_rows()]
    rows = rows.with_columns(
        pl.Series("service_period", periods, dtype=pl.String),
        pl.col("amount").cast(Money),
        pl.coalesce("billing_currency", "account_currency").alias("billing_currency"),
        pl.col("payment_kind").fill_null("money"),
        source_table=pl.lit("operations"),
        source_id=pl.col("operation_id"),
    )
    return booked(rows, closed, BOOKED_BY)


def _both_sides(rows: pl.DataFrame, suffix: str) -> pl.DataFrame:
    """What is of documents and what is of the account balance, by kind of payment."""
    rows = rows.with_columns(used_amount=pl.col("used_amount").fill_null(0))
    found = []
    for kind, (on_invoices, on_account) in EVENTS.items():
        of_kind = rows.filter(pl.col("payment_kind") == kind)
        found.append(post(on_invoices + suffix, of_kind.with_columns(amount=pl.col("used_amount"))))
        found.append(post(on_account + suffix, of_kind.with_columns(amount=pl.col("amount") - pl.col("used_amount"))))
    return pl.concat(found)


def _by_documents(applications: pl.DataFrame, documents: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    """What the account balance paid of documents when they were issued, and what credit notes paid, then or within
    their chain. It is booked by the operation that issued the document, or the credit note that pays its own invoice.
    """
    key = ["invoice_number", "billing_account_id"]
    is_note = pl.col("credit_note_number").is_not_null()
    rows = (
        applications.filter(pl.col("is_at_issue") | is_note)
        .join(documents.select(*key, "billing_period", "issued_by"), on=key)
        .with_columns(
            service_period="billing_period",
            source_table=pl.lit("payment_applications"),
            paid_by="operation_id",
            operation_id=pl.when("is_at_issue").then("issued_by").otherwise("operation_id"),
        )
    )
    rows = booked(rows, closed, BOOKED_BY)
    notes = rows.filter(is_note)
    return pl.concat(
        [
            post("account balance pays an invoice", rows.filter(~is_note).with_columns(source_id="paid_by")),
            post("credit note becomes account balance", notes.with_columns(source_id="credit_note_number")),
            post("credit note pays an invoice", notes.with_columns(source_id="invoice_number")),
        ]
    )
