"""Metering of any usage is what a loop over its records finds, for every meter, stretch and detail (P1)."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.metering import NARROW, WIDE, metered_usage
from schemas.metered_usage import MeteredUsage
from schemas.units import Quantity
from tests.spec.metered_usage.metering import BREAKS, CUTOFFS, DETAILS, WANTED

START = datetime(2026, 10, 1, tzinfo=UTC)
METERS = ["sum", "count", "time_weighted", "max", "last", "unique"]
STORED = ["decimal(18, 0)", "decimal(18, 2)", "decimal(18, 6)", "decimal(38, 15)"]
Row = dict[str, Any]


def _at(microseconds: int) -> datetime:
    return START + timedelta(microseconds=microseconds)


# few different moments and quantities, so that ties, boundaries and equal values are common
MOMENTS = st.sampled_from([0, 1, 2, 3_600_000_000, 7_200_000_000, 7_200_000_001, 86_400_000_000, 200_000_000_000])
LENGTHS = st.sampled_from([0, 1, 1_500_000, 3_600_000_000, 86_400_000_000])
WHOLE = st.sampled_from([-3, -1, 0, 1, 2, 3, 10**13])


@st.composite
def usage(draw: st.DrawFn) -> Row:
    """A few series: records in one or two files, details, stretches and cutoffs."""
    series = draw(st.integers(1, 4))
    stored = draw(st.lists(st.sampled_from(STORED), min_size=1, max_size=2, unique=True))
    records = []
    for _ in range(draw(st.integers(0, 12))):
        file = draw(st.integers(0, len(stored) - 1))
        fractions = ["0"] if stored[file] == STORED[0] else ["0", "0.5", "-0.25"]
        fractions += ["0.000000000000001"] if stored[file] == STORED[-1] else []
        quantity = draw(WHOLE)
        if "6" in stored[file] and abs(quantity) >= 10**12:
            quantity = 7
        start = draw(MOMENTS)
        records.append(
            {
                "file": file,
                "series_id": draw(st.integers(1, series)),
                "charge_period_start": _at(start),
                "charge_period_end": _at(start + draw(LENGTHS)),
                "consumed_quantity": Decimal(quantity) + Decimal(draw(st.sampled_from(fractions))),
            }
        )
    flags = st.sampled_from([False, False, True])
    details = [
        {
            "series_id": one,
            "meter": draw(st.sampled_from(METERS)),
            "by_value": draw(flags),
            "by_instant": draw(flags),
            "is_split": False,
            "is_whole": False,
        }
        for one in range(1, series + 1)
        if draw(st.booleans())
    ]
    breaks = []
    for one in range(1, series + 1):
        cuts = sorted(draw(st.sets(MOMENTS.filter(bool), max_size=2)))
        bounds = [-1, *cuts, 10**13]
        if cuts:
            breaks += [
                {"series_id": one, "stretch": number, "starts": _at(bounds[number]), "ends": _at(bounds[number + 1])}
                for number in range(len(bounds) - 1)
            ]
    cutoffs = [{"series_id": one, "cutoff": _at(draw(MOMENTS))} for one in range(1, series + 1) if draw(flags)]
    wanted = draw(st.none() | st.sets(st.integers(1, series)))
    return {
        "stored": stored, "records": records, "details": details, "breaks": breaks, "cutoffs": cutoffs,
        "wanted": wanted,
    }  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(usage())
def test_metering_is_what_a_loop_over_the_records_finds(case: Row) -> None:
    found = sorted(_metered(case).rows(named=True), key=_key)
    assert found == sorted(_looped(case), key=_key)


def _key(row: Row) -> tuple[Any, ...]:
    value, at = row["value"], row["at"]
    return (row["series_id"], row["stretch"], value is None, value or 0, at or START)


def _metered(case: Row) -> pl.DataFrame:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set timezone = 'UTC'")
        files = []
        for number, stored in enumerate(case["stored"]):
            connection.execute(
                f"create table file_{number} (series_id ubigint, charge_period_start timestamptz, "
                f"charge_period_end timestamptz, consumed_quantity {stored})"
            )
            rows = [[*record.values()][1:] for record in case["records"] if record["file"] == number]
            if rows:
                connection.executemany(f"insert into file_{number} values (?, ?, ?, ?)", rows)
            files.append(f"from file_{number}")
        connection.execute(f"create view usage_records as {' union all '.join(files)}")
        if STORED[-1] in case["stored"] and len(files) > 1:
            wide = case["stored"].index(STORED[-1])
            connection.execute(f"create view {NARROW} as {files[1 - wide]}")
            connection.execute(f"create view {WIDE} as {files[wide]}")
        wanted = None if case["wanted"] is None else pl.DataFrame({"series_id": sorted(case["wanted"])}, schema=WANTED)
        found = metered_usage(
            connection,
            breaks=pl.DataFrame(case["breaks"], schema=BREAKS),
            cutoffs=pl.DataFrame(case["cutoffs"], schema=CUTOFFS),
            details=pl.DataFrame(case["details"], schema=DETAILS),
            wanted=wanted,
        )
    return MeteredUsage.check(found)


def _looped(case: Row) -> list[Row]:
    details = {row["series_id"]: row for row in case["details"]}
    cutoffs = {row["series_id"]: row["cutoff"] for row in case["cutoffs"]}
    rows: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for record in case["records"]:
        series, start = record["series_id"], record["charge_period_start"]
        if case["wanted"] is not None and series not in case["wanted"]:
            continue
        if series in cutoffs and start >= cutoffs[series]:
            continue
        detail = details.get(series, {"by_value": False, "by_instant": False})
        stretches = [
            row["stretch"]
            for row in case["breaks"]
            if row["series_id"] == series and row["starts"] <= start < row["ends"]
        ]
        value = record["consumed_quantity"] if detail["by_value"] else None
        at = start if detail["by_instant"] else None
        rows[(series, stretches[0] if stretches else 0, value, at)].append(record)
    return [_one(key, records, details.get(key[0], {}).get("meter", "sum")) for key, records in rows.items()]


def _one(key: tuple[Any, ...], records: list[Row], meter: str) -> Row:
    positive = [record for record in records if record["consumed_quantity"] > 0]
    weighed = [
        record
        for record in positive
        if meter != "time_weighted" or record["charge_period_start"] < record["charge_period_end"]
    ]
    row = dict.fromkeys(MeteredUsage.columns())
    row |= {
        "series_id": key[0],
        "stretch": key[1],
        "value": key[2],
        "at": key[3],
        "consumed_quantity": _sum(records),
        "record_count": len(records),
        "first_record_at": min(record["charge_period_start"] for record in records),
        "positive_count": len(positive),
        "first_positive_at": min((record["charge_period_start"] for record in weighed), default=None),
    }
    if meter == "max":
        peak = max(record["consumed_quantity"] for record in records)
        row["peak_quantity"] = peak
        row["peak_at"] = min(record["charge_period_start"] for record in records if record["consumed_quantity"] == peak)
    if meter == "last":
        last = max(
            (record["charge_period_start"], record["charge_period_end"], record["consumed_quantity"])
            for record in records
        )
        row |= dict(zip(("last_start_at", "last_end_at", "last_quantity"), last, strict=True))
    if meter == "time_weighted":
        total = sum(
            Fraction(record["consumed_quantity"])
            * ((record["charge_period_end"] - record["charge_period_start"]) // timedelta(microseconds=1))
            for record in records
        )
        scaled = total * 10**Quantity.scale
        assert scaled.denominator == 1
        whole, rest = divmod(scaled.numerator, 10**Quantity.scale)
        row |= {"quantity_time_whole": Decimal(whole), "quantity_time_rest": Decimal(rest)}
    return row


def _sum(records: list[Row]) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return sum((record["consumed_quantity"] for record in records), Decimal(0))
