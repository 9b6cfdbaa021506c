"""Files that are small or look harmless, and would unpack to more than a machine has."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.lake.journal import Lake
from flows.landing.limits import Limits
from flows.landing.reader import Reader
from tests.flows.ingest.world import COLUMNS, as_csv, as_json_lines, ingest, usage, write
from tests.hostile.files import CSV, JSON_LINES, Make, bytes_of, claiming

LIMITS = Limits(always_allowed=1 << 20, line_bytes=1 << 20)
LONG = b"x" * (1 << 20)


def huge_dictionary(folder: Path, name: str) -> None:
    """Five texts of 8 MB of one letter, in a dictionary, in 10 kB."""
    texts = pa.array([letter * (8 << 20) for letter in "abcde"]).dictionary_encode()
    pq.write_table(pa.table(dict.fromkeys(COLUMNS, texts)), folder / name, compression="zstd")


def lying_footer(folder: Path, name: str) -> None:
    """The same, and a footer that says it unpacks to as many bytes as it packs to."""
    huge_dictionary(folder, name)
    path = folder / name
    content = path.read_bytes()
    metadata = pq.read_metadata(path)
    group = metadata.row_group(0)
    for size in {group.total_byte_size, *(group.column(index).total_uncompressed_size for index in range(12))}:
        content = content.replace(b"\x16" + varint(2 * size), b"\x16" + varint(20_000, len(varint(2 * size))))
    path.write_bytes(content)


def varint(value: int, width: int = 0) -> bytes:
    """A number seven bits at a time, in so many bytes at least."""
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest, width - 1) if rest or width > 1 else bytes([low])


BOMBS: dict[str, tuple[str, Make]] = {
    "a footer that says 10^12 rows": ("F_ROW_LIMIT", claiming(10**12)),
    "a footer that says 2^62 rows": ("F_ROW_LIMIT", claiming(1 << 62)),
    "a dictionary of texts that pack well": ("F_EXPANSION_LIMIT", huge_dictionary),
    "a line of CSV without an end": ("F_MALFORMED_CSV", bytes_of(CSV + b"usage-3," + LONG)),
    "a quote of CSV without an end": ("F_MALFORMED_CSV", bytes_of(CSV + b'"' + b"x,\n" * (1 << 19))),
    "a line of JSON without an end": ("F_MALFORMED_JSON", bytes_of(JSON_LINES + b'{"usage_record_id": "' + LONG)),
    "JSON that is deep": ("F_MALFORMED_JSON", bytes_of(b'{"a":' * (1 << 17))),
    "gzip of gzip of nothing much": ("F_NOT_DATA", bytes_of(gzip.compress(gzip.compress(bytes(8 << 20))))),
    "gzip of zeros": ("F_EXPANSION_LIMIT", bytes_of(gzip.compress(bytes(8 << 20)))),
    "zstd of zeros": ("F_EXPANSION_LIMIT", bytes_of(pa.compress(bytes(8 << 20), "zstd", asbytes=True))),
    "gzip of many empty members": ("F_EMPTY", bytes_of(gzip.compress(b"") * 20_000)),
}


def test_every_bomb_is_set_aside_and_the_good_file_is_read(lake: Lake, inbox: Path) -> None:
    files = []
    for number, (_, make) in enumerate(BOMBS.values()):
        make(inbox, f"{number:02}")
        files.append(inbox / f"{number:02}")
    result = ingest(lake, *files, write(inbox, [usage("good")]), limits=LIMITS)

    found = {row["file_name"]: row["reason_code"] for row in result.files}
    wanted = {what: code for what, (code, _) in BOMBS.items()}
    assert {what: found[f"{number:02}"] for number, what in enumerate(BOMBS)} == wanted
    assert (found["usage.csv"], result.accepted) == (None, 1)


def test_a_footer_that_lies_about_what_it_unpacks_to_is_not_believed(lake: Lake, inbox: Path) -> None:
    """What does not fit the memory of the reader is not read."""
    lying_footer(inbox, "lying")
    assert pq.read_metadata(inbox / "lying").row_group(0).total_byte_size == 10_000
    good = write(inbox, [usage("good")])
    result = ingest(lake, inbox / "lying", good, limits=Limits(always_allowed=1 << 20, memory=200 << 20))

    assert {row["file_name"]: row["reason_code"] for row in result.files} == {
        "lying": "F_EXPANSION_LIMIT", "usage.csv": None,
    }  # fmt: skip


def test_where_memory_is_missing_the_file_with_rows_that_no_usage_has_is_set_aside(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of 100,000 letters can be read one after another; beside each other they need more than there is."""
    execute = Reader.execute

    def needs_more(*_: object) -> None:
        monkeypatch.setattr(Reader, "execute", execute)
        raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate data")

    monkeypatch.setattr(Reader, "execute", needs_more)
    long = write(inbox, [usage("long", resource_id="x" * 100_000)], "parquet", "long")
    result = ingest(lake, long, write(inbox, [usage("good")]))

    assert {row["file_name"]: row["reason_code"] for row in result.files} == {
        "long.parquet": "F_EXPANSION_LIMIT", "usage.csv": None,
    }  # fmt: skip
    assert "a row of 100" in next(row["reason"] for row in result.files if row["reason"])
    assert result.accepted == 1


@pytest.mark.parametrize("make", [as_csv, as_json_lines])
def test_a_line_as_long_as_may_be_is_read(lake: Lake, inbox: Path, make: Callable[..., bytes]) -> None:
    """The note is left alone, and the field of 100,000 letters is what is wrong with its row."""
    long = usage("long", resource_id="x" * 100_000)
    (inbox / "usage").write_bytes(make([usage("good"), long]))
    result = ingest(lake, inbox / "usage", limits=Limits(line_bytes=100_400))

    assert (result.accepted, dict(result.reasons)) == (1, {"R_FIELD_TOO_LONG": 1})
