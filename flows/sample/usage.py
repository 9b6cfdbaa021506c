"""The usage of a sample world, generated in DuckDB: a table of hourly series, and every hour of each in files.

Nothing here is random and nothing depends on threads: one single-threaded connection writes a file in time order, so
its bytes are the same however many files are written at once; rows stream to the file and are not held.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from flows.sample import showcase
from flows.sample.bad_rows import EACH
from flows.sample.calendar import Month
from flows.sample.catalogue import REGIONS, Sku
from flows.sample.customers import MOVE_DAY, Account, customers, moving_projects
from rating.hashing import hash64

SERIES_PER_ACCOUNT = 4
"""How many series an account has on average at least; in small worlds they then do not last the whole month."""

LEAST_HOURS = EACH
"""A series has at least as many records as there are bad ones of a kind to be made from them."""

SHOWCASE_SHARE = 4
"""In the smallest worlds the showcase has one row in so many, and then no whole month."""

DAYS_PER_FILE = 4

LOAD = (
    120,
    90,
    70,
    60,
    60,
    80,
    150,
    320,
    560,
    760,
    880,
    940,
    900,
    930,
    960,
    1000,
    980,
    900,
    780,
    640,
    520,
    400,
    280,
    190,
)
"""How busy each hour of the UTC day is, of 1000."""

DECIMAL = pl.Decimal(18, 6)

PARQUET = "format parquet, compression zstd"


@dataclass(frozen=True)
class Plan:
    """How many rows go where: the showcase first, then series that are as long as each other, to the row."""

    month: Month
    rows: int
    seed: int
    accounts: tuple[Account, ...]
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


def plan(month: Month, accounts: int, rows: int, seed: int) -> Plan:
    """Divide the rows: whole months where there are rows enough for them, shorter lives of resources where not.

    >>> small = plan(Month("2026-10"), 200, 200_000, 1)
    >>> small.showcase_hours, small.series, small.shortest, small.longer
    (744, 796, 239, 84)
    >>> small.showcase_hours * 13 + small.series * small.shortest + small.longer
    200000
    """
    shown = len(showcase.SERIES)
    showcase_hours = max(1, min(month.hours, rows // (SHOWCASE_SHARE * shown)))
    left = rows - shown * showcase_hours
    series = min(left // LEAST_HOURS, max(-(-left // month.hours), SERIES_PER_ACCOUNT * (accounts - 1)))
    shortest, longer = divmod(left, series)
    return Plan(month, rows, seed, tuple(customers(accounts, series, seed)), showcase_hours, series, shortest, longer)


def stretches(month: Month) -> list[Stretch]:
    """The Parquet files of a month: one for every four days."""
    return [
        Stretch(
            f"{month.day(first)}_{month.day(min(first + DAYS_PER_FILE - 1, month.days))}.parquet",
            24 * (first - 1),
            24 * min(first + DAYS_PER_FILE - 1, month.days),
        )
        for first in range(1, month.days + 1, DAYS_PER_FILE)
    ]


class UsageGenerator:
    """The series of a world in DuckDB, and its records on demand."""

    def __init__(self, plan: Plan, catalogue: Sequence[Sku]) -> None:
        self.plan = plan
        self.connection = duckdb.connect()
        # One thread per file keeps the rows in order; the joins are written in the order that streams the positions.
        self.connection.execute("set threads = 1")
        self.connection.execute("set disabled_optimizers = 'join_order,build_side_probe_side,filter_pushdown'")
        slots = _slots(catalogue)
        for name, frame in {
            "accounts": _account_frame(plan),
            "slots": slots,
            "showcase_series": _showcase_frame(plan),
            "moving_projects": _moving_frame(plan),
            "hours": _hour_frame(plan),
        }.items():
            self.connection.register("frame", frame.to_arrow())
            self.connection.execute(f"create table {name} as select * from frame")
        self._set_variables(
            self.connection,
            seed=str(plan.seed),
            slot_count=slots.height,
            hours=plan.month.hours,
            showcase_hours=plan.showcase_hours,
            shortest=plan.shortest,
            longer=plan.longer,
            regions=list(REGIONS),
        )
        self.connection.execute(_sql("series"))
        self.series_count: int = self.fetch("select count(*) from series")[0][0]

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query over the series of the world."""
        return self.connection.execute(query).fetchall()

    def records(self, series_number: int) -> pl.DataFrame:
        """Every record of one series, in time order."""
        cursor = self._cursor(0, self.plan.month.hours)
        return cursor.sql(f"{_sql('usage_records')} and series_number = {series_number}").pl()

    def first_records(self, count: int) -> pl.DataFrame:
        """The first records of the world that are not of the showcase account."""
        cursor = self._cursor(0, self.plan.month.hours)
        query = (
            f"{_sql('usage_records')} and series_number between {len(showcase.SERIES)} and {self.parquet_series - 1}"
        )
        return cursor.sql(f"{query} limit {count}").pl()

    @property
    def parquet_series(self) -> int:
        """All but the last two series are delivered as Parquet; one comes as CSV, one as JSON Lines."""
        return self.series_count - 2

    def write(self, path: Path, stretch: Stretch, extra: pl.DataFrame | None) -> None:
        """Write one Parquet file, the extra rows at its end."""
        cursor = self._cursor(stretch.first_hour, stretch.last_hour)
        query = f"{_sql('usage_records')} and series_number < {self.parquet_series}"
        if extra is not None:
            cursor.register("extra", extra.to_arrow())
            query = f"({query}) union all (select * from extra)"
        cursor.execute(f"copy ({query}) to '{str(path).replace(chr(39), chr(39) * 2)}' ({PARQUET})")

    def write_all(
        self, folder: Path, extra: pl.DataFrame | None, threads: int, progress: Callable[[str], None]
    ) -> list[Path]:
        """Write every Parquet file, several at once; the extra rows go into the last."""
        wanted = stretches(self.plan.month)
        paths = [folder / stretch.name for stretch in wanted]
        extras = [*[None] * (len(wanted) - 1), extra]
        with ThreadPoolExecutor(threads) as pool:
            for path, _ in zip(paths, pool.map(self.write, paths, wanted, extras), strict=True):
                progress(f"wrote {path.name}")
        return paths

    def _cursor(self, first_hour: int, last_hour: int) -> duckdb.DuckDBPyConnection:
        cursor = self.connection.cursor()
        self._set_variables(
            cursor,
            series_count=self.series_count,
            period_mark=self.plan.period_mark,
            salt=hash64(f"{self.plan.seed}:{self.plan.month.period}:ids") % 2**30,
            first_hour=first_hour,
            last_hour=last_hour,
        )
        return cursor

    @staticmethod
    def _set_variables(cursor: duckdb.DuckDBPyConnection, **variables: str | int | list[str]) -> None:
        for name, value in variables.items():
            cursor.execute(f"set variable {name} = {value!r}")


@cache
def _sql(name: str) -> str:
    return files("flows.sample").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def _account_frame(plan: Plan) -> pl.DataFrame:
    accounts = plan.accounts
    counts = pl.Series("series_count", [account.series_count for account in accounts], dtype=pl.Int64)
    return pl.DataFrame(
        {
            "account_number": [account.number for account in accounts],
            "billing_account_id": [account.billing_account_id for account in accounts],
            "project_prefix": [account.project_prefix for account in accounts],
            "project_count": [account.project_count for account in accounts],
            "home_region": [account.market.home_region for account in accounts],
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
    moves = [
        (by_number[number].project_id(1), 24 * (MOVE_DAY - 1), receiver.billing_account_id)
        for number, receiver in moving_projects(plan.accounts).items()
    ]
    schema = {"sub_account_id": pl.String, "moves_hour": pl.Int32, "receiver_id": pl.String}
    return pl.DataFrame(moves, schema=schema, orient="row")


def _hour_frame(plan: Plan) -> pl.DataFrame:
    hours = range(plan.month.hours)
    starts = [plan.month.start + timedelta(hours=hour) for hour in hours]
    return pl.DataFrame(
        {
            "hour": hours,
            "charge_period_start": starts,
            "charge_period_end": [start + timedelta(hours=1) for start in starts],
            "mix": [1 + hash64(f"{plan.seed}:hour:{hour}") % 1073741789 for hour in hours],
            "level": [LOAD[hour % 24] for hour in hours],
        },
        schema_overrides={
            "hour": pl.Int64,
            "level": pl.Int32,
            "charge_period_start": pl.Datetime("us", "UTC"),
            "charge_period_end": pl.Datetime("us", "UTC"),
        },
    )
