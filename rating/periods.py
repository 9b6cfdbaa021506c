"""Billing months, days and instants: where a local day begins, in UTC.

A billing period is a calendar month in the account's time zone. Every interval is half-open, every instant UTC.
The only time zone database is Python's `zoneinfo`, so that no two engines can disagree about a boundary.
"""

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

PERIOD = re.compile(r"(?:19|[2-8][0-9]|9[0-8])[0-9]{2}-(0[1-9]|1[0-2])")
DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?")


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@cache
def day_start(day: date, zone: str) -> datetime:
    """The instant a local day begins. Where midnight does not exist, the first instant that does.

    >>> day_start(date(2026, 10, 1), "Asia/Kolkata").isoformat()
    '2026-09-30T18:30:00+00:00'
    """
    return datetime.combine(day, time(), _zone(zone)).astimezone(UTC)


def local_day(instant: datetime, zone: str) -> date:
    """The calendar day of an instant, where the account is.

    >>> local_day(datetime(2026, 9, 30, 18, 30, tzinfo=UTC), "Asia/Kolkata")
    datetime.date(2026, 10, 1)
    """
    return instant.astimezone(_zone(zone)).date()


def first_day(period: str) -> date:
    """The first day of a billing period.

    >>> first_day("2026-10")
    datetime.date(2026, 10, 1)
    """
    if not PERIOD.fullmatch(period):
        raise ValueError(f"billing period {period!r} is not a month; write it like 2026-10")
    return date(int(period[:4]), int(period[5:]), 1)


def add_months(day: date, months: int) -> date:
    """The same day some months later, or the month's last day where there is none (29 Feb + 12 = 28 Feb).

    >>> add_months(date(2024, 2, 29), 60)
    datetime.date(2029, 2, 28)
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def add_duration(day: date, duration: str) -> date:
    """A day plus an ISO 8601 duration in years, months, weeks and days: calendar time, not seconds.

    >>> add_duration(date(2026, 10, 3), "P3M"), add_duration(date(2024, 2, 29), "P5Y")
    (datetime.date(2027, 1, 3), datetime.date(2029, 2, 28))
    """
    match = DURATION.fullmatch(duration)
    if not match or duration == "P":
        raise ValueError(f"duration {duration!r} is not like P3M, P1Y or P30D")
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    return add_months(day, 12 * years + months) + timedelta(days=7 * weeks + days)


def written_end(boundary: str) -> str:
    """A boundary where something ends, as people write it: the last day that it holds, or the instant (rule 1.2).

    >>> written_end("2027-01-01"), written_end("2026-12-31T23:00:00.000000Z")
    ('2026-12-31', '2026-12-31T23:00:00.000000Z')
    """
    is_day = len(boundary) == len("2027-01-01")
    return (date.fromisoformat(boundary) - timedelta(days=1)).isoformat() if is_day else boundary


def next_period(period: str) -> str:
    """The month after.

    >>> next_period("2026-12")
    '2027-01'
    """
    return f"{add_months(first_day(period), 1):%Y-%m}"


def previous_period(period: str) -> str:
    """The month before.

    >>> previous_period("2027-01")
    '2026-12'
    """
    return f"{add_months(first_day(period), -1):%Y-%m}"


def periods_between(first: str, last: str) -> list[str]:
    """The billing periods from one to another, both among them.

    >>> periods_between("2026-11", "2027-01")
    ['2026-11', '2026-12', '2027-01']
    """
    start, end = first_day(first), first_day(last)
    months = 12 * (end.year - start.year) + end.month - start.month
    return [f"{add_months(start, month):%Y-%m}" for month in range(months + 1)]


def month_number(period: str) -> int:
    """A billing period as a number, so that the difference of two counts months.

    >>> month_number("2027-02") - month_number("2026-11")
    3
    """
    year, month = period.split("-")
    return int(year) * 12 + int(month)


@cache
def period_bounds(period: str, zone: str) -> tuple[datetime, datetime]:
    """The half-open interval of a billing period, in UTC.

    >>> [at.isoformat() for at in period_bounds("2026-10", "Europe/Berlin")]
    ['2026-09-30T22:00:00+00:00', '2026-10-31T23:00:00+00:00']
    """
    start = first_day(period)
    return day_start(start, zone), day_start(add_months(start, 1), zone)


def period_of(instant: datetime, zone: str) -> str:
    """The billing period an instant belongs to, where the account is.

    >>> period_of(datetime(2026, 9, 30, 22, tzinfo=UTC), "Europe/Berlin")
    '2026-10'
    """
    local = instant.astimezone(_zone(zone))
    period = f"{local:%Y-%m}"
    if local.fold and instant >= period_bounds(period, zone)[1]:
        return next_period(period)  # the clock went back over the midnight that had ended the month
    return period


@cache
def boundary_instant(boundary: str, zone: str) -> datetime:
    """A `valid_from`/`valid_until` as an instant: a day is the account's local midnight, an instant is itself.

    >>> boundary_instant("2026-10-01", "UTC") == boundary_instant("2026-10-01T00:00:00.000000Z", "Asia/Seoul")
    True
    """
    if len(boundary) == 10:
        return day_start(date.fromisoformat(boundary), zone)
    return datetime.fromisoformat(boundary).astimezone(UTC)


def plus_wall_time(instant: datetime, duration: str, zone: str) -> datetime:
    """An instant plus a calendar duration, at the same local wall time.

    >>> plus_wall_time(datetime(2026, 10, 1, 12, tzinfo=UTC), "P1M", "Europe/Berlin").isoformat()
    '2026-11-01T13:00:00+00:00'
    """
    local = instant.astimezone(_zone(zone))
    day = add_duration(local.date(), duration)
    return datetime.combine(day, local.time(), _zone(zone)).astimezone(UTC)
