"""What is left on each grant."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Instant, Money, Text


class GrantBalances(Table):
    """One row per grant, as of the head."""

    grant_id: Text = columns.grant_id()
    billing_account_id: Text = columns.billing_account_id()
    kind: Text = columns.grant_kind()
    name: Text = columns.grant_name()
    sub_account_id: Text = columns.sub_account_id()
    window_start: Instant = columns.window_start()
    window_end: Instant = columns.window_end()
    granted_amount: Money = column("granted and received", source="K1", example="40")
    used_amount: Money = columns.used_amount()
    expired_amount: Money = column("expired", source="K1, K3", example="0")
    balance: Money = column("what is left", source="K1", example="35", ge=0)
    status: Text = columns.grant_status()
    billing_currency: Text = columns.billing_currency()

    class Config:
        unique = ("grant_id",)
