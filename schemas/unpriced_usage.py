"""Accepted usage that has no price and is not charged."""

from schemas import columns
from schemas.table import Table
from schemas.units import Count, Instant, Quantity, Text


class UnpricedUsage(Table):
    """One row per billing period, account, project, SKU, region and unit without a price."""

    billing_period: Text = columns.billing_period()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id()
    sku_id: Text = columns.sku_id()
    region_id: Text = columns.region_id()
    consumed_unit: Text = columns.consumed_unit()
    consumed_quantity: Quantity = columns.consumed_quantity()
    record_count: Count = columns.record_count()
    first_record_at: Instant = columns.first_record_at()

    class Config:
        unique = ("billing_period", "billing_account_id", "sub_account_id", "sku_id", "region_id", "consumed_unit")
