"""What a deployment gate reads: is the account near its credit limit or over it."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Instant, Money, Text


class AccountRestrictions(Table):
    """One row per account and change of state."""

    billing_account_id: Text = columns.billing_account_id()
    state: Text = columns.credit_state()
    changed_at: Instant = column("when the state changed", source="I5", example="2026-10-20T00:00:00Z")
    used_amount: Money = column("issued and unpaid, plus the month to date", source="I5", example="150.00")
    total_amount: Money = column("the credit limit; null is unlimited", source="I5", example="168.00", nullable=True)
    billing_currency: Text = columns.billing_currency()
    known_as_of: Instant = columns.known_as_of()

    class Config:
        unique = ("billing_account_id", "changed_at")
