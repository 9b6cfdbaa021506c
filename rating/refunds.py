"""Refunds of credit that was sold with tax: the price in proportion and its tax go back by a credit note (K5, T4).

What a period refunds of a grant is desired state, like all it does to grants; the document is made when the period is
issued, and is what those of the sale lack by then. Where late usage took some of a refund back, it is an invoice.
"""

import polars as pl

from rating.corrections import Documents
from rating.invoices import CREDIT_NOTE, INVOICE
from rating.money import PRICE_ONE, rounded, scaled, to_money, to_mu
from rating.sql import content_ids
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.tax_breakdown import TaxBreakdown
from schemas.units import Count, Price, Quantity

SALE = ["billing_account_id", "sold_by"]
"""What the documents of a sale have in common."""
OF_PERIOD = ["billing_period", "period_start", "period_end", "cutoff_at", "exponent", "rounding_tax"]
NET = ("list_cost", "total_without_tax")
NOTHING = ("discount_amount", "cap_amount", "grant_amount", "credit_amount", "rounding_amount", "amount_due")
_GROUP = ["seller_jurisdiction", "code", "component", "rate", "exemption_reason"]
_UNNUMBERED = ["invoice_number", "accounting_year", "sequence", "issue_date", "due_date"]


def refund_notes(sold: Documents, refunds: pl.DataFrame) -> Documents:
    """What the documents of sales lack of what a period refunded: net of tax, and by T4 the tax of what is left sold.

    Reads    sold     every document of the sales, the invoice and what has corrected it
             refunds  SALE, OF_PERIOD of one period, refunded_amount [Money]: what it gives back of the price, 0 if
                      nothing any more; a row per sale
    Makes    drafts that name the sale's invoice: 381, or 380 where some is taken back; in the order of account, invoice
    Source   K5, T4, L4
    """
    documented = sold.invoices.drop_nulls("preceding_invoice_number").group_by(*SALE, "billing_period")
    counted = sold.invoices.group_by(SALE).agg(place=pl.len().cast(pl.String))
    rows = (
        refunds.join(counted, on=SALE)
        .join(documented.agg(documented=-pl.col("total_without_tax").sum()), on=[*SALE, "billing_period"], how="left")
        .with_columns(net_amount=pl.col("documented").fill_null(0) - pl.col("refunded_amount"))
        .filter(pl.col("net_amount") != 0)
        .with_columns(net_mu=to_mu("net_amount"), word=pl.lit("sale"))
        .select(*SALE, *OF_PERIOD, "net_amount", "net_mu", "place", "word")
    )
    rows = rows.with_columns(invoice_id=content_ids(rows, "billing_account_id", "word", "sold_by", "place"))
    groups = _tax(sold, rows)
    rows = rows.join(groups.group_by(SALE).agg(tax_mu=pl.col("tax_mu").sum()), on=SALE).with_columns(
        tax_amount=to_money("tax_mu")
    )
    roots = sold.invoices.filter(pl.col("preceding_invoice_number").is_null())
    documents = _documents(rows, roots)
    lines = _lines(rows, sold.invoice_lines.join(roots, on="invoice_id", how="semi"), roots)
    return Documents(documents, lines, TaxBreakdown.conform(groups.sort(*SALE, "code", "rate", "component")))


def _tax(sold: Documents, rows: pl.DataFrame) -> pl.DataFrame:
    """Per component: the tax of what is left sold, less the tax documented so far (T4)."""
    of_sale = sold.invoices.select("invoice_id", *SALE)
    so_far = (
        sold.tax_breakdown.drop("billing_account_id", "billing_period")
        .join(of_sale, on="invoice_id")
        .group_by(*SALE, *_GROUP, "billing_currency", maintain_order=True)
        .agg(pl.col("taxable_amount", "tax_amount").sum())
    )
    groups = so_far.join(rows, on=SALE).with_columns(
        left_mu=to_mu("taxable_amount") + pl.col("net_mu"),
        rate_scaled=scaled("rate"),
        one=pl.lit(PRICE_ONE, dtype=pl.Int64),
    )
    desired = rounded(groups, ["left_mu", "rate_scaled"], ["one"], "rounding_tax")["rounded_mu"]
    groups = groups.with_columns(tax_mu=desired - to_mu("tax_amount"), taxable_amount="net_amount")
    return groups.with_columns(tax_amount=to_money("tax_mu"))


def _documents(rows: pl.DataFrame, roots: pl.DataFrame) -> pl.DataFrame:
    """The documents, with the parties of the sale's invoice; what they come to was paid back with the refund."""
    words = roots.drop("invoice_id", *OF_PERIOD, *_UNNUMBERED, strict=False).with_columns(
        preceding_invoice_number=roots["invoice_number"]
    )
    total = pl.col("net_amount") + pl.col("tax_amount")
    made = words.join(rows.drop("rounding_tax"), on=SALE).with_columns(
        **dict.fromkeys(NET, "net_amount"),
        **{name: pl.lit(0).cast(Invoices.columns()[name]) for name in NOTHING},
        total_tax="tax_amount",
        total_with_tax=total,
        paid_amount=total,
        document_type=pl.when(pl.col("net_mu") < 0).then(pl.lit(CREDIT_NOTE)).otherwise(pl.lit(INVOICE)),
        document_state=pl.lit("draft"),
    )
    return Invoices.conform(made.sort("billing_account_id", "preceding_invoice_number"))


def _lines(rows: pl.DataFrame, sold: pl.DataFrame, roots: pl.DataFrame) -> pl.DataFrame:
    """The line of the sale, by what is given back of it: once at that price, a minus on the quantity."""
    words = sold.join(roots.select("invoice_id", "sold_by"), on="invoice_id")
    made = rows.join(words.drop("invoice_id", "billing_period", "tax_amount"), on=SALE)
    sign = pl.when(pl.col("net_mu") < 0).then(-1).otherwise(1)
    return InvoiceLines.conform(
        made.with_columns(
            **dict.fromkeys(("list_cost", "line_amount"), "net_amount"),
            line_number=pl.lit(1, dtype=Count),
            charge_period_start="period_start",
            charge_period_end="period_end",
            quantity=sign.cast(Quantity),
            unit_price=pl.col("net_amount").abs().cast(Price),
        ).sort("billing_account_id", "sold_by")
    )
