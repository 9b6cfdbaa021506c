"""How many decimals each currency has."""

from schemas import columns
from schemas.table import Table
from schemas.units import Boundary, Count, Text


class Currencies(Table):
    """One row per billing_currency and validity."""

    billing_currency: Text = columns.billing_currency(description="ISO 4217 code")
    exponent: Count = columns.exponent()
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("billing_currency", "valid_from")
