"""Rows of text that Python reads one by one, written as Parquet for the engine: slow, exact, and never surprised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flows.sources.relation import FAULT, RAW

ROWS_AT_ONCE = 50_000
LETTERS_AT_ONCE = 64 << 20

Row = Sequence[str | None]
"""The values of the columns, then the fault and the raw text of a row that could not be read."""


def faulty(columns: int, code: str, raw: str) -> Row:
    """A row that could not be read."""
    return (*[None] * columns, code, raw)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write rows of text, in order, as one Parquet file of text columns."""
    schema = pa.schema([(name, pa.string()) for name in (*columns, FAULT, RAW)])
    with pq.ParquetWriter(path, schema, compression="lz4", use_dictionary=False) as writer:
        for chunk in _chunks(rows):
            values = zip(*chunk, strict=True)
            writer.write_batch(pa.record_batch([pa.array(each, pa.string()) for each in values], schema=schema))


def text_columns(columns: Iterable[str]) -> Mapping[str, str]:
    """The DuckDB types of columns of text."""
    return dict.fromkeys(columns, "VARCHAR")


def spelled_out(raw: bytes) -> str:
    """Bytes that are no UTF-8, legibly."""
    return raw.decode("utf-8", "backslashreplace")


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += sum(len(value) for value in row if value)
        if len(chunk) >= ROWS_AT_ONCE or size >= LETTERS_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
