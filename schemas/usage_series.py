"""What repeats in usage hour after hour, once."""

from schemas import columns
from schemas.table import Table
from schemas.units import Hash64, Text


class UsageSeries(Table):
    """One row per series_id: a combination of account, project, resource, SKU, region and unit."""

    series_id: Hash64 = columns.series_id()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id()
    resource_id: Text = columns.resource_id()
    sku_id: Text = columns.sku_id()
    region_id: Text = columns.region_id()
    consumed_unit: Text = columns.consumed_unit()

    class Config:
        unique = ("series_id",)
