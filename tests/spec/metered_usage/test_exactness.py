"""Nothing wraps, nothing is cut, and how a file stores its quantities changes nothing."""

from __future__ import annotations

import pytest
from polars.testing import assert_frame_equal

from schemas.metered_usage import MeteredUsage
from tests.spec.metered_usage.metering import meter, records
from tests.tables import assert_table

title = "Metering is exact, whatever the size (M3)"

EVERY_METER = "series_id | meter\n1 | sum\n2 | time_weighted\n3 | max\n4 | last"


def test_the_largest_quantities_keep_every_digit() -> None:
    """Four records of 10^14 less 10^-15, 364 days (31,449,600,000,000 µs) each."""
    rows = "\n".join(
        f"{series} | 01-01 00:00 | 12-31 00:00 | 99999999999999.999999999999999" for series in (1, 2, 3, 4) * 4
    )
    usage = records(f"series_id | starts | ends | quantity\n{rows}", "decimal(38, 15)")
    assert_table(
        meter(usage, details=EVERY_METER),
        MeteredUsage,
        """
        series_id | consumed_quantity               | peak_quantity                  | last_quantity
        1         | 399999999999999.999999999999996 |                                |
        2         | 399999999999999.999999999999996 |                                |
        3         | 399999999999999.999999999999996 | 99999999999999.999999999999999 |
        4         | 399999999999999.999999999999996 |                                | 99999999999999.999999999999999
        """,
    )
    assert_table(
        meter(usage, details=EVERY_METER, wanted="series_id\n2"),
        MeteredUsage,
        """
        quantity_time_whole           | quantity_time_rest
        12579839999999999999999999999 |    874201600000000
        """,
    )


@pytest.mark.parametrize(
    ("stored", "quantity"),
    [("decimal(18, 0)", "99999999999999"), ("decimal(18, 4)", "99999999999999.9999")],
)
def test_a_narrow_file_of_large_quantities_does_not_overflow(stored: str, quantity: str) -> None:
    """Each 18 digits long or nearly, for 30 days: the product has more than 64 bits."""
    usage = records(
        f"""
        series_id | starts      | ends        | quantity
        1         | 10-01 00:00 | 10-31 00:00 | {quantity}
        1         | 10-01 00:00 | 10-31 00:00 | {quantity}
        2         | 10-01 00:00 | 10-31 00:00 | -{quantity}
        """,
        stored,
    )
    wide = records(
        f"""
        series_id | starts      | ends        | quantity
        1         | 10-01 00:00 | 10-31 00:00 | {quantity}
        1         | 10-01 00:00 | 10-31 00:00 | {quantity}
        2         | 10-01 00:00 | 10-31 00:00 | -{quantity}
        """,
        "decimal(38, 15)",
    )
    details = "series_id | meter\n1 | time_weighted\n2 | time_weighted"
    found = meter(usage, details=details).sort("series_id")
    assert_frame_equal(found, meter(wide, details=details).sort("series_id"))
    if "." not in quantity:
        assert_table(
            found,
            MeteredUsage,
            """
            series_id | quantity_time_whole             | quantity_time_rest
            1         | 518399999999994816000000000     |                  0
            2         | -259199999999997408000000000    |                  0
            """,
        )


SAME = """
    series_id | starts         | ends                  | quantity
    1         | 10-01 00:00    | 10-01 01:00           |   2.5
    1         | 10-01 01:00    | 10-01 02:00           |   2.5
    2         | 10-01 00:00    | 10-01 01:00           |   1.25
    2         | 10-01 00:00:00 | 10-01 00:00:01.000001 |  -1.75
    3         | 10-01 00:00    | 10-01 01:00           |   3
    4         | 10-01 00:00    | 10-01 01:00           |   4.5
"""


@pytest.mark.parametrize("detail", ["", "| by_value", "| by_instant"])
@pytest.mark.parametrize("stored", ["decimal(18, 2)", "decimal(18, 6)", "decimal(18, 15)", "decimal(4, 2)"])
def test_it_does_not_matter_how_quantities_are_stored(stored: str, detail: str) -> None:
    """The same records narrow and wide, the same rows."""
    flag = "| true" if detail else ""
    details = "\n".join(line + (flag if number else detail) for number, line in enumerate(EVERY_METER.splitlines()))
    found, wanted = (
        meter(records(SAME, quantity), details=details).sort("series_id", "value", "at")
        for quantity in (stored, "decimal(38, 15)")
    )
    assert_frame_equal(found, wanted)
