"""How far each cost policy is from its limit."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Instant, Quantity, Text


class CostPolicyStates(Table):
    """One row per cost policy and account: the policy as it is now, and what was measured last."""

    cost_policy_id: Text = columns.cost_policy_id()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.watched_project()
    measure: Text = columns.measure()
    sku_id: Text = columns.watched_sku()
    cost_position: Text = columns.cost_position(default=None)
    period: Text = columns.watched_period()
    action: Text = columns.action()
    billing_period: Text = columns.billing_period(description="the period that was measured last", nullable=True)
    measured: Quantity = columns.measured(nullable=True)
    limit: Quantity = columns.limit()
    unit: Text = columns.unit_of_limit(nullable=True)
    reached_percent: Count = column(
        "measured in percent of the limit, cut to a whole number",
        unit="percent",
        source="W5",
        example="102",
        nullable=True,
    )
    last_event_period: Text = columns.billing_period(description="the period of its last event", nullable=True)
    last_event_at: Instant = columns.known_as_of(description="when its last event was known", nullable=True)
    known_as_of: Instant = columns.known_as_of(description="up to when it was measured", nullable=True)

    class Config:
        unique = ("cost_policy_id", "billing_account_id")
