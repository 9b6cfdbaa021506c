"""Usage as the lake stores it, slim: one integer stands for what repeats hour after hour."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Hash64, Instant, Quantity, Tags, Text


class StoredUsage(Table):
    """One row per accepted usage_record_id, sorted by (series, start, id); folder usage_records."""

    series_id: Hash64 = columns.series_id()
    usage_record_id: Text = columns.usage_record_id()
    charge_period_start: Instant = columns.charge_period_start()
    charge_period_end: Instant = columns.charge_period_end()
    consumed_quantity: Quantity = columns.consumed_quantity(
        description="how much was used; a file of small values stores it narrower"
    )
    revision: Count = columns.revision()
    tags: Tags = columns.resource_tags()
    counted_at: Instant = column(
        "first instant of the billing period it counts in, where its own was issued before it came; null is its start",
        source="X4",
        example="2026-10-31T23:00:00Z",
        nullable=True,
    )

    class Config:
        unique = ("usage_record_id",)
