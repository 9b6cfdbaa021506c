"""How much each series used in each stretch of the period: what metering hands to rating."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Hash64, Instant, Quantity


class MeteredUsage(Table):
    """One row per series_id and stretch; not stored, it is as soon made as read."""

    series_id: Hash64 = columns.series_id()
    stretch: Count = column(
        "which stretch of the period: price, conversion and cuts are the same throughout one",
        source="P5, P7",
        example="0",
        ge=0,
    )
    consumed_quantity: Quantity = columns.consumed_quantity()
    record_count: Count = columns.record_count()
    first_record_at: Instant = columns.first_record_at()

    class Config:
        unique = ("series_id", "stretch")
