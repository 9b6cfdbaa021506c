"""What happens when cost or use reaches a limit."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Quantity, Text


class CostPolicies(Table):
    """One row per cost_policy_id and validity."""

    cost_policy_id: Text = columns.cost_policy_id()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id(description="the only project it watches; null is the whole account")
    measure: Text = column("what is measured", source="W5", example="cost", isin=["cost", "quantity"])
    sku_id: Text = columns.sku_id(description="SKU whose quantity is measured", nullable=True)
    limit: Quantity = columns.limit()
    cost_position: Text = column(
        "whether grants lower the measured cost",
        source="W5",
        example="before_grants",
        default="before_grants",
        isin=["before_grants", "after_grants"],
    )
    period: Text = column("over what it is measured", source="W5", example="month", isin=["month", "total"])
    action: Text = columns.action()
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("cost_policy_id", "valid_from")
