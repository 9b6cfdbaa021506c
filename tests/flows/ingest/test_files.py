"""Every reason a whole file can be set aside for; and that its neighbours are read as if it were not there."""

import bz2
import codecs
import gzip
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.lake.journal import Lake
from flows.landing.limits import Limits
from rating.rejects import FILE_REASONS
from tests.flows.ingest.world import (
    COLUMNS,
    as_csv,
    as_json_lines,
    ingest,
    rejects,
    stored,
    usage,
    write,
    write_parquet,
)

GOOD = [usage(1), usage(2)]


def faults(lake: Lake, *files: Path, **options: object) -> list[str | None]:
    """What the files are set aside for, in order of name; nothing else may come of them."""
    result = ingest(lake, *files, **options)
    return [row["reason_code"] for row in sorted(result.files, key=lambda row: row["file_name"])]


def arrow_file(path: Path, **options: object) -> Path:
    """Good records as Arrow writes them."""
    rows = write_parquet(path.with_suffix(".duckdb.parquet"), GOOD)
    table = pq.read_table(rows)
    rows.unlink()
    pq.write_table(table, path, **options)  # type: ignore[arg-type]
    return path


def text(content: bytes) -> Callable[[Path], bytes]:
    return lambda _: content


def changed_parquet(change: Callable[[bytes], bytes]) -> Callable[[Path], bytes]:
    return lambda folder: change(write_parquet(folder / "made.parquet", GOOD).read_bytes())


def broken_footer(content: bytes) -> bytes:
    length = int.from_bytes(content[-8:-4], "little")
    return content[: -8 - length] + bytes(length) + content[-8:]


def wrong_footer_length(content: bytes) -> bytes:
    return content[:-8] + (1 << 30).to_bytes(4, "little") + b"PAR1"


def columns(**types: str) -> Callable[[Path], bytes]:
    return lambda folder: write_parquet(folder / "made.parquet", [], **types).read_bytes()


CSV = as_csv(GOOD)
HEADER = ",".join(COLUMNS).encode()

FAULTY: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "no byte": ("F_EMPTY", text(b"")),
    "only a byte order mark": ("F_EMPTY", text(codecs.BOM_UTF8)),
    "only line ends": ("F_EMPTY", text(b"\n\r\n\n")),
    "an empty file, packed": ("F_EMPTY", text(gzip.compress(b""))),
    "a file whose first bytes are lost": ("F_NOT_PARQUET", changed_parquet(lambda content: b"XXXX" + content[4:])),
    "a file cut in the middle": ("F_TRUNCATED", changed_parquet(lambda content: content[: len(content) // 2])),
    "only the mark": ("F_TRUNCATED", text(b"PAR1")),
    "packed and cut": ("F_TRUNCATED", text(gzip.compress(CSV)[:-10])),
    "zstd and cut": ("F_TRUNCATED", text(pa.compress(CSV, "zstd", asbytes=True)[:-5])),
    "a footer of zeros": ("F_CORRUPT_FOOTER", changed_parquet(broken_footer)),
    "a footer longer than the file": ("F_CORRUPT_FOOTER", changed_parquet(wrong_footer_length)),
    "packed, with a wrong checksum": (
        "F_CHECKSUM", text(gzip.compress(CSV)[:-8] + bytes(4) + gzip.compress(CSV)[-4:])
    ),
    "an encrypted footer": ("F_ENCRYPTED", changed_parquet(lambda content: b"PARE" + content[4:-4] + b"PARE")),
    "UTF-16": ("F_ENCODING", text(CSV.decode().encode("utf-16"))),
    "a header in Latin-1": ("F_ENCODING", text(CSV.replace(b"region_id", b"r\xe9gion_id"))),
    "an open quote": ("F_MALFORMED_CSV", text(CSV + b'"usage-3,acme\n')),
    "text behind a closing quote": ("F_MALFORMED_CSV", text(CSV + b'"usage-3"x,acme\n')),
    "a column without a name": ("F_MALFORMED_CSV", text(HEADER + b",\n")),
    "a JSON list": ("F_MALFORMED_JSON", text(b"[" + as_json_lines(GOOD[:1]).strip() + b"]")),
    "an object over many lines": ("F_MALFORMED_JSON", text(b'{\n"usage_record_id": "usage-1"\n}\n')),
    "CSV without the account": ("F_SCHEMA_MISSING_COLUMN", text(CSV.replace(b"billing_account_id", b"account"))),
    "CSV that is no usage": ("F_SCHEMA_MISSING_COLUMN", text(b"Dear customer\nyour usage is attached.\n")),
    "Parquet with a column of another case": (
        "F_SCHEMA_MISSING_COLUMN", lambda folder: renamed(folder, "sku_id", "SKU_ID")
    ),
    "a quantity as a float": ("F_SCHEMA_TYPE", columns(consumed_quantity="DOUBLE")),
    "a number as an id": ("F_SCHEMA_TYPE", columns(billing_account_id="BIGINT")),
    "bytes as an id": ("F_SCHEMA_TYPE", columns(usage_record_id="BLOB")),
    "a day as a time": ("F_SCHEMA_TYPE", columns(charge_period_start="DATE")),
    "a decimal as a revision": ("F_SCHEMA_TYPE", columns(revision="DECIMAL(9, 1)")),
    "numbers as tags": ("F_SCHEMA_TYPE", columns(tags="MAP(VARCHAR, INTEGER)")),
    "a column twice": ("F_SCHEMA_AMBIGUOUS", text(HEADER + b",sku_id\n")),
    "a column in two cases": ("F_SCHEMA_AMBIGUOUS", text(HEADER + b",SKU_ID\n")),
    "1,001 columns": ("F_TOO_MANY_COLUMNS", text(HEADER + b"".join(b",x%d" % n for n in range(989)) + b"\n")),
    "times without a zone": ("F_NAIVE_TIMESTAMP", columns(charge_period_end="TIMESTAMP")),
    "times without a zone, in nanoseconds": ("F_NAIVE_TIMESTAMP", columns(charge_period_start="TIMESTAMP_NS")),
    "a picture": ("F_NOT_DATA", text(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")),
    "another packing": ("F_NOT_DATA", text(bz2.compress(b"x" * 100_000) + b"\0")),
    "packed twice": ("F_NOT_DATA", text(gzip.compress(gzip.compress(CSV)))),
    "a web page": ("F_NOT_DATA", text(b"<!doctype html><title>502 Bad Gateway</title>")),
}  # fmt: skip


def renamed(folder: Path, old: str, new: str) -> bytes:
    made = write_parquet(folder / "made.parquet", GOOD)
    table = pq.read_table(made)
    pq.write_table(table.rename_columns([new if name == old else name for name in table.column_names]), made)
    return made.read_bytes()


@pytest.mark.parametrize("what", FAULTY)
def test_a_faulty_file_is_set_aside_for_its_reason_and_its_neighbour_is_read(
    lake: Lake, inbox: Path, tmp_path: Path, what: str
) -> None:
    code, make = FAULTY[what]
    faulty = inbox / "1-faulty"
    faulty.write_bytes(make(tmp_path))

    assert faults(lake, faulty, write(inbox, GOOD, name="2-good")) == [code, None]
    assert len(stored(lake)) == 2
    assert rejects(lake) == []


def test_a_page_that_does_not_fit_its_checksum_is_found(lake: Lake, inbox: Path) -> None:
    path = arrow_file(inbox / "usage.parquet", write_page_checksum=True)
    metadata = pq.read_metadata(path)
    column = metadata.row_group(0).column(8)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    path.write_bytes(content)

    assert faults(lake, path) == ["F_CHECKSUM"]


@pytest.mark.parametrize(
    "options", [{"write_page_checksum": True}, {"data_page_version": "2.0", "write_page_checksum": True}]
)
def test_pages_that_fit_their_checksums_are_read(lake: Lake, inbox: Path, options: dict[str, object]) -> None:
    assert faults(lake, arrow_file(inbox / "usage.parquet", **options)) == [None]
    assert len(stored(lake)) == 2


def test_a_page_that_cannot_be_unpacked_is_found(lake: Lake, inbox: Path) -> None:
    path = arrow_file(inbox / "usage.parquet", compression="zstd", use_dictionary=False)
    metadata = pq.read_metadata(path)
    content = bytearray(path.read_bytes())
    for index in range(metadata.num_columns):
        column = metadata.row_group(0).column(index)
        end = column.data_page_offset + column.total_compressed_size
        content[end - 12 : end] = bytes(12)
    path.write_bytes(content)

    assert faults(lake, path, write(inbox, GOOD, name="z-good")) == ["F_CORRUPT_PAGE", None]
    assert len(stored(lake)) == 2


def test_however_a_parquet_file_is_damaged_it_is_read_or_set_aside_but_never_an_exception(
    lake: Lake, inbox: Path
) -> None:
    """Any byte of any file; half of them with checksums, so that damage to a page cannot pass."""
    chance = random.Random(7)
    allowed = {code for code in FILE_REASONS if code.startswith("F_")} | {None}
    for number in range(24):
        path = arrow_file(inbox / f"usage-{number}.parquet", write_page_checksum=number % 2 == 0)
        content = bytearray(path.read_bytes())
        for _ in range(3):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
    found = faults(lake, *inbox.glob("*.parquet"))

    assert set(found) <= allowed
    assert len(found) == 24
    assert any(found)


def test_a_file_with_more_rows_than_may_be_is_set_aside(lake: Lake, inbox: Path) -> None:
    assert faults(lake, write_parquet(inbox / "usage.parquet", GOOD), limits=Limits(rows=1)) == ["F_ROW_LIMIT"]


@pytest.mark.parametrize("form", ["csv", "json_lines", "parquet"])
def test_a_folder_name_that_contradicts_its_column_sets_the_file_aside(lake: Lake, inbox: Path, form: str) -> None:
    names = ["region_id=eu", "region_id=us", "colour=red"]
    files = []
    for number, name in enumerate(names):
        (inbox / name).mkdir()
        files.append(write(inbox / name, [usage(number)], form))

    assert dict(zip(sorted(names), faults(lake, *files), strict=True)) == {
        "colour=red": None, "region_id=eu": None, "region_id=us": "F_PARTITION_CONFLICT",
    }  # fmt: skip


def test_a_folder_name_gives_no_value(lake: Lake, inbox: Path) -> None:
    folder = inbox / "sku_id=vm" / "x"
    folder.mkdir(parents=True)
    path = folder / "usage.csv"
    path.write_bytes(as_csv([], [column for column in COLUMNS if column != "sku_id"]))

    assert faults(lake, path, write(inbox, GOOD)) == ["F_SCHEMA_MISSING_COLUMN", None]


def test_a_path_that_is_no_file_of_the_delivery_is_set_aside(lake: Lake, inbox: Path, tmp_path: Path) -> None:
    outside = write(tmp_path, GOOD, name="outside")
    (inbox / "link.csv").symlink_to(outside)
    (inbox / "dangling.csv").symlink_to(tmp_path / "gone.csv")
    os.mkfifo(inbox / "pipe.csv")
    (inbox / "folder.csv").mkdir()
    (inbox / "new\nline.csv").write_bytes(CSV)
    names = ["dangling.csv", "folder.csv", "gone.csv", "link.csv", "new\nline.csv", "pipe.csv"]

    assert faults(lake, *(inbox / name for name in names)) == [
        "F_UNREADABLE", "F_NOT_REGULAR", "F_UNREADABLE", "F_UNSAFE_PATH", "F_UNSAFE_PATH", "F_NOT_REGULAR",
    ]  # fmt: skip


def test_a_link_to_a_file_of_the_delivery_is_that_file(lake: Lake, inbox: Path) -> None:
    (inbox / "latest.csv").symlink_to(write(inbox, GOOD))

    result = ingest(lake, inbox / "latest.csv", inbox / "usage.csv")

    assert [row["fate"] for row in result.files] == ["read", "already_read"]
    assert result.accepted == 2


def test_a_file_that_changes_while_it_is_read_is_set_aside(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import ingest_usage as module

    path = write(inbox, GOOD, name="1-changing")
    judge = module._judge

    def replaced_meanwhile(*arguments: object) -> object:
        judged = judge(*arguments)  # type: ignore[arg-type]
        if path.read_bytes() == CSV:
            path.write_bytes(as_csv([usage(9)]))
        return judged

    monkeypatch.setattr(module, "_judge", replaced_meanwhile)
    assert faults(lake, path, write(inbox, [usage(3)], name="2-good")) == ["F_CHECKSUM", None]
    assert stored(lake, "usage_record_id") == [("usage-3",)]


def test_a_change_in_the_same_tick_of_the_clock_as_the_digest_is_found_by_the_bytes(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp of a file stays as it is; a stamp that was new is not trusted."""
    from flows import ingest_usage as module
    from flows.landing import delivery

    path = write(inbox, [usage(1)], name="1-changing")
    fixed = (*delivery.stamp(path)[:2], *[time.time_ns() + 10**12] * 2)
    judge = module._judge

    def replaced_meanwhile(*arguments: object) -> object:
        judged = judge(*arguments)  # type: ignore[arg-type]
        path.write_bytes(path.read_bytes().replace(b"1.5", b"9.5"))
        return judged

    monkeypatch.setattr(delivery, "stamp", lambda _: fixed)
    monkeypatch.setattr(module, "_judge", replaced_meanwhile)
    assert faults(lake, path) == ["F_CHECKSUM"]


def test_names_of_files_and_folders_mean_nothing(lake: Lake, inbox: Path) -> None:
    folder = inbox / "a [b] *"
    folder.mkdir()
    contents = {
        "usage*.parquet": CSV,
        "usage.csv": as_json_lines([usage(3)]),
        "?.gz": write_parquet(inbox / "x", [usage(4)]).read_bytes(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)

    result = ingest(lake, *folder.iterdir())

    assert {row["file_name"]: row["format"] for row in result.files} == {
        "usage*.parquet": "csv", "usage.csv": "json_lines", "?.gz": "parquet",
    }  # fmt: skip
    assert result.accepted == 4


def test_a_lake_in_a_folder_with_wildcards_in_its_name_works(tmp_path: Path, inbox: Path) -> None:
    lake = Lake.create(tmp_path / "lake [*]?")
    ingest(lake, write(inbox, GOOD), write_parquet(inbox / "usage.parquet", [usage(3)]))
    result = ingest(lake, write(inbox, [usage(1, revision="1"), usage(2)], name="more"))

    assert (result.accepted, result.duplicate) == (1, 1)


@pytest.mark.parametrize("pack", [gzip.compress, lambda content: pa.compress(content, "zstd", asbytes=True)])
@pytest.mark.parametrize("make", [as_csv, as_json_lines])
def test_packed_files_are_known_by_content(
    lake: Lake, inbox: Path, pack: Callable[[bytes], bytes], make: Callable[..., bytes]
) -> None:
    (inbox / "usage.txt").write_bytes(pack(make(GOOD)))

    assert ingest(lake, inbox / "usage.txt").accepted == 2


def test_a_file_that_unpacks_to_far_more_than_its_size_is_set_aside(lake: Lake, inbox: Path) -> None:
    (inbox / "bomb.gz").write_bytes(gzip.compress(HEADER + b"\n" * (4 << 20)))

    assert faults(lake, inbox / "bomb.gz", limits=Limits(always_allowed=1 << 20)) == ["F_EXPANSION_LIMIT"]


def test_every_reason_for_a_file_has_a_test() -> None:
    shown = {code for code, _ in FAULTY.values()}
    elsewhere = {
        "F_CORRUPT_PAGE", "F_ROW_LIMIT", "F_PARTITION_CONFLICT", "F_UNSAFE_PATH", "F_NOT_REGULAR", "F_UNREADABLE",
        "F_EXPANSION_LIMIT",
    }  # fmt: skip
    of_manifests_and_processes = {
        "F_UNLISTED", "F_MANIFEST_MISSING_FILE", "F_ROWCOUNT_MISMATCH", "F_CONTROL_TOTAL_MISMATCH", "F_CRASHED_READER",
    }  # fmt: skip
    assert set(FILE_REASONS) == shown | elsewhere | of_manifests_and_processes


def test_a_file_without_rows_is_read(lake: Lake, inbox: Path) -> None:
    write_parquet(inbox / "none.parquet", [])
    (inbox / "none.csv").write_bytes(HEADER)
    result = ingest(lake, *inbox.iterdir())

    assert [row["fate"] for row in result.files] == ["read", "read"]
    assert result.status == "committed"
