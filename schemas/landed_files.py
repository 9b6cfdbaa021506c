"""Every file that came in, and what became of its rows."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Instant, Quantity, Text


class LandedFiles(Table):
    """One row per file of a delivery; landed = accepted + duplicate + superseded + rejected."""

    delivery_id: Text = columns.delivery_id()
    file_digest: Text = columns.file_digest()
    mapping_digest: Text = column(
        "sha256 of the column mapping, if one was used", source="U3", example="2c26b46b68ffc68f", nullable=True
    )
    file_name: Text = columns.file_name()
    format: Text = column("the format it was read as", source="rule 1.1", example="parquet")
    fate: Text = column(
        "what became of the file",
        source="reliability, Fates",
        example="read",
        isin=["read", "already_read", "file_rejected"],
    )
    reason_code: Text = columns.reason_code(nullable=True, example="F_TRUNCATED")
    reason: Text = columns.reason(nullable=True, example="the file ends before its format says it may")
    landed_count: Count = column("rows the file yielded", unit="rows", source="U1", example="3", ge=0)
    accepted_count: Count = column("rows kept", unit="rows", source="U1", example="3", ge=0)
    duplicate_count: Count = column(
        "rows with an id and content already known", unit="rows", source="U1", example="0", ge=0
    )
    superseded_count: Count = column(
        "rows with a lower revision than another", unit="rows", source="U1", example="0", ge=0
    )
    rejected_count: Count = column("rows set aside with a reason", unit="rows", source="U1", example="0", ge=0)
    spanning_count: Count = column(
        "accepted rows that begin in one billing period and end in another", unit="rows", source="U4", example="0", ge=0
    )
    landed_quantity: Quantity = column(
        "sum over landed rows whose quantity parses", unit="mixed units", source="U1", example="3", nullable=True
    )
    accepted_quantity: Quantity = column(
        "sum over accepted rows", unit="mixed units", source="U1", example="3", nullable=True
    )
    duplicate_quantity: Quantity = column(
        "sum over duplicate rows", unit="mixed units", source="U1", example="0", nullable=True
    )
    superseded_quantity: Quantity = column(
        "sum over superseded rows", unit="mixed units", source="U1", example="0", nullable=True
    )
    rejected_quantity: Quantity = column(
        "sum over rejected rows whose quantity parses", unit="mixed units", source="U1", example="0", nullable=True
    )
    received_at: Instant = columns.received_at()

    class Config:
        unique = ("delivery_id", "file_digest", "file_name")
