"""Which month an instant lies in is asked of many instants at once, and answered as of one: where the account is, also
where the clock goes back over the midnight that had ended the month.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from rating.dates import local_months
from rating.periods import month_number
from schemas.units import Instant

title = "Months: where an instant lies (rule book, Intervals)"


def months(*instants: tuple[str, str]) -> list[int | None]:
    rows = [(datetime.fromisoformat(at).replace(tzinfo=UTC), zone) for at, zone in instants]
    return local_months(pl.DataFrame(rows, {"at": Instant, "time_zone": pl.String}, orient="row"), "at").to_list()


def test_a_month_begins_at_the_midnight_of_the_account() -> None:
    """October begins in Berlin at 22:00 UTC of 30 September, in New York at 04:00 UTC of the 1st."""
    september, october = month_number("2026-09"), month_number("2026-10")
    assert months(
        ("2026-09-30T21:59:59.999999", "Europe/Berlin"),
        ("2026-10-01T03:59:59.999999", "America/New_York"),
        ("2026-09-30T22:00", "Europe/Berlin"),
        ("2026-10-01T04:00", "America/New_York"),
    ) == [september, september, october, october]


def test_a_midnight_that_comes_twice_ends_the_month_once() -> None:
    """In St. John's the clock went back on 1 November 2009, at 00:01, to 23:01 of October: it stayed November."""
    zone = "America/St_Johns"
    october, november = month_number("2009-10"), month_number("2009-11")
    assert months(("2009-11-01T02:29:59", zone), ("2009-11-01T02:30", zone), ("2009-11-01T02:45", zone)) == [
        october,
        november,
        november,
    ]


def test_months_subtract_over_years() -> None:
    start, end = months(("2026-11-15T00:00", "UTC"), ("2028-02-01T00:00", "UTC"))
    assert (end or 0) - (start or 0) == 15


def test_no_instant_has_no_month() -> None:
    frame = pl.DataFrame({"at": [None], "time_zone": ["UTC"]}, schema={"at": Instant, "time_zone": pl.String})
    assert local_months(frame, "at").to_list() == [None]
    assert local_months(frame.clear(), "at").to_list() == []
