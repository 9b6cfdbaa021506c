"""The promo codes an account sees, and whether it may accept each."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Price, Text


class PromoCodesAvailable(Table):
    """One row per account and promo code."""

    billing_account_id: Text = columns.billing_account_id()
    promo_code: Text = columns.promo_code(nullable=False)
    benefit: Text = columns.benefit()
    value: Price = column(
        "amount of the grant, or percent of the discount",
        unit="billing_currency, or percent",
        source="K7",
        example="50",
    )
    billing_currency: Text = columns.billing_currency(nullable=True)
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.written_until()
    state: Text = column(
        "what the account may do with it",
        source="K7",
        example="available",
        isin=["available", "accepted", "used_up", "expired"],
    )

    class Config:
        unique = ("billing_account_id", "promo_code", "valid_from")
