"""DuckDB for rating: rows are chosen and gathered here, amounts never computed. Nobody else in `rating` imports it."""

from functools import cache
from importlib.resources import files

import duckdb
import polars as pl

from rating.hashing import hash64_sql, key_sql


@cache
def text(name: str) -> str:
    """The SQL of a table: `rating/<name>.sql`."""
    return files("rating").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def query(name: str, connection: duckdb.DuckDBPyConnection, **tables: pl.DataFrame) -> pl.DataFrame:
    """Run `rating/<name>.sql` over frames, and over the relations the connection already has.

    Reads    tables: frames the query names; the caller's connection holds the large ones
    Makes    the query's result, in no particular order
    """
    for table, frame in tables.items():
        keep(connection, table, frame)
    return connection.sql(text(name)).pl()


def keep(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    """Make a frame a table of the connection.

    Copied, not registered: DuckDB hands join filters on 64-bit hashes to pyarrow, which cannot hold them.
    """
    connection.register("_frame", frame.to_arrow())
    connection.execute(f"create or replace temp table {table} as from _frame")
    connection.unregister("_frame")


def content_hashes(frame: pl.DataFrame, *columns: str) -> pl.Series:
    """`hashing.hash64` of each row's key columns, for a whole frame at once.

    >>> from rating.hashing import hash64, key_text
    >>> keys = pl.DataFrame({"a": ["x"], "b": [None]}, schema={"a": str, "b": str})
    >>> content_hashes(keys, "a", "b").item() == hash64(key_text("x", None))
    True
    """
    return _of_keys(frame, hash64_sql(*columns), columns, pl.UInt64())


def content_ids(frame: pl.DataFrame, *columns: str) -> pl.Series:
    """`hashing.digest` of each row's key columns, for a whole frame at once.

    >>> from rating.hashing import digest
    >>> keys = pl.DataFrame({"a": ["x"], "b": [None]}, schema={"a": str, "b": str})
    >>> content_ids(keys, "a", "b").item() == digest("x", None)
    True
    """
    return _of_keys(frame, f"md5({key_sql(*columns)})", columns, pl.String())


def _of_keys(frame: pl.DataFrame, expression: str, columns: tuple[str, ...], dtype: pl.DataType) -> pl.Series:
    if frame.is_empty():
        return pl.Series("id", dtype=dtype)
    with duckdb.connect() as connection:
        connection.register("keyed", frame.select(columns).with_row_index("_row").to_arrow())
        found = connection.sql(f"select _row, {expression} as id from keyed").pl()
    # they come in order, which is quicker seen than asked for
    found = found if found["_row"].is_sorted() else found.sort("_row")
    return found["id"].cast(dtype)
