"""Dues and payments: which money pays which document (I6). The waterfall again: dues and balances, applications."""

import polars as pl

from rating.allocations.eligibility import NO_PROJECT, Dues, Eligibility, Integers, Payers
from rating.allocations.waterfall import waterfall
from rating.hashing import SEPARATOR
from rating.money import to_money, to_mu
from rating.payable import payable_of
from rating.periods import day_start
from schemas.payment_applications import PaymentApplications
from schemas.units import Instant

NOT_DUE = NO_PROJECT - 1
"""The number of a document that is named and not, or no longer, due."""

DOCUMENT = ["invoice_number", "billing_account_id"]
PAYER = ["operation_id", "credit_note_number", "billing_account_id", "invoice_number", "occurred_at", "rest_amount"]
"""What can pay: a payment, which may name an invoice, or a credit note, which has no operation of its own."""


def open_documents(invoices: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """What is still due of each issued document; below zero, what is left of a credit note.

    Reads    issued Invoices; PaymentApplications, of which those made at issue are in the document's paid amount
    Makes    invoice_number, billing_account_id, billing_currency, issue_date, due_date, open_amount [Money] and
             root_number: the invoice that it corrects, or itself
    Source   I1, I6
    """
    paid = applications.filter(~pl.col("is_at_issue")).group_by(DOCUMENT).agg(applied_amount=pl.col("amount").sum())
    used = applications.group_by("billing_account_id", invoice_number="credit_note_number").agg(
        used_amount=pl.col("amount").sum()
    )
    return (
        invoices.filter(pl.col("document_state") == "issued")
        .join(paid, on=DOCUMENT, how="left", maintain_order="left")
        .join(used, on=DOCUMENT, how="left", maintain_order="left")
        .with_columns(
            open_amount=pl.col("amount_due")
            - pl.col("applied_amount").fill_null(0)
            + pl.col("used_amount").fill_null(0)
        )
        .select(
            *DOCUMENT,
            "billing_currency",
            "issue_date",
            "due_date",
            "open_amount",
            root_number=pl.coalesce("preceding_invoice_number", "invoice_number"),
        )
    )


def standing_payments(operations: pl.DataFrame) -> pl.DataFrame:
    """The payments that no later operation reversed.

    Reads    accepted Operations
    Makes    Operations, `record_payment` alone
    Source   1.3, I6
    """
    reversed_ones = operations.filter(pl.col("operation") == "reverse_payment")
    return operations.filter(pl.col("operation") == "record_payment").join(
        reversed_ones.select(operation_id="reverses_operation_id"), on="operation_id", how="anti", maintain_order="left"
    )


def open_payments(payments: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """What each payment has left: the account balance, payment by payment.

    Reads    standing_payments; PaymentApplications
    Makes    PAYER: a payment names the invoice it was for, or none
    Source   I6
    """
    used = applications.group_by("operation_id").agg(used_amount=pl.col("amount").sum())
    return (
        payments.join(used, on="operation_id", how="left", maintain_order="left")
        .with_columns(
            rest_amount=pl.col("amount").cast(PaymentApplications.columns()["amount"])
            - pl.col("used_amount").fill_null(0),
            credit_note_number=pl.lit(None, dtype=pl.String),
        )
        .filter(pl.col("rest_amount") > 0)
        .select(PAYER)
    )


def open_credit_notes(documents: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """What each credit note has left to pay invoices with, from the start of the day it was issued on.

    Reads    open_documents; accounts  billing_account_id, time_zone
    Makes    PAYER: a credit note names no invoice, and no operation; with root_number
    Source   I6, rule book "Intervals"
    """
    notes = documents.filter(pl.col("open_amount") < 0).join(
        accounts.select("billing_account_id", "time_zone"), on="billing_account_id", maintain_order="left"
    )
    days = notes.select("issue_date", "time_zone").unique()
    starts = pl.Series("occurred_at", [day_start(day, zone) for day, zone in days.iter_rows()], dtype=Instant)
    return notes.join(days.with_columns(starts), on=["issue_date", "time_zone"], maintain_order="left").select(
        pl.lit(None, dtype=pl.String).alias("operation_id"),
        pl.col("invoice_number").alias("credit_note_number"),
        "billing_account_id",
        pl.lit(None, dtype=pl.String).alias("invoice_number"),
        "occurred_at",
        -pl.col("open_amount").alias("rest_amount"),
        "root_number",
    )


def undone(reversals: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """What reversed payments had paid, with the opposite sign: it is due again, whatever the payment was applied to.

    What a payment paid at the issue of a document stays in that document's paid amount, as issued is issued (L4): what
    is taken back counts after the issue. What was left of the payment on the account goes with it, as no reversed
    payment has a rest. The account's other balance does not move: what became due again is paid by the next payment
    that names it, or names nothing; the balance waits for the next issue, as I6 has it.

    Reads    `reverse_payment` Operations; PaymentApplications
    Makes    PaymentApplications: one row per reversal and document
    Source   1.3, I6, B2
    """
    asked = reversals.select(reversal_id="operation_id", operation_id="reverses_operation_id")
    rows = applications.join(asked, on="operation_id", maintain_order="left")
    return PaymentApplications.conform(
        rows.with_columns(operation_id="reversal_id", amount=-pl.col("amount"), is_at_issue=pl.lit(False)).sort(
            "billing_account_id", "operation_id", "invoice_number"
        )
    )


def apply_payments(
    payments: pl.DataFrame, documents: pl.DataFrame, exponents: pl.DataFrame, *, is_at_issue: bool
) -> pl.DataFrame:
    """Let payments pay documents: the one they name, or the oldest due first; the oldest payment first.

    Reads    payments   PAYER, of open_payments and open_credit_notes; of one instant, credit notes go first
             documents  open_documents, exponents  billing_currency, exponent
             is_at_issue: the account balance pays what is being issued, whatever document a payment once named
    Makes    PaymentApplications; operation_id is null where a credit note pays
    Source   I6
    """
    dues = documents.filter(pl.col("open_amount") > 0).join(exponents, on="billing_currency")
    dues = dues.with_columns(due_mu=to_mu("open_amount")).sort(
        "billing_account_id", "due_date", "issue_date", "invoice_number"
    )
    accounts = dues.select("billing_account_id", "exponent", "billing_currency").unique("billing_account_id")
    accounts = accounts.sort("billing_account_id").with_row_index("account")
    payers = (
        payments.join(accounts, on="billing_account_id")
        .with_columns(balance_mu=to_mu("rest_amount"))
        .sort("billing_account_id", "occurred_at", "credit_note_number", "operation_id", nulls_last=True)
    )
    dues = dues.join(accounts.select("billing_account_id", "account"), on="billing_account_id", maintain_order="left")
    dues = dues.with_row_index("document")
    # a payment is bound to the document it names, as a grant is to its project
    named = payers.select("invoice_number", "billing_account_id").join(
        dues.select("invoice_number", "billing_account_id", "document"),
        on=["invoice_number", "billing_account_id"],
        how="left",
        maintain_order="left",
    )
    bound = pl.when(pl.col("invoice_number").is_null() | is_at_issue).then(NO_PROJECT).otherwise("document")
    found = waterfall(
        Eligibility(
            Dues.plain(_integers(dues["account"]), _integers(dues["due_mu"]), _integers(dues["document"])),
            Payers.plain(
                _integers(payers["account"]),
                _integers(payers["balance_mu"]),
                _integers(named.select(bound.cast(pl.Int64).fill_null(NOT_DUE)).to_series()),
            ),
        )
    )
    rows = dues[found.due].with_columns(
        payers["operation_id"].gather(found.payer),
        payers["credit_note_number"].gather(found.payer),
        pl.Series("amount_mu", found.amount_mu, dtype=pl.Int64),
    )
    return PaymentApplications.conform(
        rows.with_columns(amount=to_money("amount_mu"), is_at_issue=pl.lit(is_at_issue)).sort(
            "billing_account_id", "operation_id", "credit_note_number", "invoice_number"
        )
    )


def apply_within_chains(notes: pl.DataFrame, documents: pl.DataFrame, exponents: pl.DataFrame) -> pl.DataFrame:
    """Let credit notes pay what is open of their own chain: the invoice that they correct, then the oldest first.

    Reads    notes      PAYER, of open_credit_notes, and root_number; the oldest pays first
             documents  open_documents; exponents  billing_currency, exponent
    Makes    PaymentApplications, not at issue: what is paid so is in no document's own paid amount
    Source   I4, I6, T4
    """
    chain = pl.concat_str([pl.col("billing_account_id"), pl.col("root_number")], separator=SEPARATOR)
    is_root = pl.col("invoice_number") == pl.col("root_number")
    # to pay within its chain only, a chain is an account here; its invoice is due before the rest of it
    dues = documents.with_columns(
        owner="billing_account_id",
        billing_account_id=chain,
        due_date=pl.when(is_root).then(pl.date(1, 1, 1)).otherwise("issue_date"),
    )
    payers = notes.with_columns(billing_account_id=chain).select(PAYER)
    owners = dues.select("billing_account_id", "owner").unique()
    rows = apply_payments(payers, dues.drop("owner"), exponents, is_at_issue=False).join(
        owners, on="billing_account_id", maintain_order="left"
    )
    return PaymentApplications.conform(rows.with_columns(billing_account_id="owner"))


def paid_at_issue(documents: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """What an account had paid in advance and its open credit notes are on its new documents as paid (I6, BT-113).

    At most the rounded amount due is paid. What is then left is rounded again: nothing where all of it is paid, else
    what is left of the exact amount, never below zero (I7, BT-114).

    Reads    Invoices that are being issued, with payable TERMS; PaymentApplications, of which those at issue count
    Makes    the documents with their paid_amount, rounding_amount and amount_due
    Source   I6, I7
    """
    paid = applications.filter("is_at_issue").group_by(DOCUMENT).agg(balance_amount=pl.col("amount").sum())
    rows = documents.join(paid, on=DOCUMENT, how="left", maintain_order="left")
    balance = pl.col("balance_amount").fill_null(0)
    rows = rows.with_columns(exact_amount=pl.col("amount_due") - pl.col("rounding_amount") - balance)
    rows = rows.with_columns(payable_of(rows, "exact_amount"))
    left = pl.when(balance < pl.col("amount_due")).then(to_money("payable_mu").clip(lower_bound=0)).otherwise(0)
    due = pl.when(balance > 0).then(left).otherwise("amount_due")
    return rows.with_columns(
        paid_amount=pl.col("paid_amount") + balance, amount_due=due, rounding_amount=due - pl.col("exact_amount")
    ).drop("balance_amount", "exact_amount", "payable_mu")


def _integers(column: pl.Series) -> Integers:
    return column.cast(pl.Int64).to_numpy()
