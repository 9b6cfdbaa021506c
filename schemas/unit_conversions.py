"""Exact factors between units; one that is not here is a reject, never a guess."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Count, Text


class UnitConversions(Table):
    """One row per pair of units, SKU and validity: quantity × numerator ÷ denominator."""

    from_unit: Text = column("unit of the usage", source="P2", example="minute")
    to_unit: Text = column("unit of the price", source="P2", example="hour")
    sku_id: Text = columns.sku_id(description="the only SKU it holds for; null is all", nullable=True)
    numerator: Count = column("multiplies", source="M3", example="1", gt=0)
    denominator: Count = column("divides", source="M3", example="60", gt=0)
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("from_unit", "to_unit", "sku_id", "valid_from")
