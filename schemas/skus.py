"""What is sold, how it is metered, and how it is grouped for grants, discounts and tax."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Flag, Quantity, Text, TextList


class Skus(Table):
    """One row per sku_id and validity."""

    sku_id: Text = columns.sku_id()
    description: Text = column("item name on the invoice line", source="BT-153", example="Small virtual machine")
    service: Text = columns.service()
    service_category: Text = columns.service_category()
    feature: Text = columns.feature()
    pricing_unit: Text = columns.pricing_unit()
    meter: Text = column(
        "how records become a quantity",
        source="P1",
        example="sum",
        default="sum",
        isin=["sum", "count", "time_weighted", "max", "last", "unique"],
    )
    quantity_rounding: Text = column(
        "how the quantity is rounded to the increment; null is not at all",
        source="P2",
        example="up",
        nullable=True,
        isin=["up", "nearest", "down"],
    )
    quantity_increment: Quantity = column(
        "what the quantity is rounded to a multiple of",
        unit="pricing_unit",
        source="P2",
        example="1",
        nullable=True,
        gt=0,
    )
    quantity_rounding_scope: Text = column(
        "whether each record or the period's total is rounded",
        source="P2",
        example="period",
        nullable=True,
        isin=["record", "period"],
    )
    tax_category: Text = columns.tax_category()
    classification_code: Text = column(
        "item classification on the invoice line", source="BT-158", example="81112106", nullable=True
    )
    allows_corrections: Flag = column(
        "whether a negative quantity is a correction rather than a reject",
        source="U5",
        example="false",
        default="false",
    )
    tags: TextList = column(
        "marks that grants include or exclude by", source="G1", example='["os_image"]', default="[]"
    )
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("sku_id", "valid_from")
