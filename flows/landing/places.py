"""Where each series belongs. Checks are made on series and dates, of which there are few, never on rows (U4, U5).

Every boundary becomes an instant here, by `rating.periods` and the zone of the account; the engine only compares
instants.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.landing.sql import query
from flows.landing.workspace import Workspace
from rating.hashing import hash64_sql
from rating.periods import boundary_instant, local_day, next_period, period_bounds
from schemas.units import Instant, Text

if TYPE_CHECKING:
    from flows.reference import Reference

KEY_COLUMNS = tuple(
    f"series.{name}"
    for name in ("billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "consumed_unit")
)


def place_series(desk: Workspace, reference: Reference, buckets: int, issued_periods: pl.DataFrame) -> None:
    """Make table `placed_series` of table `series_parts`.

    Reads    series_parts; billing_accounts, sub_accounts, skus, unit_conversions, billing_policies
             issued_periods: those that take no more usage, as `periods_that_take_no_usage` makes them (X4)
    Makes    placed_series: one row per series and stretch of time in which nothing it depends on changes
    Rejects  by code, in column `codes`: what is wrong with every row of the series in that stretch
    Source   U4, U5; architecture, Series and Buckets
    """
    connection = desk.connection
    _register(desk, "accounts", _account_stretches(reference["billing_accounts"]))
    _register(desk, "skus", reference["skus"].select("sku_id", "pricing_unit", "allows_corrections", *VALID))
    _register(desk, "projects", reference["sub_accounts"].select("sub_account_id", "billing_account_id", *VALID))
    _register(desk, "conversions", reference["unit_conversions"].select("from_unit", "to_unit", "sku_id", *VALID))
    connection.execute(query("places"))
    _register(desk, "boundaries", _boundaries(desk))
    months = _months(desk)
    _register(desk, "months", months)
    _register(desk, "issued_periods", issued_periods)
    _register(desk, "open_periods", _open_periods(desk, reference["billing_policies"], months))
    hashes = {"series_id": hash64_sql(*KEY_COLUMNS), "bucket": f"({hash64_sql(KEY_COLUMNS[0])} % {buckets})::integer"}
    connection.execute(
        query("placed_series").replace("{series_id}", hashes["series_id"]).replace("{bucket}", hashes["bucket"])
    )
    _check_hashes(desk)


VALID = ("valid_from", "valid_until")


def is_keyed_by_hash(desk: Workspace) -> bool:
    """Is the engine's hash of the key different for every series of this run? Then it can stand for the key."""
    row = desk.connection.sql("select count(*) = count(distinct key_hash) from series").fetchone()
    return bool(row and row[0])


def _register(desk: Workspace, name: str, frame: pl.DataFrame) -> None:
    desk.connection.register("registered", frame.to_arrow())
    desk.connection.execute(f"create table {name} as from registered")
    desk.connection.unregister("registered")


def _check_hashes(desk: Workspace) -> None:
    """Two series of one hash would be one series ever after."""
    found = desk.connection.sql(
        "select series_id from (select distinct series_id, key_hash from placed_series where codes = []) "
        "group by series_id having count(*) > 1"
    ).fetchall()
    if found:
        raise RuntimeError(f"two series have the content hash {found[0][0]}; rename a resource of one of them")


def _account_stretches(accounts: pl.DataFrame) -> pl.DataFrame:
    """An account's time, row by row, without overlap.

    Where one row begins the one before it ends, in the new row's zone.
    """
    rows: list[tuple[str, str, datetime, datetime | None]] = []
    for (account,), own in accounts.sort("billing_account_id", "valid_from").group_by(
        "billing_account_id", maintain_order=True
    ):
        dated = own.select("time_zone", *VALID).rows()
        starts = [boundary_instant(valid_from, zone) for zone, valid_from, _ in dated]
        for index, (zone, _, valid_until) in enumerate(dated):
            following = dated[index + 1][1] if index + 1 < len(dated) else None
            own_end = boundary_instant(valid_until, zone) if valid_until else None
            rows.append(
                (
                    str(account),
                    zone,
                    starts[index],
                    starts[index + 1] if following == valid_until and following else own_end,
                )
            )
    schema = {"billing_account_id": Text, "time_zone": Text, "starts": Instant, "ends": Instant}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _boundaries(desk: Workspace) -> pl.DataFrame:
    """Every boundary that could matter, as an instant in every zone in which it could."""
    pairs = desk.connection.sql(
        "select distinct unnest([valid_from, valid_until]) as boundary, time_zone from dated_rows"
    ).fetchall()
    known = [
        (boundary, zone, boundary_instant(boundary, zone)) for boundary, zone in sorted(pairs, key=str) if boundary
    ]
    return pl.DataFrame(known, schema={"boundary": Text, "time_zone": Text, "moment": Instant}, orient="row")


def _months(desk: Workspace) -> pl.DataFrame:
    """The billing periods of every zone between its first and last record."""
    spans = desk.connection.sql(
        "select time_zone, min(earliest), max(latest) from terms join term_zones using (term) "
        "group by time_zone having min(earliest) is not null order by time_zone"
    ).fetchall()
    rows = [row for zone, earliest, latest in spans for row in _months_between(zone, earliest, latest)]
    schema = {"time_zone": Text, "billing_period": Text, "starts": Instant, "ends": Instant}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _months_between(zone: str, earliest: datetime, latest: datetime) -> Iterator[tuple[str, str, datetime, datetime]]:
    period = f"{local_day(earliest, zone):%Y-%m}"
    while period_bounds(period, zone)[0] <= latest:
        yield zone, period, *period_bounds(period, zone)
        period = next_period(period)


def _open_periods(desk: Workspace, policies: pl.DataFrame, months: pl.DataFrame) -> pl.DataFrame:
    """The earliest open period of every account, as its policies say at the last instant of each of its periods."""
    schema = {"billing_account_id": Text, "billing_period": Text, "earliest_open_period": Text}
    rows = (
        policies.filter(pl.col("policy") == "earliest_open_period").select("billing_account_id", "value", *VALID).rows()
    )
    if all(value == "none" for _, value, _, _ in rows):
        return pl.DataFrame(schema=schema)
    accounts = desk.connection.sql(
        "select distinct billing_account_id, time_zone from terms join accounts using (billing_account_id) order by all"
    ).fetchall()
    found: list[tuple[str, str, str]] = []
    by_zone: dict[str, list[tuple[str, datetime]]] = {}
    for zone, period, _, end in months.rows():
        by_zone.setdefault(zone, []).append((period, end - timedelta(microseconds=1)))
    for account, zone in accounts:
        own = [row for row in rows if row[0] in (account, None)]
        for period, last in by_zone.get(zone, []):
            in_force = [row for row in own if _covers(row[2], row[3], last, zone)]
            best = max(in_force, key=lambda row: (row[0] is not None, boundary_instant(row[2], zone)), default=None)
            if best and best[1] != "none":
                found.append((account, period, best[1]))
    return pl.DataFrame(found, schema=schema, orient="row")


def _covers(valid_from: str, valid_until: str | None, at: datetime, zone: str) -> bool:
    starts = boundary_instant(valid_from, zone) <= at
    return starts and (valid_until is None or at < boundary_instant(valid_until, zone))
