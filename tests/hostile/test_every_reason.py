"""Every reason a file or a row is set aside for is met in every format it can be met in, plain and packed.

The tables `FILES` and `ROWS` have a row for each code, and for each format a fault or why there can be none. Every
other code is met in some test, and no code is printed that nothing gives.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.lake.journal import Lake
from flows.landing.limits import Limits
from rating.rejects import FILE_REASONS, HOLD_REASONS, OPERATION_REASONS, REASONS, ROW_REASONS
from tests.flows.ingest.world import (
    FORMATS,
    as_csv,
    as_json_lines,
    ingest,
    rejects,
    stored,
    usage,
    write,
    write_parquet,
)
from tests.hostile.files import FILES, GOOD
from tests.hostile.rows import ROWS, TWICE

BY_MANIFEST = ("F_UNLISTED", "F_MANIFEST_MISSING_FILE", "F_ROWCOUNT_MISMATCH", "F_CONTROL_TOTAL_MISMATCH")
PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "zstd": lambda content: pa.compress(content, "zstd", asbytes=True),
}
OTHERWISE_PACKED = ("F_EMPTY", "F_CRASHED_READER", "F_NOT_DATA", "F_EXPANSION_LIMIT", "F_PARTITION_CONFLICT")
"""Faults whose own making says how they are packed, or that a packing hides from who makes them."""


@pytest.mark.parametrize(("table", "reasons"), [(FILES, FILE_REASONS), (ROWS, ROW_REASONS)], ids=["files", "rows"])
def test_every_reason_has_a_fault_for_each_format_or_says_why_not(
    table: Mapping[str, Mapping[str, object]], reasons: Mapping[str, object]
) -> None:
    assert set(table) == set(reasons)
    assert {code: set(row) for code, row in table.items()} == {code: set(FORMATS) for code in reasons}


@pytest.mark.parametrize("reasons", [OPERATION_REASONS, HOLD_REASONS], ids=["operations", "accounts on hold"])
def test_every_reason_for_an_operation_or_a_hold_is_met_in_some_test(reasons: Mapping[str, object]) -> None:
    assert set(reasons) <= named_in("tests", "test_*.py")


def test_every_reason_that_is_printed_is_given_somewhere() -> None:
    given = named_in("rating", "*.py") | named_in("flows", "*.py") | named_in("flows", "*.sql")
    assert set(REASONS) <= given


def named_in(folder: str, pattern: str) -> set[str]:
    """The codes that files name; not the table of codes itself, and not packages that lie there."""
    top = Path(__file__).parents[2]
    paths = [path.relative_to(top) for path in (top / folder).rglob(pattern) if path.name != "rejects.py"]
    own = [top / path for path in paths if not any(part.startswith(".") for part in path.parts)]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in own)
    return set(re.findall(r"\b[FRHO]_[A-Z_0-9]+\b", texts))


def made(folder: Path, form: str, codes: Iterable[str]) -> list[Path]:
    """The faulty files of a format, each under the name of its code."""
    files = []
    for code in codes:
        make = FILES[code][form]
        if not isinstance(make, str):
            inside = folder / "region_id=us" if code == "F_PARTITION_CONFLICT" else folder
            inside.mkdir(exist_ok=True)
            make(inside, f"{code}.{form}")
            files.append(inside / f"{code}.{form}")
    return files


def is_packed(file: Path) -> bool:
    return file.read_bytes().startswith(b"\x1f\x8b")


def codes_of(result: Any) -> dict[str, str | None]:
    return {Path(row["file_name"]).stem: row["reason_code"] for row in result.files}


@pytest.mark.usefixtures("bad_reader")
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_faulty_file_is_set_aside_for_its_reason_and_the_good_one_is_read(
    lake: Lake, inbox: Path, form: str, packing: str
) -> None:
    files = made(inbox, form, [code for code in FILES if code not in (*BY_MANIFEST, "F_ROW_LIMIT")])
    if packing != "plain":
        files = [file for file in files if file.is_file() and file.stem not in OTHERWISE_PACKED and not is_packed(file)]
        for file in files:
            if not file.is_symlink():
                file.write_bytes(PACKINGS[packing](file.read_bytes()))
    good = write(inbox, [usage("good")], form, "good")
    result = ingest(lake, *files, good, limits=Limits(always_allowed=1 << 20))

    assert codes_of(result) == {file.stem: file.stem for file in files} | {"good": None}
    assert stored(lake, "usage_record_id") == [("usage-good",)]
    assert ingest(lake, *files, good, limits=Limits(always_allowed=1 << 20)).status == "nothing to do"


def test_a_file_of_more_rows_than_may_be_is_set_aside(lake: Lake, inbox: Path) -> None:
    files = [path for form in FORMATS for path in made(inbox, form, ["F_ROW_LIMIT"])]
    good = write(inbox, [usage("good")])
    result = ingest(lake, *files, good, limits=Limits(rows=8))

    assert [row["reason_code"] for row in sorted(result.files, key=lambda row: row["file_name"])] == [
        *["F_ROW_LIMIT"] * 3, None,
    ]  # fmt: skip


def test_a_manifest_finds_what_is_missing_surplus_or_other_than_was_sent(lake: Lake, inbox: Path) -> None:
    """Each good file has two rows of 1.5: 3.0 together."""
    files, listed = [], []
    for form in FORMATS:
        made(inbox, form, BY_MANIFEST)
        said: dict[str, dict[str, Any]] = {
            "F_MANIFEST_MISSING_FILE": {},
            "F_ROWCOUNT_MISMATCH": {"rows": 3},
            "F_CONTROL_TOTAL_MISMATCH": {"rows": 2, "quantity": "3.000001"},
            "F_CHECKSUM": {"sha256": "0" * 64},
            "good": {"rows": 1, "quantity": 1.5},
        }
        write(inbox, [usage(form), usage(f"{form}-2")], form, "F_CHECKSUM")
        write(inbox, [usage(f"good-{form}")], form, "good")
        files += [path for path in inbox.glob(f"*.{form}") if "MISSING" not in path.name]
        listed += [{"name": f"{code}.{form}"} | promise for code, promise in said.items()]
    (inbox / "manifest.json").write_text(json.dumps({"files": listed}))
    result = ingest(lake, *files, inbox / "manifest.json", manifest=inbox / "manifest.json")

    wanted = {f"{code}.{form}": code for form in FORMATS for code in (*BY_MANIFEST, "F_CHECKSUM")}
    good = {f"good.{form}": None for form in FORMATS}
    assert {row["file_name"]: row["reason_code"] for row in result.files} == wanted | good
    assert result.accepted == 3


# --- rows -------------------------------------------------------------------------------------------------------------


def file_of_rows(folder: Path, form: str, rows: Mapping[str, Any]) -> Path:
    """One row after another: fields as the format writes them, and lines as they stand."""
    whole = [usage(code, **row) for code, row in rows.items() if isinstance(row, dict)]
    lines = [row for row in rows.values() if isinstance(row, bytes)]
    if form == "parquet":
        return write(folder, [TWICE, *whole], form, "faulty")
    path = folder / f"faulty.{form}"
    head = (as_csv if form == "csv" else as_json_lines)([TWICE, *whole])
    path.write_bytes(head + b"".join(line + b"\n" for line in lines))
    return path


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_faulty_row_is_rejected_for_its_reason_in_every_format(
    lake: Lake, inbox: Path, form: str, packing: str
) -> None:
    rows = {code: row[form] for code, row in ROWS.items() if not isinstance(row[form], str)}
    path = file_of_rows(inbox, form, rows)
    path.write_bytes(PACKINGS[packing](path.read_bytes()))
    result = ingest(lake, path, write(inbox, [usage("good")], form, "good"))

    found = [code for row, code in sorted(rejects(lake, "row_number, reason_code"))]
    ordered = [code for code, row in rows.items() if isinstance(row, dict)]
    ordered += [code for code, row in rows.items() if isinstance(row, bytes)]
    assert found == ["R_DUPLICATE_CONFLICT", *ordered]
    assert (result.accepted, result.rejected) == (1, len(rows) + 1)


def test_a_text_of_parquet_that_is_not_utf_8_is_rejected(lake: Lake, inbox: Path) -> None:
    path = write_parquet(inbox / "usage.parquet", GOOD)
    table = pq.read_table(path)
    broken = pa.array([b"vm-1", b"vm-\xff"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, broken.buffers())
    pq.write_table(table.set_column(table.column_names.index("resource_id"), "resource_id", text), path)

    assert (ingest(lake, path).accepted, rejects(lake)) == (1, ["R_BAD_ENCODING"])


@pytest.mark.parametrize("form", FORMATS)
def test_a_row_that_a_mapping_says_is_no_usage_is_rejected(lake: Lake, inbox: Path, tmp_path: Path, form: str) -> None:
    needed = [name for name in usage(1) if not name.startswith("charge_period")]
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        'only = { column = "region_id", values = ["eu"] }\n[[usage]]\n'
        + "".join(f'{name} = "{name}"\n' for name in [*needed, "charge_period_start", "charge_period_end"])
    )
    ingest(lake, write(inbox, [usage(1), usage(2, region_id="us")], form), mapping=mapping)

    assert rejects(lake, "usage_record_id, reason_code") == [("usage-2", "R_NOT_USAGE")]
