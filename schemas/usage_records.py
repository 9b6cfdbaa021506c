"""Usage as it landed, wide: what analysts read."""

from schemas import columns
from schemas.table import Table
from schemas.units import Count, Instant, Quantity, Tags, Text


class UsageRecords(Table):
    """One row per accepted usage_record_id."""

    usage_record_id: Text = columns.usage_record_id()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id()
    resource_id: Text = columns.resource_id()
    sku_id: Text = columns.sku_id()
    region_id: Text = columns.region_id()
    charge_period_start: Instant = columns.charge_period_start()
    charge_period_end: Instant = columns.charge_period_end()
    consumed_quantity: Quantity = columns.consumed_quantity()
    consumed_unit: Text = columns.consumed_unit()
    revision: Count = columns.revision()
    tags: Tags = columns.resource_tags()

    class Config:
        unique = ("usage_record_id",)
