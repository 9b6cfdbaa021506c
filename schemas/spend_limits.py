"""The most or the least that an account, or a price, costs in a period."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Money, Text


class SpendLimits(Table):
    """One row per spend_limit_id and validity."""

    spend_limit_id: Text = column("the limit", source="P10", example="cap-acme")
    kind: Text = column(
        "cap, or true-up", source="P10", example="maximum_spend", isin=["maximum_spend", "minimum_spend"]
    )
    billing_account_id: Text = columns.billing_account_id(
        description="the account it is for; null is every account of the price", nullable=True
    )
    sku_price_id: Text = columns.sku_price_id(
        description="the price it is for; null is the whole account", nullable=True
    )
    amount: Money = column(
        "the limit for a full period, after discounts, before grants", source="P10", example="1000", ge=0
    )
    billing_currency: Text = columns.billing_currency()
    true_up_sku_id: Text = column(
        "SKU of the true-up charge of a minimum", source="P10", example="minimum-fee", nullable=True
    )
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("spend_limit_id", "valid_from")
