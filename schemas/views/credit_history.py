"""The history behind each free or paid credit."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Day, Money, Text


class CreditHistory(Table):
    """One row per movement of a grant."""

    billing_account_id: Text = columns.billing_account_id()
    grant_id: Text = columns.grant_id()
    name: Text = columns.grant_name()
    date: Day = column("day it happened, in the account's zone", source="S3.19", example="2026-10-01")
    type: Text = column(
        "what happened, in the customer's words", source="B3, S3.19, S3.22", example="Transfer Accumulation"
    )
    amount: Money = column("signed: above zero raises the balance", source="K1", example="-5")
    target_account_id: Text = column(
        "the other account of a transfer", source="S3.22", example="acme-labs", nullable=True
    )
    service: Text = columns.service(description="the service of the charge that it paid", nullable=True)
    expense_number: Count = columns.expense_number(nullable=True)
    billing_period: Text = columns.billing_period()
    billing_currency: Text = columns.billing_currency()
