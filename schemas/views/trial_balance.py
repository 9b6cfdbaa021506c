"""The ledger, added up per account of the chart."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Money, Text


class TrialBalance(Table):
    """One row per ledger account and currency; balances add up to zero per currency."""

    ledger_account: Text = columns.ledger_account()
    billing_currency: Text = columns.billing_currency()
    debit: Money = column("sum of debits", source="B1", example="24", ge=0)
    credit: Money = column("sum of credits, as a positive amount", source="B1", example="0", ge=0)
    balance: Money = column("debit less credit", source="B1", example="24")

    class Config:
        unique = ("ledger_account", "billing_currency")
