"""The accounts of a billing period, with what holds for each at the end of it."""

from schemas import columns
from schemas.table import Table
from schemas.units import Count, Instant, Text


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

    class Config:
        unique = ("billing_account_id", "billing_period")
