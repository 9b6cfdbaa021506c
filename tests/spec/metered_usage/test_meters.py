"""What a series used in a stretch of the period, for each meter: exact, whatever the size of quantities."""

from __future__ import annotations

import pytest

from schemas.metered_usage import MeteredUsage
from tests.spec.metered_usage.metering import meter, records
from tests.tables import assert_table

title = "Metering: what a series used in a stretch of the period (P1)"

A_DAY = records(
    """
    series_id | starts      | ends        | quantity
    1         | 10-01 00:00 | 10-01 01:00 |      2.5
    1         | 10-01 01:00 | 10-01 01:30 |     -1
    1         | 10-01 02:00 | 10-01 03:00 |      4.25
    1         | 10-01 05:00 | 10-01 06:00 |      0
    2         | 10-01 07:00 | 10-01 08:00 |      3
    """
)


def test_a_sum_is_what_all_records_used() -> None:
    """2.5 − 1 + 4.25 + 0 = 5.75, corrections and all; two of the four are above zero."""
    assert_table(
        meter(A_DAY),
        MeteredUsage,
        """
        series_id | stretch | value | consumed_quantity | record_count | first_record_at      | peak_quantity
        1         |       0 |       |              5.75 |            4 | 2026-10-01T00:00:00Z |
        2         |       0 |       |              3    |            1 | 2026-10-01T07:00:00Z |
        """,
    )


def test_only_records_above_zero_are_positive() -> None:
    """Neither the correction nor the hour of nothing counts."""
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-01 00:00 | 10-01 01:00 |  -1
        1         | 10-01 01:00 | 10-01 02:00 |   0
        1         | 10-01 02:00 | 10-01 03:00 |   0.000001
        1         | 10-01 03:00 | 10-01 04:00 |   7
        2         | 10-01 00:00 | 10-01 01:00 |   0
        """
    )
    assert_table(
        meter(usage, details="series_id | meter\n1 | count"),
        MeteredUsage,
        """
        series_id | record_count | positive_count | first_record_at      | first_positive_at
        1         |            4 |              2 | 2026-10-01T00:00:00Z | 2026-10-01T02:00:00Z
        2         |            1 |              0 | 2026-10-01T00:00:00Z |
        """,
    )


def test_the_peak_is_the_largest_quantity_at_the_earliest_start_that_reaches_it() -> None:
    """4 is reached at two, again at three and five o'clock; written 4 or 4.0 it is the same."""
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-01 05:00 | 10-01 06:00 |   4
        1         | 10-01 02:00 | 10-01 03:00 |   4
        1         | 10-01 03:00 | 10-01 04:00 |   4.0
        1         | 10-01 00:00 | 10-01 01:00 |   3.999999
        2         | 10-01 00:00 | 10-01 01:00 |  -2
        2         | 10-01 01:00 | 10-01 02:00 |  -1
        """
    )
    assert_table(
        meter(usage, details="series_id | meter\n1 | max\n2 | max"),
        MeteredUsage,
        """
        series_id | peak_quantity | peak_at              | last_quantity
        1         |             4 | 2026-10-01T02:00:00Z |
        2         |            -1 | 2026-10-01T01:00:00Z |
        """,
    )


def test_the_last_record_starts_last_then_ends_last_then_is_the_largest() -> None:
    """Of the three that start at two, two end at four; the larger of them counts, though it landed first."""
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-01 02:00 | 10-01 04:00 |   6
        1         | 10-01 02:00 | 10-01 04:00 |   5
        1         | 10-01 02:00 | 10-01 03:00 |   9
        1         | 10-01 01:00 | 10-01 08:00 |  99
        2         | 10-01 02:00 | 10-01 02:00 |  -3
        2         | 10-01 02:00 | 10-01 02:00 |  -4
        """
    )
    assert_table(
        meter(usage, details="series_id | meter\n1 | last\n2 | last"),
        MeteredUsage,
        """
        series_id | last_quantity | last_start_at        | last_end_at          | peak_quantity
        1         |             6 | 2026-10-01T02:00:00Z | 2026-10-01T04:00:00Z |
        2         |            -3 | 2026-10-01T02:00:00Z | 2026-10-01T02:00:00Z |
        """,
    )


def test_a_quantity_weighs_as_long_as_it_lasted() -> None:
    """2.5 for an hour less 1 for half an hour is 2 hours: 7,200,000,000 µs; an instant weighs nothing."""
    usage = records(
        """
        series_id | starts             | ends                  | quantity
        1         | 10-01 00:00        | 10-01 01:00           |   2.5
        1         | 10-01 01:00        | 10-01 01:30           |  -1
        1         | 10-01 02:00        | 10-01 02:00           |  12
        2         | 10-01 00:00:00     | 10-01 00:00:00.000001 |   0.25
        2         | 10-01 00:00:00     | 10-01 00:00:00.000003 |   0.5
        3         | 10-01 00:00:00     | 10-01 00:00:00.000001 |  -0.25
        """
    )
    assert_table(
        meter(usage, details="series_id | meter\n1 | time_weighted\n2 | time_weighted\n3 | time_weighted"),
        MeteredUsage,
        """
        series_id | consumed_quantity | quantity_time_whole | quantity_time_rest
        1         |             13.5  |          7200000000 |                  0
        2         |              0.75 |                   1 |    750000000000000
        3         |             -0.25 |                  -1 |    750000000000000
        """,
    )


def test_hours_and_microseconds_weigh_together() -> None:
    """3 for an hour, 0.2 for 1 µs: 10,800,000,000.2."""
    usage = records(
        """
        series_id | starts         | ends                  | quantity
        1         | 10-01 00:00    | 10-01 01:00           |   3
        1         | 10-01 00:00:00 | 10-01 00:00:00.000001 |   0.2
        """
    )
    assert_table(
        meter(usage, details="series_id | meter\n1 | time_weighted"),
        MeteredUsage,
        """
        quantity_time_whole | quantity_time_rest
                10800000000 |    200000000000000
        """,
    )


STRETCHES = """
    series_id | stretch | starts      | ends
    1         |       0 | 10-01 00:00 | 10-01 02:00
    1         |       1 | 10-01 02:00 | 10-02 00:00
"""


def test_a_record_is_in_the_stretch_that_contains_its_start() -> None:
    """The record at two begins the second stretch; the one before it ends in it, and stays in the first."""
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-01 01:30 | 10-01 05:00 |        1
        1         | 10-01 02:00 | 10-01 03:00 |        2
        1         | 10-01 03:00 | 10-01 03:00 |        4
        2         | 10-01 03:00 | 10-01 03:00 |        8
        """
    )
    assert_table(
        meter(usage, breaks=STRETCHES),
        MeteredUsage,
        """
        series_id | stretch | consumed_quantity | positive_count | first_record_at      | first_positive_at
        1         |       0 |                 1 |              1 | 2026-10-01T01:30:00Z | 2026-10-01T01:30:00Z
        1         |       1 |                 6 |              2 | 2026-10-01T02:00:00Z | 2026-10-01T02:00:00Z
        2         |       0 |                 8 |              1 | 2026-10-01T03:00:00Z | 2026-10-01T03:00:00Z
        """,
    )


@pytest.mark.parametrize(("named", "quantities"), [("max", "5 | 8"), ("last", "3 | 8")], ids=["max", "last"])
def test_each_stretch_has_its_own_peak_and_last_record(named: str, quantities: str) -> None:
    """First 5 then 3, later 2 then 8: which of the stretches has the value of the period is decided on the price."""
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-01 00:00 | 10-01 01:00 |        5
        1         | 10-01 01:00 | 10-01 02:00 |        3
        1         | 10-01 02:00 | 10-01 03:00 |        2
        1         | 10-01 03:00 | 10-01 04:00 |        8
        """
    )
    first, second = quantities.split("|")
    column = "peak_quantity" if named == "max" else "last_quantity"
    assert_table(
        meter(usage, breaks=STRETCHES, details=f"series_id | meter\n1 | {named}"),
        MeteredUsage,
        f"""
        stretch | {column}
        0       | {first}
        1       | {second}
        """,
    )


@pytest.mark.parametrize("named", ["time_weighted", "count", "unique"])
def test_every_meter_has_its_stretches(named: str) -> None:
    """Two hours of 5 and 3, then two of 2 and 8."""
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-01 00:00 | 10-01 01:00 |        5
        1         | 10-01 01:00 | 10-01 02:00 |        3
        1         | 10-01 02:00 | 10-01 03:00 |        2
        1         | 10-01 03:00 | 10-01 04:00 |        8
        """
    )
    weighs = named == "time_weighted"
    assert_table(
        meter(usage, breaks=STRETCHES, details=f"series_id | meter\n1 | {named}"),
        MeteredUsage,
        f"""
        stretch | consumed_quantity | positive_count | first_positive_at    | quantity_time_whole
        0       |                 8 |              2 | 2026-10-01T00:00:00Z | {28_800_000_000 if weighs else ""}
        1       |                10 |              2 | 2026-10-01T02:00:00Z | {36_000_000_000 if weighs else ""}
        """,
    )


def test_records_from_a_cutoff_on_do_not_count() -> None:
    """Up to two o'clock: what starts at two is not in the draft, what only ends later is, whole."""
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-01 01:30 | 10-01 05:00 |        1
        1         | 10-01 02:00 | 10-01 03:00 |        2
        2         | 10-01 02:00 | 10-01 03:00 |        4
        3         | 10-01 02:00 | 10-01 03:00 |        8
        """
    )
    assert_table(
        meter(usage, cutoffs="series_id | cutoff\n1 | 10-01 02:00\n3 | 10-01 02:00"),
        MeteredUsage,
        """
        series_id | consumed_quantity
        1         |                 1
        2         |                 4
        """,
    )


def test_only_the_series_that_are_wanted_are_metered() -> None:
    """A second, finer pass asks for one series."""
    assert_table(
        meter(A_DAY, wanted="series_id\n2"),
        MeteredUsage,
        """
        series_id | consumed_quantity
        2         |                 3
        """,
    )
    assert meter(A_DAY, wanted="series_id").is_empty()


def test_without_usage_there_is_nothing_to_meter() -> None:
    assert meter(A_DAY.clear(), details="series_id | meter\n1 | last").is_empty()
