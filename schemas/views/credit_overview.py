"""The credit limit of an account beside its promo codes: what a customer opens first."""

from schemas import columns
from schemas.table import Table
from schemas.units import Boundary, Money, Price, Text


class CreditOverview(Table):
    """One row per account and promo code; one for an account that sees none."""

    billing_account_id: Text = columns.billing_account_id()
    billing_currency: Text = columns.billing_currency()
    total_credit_limit: Money = columns.total_credit_limit()
    used_credit_limit: Money = columns.used_credit_limit()
    available_credit: Money = columns.available_credit()
    credit_state: Text = columns.credit_state()
    promo_code: Text = columns.promo_code()
    benefit: Text = columns.benefit(nullable=True)
    value: Price = columns.benefit_value(nullable=True)
    valid_from: Boundary = columns.valid_from(nullable=True)
    valid_until: Boundary = columns.written_until()
    promo_code_state: Text = columns.promo_code_state(nullable=True)

    class Config:
        unique = ("billing_account_id", "promo_code", "valid_from")
