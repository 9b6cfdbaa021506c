"""What the lake already says, as rating wants to be told it. Aggregates are asked of DuckDB; nothing large is held."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

from flows.lake.journal import FileEntry, Lake, Snapshot, check_size
from rating.hashing import bucket_of
from rating.operations import ACCEPTED, promo_discounts
from schemas import REFERENCE, TABLES

MADE_BY_BILLING = {"made_by": "billing"}
MADE_BY_OPERATIONS = {"made_by": "operations"}
"""Partitions of grant_movements: what a period did to grants is replaced with it, what operations did never is."""


def accounts_in(reference: pl.DataFrame, buckets: Collection[int], of: int) -> pl.DataFrame:
    """The billing accounts whose usage lies in these buckets."""
    ids = reference["billing_account_id"].unique()
    inside = [account for account in ids if bucket_of(account, of) in buckets]
    return pl.DataFrame({"billing_account_id": inside}, schema={"billing_account_id": pl.String})


def grants_with_recording(snapshot: Snapshot) -> pl.DataFrame:
    """Every grant, and when the operation it came from was recorded."""
    recorded = snapshot.read("operations").select("operation_id", "recorded_at")
    return snapshot.read("grants").join(recorded, on="operation_id", how="left", maintain_order="left")


def accepted_promo_discounts(snapshot: Snapshot, promo_codes: pl.DataFrame) -> pl.DataFrame:
    """The windows that accepted codes opened for discounts."""
    return promo_discounts(snapshot.read("operations").filter(pl.col("status") == ACCEPTED), promo_codes)


def reference_tables(lake: Lake, entries: Collection[FileEntry]) -> dict[str, pl.DataFrame]:
    """Reference tables as a run stored them."""
    tables = {name: TABLES[name].empty() for name in REFERENCE}
    for entry in entries:
        check_size(lake, entry)
        tables[entry.table] = pl.read_parquet(lake.path(entry), glob=False, hive_partitioning=False)
    return tables


def usage_connection(lake: Lake, entries: Collection[FileEntry], threads: int) -> duckdb.DuckDBPyConnection:
    """A connection with the relation `usage_records` over exactly these files.

    Files whose quantities have another decimal type are read by themselves: one list would be cast to the first's.
    """
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("set timezone = 'UTC'")
    by_type: dict[str, list[Path]] = {}
    for entry in sorted(entries, key=lambda entry: entry.path):
        check_size(lake, entry)
        by_type.setdefault(entry.types["consumed_quantity"], []).append(lake.path(entry))
    columns = "series_id, charge_period_start, consumed_quantity"
    parts = [
        f"select {columns} from read_parquet([{', '.join(_quoted(path) for path in paths)}], hive_partitioning=false)"
        for _, paths in sorted(by_type.items())
    ]
    empty = (
        "select null::ubigint as series_id, null::timestamptz as charge_period_start, "
        "null::decimal(38, 15) as consumed_quantity where false"
    )
    if len(parts) > 1:
        parts = [
            part.replace("consumed_quantity", "consumed_quantity::decimal(38, 15) as consumed_quantity", 1)
            for part in parts
        ]
    connection.execute(f"create view usage_records as {' union all '.join(parts) if parts else empty}")
    return connection


def taken_elsewhere(lake: Lake, snapshot: Snapshot, billing_period: str) -> pl.DataFrame:
    """What other periods and operations did to each grant, summed: grant_id, movement, amount (K1, K8)."""
    entries = [
        entry
        for entry in snapshot.files("grant_movements")
        if not (entry.partition["billing_period"] == billing_period and entry.partition["made_by"] == "billing")
    ]
    return _asked(
        lake,
        entries,
        "select grant_id, movement, sum(amount)::decimal(38, 4) as amount from files group by all order by all",
        {name: TABLES["grant_movements"].columns()[name] for name in ("grant_id", "movement", "amount")},
    )


def known_expense_numbers(lake: Lake, snapshot: Snapshot, billing_period: str) -> pl.DataFrame:
    """The numbers the period's charges have, and of every account the last one given."""
    columns = TABLES["expense_numbers"].columns()
    here = snapshot.read("expense_numbers", billing_period=billing_period)
    last = _asked(
        lake,
        snapshot.files("expense_numbers"),
        "select arg_max(charge_id, expense_number) as charge_id, billing_account_id, "
        "max(expense_number) as expense_number from files group by billing_account_id",
        columns,
    )
    return pl.concat([here, last]).unique("charge_id").sort("billing_account_id", "expense_number")


def first_billed(lake: Lake, snapshot: Snapshot) -> pl.DataFrame:
    """The first period each account was billed for: billing_account_id, first_period."""
    return _asked(
        lake,
        snapshot.files("account_periods"),
        "select billing_account_id, min(billing_period) as first_period from files group by all order by all",
        {"billing_account_id": pl.String(), "first_period": pl.String()},
    )


def billed_periods(snapshot: Snapshot) -> set[str]:
    """The periods that have been billed as closed."""
    return {entry.partition["billing_period"] for entry in snapshot.files("account_periods")}


def usage_periods(snapshot: Snapshot) -> set[str]:
    """The periods that have usage."""
    return {entry.partition["billing_period"] for entry in snapshot.files("usage_records") if entry.rows}


def latest_recording(snapshot: Snapshot) -> datetime | None:
    """The latest `recorded_at` committed (L1)."""
    found = snapshot.read("operations")["recorded_at"].max()
    return found if isinstance(found, datetime) else None


def _asked(lake: Lake, entries: Collection[FileEntry], sql: str, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    if not entries:
        return pl.DataFrame(schema=schema)
    paths = ", ".join(_quoted(lake.path(entry)) for entry in entries)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create view files as from read_parquet([{paths}], hive_partitioning=false)")
        return connection.sql(sql).pl().cast(schema)  # type: ignore[arg-type]


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
