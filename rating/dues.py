"""Dues and payments: which money pays which document (I6). The waterfall again: dues and balances, applications."""

import polars as pl

from rating.allocations.waterfall import waterfall
from rating.money import to_money, to_mu
from schemas.payment_applications import PaymentApplications


def open_documents(invoices: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """What is still due of each issued document.

    Reads    issued Invoices; PaymentApplications, of which those made at issue are in the document's paid amount
    Makes    invoice_number, billing_account_id, billing_currency, due_date, open_amount [Money]
    Source   I1, I6
    """
    paid = (
        applications.filter(~pl.col("is_at_issue"))
        .group_by("invoice_number")
        .agg(applied_amount=pl.col("amount").sum())
    )
    return (
        invoices.filter(pl.col("document_state") == "issued")
        .join(paid, on="invoice_number", how="left", maintain_order="left")
        .with_columns(open_amount=pl.col("amount_due") - pl.col("applied_amount").fill_null(0))
        .select("invoice_number", "billing_account_id", "billing_currency", "due_date", "open_amount")
    )


def open_payments(payments: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """What each payment has left: the account balance, payment by payment.

    Reads    accepted `record_payment` Operations; PaymentApplications
    Makes    operation_id, billing_account_id, invoice_number (named, or null), payment_kind, occurred_at, rest_amount
    Source   I6
    """
    used = applications.group_by("operation_id").agg(used_amount=pl.col("amount").sum())
    return (
        payments.join(used, on="operation_id", how="left", maintain_order="left")
        .with_columns(
            rest_amount=pl.col("amount").cast(PaymentApplications.columns()["amount"])
            - pl.col("used_amount").fill_null(0)
        )
        .filter(pl.col("rest_amount") > 0)
        .select("operation_id", "billing_account_id", "invoice_number", "payment_kind", "occurred_at", "rest_amount")
    )


def apply_payments(
    payments: pl.DataFrame, documents: pl.DataFrame, exponents: pl.DataFrame, *, is_at_issue: bool
) -> pl.DataFrame:
    """Let payments pay documents: the one they name, or the oldest due first.

    Reads    payments   open_payments, documents  open_documents, exponents  billing_currency, exponent
             is_at_issue: the account balance pays what is being issued, whatever document a payment once named
    Makes    PaymentApplications
    Source   I6
    """
    dues = documents.filter(pl.col("open_amount") > 0).join(exponents, on="billing_currency")
    dues = dues.with_columns(due_mu=to_mu("open_amount")).sort("billing_account_id", "due_date", "invoice_number")
    accounts = dues.select("billing_account_id", "exponent", "billing_currency").unique()
    payers = (
        payments.join(accounts, on="billing_account_id")
        .sort("billing_account_id", "occurred_at", "operation_id")
        .with_columns(
            rank=(pl.int_range(pl.len()).over("billing_account_id") + 1).cast(pl.Int64), balance_mu=to_mu("rest_amount")
        )
    )
    pairs = payers.select("operation_id", "billing_account_id", named="invoice_number").join(
        dues.select("invoice_number", "billing_account_id"), on="billing_account_id"
    )
    if not is_at_issue:
        pairs = pairs.filter(pl.col("named").is_null() | (pl.col("named") == pl.col("invoice_number")))
    applied = waterfall(
        dues.select(due_id="invoice_number", due_mu="due_mu"),
        payers.select(payer_id="operation_id", rank="rank", balance_mu="balance_mu", is_proportional=pl.lit(False)),
        pairs.select(due_id="invoice_number", payer_id="operation_id"),
    )
    rows = applied.rename({"due_id": "invoice_number", "payer_id": "operation_id"}).join(
        dues.select("invoice_number", "billing_account_id", "billing_currency", "exponent"), on="invoice_number"
    )
    return PaymentApplications.conform(
        rows.with_columns(amount=to_money("amount_mu"), is_at_issue=pl.lit(is_at_issue)).sort(
            "billing_account_id", "operation_id", "invoice_number"
        )
    )
