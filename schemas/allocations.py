"""What lowers or pays each charge: discounts, caps, grants, in one shape."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Money, Text


class Allocations(Table):
    """One row per charge, source and tax position."""

    billing_period: Text = columns.billing_period()
    billing_account_id: Text = columns.billing_account_id()
    charge_id: Text = columns.charge_id()
    allocation_kind: Text = column("by what", source="D4, P10, G6", example="grant", isin=["discount", "cap", "grant"])
    tax_position: Text = columns.tax_position()
    source_id: Text = column("the discount_id, spend_limit_id or grant_id", source="G8", example="grant-1")
    allocation_order: Count = column(
        "place in the order of application within the account", source="D3, G4", example="1", ge=1
    )
    amount: Money = column(
        "how much it takes off the charge; negative where it takes back",
        unit="billing_currency of the charge",
        source="D4, P10, G6",
        example="5",
    )

    class Config:
        unique = ("charge_id", "allocation_kind", "source_id")
