"""What every table can do: name its columns and key, make an empty frame, check a frame and say what is wrong."""

import re
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from schemas.units import LIKE, MEANINGS, Instant, Money, parse

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

SHOWN = 3
"""How many offending rows an error shows."""


class TableError(ValueError):
    """A frame is not the table it should be; names the table, the column and the first offending rows."""


def column(
    description: str,
    *,
    source: str,
    example: str,
    unit: str | None = None,
    default: str | None = None,
    nullable: bool = False,
    **checks: Any,
) -> Any:
    """A column: what it is, in what unit, by whose definition, with an example.

    `example` and `default` are texts as a CSV file would hold them; `default` is the value of a blank cell in a
    reference file; `checks` are Pandera's (`ge`, `isin`, …).
    """
    metadata = {"source": source, "example": example, "unit": unit, "default": default}
    return pa.Field(description=description, metadata=metadata, nullable=nullable, **checks)


class Table(pa.DataFrameModel):
    """The base of every schema. A subclass lists its columns in order; `Config.unique` is its grain."""

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True

    @classmethod
    def table_name(cls) -> str:
        """The name of the table: of its file, relation, variable and Parquet folder."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def columns(cls) -> dict[str, pl.DataType]:
        """Column names and types, in order."""
        return {name: field.dtype.type for name, field in _schema(cls).columns.items()}

    @classmethod
    def type_names(cls) -> dict[str, str]:
        """Column names and the names of their types as `schemas/units.py` spells them."""
        names = {id(dtype): name for name, (dtype, _) in MEANINGS.items()}
        return {name: names[id(dtype)] for name, dtype in cls.__annotations__.items()}

    @classmethod
    def key(cls) -> tuple[str, ...]:
        """The columns that no two rows share; empty when rows may repeat."""
        return tuple(getattr(cls.Config, "unique", ()))

    @classmethod
    def nullable(cls) -> frozenset[str]:
        """The columns that may be null."""
        return frozenset(name for name, field in _schema(cls).columns.items() if field.nullable)

    @classmethod
    def descriptions(cls) -> dict[str, dict[str, Any]]:
        """Per column: description, unit, source, example, default, and its checks in words.

        An instant is always UTC and money is in the row's `billing_currency`, unless the column says otherwise.
        """
        return {name: _described(field) for name, field in _schema(cls).columns.items()}

    @classmethod
    def sentences(cls) -> tuple[str, str]:
        """What the table holds, as its file begins, and what a row of it is, as its class does; a line each."""
        return _first_line(sys.modules[cls.__module__].__doc__), _first_line(cls.__doc__)

    @classmethod
    def words(cls) -> dict[str, str]:
        """Per column: what it is, which values it may have, and whether it may be null."""
        nullable = cls.nullable()
        return {
            name: "; ".join([said["description"], *said["checks"], *(["may be null"] if name in nullable else [])])
            for name, said in cls.descriptions().items()
        }

    @classmethod
    def empty(cls, *_args: Any) -> pl.DataFrame:  # type: ignore[override]
        """The table without rows."""
        return _empty(cls).clone()

    @classmethod
    def examples(cls) -> pl.DataFrame:
        """One row: the example of each column."""
        return cls.row({name: said["example"] for name, said in cls.descriptions().items()})

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """The values of columns that may be left blank in a reference file, although the table holds no null there."""
        types = cls.columns()
        said = cls.descriptions().items()
        return {name: parse(one["default"], types[name]) for name, one in said if one["default"] is not None}

    @classmethod
    def row(cls, texts: dict[str, str | None]) -> pl.DataFrame:
        """One row from texts, exact; a `None` is a null, as is a column that is not named."""
        values = {name: (texts.get(name), dtype) for name, dtype in cls.columns().items()}
        return pl.DataFrame(
            [
                pl.Series(name, [None if text is None else parse(text, dtype)], dtype=dtype, strict=True)
                for name, (text, dtype) in values.items()
            ]
        )

    @classmethod
    def conform(cls, frame: Frame) -> Frame:
        """The table's columns in order; absent nullable ones become typed nulls, a column without a type gets it.

        Reads    a frame with at least the columns that may not be null
        Makes    a frame of exactly `columns()`; no other type is converted, so a wrong one is still found by `check`
        """
        held = frame.collect_schema()
        absent = [name for name in cls.columns() if name not in held and name not in cls.nullable()]
        if absent:
            raise TableError(f"{cls.table_name()}: no column {_listed(absent)}; the frame has {_listed(held.names())}")
        return frame.select(_conformed(name, dtype, held) for name, dtype in cls.columns().items())

    @classmethod
    def check(cls, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame itself, when it is this table: columns, types, nulls, values and key; else a `TableError`."""
        faults = _structure_faults(cls, frame) or [*_value_faults(cls, frame), *_key_faults(cls, frame)]
        if faults:
            raise TableError("\n".join(faults))
        return frame


@cache
def _schema(table: type[Table]) -> Any:
    """Pandera's schema of a table, made at first use: importing a table costs nothing beyond its class.

    It leaves the key to `_key_faults`: Pandera writes every repeated row as JSON, 39 s where a million rows repeat.
    """
    schema = table.to_schema()
    schema.unique = None
    return schema


@cache
def _empty(table: type[Table]) -> pl.DataFrame:
    """The table without rows, made once: it is asked for hundreds of times in a small run."""
    return pl.DataFrame(schema=table.columns())


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _described(field: Any) -> dict[str, Any]:
    said = dict(field.metadata or {})
    said["description"] = field.description
    said["unit"] = said.get("unit") or _natural_unit(field.dtype.type)
    said["checks"] = [_in_words(check) for check in field.checks]
    return said


def _natural_unit(dtype: pl.DataType) -> str | None:
    if dtype == Instant:
        return "UTC"
    return "billing_currency" if dtype == Money else None


def _in_words(check: Any) -> str:
    """A check as people read it.

    >>> _in_words(pa.Check.ge(0)), _in_words(pa.Check.isin(["day", "second"]))
    ('at least 0', 'one of day, second')
    """
    said = check.statistics
    words = {
        "greater_than_or_equal_to": lambda: f"at least {said['min_value']}",
        "greater_than": lambda: f"above {said['min_value']}",
        "less_than_or_equal_to": lambda: f"at most {said['max_value']}",
        "isin": lambda: "one of " + ", ".join(map(str, said["allowed_values"])),
        "str_matches": lambda: f"like {LIKE.get(said['pattern'], said['pattern'])}",
    }
    return words[check.name]() if check.name in words else str(check.error)


def _conformed(name: str, dtype: pl.DataType, held: pl.Schema) -> pl.Expr:
    if name not in held:
        return pl.lit(None, dtype).alias(name)
    return pl.col(name).cast(dtype) if held[name] == pl.Null else pl.col(name)


def _structure_faults(table: type[Table], frame: pl.DataFrame) -> list[str]:
    wanted, held, name = table.columns(), frame.schema, table.table_name()
    faults = [f"{name}.{column} is missing" for column in wanted if column not in held]
    faults += [f"{name}.{column} is no column of this table" for column in held if column not in wanted]
    if not faults and list(held) != list(wanted):
        faults = [f"{name}: columns are in the order {_listed(held)}; wanted {_listed(wanted)}; use conform"]
    pairs = [(column, held[column], dtype) for column, dtype in wanted.items() if column in held]
    return faults + [f"{name}.{column} is {found}; wanted {dtype}" for column, found, dtype in pairs if found != dtype]


def _value_faults(table: type[Table], frame: pl.DataFrame) -> list[str]:
    """One sentence per column and broken check: nulls, bounds, enumerations, patterns."""
    try:
        _schema(table).validate(frame, lazy=True)
    except SchemaErrors as found:
        broken = found.failure_cases.group_by("column", "check", maintain_order=True).agg("index")
        return [_value_fault(table, frame, *row) for row in broken.iter_rows()]
    return []


def _value_fault(table: type[Table], frame: pl.DataFrame, column: str, check: str, index: list[int]) -> str:
    rows = frame[sorted(index)].select(*dict.fromkeys((*table.key(), column)))
    wanted = next((one for one in _schema(table).columns[column].checks if str(one.error) == check), None)
    fault = f"is not {_in_words(wanted)}" if wanted else "is null" if check == "not_nullable" else check
    return f"{table.table_name()}.{column} {fault} in {_shown(rows)}"


def _key_faults(table: type[Table], frame: pl.DataFrame) -> list[str]:
    """Nulls of a key are equal to each other: two prices for no region are two prices for the same."""
    key = table.key()
    if not key:
        return []
    rows = frame.select(key)
    repeated = rows.filter(rows.is_duplicated())
    fault = f"{table.table_name()}: key ({_listed(key)}) is not unique in {_shown(repeated)}"
    return [fault] if repeated.height else []


def _shown(rows: pl.DataFrame) -> str:
    named = "; ".join(", ".join(f"{name}={value!r}" for name, value in row.items()) for row in rows[:SHOWN].to_dicts())
    return f"{rows.height} row{'s' * (rows.height != 1)}: {named}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
