"""A small world to ingest into: three accounts, four SKUs, two projects; and usage as dictionaries of text."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

import schemas
from flows.ingest_usage import IngestResult, ingest_usage
from flows.lake.journal import Lake
from flows.lake.views import connect
from flows.reference import Reference

RECEIVED = datetime(2026, 11, 5, 12, tzinfo=UTC)
START, END = "2026-10-10T10:00:00Z", "2026-10-10T11:00:00Z"

Row = Mapping[str, Any]

COLUMNS = (
    "usage_record_id", "billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id",
    "charge_period_start", "charge_period_end", "consumed_quantity", "consumed_unit", "revision", "tags",
)  # fmt: skip

TABLES: dict[str, list[dict[str, str]]] = {
    "billing_accounts": [
        {"billing_account_id": "acme", "time_zone": "UTC", "valid_from": "2026-01-01"},
        {"billing_account_id": "berlin", "time_zone": "Europe/Berlin", "valid_from": "2026-01-01"},
        {"billing_account_id": "pune", "time_zone": "Asia/Kolkata",
         "valid_from": "2026-09-01", "valid_until": "2026-11-01"},
    ],
    "sub_accounts": [
        {"sub_account_id": "web", "billing_account_id": "acme",
         "valid_from": "2026-01-01", "valid_until": "2026-10-15"},
        {"sub_account_id": "web", "billing_account_id": "berlin", "valid_from": "2026-10-15"},
        {"sub_account_id": "lab", "billing_account_id": "berlin", "valid_from": "2026-01-01"},
    ],
    "skus": [
        {"sku_id": "vm", "pricing_unit": "hour", "valid_from": "2026-01-01"},
        {"sku_id": "disk", "pricing_unit": "GB", "valid_from": "2026-01-01"},
        {"sku_id": "refundable", "pricing_unit": "hour", "allows_corrections": "true", "valid_from": "2026-01-01"},
        {"sku_id": "late", "pricing_unit": "hour", "valid_from": "2026-10-20"},
    ],
    "unit_conversions": [
        {"from_unit": "MB", "to_unit": "GB", "numerator": "1", "denominator": "1000", "valid_from": "2026-01-01"},
        {"from_unit": "minute", "to_unit": "hour", "sku_id": "vm", "numerator": "1", "denominator": "60",
         "valid_from": "2026-10-01"},
    ],
    "billing_policies": [{"policy": "earliest_open_period", "value": "none", "valid_from": "2026-01-01"}],
}  # fmt: skip


def reference(digest: str = "0" * 16, **changed: list[dict[str, str]]) -> Reference:
    """The reference tables; columns that do not matter here hold the examples of the schema."""
    written = TABLES | changed
    tables = {name: _table(name, written.get(name, [])) for name in schemas.REFERENCE}
    return Reference(tables, digest)


def _table(name: str, rows: Sequence[Mapping[str, str]]) -> pl.DataFrame:
    table = schemas.TABLES[name]
    said = {"allows_corrections": "false"} if name == "skus" else {}
    return pl.concat([table.empty(), *(table.row(said | dict(row)) for row in rows)])


def usage(number: int | str = 1, **changed: Any) -> dict[str, Any]:
    """A good record, as text, but for what is changed; None leaves a field out."""
    good = {
        "usage_record_id": f"usage-{number}",
        "billing_account_id": "acme",
        "sub_account_id": "web",
        "resource_id": "vm-1",
        "sku_id": "vm",
        "region_id": "eu",
        "charge_period_start": START,
        "charge_period_end": END,
        "consumed_quantity": "1.5",
        "consumed_unit": "hour",
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def as_csv(rows: Iterable[Row], columns: Sequence[str] = COLUMNS) -> bytes:
    """Rows as CSV."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_json_lines(rows: Iterable[Row]) -> bytes:
    """Rows as JSON Lines; quantities are numbers where they look like some, tags are objects."""
    return "".join(
        json.dumps({name: _json(name, value) for name, value in row.items()}) + "\n" for row in rows
    ).encode()


def _json(name: str, value: Any) -> Any:
    return json.loads(value) if name == "tags" else value


def write_parquet(path: Path, rows: Sequence[Row], **types: str) -> Path:
    """Rows as Parquet in billfold's own form; `types` are DuckDB types that differ from it."""
    own = dict.fromkeys(COLUMNS, "VARCHAR") | {
        "charge_period_start": "TIMESTAMPTZ",
        "charge_period_end": "TIMESTAMPTZ",
        "consumed_quantity": "DECIMAL(18, 6)",
        "revision": "BIGINT",
        "tags": "MAP(VARCHAR, VARCHAR)",
    }
    types = own | types
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create table rows ({', '.join(f'{name} {kind}' for name, kind in types.items())})")
        for row in rows:
            values = [_parquet(name, row.get(name), types[name]) for name in types]
            connection.execute(f"insert into rows values ({', '.join(values)})")
        connection.execute(f"copy rows to '{path}' (format parquet)")
    return path


def _parquet(name: str, value: Any, kind: str) -> str:
    if value is None:
        return "null"
    text = "'{}'".format(str(value).replace("'", "''"))
    return f"({text}::json)::{kind}" if kind.startswith("MAP") else f"{text}::{kind}"


FORMATS = ("csv", "json_lines", "parquet")


def write(folder: Path, rows: Sequence[Row], form: str = "csv", name: str = "usage") -> Path:
    """A file of these rows in one of the formats; Parquet has text columns, so that it can hold anything."""
    path = folder / f"{name}.{form}"
    if form == "csv":
        path.write_bytes(as_csv(rows))
    elif form == "json_lines":
        path.write_bytes(as_json_lines(rows))
    else:
        text = dict.fromkeys(
            ("charge_period_start", "charge_period_end", "consumed_quantity", "revision", "tags"), "VARCHAR"
        )
        write_parquet(path, rows, **text)
    return path


def ingest(lake: Lake, *files: Path, **options: Any) -> IngestResult:
    """Ingest with the world's reference, at its time."""
    options = {"received_at": RECEIVED, "reference": reference()} | options
    return ingest_usage(lake, options.pop("reference"), files, **options)


def stored(lake: Lake, columns: str = "*") -> list[tuple[Any, ...]]:
    """The accepted records as analysts see them, in order of id."""
    with connect(lake, lake.snapshot()) as connection:
        return connection.sql(f"select {columns} from usage_records order by usage_record_id").fetchall()


def rejects(lake: Lake, columns: str = "reason_code") -> list[Any]:
    """The rejects, in order of file and row; a single column as plain values."""
    frame = lake.snapshot().read("rejects").sort("file_name", "row_number", "status")
    rows = frame.select(columns.split(", ")).rows()
    return [row[0] for row in rows] if "," not in columns else rows


def content(lake: Lake) -> dict[str, str]:
    """What the lake's usage files are, by place and bytes, whatever the run was called."""
    tables = ("usage_records", "usage_series", "usage_record_ids")
    return {
        "/".join(entry.path.split("/")[:-1]): entry.sha256 for table in tables for entry in lake.snapshot().files(table)
    }
