"""Invoices: one document per account and period, its lines the charges in their order (I1, I3)."""

import polars as pl

from rating.money import to_money
from rating.payable import payable
from rating.sql import content_ids
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices

INVOICE, CREDIT_NOTE = "380", "381"
"""UNTDID 1001 document type codes (BT-3)."""


def invoice_ids(accounts: pl.DataFrame) -> pl.DataFrame:
    """The id of each account's document of the period: the content of its key."""
    return accounts.select(
        "billing_account_id", pl.Series("invoice_id", content_ids(accounts, "billing_account_id", "billing_period"))
    )


def invoice_lines(charges: pl.DataFrame) -> pl.DataFrame:
    """One line per charge, in charge_order.

    Reads    charges with every amount in mu: list_cost_mu, discount_mu, cap_mu, grant_mu, taxable_mu, tax_mu, credit_mu
    Makes    InvoiceLines
    Source   I3, EN 16931 BG-25
    """
    names = {
        "list_cost_mu": "list_cost",
        "discount_mu": "discount_amount",
        "cap_mu": "cap_amount",
        "grant_mu": "grant_amount",
        "taxable_mu": "line_amount",
        "tax_mu": "tax_amount",
        "credit_mu": "credit_amount",
    }
    rows = charges.drop("list_cost", strict=False).with_columns(to_money(mu).alias(name) for mu, name in names.items())
    rows = rows.with_columns(
        line_number=pl.col("charge_order"),
        description=pl.col("charge_description"),
        quantity=pl.col("pricing_quantity"),
        unit=pl.col("pricing_unit"),
        unit_price=pl.col("list_unit_price"),
    )
    return InvoiceLines.conform(rows.sort("billing_account_id", "line_number"))


def invoices(charges: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The document of each account that has charges, not yet numbered.

    BT-106 is the sum of the lines, which already carry discounts and before-tax grants, so BT-109 equals it; credits
    and, at issue, the account balance are what is already paid (BT-113).

    Reads    charges with every amount in mu; account periods
    Makes    Invoices, document_state `draft`, or `month_to_date` where the period is not over
    Source   I1, I3, I7
    """
    sums = charges.group_by("billing_account_id", maintain_order=True).agg(
        pl.col("invoice_id").first(),
        pl.col("list_cost_mu", "discount_mu", "cap_mu", "grant_mu", "taxable_mu", "tax_mu", "credit_mu").sum(),
    )
    rows = sums.join(accounts, on="billing_account_id", maintain_order="left").with_columns(
        total_mu=pl.col("taxable_mu") + pl.col("tax_mu"),
        exact_mu=pl.col("taxable_mu") + pl.col("tax_mu") - pl.col("credit_mu"),
    )
    rows = rows.with_columns(payable(rows, "exact_mu").alias("due_mu"))
    rows = rows.with_columns(rounding_mu=pl.col("due_mu") - pl.col("exact_mu"))
    names = {
        "list_cost": "list_cost_mu",
        "discount_amount": "discount_mu",
        "cap_amount": "cap_mu",
        "grant_amount": "grant_mu",
        "total_without_tax": "taxable_mu",
        "total_tax": "tax_mu",
        "total_with_tax": "total_mu",
        "credit_amount": "credit_mu",
        "paid_amount": "credit_mu",
        "rounding_amount": "rounding_mu",
        "amount_due": "due_mu",
    }
    rows = rows.with_columns(to_money(mu).alias(name) for name, mu in names.items())
    rows = rows.with_columns(
        document_type=pl.when(pl.col("total_mu") < 0).then(pl.lit(CREDIT_NOTE)).otherwise(pl.lit(INVOICE)),
        document_state=pl.when("is_closing").then(pl.lit("draft")).otherwise(pl.lit("month_to_date")),
        is_void=pl.lit(value=False),
        cutoff_at=pl.col("cutoff"),
        buyer_legal_name=pl.col("legal_name"),
        buyer_address=pl.col("address"),
    )
    return Invoices.conform(rows.sort("billing_account_id"))
