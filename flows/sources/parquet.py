"""Parquet, the native form.

Read where it lies, columns by their declared types, nothing taken from names or folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.landing.limits import Limits
from flows.landing.workspace import Workspace
from flows.mapping import ColumnMapping
from flows.sources.content import Content
from flows.sources.csv import check_names
from flows.sources.faults import FileFault
from flows.sources.parquet_pages import check_pages
from flows.sources.relation import FAULT, RAW, Attempt, Relation
from flows.sources.text import spelled_out
from flows.sql import parquet

MARK, ENCRYPTED_MARK = b"PAR1", b"PARE"
SMALLEST = 12
NUMBERED = ", file_row_number = true"
ROW_NUMBER = "file_row_number + 1"


class Parquet:
    """Apache Parquet."""

    name = "parquet"

    def recognises(self, content: Content) -> bool:
        """By its marks, the first or the last four bytes."""
        marks = (content.head[:4], content.tail[-4:])
        return bool({MARK, ENCRYPTED_MARK} & set(marks))

    def columns(self, content: Content, _: ColumnMapping) -> list[str]:
        """The names in the schema.

        Rejects  F_TOO_MANY_COLUMNS F_SCHEMA_AMBIGUOUS, and what is wrong with the footer
        """
        names = list(_metadata(content).schema.to_arrow_schema().names)
        check_names(names)
        return names

    def attempts(self, content: Content, number: int, _: ColumnMapping, desk: Workspace) -> list[Attempt]:
        """DuckDB where the file lies.

        If a text in it is no UTF-8, or times are finer than DuckDB knows, a copy by Arrow.
        """
        metadata = _metadata(content)
        _check(metadata, content.size, desk.limits)
        check_pages(content.path, metadata)
        schema = metadata.schema.to_arrow_schema()
        copied = partial(_copied, content, desk.path("text", f"{number:06}.parquet"), desk.connection)
        is_finer = any(_is_nanoseconds_of_utc(field.type) for field in schema)
        return [copied] if is_finer else [partial(_in_place, content, desk.connection), copied]


def _metadata(content: Content) -> pq.FileMetaData:
    if content.head[:4] == ENCRYPTED_MARK or content.tail[-4:] == ENCRYPTED_MARK:
        raise FileFault("F_ENCRYPTED")
    if content.head[:4] != MARK:
        raise FileFault("F_NOT_PARQUET", repr(content.head[:4]), repr(MARK))
    if content.tail[-4:] != MARK or content.size < SMALLEST:
        raise FileFault("F_TRUNCATED", f"{content.size} bytes without a footer")
    footer = int.from_bytes(content.tail[:4], "little")
    if footer + SMALLEST > content.size:
        raise FileFault("F_CORRUPT_FOOTER", f"a footer of {footer} bytes in a file of {content.size}")
    try:
        metadata = pq.read_metadata(content.path)
        metadata.schema.to_arrow_schema()
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise _fault_of(fault, "F_CORRUPT_FOOTER") from None
    return metadata


def _check(metadata: pq.FileMetaData, size: int, limits: Limits) -> None:
    """Is the file of a size and shape that can be read?

    What it says it unpacks to is believed only where it is too much: who reads is watched.
    Rejects  F_ROW_LIMIT F_ROWCOUNT_MISMATCH F_EXPANSION_LIMIT
    """
    if metadata.num_rows > limits.rows:
        raise FileFault("F_ROW_LIMIT", f"{metadata.num_rows} rows")
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    in_groups = sum(group.num_rows for group in groups)
    if in_groups != metadata.num_rows:
        raise FileFault("F_ROWCOUNT_MISMATCH", f"{in_groups} rows in its groups", f"{metadata.num_rows}")
    unpacked = max(sum(group.total_byte_size for group in groups), limits.row_bytes * metadata.num_rows)
    if unpacked > limits.unpacked_bytes(size):
        raise FileFault("F_EXPANSION_LIMIT", f"{unpacked} bytes in a file of {size}")


def _in_place(content: Content, connection: duckdb.DuckDBPyConnection) -> Relation:
    return _relation(content.path, connection)


def _relation(path: Path, connection: duckdb.DuckDBPyConnection) -> Relation:
    try:
        found = connection.sql(f"select * from {parquet(path)}")
        types = dict(zip(found.columns, map(str, found.types), strict=True))
    except duckdb.Error as fault:
        raise _fault_of(fault, "F_CORRUPT_FOOTER") from None
    has_faults = FAULT in types and RAW in types
    columns = {name: kind for name, kind in types.items() if name not in (FAULT, RAW)} if has_faults else types
    return Relation(parquet(path, options=NUMBERED), columns, ROW_NUMBER, has_faults)


def _copied(content: Content, target: Path, connection: duckdb.DuckDBPyConnection) -> Relation:
    """A copy in which every text is UTF-8 and nanoseconds are text; rows that were neither are marked."""
    try:
        with pq.ParquetFile(content.path) as file, _Writer(target) as writer:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                writer.write(_legible(batch))
            writer.write(_legible(pa.RecordBatch.from_pylist([], schema=file.schema_arrow)))
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise _fault_of(fault, "F_CORRUPT_PAGE") from None
    return _relation(target, connection)


ROWS_AT_ONCE = 65_536


class _Writer:
    """A Parquet file whose schema is that of the first batch."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.close()

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer = self._writer or pq.ParquetWriter(self._path, batch.schema, compression="lz4")
        self._writer.write_batch(batch)


def _legible(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = {name: _text_of_nanoseconds(batch.column(name)) for name in batch.schema.names}
    broken = sorted({row for column in columns.values() for row in _broken_rows(column)})
    raw = [None] * batch.num_rows
    fault = [None] * batch.num_rows
    for row in broken:
        fault[row] = "R_BAD_ENCODING"  # type: ignore[call-overload]
        raw[row] = _spelled_row(columns, row)  # type: ignore[call-overload]
    kept = {name: _without(column, broken) for name, column in columns.items()}
    return pa.RecordBatch.from_pydict({**kept, FAULT: pa.array(fault, pa.string()), RAW: pa.array(raw, pa.string())})


def _broken_rows(column: pa.Array[Any]) -> Iterator[int]:
    """Rows whose text is no UTF-8; for a nested column with any such text, all its rows."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            yield from range(len(column))
            return
        for row, value in enumerate(column.cast(pa.large_binary(), safe=False)):
            if value.is_valid and not _is_utf8(value.as_py()):
                yield row


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _without(column: pa.Array[Any], rows: list[int]) -> pa.Array[Any]:
    """The column with nulls in these rows."""
    if not rows:
        return column
    taken = pa.array([None if row in set(rows) else row for row in range(len(column))], pa.int64())
    return column.take(taken)


def _spelled_row(columns: dict[str, pa.Array[Any]], row: int) -> str:
    cells = []
    for name, column in columns.items():
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        value = (column.slice(row, 1).cast(pa.large_binary(), safe=False) if is_text else column.slice(row, 1))[0]
        shown = spelled_out(value.as_py()) if is_text and value.is_valid else _shown(value)
        cells.append(f"{name}={shown}")
    return ", ".join(cells)


def _shown(value: pa.Scalar[Any]) -> str:
    try:
        return str(value)
    except UnicodeDecodeError:
        return "?"


def _is_nanoseconds_of_utc(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.unit == "ns" and kind.tz is not None


def _text_of_nanoseconds(column: pa.Array[Any]) -> pa.Array[Any]:
    """Instants with nine decimals as text, so that no digit is lost before the grammar has judged it."""
    if not _is_nanoseconds_of_utc(column.type):
        return column
    instants = pc.floor_temporal(column, unit="microsecond").cast(pa.timestamp("us", "UTC"))
    rest = pc.subtract(column.cast(pa.int64()), pc.multiply(instants.cast(pa.int64()), 1000))
    digits = pc.utf8_lpad(rest.cast(pa.string()), 3, "0")
    seconds: pa.Array[Any] = pc.strftime(instants, "%Y-%m-%dT%H:%M:%S")  # type: ignore[arg-type]  # with microseconds
    texts: pa.Array[Any] = pc.binary_join_element_wise(seconds, digits, pa.scalar("Z"), "")  # type: ignore[call-overload]
    return texts


_ENCRYPTION = re.compile("crypt", re.IGNORECASE)


def _fault_of(fault: Exception, code: str) -> FileFault:
    """The fault of a file that an engine could not read."""
    said = (str(fault).splitlines() or [type(fault).__name__])[0]
    return FileFault("F_ENCRYPTED" if _ENCRYPTION.search(said) else code, said)
