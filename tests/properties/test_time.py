"""Billing months in every kind of zone: clocks that change by an hour or a half, midnights that are missing or come
twice, days that never were. Every instant belongs to one month; the months of a zone follow one another without gap or
overlap; and what is used bills in the month it starts in, weighed by the month's real time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.lake.journal import Lake
from rating.periods import day_start, local_day, next_period, period_bounds, period_of
from tests import oracle
from tests.flows.ingest.world import ingest, reference, usage, write
from tests.pipeline import rate_world
from tests.worlds import World, make_world

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Havana",  # changes its clock at midnight
    "America/St_Johns",  # until 2011 a minute after midnight, back into the day before
    "America/Santiago",
    "Asia/Kolkata",  # 5:30 ahead
    "Asia/Kathmandu",  # 5:45 ahead
    "Australia/Lord_Howe",  # changes its clock by half an hour
    "Pacific/Chatham",  # 12:45 ahead
    "Pacific/Apia",  # had no 30 December 2011
    "Pacific/Kwajalein",  # had no 21 August 1993
    "Pacific/Kiritimati",  # had no 31 December 1994, the last of its month
)
HOUR, MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)


def periods(first: str, last: str) -> list[str]:
    found = [first]
    while found[-1] != last:
        found.append(next_period(found[-1]))
    return found


# ---------------------------------------------------------------------------------------------------- the calendar


@pytest.mark.parametrize("zone", ZONES)
def test_months_follow_one_another_without_gap_or_overlap(zone: str) -> None:
    """From 1990 to 2110: each ends where the next begins, and none is shorter than 27 or longer than 32 days."""
    bounds = [period_bounds(period, zone) for period in periods("1990-01", "2110-12")]
    assert all(end == start for (_, end), (start, _) in pairwise(bounds))
    assert all(timedelta(days=27) < end - start < timedelta(days=32) for start, end in bounds)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [1993, 1994, 2009, 2011, 2026, 2028, 2100])
def test_every_instant_of_a_year_belongs_to_one_month(zone: str, year: int) -> None:
    """Asked every half hour of 366 days, and a microsecond before each: the months found never go back."""
    start, month = period_bounds(f"{year}-01", zone)[0], f"{year}-01"
    bounds = {period: period_bounds(period, zone) for period in periods(f"{year - 1}-12", f"{year + 1}-02")}
    for step in range(366 * 48):
        for instant in (start + step * HOUR / 2 - MICROSECOND, start + step * HOUR / 2):
            found = period_of(instant, zone)
            assert bounds[found][0] <= instant < bounds[found][1], f"{instant} is said to be in {found}"
            assert found >= month or step == 0
            month = max(month, found)


@given(
    st.integers(0, 120 * 365 * 24 * 60).map(
        lambda minutes: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.sampled_from(ZONES),
)
@settings(max_examples=200, deadline=None)
@example(datetime(2009, 11, 1, 2, 31, tzinfo=UTC), "America/St_Johns")  # 23:01 of October once more
@example(datetime(2011, 12, 30, 10, tzinfo=UTC), "Pacific/Apia")
@example(datetime(1994, 12, 31, 10, tzinfo=UTC), "Pacific/Kiritimati")
def test_an_instant_lies_within_its_month_and_in_no_other(instant: datetime, zone: str) -> None:
    month = period_of(instant, zone)
    around = [f"{(date.fromisoformat(month + '-15') + timedelta(days=days)):%Y-%m}" for days in (-31, 0, 31)]
    assert [p for p in around if period_bounds(p, zone)[0] <= instant < period_bounds(p, zone)[1]] == [month]
    assert local_day(instant, zone) == instant.astimezone(ZoneInfo(zone)).date()
    day = local_day(instant, zone)
    assert day_start(day, zone) <= instant


@pytest.mark.parametrize(
    ("zone", "period", "hours"),
    [
        ("Europe/Berlin", "2026-03", 743),
        ("Europe/Berlin", "2026-10", 745),
        ("America/New_York", "2026-03", 743),
        ("America/New_York", "2026-11", 721),
        ("Australia/Lord_Howe", "2026-04", 720.5),
        ("Australia/Lord_Howe", "2026-10", 743.5),
        ("Asia/Kolkata", "2026-03", 744),
        ("Asia/Kathmandu", "2026-10", 744),
        ("Pacific/Apia", "2011-12", 720),
        ("Pacific/Kwajalein", "1993-08", 720),
        ("Pacific/Kiritimati", "1994-12", 720),
        ("Europe/Berlin", "2028-02", 696),
        ("UTC", "2028-02", 696),
        ("UTC", "2100-02", 672),
        ("Asia/Kolkata", "2100-02", 672),
    ],
)
def test_a_month_has_its_real_hours(zone: str, period: str, hours: float) -> None:
    """An hour more or less, or half of one, where the clock changes; a day less where a day was left out; 2100 is no
    leap year, 2028 is.
    """
    start, end = period_bounds(period, zone)
    assert end - start == hours * HOUR
    assert oracle.period_bounds(period, zone) == (start, end)


def test_a_day_that_never_was_begins_where_the_next_does() -> None:
    """Apia went from 29 to 31 December 2011 at 10:00 UTC, Kwajalein from 20 to 22 August 1993 at 12:00 UTC."""
    for zone, skipped, after, instant in (
        ("Pacific/Apia", date(2011, 12, 30), date(2011, 12, 31), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        ("Pacific/Kwajalein", date(1993, 8, 21), date(1993, 8, 22), datetime(1993, 8, 21, 12, tzinfo=UTC)),
    ):
        assert day_start(skipped, zone) == day_start(after, zone) == instant
        assert local_day(instant, zone) == after
        assert local_day(instant - MICROSECOND, zone) == skipped - timedelta(days=1)


# ------------------------------------------------------------------------------------------------------- the bill


def world(period: str, zone: str, *, meter: str = "sum", price: str = "1", **tables: list[dict[str, object]]) -> World:
    """One account in the zone, its tables in force since 1990, known two days after the month."""
    made = make_world(
        period,
        period_bounds(period, zone)[1] + timedelta(days=2),
        billing_accounts=[{"time_zone": zone}],
        skus=[{"meter": meter}],
        sku_prices=[{"list_unit_price": Decimal(price)}],
        tax_rates=[{"rate": Decimal(0)}],
        **tables,
    )
    for rows in made.values():
        for row in rows if isinstance(rows, list) else ():
            if row.get("valid_from") == "2020-01-01":
                row["valid_from"] = "1990-01-01"
    return made


def records(*spans: tuple[datetime, datetime, int]) -> list[dict[str, object]]:
    return [
        {
            "usage_record_id": f"u{place}",
            "charge_period_start": start,
            "charge_period_end": end,
            "consumed_quantity": Decimal(quantity),
        }
        for place, (start, end, quantity) in enumerate(spans)
    ]


MONTHS = (
    ("Europe/Berlin", "2026-03"),
    ("Europe/Berlin", "2026-10"),
    ("America/New_York", "2026-11"),
    ("America/Havana", "2026-11"),
    ("Australia/Lord_Howe", "2026-10"),
    ("Asia/Kolkata", "2028-02"),
    ("Asia/Kathmandu", "2100-02"),
    ("Pacific/Apia", "2011-12"),
    ("Pacific/Kwajalein", "1993-08"),
    ("Pacific/Kiritimati", "1994-12"),
    ("America/St_Johns", "2009-11"),
)


@pytest.mark.parametrize(("zone", "period"), MONTHS)
def test_a_record_bills_in_the_month_of_its_first_microsecond(zone: str, period: str) -> None:
    """1 just before the month, 10 at its start, 100 just before its end, 1000 at its end: 110 in the month, 1000 in the
    next.
    """
    start, end = period_bounds(period, zone)
    instants = ((start - MICROSECOND, 1), (start, 10), (end - MICROSECOND, 100), (end, 1000))
    used = records(*((at, at + HOUR, quantity) for at, quantity in instants))
    for billed, cost in ((period, 110), (next_period(period), 1000)):
        invoices = rate_world(world(billed, zone, usage_records=used)).invoices
        assert invoices["amount_due"].to_list() == [Decimal(cost)]


@pytest.mark.parametrize(("zone", "period"), MONTHS)
def test_what_is_held_all_month_is_one_and_an_hour_its_real_share(zone: str, period: str) -> None:
    """Eight units from the first to the last instant are eight; at as many units as the month has half hours, half an
    hour of one is one.
    """
    start, end = period_bounds(period, zone)
    half_hours = (end - start) // (HOUR / 2)
    spans = ((start, end, 8), (start + 9 * HOUR, start + 9 * HOUR + HOUR / 2, half_hours))
    for span, wanted in zip(spans, (8, 1), strict=True):
        lines = rate_world(world(period, zone, meter="time_weighted", usage_records=records(span))).rating_lines
        assert lines["pricing_quantity"].to_list() == [Decimal(wanted)]
        assert lines["list_cost"].to_list() == [Decimal(wanted)]


@pytest.mark.parametrize(
    ("zone", "year"), [("Europe/Berlin", 2026), ("Australia/Lord_Howe", 2028), ("Pacific/Apia", 2011)]
)
def test_a_year_of_months_is_twelve(zone: str, year: int) -> None:
    """A unit that is held all year, in a record a month: one each month, however long."""
    months = periods(f"{year}-01", f"{year}-12")
    used = records(*((*period_bounds(month, zone), 1) for month in months))
    for month in months:
        billed = rate_world(world(month, zone, meter="time_weighted", usage_records=used))
        assert billed.invoices["amount_due"].to_list() == [Decimal(1)]


@pytest.mark.parametrize("proration", ["none", "day", "second"])
@pytest.mark.parametrize(("zone", "period"), MONTHS)
def test_a_subscription_of_a_whole_month_is_due_whole(zone: str, period: str, proration: str) -> None:
    """However many days or hours the month has, and though one of its days never was (P9)."""
    item = {
        "recurring_item_id": "plan",
        "billing_account_id": "acme",
        "sub_account_id": None,
        "resource_id": None,
        "sku_id": "vm",
        "region_id": None,
        "quantity": Decimal(1),
        "proration": proration,
        "valid_from": "1990-01-01",
        "valid_until": None,
    }
    made = world(period, zone, price="100")
    made["recurring_items"] = [item]
    assert rate_world(made).invoices["amount_due"].to_list() == [Decimal(100)]


def test_ingest_puts_each_record_where_its_account_has_it(tmp_path: Path) -> None:
    """Ten accounts in ten zones, each with records a microsecond before and at the ends of its October 2026."""
    zones = [zone for zone in ZONES if zone != "UTC"][:10]
    accounts = [
        {"billing_account_id": zone, "time_zone": zone, "valid_from": "2026-01-01", "sub_account_id": None}
        for zone in zones
    ]
    rows, wanted = [], {}
    for zone in zones:
        start, end = period_bounds("2026-10", zone)
        for name, at, month in (
            ("before", start - MICROSECOND, "2026-09"),
            ("first", start, "2026-10"),
            ("last", end - MICROSECOND, "2026-10"),
            ("after", end, "2026-11"),
        ):
            wanted[f"{zone}-{name}"] = month
            rows.append(
                usage(
                    usage_record_id=f"{zone}-{name}",
                    billing_account_id=zone,
                    sub_account_id=None,
                    charge_period_start=f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
                    charge_period_end=f"{at + HOUR:%Y-%m-%dT%H:%M:%S.%fZ}",
                )
            )
    lake = Lake.create(tmp_path / "lake")
    known = reference(
        billing_accounts=[{k: v for k, v in one.items() if v is not None} for one in accounts], sub_accounts=[]
    )
    ingest(lake, write(tmp_path, rows), reference=known)
    found = {
        record: month
        for month in ("2026-09", "2026-10", "2026-11")
        for record in lake.snapshot().read("usage_records", billing_period=month)["usage_record_id"]
    }
    assert found == wanted
