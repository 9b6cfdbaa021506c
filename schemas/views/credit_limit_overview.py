"""The credit summary of an account: total, used, available."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Instant, Money, Text


class CreditLimitOverview(Table):
    """One row per account; available = total − used."""

    billing_account_id: Text = columns.billing_account_id()
    billing_currency: Text = columns.billing_currency()
    total_credit_limit: Money = columns.total_credit_limit()
    used_credit_limit: Money = columns.used_credit_limit()
    available_credit: Money = columns.available_credit()
    unpaid_issued_amount: Money = column("due of issued documents that is not paid", source="I5", example="17000.00")
    unbilled_amount: Money = column(
        "amount due of drafts: of months that are over and not issued, and of the month to date",
        source="I5",
        example="750.97",
    )
    state: Text = columns.credit_state()
    known_as_of: Instant = columns.known_as_of()

    class Config:
        unique = ("billing_account_id",)
