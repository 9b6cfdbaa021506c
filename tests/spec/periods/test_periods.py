"""A billing period is a calendar month where the account is, half-open, in UTC instants. A day without a time is read
in the account's zone too. The clock may change inside a month, and a midnight may be missing or come twice.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from rating.periods import add_duration, boundary_instant, day_start, next_period, period_bounds, period_of
from rating.periods import plus_wall_time as plus

title = "Periods: the account's own calendar month"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def hours(period: str, zone: str) -> float:
    start, end = period_bounds(period, zone)
    return (end - start) / timedelta(hours=1)


def test_a_month_begins_at_midnight_where_the_account_is() -> None:
    """October in Kolkata, five and a half hours ahead, begins on the last day of September at 18:30 UTC."""
    assert period_bounds("2026-10", "UTC") == (at("2026-10-01T00:00Z"), at("2026-11-01T00:00Z"))
    assert period_bounds("2026-10", "Asia/Kolkata") == (at("2026-09-30T18:30Z"), at("2026-10-31T18:30Z"))


def test_one_instant_may_lie_in_two_months() -> None:
    """23:30 UTC on the last of October is half past midnight in Berlin, which is on winter time by then."""
    assert period_of(at("2026-10-31T23:30Z"), "UTC") == "2026-10"
    assert period_of(at("2026-10-31T23:30Z"), "Europe/Berlin") == "2026-11"


def test_the_last_instant_belongs_to_the_month_and_the_end_to_the_next() -> None:
    assert period_of(at("2026-10-31T18:29:59.999999Z"), "Asia/Kolkata") == "2026-10"
    assert period_of(at("2026-10-31T18:30Z"), "Asia/Kolkata") == "2026-11"


def test_a_month_in_which_the_clock_changes_has_an_hour_more_or_less() -> None:
    """October has 31 × 24 = 744 hours, one more where summer time ends; March as many, one less where it begins."""
    assert hours("2026-10", "Asia/Kolkata") == 744
    assert hours("2026-10", "Europe/Berlin") == 745
    assert hours("2026-03", "Europe/Berlin") == 743


def test_a_clock_may_change_by_half_an_hour() -> None:
    """Lord Howe moves its clock forward by 30 minutes in October."""
    assert hours("2026-10", "Australia/Lord_Howe") == 743.5


def test_a_midnight_that_does_not_exist_is_the_instant_of_the_change() -> None:
    """Havana, five hours behind, went from 00:00 to 01:00 on 8 March 2026: the day begins at 05:00 UTC."""
    assert day_start(date(2026, 3, 8), "America/Havana") == at("2026-03-08T05:00Z")


def test_of_a_midnight_that_comes_twice_the_first_counts() -> None:
    """Havana goes back from 01:00 to 00:00 on 1 November 2026; the first midnight is still four hours behind."""
    assert period_bounds("2026-11", "America/Havana")[0] == at("2026-11-01T04:00Z")


def test_a_leap_day_belongs_to_its_february() -> None:
    assert hours("2024-02", "UTC") == 29 * 24
    assert period_of(at("2024-02-29T23:59:59Z"), "UTC") == "2024-02"


def test_december_is_followed_by_january() -> None:
    assert next_period("2026-12") == "2027-01"


def test_a_boundary_is_a_day_of_the_account_or_an_instant_of_everyone() -> None:
    """The first of October begins at 22:00 UTC of the day before in Berlin; an instant is the same everywhere."""
    assert boundary_instant("2026-10-01", "Europe/Berlin") == at("2026-09-30T22:00Z")
    assert boundary_instant("2026-10-01T00:00:00.000000Z", "Europe/Berlin") == at("2026-10-01T00:00Z")


def test_a_duration_is_calendar_time_and_keeps_to_the_end_of_the_month() -> None:
    """A month after 31 January is the last of February; five years after a leap day is 28 February (G2)."""
    assert add_duration(date(2026, 1, 31), "P1M") == date(2026, 2, 28)
    assert add_duration(date(2024, 1, 31), "P1M") == date(2024, 2, 29)
    assert add_duration(date(2024, 2, 29), "P5Y") == date(2029, 2, 28)
    assert add_duration(date(2024, 2, 29), "P4Y") == date(2028, 2, 29)


def test_months_are_added_before_days() -> None:
    """31 January plus a month and ten days: 28 February, then ten days, 10 March. A week is seven days."""
    assert add_duration(date(2026, 1, 31), "P1M10D") == date(2026, 3, 10)
    assert add_duration(date(2026, 10, 1), "P2W") == date(2026, 10, 15)
    assert add_duration(date(2026, 10, 1), "P1Y2M3D") == date(2027, 12, 4)


def test_a_duration_keeps_the_hour_of_the_day_when_the_clock_changes() -> None:
    """Noon UTC is 14:00 in Berlin in summer; 14:00 a month later, in winter, is 13:00 UTC."""
    assert plus(at("2026-10-01T12:00Z"), "P1M", "Europe/Berlin") == at("2026-11-01T13:00Z")


@pytest.mark.parametrize("duration", ["P", "", "PT1H", "P1.5M", "3M", "P-1M"])
def test_what_is_no_calendar_duration_is_refused(duration: str) -> None:
    with pytest.raises(ValueError, match="is not like P3M"):
        add_duration(date(2026, 1, 31), duration)


@pytest.mark.parametrize("period", ["2026-13", "2026-00", "2026", "2026-1", "2026-10-01"])
def test_what_is_no_month_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="is not a month"):
        period_bounds(period, "UTC")


def test_a_clock_that_goes_back_over_the_end_of_a_month_does_not_end_it_twice() -> None:
    """St John's went from 00:01 on 1 November 2009 back to 23:01 on 31 October: November had begun at 02:30 UTC."""
    assert period_bounds("2009-11", "America/St_Johns")[0] == at("2009-11-01T02:30Z")
    assert period_of(at("2009-11-01T02:29:59.999999Z"), "America/St_Johns") == "2009-10"
    assert period_of(at("2009-11-01T02:31Z"), "America/St_Johns") == "2009-11"


def test_a_day_that_never_was_begins_where_the_next_does() -> None:
    """Apia went from 29 to 31 December 2011, at 10:00 UTC of the 30th: its December has 30 × 24 hours."""
    assert day_start(date(2011, 12, 30), "Pacific/Apia") == day_start(date(2011, 12, 31), "Pacific/Apia")
    assert day_start(date(2011, 12, 31), "Pacific/Apia") == at("2011-12-30T10:00Z")
    assert hours("2011-12", "Pacific/Apia") == 720


def test_every_fourth_year_but_not_every_hundredth_has_a_leap_day() -> None:
    assert hours("2028-02", "Asia/Kathmandu") == 29 * 24
    assert hours("2100-02", "Asia/Kathmandu") == 28 * 24
