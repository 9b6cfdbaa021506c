"""Write a sample world to a folder: usage, reference tables, operations, and a page that says what is in it."""

import csv
import gzip
import io
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from flows.progress import Progress, silent
from flows.sample import bad_rows, catalogue, customers, terms
from flows.sample.bad_rows import Expected
from flows.sample.calendar import Month
from flows.sample.page import MARK, page
from flows.sample.usage import UsageGenerator, plan, stretches

CSV_NAME = "edge-sites.csv"
JSON_NAME = "inference-gateway.jsonl.gz"
PARTS = ("usage", "reference", "operations")

LEAST_ROWS = 1_000
MOST_ROWS = 1_000_000_000


@dataclass(frozen=True)
class SampleWorld:
    """Where a sample world lies, and what should come of it."""

    folder: Path
    usage_files: tuple[Path, ...]
    reference_folder: Path
    operations_file: Path | None
    """None in a month in which nobody does anything."""
    period: str
    rows: int
    showcase_account_id: str
    received_at: datetime
    issue_date: date
    expected: tuple[Expected, ...]
    refused: tuple[tuple[str, str], ...]

    @property
    def landed(self) -> int:
        """How many rows the files hold: the good ones and those that should be rejected, are repeated or replaced."""
        return self.rows + sum(each.count for each in self.expected)

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many rows should be a duplicate, be superseded, or be rejected with each reason code."""
        return {
            outcome: sum(each.count for each in self.expected if each.outcome == outcome)
            for outcome in sorted({each.outcome for each in self.expected})
        }


def sample(
    folder: Path,
    *,
    accounts: int = 200,
    rows: int = 200_000,
    seed: int = 1,
    period: str = "2026-10",
    begins: str | None = None,
    clean: bool = False,
    meters: str = "sum",
    half_to_one: bool = False,
    threads: int | None = None,
    progress: Progress = silent,
) -> SampleWorld:
    """Write a believable month of a cloud provider: the same arguments give the same bytes, on any number of threads.

    Sizes of accounts fall as Zipf's law has it; with `half_to_one` one account has half of all rows. A later month of
    a world that `begins` before has the same customers and reference tables; nobody does anything in it.

    Makes    folder/usage       the landed form: Parquet in time order, one CSV, one gzip JSON Lines file; exactly
                                `rows` good rows, and unless `clean` a few bad ones of each kind
             folder/reference   every table the world needs; what is not there is billfold's default
             folder/operations  what people did, if anybody did anything
             folder/README.md   what ingest should report about it
    """
    month, began = Month(period), Month(begins or period)
    is_later = month != began
    _check(accounts, rows, meters, month, began)
    _make_room(folder)
    skus = catalogue.skus(accounts)
    progress.step("plan the sample world")
    first = plan(began, accounts, rows, seed, half_to_one=half_to_one)
    generator = at_first = UsageGenerator(first, skus)  # what customers used then says what their contracts are about
    if is_later:
        generator = UsageGenerator(plan(month, accounts, rows, seed, half_to_one=half_to_one, first=first), skus)
    progress.step(f"write {rows:,} rows of usage")
    usage_files = _write_usage(folder / "usage", generator, clean, threads or os.cpu_count() or 1, progress)
    progress.step("write reference tables and operations")
    _write_reference(folder / "reference", at_first, skus, meters, clean)
    operations = [] if is_later else terms.operations(generator.plan.accounts, month, seed, clean)
    operations_file = _write_operations(folder / "operations", period, operations)
    world = SampleWorld(
        folder,
        tuple(usage_files),
        folder / "reference",
        operations_file,
        period,
        rows,
        generator.plan.accounts[0].billing_account_id,
        month.received_at,
        month.issue_date,
        () if clean else tuple(bad_rows.expected(stretches(month)[-1].name, CSV_NAME, JSON_NAME)),
        tuple((str(each.payload["operation_id"]), each.refused_with) for each in operations if each.refused_with),
    )
    arguments: dict[str, object] = {"accounts": accounts, "rows": rows, "seed": seed, "period": period}
    arguments |= {"clean": clean, "meters": meters}
    arguments |= {"begins": began.period} if is_later else {}
    arguments |= {"half_to_one": True} if half_to_one else {}
    (folder / "README.md").write_text(page(world, arguments, generator.plan.accounts), encoding="utf-8")
    return world


def _check(accounts: int, rows: int, meters: str, month: Month, began: Month) -> None:
    if accounts < customers.LEAST_ACCOUNTS:
        raise ValueError(f"a sample world has at least {customers.LEAST_ACCOUNTS} accounts, not {accounts}")
    if not LEAST_ROWS <= rows <= MOST_ROWS:
        raise ValueError(f"a sample world has {LEAST_ROWS:,} to {MOST_ROWS:,} rows, not {rows:,}")
    if meters not in catalogue.METERS:
        raise ValueError(f"meters are {' or '.join(catalogue.METERS)}, not {meters!r}")
    if began.first > month.first:
        raise ValueError(f"a sample world that begins in {began.period} has no usage of {month.period}")


def _make_room(folder: Path) -> None:
    """An earlier sample is replaced; anything else in the folder is somebody's, and is left alone."""
    readme = folder / "README.md"
    is_ours = readme.is_file() and readme.read_text(encoding="utf-8").startswith(MARK)
    if folder.exists() and any(folder.iterdir()) and not is_ours:
        raise FileExistsError(f"{folder} holds files that are not a sample world; name an empty folder")
    for part in PARTS:
        shutil.rmtree(folder / part, ignore_errors=True)
    for part in ("usage", "reference"):
        (folder / part).mkdir(parents=True)


def _write_usage(
    folder: Path, generator: UsageGenerator, is_clean: bool, threads: int, progress: Progress
) -> list[Path]:
    """Every record once: the last two series as CSV and as JSON Lines, all others as Parquet."""
    accounts = generator.plan.accounts
    world = bad_rows.World(terms.closed_account_id(accounts), terms.foreign_project(accounts))
    good = generator.good_records()
    again = good.tail(bad_rows.EACH)  # these come once more in the CSV file
    in_csv = _texts(generator.records(generator.series_count - 1))
    in_json = generator.records(generator.series_count - 2)
    extra = None if is_clean else bad_rows.in_parquet(good, world)
    csv_rows = [list(row.values()) for row in in_csv]
    lines = [_json_line(row) for row in in_json.to_dicts()]
    if not is_clean:
        later = [_json_line(row) for row in bad_rows.revisions(in_json.head(bad_rows.EACH).to_dicts())]
        csv_rows += [list(row.values()) for row in _texts(again)] + bad_rows.in_csv(in_csv, world)
        lines += later + bad_rows.in_json(lines)
    paths = generator.write_all(folder, extra, threads, progress)
    _write_csv(folder / CSV_NAME, in_json.columns, csv_rows)
    _write_gzip(folder / JSON_NAME, "".join(f"{line}\n" for line in lines))
    return [*paths, folder / CSV_NAME, folder / JSON_NAME]


def _texts(records: pl.DataFrame) -> list[dict[str, str]]:
    """Records as a CSV file has them."""
    instants = pl.col("charge_period_start", "charge_period_end").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return records.with_columns(instants).cast(pl.String).fill_null("").to_dicts()


def _json_line(record: Mapping[str, object]) -> str:
    """A record as a line of JSON; the quantity is written digit by digit, never through a float."""
    fields = {**record, "tags": {"gateway": "inference-1"}}
    return "{" + ", ".join(f'"{name}": {_json_value(value)}' for name, value in fields.items()) + "}"


def _json_value(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return f'"{value:%Y-%m-%dT%H:%M:%SZ}"'
    return json.dumps(value, ensure_ascii=False)


def _write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _write_gzip(path: Path, text: str) -> None:
    """Without a name and a time in the header, so that the same text gives the same bytes."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
        stream.write(text.encode())
    path.write_bytes(packed.getvalue())


def _write_reference(
    folder: Path, generator: UsageGenerator, skus: list[catalogue.Sku], meters: str, is_clean: bool
) -> None:
    month, accounts = generator.plan.month, generator.plan.accounts
    by_id = {sku.sku_id: sku for sku in skus}
    closed = [] if is_clean else [customers.closed_account_row(accounts, month)]
    contracts = terms.contract_rows(accounts, _busiest(generator, by_id), by_id, month)
    tables: Mapping[str, Iterable[Mapping[str, object]]] = {
        "sellers": customers.seller_rows(month),
        "billing_accounts": [*customers.account_rows(accounts, month), *closed],
        "sub_accounts": customers.project_rows(accounts, month),
        "skus": catalogue.sku_rows(skus, month.since, meters),
        "sku_prices": [*catalogue.price_rows(skus, month.since), *contracts],
        "price_tiers": catalogue.tier_rows(skus),
        "discounts": terms.discount_rows(accounts, month),
        "promo_codes": terms.promo_rows(accounts, month),
        "tax_rates": customers.tax_rows(month),
        "principals": terms.principal_rows(accounts, month),
    }
    for table, rows in tables.items():
        listed = list(rows)
        columns = list(dict.fromkeys(column for row in listed for column in row))
        _write_csv(folder / f"{table}.csv", columns, ([_cell(row.get(column)) for column in columns] for row in listed))


def _write_operations(folder: Path, period: str, operations: Sequence[terms.Operation]) -> Path | None:
    """What people did; a file without an operation would be refused, so where there is none there is no file."""
    if not operations:
        return None
    folder.mkdir()
    file = folder / f"{period}.jsonl"
    file.write_text("".join(f"{operation.line}\n" for operation in operations), encoding="utf-8")
    return file


def _cell(value: object) -> str:
    """A value as a cell: nothing for null, true and false, lists as JSON."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list) else str(value)


def _busiest(generator: UsageGenerator, skus: Mapping[str, catalogue.Sku]) -> dict[str, str]:
    """What each account uses for the most hours, of what has one price."""
    tiered = ", ".join(f"'{sku.sku_id}'" for sku in skus.values() if sku.tiers)
    rows = generator.fetch(
        "select billing_account_id, sku_id, sum(last_hour - first_hour) as hours from series "
        f"where sku_id not in ({tiered}) group by all order by hours, sku_id desc"
    )
    return {account: sku for account, sku, _ in rows}  # the last of an account counts
