"""Choices among rules, dated, for one account or for all."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Text


class BillingPolicies(Table):
    """One row per policy, account and validity; read at the last instant of the period."""

    billing_account_id: Text = columns.billing_account_id(
        description="the only account it is for; null is the default", nullable=True
    )
    policy: Text = column("which choice", source="rule book, Policy", example="rounding_charges")
    value: Text = column("what is chosen", source="rule book, Policy", example="half_away")
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("billing_account_id", "policy", "valid_from")
