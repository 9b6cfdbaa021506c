"""What part of the tax belongs to which charge."""

from schemas import columns
from schemas.table import Table
from schemas.units import Money, Rate, Text


class TaxShares(Table):
    """One row per charge and tax component; the shares of a document add up to its tax."""

    charge_id: Text = columns.charge_id()
    billing_account_id: Text = columns.billing_account_id()
    billing_period: Text = columns.billing_period()
    component: Text = columns.tax_component()
    code: Text = columns.tax_code()
    rate: Rate = columns.tax_rate()
    taxable_amount: Money = columns.taxable_amount(unit="billing_currency of the account")
    tax_amount: Money = columns.tax_amount(unit="billing_currency of the account")

    class Config:
        unique = ("charge_id", "component")
