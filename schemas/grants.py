"""Value a customer may spend: bonuses, promotions, allocations, purchased credit."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Instant, Money, Text, TextList


class Grants(Table):
    """One row per grant_id, as it was granted; what became of it is in grant_movements."""

    grant_id: Text = columns.grant_id()
    kind: Text = columns.grant_kind()
    name: Text = columns.grant_name()
    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id(description="the only project it is for; null is the account")
    amount: Money = column("face value", source="G1", example="40", ge=0)
    billing_currency: Text = columns.billing_currency()
    window_start: Instant = columns.window_start()
    window_end: Instant = columns.window_end()
    include: TextList = columns.include(default="[]")
    exclude: TextList = columns.exclude(description="what it is not for: its own list and its kind's", default="[]")
    priority: Count = column("lower goes first", source="G4", example="0", default="0")
    logic: Text = column(
        "what a month takes at least", source="W1", example="none", default="none", isin=["none", "fixed", "linear"]
    )
    monthly_value: Money = column(
        "least that a month takes under logic fixed", source="W1", example="10", nullable=True, ge=0
    )
    price_paid: Money = columns.price_paid(ge=0)
    promo_code: Text = columns.promo_code(description="the code it comes from, if any")
    from_grant_id: Text = columns.grant_id(
        description="the grant whose value it holds, after a transfer or an allocation", nullable=True
    )
    operation_id: Text = columns.operation_id(description="the operation that granted it")
    occurred_at: Instant = columns.occurred_at()
    rank: Count = columns.rank()
    tax_position: Text = columns.tax_position()
    terminal_status: Text = columns.terminal_status()

    class Config:
        unique = ("grant_id",)
