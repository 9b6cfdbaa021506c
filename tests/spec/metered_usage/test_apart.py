"""Where a price or a rounding looks at each record, records that are alike for it make one row."""

from __future__ import annotations

from schemas.metered_usage import MeteredUsage
from tests.spec.metered_usage.metering import meter, records
from tests.tables import assert_table

title = "Metering record by record: only where a rule asks for it (P2, P3)"

ALIKE = records(
    """
    series_id | starts      | ends        | quantity
    1         | 10-01 00:00 | 10-01 01:00 |      1.5
    1         | 10-01 01:00 | 10-01 02:00 |      2
    1         | 10-01 02:00 | 10-01 04:00 |      1.5
    1         | 10-01 02:00 | 10-01 03:00 |      2
    2         | 10-01 02:00 | 10-01 03:00 |      7
    2         | 10-01 03:00 | 10-01 04:00 |      8
    """
)


def test_records_of_one_quantity_are_one_row() -> None:
    """Rounding each of two records of 1.5 gives twice what rounding 1.5 gives."""
    assert_table(
        meter(ALIKE, details="series_id | meter | by_value\n1 | sum | true"),
        MeteredUsage,
        """
        series_id | value | at | consumed_quantity | record_count | first_record_at
        1         |  1.5  |    |                 3 |            2 | 2026-10-01T00:00:00Z
        1         |  2    |    |                 4 |            2 | 2026-10-01T01:00:00Z
        2         |       |    |                15 |            2 | 2026-10-01T02:00:00Z
        """,
    )


def test_records_of_one_start_are_one_row() -> None:
    """In time order there are three moments."""
    assert_table(
        meter(ALIKE, details="series_id | meter | by_instant\n1 | sum | true"),
        MeteredUsage,
        """
        series_id | value | at                   | consumed_quantity | record_count
        1         |       | 2026-10-01T00:00:00Z |               1.5 |            1
        1         |       | 2026-10-01T01:00:00Z |               2   |            1
        1         |       | 2026-10-01T02:00:00Z |               3.5 |            2
        2         |       |                      |              15   |            2
        """,
    )


def test_records_of_one_quantity_and_start_are_one_row() -> None:
    """Two records of two at two o'clock, in one row; one of 1.5 beside them."""
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-01 02:00 | 10-01 04:00 |      2
        1         | 10-01 02:00 | 10-01 03:00 |      2.0
        1         | 10-01 02:00 | 10-01 03:00 |      1.5
        """
    )
    assert_table(
        meter(usage, details="series_id | meter | by_value | by_instant\n1 | sum | true | true"),
        MeteredUsage,
        """
        value | at                   | consumed_quantity | record_count
        2     | 2026-10-01T02:00:00Z |               4   |            2
        1.5   | 2026-10-01T02:00:00Z |               1.5 |            1
        """,
    )


def test_each_row_has_its_own_meters() -> None:
    """Of the records of 1.5 the second is the last; together they last three hours: 16,200,000,000 µs."""
    assert_table(
        meter(ALIKE, details="series_id | meter | by_value\n1 | last | true\n2 | max | true"),
        MeteredUsage,
        """
        value | last_quantity | last_start_at        | last_end_at          | peak_at              | peak_quantity
         1.5  |           1.5 | 2026-10-01T02:00:00Z | 2026-10-01T04:00:00Z |                      |
         2    |           2   | 2026-10-01T02:00:00Z | 2026-10-01T03:00:00Z |                      |
         7    |               |                      |                      | 2026-10-01T02:00:00Z |             7
         8    |               |                      |                      | 2026-10-01T03:00:00Z |             8
        """,
    )
    assert_table(
        meter(ALIKE, details="series_id | meter | by_value\n1 | time_weighted | true", wanted="series_id\n1"),
        MeteredUsage,
        """
        value | quantity_time_whole
        1.5   |         16200000000
        2     |         14400000000
        """,
    )


def test_a_row_lies_in_one_stretch() -> None:
    """The same quantity before and after a price begins is two rows."""
    breaks = """
        series_id | stretch | starts      | ends
        1         |       0 | 10-01 00:00 | 10-01 02:00
        1         |       1 | 10-01 02:00 | 10-02 00:00
    """
    assert_table(
        meter(ALIKE, breaks=breaks, details="series_id | meter | by_value\n1 | sum | true"),
        MeteredUsage,
        """
        series_id | stretch | value | record_count
        1         |       0 |   1.5 |            1
        1         |       0 |   2   |            1
        1         |       1 |   1.5 |            1
        1         |       1 |   2   |            1
        2         |       0 |       |            2
        """,
    )
