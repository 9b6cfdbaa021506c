"""Times without a zone, read in the zone that a mapping names: a local time is an instant if it stands exactly once.

The offsets come from Python's `zoneinfo`, like every boundary, and are handed to the engine as a short list of
stretches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from flows.sql import literal

MARGIN = timedelta(days=2)
STEP = timedelta(hours=1)
FIRST, LAST = datetime(1970, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001 (local times); usage lies well inside

Stretch = tuple[datetime, datetime, timedelta]
"""Local times from, until, and how far they are ahead of UTC."""


def reader(zone: str, earliest: datetime | None, latest: datetime | None) -> Callable[[str], str]:
    """SQL that turns a naive text into an instant's text; other texts pass as they are.

    A local time that a change of clocks leaves out, or brings twice, gets the zone's name behind it: no instant looks
    so.
    """
    if zone == "UTC" or earliest is None or latest is None:
        return lambda text: f"case when is_naive({text}) then {text} || 'Z' else {text} end"
    stretches = once(zone, max(earliest, FIRST), min(latest, LAST))

    def read(text: str) -> str:
        local = f"naive_of({text})"
        # the fraction is kept as text, so that digits beyond the microsecond are judged and not cut here
        fraction = f"regexp_extract({text}, '\\.\\d+')"
        branches = " ".join(
            f"when {local} >= {literal(str(start))}::timestamp and {local} < {literal(str(end))}::timestamp then "
            f"strftime({local} - to_microseconds({offset // timedelta(microseconds=1)}), '%Y-%m-%dT%H:%M:%S')"
            f" || {fraction} || 'Z'"
            for start, end, offset in stretches
        )
        return f"case when not is_naive({text}) then {text} {branches} else {text} || {literal(' ' + zone)} end"

    return read


def once(zone: str, earliest: datetime, latest: datetime) -> list[Stretch]:
    """The local times that stand exactly once, as stretches of one offset.

    >>> night = once("Europe/Berlin", datetime(2026, 10, 24), datetime(2026, 10, 26))
    >>> [(str(start), str(end), offset.seconds // 3600) for start, end, offset in night]
    [('2026-10-22 02:00:00', '2026-10-25 02:00:00', 2), ('2026-10-25 03:00:00', '2026-10-28 01:00:00', 1)]
    """
    stretches = list(_stretches(ZoneInfo(zone), earliest - MARGIN, latest + MARGIN))
    points = sorted({point for start, end, _ in stretches for point in (start, end)})
    return [
        (start, end, covering[0])
        for start, end in pairwise(points)
        if len(covering := [offset for first, last, offset in stretches if first <= start < last]) == 1
    ]


def _stretches(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Stretch]:
    """Stretches of UTC with one offset, as local times. Clocks change on whole hours of UTC, or on parts of one."""
    first = at = start.replace(minute=0, second=0, microsecond=0)
    while at < end:
        following = at + STEP
        if _offset(zone, following) != _offset(zone, at):
            change = _change(zone, at, following)
            yield first + _offset(zone, at), change + _offset(zone, at), _offset(zone, at)
            first = change
        at = following
    yield first + _offset(zone, at), at + _offset(zone, at), _offset(zone, at)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the offset changes."""
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if _offset(zone, middle) == _offset(zone, before) else (before, middle)
    return after


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()
