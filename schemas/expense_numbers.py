"""The number a customer knows a charge by; given once and kept."""

from schemas import columns
from schemas.table import Table
from schemas.units import Count, Text


class ExpenseNumbers(Table):
    """One row per charge_id; numbers are unique per account."""

    charge_id: Text = columns.charge_id()
    billing_account_id: Text = columns.billing_account_id()
    expense_number: Count = columns.expense_number()

    class Config:
        unique = ("charge_id",)
