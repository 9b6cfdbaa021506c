"""Rated line items: what discounts, grants and tax work on."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Instant, Money, Price, Quantity, Text, TextList


class Charges(Table):
    """One row per charge_id: a rating line, or the part of one between two cuts."""

    charge_id: Text = columns.charge_id()
    rating_line_id: Text = columns.rating_line_id()
    billing_period: Text = columns.billing_period()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id()
    resource_id: Text = columns.resource_id()
    sku_id: Text = columns.sku_id(nullable=True)
    region_id: Text = columns.region_id()
    sku_price_id: Text = columns.sku_price_id(nullable=True)
    service: Text = columns.service()
    service_category: Text = columns.service_category()
    feature: Text = columns.feature()
    tax_category: Text = columns.tax_category()
    sku_tags: TextList = column(
        "marks of the SKU that grants include or exclude by", source="G1", example='["os_image"]', default="[]"
    )
    charge_category: Text = columns.charge_category()
    charge_description: Text = column(
        "what the invoice line says", source="FOCUS ChargeDescription; BT-153", example="Small virtual machine"
    )
    charge_period_start: Instant = columns.charge_period_start()
    charge_period_end: Instant = columns.charge_period_end(example="2026-11-01T00:00:00Z")
    pricing_quantity: Quantity = columns.pricing_quantity()
    pricing_unit: Text = columns.pricing_unit()
    list_unit_price: Price = columns.list_unit_price()
    list_cost: Money = columns.list_cost()
    billing_currency: Text = columns.billing_currency()
    charge_order: Count = column("place within the account, oldest first", source="G5", example="1", ge=1)

    class Config:
        unique = ("charge_id",)
