"""The tiers of a price; each begins where the one before ends, the last is open."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Money, Price, Quantity, Text


class PriceTiers(Table):
    """One row per sku_price_id and tier."""

    sku_price_id: Text = columns.sku_price_id()
    up_to: Quantity = column(
        "upper end, included; null is the open last tier",
        unit="pricing_unit",
        source="P3",
        example="100",
        nullable=True,
        gt=0,
    )
    unit_price: Price = column(
        "price of one unit in this tier", unit="billing_currency per pricing_unit", source="P3", example="2"
    )
    flat_fee: Money = column(
        "due once the tier is entered", unit="billing_currency of the price", source="P3", example="0", default="0"
    )

    class Config:
        unique = ("sku_price_id", "up_to")
