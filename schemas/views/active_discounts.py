"""The discounts of the bonus page."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Text


class ActiveDiscounts(Table):
    """One row per discount and validity, of a promo code per acceptance; status as of the head's known as of."""

    billing_account_id: Text = columns.billing_account_id(
        description="the only account it is for; null is all", nullable=True
    )
    value: Text = column("the percentage or the amount", source="S1.22", example="10 %")
    service: Text = columns.service(description="the only service it is for; null is all", nullable=True)
    feature: Text = columns.feature(description="the only feature it is for; null is all")
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.written_until()
    promo_code: Text = columns.promo_code(description="the code it comes from, if any")
    status: Text = column(
        "whether it holds now", source="D1, S1.26", example="active", isin=["scheduled", "active", "expired"]
    )
    billing_currency: Text = columns.billing_currency(description="currency of a fixed discount", nullable=True)
    discount_id: Text = columns.discount_id()
