"""Documents: month-to-date drafts, drafts, issued invoices and credit notes."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Day, Flag, Instant, Money, Text, TextList


class Invoices(Table):
    """One row per invoice_id and document_state; amounts in the order of EN 16931."""

    invoice_id: Text = columns.invoice_id()
    document_type: Text = column(
        "380 invoice, 381 credit note", source="BT-3, UNCL1001", example="380", isin=["380", "381"]
    )
    document_state: Text = column(
        "how final it is", source="I1", example="draft", isin=["month_to_date", "draft", "issued"]
    )
    invoice_number: Text = columns.invoice_number()
    accounting_year: Text = column(
        "the seller's accounting year the number counts in", source="I2", example="2026", nullable=True
    )
    sequence: Count = column(
        "place in the gap-free count of seller, document type and year", source="I2", example="1", nullable=True, ge=1
    )
    issue_date: Day = columns.issue_date()
    due_date: Day = column("when it is to be paid", source="BT-9", example="2026-11-15", nullable=True)
    billing_period: Text = columns.billing_period()
    period_start: Instant = columns.period_start()
    period_end: Instant = columns.period_end()
    cutoff_at: Instant = column(
        "up to when usage counts: the end of the period, or of what a month to date shows; of a sale or a void, when "
        "it was recorded",
        source="I1, U4",
        example="2026-11-01T00:00:00Z",
    )
    seller_id: Text = columns.seller_id()
    seller_legal_name: Text = column(
        "name of the seller at issue", source="BT-27", example="North Cloud GmbH", nullable=True
    )
    seller_address: Text = column(
        "address of the seller at issue", source="BG-5", example="Hafen 1, 20095 Hamburg, DE", nullable=True
    )
    seller_tax_ids: TextList = column(
        "tax numbers of the seller at issue", source="BT-31, BT-32", example='["DE123456789"]', nullable=True
    )
    billing_account_id: Text = columns.billing_account_id(source="FOCUS BillingAccountId; BT-46")
    buyer_legal_name: Text = column("name of the account at issue", source="BT-44", example="Acme Ltd", nullable=True)
    buyer_address: Text = column(
        "address of the account at issue", source="BG-8", example="Markt 2, 50667 Köln, DE", nullable=True
    )
    billing_currency: Text = columns.billing_currency(source="FOCUS BillingCurrency; BT-5")
    list_cost: Money = columns.list_cost(description="cost of all lines before discounts and grants")
    discount_amount: Money = columns.discount_amount()
    cap_amount: Money = columns.cap_amount()
    grant_amount: Money = columns.grant_amount()
    total_without_tax: Money = column(
        "sum of the lines: list cost less discounts, caps and before-tax grants", source="BT-109", example="20"
    )
    total_tax: Money = column("sum of the tax breakdown", source="BT-110", example="4")
    total_with_tax: Money = column("total without tax and tax", source="BT-112", example="24")
    credit_amount: Money = columns.credit_amount()
    paid_amount: Money = column(
        "credit_amount and what the account balance paid at issue", source="BT-113", example="0"
    )
    rounding_amount: Money = column("what rounding the amount due added", source="BT-114, I7", example="0", default="0")
    amount_due: Money = column(
        "what is left to pay: total with tax, less paid, plus rounding", source="BT-115", example="24"
    )
    preceding_invoice_number: Text = column(
        "the issued invoice that this document corrects", source="BT-25", example="INV-2026-000001", nullable=True
    )
    is_void: Flag = column(
        "whether it takes back the whole invoice that it names, with all its corrections",
        source="I4",
        example="false",
        default="false",
    )
    sold_by: Text = columns.operation_id(
        description="the purchase of credit that it invoices; null where it is of a period's charges",
        source="G2",
        nullable=True,
    )

    class Config:
        unique = ("invoice_id", "document_state")
