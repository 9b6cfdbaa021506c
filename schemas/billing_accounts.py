"""Who is billed, in what currency, on what calendar, taxed how."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Boundary, Count, Flag, Money, Text


class BillingAccounts(Table):
    """One row per billing_account_id and validity."""

    billing_account_id: Text = columns.billing_account_id()
    seller_id: Text = columns.seller_id()
    legal_name: Text = column("name on the invoice", source="BT-44", example="Acme Ltd")
    address: Text = column(
        "postal address, lines divided by a line feed", source="BG-8", example="Markt 2, 50667 Köln, DE"
    )
    domain: Text = column(
        "accounts of one domain may transfer grants among each other",
        source="K4, S3.21",
        example="acme.example",
        nullable=True,
    )
    parent_account_id: Text = column(
        "the account this one belongs under", source="rule 1.2", example="acme-group", nullable=True
    )
    billing_currency: Text = columns.billing_currency(description="currency of everything the account is billed")
    time_zone: Text = columns.time_zone()
    jurisdiction: Text = columns.jurisdiction()
    region: Text = columns.tax_region()
    tax_status: Text = columns.tax_status()
    payment_terms_days: Count = column(
        "days from issue to due date", unit="days", source="BT-9, I1", example="14", ge=0
    )
    is_main_in_domain: Flag = column(
        "the account that welcome credit of the domain goes to", source="G2, S3.12", example="true"
    )
    credit_limit: Money = column(
        "most the account may owe; null is unlimited", source="I5, S0.2", example="168000.00", nullable=True, ge=0
    )
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("billing_account_id", "valid_from")
