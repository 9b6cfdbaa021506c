"""Which payment paid how much of which invoice."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Flag, Money, Text


class PaymentApplications(Table):
    """One row per payment and invoice; a reversal takes it back with the opposite sign."""

    operation_id: Text = columns.operation_id(description="the payment, or its reversal")
    billing_account_id: Text = columns.billing_account_id()
    invoice_number: Text = columns.invoice_number(nullable=False)
    amount: Money = column("what it paid of the invoice", source="I6", example="24")
    billing_currency: Text = columns.billing_currency()
    is_at_issue: Flag = column(
        "whether the account balance paid it when the document was issued, so that it is in its paid_amount",
        source="I6, BT-113",
        example="false",
    )

    class Config:
        unique = ("operation_id", "invoice_number")
