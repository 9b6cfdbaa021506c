"""The promo codes an account sees, and whether it may accept each."""

from schemas import columns
from schemas.table import Table
from schemas.units import Boundary, Price, Text


class PromoCodesAvailable(Table):
    """One row per account and promo code."""

    billing_account_id: Text = columns.billing_account_id()
    promo_code: Text = columns.promo_code(nullable=False)
    benefit: Text = columns.benefit()
    value: Price = columns.benefit_value()
    billing_currency: Text = columns.billing_currency(nullable=True)
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.written_until()
    state: Text = columns.promo_code_state()

    class Config:
        unique = ("billing_account_id", "promo_code", "valid_from")
