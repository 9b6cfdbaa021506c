"""Boundaries of windows: days and instants in one column, and which of two comes first.

A day is local midnight of an account that the row may not name, so a day and an instant of about that day have no
order until the row is joined to an account. Such a pair is refused, not guessed.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1900, 9998

UNSURE = 14 * 3600 * 10**6  # microseconds: how far local midnight may lie from that of UTC, in any zone
OPEN_END = 10**18  # microseconds: after every boundary


class Moment(NamedTuple):
    """A boundary on the time line: microseconds of UTC, and whether that is a day of an unknown zone."""

    microseconds: int
    is_day: bool


def start(text: str) -> str | None:
    """A boundary as the tables hold it, or None when it is neither a day nor an instant.

    >>> start("2026-10-01"), start("2026-10-01T09:00+09:00"), start("1.10.2026")
    ('2026-10-01', '2026-10-01T00:00:00.000000Z', None)
    """
    try:
        return _day(text).isoformat() if DAY.fullmatch(text) else _instant(text)
    except (ValueError, OverflowError):
        return None


def end(text: str) -> str | None:
    """The same for an end: an end *day* is inclusive where people write it, so the next day is the boundary (rule 1.2).

    >>> end("2026-12-31"), end("2026-12-31T23:00:00Z")
    ('2027-01-01', '2026-12-31T23:00:00.000000Z')
    """
    known = start(text)
    if known is None or not DAY.fullmatch(known):
        return known
    return (date.fromisoformat(known) + timedelta(days=1)).isoformat()


@lru_cache(maxsize=100_000)
def moment(boundary: str) -> Moment:
    """Where a boundary lies; a day as if its zone were UTC."""
    if DAY.fullmatch(boundary):
        return Moment(_microseconds(datetime.fromisoformat(boundary).replace(tzinfo=UTC)), True)
    return Moment(_microseconds(datetime.fromisoformat(boundary)), False)


def end_moment(boundary: str | None) -> Moment:
    """The same for an end, which may be open."""
    return Moment(OPEN_END, True) if boundary is None else moment(boundary)


def is_unsure(one: Moment, other: Moment) -> bool:
    """Is it the account's time zone that decides which comes first?

    >>> is_unsure(moment("2026-10-01"), moment("2026-10-01T05:00:00.000000Z"))
    True
    >>> is_unsure(moment("2026-10-01"), moment("2026-10-02T05:00:00.000000Z"))
    False
    """
    return one.is_day != other.is_day and abs(one.microseconds - other.microseconds) <= UNSURE


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(text)
    return day


def _instant(text: str) -> str | None:
    parts = INSTANT.fullmatch(text)
    if parts is None:
        return None
    seconds, fraction, offset = parts.group(1), (parts.group(2) or "").ljust(9, "0"), parts.group(3)
    if fraction[6:] != "000":
        return None  # finer than a microsecond: no table can hold it
    if len(seconds) == len("2026-10-01T00:00"):
        seconds += ":00"
    instant = datetime.fromisoformat(f"{seconds}.{fraction[:6]}{offset}").astimezone(UTC)
    _day(instant.date().isoformat())
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _microseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
