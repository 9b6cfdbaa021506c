"""What is priced as one: the quantity of an account, project, SKU, region and price row, and its cost; or a one-off."""

from schemas import columns
from schemas.table import Table
from schemas.units import Count, Money, Price, Quantity, Text


class RatingLines(Table):
    """One row per rating_line_id and billing period; cost is rounded here and nowhere finer."""

    rating_line_id: Text = columns.rating_line_id()
    billing_period: Text = columns.billing_period()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id()
    resource_id: Text = columns.resource_id(description="what was used, if policy line_grain asks for it")
    sku_id: Text = columns.sku_id(nullable=True)
    region_id: Text = columns.region_id()
    sku_price_id: Text = columns.sku_price_id(nullable=True)
    charge_category: Text = columns.charge_category()
    price_model: Text = columns.price_model(nullable=True)
    pricing_quantity: Quantity = columns.pricing_quantity()
    pricing_unit: Text = columns.pricing_unit()
    list_unit_price: Price = columns.list_unit_price()
    list_cost: Money = columns.list_cost()
    billing_currency: Text = columns.billing_currency()
    record_count: Count = columns.record_count()

    class Config:
        unique = ("rating_line_id", "billing_period")
