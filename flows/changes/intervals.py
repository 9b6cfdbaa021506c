"""When a dated table says something else than it said: its rows by content, each with the time it covers (X1)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from flows.reference.boundaries import DAY, end_moment, moment
from schemas.units import Day

Interval = tuple[str, str | None]
"""`valid_from` and `valid_until` as the tables hold them."""
Content = tuple[Any, ...]

EVER, FOREVER = date(1, 1, 1), date(9999, 1, 1)
SPAN = {"from_on": Day, "until_on": Day}
"""The local days on which a row differs [half-open]."""
_ANY_ZONE = timedelta(days=1)
DATED = ("valid_from", "valid_until")


def differences(
    before: pl.DataFrame, after: pl.DataFrame, *, leaving_out: Collection[str] = (), by_start: bool = False
) -> pl.DataFrame:
    """What a table says of any day that it did not say before, or says no more.

    Rows are compared by what they say, without their dates, and by the time that is covered by it: a row that was cut
    in two and says the same in both parts has not changed. A day is one of the account's own, as its billing periods
    are; an instant may lie on either side of it, so it is widened by a day.

    Reads    before, after: the table then and now, dated or not
             leaving_out: columns that do not count; by_start: whether a row's first day is part of what it says
    Makes    the other columns of the table, from_on, until_on
    """
    columns = [name for name in after.columns if name not in (*leaving_out, *DATED)]
    starts = ["valid_from"] if by_start and "valid_from" in after.columns else []
    dates = [name for name in DATED if name in after.columns and name not in leaving_out]
    was, now = (_covered(rows, [*columns, *starts], dates) for rows in (before, after))
    changed = [
        (*_as_cells(content[: len(columns)]), *days)
        for content in sorted(was.keys() | now.keys(), key=repr)
        for days in _days(was.get(content, set()), now.get(content, set()))
    ]
    schema = {name: after.schema[name] for name in columns} | SPAN
    return pl.DataFrame(changed, schema=schema, orient="row")


def _as_cells(content: Content) -> list[Any]:
    return [list(cell) if isinstance(cell, tuple) else cell for cell in content]


def _covered(rows: pl.DataFrame, columns: Sequence[str], dates: Sequence[str]) -> dict[Content, set[Interval]]:
    """The intervals in which each content is said; an undated row is said for ever."""
    starts, ends = (rows[name].to_list() if name in dates else [None] * rows.height for name in DATED)
    found: dict[Content, set[Interval]] = {}
    contents = zip(*(rows[name].to_list() for name in columns), strict=True)
    for content, start, end in zip(contents, starts, ends, strict=True):
        key = tuple(tuple(cell) if isinstance(cell, list) else cell for cell in content)
        found.setdefault(key, set()).add((start or EVER.isoformat(), end))
    return found


def _days(was: set[Interval], now: set[Interval]) -> Iterator[tuple[date, date]]:
    """The days on which one of two coverings holds and the other does not."""
    if was == now:
        return
    boundaries = {boundary for interval in was | now for boundary in interval if boundary is not None}
    kinds = {bool(DAY.fullmatch(boundary)) for boundary in boundaries}
    if len(kinds) > 1:  # days and instants have no order without a zone
        yield from map(_widened, was ^ now)
        return
    for interval in _uncommon(was, now):
        yield _as_days(interval) if kinds == {True} else _widened(interval)


def _uncommon(was: Iterable[Interval], now: Iterable[Interval]) -> Iterator[Interval]:
    """The stretches that only one of two coverings holds; boundaries all of one kind.

    >>> list(_uncommon([("2026-01-01", None)], [("2026-01-01", "2026-06-01"), ("2026-06-01", "2026-11-01")]))
    [('2026-11-01', None)]
    """
    intervals = [*((one, 1) for one in was), *((one, -1) for one in now)]
    points = sorted({at for interval, _ in intervals for at in interval if at is not None}, key=moment)
    for start, end in zip(points, [*points[1:], None], strict=True):
        at = moment(start).microseconds
        held = {which for (first, last), which in intervals if _holds(first, last, at)}
        if len(held) == 1:
            yield start, end


def _holds(start: str, end: str | None, at: int) -> bool:
    return moment(start).microseconds <= at < end_moment(end).microseconds


def _as_days(interval: Interval) -> tuple[date, date]:
    start, end = interval
    return date.fromisoformat(start), date.fromisoformat(end) if end else FOREVER


def _widened(interval: Interval) -> tuple[date, date]:
    """The days that an interval may touch in any zone."""
    start, end = interval
    first = datetime.fromisoformat(start).date()
    return (
        first - _ANY_ZONE if first > EVER else EVER,
        datetime.fromisoformat(end).date() + 2 * _ANY_ZONE if end else FOREVER,
    )


def with_tiers(prices: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Price rows, each with its tiers as part of what it says: a tier has no dates but those of its price.

    Reads    the reference tables
    Makes    SkuPrices and `tiers`
    """
    tiers = prices["price_tiers"].sort("sku_price_id", "up_to", nulls_last=True)
    cells = [pl.col(name).cast(pl.String).fill_null("") for name in ("up_to", "unit_price", "flat_fee")]
    said = tiers.group_by("sku_price_id", maintain_order=True).agg(
        tiers=pl.concat_str(cells, separator=" ").str.join("; ")
    )
    return prices["sku_prices"].join(said, on="sku_price_id", how="left", maintain_order="left")
