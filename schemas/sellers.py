"""Who sells: what an invoice must say about its issuer."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import MONTH_DAY, Boundary, Text, TextList


class Sellers(Table):
    """One row per seller_id and validity."""

    seller_id: Text = columns.seller_id()
    legal_name: Text = column("name on the invoice", source="BT-27", example="North Cloud GmbH")
    address: Text = column(
        "postal address, lines divided by a line feed", source="BG-5", example="Hafen 1, 20095 Hamburg, DE"
    )
    tax_ids: TextList = column("VAT and other tax numbers", source="BT-31, BT-32", example='["DE123456789"]')
    jurisdiction: Text = columns.jurisdiction(description="where the seller is taxed")
    accounting_year_start: Text = column(
        "first day of the accounting year, month and day", source="I2", example="01-01", str_matches=MONTH_DAY
    )
    invoice_number_pattern: Text = column(
        "how invoices are numbered; at most 16 characters when filled",
        source="I2, BT-1",
        example="INV-{year}-{sequence:06}",
    )
    credit_note_number_pattern: Text = column(
        "how credit notes are numbered; at most 16 characters when filled",
        source="I2, BT-1",
        example="CN-{year}-{sequence:06}",
    )
    valid_from: Boundary = columns.valid_from()
    valid_until: Boundary = columns.valid_until()

    class Config:
        unique = ("seller_id", "valid_from")
