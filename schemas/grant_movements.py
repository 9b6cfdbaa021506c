"""Everything that raised or lowered the balance of a grant."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Instant, Money, Text

MOVEMENTS = [
    "credited",
    "charged",
    "returned",
    "expired",
    "transfer_accumulation",
    "transfer_deduction",
    "allocated",
    "minimum_consumption",
    "recovered",
    "refunded",
]
"""What can raise or lower a grant (B3)."""


class GrantMovements(Table):
    """One row per movement_id; a grant's balance is the sum of its movements."""

    movement_id: Text = column("hash of the grant, the movement and what caused it", source="L2", example="movement-1")
    grant_id: Text = columns.grant_id()
    billing_account_id: Text = columns.billing_account_id()
    billing_period: Text = columns.billing_period()
    movement: Text = column("what happened", source="B3", example="charged", isin=MOVEMENTS)
    amount: Money = column("signed: above zero raises the balance", source="K1", example="-5")
    billing_currency: Text = columns.billing_currency()
    occurred_at: Instant = columns.occurred_at()
    charge_id: Text = columns.charge_id(description="the charge that was paid", nullable=True)
    expense_number: Count = columns.expense_number(nullable=True)
    operation_id: Text = columns.operation_id(description="the operation that caused it", nullable=True)
    counter_grant_id: Text = column(
        "the other grant of a transfer or an allocation", source="K4, W3", example="grant-2", nullable=True
    )

    class Config:
        unique = ("movement_id",)
