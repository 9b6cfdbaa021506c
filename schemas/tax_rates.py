"""Who taxes what at which rate."""

from schemas import columns
from schemas.table import Table
from schemas.units import Boundary, Rate, Text


class TaxRates(Table):
    """One row per seller and account jurisdiction, region, status, category, component and validity."""

    seller_jurisdiction: Text = columns.seller_jurisdiction()
    account_jurisdiction: Text = columns.jurisdiction()
    account_region: Text = columns.tax_region(
        description="part of the jurisdiction with a rate of its own; null is all of it"
    )
    tax_status: Text = columns.tax_status()
    tax_category: Text = columns.tax_category()
    component: Text = columns.tax_component()
    rate: Rate = columns.tax_rate()
    code: Text = columns.tax_code()
    exemption_reason: Text = columns.exemption_reason()
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = (
            "seller_jurisdiction",
            "account_jurisdiction",
            "account_region",
            "tax_status",
            "tax_category",
            "component",
            "valid_from",
        )
