"""The tax of each document, by category code, rate and component; of one that corrects, the differences (T4)."""

from schemas import columns
from schemas.table import Table
from schemas.units import Money, Rate, Text


class TaxBreakdown(Table):
    """One row per document, code, component and rate: what is rounded together (T3), one group of EN 16931 BG-23."""

    invoice_id: Text = columns.invoice_id()
    billing_account_id: Text = columns.billing_account_id()
    billing_period: Text = columns.billing_period()
    seller_jurisdiction: Text = columns.seller_jurisdiction()
    code: Text = columns.tax_code()
    component: Text = columns.tax_component()
    rate: Rate = columns.tax_rate()
    exemption_reason: Text = columns.exemption_reason()
    taxable_amount: Money = columns.taxable_amount()
    tax_amount: Money = columns.tax_amount()
    billing_currency: Text = columns.billing_currency()

    class Config:
        unique = ("invoice_id", "code", "component", "rate")
