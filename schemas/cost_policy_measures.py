"""What each cost policy measured in a billing period, month to date or whole."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Flag, Instant, Quantity, Text


class CostPolicyMeasures(Table):
    """One row per cost policy, account and billing period; the policy as it was at the end of the period."""

    cost_policy_id: Text = columns.cost_policy_id()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.watched_project()
    billing_period: Text = columns.billing_period()
    measure: Text = columns.measure()
    sku_id: Text = columns.watched_sku()
    cost_position: Text = columns.cost_position(default=None)
    period: Text = columns.watched_period()
    action: Text = columns.action()
    limit: Quantity = columns.limit()
    earlier_measured: Quantity = column(
        "what earlier periods came to; 0 where each is measured by itself",
        unit="billing_currency, or pricing_unit",
        source="W5",
        example="0",
    )
    measured: Quantity = columns.measured()
    is_crossing: Flag = column("whether the limit was reached in this period", source="W5", example="true")
    known_as_of: Instant = columns.known_as_of()

    class Config:
        unique = ("cost_policy_id", "billing_account_id", "billing_period")
