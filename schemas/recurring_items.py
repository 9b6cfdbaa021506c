"""What is billed each period without usage: subscriptions, reserved addresses."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Quantity, Text


class RecurringItems(Table):
    """One row per recurring_item_id and validity."""

    recurring_item_id: Text = column("the item", source="P9", example="support-acme")
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id()
    resource_id: Text = columns.resource_id()
    sku_id: Text = columns.sku_id()
    region_id: Text = columns.region_id()
    quantity: Quantity = column(
        "how many per full period", unit="pricing_unit of the SKU", source="P9", example="1", gt=0
    )
    proration: Text = column(
        "how a part of a period counts; null is by policy",
        source="P9",
        example="day",
        nullable=True,
        isin=["none", "day", "second"],
    )
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("recurring_item_id", "valid_from")
