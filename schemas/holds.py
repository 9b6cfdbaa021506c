"""Accounts that are not billed for now, and why."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Money, Text


class Holds(Table):
    """One row per billing period, account and reason."""

    billing_period: Text = columns.billing_period()
    billing_account_id: Text = columns.billing_account_id()
    reason_code: Text = columns.reason_code(example="R_NO_PRICE")
    reason: Text = columns.reason(
        example="sku_id 'vm-small' has no price in EUR on 2026-10-03; add a row to sku_prices.csv"
    )
    other_charges_amount: Money = column(
        "list cost of the account's charges that could be rated", source="P4", example="20"
    )
    billing_currency: Text = columns.billing_currency()

    class Config:
        unique = ("billing_period", "billing_account_id", "reason_code", "reason")
