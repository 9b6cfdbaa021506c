"""`python -m tests.benchmarks.rating [--rows 2000000]`: metering and pricing alone, as ratios to a plain group-by.

The world has all meters, and one account in twenty has prices that change inside the month. World and lake stay in
`--folder`, and are used again when they are there: 100 M rows take a while to make.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from statistics import median

import flows  # noqa: F401 - first, as on the command line: it says how Polars keeps memory

# isort: split
import duckdb
import polars as pl

from flows import books
from flows.ingest_usage import ingest_usage
from flows.lake.journal import Lake
from rating.account_periods import account_periods
from rating.charges import described, priced
from rating.free_quantity import with_free
from rating.metering import metered_usage
from rating.metering_details import details
from rating.pipeline import Inputs
from rating.price_models import BY_RECORD
from rating.quantities import uses
from rating.rating_lines import line_parts, list_costs, price_terms
from rating.rows import only
from rating.spanning_records import takes_whole, whole_records
from rating.sql import keep
from rating.usage_classes import breaks, numbered_prices, timelines, usage_classes
from schemas.units import Instant
from tests.benchmarks.kept import RESULTS, Run, a_run, written
from tests.benchmarks.measure import ROOT, Measured, table, timed
from tests.benchmarks.processes import own_peak
from tests.benchmarks.works import FLOOR, Bench, floor

ONE_ACCOUNT_IN = 20
ROWS, ACCOUNTS = 2_000_000, 300
METERING = "metering"
CLASSES = "classes of 1 M series"
PRICED, CHARGES = "1 M metered rows priced", "the same, texts and ids"
METERED_ROWS = 1_000_000
AFTERWARDS = datetime(2026, 12, 1, tzinfo=UTC)
BREAKS = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((9, 1), (10, 10), (10, 20), (12, 1))]


@dataclass(frozen=True)
class Classes:
    """What decides the prices of series (usage_classes.py)."""

    series: pl.DataFrame
    members: pl.DataFrame
    classes: pl.DataFrame
    stretches: pl.DataFrame
    prices: pl.DataFrame


@dataclass(frozen=True)
class RatingBench:
    """A world with all meters, ingested."""

    bench: Bench
    lake: Lake

    @classmethod
    def open(cls, folder: Path, rows: int, accounts: int) -> "RatingBench":
        """The world in the folder; made, and ingested, where it is not there yet."""
        if not (folder / "world.json").exists() or Bench.reopen(folder).rows != rows:
            Bench.make(folder, rows, accounts, meters="all")
        bench = Bench.reopen(folder)
        try:
            lake = bench.ingested_lake()
            is_whole = sum(entry.rows for entry in lake.snapshot().files("usage_records")) == rows
        except Exception:
            is_whole = False
        if not is_whole:
            lake = bench.empty_lake()
            ingest_usage(lake, bench.reference, bench.usage_files, received_at=bench.received_at)
        return cls(bench, lake)

    @cached_property
    def series(self) -> pl.DataFrame:
        """The series of the lake, with the meter of their SKU."""
        meters = self.bench.reference["skus"].select("sku_id", "meter")
        return self.lake.snapshot().read("usage_series").join(meters, on="sku_id")

    @cached_property
    def details(self) -> pl.DataFrame:
        """What metering is told of series that are no plain sum."""
        plain = {name: pl.lit(value=False) for name in ("by_value", "by_instant", "is_split", "is_whole")}
        return self.series.filter(pl.col("meter") != "sum").select("series_id", "meter", **plain)

    @cached_property
    def breaks(self) -> pl.DataFrame:
        """Three stretches for one account in twenty."""
        accounts = self.series["billing_account_id"].unique().sort().gather_every(ONE_ACCOUNT_IN)
        stretches = pl.DataFrame(
            {"stretch": [0, 1, 2], "starts": BREAKS[:-1], "ends": BREAKS[1:]},
            schema={"stretch": pl.Int64, "starts": Instant, "ends": Instant},
        )
        broken = self.series.filter(pl.col("billing_account_id").is_in(accounts.implode())).select("series_id")
        return broken.join(stretches, how="cross")

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The usage of the month, as billing reads it."""
        usage = self.lake.snapshot().files("usage_records", billing_period=self.bench.period)
        return books.usage_connection(self.lake, usage, threads=os.cpu_count() or 1)

    def meter(self) -> pl.DataFrame:
        """All meters, over all files of the month."""
        with self.connection() as connection:
            cutoffs = pl.DataFrame(schema={"series_id": pl.UInt64, "cutoff": Instant})
            return metered_usage(connection, breaks=self.breaks, cutoffs=cutoffs, details=self.details)

    @cached_property
    def million(self) -> Inputs:
        """The world's series for so many times the accounts that there are a million, with one record each."""
        series = self.series.drop("meter")
        copies = pl.DataFrame({"copy": range(1, -(-METERED_ROWS // series.height) + 1)})
        account = pl.concat_str("billing_account_id", pl.lit("-"), "copy")
        many = series.join(copies, how="cross").head(METERED_ROWS).with_columns(billing_account_id=account)
        many = many.with_columns(series_id=pl.struct("series_id", "copy").hash()).drop("copy")
        accounts = self.bench.reference["billing_accounts"].join(copies, how="cross")
        accounts = accounts.with_columns(billing_account_id=account).drop("copy")
        connection = duckdb.connect(config={"threads": os.cpu_count() or 1})
        connection.execute("set timezone = 'UTC'")
        keep(connection, "some_series", many.select("series_id"))
        connection.execute(
            "create table usage_records as select series_id, "
            "'2026-10-05T12:00:00Z'::timestamptz as charge_period_start, "
            "'2026-10-05T13:00:00Z'::timestamptz as charge_period_end, "
            "(1 + series_id % 1000000 / 1000000)::decimal(18, 6) as consumed_quantity from some_series"
        )
        tables = {**self.bench.reference.tables, "billing_accounts": accounts}
        no_rows = pl.DataFrame()
        return Inputs(self.bench.period, AFTERWARDS, connection, many, tables, no_rows, no_rows, no_rows, no_rows)

    def classify(self) -> Classes:
        """What decides the prices of a million series: their classes, and the stretches of the period."""
        inputs, tables = self.million, self.million.reference
        accounts = account_periods(
            *(tables[name] for name in ("billing_accounts", "sellers", "currencies", "billing_policies")),
            billing_period=inputs.billing_period,
            known_as_of=inputs.known_as_of,
        )
        series = inputs.usage_series.with_columns(charge_category=pl.lit("usage"))
        prices = numbered_prices(tables["sku_prices"], tables["price_tiers"])
        classes, members = usage_classes(series, accounts, tables["skus"], prices)
        no_cuts = pl.DataFrame(schema={"class_id": pl.Int64, "at": Instant})
        classes, stretches = timelines(classes, prices, tables["unit_conversions"], no_cuts)
        return Classes(series, members, classes, stretches, prices)

    @cached_property
    def known(self) -> tuple[Classes, pl.DataFrame]:
        """The classes, and a million metered rows: no part of what is measured."""
        found = self.classify()
        by_record = found.prices.filter(pl.col("price_model").is_in(BY_RECORD))
        whole = whole_records(self.million.reference["skus"], by_record, found.classes.select("time_zone"))
        is_whole = takes_whole(whole, found.classes)
        metered = metered_usage(
            self.million.connection,
            breaks=breaks(found.stretches, found.classes, found.members),
            cutoffs=pl.DataFrame(schema={"series_id": pl.UInt64, "cutoff": Instant}),
            details=details(found.classes, found.stretches, found.members, found.prices, is_whole),
        )
        shares = (pl.lit(None, dtype=pl.Int64).alias(name) for name in ("share_numerator", "share_denominator"))
        return found, metered.with_columns(shares)

    def price(self) -> pl.DataFrame:
        """From a million metered rows to charges with what they come to."""
        of, metered = self.known
        rows = uses(metered, of.series, of.members, of.classes, of.stretches, of.prices)
        rows = with_free(rows, of.classes)
        terms = price_terms(of.prices, self.million.reference["price_tiers"])
        parts = line_parts(only(rows, rows["price_row"].is_not_null()), of.classes)
        return priced(parts, *list_costs(parts, rows, of.classes, terms), of.prices)

    def charge(self) -> pl.DataFrame:
        """The same, and what the charges say and are known by."""
        of, _ = self.known
        return described(self.price(), of.classes, of.prices)


@dataclass(frozen=True)
class Work:
    """One line of the table."""

    name: str
    run: Callable[[RatingBench], object]


WORKS = (
    Work(FLOOR, lambda made: floor(made.bench, None)),
    Work(METERING, RatingBench.meter),
    Work(CLASSES, RatingBench.classify),
    Work(PRICED, RatingBench.price),
    Work(CHARGES, RatingBench.charge),
)


def measure(made: RatingBench, folder: Path, rounds: int) -> list[Measured]:
    """Every work once to warm up, then in turn; medians of wall and CPU seconds."""
    times: dict[str, list[tuple[float, float]]] = {work.name: [] for work in WORKS}
    for turn in range(rounds + 1):
        for work in WORKS:
            seconds = timed(lambda work=work: work.run(made))  # type: ignore[misc]
            times[work.name] += [seconds] if turn or not rounds else []
    walls = {name: median(wall for wall, _ in some) for name, some in times.items()}
    cpus = {name: median(cpu for _, cpu in some) for name, some in times.items()}
    return [
        Measured(
            work.name,
            METERED_ROWS if work.name in (CLASSES, PRICED, CHARGES) else made.bench.rows,
            walls[work.name],
            cpus[work.name],
            walls[work.name] / walls[FLOOR],
            FLOOR,
            walls[work.name] / walls[FLOOR],
            cpus[work.name] / cpus[FLOOR],
            peak_megabytes(folder, made.bench, work),
        )
        for work in WORKS
    ]


def peak_megabytes(folder: Path, bench: Bench, work: Work) -> float:
    """The most memory a process needs that does nothing else."""
    command = [sys.executable, "-m", "tests.benchmarks.rating", "--peak", work.name, "--folder", str(folder)]
    command += ["--rows", str(bench.rows), "--accounts", str(bench.accounts)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; or, for the peak of one work, run it alone and print that."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rating", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of usage")
    parser.add_argument("--accounts", type=int, help="billing accounts; one per 6,666 rows when not given")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each work after one to warm up")
    parser.add_argument("--folder", type=Path, help="where the world and the lake stay; a temporary folder otherwise")
    parser.add_argument("--results", type=Path, default=RESULTS / "rating.json", help="where the table goes as JSON")
    parser.add_argument("--keep", action="store_true", help="put it into reference.json too")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    accounts = given.accounts or max(20, given.rows // 6_666)
    if given.peak:
        (work,) = [work for work in WORKS if work.name == given.peak]
        work.run(RatingBench.open(given.folder, given.rows, accounts))
        print(own_peak())
        return
    written([measured_run(given.folder, given.rows, accounts, given.rounds)], given.results, is_kept=given.keep)
    print(given.results)


def measured_run(folder: Path | None, rows: int, accounts: int, rounds: int) -> Run:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="billfold-bench-") as temporary:
        made_in = folder or Path(temporary)
        lines = measure(RatingBench.open(made_in, rows, accounts), made_in, rounds)
    print(f"{rows:,} rows, {accounts:,} accounts, median of {rounds or 'one'}\n\n{table(lines)}\n")
    return a_run("rating", [asdict(line) for line in lines], rows=rows, accounts=accounts, rounds=rounds)


if __name__ == "__main__":
    main()
