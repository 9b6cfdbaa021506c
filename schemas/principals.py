"""Who may act and read, and for which accounts."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Text

ROLES = ("staff", "support", "organization_owner", "billing_manager", "member", "analyst")
"""What a principal may be; what each may do is in `rating/roles.py`."""


class Principals(Table):
    """One row per principal, role, account, project and validity."""

    principal_id: Text = column("who", source="rule 11", example="ada")
    role: Text = column("as what", source="rule 11", example="billing_manager", isin=list(ROLES))
    billing_account_id: Text = columns.billing_account_id(
        description="for which account; null for roles over all", nullable=True
    )
    sub_account_id: Text = columns.sub_account_id(description="for which project only; null is all of the account")
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("principal_id", "role", "billing_account_id", "sub_account_id", "valid_from")
