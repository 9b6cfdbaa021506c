"""Files of a reference folder to text cells: nothing is understood here, only taken apart without a guess.

A Parquet cell is written out as the text that a CSV file would hold, so that one grammar reads both and the two formats
cannot differ. Every file is read once, whole, before its content is looked at.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import zip_longest
from pathlib import Path

import polars as pl

from flows.reference.faults import ROW, Fault
from flows.reference.never import NEVER

FORMATS = (".csv", ".parquet")


@dataclass(frozen=True)
class Sheet:
    """One table as it stands in its file: a text per cell (null where it is blank) and the row number."""

    table: str
    file: str
    cells: pl.DataFrame


def read_folder(folder: Path, tables: Sequence[str]) -> tuple[dict[str, Sheet], set[str], list[Fault]]:
    """The sheets of a folder, the tables whose file could not be read, and the faults of files.

    Reads    `<table>.csv` or `<table>.parquet` for each table; files that start with a dot and `*.md` are for people
    Makes    one sheet per table that has a readable file
    Rejects  a table in both formats, a name that is no table, what cannot be read
    Source   rule 1.2
    """
    if not folder.is_dir():
        mend = "put it back, or name another: --reference FOLDER"
        fault = Fault(str(folder), None, None, "no such folder", "a folder of reference tables", mend)
        return {}, set(), [fault]
    faults: list[Fault] = []
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix == ".md":
            continue
        if path.stem in tables and path.suffix in FORMATS:
            files.setdefault(path.stem, []).append(path)
        else:
            faults.append(_stray(path, tables))
    sheets: dict[str, Sheet] = {}
    for table, paths in files.items():
        if len(paths) > 1:
            faults.append(_twice(paths))
            continue
        sheet, found = read_sheet(table, paths[0])
        faults += found
        if sheet is not None:
            sheets[table] = sheet
    return sheets, set(files) - set(sheets), faults


def nearest(word: str, words: Sequence[str]) -> str:
    """What the writer may have meant, as the end of a sentence; empty when nothing is near.

    >>> nearest("sku_price", ["skus", "sku_prices"])
    ' (did you mean sku_prices?)'
    """
    close = get_close_matches(word, words, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _stray(path: Path, tables: Sequence[str]) -> Fault:
    if path.stem in NEVER and path.suffix in FORMATS:
        return Fault(path.name, None, None, "this file", "no such table", f"{NEVER[path.stem]}; remove the file")
    wanted = "<table>.csv or <table>.parquet" + nearest(path.name.split(".")[0], tables)
    return Fault(path.name, None, None, "a name that is no reference table", wanted, "rename the file or move it away")


def _twice(paths: Sequence[Path]) -> Fault:
    found = " and ".join(path.name for path in paths)
    return Fault(paths[0].name, None, None, found, "one file per table", "remove the one that does not count")


def read_sheet(table: str, path: Path) -> tuple[Sheet | None, list[Fault]]:
    """One file as the sheet of a table, whatever the file's name; no sheet where it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return None, [_unread(path.name, str(error.strerror), "a file this user may read")]
    read = _read_csv if path.suffix == ".csv" else _read_parquet
    cells, faults = read(path.name, content)
    return (None if cells is None else Sheet(table, path.name, cells)), faults


def _unread(file: str, found: str, wanted: str, row: int | None = None, what_to_do: str = "mend the file") -> Fault:
    return Fault(file, row, None, found, wanted, what_to_do)


def _read_csv(file: str, content: bytes) -> tuple[pl.DataFrame | None, list[Fault]]:
    """The cells of a CSV file: comma, double quotes, UTF-8, the first row names the columns; a blank cell is null."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        found = f"byte {content[error.start]:#04x} in line {line}"
        return None, [_unread(file, found, "UTF-8 text", what_to_do="save the file as CSV UTF-8")]
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        return None, [_unread(file, str(error), "CSV with commas and double quotes")]
    if not rows or not any(rows[0]):
        return None, [_unread(file, "no header", "a first row that names the columns")]
    header = rows[0]
    faults = _header_faults(file, header)
    if faults:
        return None, faults
    numbered = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(row)]
    for number, row in numbered:
        if len(row) != len(header):
            wanted = f"{len(header)} cells, as the header has"
            what_to_do = "put a cell that holds commas in double quotes" if len(row) > len(header) else "add the commas"
            faults.append(_unread(file, f"{len(row)} cells", wanted, number, what_to_do))
    whole = [(number, row) for number, row in numbered if len(row) == len(header)]
    return _frame(header, [row for _, row in whole], [number for number, _ in whole]), faults


def _header_faults(file: str, header: Sequence[str]) -> list[Fault]:
    if len(header) == 1 and any(separator in header[0] for separator in ";\t|"):
        return [_unread(file, f"'{header[0]}'", "columns separated by commas", 1, "save the file as CSV with commas")]
    if "" in header:
        return [_unread(file, f"column {header.index('') + 1} without a name", "a name for every column", 1)]
    twice = sorted({name for name in header if header.count(name) > 1})
    return [Fault(file, 1, name, "the column twice", "each column once", "remove one of them") for name in twice]


def _frame(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> pl.DataFrame:
    columns = zip_longest(header, zip(*rows, strict=True), fillvalue=())
    cells = {str(name): pl.Series(str(name), list(values), dtype=pl.String) for name, values in columns}
    frame = pl.DataFrame(cells).with_columns(pl.all().replace("", None))
    return frame.with_columns(pl.Series(ROW, list(numbers), dtype=pl.Int64))


def _read_parquet(file: str, content: bytes) -> tuple[pl.DataFrame | None, list[Fault]]:
    """The cells of a Parquet file as the texts a CSV file would hold; row 1 is the first."""
    try:
        frame = pl.read_parquet(io.BytesIO(content), hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        found = str(error).splitlines()[0] if str(error) else "a broken file"
        return None, [_unread(file, found, "a Parquet file", what_to_do="write the file again")]
    faults = [
        Fault(file, None, name, f"type {dtype}", *_type_wanted(dtype))
        for name, dtype in frame.schema.items()
        if not _is_readable(dtype)
    ]
    if faults:
        return None, faults
    texts = frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())
    listed = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    texts = texts.with_columns(_json_texts(frame[name]) for name in listed)
    return texts.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW)), []


def _is_readable(dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.Datetime):
        return dtype.time_zone is not None
    if isinstance(dtype, pl.List):
        return dtype.inner in (pl.String, pl.Null)
    plain = (pl.String, pl.Boolean, pl.Date, pl.Null, pl.Decimal, pl.Categorical, pl.Enum)
    return dtype.is_integer() or dtype.base_type() in plain


def _type_wanted(dtype: pl.DataType) -> tuple[str, str]:
    if dtype.is_float():
        return "a decimal, an integer or text", "a float holds no exact amount: write the column as decimal"
    if isinstance(dtype, pl.Datetime):
        return "a timestamp with a time zone", "write the column in UTC"
    return "text, a number, a flag, a day, an instant or a list of texts", "write the column in one of these types"


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")
    if isinstance(dtype, pl.List):
        return pl.lit(None, pl.String).alias(name)  # written out below, as JSON
    return column.cast(pl.String).replace("", None)


def _json_texts(lists: pl.Series) -> pl.Series:
    texts = [None if values is None else json.dumps(values, ensure_ascii=False) for values in lists.to_list()]
    return pl.Series(lists.name, texts, dtype=pl.String)
