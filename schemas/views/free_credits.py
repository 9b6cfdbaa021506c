"""The page of free credits."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Money, Text, TextList


class FreeCredits(Table):
    """One row per grant of a free kind that is still to be seen."""

    billing_account_id: Text = columns.billing_account_id()
    grant_id: Text = columns.grant_id()
    name: Text = columns.grant_name(source="S3.14")
    usage_period: Text = column(
        "first and last day whose use it pays", source="S3.15", example="2026-10-01 – 2026-12-31"
    )
    accumulated_amount: Money = column("granted and received", source="S3.14", example="40")
    used_amount: Money = column(
        "accumulated less remaining, so that expired, sent and recovered parts are in it", source="S3.16", example="5"
    )
    remaining_amount: Money = column("what is left", source="S3.17", example="35")
    services: TextList = column(
        "the services it is for, and any other term of its list with its dimension; empty is everything",
        source="S3.14, S3.18",
        example='["Cloud"]',
    )
    include: TextList = columns.include(description="the services it is for; empty is everything")
    status: Text = columns.grant_status()
    billing_currency: Text = columns.billing_currency()

    class Config:
        unique = ("grant_id",)
