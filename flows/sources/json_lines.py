"""JSON Lines: one object per line, UTF-8; read by Python, because a number must keep the digits it was written with."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from flows.landing.limits import Limits
from flows.landing.workspace import Workspace
from flows.mapping import FIELDS, NATIVE, ColumnMapping
from flows.sources.content import Content
from flows.sources.csv import is_binary
from flows.sources.faults import FileFault
from flows.sources.relation import Attempt, Relation
from flows.sources.text import Row, faulty, spelled_out, text_columns, write_rows
from flows.sql import parquet

NUMBERS = frozenset({"consumed_quantity", "revision"})
OBJECTS = frozenset({"tags"})

Pairs = list[tuple[str, Any]]


class Number(str):
    """A JSON number as it was written."""


class JsonLines:
    """One JSON object per line."""

    name = "json_lines"

    def recognises(self, content: Content) -> bool:
        """Text that begins with an object, or with a list, which is then refused by name."""
        return not is_binary(content.head[:2]) and _beginning(content.head).startswith((b"{", b"["))

    def columns(self, _: Content, mapping: ColumnMapping) -> list[str]:
        """There is no header: a field that a line lacks is missing in that line alone."""
        return list(FIELDS if mapping is NATIVE else mapping.columns)

    def attempts(self, content: Content, number: int, mapping: ColumnMapping, desk: Workspace) -> list[Attempt]:
        """One way: line by line."""
        return [partial(_read, content, mapping, desk.path("text", f"{number:06}.parquet"), desk.limits)]


def _beginning(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()


def _read(content: Content, mapping: ColumnMapping, target: Path, limits: Limits) -> Relation:
    if _beginning(content.head).startswith(b"["):
        raise FileFault("F_MALFORMED_JSON", "a list", "one object per line")
    columns = FIELDS if mapping is NATIVE else mapping.columns
    if mapping.needs_whole_row:
        columns = ("_line", *(column for column in columns if column != "_line"))
    text = _native_text if mapping is NATIVE else _any_text
    write_rows(target, columns, _rows(_lines(content.path, limits.line_bytes), columns, text))
    return Relation(sql=parquet(target), columns=text_columns(columns), has_faults=True)


def _lines(path: Path, longest: int) -> Iterator[bytes]:
    """Every line that is not blank.

    Rejects  F_MALFORMED_JSON for a line that is too long to be one record
    """
    with path.open("rb") as file:
        mark = file.read(3)
        file.seek(3 if mark == codecs.BOM_UTF8 else 0)
        while line := file.readline(longest + 1):
            if len(line) > longest:
                raise FileFault("F_MALFORMED_JSON", f"a line of more than {longest} bytes", "one object per line")
            if raw := line.strip(b" \t\r\n"):
                yield raw


def _rows(lines: Iterable[bytes], columns: tuple[str, ...], text: Callable[[str, Any], str | None]) -> Iterator[Row]:
    """Every line as a row.

    Rejects  F_MALFORMED_JSON when not one line is an object
    """
    malformed = understood = 0
    for raw in lines:
        row = _row(raw, columns, text)
        malformed += row[-2] == "R_MALFORMED_JSON"
        understood += row[-2] != "R_MALFORMED_JSON"
        yield row
    if malformed and not understood:
        raise FileFault("F_MALFORMED_JSON", "no line that is an object", "one object per line")


def _row(raw: bytes, columns: tuple[str, ...], text: Callable[[str, Any], str | None]) -> Row:
    width = len(columns)
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError:
        return faulty(width, "R_BAD_ENCODING", spelled_out(raw))
    try:
        pairs = _DECODER.decode(line)
    except (ValueError, RecursionError):
        return faulty(width, "R_MALFORMED_JSON", line)
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        return faulty(width, "R_MALFORMED_JSON", line)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        return faulty(width, "R_JSON_DUP_KEY", line)
    try:
        values = [line if name == "_line" else text(name, fields.get(name)) for name in columns]
        "".join(value for value in values if value).encode()
    except TypeError:
        return faulty(width, "R_JSON_TYPE", line)
    except KeyError:
        return faulty(width, "R_JSON_DUP_KEY", line)
    except UnicodeEncodeError:  # half of a surrogate pair, escaped
        return faulty(width, "R_BAD_ENCODING", line)
    return (*values, None, None)


def _pairs(pairs: Pairs) -> Pairs:
    return pairs


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=Number, parse_int=Number, parse_constant=Number)


def _native_text(name: str, value: Any) -> str | None:
    """The text of a field of billfold's own form; TypeError when JSON gives it another type."""
    if value is None or value == "":
        return None
    if name in OBJECTS:
        return _object_text(value)
    if isinstance(value, Number):
        if name in NUMBERS:
            return str(value)
        raise TypeError(name)
    if isinstance(value, str):
        return value
    raise TypeError(name)


def _any_text(_: str, value: Any) -> str | None:
    """The text of a foreign field: of a text, a number as written, a flag, or an object as JSON."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else _object_text(value)


def _object_text(value: Any) -> str:
    """An object of scalars as JSON text; KeyError for a key that stands twice, TypeError for what is no object."""
    if not isinstance(value, list) or not all(isinstance(pair, tuple) for pair in value):
        raise TypeError("not an object")
    found = dict(value)
    if len(found) != len(value):
        raise KeyError("twice")
    if any(isinstance(one, list) for one in found.values()):
        raise TypeError("nested")
    return "{" + ", ".join(f"{json.dumps(key)}: {_scalar(one)}" for key, one in found.items()) + "}"


def _scalar(value: Any) -> str:
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)
