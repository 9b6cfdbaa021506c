"""How much each series used in each stretch of the period: what metering hands to rating."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Hash64, Instant, Quantity, Whole


class MeteredUsage(Table):
    """One row per series_id, stretch, value and at; no file has it: it is as soon made as read."""

    series_id: Hash64 = columns.series_id()
    stretch: Count = column(
        "which stretch of the period: price, conversion and cuts are the same throughout one",
        source="P5, P7",
        example="0",
        ge=0,
    )
    value: Quantity = column(
        "what each record of the row used, where records of a series are told apart by that; else null",
        source="P2, P3",
        example="1.5",
        unit="consumed_unit",
        nullable=True,
    )
    at: Instant = column(
        "when each record of the row began, where records of a series are told apart by that; else null",
        source="P2, P3",
        example="2026-10-01T00:00:00Z",
        nullable=True,
    )
    consumed_quantity: Quantity = columns.consumed_quantity()
    record_count: Count = columns.record_count()
    first_record_at: Instant = columns.first_record_at()
    positive_count: Count = column(
        "records with a quantity above zero", source="P1 count", example="2", unit="records", ge=0
    )
    first_positive_at: Instant = column(
        "earliest start of a record with a quantity above zero; null where there is none",
        source="P3 flat",
        example="2026-10-01T00:00:00Z",
        nullable=True,
    )
    peak_quantity: Quantity = column(
        "the largest quantity of a record; only of the meter max",
        source="P1 max",
        example="1.5",
        unit="consumed_unit",
        nullable=True,
    )
    peak_at: Instant = column(
        "the earliest start of a record with the largest quantity",
        source="P1 max",
        example="2026-10-01T00:00:00Z",
        nullable=True,
    )
    last_quantity: Quantity = column(
        "the quantity of the last record: latest start, then end, then quantity; only of the meter last",
        source="P1 last",
        example="1.5",
        unit="consumed_unit",
        nullable=True,
    )
    last_start_at: Instant = column(
        "start of the last record", source="P1 last", example="2026-10-01T00:00:00Z", nullable=True
    )
    last_end_at: Instant = column(
        "end of the last record", source="P1 last", example="2026-10-01T01:00:00Z", nullable=True
    )
    quantity_time_whole: Whole = column(
        "sum of quantity × length of the record, its whole part (floor); only of the meter time_weighted",
        source="P1 time_weighted",
        example="5400000000",
        unit="quantity × microseconds",
        nullable=True,
    )
    quantity_time_rest: Whole = column(
        "what the sum has beyond its whole part, 0 or more and below 1, in units of 10^-15",
        source="P1 time_weighted",
        example="0",
        unit="10^-15 quantity × microseconds",
        nullable=True,
    )

    class Config:
        unique = ("series_id", "stretch", "value", "at")
