"""What restricts each account and project now."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Instant, Quantity, Text


class CurrentRestrictions(Table):
    """One row per account, project, cause and cost policy: the last change of state, whatever it is."""

    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id(description="the only project it is for; null is the whole account")
    cause: Text = columns.restriction_cause()
    state: Text = columns.credit_state()
    cost_policy_id: Text = columns.cost_policy_id(description="the cost policy that caused it", nullable=True)
    measured: Quantity = column(
        "what was used of the credit limit when its state changed, or what the cost policy measured last",
        unit="billing_currency, or pricing_unit",
        source="I5, W5",
        example="1020",
        nullable=True,
    )
    limit: Quantity = columns.limit(nullable=True)
    unit: Text = columns.unit_of_limit()
    changed_at: Instant = columns.changed_at()

    class Config:
        unique = ("billing_account_id", "sub_account_id", "cause", "cost_policy_id")
