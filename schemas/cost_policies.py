"""What happens when cost or use reaches a limit."""

from schemas import columns
from schemas.table import Table
from schemas.units import Boundary, Quantity, Text


class CostPolicies(Table):
    """One row per cost_policy_id and validity."""

    cost_policy_id: Text = columns.cost_policy_id()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.watched_project()
    measure: Text = columns.measure()
    sku_id: Text = columns.watched_sku()
    limit: Quantity = columns.limit(gt=0)
    cost_position: Text = columns.cost_position()
    period: Text = columns.watched_period()
    action: Text = columns.action()
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("cost_policy_id", "valid_from")
