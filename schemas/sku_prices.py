"""Price rows: the price book and the contracts of single accounts."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Money, Price, Quantity, Text


class SkuPrices(Table):
    """One row per sku_price_id and validity; a contract goes before the price book, a region before none (P4)."""

    sku_price_id: Text = columns.sku_price_id()
    sku_id: Text = columns.sku_id()
    region_id: Text = columns.region_id(description="the only region it holds for; null is all")
    billing_account_id: Text = columns.billing_account_id(
        description="whose contract it is; null is the price book", nullable=True
    )
    billing_currency: Text = columns.billing_currency()
    price_model: Text = columns.price_model(description="how quantity becomes cost: a model of rating/price_models")
    list_unit_price: Price = columns.list_unit_price(unit="billing_currency per per_quantity pricing units")
    per_quantity: Quantity = column(
        "how many units the unit price is for", unit="pricing_unit", source="P3", example="1", default="1", gt=0
    )
    package_size: Quantity = column(
        "units of one block of a package price", unit="pricing_unit", source="P3", example="100", nullable=True, gt=0
    )
    fixed_fee: Money = column("added to each record of a percentage price", source="P3", example="0.30", nullable=True)
    minimum: Money = column(
        "least that one record of a percentage price costs", source="P3", example="0.50", nullable=True
    )
    maximum: Money = column(
        "most that one record of a percentage price costs", source="P3", example="10.00", nullable=True
    )
    tier_scope: Text = column(
        "over what tiers, blocks and free quantity count",
        source="P6",
        example="account",
        default="account",
        isin=["account", "sub_account", "resource"],
    )
    free_quantity: Quantity = column(
        "free in each period, before anything is priced",
        unit="pricing_unit",
        source="P3",
        example="0",
        default="0",
        ge=0,
    )
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("sku_price_id", "valid_from")
