"""The accounts of a billing period, with what holds for each at the end of it."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Day, Instant, Money, Text


class AccountPeriods(Table):
    """One row per account and billing period."""

    billing_account_id: Text = columns.billing_account_id()
    billing_period: Text = columns.billing_period()
    period_start: Instant = columns.period_start()
    period_end: Instant = columns.period_end()
    seller_id: Text = columns.seller_id()
    billing_currency: Text = columns.billing_currency()
    exponent: Count = columns.exponent()
    time_zone: Text = columns.time_zone()
    seller_jurisdiction: Text = columns.seller_jurisdiction()
    jurisdiction: Text = columns.jurisdiction()
    region: Text = columns.tax_region()
    tax_status: Text = columns.tax_status()
    known_as_of: Instant = columns.known_as_of()
    tax_date: Day = column(
        "the day whose tax rates count, where policy tax_point is issue and the day is known: that of its invoice, or "
        "one that the draft was made for; without it tax is provisional, by the last instant of the period",
        source="T1",
        example="2026-11-03",
        nullable=True,
    )
    settled_amount: Money = column(
        "what was due when a bill or a backfill found the issued month paid; it stays as it is while that much is paid",
        source="X2",
        example="114",
        nullable=True,
    )

    class Config:
        unique = ("billing_account_id", "billing_period")
