"""Projects, and the account each belongs to from when until when."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Text


class SubAccounts(Table):
    """One row per sub_account_id and validity."""

    sub_account_id: Text = columns.sub_account_id(description="the project", nullable=False)
    billing_account_id: Text = columns.billing_account_id(description="the account it belongs to")
    name: Text = column("what people call it", source="FOCUS SubAccountName", example="Website", nullable=True)
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("sub_account_id", "valid_from")
