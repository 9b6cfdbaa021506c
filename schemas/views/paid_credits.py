"""The page of paid credits."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Day, Money, Text


class PaidCredits(Table):
    """One row per grant of a paid kind that is still to be seen."""

    billing_account_id: Text = columns.billing_account_id()
    grant_id: Text = columns.grant_id()
    name: Text = columns.grant_name(source="S3.26")
    purchase_date: Day = column("day it was bought, in the account's zone", source="S3.26", example="2026-10-01")
    purchase_amount: Money = column("face value", source="S3.26", example="100")
    used_amount: Money = column("purchase less remaining", source="S3.28", example="5")
    remaining_amount: Money = column("what is left", source="S3.28", example="95")
    usage_period: Text = column(
        "first and last day whose use it pays", source="S3.27", example="2026-10-01 – 2031-10-01"
    )
    status: Text = columns.grant_status()
    billing_currency: Text = columns.billing_currency()

    class Config:
        unique = ("grant_id",)
