"""What a billed period is made of in the lake: its state, its documents, and what puts accounts on hold there."""

import polars as pl

from flows import books
from rating.rejects import REASONS
from schemas.holds import Holds
from schemas.units import Money

STATE_TABLES = (
    "account_periods",
    "rating_lines",
    "charges",
    "allocations",
    "tax_shares",
    "grant_movements",
    "holds",
    "unpriced_usage",
    "cost_policy_measures",
)
"""What a period's state is made of; billed again, all of it is replaced."""
DOCUMENT_TABLES = ("invoices", "invoice_lines", "tax_breakdown")
"""What documents are made of; those that are issued are never replaced."""
SOLD = "sold"
"""The part, beside drafts and issued documents, that invoices of sold credit lie in: they are no period's (G2)."""


def made_by(table: str) -> dict[str, str]:
    """Which part of a state table billing makes."""
    return books.MADE_BY_BILLING if table == "grant_movements" else {}


def changed_accounts(was: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """The accounts of rows that are on one side only: billing_account_id; nested columns are not compared."""
    if was.equals(now):
        return was.select("billing_account_id").clear()
    keys = [column for column, dtype in was.schema.items() if not dtype.is_nested()]
    gone = was.join(now, on=keys, how="anti", nulls_equal=True)
    come = now.join(was, on=keys, how="anti", nulls_equal=True)
    return pl.concat([gone.select("billing_account_id"), come.select("billing_account_id")]).unique()


def on_hold(accounts: pl.DataFrame, reason_code: str) -> pl.DataFrame:
    """Holds of accounts for a reason that says all there is to say.

    Reads    billing_account_id, billing_period, billing_currency
    Makes    Holds
    """
    rows = accounts.with_columns(
        reason_code=pl.lit(reason_code),
        reason=pl.lit(REASONS[reason_code].sentence),
        other_charges_amount=pl.lit(0).cast(Money),
    )
    return Holds.conform(rows.sort("billing_account_id"))
