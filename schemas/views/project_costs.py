"""What projects cost, and who pays it."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Money, Text


class ProjectCosts(Table):
    """One row per account, billing period and project; list cost is the sum of all that takes off and what is left."""

    billing_account_id: Text = columns.billing_account_id()
    billing_period: Text = columns.billing_period()
    sub_account_id: Text = columns.sub_account_id(description="the project; null is all that belongs to none")
    list_cost: Money = columns.list_cost()
    discount_amount: Money = columns.discount_amount(description="what discounts and a maximum spend take off")
    project_credit_amount: Money = column("paid by the project's own credit", source="W4, S2.15", example="100")
    organization_credit_amount: Money = column("paid by its organization's credit", source="W4, S2.13", example="30")
    other_credit_amount: Money = column("paid by other credit before tax", source="G6", example="0")
    invoiced_amount: Money = column("left for the invoice, without tax", source="W4, S2.14", example="60")
    billing_currency: Text = columns.billing_currency()

    class Config:
        unique = ("billing_account_id", "billing_period", "sub_account_id", "billing_currency")
