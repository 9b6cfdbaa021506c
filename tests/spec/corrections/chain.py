"""Chains for examples: a month is billed, its document gets a number, and the month is billed as it is today."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rating.account_periods import account_periods
from rating.corrections import Documents, corrections
from rating.outputs import Outputs
from schemas.billing_policies import BillingPolicies
from schemas.usage_records import UsageRecords
from tests.spec.period import USUAL, bill
from tests.tables import table

ID = ["billing_account_id", "billing_period"]


def documents(billed: Outputs) -> Documents:
    """The documents of a billed month."""
    return Documents(billed.invoices, billed.invoice_lines, billed.tax_breakdown)


def october(usage: str, **tables: pl.DataFrame) -> Documents:
    """The document of October with this usage: sku_id | consumed_quantity, an hour at 1.00."""
    records = table(UsageRecords, "sku_id | consumed_quantity\n" + usage)
    return documents(bill(usage_records=records, **tables))


def issued(drafts: Documents, number: str, issue_date: str = "2026-11-03") -> Documents:
    """The documents with a number and a date."""
    return Documents(
        drafts.invoices.with_columns(
            document_state=pl.lit("issued"),
            invoice_number=pl.lit(number),
            issue_date=pl.lit(issue_date).str.to_date(),
        ),
        drafts.invoice_lines,
        drafts.tax_breakdown,
    )


def accounts(billing_policies: pl.DataFrame | None = None) -> pl.DataFrame:
    """The accounts of October as a run of today knows them."""
    return account_periods(
        USUAL["billing_accounts"],
        USUAL["sellers"],
        USUAL["currencies"],
        BillingPolicies.empty() if billing_policies is None else billing_policies,
        billing_period="2026-10",
        known_as_of=datetime.fromisoformat("2026-12-01T00:00:00Z"),
    )


def corrected(today: Documents, *chain: Documents, billing_policies: pl.DataFrame | None = None) -> Documents:
    """What corrects the chain."""
    return corrections(today, Documents.together(*chain), accounts(billing_policies))
