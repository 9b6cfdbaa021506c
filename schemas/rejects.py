"""Rows that came in and are not billed, with the reason and the row as it stood."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Instant, Quantity, Text, TextList


class Rejects(Table):
    """One row per reject_id and status: a row that is landed again adds one that says so; shown is the latest."""

    reject_id: Text = column("hash of delivery, file and row number", source="U6", example="reject-1")
    delivery_id: Text = columns.delivery_id()
    file_digest: Text = columns.file_digest()
    file_name: Text = columns.file_name()
    row_number: Count = column("place in the file, from 1, header not counted", source="U6", example="2", ge=1)
    reason_code: Text = columns.reason_code(
        description="why; R_MULTIPLE when there are several reasons", example="R_UNKNOWN_SKU"
    )
    reason_codes: TextList = column(
        "every reason that applies", source="reliability, Reason codes", example='["R_UNKNOWN_SKU"]'
    )
    reason: Text = columns.reason(example="sku_id 'vm-smal' is not in skus; add it or correct the row")
    usage_record_id: Text = columns.usage_record_id(description="the record, where it can be read", nullable=True)
    billing_account_id: Text = columns.billing_account_id(
        description="the account, where it can be read", nullable=True
    )
    sku_id: Text = columns.sku_id(description="the SKU, where it can be read", nullable=True)
    billing_period: Text = columns.billing_period(
        description="the period the row would fall in, where it can be told", nullable=True
    )
    consumed_quantity: Quantity = columns.consumed_quantity(description="the quantity, where it parses", nullable=True)
    original: Text = column(
        "the row as it stood: the raw line, or its named fields as JSON", source="U6", example='{"sku_id": "vm-smal"}'
    )
    status: Text = column("waiting, or landed again", source="U6", example="waiting", isin=["waiting", "relanded"])
    received_at: Instant = columns.received_at()

    class Config:
        unique = ("reject_id", "status")
