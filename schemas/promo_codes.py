"""Codes that customers accept for a grant or a discount."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import DURATION, Boundary, Count, Price, Text, TextList


class PromoCodes(Table):
    """One row per promo_code and validity."""

    promo_code: Text = columns.promo_code(nullable=False)
    benefit: Text = columns.benefit()
    kind: Text = columns.grant_kind(description="kind of the grant", nullable=True)
    value: Price = column(
        "amount of the grant, or percent or amount of the discount",
        unit="billing_currency, or percent",
        source="K7",
        example="50",
        gt=0,
    )
    billing_currency: Text = columns.billing_currency(description="currency of the amount", nullable=True)
    window_start: Text = column(
        "when the benefit begins: next_invoice, acceptance, or a range from/until",
        source="K7",
        example="next_invoice",
        default="next_invoice",
    )
    duration: Text = column(
        "how long it lasts, ISO 8601; null is for ever",
        source="K7",
        example="P3M",
        nullable=True,
        str_matches=DURATION,
    )
    include: TextList = columns.include(nullable=True)
    exclude: TextList = columns.exclude(nullable=True)
    accounts: TextList = column(
        "accounts that may accept it; null is all", source="K7", example='["acme"]', nullable=True
    )
    total_limit: Count = column(
        "how often it may be accepted in all; null is without limit", source="K7", example="1000", nullable=True, ge=0
    )
    per_account_limit: Count = column(
        "how often one account may accept it", source="K7", example="1", default="1", ge=0
    )
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("promo_code", "valid_from")
