"""Dated rows: where a boundary lies for an account, and which of several rows is in force when.

Reference rows say days; a day is an instant only where an account is. Both joins here are over few rows: prices, terms
and accounts, never usage.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl

from rating.periods import (
    boundary_instant,
    day_start,
    local_day,
    month_number,
    period_bounds,
    period_of,
    periods_between,
)
from schemas.units import Instant

EVER = pl.lit(datetime(1, 1, 1, tzinfo=UTC), dtype=Instant)
FOREVER = pl.lit(datetime(9999, 1, 1, tzinfo=UTC), dtype=Instant)
LAST_INSTANT = pl.col("period_end") - pl.duration(microseconds=1)
"""Of a billing period: when the terms and policies of its documents are read."""


def instants(frame: pl.DataFrame, zone: str = "time_zone") -> pl.DataFrame:
    """Add `starts` and `ends`: `valid_from` and `valid_until` as instants where the row's account is.

    Reads    valid_from, valid_until [Boundary], a time zone per row
    Makes    starts, ends [Instant]; an open end is null
    Source   rule book, "Intervals"
    """
    return frame.with_columns(
        _resolved(frame, "valid_from", zone).alias("starts"), _resolved(frame, "valid_until", zone).alias("ends")
    )


FEW = 100
"""Rows up to which each is looked up by itself: telling pairs apart and joining them takes longer."""


def _resolved(frame: pl.DataFrame, boundary: str, zone: str) -> pl.Series:
    if frame.height <= FEW:
        rows = frame.select(boundary, zone).iter_rows()
        found = [None if at is None or where is None else boundary_instant(at, where) for at, where in rows]
        return pl.Series(boundary, found, dtype=Instant)
    pairs = frame.select(boundary, zone).unique().drop_nulls()
    known = [boundary_instant(at, where) for at, where in pairs.iter_rows()]
    table = pairs.with_columns(pl.Series("_instant", known, dtype=Instant))
    return frame.join(table, on=[boundary, zone], how="left", maintain_order="left")["_instant"]


def day_starts(frame: pl.DataFrame, day: str, zone: str = "time_zone") -> pl.Series:
    """The instant each row's calendar day begins, where the row's account is."""
    pairs = frame.select(day, zone).unique().drop_nulls()
    starts = pl.Series("_start", [day_start(one, where) for one, where in pairs.iter_rows()], dtype=Instant)
    return frame.join(pairs.with_columns(starts), on=[day, zone], how="left", maintain_order="left")["_start"]


def local_days(frame: pl.DataFrame, instant: str, zone: str = "time_zone") -> pl.Series:
    """The calendar day of each row's instant, where the row's account is."""
    pairs = frame.select(instant, zone).unique().drop_nulls()
    days = pl.Series("_day", [local_day(at, where) for at, where in pairs.iter_rows()], dtype=pl.Date)
    return frame.join(pairs.with_columns(days), on=[instant, zone], how="left", maintain_order="left")["_day"]


def local_months(frame: pl.DataFrame, instant: str, zone: str = "time_zone") -> pl.Series:
    """The billing period each row's instant lies in, where the row's account is, as a number: two of them subtract.

    Instants are looked up among the starts of the months there are, so many of them cost little more than few.
    """
    spans = frame.group_by(zone).agg(first=pl.col(instant).min(), last=pl.col(instant).max()).drop_nulls()
    months = [
        (where, month_number(period), period_bounds(period, where)[0])
        for where, first, last in spans.iter_rows()
        for period in periods_between(period_of(first, where), period_of(last, where))
    ]
    starts = pl.DataFrame(months, schema={zone: pl.String, "_month": pl.Int64, "_start": Instant}, orient="row")
    rows = frame.select(instant, zone).with_row_index("_row").sort(instant)
    found = rows.join_asof(starts.sort("_start"), left_on=instant, right_on="_start", by=zone, check_sortedness=False)
    return found.sort("_row")["_month"]


def period_starts(frame: pl.DataFrame, instant: str, zone: str = "time_zone") -> pl.Series:
    """Where the billing period begins that each row's instant lies in, where the row's account is."""
    return _replaced(frame, instant, zone, lambda at, where: period_bounds(period_of(at, where), where)[0])


def period_ends(frame: pl.DataFrame, instant: str, zone: str = "time_zone") -> pl.Series:
    """Where the billing period ends that holds what comes right before each row's instant."""
    just_before = timedelta(microseconds=1)
    return _replaced(
        frame, instant, zone, lambda at, where: period_bounds(period_of(at - just_before, where), where)[1]
    )


def _replaced(frame: pl.DataFrame, instant: str, zone: str, found: Callable[[datetime, str], datetime]) -> pl.Series:
    """Another instant for each; none for one so late that no period is."""
    pairs = frame.select(instant, zone).unique().filter(pl.col(instant) < FOREVER)
    known = pl.Series("_found", [found(at, where) for at, where in pairs.iter_rows()], dtype=Instant)
    rows = frame.join(pairs.with_columns(known), on=[instant, zone], how="left", maintain_order="left")
    return rows["_found"].alias(instant)


def covered(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that hold for some of their account's time in the period, and for which of it.

    Reads    starts, ends, lives_from, lives_until [Instant; a null end is open]
    Makes    covered_start, covered_end [Instant, half-open, never empty]
    Source   P9, P10
    """
    found = rows.with_columns(
        covered_start=pl.max_horizontal("starts", "lives_from"), covered_end=pl.min_horizontal("ends", "lives_until")
    )
    return found.filter(pl.col("covered_start") < pl.col("covered_end"))


def covered_days(frame: pl.DataFrame, zone: str = "time_zone") -> pl.DataFrame:
    """Add `days`, the local calendar days that `covered_start` to `covered_end` touches, and `days_of_month`.

    Reads    covered_start, covered_end [Instant, half-open, within the period], period_end, a time zone per row
    Makes    days, days_of_month [Int64]
    Source   P9, P10
    """
    last = frame.with_columns(pl.col("covered_end", "period_end") - pl.duration(microseconds=1))
    days = local_days(last, "covered_end", zone) - local_days(frame, "covered_start", zone)
    # the last day there is: Kiritimati's December 1994 had no 31st
    month = local_days(last, "period_end", zone).dt.day()
    return frame.with_columns(
        days.dt.total_days().cast(pl.Int64).alias("days") + 1, month.cast(pl.Int64).alias("days_of_month")
    )


def in_force(at: str) -> pl.Expr:
    """Whether a row with `starts` and `ends` is in force at the instant in column `at`."""
    return (pl.col("starts") <= pl.col(at)) & (pl.col("ends").is_null() | (pl.col(at) < pl.col("ends")))


def latest(frame: pl.DataFrame, rows: pl.DataFrame, on: list[str], at: str, zone: str = "time_zone") -> pl.DataFrame:
    """Join to each row of a frame the dated row that is in force at its instant; at most one is (checked on load).

    Reads    frame with columns `on`, `at` and a time zone; dated rows
    Makes    frame with the columns of rows beside it, null where none is in force
    """
    dated = frame.select(*on, at, zone).unique().join(rows, on=on, how="inner")
    found = instants(dated, zone).filter(in_force(at)).drop("starts", "ends", "valid_from", "valid_until")
    return frame.join(found, on=[*on, at, zone], how="left", maintain_order="left")


def timeline(candidates: pl.DataFrame, key: str, order: list[pl.Expr], descending: list[bool]) -> pl.DataFrame:
    """Which candidate is in force for each key, stretch by stretch.

    Reads    candidates with key, starts, ends, period_start, period_end (the window that is asked about)
             order, descending: which of several candidates in force goes first
    Makes    the candidates' columns, one row per stretch that has one, with `at`: the instant the stretch begins.
             A stretch without a candidate has a row too, with nulls; equal neighbours are still separate rows.
    """
    start, end = pl.col("period_start"), pl.col("period_end")
    inside = (pl.col("at") > start) & (pl.col("at") < end)
    columns = [key, "period_start", "period_end"]
    points = pl.concat(
        [
            candidates.select(*columns, at=start),
            candidates.select(*columns, at="starts").filter(inside),
            candidates.select(*columns, at="ends").filter(inside),
        ]
    ).unique()
    rows = candidates.drop("period_start", "period_end")
    best = (
        points.join(rows, on=key, how="inner")
        .filter(in_force("at"))
        .sort(pl.col(key), pl.col("at"), *order, descending=[False, False, *descending], nulls_last=True)
        .unique([key, "at"], keep="first", maintain_order=True)
    )
    stretches = points.select(key, "at").sort(key, "at")
    return stretches.join(best, on=[key, "at"], how="left", maintain_order="left")
