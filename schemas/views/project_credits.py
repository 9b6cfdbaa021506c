"""Credit that organizations gave on to projects."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Flag, Money, Text


class ProjectCredits(Table):
    """One row per grant that is bound to a project."""

    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id(description="the project", nullable=False)
    grant_id: Text = columns.grant_id()
    organization_grant_id: Text = column(
        "the grant it was allocated from", source="W3", example="grant-1", nullable=True
    )
    allocated_amount: Money = column("the most it can pay", source="S2.12", example="200")
    used_amount: Money = columns.used_amount()
    balance: Money = column("what is left", source="K1", example="150")
    use_organization_credit: Flag = columns.use_organization_credit()
    status: Text = columns.grant_status()
    billing_currency: Text = columns.billing_currency()

    class Config:
        unique = ("grant_id",)
