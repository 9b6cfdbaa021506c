"""Chains: an invoice and the documents that correct it, and how much of them is paid (L4, T4, X2)."""

import polars as pl

ISSUED, PARTLY_PAID, PAID = "issued", "partly_paid", "paid"
"""How an invoice stands that was not voided: nothing, a part or all of it is paid."""

OWNER = ["billing_account_id", "billing_period"]
CHAIN = [*OWNER, "root_number"]


def chained(invoices: pl.DataFrame) -> pl.DataFrame:
    """Issued documents, each with the chain it belongs to.

    Reads    Invoices
    Makes    the issued ones with root_number: the invoice itself or the one it corrects; is_voided: the chain was
    Source   L4, I4
    """
    issued = invoices.filter(pl.col("document_state") == "issued").with_columns(
        root_number=pl.coalesce("preceding_invoice_number", "invoice_number")
    )
    return issued.with_columns(is_voided=pl.col("is_void").any().over(CHAIN))


def standings(invoices: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """How each invoice that was not voided stands, together with what corrects it.

    What is due of a chain is what its documents came to when they were issued; what is paid of it came from elsewhere:
    a credit note that pays an invoice of its own chain pays nothing, one that pays another takes from its own.

    Reads    Invoices; PaymentApplications
    Makes    CHAIN, standing [ISSUED, PARTLY_PAID, PAID], due_amount, paid_amount [Money]; one row per account, period
    Source   X2, I6
    """
    documents = chained(invoices).filter(~pl.col("is_voided"))
    key = ["billing_account_id", "invoice_number"]
    roots = documents.select(*key, "billing_period", "root_number")
    of_notes = roots.select("billing_account_id", credit_note_number="invoice_number", note_root="root_number")
    moved = (
        applications.join(roots, on=key, how="left")
        .join(of_notes, on=["billing_account_id", "credit_note_number"], how="left")
        .filter(pl.col("root_number").ne_missing(pl.col("note_root")))
    )
    at_issue = applications.filter("is_at_issue").group_by(key).agg(at_issue_amount=pl.col("amount").sum())
    due = documents.join(at_issue, on=key, how="left").select(
        *CHAIN, due_amount=pl.col("amount_due") + pl.col("at_issue_amount").fill_null(0)
    )
    came = moved.select("billing_account_id", "root_number", paid_amount="amount")
    went = moved.select("billing_account_id", root_number="note_root", paid_amount=-pl.col("amount"))
    paid = pl.concat([came, went]).group_by("billing_account_id", "root_number").agg(pl.col("paid_amount").sum())
    nothing = pl.lit(0).cast(documents.schema["amount_due"])
    return (
        due.group_by(CHAIN)
        .agg(pl.col("due_amount").sum())
        .join(paid, on=["billing_account_id", "root_number"], how="left")
        .with_columns(pl.col("paid_amount").fill_null(nothing))
        .with_columns(
            standing=pl.when(pl.col("due_amount") <= pl.col("paid_amount"))
            .then(pl.lit(PAID))
            .when(pl.col("paid_amount") > 0)
            .then(pl.lit(PARTLY_PAID))
            .otherwise(pl.lit(ISSUED))
        )
        .select(*CHAIN, "standing", "due_amount", "paid_amount")
        .sort(CHAIN)
    )
