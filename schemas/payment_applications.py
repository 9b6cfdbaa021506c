"""Which payment or credit note paid how much of which invoice."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Flag, Money, Text


class PaymentApplications(Table):
    """One row per payment or credit note and invoice; a reversal takes it back with the opposite sign."""

    operation_id: Text = columns.operation_id(
        description="the payment, its reversal, or the issue at which a credit note paid"
    )
    billing_account_id: Text = columns.billing_account_id()
    invoice_number: Text = columns.invoice_number(nullable=False)
    amount: Money = column("what it paid of the invoice", source="I6", example="24")
    billing_currency: Text = columns.billing_currency()
    is_at_issue: Flag = column(
        "whether the account balance or a credit note paid it when the document was issued, so that it is in its "
        "paid_amount",
        source="I6, BT-113",
        example="false",
    )

    credit_note_number: Text = column(
        "the credit note that paid, where it was no payment", source="I6", example="CN-2026-00001", nullable=True
    )

    class Config:
        unique = ("operation_id", "credit_note_number", "invoice_number")
