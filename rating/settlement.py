"""What the operations of a commit pay, undo and let be paid at issue, in the order in which they count (O3, I6)."""

from dataclasses import dataclass

import polars as pl

from rating.dues import (
    DOCUMENT,
    PAYER,
    apply_payments,
    apply_within_chains,
    open_credit_notes,
    open_documents,
    open_payments,
    paid_at_issue,
    standing_payments,
    undone,
)
from rating.operation_book import CORRECTIONS
from schemas.invoices import Invoices
from schemas.payment_applications import PaymentApplications

OF_MONEY = ["record_payment", "reverse_payment"]
"""Operations that pay, or take back what was paid."""
CHAIN = ["billing_account_id", "root_number"]


@dataclass(frozen=True)
class Settled:
    """What the operations of a commit make of what is due."""

    applications: pl.DataFrame
    """PaymentApplications of the commit."""
    issued: pl.DataFrame
    """The Invoices that it issues, with what paid them at issue."""


def settle(
    operations: pl.DataFrame,
    before: pl.DataFrame,
    documents: pl.DataFrame,
    applications: pl.DataFrame,
    accounts: pl.DataFrame,
    exponents: pl.DataFrame,
) -> Settled:
    """What payments and credit notes pay of documents, and what reversals take back.

    Each account has its steps: payments together, reversals together, what one operation issues or voids together, and
    so all corrections. A document that is issued is paid by what the account has left by then, payments and credit
    notes, the oldest first; a payment pays what is open by then. A credit note that corrects an invoice pays first what
    its chain leaves open; when an invoice is voided, nothing of its chain stays open.

    Reads    operations    accepted Operations of the commit, in order; before  accepted Operations before it
             documents     issued Invoices with payable TERMS and `issued_by`: the operation that issues them now, null
                           if one did before
             applications  PaymentApplications before
             accounts      billing_account_id, time_zone; exponents  billing_currency, exponent
    Makes    Settled
    Source   I4, I6, O3
    """
    money, documents = _in_steps(operations, documents)
    made: list[pl.DataFrame] = []
    ready = [documents.filter(pl.col("step").is_null())]
    for step in range(max([*money["step"], *documents["step"].drop_nulls()], default=-1) + 1):
        known = pl.concat([applications, *made])
        paid_before = pl.concat([before, money.filter(pl.col("step") < step).drop("step")])
        due = open_documents(pl.concat(ready), known)
        has_left = [open_payments(standing_payments(paid_before), known), open_credit_notes(due, accounts)]
        issued, now = documents.filter(step=step), money.filter(step=step)
        payers = pl.concat([one.select(PAYER) for one in has_left])
        at_issue = _at_issue(payers, issued.filter(~pl.col("is_void")), exponents)
        payments = open_payments(now.filter(operation="record_payment"), known)
        ready.append(paid_at_issue(issued, at_issue))
        made += [
            at_issue,
            _within_chains(issued, pl.concat(ready), pl.concat([known, at_issue]), accounts, exponents),
            apply_payments(payments, due, exponents, is_at_issue=False),
            undone(now.filter(operation="reverse_payment"), known),
        ]
    new = pl.concat(ready).filter(pl.col("issued_by").is_not_null())
    return Settled(pl.concat([PaymentApplications.empty(), *made]), Invoices.conform(new))


def _at_issue(payers: pl.DataFrame, issued: pl.DataFrame, exponents: pl.DataFrame) -> pl.DataFrame:
    """What pays documents when they are issued; a credit note does so by the operation that issues them."""
    found = apply_payments(payers, open_documents(issued, PaymentApplications.empty()), exponents, is_at_issue=True)
    issues = issued.select("invoice_number", "billing_account_id", "issued_by")
    rows = found.join(issues, on=["invoice_number", "billing_account_id"], maintain_order="left")
    return PaymentApplications.conform(
        rows.with_columns(pl.coalesce("operation_id", "issued_by").alias("operation_id"))
    )


def _within_chains(
    issued: pl.DataFrame, documents: pl.DataFrame, known: pl.DataFrame, accounts: pl.DataFrame, exponents: pl.DataFrame
) -> pl.DataFrame:
    """What credit notes that are issued now pay of their own chain: all of its notes, where it is voided.

    Reads    documents that are being issued, and all issued by then, these among them; PaymentApplications by then
    """
    corrections = issued.drop_nulls("preceding_invoice_number").select(
        "billing_account_id",
        "is_void",
        "issued_by",
        root_number="preceding_invoice_number",
        corrected_by="invoice_number",
    )
    if corrections.is_empty():
        return PaymentApplications.empty()
    due = open_documents(documents, known)
    notes = open_credit_notes(due, accounts).join(corrections, on=CHAIN, maintain_order="left")
    paying = notes.filter(pl.col("is_void") | (pl.col("credit_note_number") == pl.col("corrected_by")))
    rows = (
        apply_within_chains(paying, due, exponents)
        .join(due.select(*DOCUMENT, "root_number"), on=DOCUMENT, maintain_order="left")
        .join(corrections, on=CHAIN, maintain_order="left")
    )
    return PaymentApplications.conform(rows.with_columns(operation_id="issued_by"))


def _in_steps(operations: pl.DataFrame, documents: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The operations of money and the documents, each with its step: its place among the runs of its account.

    Makes    operations with `step`; documents with `step`, null where they were issued before
    """
    placed = operations.with_row_index("place")
    money = placed.filter(pl.col("operation").is_in(OF_MONEY))
    is_correcting = pl.col("documents").eq_missing(pl.lit(CORRECTIONS))
    one = pl.when(is_correcting).then(pl.lit("correct")).otherwise(pl.concat_str(pl.lit("issue "), "operation_id"))
    places = placed.select("place", issued_by="operation_id", issue=one)
    found = documents.join(places, on="issued_by", how="left", maintain_order="left")
    issued = found.drop_nulls("place")
    runs = (
        pl.concat(
            [
                money.select("billing_account_id", "place", does="operation"),
                issued.select("billing_account_id", "place", does="issue"),
            ]
        )
        .unique()
        .sort("billing_account_id", "place")
        .with_columns(step=pl.col("does").rle_id().over("billing_account_id").cast(pl.Int64))
        .select("billing_account_id", "place", "step")
    )
    at = ["billing_account_id", "place"]
    money = money.join(runs, on=at, maintain_order="left").drop("place")
    return money, found.join(runs, on=at, how="left", maintain_order="left").drop("place")
