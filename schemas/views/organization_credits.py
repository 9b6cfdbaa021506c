"""Credit that staff gave to organizations."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Instant, Money, Text, TextList


class OrganizationCredits(Table):
    """One row per grant of kind organization."""

    billing_account_id: Text = columns.billing_account_id()
    grant_id: Text = columns.grant_id()
    name: Text = columns.grant_name()
    include: TextList = columns.include(description="the services it is for; empty is everything")
    granted_amount: Money = column("the most it can pay", source="S2.6", example="1000")
    used_amount: Money = columns.used_amount()
    allocated_amount: Money = column("given on to projects", source="W3, S2.11", example="200")
    minimum_consumption_amount: Money = column("taken by the monthly floor beyond use", source="W2", example="0")
    balance: Money = column("what is left", source="K1", example="700")
    logic: Text = column("what a month takes at least", source="W1", example="none", isin=["none", "fixed", "linear"])
    monthly_value: Money = column("least that a month takes", source="S2.8", example="10", nullable=True)
    floor_amount: Money = column("what the current month takes at least", source="W1", example="10")
    window_start: Instant = columns.window_start()
    window_end: Instant = columns.window_end()
    status: Text = columns.grant_status()
    billing_currency: Text = columns.billing_currency()

    class Config:
        unique = ("grant_id",)
