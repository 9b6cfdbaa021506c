"""The bonus page: each time bonus credit came or went."""

from schemas import columns
from schemas.grant_movements import MOVEMENTS
from schemas.table import Table, column
from schemas.units import Count, Day, Money, Text


class BonusCredits(Table):
    """One row per movement of a before-tax grant that was not bought."""

    billing_account_id: Text = columns.billing_account_id()
    date: Day = column(
        "day credited or charged, in the account's zone, never before the grant came",
        source="S1.7",
        example="2026-10-01",
    )
    sum: Money = column("signed: above zero was credited", source="S1.8", example="-5")
    expiration: Text = column("first and last day of the grant", source="S1.9", example="2026-10-01 – 2026-12-31")
    description: Text = column("what happened", source="S1.10", example="Charged for expense ID 17")
    movement: Text = column("the status in the description", source="S1.10, B3", example="charged", isin=MOVEMENTS)
    expense_number: Count = columns.expense_number(nullable=True)
    billing_period: Text = columns.billing_period()
    name: Text = columns.grant_name()
    grant_id: Text = columns.grant_id()
    billing_currency: Text = columns.billing_currency()
