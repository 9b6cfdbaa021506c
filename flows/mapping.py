"""A column mapping: how the columns of a foreign file become usage rows.

A mapping is a TOML file. It names columns, it never computes beyond an exact scaling, and it says everything in the
open: the zone of times without one, the tokens that mean null, the constants. Its digest is that of its meaning, so
that a comment changes nothing (U3). `data/mappings/` has ready-made ones and one that explains every key.

    zone = "UTC"                                      # the zone of times that name none
    null_tokens = ["NULL"]                            # besides the empty text
    truncate_to = "microseconds"                      # a finer time is cut instead of rejected
    only = { column = "Type", values = ["Usage"] }    # other rows are R_NOT_USAGE

    [fields]                                          # what all usage rows of an input row share
    billing_account_id = { constant = "acme" }
    charge_period_start = "TIMESTAMP"

    [[usage]]                                         # one usage row per input row; as many as there are of these
    usage_record_id = { columns = ["Request"], suffix = "/in" }
    consumed_quantity = { column = "Tokens", multiply = "0.001" }

Source   rule book 1.1
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

REQUIRED = (
    "usage_record_id",
    "billing_account_id",
    "sku_id",
    "charge_period_start",
    "charge_period_end",
    "consumed_quantity",
    "consumed_unit",
)
OPTIONAL = ("sub_account_id", "resource_id", "region_id", "revision", "tags")
FIELDS = (*REQUIRED, *OPTIONAL)
"""The columns of usage; a file without a mapping has exactly these names (others are left alone)."""

FORMATS = ("parquet", "csv", "json_lines")
MOST = 10**9
"""Numerator and denominator of a scaling are at most this, so that a product of 38 digits holds every exact result."""


MOST_USAGE = 256
"""Usage rows one input row may become."""


class MappingFaults(Exception):  # noqa: N818 (it is a list of faults)
    """Everything that is wrong with a mapping file, at once."""

    def __init__(self, path: Path | str, faults: Iterable[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(f"{path}: {fault}" for fault in self.faults))


@dataclass(frozen=True)
class Field:
    """Where one field of a usage row comes from: a constant, one or more columns, or the row's own hash."""

    columns: tuple[str, ...] = ()
    constant: str | None = None
    separator: str = "/"
    skips_null: bool = False
    is_row_hash: bool = False
    suffix: str = ""
    numerator: int = 1
    denominator: int = 1


@dataclass(frozen=True)
class Only:
    """Which input rows are usage."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ColumnMapping:
    """What a mapping file says. Each of `usage` names the fields of one usage row per input row."""

    usage: tuple[MappingOf[str, Field], ...]
    format: str | None = None
    delimiter: str = ","
    zone: str | None = None
    null_tokens: tuple[str, ...] = ()
    truncate_to: str | None = None
    floats: str | None = None
    only: Only | None = None

    @property
    def digest(self) -> str:
        """sha256 of what the mapping means."""
        meaning = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(meaning.encode()).hexdigest()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every input column the mapping names, once, in order of name."""
        named = {column for fields in self.usage for field in fields.values() for column in field.columns}
        return tuple(sorted(named | ({self.only.column} if self.only else set())))

    @property
    def needs_whole_row(self) -> bool:
        """Whether an id is made from all columns of the row."""
        return any(field.is_row_hash for fields in self.usage for field in fields.values())


NATIVE = ColumnMapping(usage=({name: Field(columns=(name,)) for name in FIELDS},))
"""A file in billfold's own form: the columns carry the names of usage."""


def load_mapping(path: Path) -> ColumnMapping:
    """Read a mapping file.

    Rejects  with `MappingFaults`: every key that is unknown, missing or has a value that cannot be
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise MappingFaults(path, [f"cannot be read as TOML: {fault}"]) from None
    return mapping_of(document, path)


def built_in(name: str) -> ColumnMapping:
    """A mapping that billfold ships.

    >>> built_in("focus").only
    Only(column='ChargeCategory', values=('Usage',))
    """
    text = files("data").joinpath("mappings", f"{name}.toml").read_text(encoding="utf-8")
    return mapping_of(tomllib.loads(text), f"{name}.toml")


def mapping_of(document: MappingOf[str, Any], path: Path | str = "mapping") -> ColumnMapping:
    """The mapping a TOML document describes."""
    reader = _Reader(document)
    mapping = reader.mapping()
    if reader.faults:
        raise MappingFaults(path, reader.faults)
    return mapping


_KEYS = ("format", "delimiter", "zone", "null_tokens", "truncate_to", "floats", "only", "fields", "usage")
_FIELD_KEYS = (
    "column", "columns", "constant", "separator", "skip_null", "row_hash", "suffix", "multiply", "ratio",
)  # fmt: skip


class _Reader:
    """Reads a mapping document and keeps every fault it meets."""

    def __init__(self, document: MappingOf[str, Any]) -> None:
        self.document = document
        self.faults: list[str] = []

    def mapping(self) -> ColumnMapping:
        self._unknown("mapping", self.document, _KEYS)
        return ColumnMapping(
            usage=self._usage(),
            format=self._one_of("format", FORMATS),
            delimiter=self._delimiter(),
            zone=self._zone(),
            null_tokens=self._texts("null_tokens", self.document.get("null_tokens", [])),
            truncate_to=self._one_of("truncate_to", ("microseconds",)),
            floats=self._one_of("floats", ("shortest_decimal",)),
            only=self._only(),
        )

    def _usage(self) -> tuple[MappingOf[str, Field], ...]:
        shared = self._table("fields", self.document.get("fields", {}))
        blocks = self.document.get("usage", [{}])
        if not isinstance(blocks, list) or not 0 < len(blocks) <= MOST_USAGE:
            self.faults.append("usage: wanted one to 256 [[usage]] tables")
            return ()
        return tuple(self._block(number, {**shared, **self._table("usage", own)}) for number, own in enumerate(blocks))

    def _block(self, number: int, block: MappingOf[str, Any]) -> MappingOf[str, Field]:
        where = f"usage[{number}]"
        self._unknown(where, block, FIELDS)
        self.faults += [f"{where}: names no {name}" for name in REQUIRED if name not in block]
        found = {name: self._field(f"{where}.{name}", name, block[name]) for name in FIELDS if name in block}
        return {name: field for name, field in found.items() if field}

    def _field(self, where: str, name: str, said: Any) -> Field | None:
        if isinstance(said, str):
            said = {"column": said}
        if not isinstance(said, dict):
            self.faults.append(f"{where}: found {said!r}, wanted a column name or a table")
            return None
        self._unknown(where, said, _FIELD_KEYS)
        sources = [key for key in ("column", "columns", "constant", "row_hash") if key in said]
        if len(sources) != 1:
            self.faults.append(f"{where}: wanted one of column, columns, constant, row_hash; found {sources}")
            return None
        if "row_hash" in said and name != "usage_record_id":
            self.faults.append(f"{where}: only usage_record_id may be the row's hash")
        scale = self._scale(where, said) if {"multiply", "ratio"} & said.keys() else Fraction(1)
        if scale != 1 and name != "consumed_quantity":
            self.faults.append(f"{where}: only consumed_quantity is scaled")
        columns = [said["column"]] if "column" in said else said.get("columns", [])
        return Field(
            columns=self._texts(where, columns),
            constant=self._text(where, said.get("constant")),
            separator=self._text(where, said.get("separator", "/")) or "",
            skips_null=said.get("skip_null") is True,
            is_row_hash=said.get("row_hash") is True,
            suffix=self._text(where, said.get("suffix", "")) or "",
            numerator=scale.numerator,
            denominator=scale.denominator,
        )

    def _scale(self, where: str, said: MappingOf[str, Any]) -> Fraction:
        """An exact factor: a decimal in quotes, or two whole numbers. A TOML float would already have lost digits."""
        try:
            if "multiply" in said:
                if isinstance(said["multiply"], float):
                    raise ValueError("a number with a point is written in quotes, so that it stays exact")
                scale = Fraction(Decimal(said["multiply"]))
            else:
                numerator, denominator = said["ratio"]
                scale = Fraction(int(numerator), int(denominator))
            if not (0 < scale.numerator <= MOST and scale.denominator <= MOST):
                raise ValueError(f"wanted a positive factor of two whole numbers up to {MOST}")
        except (ValueError, TypeError, InvalidOperation, ZeroDivisionError, OverflowError) as fault:
            found = said.get("multiply", said.get("ratio"))
            self.faults.append(f"{where}: cannot scale by {found!r}: {fault}")
            return Fraction(1)
        return scale

    def _only(self) -> Only | None:
        said = self.document.get("only")
        if said is None:
            return None
        if not isinstance(said, dict) or set(said) != {"column", "values"}:
            self.faults.append(f"only: found {said!r}, wanted column and values")
            return None
        return Only(self._text("only.column", said["column"]) or "", self._texts("only.values", said["values"]))

    def _zone(self) -> str | None:
        zone = self._text("zone", self.document.get("zone"))
        try:
            ZoneInfo(zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.faults.append(f"zone: found {zone!r}, wanted a name like UTC or Europe/Berlin")
        return zone

    def _delimiter(self) -> str:
        delimiter = self._text("delimiter", self.document.get("delimiter", ",")) or ""
        if len(delimiter) != 1 or delimiter in '"\r\n' or not delimiter.isascii():
            self.faults.append(f"delimiter: found {delimiter!r}, wanted one ASCII character that is no quote")
        return delimiter

    def _one_of(self, key: str, allowed: tuple[str, ...]) -> str | None:
        value = self.document.get(key)
        if value is not None and value not in allowed:
            self.faults.append(f"{key}: found {value!r}, wanted {' or '.join(allowed)}")
        return self._text(key, value)

    def _table(self, key: str, value: Any) -> MappingOf[str, Any]:
        if isinstance(value, dict):
            return value
        self.faults.append(f"{key}: found {value!r}, wanted a table")
        return {}

    def _texts(self, key: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        self.faults.append(f"{key}: found {value!r}, wanted a list of texts")
        return ()

    def _text(self, key: str, value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        self.faults.append(f"{key}: found {value!r}, wanted a text")
        return None

    def _unknown(self, where: str, found: MappingOf[str, Any], known: Iterable[str]) -> None:
        self.faults += [
            f"{where}: unknown key {key!r}; known are {', '.join(known)}" for key in found if key not in known
        ]
