"""What is taken off before grants and tax."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Count, Price, Text


class Discounts(Table):
    """One row per discount_id and validity."""

    discount_id: Text = columns.discount_id()
    kind: Text = column(
        "a percentage, or an amount per billing period", source="D2", example="percent", isin=["percent", "fixed"]
    )
    value: Price = column(
        "percent 0 to 100, or the amount", unit="percent, or billing_currency", source="D2, S1.22", example="10", ge=0
    )
    billing_currency: Text = columns.billing_currency(description="currency of a fixed discount", nullable=True)
    billing_account_id: Text = columns.billing_account_id(
        description="the only account it is for; null is all", nullable=True
    )
    sub_account_id: Text = columns.sub_account_id(description="the only project it is for; null is all")
    service: Text = columns.service(description="the only service it is for; null is all", nullable=True)
    feature: Text = columns.feature(description="the only feature it is for; null is all")
    sku_id: Text = columns.sku_id(description="the only SKU it is for; null is all", nullable=True)
    promo_code: Text = columns.promo_code(description="the code it comes from, if any")
    priority: Count = column("lower goes first", source="D3", example="100", default="100")
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("discount_id", "valid_from")
