"""A record that spans a boundary counts at its start, or, where the policy says `split`, is cut there by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.spanning_records import pieces
from schemas.metered_usage import MeteredUsage
from schemas.units import Count, Hash64, Instant, Quantity, Text
from tests.spec.metered_usage.metering import PERIODS, USED, meter, records
from tests.tables import assert_table

title = "Spanning records: cut by time where the policy says so (U4)"

EXACT = Context(prec=60)
SPLIT = "series_id | meter | is_split\n1 | sum | true"
TIMED = "series_id | meter | is_split\n1 | time_weighted | true"
OCTOBER = "series_id | period_start | period_end\n1 | 10-01 00:00 | 11-01 00:00"
NOON = """
    series_id | stretch | starts      | ends
    1         |       0 | 10-01 00:00 | 10-15 12:00
    1         |       1 | 10-15 12:00 | 11-01 00:00
"""
A_DAY = records(
    """
    series_id | starts      | ends        | quantity
    1         | 10-15 00:00 | 10-16 00:00 |       24
    1         | 10-15 11:00 | 10-15 12:00 |        1
    1         | 10-15 12:00 | 10-15 13:00 |        2
    """
)


def test_without_the_policy_a_record_counts_at_its_start() -> None:
    """All 24 in the stretch before noon."""
    assert_table(
        meter(A_DAY, breaks=NOON, periods=OCTOBER),
        MeteredUsage,
        """
        stretch | consumed_quantity | record_count
        0       |                25 |            2
        1       |                 2 |            1
        """,
    )


def test_a_record_is_cut_where_a_stretch_ends() -> None:
    """12 on each side of noon; the records that only touch noon stay whole. Each piece is a record."""
    assert_table(
        meter(A_DAY, breaks=NOON, periods=OCTOBER, details=SPLIT),
        MeteredUsage,
        """
        stretch | consumed_quantity | record_count | positive_count | first_record_at
        0       |                13 |            2 |              2 | 2026-10-15T00:00:00Z
        1       |                14 |            2 |              2 | 2026-10-15T12:00:00Z
        """,
    )


def test_a_series_that_is_not_wanted_is_not_cut_into_a_finer_pass() -> None:
    """Series 2 has its own record, whole; the one of series 1 over the same noon is not asked about."""
    both = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-15 00:00 | 10-16 00:00 |       24
        2         | 10-15 00:00 | 10-15 01:00 |        5
        """
    )
    assert_table(
        meter(both, breaks=NOON, periods=OCTOBER, details=SPLIT, wanted="series_id\n2"),
        MeteredUsage,
        """
        series_id | consumed_quantity
        2         |                 5
        """,
    )


def test_what_is_weighed_by_time_keeps_its_quantity_and_divides_its_time() -> None:
    """24 for half a day is 24 × 43,200,000,000 µs; 1 and 2 for an hour are 3,600,000,000 and twice that."""
    assert_table(
        meter(A_DAY, breaks=NOON, periods=OCTOBER, details=TIMED),
        MeteredUsage,
        """
        stretch | quantity_time_whole | quantity_time_rest
        0       |       1040400000000 |                  0
        1       |       1044000000000 |                  0
        """,
    )


def test_pieces_add_up_to_the_record_to_the_last_digit() -> None:
    """A third of 1 is 0.333333333333333 up to 8:00; up to 16:00 two thirds are …666; the rest is …334. Mirrored below
    zero."""
    breaks = """
        series_id | stretch | starts      | ends
        1         |       0 | 10-01 00:00 | 10-01 08:00
        1         |       1 | 10-01 08:00 | 10-01 16:00
        1         |       2 | 10-01 16:00 | 11-01 00:00
        2         |       0 | 10-01 00:00 | 10-01 08:00
        2         |       1 | 10-01 08:00 | 10-01 16:00
        2         |       2 | 10-01 16:00 | 11-01 00:00
    """
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-01 00:00 | 10-02 00:00 |        1
        2         | 10-01 00:00 | 10-02 00:00 |       -1
        """
    )
    assert_table(
        meter(usage, breaks=breaks, details=SPLIT + "\n2 | sum | true"),
        MeteredUsage,
        """
        series_id | stretch | consumed_quantity
        1         |       0 |  0.333333333333333
        1         |       1 |  0.333333333333333
        1         |       2 |  0.333333333333334
        2         |       0 | -0.333333333333333
        2         |       1 | -0.333333333333333
        2         |       2 | -0.333333333333334
        """,
    )


def test_another_cut_moves_nothing_over_the_first() -> None:
    """With a further cut at 16:00 the hours up to 8:00 keep what they had."""
    usage = records("series_id | starts | ends | quantity\n1 | 10-01 00:00 | 10-02 00:00 | 1")
    breaks = "series_id | stretch | starts | ends\n1 | 0 | 10-01 00:00 | 10-01 08:00\n1 | 1 | 10-01 08:00 | 11-01 00:00"
    assert_table(
        meter(usage, breaks=breaks, details=SPLIT),
        MeteredUsage,
        """
        stretch | consumed_quantity
        0       | 0.333333333333333
        1       | 0.666666666666667
        """,
    )


def test_what_lies_outside_the_billing_period_is_left_to_other_periods() -> None:
    """From 30 September 18:00 to 2 October 00:00 are 30 hours: 24 of them in October; and of the last day, half."""
    usage = records("series_id | starts | ends | quantity\n1 | 10-31 12:00 | 11-01 12:00 | 24")
    earlier = records(
        """
        series_id | starts      | ends        | quantity
        1         | 09-30 18:00 | 10-02 00:00 |       30
        1         | 09-30 18:00 | 10-01 00:00 |      100
        2         | 09-30 18:00 | 10-02 00:00 |     1000
        """
    )
    assert_table(
        meter(usage, details=SPLIT, periods=OCTOBER, earlier=earlier),
        MeteredUsage,
        """
        series_id | consumed_quantity | record_count | first_record_at
        1         |                36 |            2 | 2026-10-01T00:00:00Z
        """,
    )


def test_a_record_longer_than_the_period_fills_it() -> None:
    """From 1 September to 1 December are 91 days, 31 of them October's."""
    earlier = records("series_id | starts | ends | quantity\n1 | 09-01 00:00 | 12-01 00:00 | 91")
    assert_table(
        meter(earlier.clear(), details=SPLIT, periods=OCTOBER, earlier=earlier),
        MeteredUsage,
        """
        series_id | consumed_quantity | record_count | first_record_at
        1         |                31 |            1 | 2026-10-01T00:00:00Z
        """,
    )


@pytest.mark.parametrize("named", ["max", "last", "count", "unique"])
def test_other_meters_take_a_record_whole(named: str) -> None:
    """The peak, the last record, a record and a resource are not a matter of time."""
    assert_table(
        meter(A_DAY, breaks=NOON, periods=OCTOBER, details=f"series_id | meter | is_split\n1 | {named} | true"),
        MeteredUsage,
        """
        stretch | consumed_quantity | record_count
        0       |                25 |            2
        1       |                 2 |            1
        """,
    )


def test_pieces_are_records_that_can_be_told_apart() -> None:
    """Two pieces of 12 hours each, an hour and two."""
    details = "series_id | meter | by_value | by_instant | is_split\n1 | sum | true | true | true"
    assert_table(
        meter(A_DAY, breaks=NOON, periods=OCTOBER, details=details),
        MeteredUsage,
        """
        stretch | value | at                   | record_count
        0       |    12 | 2026-10-15T00:00:00Z |            1
        0       |     1 | 2026-10-15T11:00:00Z |            1
        1       |    12 | 2026-10-15T12:00:00Z |            1
        1       |     2 | 2026-10-15T12:00:00Z |            1
        """,
    )


def test_what_an_earlier_period_left_counts_when_this_one_splits_no_more() -> None:
    """The six hours of September were billed there, by its policy; the day in October would be lost otherwise."""
    earlier = records("series_id | starts | ends | quantity\n1 | 09-30 18:00 | 10-02 00:00 | 30")
    assert_table(
        meter(A_DAY, breaks=NOON, periods=OCTOBER, earlier=earlier),
        MeteredUsage,
        """
        stretch | consumed_quantity
        0       |                49
        1       |                 2
        """,
    )


def test_what_an_earlier_period_left_counts_too_where_records_are_told_apart() -> None:
    """24 of the 30 hours lie in October, however closely its usage is looked at: as where a free quantity runs out."""
    earlier = records("series_id | starts | ends | quantity\n1 | 09-30 18:00 | 10-02 00:00 | 30")
    details = "series_id | meter | by_value | by_instant\n1 | sum | true | true"
    assert_table(
        meter(earlier.clear(), details=details, breaks=NOON, periods=OCTOBER, earlier=earlier),
        MeteredUsage,
        """
        stretch | value | at                   | record_count
        0       |    24 | 2026-10-01T00:00:00Z |            1
        """,
    )


def test_equal_records_are_cut_alike() -> None:
    """Two records of 24 are two times 12 on each side."""
    usage = records(
        """
        series_id | starts      | ends        | quantity
        1         | 10-15 00:00 | 10-16 00:00 |       24
        1         | 10-15 00:00 | 10-16 00:00 |       24.0
        """
    )
    assert_table(
        meter(usage, breaks=NOON, periods=OCTOBER, details=SPLIT),
        MeteredUsage,
        """
        stretch | consumed_quantity | record_count
        0       |                24 |            2
        1       |                24 |            2
        """,
    )


def test_what_lies_before_a_cutoff_counts() -> None:
    """A draft up to noon sees the morning, and one up to a minute later a sixtieth of 1 of the afternoon, floored."""
    for cutoff, seen in {"10-15 12:00": "12", "10-15 12:01": "12.016666666666666"}.items():
        usage = records("series_id | starts | ends | quantity\n1 | 10-15 00:00 | 10-16 00:00 | 24")
        found = meter(usage, breaks=NOON, periods=OCTOBER, details=SPLIT, cutoffs=f"series_id | cutoff\n1 | {cutoff}")
        assert str(found["consumed_quantity"].sum().normalize()) == seen


def test_the_largest_quantity_is_cut_exactly() -> None:
    """A third of 99999999999999.999999999999999 is 33333333333333.333333333333333."""
    usage = records(
        "series_id | starts | ends | quantity\n1 | 10-01 00:00 | 10-31 00:00 | 99999999999999.999999999999999",
        "decimal(38, 15)",
    )
    breaks = "series_id | stretch | starts | ends\n1 | 0 | 10-01 00:00 | 10-11 00:00\n1 | 1 | 10-11 00:00 | 11-01 00:00"
    assert_table(
        meter(usage, breaks=breaks, details=SPLIT),
        MeteredUsage,
        """
        stretch | consumed_quantity
        0       | 33333333333333.333333333333333
        1       | 66666666666666.666666666666666
        """,
    )


@settings(deadline=None, max_examples=60)
@given(
    st.integers(-(10**29) + 1, 10**29 - 1),
    st.integers(1, 31_622_400_000_000),
    st.lists(st.integers(0, 31_622_400_000_000), max_size=4),
)
def test_pieces_of_any_record_are_differences_of_the_floors_of_its_shares(
    units: int, length: int, cuts: list[int]
) -> None:
    """Worked with Python's integers, for any quantity to 10^14 and any length to a leap year."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    inside = sorted({cut for cut in cuts if 0 < cut < length})
    record = pl.DataFrame(
        {
            "series_id": [1],
            "meter": ["sum"],
            "charge_period_start": [start],
            "charge_period_end": [start + timedelta(microseconds=length)],
            "consumed_quantity": [Decimal(units).scaleb(-15, EXACT)],
            "copies": [1],
        },
        schema={"series_id": Hash64, "meter": Text, **dict.fromkeys(USED[1:3], Instant)}
        | {"consumed_quantity": Quantity, "copies": Count},
    )
    moments = pl.DataFrame(
        {"series_id": [1] * len(inside), "moment": [start + timedelta(microseconds=cut) for cut in inside]},
        schema={"series_id": Hash64, "moment": Instant},
    )
    found = pieces(record, moments, pl.DataFrame(schema=PERIODS)).sort("charge_period_start")
    sign = -1 if units < 0 else 1
    shares = [abs(units) * moment // length for moment in [0, *inside, length]]
    assert found["consumed_quantity"].to_physical().to_list() == [sign * (b - a) for a, b in pairwise(shares)]


def test_what_no_policy_cuts_was_counted_whole_where_it_began() -> None:
    """Series 1 is cut since August, series 2 in no month up to October: all of its record belongs to September."""
    earlier = records(
        """
        series_id | starts      | ends        | quantity
        1         | 09-30 18:00 | 10-02 00:00 |       30
        1         | 07-31 00:00 | 10-02 00:00 |       63
        2         | 09-30 18:00 | 10-02 00:00 |       30
        """
    )
    both = OCTOBER + "\n2 | 10-01 00:00 | 11-01 00:00"
    whole = "series_id | starts | ends\n1 | 07-01 00:00 | 08-01 00:00\n2 | 01-01 00:00 | 10-01 00:00"
    assert_table(
        meter(earlier.clear(), details=SPLIT, periods=both, earlier=earlier, whole=whole),
        MeteredUsage,
        """
        series_id | consumed_quantity
        1         |                24
        """,
    )


@pytest.mark.parametrize(("details", "quantity"), [("max | true", "24"), ("sum | true", "24"), ("sum | false", "14.4")])
def test_a_month_that_cuts_nothing_takes_what_another_left_whole(details: str, quantity: str) -> None:
    """24 of the 60 hours lie in October. Where it cuts, 14.4 of them come before 14:24."""
    earlier = records("series_id | starts | ends | quantity\n1 | 09-29 12:00 | 10-02 00:00 | 60")
    breaks = "series_id | stretch | starts | ends\n1 | 0 | 10-01 00:00 | 10-01 14:24\n1 | 1 | 10-01 14:24 | 11-01 00:00"
    named = f"series_id | meter | is_whole\n1 | {details}"
    found = meter(earlier.clear(), details=named, breaks=breaks, periods=OCTOBER, earlier=earlier).sort("stretch")
    assert str(found["consumed_quantity"][0].normalize()) == quantity
