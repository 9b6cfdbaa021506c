"""DuckDB for rating: rows are chosen and gathered here, amounts never computed. Nobody else in `rating` imports it."""

from functools import cache
from importlib.resources import files

import duckdb
import polars as pl
import pyarrow as pa

from rating.hashing import NULL, SEPARATOR, digest, hash64, hash64_sql, key_sql, key_text

FEW = 2_000
"""Rows up to which opening a connection would cost more than hashing them one by one."""


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
    if _are_few_texts(frame, columns):
        keys = frame.select(columns).iter_rows()
        return pl.Series("id", [hash64(key_text(*key)) for key in keys], dtype=pl.UInt64)
    return _of_keys(frame, hash64_sql(*columns), columns, pl.UInt64())


def content_ids(frame: pl.DataFrame, *columns: str) -> pl.Series:
    """`hashing.digest` of each row's key columns, for a whole frame at once.

    >>> from rating.hashing import digest
    >>> keys = pl.DataFrame({"a": ["x"], "b": [None]}, schema={"a": str, "b": str})
    >>> content_ids(keys, "a", "b").item() == digest("x", None)
    True
    """
    if _are_few_texts(frame, columns):
        return pl.Series("id", [digest(*key) for key in frame.select(columns).iter_rows()], dtype=pl.String)
    return _of_keys(frame, f"md5({key_sql(*columns)})", columns, pl.String())


def nested_ids(frame: pl.DataFrame, then: pl.Series) -> pl.DataFrame:
    """`hashing.digest` of each row's key, and that of this id with a further text, both from one pass.

    Reads    frame: the columns of the key, all of texts; then: the texts that follow the id, without nulls
    Makes    id, nested_id

    >>> from rating.hashing import digest
    >>> keys = pl.DataFrame({"a": ["x"], "b": [None]}, schema={"a": str, "b": str})
    >>> nested_ids(keys, pl.Series(["y"])).row(0) == (digest("x", None), digest(digest("x", None), "y"))
    True
    """
    if frame.height <= FEW:
        ids = [digest(*key) for key in frame.iter_rows()]
        nested = [digest(one, further) for one, further in zip(ids, then, strict=True)]
        return pl.DataFrame({"id": ids, "nested_id": nested}, schema={"id": pl.String, "nested_id": pl.String})
    # joined here: that copies each text once
    key = pl.concat_str([pl.col(name).fill_null(NULL) for name in frame.columns], separator=SEPARATOR)
    keyed = frame.select(key=key, further=SEPARATOR + then).with_row_index("_row")
    with duckdb.connect() as connection:
        connection.register("keyed", _in_batches(keyed))
        found = connection.sql(
            "select _row, id, md5(id || further) as nested_id from (select _row, md5(key) as id, further from keyed)"
        ).pl()
    return _in_row_order(found).drop("_row")


def _are_few_texts(frame: pl.DataFrame, columns: tuple[str, ...]) -> bool:
    return frame.height <= FEW and all(frame.schema[name] == pl.String for name in columns)


def _of_keys(frame: pl.DataFrame, expression: str, columns: tuple[str, ...], dtype: pl.DataType) -> pl.Series:
    if frame.is_empty():
        return pl.Series("id", dtype=dtype)
    with duckdb.connect() as connection:
        connection.register("keyed", _in_batches(frame.select(columns).with_row_index("_row")))
        found = connection.sql(f"select _row, {expression} as id from keyed").pl()
    return _in_row_order(found)["id"].cast(dtype)


def _in_batches(frame: pl.DataFrame) -> pa.Table:
    """A frame as DuckDB reads it on all threads: one thread reads a batch."""
    whole = frame.to_arrow()
    return pa.Table.from_batches(whole.to_batches(max_chunksize=_BATCH), whole.schema)


_BATCH = 65_536


def _in_row_order(found: pl.DataFrame) -> pl.DataFrame:
    """They come in order, which is quicker seen than asked for."""
    return found if found["_row"].is_sorted() else found.sort("_row")
