"""Tables as files: which columns a table has, how a frame becomes one Parquet file and files become a frame again.

A file's bytes depend on the frame alone: one compression, one row group size, no time, no writer's settings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import schemas

Columns = Mapping[str, pl.DataType]

USAGE = "usage_records"
"""The folder and file table of usage; its rows have the slim form `stored_usage`, its view the wide one."""

IDS = "usage_record_ids"
"""The folder of the ids that were met; a table of the lake that no schema tells of."""

_STORED_FORM = {USAGE: "stored_usage"}
_FOLDER = {"stored_usage": USAGE}
_COMPRESSION_LEVEL = 1
_ROW_GROUP_ROWS = 1 << 17
_SAFE_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]*")


def folder_of(table: str) -> str:
    """The folder, and the name in a commit, of a table: `stored_usage` lies in `usage_records`.

    >>> folder_of("stored_usage"), folder_of("charges")
    ('usage_records', 'charges')
    """
    return _FOLDER.get(table, table)


def folders() -> frozenset[str]:
    """Every folder that files of tables may lie in, but those of reference tables."""
    return frozenset({IDS, *map(folder_of, schemas.TABLES)})


def stored_columns(table: str) -> dict[str, pl.DataType]:
    """The columns a table's files have, in order."""
    return columns_of(_STORED_FORM.get(table, table))


def columns_of(table: str) -> dict[str, pl.DataType]:
    """The columns of a table as its class in `schemas` declares them, in order."""
    return instances(schemas.TABLES[table].columns())


def instances(columns: Mapping[str, object]) -> dict[str, pl.DataType]:
    """Columns whose types are all instances; a Polars type without parameters may be given as its class."""
    return {name: _instance(dtype) for name, dtype in columns.items()}


def path_of(table: str, partition: Mapping[str, str], name: str) -> str:
    """The file a table's part lies in.

    >>> path_of("charges", {"billing_period": "2026-10"}, "r1")
    'charges/billing_period=2026-10/r1.parquet'
    >>> path_of("skus", {"reference": "d41d"}, "r1")
    'reference/d41d/skus.parquet'
    """
    for part in (table, name, *partition, *partition.values()):
        if not _SAFE_PART.fullmatch(part):
            raise ValueError(f"{part!r} cannot be part of a file name in the lake; letters, digits and ._:+- can")
    if "reference" in partition:
        return f"reference/{partition['reference']}/{folder_of(table)}.parquet"
    return "/".join([folder_of(table), *(f"{key}={value}" for key, value in partition.items()), f"{name}.parquet"])


def typed(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with exactly the table's columns and types, or an error that names the column.

    Absent nullable columns are null; a column of nulls only takes the type it should have. Nothing is narrowed here: a
    decimal of another scale was rounded by somebody, or will be.
    """
    wanted = stored_columns(table)
    nullable = schemas.TABLES[_STORED_FORM.get(table, table)].nullable()
    missing = [name for name in wanted if name not in frame.columns and name not in nullable]
    surplus = [name for name in frame.columns if name not in wanted]
    if missing or surplus:
        raise TypeError(f"{table}: columns missing {missing}, columns too many {surplus}; see schemas/{table}.py")
    whole = (
        frame.select(_with_type(frame, name, dtype) for name, dtype in wanted.items())
        if frame.height
        else pl.DataFrame(schema=dict(wanted))
    )
    wrong = {name: (whole.schema[name], dtype) for name, dtype in wanted.items() if whole.schema[name] != dtype}
    if wrong:
        found = "; ".join(f"{name} is {found}, wanted {dtype}" for name, (found, dtype) in wrong.items())
        raise TypeError(f"{table}: {found}")
    return whole


def write_parquet(frame: pl.DataFrame, file: BinaryIO) -> None:
    """Write a frame so that equal frames give equal bytes, whatever the threads and chunks."""
    frame.rechunk().write_parquet(
        file,
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        statistics=True,
        row_group_size=_ROW_GROUP_ROWS,
    )


def read_parquet(table: str, paths: Collection[Path]) -> pl.DataFrame:
    """The files' rows under the table's types; decimals stored narrow come back wide, which loses nothing."""
    wanted = stored_columns(table)
    parts = [_one_file(path, wanted) for path in paths]
    return pl.concat(parts) if parts else pl.DataFrame(schema=wanted)


def types_in(path: Path) -> dict[str, str]:
    """The column types a Parquet file really has, in DuckDB's words."""
    return {field.name: duckdb_type(field.type) for field in pq.read_schema(path)}


def rows_in(path: Path) -> int:
    """The rows a Parquet file says it has."""
    return int(pq.read_metadata(path).num_rows)


def types_of(frame: pl.DataFrame) -> dict[str, str]:
    """The column types of a frame as its Parquet file will have them, in DuckDB's words."""
    return {name: sql_type(dtype) for name, dtype in frame.schema.items()}


def sql_type(dtype: pl.DataType) -> str:
    """DuckDB's word for a Polars type.

    >>> sql_type(pl.Decimal(38, 4)), sql_type(pl.List(pl.String)), sql_type(pl.Datetime("us", "UTC"))
    ('DECIMAL(38,4)', 'VARCHAR[]', 'TIMESTAMP WITH TIME ZONE')
    """
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.List):
        return f"{sql_type(_instance(dtype.inner))}[]"
    if isinstance(dtype, pl.Struct):
        return "STRUCT({})".format(", ".join(f'"{one.name}" {sql_type(_instance(one.dtype))}' for one in dtype.fields))
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMP WITH TIME ZONE" if dtype.time_zone else "TIMESTAMP"
    return _SQL_TYPES[type(dtype)]


def duckdb_type(kind: pa.DataType) -> str:
    """DuckDB's word for an Arrow type as Parquet files give it.

    >>> duckdb_type(pa.decimal128(18, 6)), duckdb_type(pa.map_(pa.string(), pa.string()))
    ('DECIMAL(18,6)', 'MAP(VARCHAR, VARCHAR)')
    """
    if pa.types.is_map(kind):
        return f"MAP({duckdb_type(kind.key_type)}, {duckdb_type(kind.item_type)})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    return sql_type(_instance(pl.from_arrow(pa.array([], kind)).dtype))  # type: ignore[union-attr]


_SQL_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "VARCHAR",
    pl.Date: "DATE",
    pl.Boolean: "BOOLEAN",
    pl.Int64: "BIGINT",
    pl.Int32: "INTEGER",
    pl.UInt64: "UBIGINT",
    pl.Binary: "BLOB",
}


def _one_file(path: Path, wanted: Columns) -> pl.DataFrame:
    rows = pl.read_parquet(path, glob=False, hive_partitioning=False)
    if dict(rows.schema) == dict(wanted):
        return rows
    return rows.select(
        pl.col(name).cast(dtype) if name in rows.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in wanted.items()
    )


def _with_type(frame: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Expr:
    """A column without a single value takes the wanted type; any other stays as it is, to be judged."""
    if name not in frame.columns or frame[name].null_count() == frame.height:
        return pl.lit(None, dtype).alias(name)
    is_list_of_nothing = isinstance(dtype, pl.List) and frame.schema[name] == pl.List(pl.Null)
    return pl.col(name).cast(dtype) if is_list_of_nothing else pl.col(name)


def _instance(dtype: object) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype  # type: ignore[return-value]
