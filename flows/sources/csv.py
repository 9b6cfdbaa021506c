"""CSV as RFC 4180 has it: one header row, quotes doubled inside quotes, lines ended by LF, CRLF or CR; UTF-8.

DuckDB reads it fast but takes some liberties (it drops a surplus empty field at the end of a row, and blanks around
quotes). So every byte of the file is accounted for: fields, quotes, delimiters and line ends must add up to its size.
Where they do not, or where DuckDB refuses a row, Python reads the file, exactly and slowly, and says which rows are
wrong.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flows.landing.limits import Limits
from flows.landing.workspace import Workspace
from flows.mapping import ColumnMapping
from flows.sources.content import BLOCK, Content
from flows.sources.faults import FileFault
from flows.sources.relation import Attempt, Relation
from flows.sources.text import Row, faulty, spelled_out, text_columns, write_rows
from flows.sql import files_of, ident, literal, parquet

SHORTEST_HEADER = 64
"""Bytes; the needed columns of usage have longer names."""

_CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\r\f\v\x1a")
MOST_COLUMNS = 1_000
LONGEST_HEADER = 1 << 20
FOREIGN_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

csv.field_size_limit((1 << 31) - 1)  # a long field is judged by the grammar, not by the reader


@dataclass(frozen=True)
class Layout:
    """Where the rows begin and how they are divided."""

    names: tuple[str, ...]
    delimiter: str
    line_end: bytes
    start: int


class Csv:
    """Comma separated values; a mapping may name another delimiter."""

    name = "csv"

    def recognises(self, content: Content) -> bool:
        """Any text that is not markup may be CSV; its header decides."""
        return not is_binary(content.head) and not content.head.lstrip().startswith(b"<")

    def columns(self, content: Content, mapping: ColumnMapping) -> list[str]:
        """The names in the header."""
        return list(_layout(content, mapping.delimiter).names)

    def attempts(self, content: Content, number: int, mapping: ColumnMapping, desk: Workspace) -> list[Attempt]:
        """DuckDB, and where its sum does not come out, Python."""
        layout = _layout(content, mapping.delimiter)
        slow = partial(_exact, content, layout, desk.path("text", f"{number:06}.parquet"), desk.limits)
        plain = len(layout.names) > 1 and layout.line_end
        return [partial(_fast, content, layout), slow] if plain else [slow]


def is_binary(head: bytes) -> bool:
    """Does the content begin like no text in UTF-8 does? Its first line decides: further on, a byte costs its row only.

    Rejects  F_ENCODING when it begins like text in another encoding
    """
    if head.startswith(FOREIGN_MARKS):
        raise FileFault("F_ENCODING", "a UTF-16 or UTF-32 byte order mark", "UTF-8")
    first = re.split(rb"[\r\n]", head.lstrip(), maxsplit=1)[0]
    return bool(_CONTROLS & {*first, *head[:SHORTEST_HEADER]})


def _layout(content: Content, delimiter: str) -> Layout:
    with content.path.open("rb") as file:
        beginning = file.read(LONGEST_HEADER)
    start = 3 if beginning.startswith(codecs.BOM_UTF8) else 0
    lines = beginning[start:].splitlines(keepends=True)
    while lines and not lines[0].strip(b"\r\n"):
        start += len(lines.pop(0))
    header, used = _header(lines, delimiter)
    line_end = lines[used - 1][len(lines[used - 1].rstrip(b"\r\n")) :]
    return Layout(_checked(header), delimiter, line_end, start + sum(map(len, lines[:used])))


def _header(lines: list[bytes], delimiter: str) -> tuple[list[str], int]:
    used = 0

    def decoded() -> Iterator[str]:
        nonlocal used
        for line in lines:
            used += 1
            yield line.decode("utf-8")

    try:
        return next(csv.reader(decoded(), delimiter=delimiter, strict=True)), used
    except UnicodeDecodeError:
        raise FileFault("F_ENCODING", "a header that is not UTF-8", "UTF-8") from None
    except (csv.Error, StopIteration) as fault:
        raise FileFault("F_MALFORMED_CSV", f"in the header: {fault}") from None


def _checked(names: list[str]) -> tuple[str, ...]:
    if not all(names):
        raise FileFault("F_MALFORMED_CSV", "a column without a name", "a name for every column")
    check_names(names)
    return tuple(names)


def check_names(names: list[str]) -> None:
    """Are there few enough columns, and can each be told from the others?

    Rejects  F_TOO_MANY_COLUMNS F_SCHEMA_AMBIGUOUS
    """
    if len(names) > MOST_COLUMNS:
        raise FileFault("F_TOO_MANY_COLUMNS", f"{len(names)} columns")
    folded = [name.casefold() for name in names]
    twice = sorted({name for name, fold in zip(names, folded, strict=True) if folded.count(fold) > 1})
    if twice:
        raise FileFault("F_SCHEMA_AMBIGUOUS", ", ".join(twice))


def _fast(content: Content, layout: Layout) -> Relation:
    """All columns as text, by DuckDB; nothing is inferred and nothing ignored."""
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in layout.names)
    options = (
        f"columns = {{{types}}}, delim = {literal(layout.delimiter)}, quote = '\"', escape = '\"', header = true, "
        "auto_detect = false, strict_mode = true, nullstr = '', allow_quoted_nulls = true, encoding = 'utf-8'"
    )
    counted = _Counted.of(content.path, layout)
    fields = [ident(name) for name in layout.names]
    lengths = " + ".join(f"coalesce(strlen({field}), 0)" for field in fields)
    together = f"concat({', '.join(fields)})"
    quotes = f"strlen({together}) - strlen(replace({together}, '\"', ''))" if counted.quotes else "0"
    return Relation(
        sql=f"read_csv({files_of([content.path])}, {options})",
        columns=text_columns(layout.names),
        checks={"field_bytes": lengths, "field_quotes": quotes},
        is_whole=partial(_is_whole, counted, layout),
    )


@dataclass(frozen=True)
class _Counted:
    """What the body of a file consists of, beside its fields."""

    size: int
    quotes: int
    line_feeds: int
    carriage_returns: int
    ends_line: bool

    @classmethod
    def of(cls, path: Path, layout: Layout) -> _Counted:
        size = quotes = line_feeds = carriage_returns = 0
        last = b""
        with path.open("rb") as file:
            file.seek(layout.start)
            while block := file.read(BLOCK):
                size += len(block)
                quotes += block.count(b'"')
                line_feeds += block.count(b"\n")
                carriage_returns += block.count(b"\r")
                last = (last + block)[-2:]
        return cls(size, quotes, line_feeds, carriage_returns, last.endswith(layout.line_end))


def _is_whole(counted: _Counted, layout: Layout, sums: Mapping[str, int]) -> bool:
    """Do fields, quotes, delimiters and line ends add up to the body of the file?"""
    rows = sums["rows"]
    ends = {b"\n": (rows, 0), b"\r\n": (rows, rows), b"\r": (0, rows)}[layout.line_end]
    open_end = 0 if counted.ends_line or not rows else 1
    found = (counted.line_feeds + (open_end if ends[0] else 0), counted.carriage_returns + (open_end if ends[1] else 0))
    explained = (
        sums["field_bytes"]
        + (counted.quotes - sums["field_quotes"])
        + rows * (len(layout.names) - 1)
        + (rows - open_end) * len(layout.line_end)
    )
    return found == ends and explained == counted.size


def _exact(content: Content, layout: Layout, target: Path, limits: Limits) -> Relation:
    """Every row by Python, those that cannot be read with the reason."""
    write_rows(target, layout.names, _records(content, layout, limits))
    return Relation(sql=parquet(target), columns=text_columns(layout.names), has_faults=True)


def _records(content: Content, layout: Layout, limits: Limits) -> Iterator[Row]:
    lines = _Lines(content.path, layout.start, limits.line_bytes)
    reader = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    width = len(layout.names)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as fault:
            raise FileFault("F_MALFORMED_CSV", f"in line {lines.number}: {fault}") from None
        raw = lines.taken()
        if fields is None:
            return
        if not fields:
            continue  # an empty line is no row
        yield _judged(fields, raw, width)


def _judged(fields: list[str], raw: str, width: int) -> Row:
    if any(map(_is_broken, fields)):
        return faulty(width, "R_BAD_ENCODING", spelled_out(raw.encode("utf-8", "surrogateescape")))
    if len(fields) != width:
        return faulty(width, "R_COLUMN_COUNT", raw)
    return (*(field or None for field in fields), None, None)


def _is_broken(text: str) -> bool:
    """Does the text hold a byte that was no UTF-8?"""
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)


class _Lines:
    """The lines of a file from a place on, remembering those a record is made of. Broken bytes pass as surrogates."""

    def __init__(self, path: Path, start: int, longest: int) -> None:
        self.number = 0
        self._taken: list[str] = []
        self._left = self._longest = longest
        self._lines = self._read(path, start)

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            self._left -= len(line)
            if self._left < 0:
                raise FileFault("F_MALFORMED_CSV", f"a row of more than {self._longest} characters, from a quote on")
            self._taken.append(line)
            yield line

    def taken(self) -> str:
        raw = "".join(self._taken).rstrip("\r\n")
        self._taken.clear()
        self._left = self._longest
        return raw

    def _read(self, path: Path, start: int) -> Iterator[str]:
        with path.open("rb") as file:
            file.seek(start)
            text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
            while line := text.readline(self._longest + 1):
                yield line
