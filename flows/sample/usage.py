"""The usage of a sample world, generated in DuckDB: a table of hourly series, and every hour of each in files.

Nothing here is random and nothing depends on threads: one single-threaded connection writes a file in time order, so
its bytes are the same however many files are written at once; rows stream to the file and are not held.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from flows.progress import Progress
from flows.sample import showcase
from flows.sample.bad_rows import EACH
from flows.sample.calendar import HOUR, Month
from flows.sample.catalogue import REGIONS, Sku
from flows.sample.customers import GERMANY, MOVE_HOUR, ZONES, Account, customers, moving_projects
from rating.hashing import hash64

SERIES_PER_ACCOUNT = 4
"""How many series an account has on average at least; in small worlds they then do not last the whole month."""

LEAST_HOURS = EACH
"""A series has at least as many records as there are bad ones of a kind to be made from them."""

GOOD_SERIES = 3
"""Bad records are made from the first records of so many series."""

SHOWCASE_SHARE = 4
"""In the smallest worlds the showcase has one row in so many, and then no whole month."""

DAYS_PER_FILE = 4

LOAD = (
    *(120, 90, 70, 60, 60, 80, 150, 320, 560, 760, 880, 940),
    *(900, 930, 960, 1000, 980, 900, 780, 640, 520, 400, 280, 190),
)
"""How busy each hour of the UTC day is, of 1000."""

DECIMAL = pl.Decimal(18, 6)


@dataclass(frozen=True)
class Plan:
    """How many rows go where: the showcase first, then series that are as long as each other, to the row."""

    month: Month
    began: Month
    """When the world began, and its terms change."""
    rows: int
    seed: int
    accounts: tuple[Account, ...]
    """As they began: what they have of projects and contracts, also in a later month."""
    series_counts: tuple[int, ...]
    """How many series each of them has this month, beside the showcase's own."""
    showcase_hours: int
    series: int
    shortest: int
    longer: int

    @property
    def period_mark(self) -> str:
        """What the ids of this month's records begin with, so that two sample months do not share an id."""
        return f"{self.month.period[2:4]}{self.month.period[5:]}-"


@dataclass(frozen=True)
class Stretch:
    """Consecutive hours of the month that go into one file."""

    name: str
    first_hour: int
    last_hour: int


def plan(
    month: Month, accounts: int, rows: int, seed: int, *, half_to_one: bool = False, first: Plan | None = None
) -> Plan:
    """Divide the rows: whole months where there are rows enough for them, shorter lives of resources where not.

    Sizes of accounts fall as Zipf's law has it; with `half_to_one` one account has half of all series. `first` is the
    plan of the month that the world began with, where this is a later one.

    >>> small = plan(Month("2026-10"), 200, 200_000, 1)
    >>> small.showcase_hours, small.series, small.shortest, small.longer
    (745, 800, 237, 715)
    >>> small.showcase_hours * 13 + small.series * small.shortest + small.longer
    200000
    """
    shown = len(showcase.SERIES)
    opens, closes = month.hours(GERMANY.time_zone)
    showcase_hours = min(closes - opens, rows // (SHOWCASE_SHARE * shown))
    left = rows - shown * showcase_hours
    longest = min(closes - opens for opens, closes in map(month.hours, ZONES))
    series = min(left // LEAST_HOURS, max(-(-left // longest), SERIES_PER_ACCOUNT * accounts))
    shortest, longer = divmod(left, series)
    now = tuple(customers(accounts, series, seed, half_to_one=half_to_one))
    counts = tuple(account.series_count for account in now)
    began, who = (first.month, first.accounts) if first else (month, now)
    return Plan(month, began, rows, seed, who, counts, showcase_hours, series, shortest, longer)


def stretches(month: Month) -> list[Stretch]:
    """The Parquet files of a month: one for every four days; the first and the last have what other time zones add.

    >>> [stretch.name for stretch in stretches(Month("2026-02"))][-2:]
    ['2026-02-21_2026-02-24.parquet', '2026-02-25_2026-02-28.parquet']
    """
    firsts = range(1, month.days + 1, DAYS_PER_FILE)
    lasts = [min(first + DAYS_PER_FILE - 1, month.days) for first in firsts]
    edges = [0, *(24 * first for first in firsts[1:]), 24 * (month.days + 2)]
    return [
        Stretch(f"{month.day(first)}_{month.day(last)}.parquet", *hours)
        for first, last, hours in zip(firsts, lasts, pairwise(edges), strict=True)
    ]


class UsageGenerator:
    """The series of a world in DuckDB, and its records on demand."""

    def __init__(self, plan: Plan, catalogue: Sequence[Sku]) -> None:
        self.plan = plan
        self.connection = duckdb.connect()
        self.connection.execute("set threads = 1")  # for each file, which keeps its rows in order
        slots = _slots(catalogue)
        for name, frame in {
            "accounts": _account_frame(plan),
            "slots": slots,
            "showcase_series": _showcase_frame(plan),
            "moving_projects": _moving_frame(plan),
        }.items():
            self.connection.register("frame", frame.to_arrow())
            self.connection.execute(f"create table {name} as select * from frame")
        self._set_variables(
            self.connection,
            seed=str(plan.seed),
            slot_count=slots.height,
            showcase_hours=plan.showcase_hours,
            shortest=plan.shortest,
            longer=plan.longer,
            middle=MOVE_HOUR,
            regions=list(REGIONS),
        )
        self.connection.execute(_sql("series"))
        self.connection.execute(_sql("usage_records"))
        self.series_count: int = self.fetch("select count(*) from series")[0][0]

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query over the series of the world."""
        return self.connection.execute(query).fetchall()

    def records(self, series_number: int, count: int | None = None) -> pl.DataFrame:
        """The records of one series in time order: all, or the first few."""
        first, last = self.fetch(f"select first_hour, last_hour from series where series_number = {series_number}")[0]
        until = last if count is None else min(last, first + count)
        cursor = self._cursor((series_number, series_number))
        return cursor.execute(self._query(first, until)).pl()

    def good_records(self) -> pl.DataFrame:
        """A few records of a few series after those of the showcase, to make bad ones from."""
        first = len(showcase.SERIES)
        return pl.concat(self.records(number, LEAST_HOURS) for number in range(first, first + GOOD_SERIES))

    @property
    def parquet_series(self) -> int:
        """All but the last two series are delivered as Parquet; one comes as CSV, one as JSON Lines."""
        return self.series_count - 2

    def write(self, path: Path, stretch: Stretch, extra: pl.DataFrame | None) -> None:
        """Write one Parquet file, the extra rows at its end."""
        cursor = self._cursor((0, self.parquet_series - 1))
        query = self._query(stretch.first_hour, stretch.last_hour)
        if extra is not None:
            cursor.register("extra", extra.to_arrow())
            query += " union all from extra"
        target = str(path).replace("'", "''")
        cursor.execute(f"copy ({query}) to '{target}' (format parquet, compression zstd)")

    def write_all(self, folder: Path, extra: pl.DataFrame | None, threads: int, progress: Progress) -> list[Path]:
        """Write every Parquet file, several at once; the extra rows go into the last."""
        wanted = stretches(self.plan.month)
        paths = [folder / stretch.name for stretch in wanted]
        extras = [*[None] * (len(wanted) - 1), extra]
        with ThreadPoolExecutor(threads) as pool:
            for done, _ in enumerate(pool.map(self.write, paths, wanted, extras), start=1):
                progress.advance(done, len(paths))
        return paths

    def _cursor(self, series: tuple[int, int]) -> duckdb.DuckDBPyConnection:
        """A connection that generates the records of the series from the first to the last of two."""
        cursor = self.connection.cursor()
        cursor.execute(
            "pragma disable_optimizer"
        )  # a query is so many plain scans: finding out takes longer than they do
        self._set_variables(
            cursor,
            series_count=self.series_count,
            first_series=series[0],
            last_series=series[1],
            period_mark=self.plan.period_mark,
            salt=hash64(f"{self.plan.seed}:{self.plan.month.period}:ids") % 2**30,
        )
        return cursor

    def _query(self, first_hour: int, last_hour: int) -> str:
        """The records of some hours, one hour after the other."""
        return " union all ".join(self._hour_query(hour) for hour in range(first_hour, last_hour))

    def _hour_query(self, hour: int) -> str:
        starts, ends = (f"timestamptz '{self.plan.month.instant(at)}'" for at in (hour, hour + 1))
        chance = 1 + hash64(f"{self.plan.seed}:hour:{hour}") % 1073741789
        return f"from usage_records({hour}, {starts}, {ends}, {chance}, {LOAD[hour % 24]})"

    @staticmethod
    def _set_variables(cursor: duckdb.DuckDBPyConnection, **variables: str | int | list[str]) -> None:
        for name, value in variables.items():
            cursor.execute(f"set variable {name} = {value!r}")


@cache
def _sql(name: str) -> str:
    return files("flows.sample").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def _account_frame(plan: Plan) -> pl.DataFrame:
    accounts = plan.accounts
    months = {zone: plan.month.hours(zone) for zone in ZONES}
    counts = pl.Series("series_count", plan.series_counts, dtype=pl.Int64)
    return pl.DataFrame(
        {
            "account_number": [account.number for account in accounts],
            "billing_account_id": [account.billing_account_id for account in accounts],
            "project_prefix": [account.project_prefix for account in accounts],
            "project_count": [account.project_count for account in accounts],
            "home_region": [account.market.home_region for account in accounts],
            "is_cut": [account.boundary is not None for account in accounts],
            "opens": [months[account.market.time_zone][0] for account in accounts],
            "closes": [months[account.market.time_zone][1] for account in accounts],
            "series_count": counts,
            "first_series": counts.cum_sum() - counts,
        },
        schema_overrides={"project_count": pl.UInt64},
    )


def _slots(catalogue: Sequence[Sku]) -> pl.DataFrame:
    drawn = [sku for sku in catalogue for _ in range(sku.weight)]
    return pl.DataFrame(
        {
            "slot": range(len(drawn)),
            "sku_id": [sku.sku_id for sku in drawn],
            "unit": [sku.unit for sku in drawn],
            "resource_prefix": [sku.resource for sku in drawn],
            "is_regional": [sku.is_regional for sku in drawn],
            "least": [sku.least for sku in drawn],
            "step": [sku.step for sku in drawn],
            "choices": [sku.choices for sku in drawn],
            "variation": [sku.variation for sku in drawn],
            "daily": [sku.daily for sku in drawn],
        },
        schema_overrides={"slot": pl.UInt64, "choices": pl.UInt64},
    ).with_columns(pl.col("least", "step").cast(DECIMAL), pl.col("variation", "daily").cast(pl.Decimal(9, 6)))


def _showcase_frame(plan: Plan) -> pl.DataFrame:
    decimals = {"base": DECIMAL, "noise": DECIMAL, "swing": DECIMAL}
    return pl.DataFrame(showcase.series_rows(plan.accounts[0]), schema_overrides=decimals)


def _moving_frame(plan: Plan) -> pl.DataFrame:
    by_number = {account.number: account for account in plan.accounts}
    moves_hour = MOVE_HOUR - (plan.month.origin - plan.began.origin) // HOUR  # below 0 in a later month
    moves = [
        (by_number[number].project_id(1), moves_hour, receiver.billing_account_id)
        for number, receiver in moving_projects(plan.accounts).items()
    ]
    schema = {"sub_account_id": pl.String, "moves_hour": pl.Int32, "receiver_id": pl.String}
    return pl.DataFrame(moves, schema=schema, orient="row")
