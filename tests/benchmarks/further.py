"""What `make bench ALL=1` runs beside the stages: the same work on other worlds, and what takes long.

Each world is made once, in a folder of its own beside the first; only what a line names is timed.
"""

import atexit
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import duckdb
import polars as pl

from flows.bill_period import bill_period
from flows.dask_cluster import Workers, processes
from flows.ingest_usage import ingest_usage
from flows.lake.journal import DEFAULT_BUCKETS, Lake
from flows.sample import catalogue
from tests.benchmarks.rating import RatingBench
from tests.benchmarks.works import BILL, FLOOR, Bench, Work, bill, floor

COPY_CSV, INGEST_CSV, METERING = "floor: copy CSV", "ingest CSV", "metering, all meters"
A_TENTH, BILL_A_TENTH = "floor F, a tenth of the rows", "bill, a tenth of the rows"
BUCKETS, BILL_BUCKETS = 1_000, "bill, 1,000 buckets"
BILL_HALF = "bill, half is one account's"
BILL_ON_DASK, WORKERS = "bill, two Dask workers", 2


def made_once(bench: Bench, name: str, make: Callable[[Path], Bench], buckets: int = DEFAULT_BUCKETS) -> Bench:
    """A world in a folder beside the first one's, ingested and ready to be billed."""
    folder = bench.folder / name
    if not (folder / "unbilled").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        make(folder).make_ready(buckets)
    return Bench.reopen(folder)


def tenth(bench: Bench) -> Bench:
    """A tenth of the rows and of the accounts."""
    rows, accounts = bench.rows // 10, max(20, bench.accounts // 10)
    return made_once(bench, "tenth", lambda folder: Bench.make(folder, rows, accounts))


def many_buckets(bench: Bench) -> Bench:
    """The same world in a lake of a thousand buckets."""

    def make(folder: Path) -> Bench:
        (folder / "world").symlink_to(bench.folder / "world")
        shutil.copy(bench.folder / "world.json", folder)
        return Bench.reopen(folder)

    return made_once(bench, "buckets", make, BUCKETS)


def half_to_one(bench: Bench) -> Bench:
    """The same number of rows, half of them one account's; the files go when they are in the lake."""
    made = made_once(bench, "half", lambda folder: Bench.make(folder, bench.rows, bench.accounts, half_to_one=True))
    shutil.rmtree(made.folder / "world" / "usage", ignore_errors=True)
    return made


def csv_files(bench: Bench) -> list[Path]:
    """The landed Parquet files as CSV."""
    folder = bench.folder / "csv"
    wanted = [folder / f"{Path(path).stem}.csv" for path in bench.parquet]
    if not all(path.exists() for path in wanted):
        folder.mkdir(exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            for source, target in zip(bench.parquet, wanted, strict=True):
                form = "format csv, header, timestampformat '%Y-%m-%dT%H:%M:%SZ'"
                connection.execute(f"copy (from read_parquet({source!r})) to {str(target)!r} ({form})")
    return wanted


def copy_csv(bench: Bench, _: Lake | None) -> None:
    """DuckDB's own reading of the CSV, with the types declared, and writing of Parquet."""
    with duckdb.connect() as connection:
        described = connection.execute("describe from read_parquet(?)", [bench.parquet]).fetchall()
        types = {name: kind for name, kind, *_ in described}
        files = [str(path) for path in csv_files(bench)]
        target = str(bench.folder / "copy.parquet")
        connection.execute(
            f"copy (from read_csv({files!r}, header = true, columns = {types!r})) "
            f"to {target!r} (format parquet, compression zstd)"
        )


def ingest_csv(bench: Bench, lake: Lake | None) -> None:
    """The same records from CSV: read as text, checked, and kept."""
    assert lake is not None
    ingest_usage(lake, bench.reference, csv_files(bench), received_at=bench.received_at)


def lake_for_csv(bench: Bench) -> Lake:
    """A new lake beside the one that the next work reads; the files are there before the clock starts."""
    csv_files(bench)
    shutil.rmtree(bench.folder / "from-csv", ignore_errors=True)
    return Lake.create(bench.folder / "from-csv")


def without_csv_lake(bench: Bench) -> None:
    """Room for the next."""
    shutil.rmtree(bench.folder / "from-csv", ignore_errors=True)


@cache
def workers() -> Workers:
    """A cluster of two processes, started once and ended with this one: a cluster is there before a bill."""
    ending = ExitStack()
    atexit.register(ending.close)
    return Workers(ending.enter_context(processes(WORKERS)))


def bill_on_dask(bench: Bench, lake: Lake | None) -> None:
    """A group for each worker. CPU seconds and the peak are of this process and the workers."""
    assert lake is not None
    bill_period(lake, bench.reference, period=bench.period, groups=WORKERS, runner=workers())


@dataclass(frozen=True)
class AllMeters(RatingBench):
    """The world with a meter of every kind, as `sample(meters="all")` gives them; its records are the same."""

    @cached_property
    def series(self) -> pl.DataFrame:
        """The series of the lake, with those meters."""
        skus = catalogue.skus(self.bench.accounts)
        meters = {sku.sku_id: catalogue.meter(sku, "all") for sku in skus}
        series = self.lake.snapshot().read("usage_series")
        return series.with_columns(meter=pl.col("sku_id").replace_strict(meters, return_dtype=pl.String))


def metering(bench: Bench, lake: Lake | None) -> None:
    """All meters over all files of the month; three stretches for one account in twenty."""
    assert lake is not None
    AllMeters(bench, lake).meter()


FURTHER: tuple[Work, ...] = (
    Work(METERING, metering, FLOOR, lambda bench: Lake.open(bench.folder / "unbilled")),
    Work(COPY_CSV, copy_csv, COPY_CSV, lambda bench: (csv_files(bench), None)[1], is_long=True),
    Work(INGEST_CSV, ingest_csv, COPY_CSV, lake_for_csv, without_csv_lake, is_long=True),
    Work(
        A_TENTH, lambda bench, lake: floor(tenth(bench), lake), FLOOR, lambda bench: (tenth(bench), None)[1], share=10
    ),
    Work(
        BILL_A_TENTH,
        lambda bench, lake: bill(tenth(bench), lake),
        BILL,
        lambda bench: tenth(bench).unbilled_lake(),
        share=10,
    ),
    Work(
        BILL_BUCKETS,
        lambda bench, lake: bill(many_buckets(bench), lake),
        BILL,
        lambda bench: many_buckets(bench).unbilled_lake(),
    ),
    Work(
        BILL_HALF,
        lambda bench, lake: bill(half_to_one(bench), lake),
        BILL,
        lambda bench: half_to_one(bench).unbilled_lake(),
    ),
    Work(BILL_ON_DASK, bill_on_dask, BILL, lambda bench: (workers(), bench.unbilled_lake())[1]),
)
"""Run in turn with the stages, after them: they need the lake that the stages leave."""
