"""What a deployment gate reads: may the account, or the project, make anything new."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Instant, Money, Text


class AccountRestrictions(Table):
    """One row per change of state, and per cost policy that restricts from then on.

    Of a credit limit nothing is said until an account comes near it; each change is said in the commit that makes it.
    The rows of an account, project and cause with the latest `changed_at` are in force; they say one state.
    """

    billing_account_id: Text = columns.billing_account_id()
    sub_account_id: Text = columns.sub_account_id(description="the only project it is for; null is the whole account")
    cause: Text = columns.restriction_cause()
    cost_policy_id: Text = columns.cost_policy_id(description="the cost policy that caused it", nullable=True)
    state: Text = columns.credit_state()
    changed_at: Instant = columns.changed_at()
    used_amount: Money = column(
        "issued and unpaid, plus what is not issued yet; null for a cost policy",
        source="I5",
        example="150.00",
        nullable=True,
    )
    total_amount: Money = column(
        "the credit limit; null is unlimited, or a cost policy", source="I5", example="168.00", nullable=True
    )
    billing_currency: Text = columns.billing_currency()
    known_as_of: Instant = columns.known_as_of()

    class Config:
        unique = ("billing_account_id", "sub_account_id", "cause", "cost_policy_id", "changed_at")
