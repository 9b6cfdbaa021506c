"""Each time a cost policy's limit was reached."""

from schemas import columns
from schemas.table import Table
from schemas.units import Instant, Quantity, Text


class CostPolicyEvents(Table):
    """One row per cost policy, account, project and billing period; written once and kept."""

    cost_policy_id: Text = columns.cost_policy_id()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.watched_project()
    billing_period: Text = columns.billing_period()
    action: Text = columns.action()
    measured: Quantity = columns.measured()
    limit: Quantity = columns.limit()
    known_as_of: Instant = columns.known_as_of()

    class Config:
        unique = ("cost_policy_id", "billing_account_id", "sub_account_id", "billing_period")
