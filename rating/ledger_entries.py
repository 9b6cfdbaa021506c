"""The ledger: double entry, debit positive; every transaction sums to zero and names its source row (B1).

`POSTINGS` is the whole chart: what each event debits and credits. A transaction is made per account, period and kind.
"""

from dataclasses import dataclass

import polars as pl

from rating.money import rounded, to_money, to_mu
from rating.sql import content_ids
from schemas.ledger_entries import LedgerEntries

KEY = [
    "transaction_kind",
    "billing_account_id",
    "service_period",
    "accounting_period",
    "ledger_account",
    "billing_currency",
    "source_table",
    "source_id",
]


@dataclass(frozen=True)
class Posting:
    """An event, and the account it debits and the one it credits; `{}` are columns of the event's row."""

    event: str
    transaction_kind: str
    debit: str
    credit: str


POSTINGS = [
    Posting("revenue of a service", "invoice", "receivable", "revenue/{service}"),
    Posting("discounts and caps on an invoice", "invoice", "discounts_given", "receivable"),
    Posting("tax of an invoice", "invoice", "receivable", "tax_payable/{jurisdiction}/{component}"),
    Posting("rounding of an amount due", "invoice", "receivable", "rounding"),
    Posting("free grant credited", "grant_credited", "bonus_commitment", "grant_liability/{kind}/{grant_id}"),
    Posting("paid grant bought", "grant_bought", "cash", "grant_liability/{kind}/{grant_id}"),
    Posting("face value above the price", "grant_bought", "discounts_given", "grant_liability/{kind}/{grant_id}"),
    Posting("tax of credit sold", "grant_bought", "cash", "tax_payable/{jurisdiction}/{component}"),
    Posting(
        "credit sent to another account",
        "grant_transferred",
        "grant_liability/{kind}/{grant_id}",
        "grant_liability/{counter_kind}/{counter_grant_id}",
    ),
    Posting(
        "credit allocated to a project",
        "grant_allocated",
        "grant_liability/{kind}/{grant_id}",
        "grant_liability/{counter_kind}/{counter_grant_id}",
    ),
    Posting("grant applied", "grant_applied", "grant_liability/{kind}/{grant_id}", "receivable"),
    Posting("free grant applied", "grant_applied", "bonus_expense", "bonus_commitment"),
    Posting("free grant ended unused", "grant_ended", "grant_liability/{kind}/{grant_id}", "bonus_commitment"),
    Posting("paid grant expired", "grant_ended", "grant_liability/{kind}/{grant_id}", "breakage_income"),
    Posting("paid grant refunded", "grant_ended", "grant_liability/{kind}/{grant_id}", "cash"),
    Posting("tax of refunded credit", "grant_refunded", "tax_payable/{jurisdiction}/{component}", "cash"),
    Posting("refunded below face value", "grant_ended", "grant_liability/{kind}/{grant_id}", "discounts_given"),
    Posting("money received for invoices", "payment", "cash", "receivable"),
    Posting("tax withheld from invoices", "payment", "tax_withheld", "receivable"),
    Posting("invoices written off", "payment", "bad_debt", "receivable"),
    Posting("money received on account", "payment", "cash", "account_balance"),
    Posting("tax withheld on account", "payment", "tax_withheld", "account_balance"),
    Posting("written off on account", "payment", "bad_debt", "account_balance"),
    Posting("money received for invoices, reversed", "payment_reversed", "receivable", "cash"),
    Posting("tax withheld from invoices, reversed", "payment_reversed", "receivable", "tax_withheld"),
    Posting("invoices written off, reversed", "payment_reversed", "receivable", "bad_debt"),
    Posting("money received on account, reversed", "payment_reversed", "account_balance", "cash"),
    Posting("tax withheld on account, reversed", "payment_reversed", "account_balance", "tax_withheld"),
    Posting("written off on account, reversed", "payment_reversed", "account_balance", "bad_debt"),
    Posting("account balance pays an invoice", "balance_applied", "account_balance", "receivable"),
    Posting("credit note becomes account balance", "credit_note_applied", "receivable", "account_balance"),
    Posting("credit note pays an invoice", "credit_note_applied", "account_balance", "receivable"),
]
"""The postings of B1 that this version makes, printed in docs/LEDGER.md."""

_BY_EVENT = {posting.event: posting for posting in POSTINGS}


def post(event: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The two entries of each row of an event: amount debited and amount credited.

    Reads    rows  amount [Money], billing_account_id, billing_currency, service_period, source_table, source_id and
                   the columns that the accounts of the posting name
    Makes    KEY and amount, two rows per row; an amount of zero posts nothing
    Source   B1
    """
    posting = _BY_EVENT[event]
    rows = rows.filter(pl.col("amount") != 0)
    sides = [
        rows.with_columns(_account(posting.debit), amount=pl.col("amount")),
        rows.with_columns(_account(posting.credit), amount=-pl.col("amount")),
    ]
    return pl.concat(sides).select(
        pl.lit(posting.transaction_kind).alias("transaction_kind"),
        "billing_account_id",
        "service_period",
        pl.col("accounting_period") if "accounting_period" in rows.columns else accounting_period(),
        "ledger_account",
        "billing_currency",
        "source_table",
        "source_id",
        "amount",
    )


def accounting_period() -> pl.Expr:
    """Where an event is booked: the period of the service."""
    return pl.col("service_period").alias("accounting_period")


def _account(pattern: str) -> pl.Expr:
    """`revenue/{service}` as an expression over the row."""
    parts = [
        pl.col(part[1:-1]) if part.startswith("{") else pl.lit(part)
        for part in pattern.replace("{", "\0{").replace("}", "}\0").split("\0")
        if part
    ]
    return pl.concat_str(parts).alias("ledger_account")


def period_entries(
    invoices: pl.DataFrame,
    lines: pl.DataFrame,
    tax_breakdown: pl.DataFrame,
    movements: pl.DataFrame,
    grants: pl.DataFrame,
) -> pl.DataFrame:
    """What the books should say about a closed period: its documents, and what its grants paid and lost.

    Reads    Invoices, InvoiceLines, TaxBreakdown, GrantMovements of the period, Grants with exponent
    Makes    KEY and amount, summed by key
    Source   B1, L1
    """
    return summed(pl.concat([document_entries(invoices, lines, tax_breakdown), grant_entries(movements, grants)]))


def document_entries(invoices: pl.DataFrame, lines: pl.DataFrame, tax_breakdown: pl.DataFrame) -> pl.DataFrame:
    """What documents post: revenue, discounts and caps, tax, rounding. A document that corrects posts differences.

    Reads    Invoices, InvoiceLines, TaxBreakdown of the same documents
    Makes    KEY and amount, summed by key
    Source   B1, L4
    """
    documents = lines.with_columns(
        service_period="billing_period", source_table=pl.lit("invoices"), source_id=pl.col("invoice_id")
    )
    taxes = tax_breakdown.with_columns(
        service_period="billing_period",
        source_table=pl.lit("tax_breakdown"),
        source_id=pl.col("invoice_id"),
        jurisdiction=pl.col("seller_jurisdiction"),
        amount=pl.col("tax_amount"),
    )
    cuts = documents.with_columns(amount=pl.col("discount_amount") + pl.col("cap_amount"))
    entries = [
        post("revenue of a service", documents.with_columns(amount="list_cost")),
        post("discounts and caps on an invoice", cuts),
        post("tax of an invoice", taxes),
        rounding_entries(invoices),
    ]
    return summed(pl.concat(entries))


def grant_entries(movements: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """What a period's movements of grants post: what they paid, less what came back, and what they lost.

    Reads    GrantMovements that billing made: all of a grant and period; Grants with exponent
    Makes    KEY and amount, summed by key
    Source   B1, B3
    """
    of_grants = grants.select("grant_id", "kind", "terminal_status", "price_paid", "exponent", face_amount="amount")
    moved = movements.join(of_grants, on="grant_id").with_columns(
        service_period="billing_period",
        source_table=pl.lit("grant_movements"),
        source_id=pl.col("grant_id"),
        amount=-pl.col("amount"),
        is_paid=pl.col("terminal_status") == "refunded",
    )
    charged = moved.filter(pl.col("movement").is_in(["charged", "returned"]))
    unused = moved.filter(pl.col("movement").is_in(["expired", "minimum_consumption", "recovered"]))
    refunded = refunds(moved.filter(movement="refunded"))
    entries = [
        post("grant applied", charged),
        post("free grant applied", charged.filter(~pl.col("is_paid"))),
        post("free grant ended unused", unused.filter(~pl.col("is_paid"))),
        post("paid grant expired", unused.filter(pl.col("is_paid"))),
        post("paid grant refunded", refunded.with_columns(amount="cash_amount")),
        post("refunded below face value", refunded.with_columns(amount=pl.col("amount") - pl.col("cash_amount"))),
    ]
    return summed(pl.concat(entries))


def rounding_entries(invoices: pl.DataFrame) -> pl.DataFrame:
    """What rounding the amounts due added to receivables; where it took off, the sides change.

    Reads    Invoices
    Makes    KEY and amount
    Source   I7, B1
    """
    rows = invoices.with_columns(
        service_period="billing_period",
        source_table=pl.lit("invoices"),
        source_id=pl.col("invoice_id"),
        amount=pl.col("rounding_amount"),
    )
    return post("rounding of an amount due", rows)


def refunds(rows: pl.DataFrame) -> pl.DataFrame:
    """What is given back of the price for the rest of a paid grant: in proportion to its face value, half away (K5).

    What a correction adds or takes back is of the same refund, so it is rounded on the sum of a grant and period.

    Reads    amount, face_amount, price_paid [Money], exponent
    Makes    a row per grant and period with amount and cash_amount [Money]; nothing where nothing was paid
    """
    others = [name for name in rows.columns if name not in ("grant_id", "service_period", "amount")]
    parts = rows.group_by("grant_id", "service_period", maintain_order=True).agg(
        pl.col(others).first(), pl.col("amount").sum()
    )
    parts = parts.with_columns(
        rest_mu=to_mu("amount"),
        price_mu=to_mu("price_paid").fill_null(0),
        face_mu=to_mu("face_amount"),
        mode=pl.lit("half_away"),
    )
    cash = rounded(parts, ["rest_mu", "price_mu"], ["face_mu"], "mode")["rounded_mu"]
    return parts.with_columns(cash_mu=cash).with_columns(cash_amount=to_money("cash_mu"))


def summed(entries: pl.DataFrame) -> pl.DataFrame:
    """Entries of one key as one; what cancels out is gone."""
    return entries.group_by(KEY).agg(pl.col("amount").sum()).filter(pl.col("amount") != 0).sort(KEY)


def transactions(entries: pl.DataFrame, made_before: pl.DataFrame) -> pl.DataFrame:
    """Number entries into transactions: one per account, period and kind, after those made before.

    Reads    entries      KEY and amount
             made_before  LedgerEntries already committed for these accounts and periods
    Makes    LedgerEntries
    Source   B1, B2, L2
    """
    group = ["transaction_kind", "billing_account_id", "service_period", "billing_currency"]
    earlier = made_before.group_by(group).agg(made=pl.col("transaction_id").n_unique())
    rows = entries.join(earlier, on=group, how="left").with_columns(place=pl.col("made").fill_null(0).cast(pl.String))
    rows = rows.with_columns(transaction_id=content_ids(rows, *group, "place")).sort("transaction_id", *KEY)
    return LedgerEntries.conform(
        rows.with_columns(entry_number=(pl.int_range(pl.len()).over("transaction_id") + 1).cast(pl.Int64))
    )
