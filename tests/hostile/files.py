"""Files of usage that are faulty, made for each reason and each format; where a format cannot be so, why not."""

from __future__ import annotations

import codecs
import gzip
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.flows.ingest.world import COLUMNS, FORMATS, as_csv, as_json_lines, usage, write, write_parquet

Make = Callable[[Path, str], object]
"""Makes the file of a name in a folder."""

GOOD = [usage(1), usage(2)]
CSV, JSON_LINES = as_csv(GOOD), as_json_lines(GOOD)
TEXT = {"csv": CSV, "json_lines": JSON_LINES}
BOMB = 4 << 20
"""Bytes of line ends that pack to a thousandth."""


def bytes_of(content: bytes) -> Make:
    return lambda folder, name: (folder / name).write_bytes(content)


def parquet_of(change: Callable[[bytes], bytes]) -> Make:
    """Good records as Parquet, and its bytes changed."""

    def make(folder: Path, name: str) -> None:
        path = write_parquet(folder / name, GOOD)
        path.write_bytes(change(path.read_bytes()))

    return make


def typed(**types: str) -> Make:
    return lambda folder, name: write_parquet(folder / name, [], **types)


def selected(columns: str) -> Make:
    """The columns of good records as DuckDB selects them."""

    def make(folder: Path, name: str) -> None:
        made = write_parquet(folder.parent / f"made-{name}", GOOD)
        duckdb.sql(f"copy (select {columns} from '{made}') to '{folder / name}' (format parquet)")

    return make


def checked_page(folder: Path, name: str) -> None:
    """A page whose last byte is another than its checksum says."""
    path = arrow(folder, name, write_page_checksum=True)
    column = pq.read_metadata(path).row_group(0).column(8)
    change_bytes(path, column.data_page_offset + column.total_compressed_size - 1, b"\xff")


def broken_page(folder: Path, name: str) -> None:
    """Pages whose last twelve packed bytes are gone."""
    path = arrow(folder, name, compression="zstd", use_dictionary=False)
    metadata = pq.read_metadata(path)
    for index in range(metadata.num_columns):
        column = metadata.row_group(0).column(index)
        change_bytes(path, column.data_page_offset + column.total_compressed_size - 12, bytes(12))


def arrow(folder: Path, name: str, **options: Any) -> Path:
    path = write_parquet(folder / name, GOOD)
    pq.write_table(pq.read_table(path), path, **options)
    return path


def change_bytes(path: Path, at: int, new: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + len(new)] = new
    path.write_bytes(content)


def broken_footer(content: bytes) -> bytes:
    length = int.from_bytes(content[-8:-4], "little")
    return content[: -8 - length] + bytes(length) + content[-8:]


def many_equal_rows(folder: Path, name: str) -> None:
    """4,000,000 rows of one text in 3 kB: 32 bytes for each row are 128 MB, 200 times 3 kB are 0.6 MB."""
    column = pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array([0] * 4_000_000, pa.int8()), ["x"])])
    pq.write_table(pa.table(dict.fromkeys(COLUMNS, column)), folder / name)


def claiming(rows: int) -> Make:
    """A footer that says so many rows of a row group of 2: a number of compact Thrift, between its neighbours."""

    def change(content: bytes) -> bytes:
        start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        footer = content[start:-8].replace(b"\x16\x04\x19", b"\x16" + _varint(2 * rows) + b"\x19", 1)
        return content[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1"

    return parquet_of(change)


def _varint(value: int) -> bytes:
    """A number seven bits at a time, the lowest first.

    >>> _varint(300)
    b'\\xac\\x02'
    """
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def packed_and_cut(content: bytes) -> Make:
    return bytes_of(gzip.compress(content)[:-10])


def packed_with_wrong_checksum(content: bytes) -> Make:
    packed = gzip.compress(content)
    return bytes_of(packed[:-8] + bytes(4) + packed[-4:])


def fifo(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)


def dangling(folder: Path, name: str) -> None:
    (folder / name).symlink_to(folder / "gone")


def outward(form: str) -> Make:
    def make(folder: Path, name: str) -> None:
        (folder / name).symlink_to(write(folder.parent, GOOD, form, f"outside-{name}"))

    return make


def in_each(make: Callable[[str], Make]) -> Mapping[str, Make | str]:
    return {form: make(form) for form in FORMATS}


def of_parquet(make: Make, others: str) -> Mapping[str, Make | str]:
    return {"parquet": make} | dict.fromkeys(("csv", "json_lines"), others)


def plain(form: str) -> Make:
    return lambda folder, name: write(folder, GOOD, form, name).rename(folder / name)


def words(form: str, said: str) -> Make:
    rows = [usage(number, resource_id=f"misbehave now: {said}") for number in range(2)]
    return lambda folder, name: write(folder, rows, form, name).rename(folder / name)


TIMES, ONE_LINE = "a text has no type: R_NAIVE_TIMESTAMP of a row", "a line that is cut is a row: R_COLUMN_COUNT"
HEADER = ",".join(COLUMNS).encode()

FILES: Mapping[str, Mapping[str, Make | str]] = {
    "F_EMPTY": {"parquet": bytes_of(b""), "csv": bytes_of(codecs.BOM_UTF8), "json_lines": bytes_of(b"\n\r\n\n")},
    "F_NOT_PARQUET": of_parquet(
        parquet_of(lambda content: b"XXXX" + content[4:]), "only a mapping says that it should be Parquet"
    ),
    "F_TRUNCATED": {
        "parquet": parquet_of(lambda content: content[: len(content) // 2]),
        "csv": packed_and_cut(CSV),
        "json_lines": packed_and_cut(JSON_LINES),
    },
    "F_CORRUPT_FOOTER": of_parquet(parquet_of(broken_footer), "a text has no footer"),
    "F_CORRUPT_PAGE": of_parquet(broken_page, "a text has no pages"),
    "F_CHECKSUM": {
        "parquet": checked_page,
        "csv": packed_with_wrong_checksum(CSV),
        "json_lines": packed_with_wrong_checksum(JSON_LINES),
    },
    "F_ENCRYPTED": of_parquet(
        parquet_of(lambda content: b"PARE" + content[4:-4] + b"PARE"), "what is encrypted is no text: F_NOT_DATA"
    ),
    "F_ENCODING": {
        "parquet": "its texts belong to rows: R_BAD_ENCODING",
        "csv": bytes_of(CSV.decode().encode("utf-16")),
        "json_lines": bytes_of(JSON_LINES.decode().encode("utf-16")),
    },
    "F_MALFORMED_CSV": {
        "parquet": "is not CSV", "csv": bytes_of(CSV + b'"usage-3,acme\n'), "json_lines": "is not CSV",
    },
    "F_MALFORMED_JSON": {
        "parquet": "is not JSON", "csv": "is not JSON", "json_lines": bytes_of(b"[" + JSON_LINES.strip() + b"]"),
    },
    "F_SCHEMA_MISSING_COLUMN": {
        "parquet": selected("* exclude (sku_id)"),
        "csv": bytes_of(CSV.replace(b"billing_account_id", b"account")),
        "json_lines": "has no header: R_MISSING_FIELD of a row",
    },
    "F_SCHEMA_TYPE": of_parquet(typed(consumed_quantity="DOUBLE"), "a text has no types"),
    "F_SCHEMA_AMBIGUOUS": {
        "parquet": lambda folder, name: pq.write_table(
            pq.read_table(write_parquet(folder / name, GOOD)).append_column("SKU_ID", pa.array(["vm", "vm"])),
            folder / name,
        ),
        "csv": bytes_of(HEADER + b",sku_id\n"),
        "json_lines": "has no header: R_JSON_DUP_KEY of a row",
    },
    "F_TOO_MANY_COLUMNS": {
        "parquet": lambda folder, name: pq.write_table(
            pa.table({f"x{number}": pa.array([], pa.string()) for number in range(1001)}), folder / name
        ),
        "csv": bytes_of(HEADER + b"".join(b",x%d" % number for number in range(989)) + b"\n"),
        "json_lines": "fields beside those of usage are left alone, row by row",
    },
    "F_EXPANSION_LIMIT": {
        "parquet": many_equal_rows,
        "csv": bytes_of(gzip.compress(HEADER + b"\n" * BOMB)),
        "json_lines": bytes_of(gzip.compress(b"{}" + b"\n" * BOMB)),
    },
    "F_ROW_LIMIT": in_each(
        lambda form: lambda folder, name: write(folder, [usage(n) for n in range(9)], form, name).rename(folder / name)
    ),
    "F_NAIVE_TIMESTAMP": of_parquet(typed(charge_period_end="TIMESTAMP"), TIMES),
    "F_PARTITION_CONFLICT": in_each(plain),
    "F_UNSAFE_PATH": in_each(outward),
    "F_NOT_REGULAR": in_each(lambda _: fifo),
    "F_UNREADABLE": in_each(lambda _: dangling),
    "F_UNLISTED": in_each(plain),
    "F_MANIFEST_MISSING_FILE": in_each(lambda _: lambda folder, name: None),
    "F_ROWCOUNT_MISMATCH": in_each(lambda form: claiming(3) if form == "parquet" else plain(form)),
    "F_CONTROL_TOTAL_MISMATCH": in_each(plain),
    "F_NOT_DATA": {
        "parquet": parquet_of(lambda content: gzip.compress(gzip.compress(content))),
        "csv": bytes_of(gzip.compress(gzip.compress(CSV))),
        "json_lines": bytes_of(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + JSON_LINES),
    },
    "F_CRASHED_READER": in_each(lambda form: words(form, "abort")),
}  # fmt: skip
"""For each reason and format: how to make such a file, or why there can be none."""
