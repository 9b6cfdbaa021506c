"""The credit summary of an account: total, used, available."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Instant, Money, Text


class CreditLimitOverview(Table):
    """One row per account; available = total − used."""

    billing_account_id: Text = columns.billing_account_id()
    billing_currency: Text = columns.billing_currency()
    total_credit_limit: Money = column(
        "most the account may owe; null is unlimited", source="I5, S0.2", example="168000.00", nullable=True
    )
    used_credit_limit: Money = column(
        "issued and unpaid, plus what is not issued yet", source="I5, S0.3", example="17750.97"
    )
    available_credit: Money = column(
        "total less used; may be negative; null is unlimited", source="I5, S0.4", example="150249.03", nullable=True
    )
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
