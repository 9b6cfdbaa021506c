"""Whatever comes, every row has one fate, good files beside it are read, and the same again changes nothing.

The ordinary suite draws a few deliveries, the same each time; BILLFOLD_EXAMPLES=1000 draws so many, anew.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import os
import tempfile
from collections.abc import Callable
from decimal import Context, Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.lake.journal import Lake
from flows.show.ingesting import exit_code
from rating.rejects import FILE_REASONS, ROW_REASONS
from tests.flows.ingest.world import COLUMNS, ingest, rejects, stored, usage, write

EXAMPLES = int(os.environ.get("BILLFOLD_EXAMPLES", "8"))
fuzzed = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

EXACT = Context(prec=60)

Fields = dict[str, str | None]

# --- rows -------------------------------------------------------------------------------------------------------------

NASTY = (
    "", " ", "\t", "\u00a0", "\u202eabc", "\u200b", "a\u0301", "\U0001f4a9", "x" * 513, "é" * 512, "\ufeff", "null",
    "NULL", "None", "NaN", "'", '"', '""', '"a', 'a"b', '"a"b', ",", "a,b", "a\nb", "a\rb", "a\r\nb", "\\", "\\n",
    "\\N", "=1+1", "@x", "%s", "{}", "$1", "; drop table usage_records; --", "../../etc/passwd", "\x7f", "\x85",
    "\u2028", "\x1f", "\x00", "a\x00b", "\x1e", "\uffff", "\ud7ff", "\ue000", "\U0010ffff", "_fault", "R_FUTURE",
    "web", "acme", "vm",
)  # fmt: skip
NUMBERS = (
    "0", "-0", "1", "-1", "1.5", "00001.50", "0.000000000000001", "0.0000000000000001",
    "99999999999999.999999999999999", "-99999999999999.999999999999999", "100000000000000", "9" * 38, "9" * 39,
    "9" * 400, "0." + "9" * 400, "1e3", "1E-3", "1e400", "-1e400", "NaN", "nan", "inf", "-Infinity", "+1", "1.", ".5",
    "1,5", "1_000", "0x10", "٣", "１", "1 ", " 1", "18446744073709551616", "9223372036854775808",
    "340282366920938463463374607431768211456", "--1", "1.5.5", "−1", "½",
)  # fmt: skip
TIMES = (
    "2026-10-10T10:00:00Z", "2026-10-10T10:00:00", "2026-10-10 10:00", "2026-10-10", "0001-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "2026-12-31T23:59:60Z", "2026-10-10T24:00:00Z",
    "2026-10-10T23:59:59+24:00", "2026-10-10T10:00:00+23:59", "2026-10-10T10:00:00-23:59",
    "2026-10-10T10:00:00+14:00", "2026-10-10T10:00:00.123456Z", "2026-10-10T10:00:00.1234567Z",
    "2026-10-10T10:00:00.123456000Z", "infinity", "-infinity", "epoch", "now", "today", "2026-02-29T00:00:00Z",
    "2024-02-29T00:00:00Z", "2026-10-25T02:30:00+01:00", "294247-01-10T04:00:54.775806Z",
    "290309-12-22 (BC) 00:00:00+00", "2026-10-10T10:00:00 Europe/Berlin", "20261010T10Z", "2026-283T10:00:00Z",
    "2026-W41-6T10:00:00Z", "1790000000", "2026-11-05T12:00:00Z", "2026-11-05T12:00:00.000001Z",
)  # fmt: skip
TAGS = (
    "{}", "null", "[]", "1", '"x"', "{", "}{", '{"a": 1}', '{"a": 1.0}', '{"a": 1e3}', '{"a": null}',
    '{"a": {"b": 1}}', '{"a": [1]}', '{"a": "1", "a": "2"}', '{"a": 99999999999999999999999999}', '{"": ""}',
    '{"a": "\\ud800"}', '{"a": "\\u0000"}', "{" * 500, "[" * 5000, '{"a":' * 500, '{"a": NaN}', '{"a": true}',
    '{"\\u2028": "x"}', "{'a': 1}",
)  # fmt: skip
REVISIONS = (
    "0", "1", "007", "-1", "1.0", "9223372036854775807", "9223372036854775808", "1e3", "x", " ", "٣", "9" * 19,
)  # fmt: skip

LISTED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(COLUMNS, NASTY),
    "charge_period_start": TIMES + NASTY,
    "charge_period_end": TIMES + NASTY,
    "consumed_quantity": NUMBERS + NASTY,
    "revision": REVISIONS + NASTY,
    "tags": TAGS + NASTY,
}

text = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=6))
VALUES: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(COLUMNS, text),
    "charge_period_start": st.one_of(st.sampled_from(TIMES), text),
    "charge_period_end": st.one_of(st.sampled_from(TIMES), text),
    "consumed_quantity": st.one_of(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS), text),
    "revision": st.one_of(st.sampled_from(REVISIONS), text),
    "tags": st.one_of(st.sampled_from(TAGS), text),
}


@st.composite
def rows(draw: st.DrawFn) -> list[Fields]:
    """Good records, a few fields of which are anything; some ids stand twice."""
    found: list[Fields] = []
    for number in range(draw(st.integers(0, 12))):
        row: Fields = {name: usage(number // 2).get(name) for name in COLUMNS}
        row["sku_id"] = draw(st.sampled_from(["vm", "refundable", "disk"]))
        for name in draw(st.lists(st.sampled_from(COLUMNS), max_size=3, unique=True)):
            row[name] = draw(st.one_of(st.none(), VALUES[name]))
        found.append(row)
    return found


# --- files ------------------------------------------------------------------------------------------------------------


def as_csv(table: list[Fields]) -> bytes:
    out = io.StringIO(newline="")
    all_or_few = ("\n", csv.QUOTE_ALL) if len(table) % 2 else ("\r\n", csv.QUOTE_MINIMAL)  # a lone \r is quoted by both
    writer = csv.writer(out, lineterminator=all_or_few[0], quoting=all_or_few[1])
    writer.writerow(COLUMNS)
    writer.writerows([row[name] or "" for name in COLUMNS] for row in table)
    return out.getvalue().encode()


def as_careless_csv(table: list[Fields]) -> bytes:
    """Joined by commas, as programs do that know no quotes."""
    lines = [COLUMNS, *([row[name] or "" for name in COLUMNS] for row in table)]
    return "\n".join(",".join(line) for line in lines).encode()


def as_json_lines(table: list[Fields]) -> bytes:
    return "".join(json.dumps({name: value for name, value in row.items() if value}) + "\n" for row in table).encode()


def as_careless_json(table: list[Fields]) -> bytes:
    """Values that are put between braces as they are."""
    bare = ("consumed_quantity", "revision", "tags")
    lines = [
        ", ".join(
            f'"{name}": {value}' if name in bare else f'"{name}": {json.dumps(value)}' for name, value in row.items()
        )
        for row in table
    ]
    return "".join("{" + line.replace("\n", " ").replace("\r", " ") + "}\n" for line in lines).encode()


def as_parquet(table: list[Fields]) -> bytes:
    out = io.BytesIO()
    columns = {name: pa.array([row[name] for row in table], pa.string()) for name in COLUMNS}
    pq.write_table(pa.table(columns), out, write_page_checksum=bool(len(table) % 2), row_group_size=5)
    return out.getvalue()


WRITERS: dict[str, Callable[[list[Fields]], bytes]] = {
    "csv": as_csv, "careless_csv": as_careless_csv, "json_lines": as_json_lines, "careless_json": as_careless_json,
    "parquet": as_parquet,
}  # fmt: skip


def unchanged(content: bytes, _: int) -> bytes:
    return content


def flipped(content: bytes, place: int) -> bytes:
    if not content:
        return content
    at = place % len(content)
    return content[:at] + bytes([content[at] ^ (1 << (place % 8))]) + content[at + 1 :]


def renamed(content: bytes, place: int) -> bytes:
    old = COLUMNS[place % len(COLUMNS)].encode()
    return content.replace(old, old.upper() if place % 2 else old[::-1])


def swapped(content: bytes, _: int) -> bytes:
    return content.replace(b"sku_id", b"\0").replace(b"region_id", b"sku_id").replace(b"\0", b"region_id")


CHANGES: dict[str, Callable[[bytes, int], bytes]] = {
    "flipped": flipped,
    "flipped at its end": lambda content, place: flipped(content, len(content) - 1 - place % 400) if content else b"",
    "cut": lambda content, place: content[: place % (len(content) + 1)],
    "renamed": renamed,
    "swapped": swapped,
    "twice": lambda content, _: content + content,
    "zeros": lambda content, place: content[: place % (len(content) + 1)] + bytes(place % 5000) + content,
    "BOM": lambda content, _: codecs.BOM_UTF8 + content,
    "two BOMs": lambda content, _: codecs.BOM_UTF8 * 2 + content,
    "UTF-16": lambda content, _: content.decode("utf-8", "replace").encode("utf-16"),
    "Latin-1": lambda content, _: content.decode("utf-8", "replace").encode("latin-1", "replace"),
    "CRLF": lambda content, _: content.replace(b"\n", b"\r\n"),
    "CR": lambda content, _: content.replace(b"\n", b"\r"),
    "semicolons": lambda content, _: content.replace(b",", b";"),
    "gzip": lambda content, _: gzip.compress(content, mtime=0),
    "gzip and more": lambda content, place: gzip.compress(content, mtime=0) + bytes([place % 256]) * 9,
    "gzip in two": lambda content, _: gzip.compress(content[:99], mtime=0) + gzip.compress(content[99:], mtime=0),
    "gzip flipped": lambda content, place: flipped(gzip.compress(content, mtime=0), place),
    "zstd flipped": lambda content, place: flipped(pa.compress(content, "zstd", asbytes=True), place),
    "lower case": lambda content, _: content.lower(),
}  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, int | None]:
    """A file of rows, and how many it has where it is still as it was written."""
    table = draw(rows())
    writer = draw(st.sampled_from(sorted(WRITERS)))
    content = WRITERS[writer](table)
    if draw(st.booleans()):
        return content, None if writer.startswith("careless") else len(table)
    for name in draw(st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=2)):
        content = CHANGES[name](content, draw(st.integers(0, 1 << 20)))
    return content, None


INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
TYPES = (
    pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC"), pa.timestamp("ms", "UTC"), pa.timestamp("s", "UTC"),
    pa.timestamp("us"), pa.date32(), pa.int64(), pa.uint64(), pa.int8(), pa.float64(), pa.float16(),
    pa.decimal128(38, 15), pa.decimal128(38, 0), pa.decimal128(38, 38), pa.decimal128(18, 6), pa.decimal256(76, 20),
    pa.bool_(), pa.binary(), pa.large_string(), pa.time64("us"), pa.null(), pa.list_(pa.string()),
    pa.dictionary(pa.int8(), pa.string()), pa.map_(pa.string(), pa.string()), pa.struct([("a", pa.string())]),
    pa.string_view(), pa.duration("us"),
)  # fmt: skip


@st.composite
def typed_files(draw: st.DrawFn) -> tuple[bytes, int | None]:
    """Parquet whose columns have any type, and values at the ends of it."""
    table = {name: pa.array([usage(f"t{number}").get(name) for number in range(4)], pa.string()) for name in COLUMNS}
    instants = pa.array([1_790_000_000_000_000] * 4, pa.timestamp("us", "UTC"))
    table |= {"charge_period_start": instants, "charge_period_end": instants, "tags": pa.nulls(4, pa.string())}
    for name in draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3, unique=True)):
        kind = draw(st.sampled_from(TYPES))
        raw = draw(st.lists(st.one_of(st.none(), INTEGERS), min_size=4, max_size=4))
        table[name] = _column(raw, kind)
    return _parquet(table), 4


def _parquet(columns: dict[str, Any]) -> bytes:
    """The columns as Parquet; what Parquet cannot hold is null."""
    out = io.BytesIO()
    try:
        pq.write_table(pa.table(columns), out)
    except pa.ArrowInvalid:
        return _parquet(
            {name: column if column.type == pa.string() else pa.nulls(len(column)) for name, column in columns.items()}
        )
    return out.getvalue()


def _column(raw: list[int | None], kind: pa.DataType) -> pa.Array[Any]:
    """Integers read as a type: for one of fixed width their bits, for others their text; null where none fits."""
    try:
        return _nested(raw, kind) if kind.num_fields or pa.types.is_dictionary(kind) else _flat(raw, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(raw), kind)


def _nested(raw: list[int | None], kind: pa.DataType) -> pa.Array[Any]:
    if pa.types.is_dictionary(kind):
        return pa.array([None if one is None else str(one) for one in raw]).dictionary_encode()
    if pa.types.is_map(kind):
        return pa.array([None if one is None else [(str(one), "x"), (str(one % 2), None)] for one in raw], kind)
    if pa.types.is_list(kind):
        return pa.array([None if one is None else [str(one)] for one in raw], kind)
    return pa.array([None if one is None else {"a": str(one)} for one in raw], kind)


def _flat(raw: list[int | None], kind: pa.DataType) -> pa.Array[Any]:
    if pa.types.is_null(kind):
        return pa.nulls(len(raw))
    if pa.types.is_decimal(kind):
        return pa.array([None if one is None else Decimal(one).scaleb(-kind.scale) for one in raw], kind)
    if pa.types.is_boolean(kind):
        return pa.array([None if one is None else one > 0 for one in raw], kind)
    if kind in (pa.binary(), pa.large_string(), pa.string_view()):
        return pa.array([None if one is None else str(one).encode() for one in raw], pa.binary()).cast(kind)
    width = kind.bit_width
    bits = [None if one is None else one >> (64 - width) for one in raw]
    return pa.array(bits, {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[width]).view(kind)


# --- what holds -------------------------------------------------------------------------------------------------------


def holds(*hostile: tuple[bytes, int | None]) -> set[str]:
    """Land the files beside a good one, and look at every promise; gives the fates of files there are."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        inbox = folder / "inbox"
        inbox.mkdir()
        lake = Lake.create(folder / "lake", buckets=2)
        for number, (content, _) in enumerate(hostile):
            (inbox / f"{number}").write_bytes(content)
        delivery = [*sorted(inbox.iterdir()), write(inbox, [usage("good-1"), usage("good-2")], "csv", "good")]
        result = ingest(lake, *delivery)

        by_name = {row["file_name"]: row for row in result.files}
        assert by_name["good.csv"]["accepted_count"] == 2
        for number, (_, count) in enumerate(hostile):
            _file_is_accounted_for(by_name[str(number)], count)
        assert {one for (one,) in stored(lake, "usage_record_id")} >= {"usage-good-1", "usage-good-2"}
        assert len(stored(lake, "usage_record_id")) == result.accepted
        _rejects_say_why(lake, by_name)
        assert exit_code(result) == (3 if result.rejected or any(row["reason_code"] for row in result.files) else 0)
        again = ingest(lake, *delivery)
        assert (again.status, lake.head().number) == ("nothing to do", 1)
        return {row["fate"] for row in result.files}


def _file_is_accounted_for(row: dict[str, Any], count: int | None) -> None:
    """landed = accepted + duplicate + superseded + rejected, in rows and in quantity."""
    fates = ("accepted", "duplicate", "superseded", "rejected")
    assert row["fate"] in ("read", "already_read", "file_rejected")
    assert (row["fate"] == "file_rejected") == (row["reason_code"] is not None)
    assert row["reason_code"] is None or row["reason_code"] in FILE_REASONS
    for what in ("count", "quantity"):
        assert row[f"landed_{what}"] == reduce(EXACT.add, (row[f"{fate}_{what}"] for fate in fates))
    if row["fate"] == "read" and count is not None:
        assert row["landed_count"] == count


def _rejects_say_why(lake: Lake, by_name: dict[str, Any]) -> None:
    found = rejects(lake, "file_name, row_number, reason_code, reason_codes, reason, original")
    assert {name: row["rejected_count"] for name, row in by_name.items() if row["rejected_count"]} == {
        name: sum(one[0] == name for one in found) for name in {one[0] for one in found}
    }
    for _, _, code, codes, reason, original in found:
        assert codes
        assert set(codes) <= set(ROW_REASONS)
        assert code == (codes[0] if len(codes) == 1 else "R_MULTIPLE")
        assert reason
        assert original is not None


@fuzzed
@given(delivery=st.lists(files(), min_size=1, max_size=4))
def test_every_row_of_any_text_or_parquet_has_one_fate(delivery: list[tuple[bytes, int | None]]) -> None:
    holds(*delivery)


@fuzzed
@given(delivery=st.lists(typed_files(), min_size=1, max_size=4))
def test_every_row_of_parquet_of_any_types_has_one_fate(delivery: list[tuple[bytes, int | None]]) -> None:
    holds(*delivery)


@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_every_listed_value_in_every_column_has_one_fate(writer: str) -> None:
    """One row for each column and value: all that is good but this field."""
    table = [
        {name: usage(f"{column}-{number}").get(name) for name in COLUMNS} | {column: value}
        for column, values in LISTED.items()
        for number, value in enumerate(values)
    ]
    is_careless = writer.startswith("careless")
    fates = holds((WRITERS[writer](table), None if is_careless else len(table)))
    assert is_careless or fates == {"read"}


@pytest.mark.parametrize("column", COLUMNS if "BILLFOLD_EXAMPLES" in os.environ else COLUMNS[6:9])
def test_a_column_of_every_type_has_one_fate(column: str) -> None:
    """In the ordinary suite for a time and the quantity alone."""
    raw = [None, 0, 1, -1, (1 << 63) - 1, -(1 << 63), 1_790_000_000_000_000]
    files = []
    for number, kind in enumerate(TYPES):
        count = len(raw)
        table = {name: pa.array([usage(f"{number}-{row}").get(name) for row in range(count)]) for name in COLUMNS}
        files.append((_parquet(table | {column: _column(raw, kind)}), count))
    holds(*files)
