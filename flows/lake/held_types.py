"""Types of DuckDB that a frame holds as they are, and text for all others: said once, and done before rows are read.

A frame would show the largest integers and bits as other values, cut nanoseconds and the offset of a time of day, and
take intervals, unions, tuples and variants not at all.
"""

from typing import Any

from duckdb import DuckDBPyRelation
from duckdb.sqltypes import DuckDBPyType

from flows.sql import ident

TEXT = "VARCHAR"

HELD = frozenset(
    {
        "boolean",
        "tinyint",
        "smallint",
        "integer",
        "bigint",
        "utinyint",
        "usmallint",
        "uinteger",
        "ubigint",
        "float",
        "double",
        "decimal",
        "varchar",
        "enum",
        "uuid",
        "date",
        "time",
        "timestamp",
        "timestamp_s",
        "timestamp_ms",
        "timestamp with time zone",
    }
)
"""A type that is not here is text, also one that only a later DuckDB knows."""

SUM = "hugeint"
"""What the sum of integers has: alone it is a number, in a list or a struct the same digits as text."""


def held(relation: DuckDBPyRelation) -> DuckDBPyRelation:
    """A relation whose columns a frame can hold: what it cannot is the text that DuckDB writes for it."""
    if all(_is_held(given) for given in relation.types):
        return relation
    columns = zip(relation.columns, relation.types, strict=True)
    return relation.project(
        ", ".join(
            f"#{number} as {ident(name)}" if _is_held(given) else f"#{number}::{held_type(given)} as {ident(name)}"
            for number, (name, given) in enumerate(columns, start=1)
        )
    )


def _is_held(given: DuckDBPyType) -> bool:
    """Whether a column is taken as it is."""
    return given.id in HELD or given.id == SUM


def held_type(given: DuckDBPyType) -> str:
    """The type a column or what is in it becomes, as SQL; keys of a map are names, and so text.

    >>> from duckdb.sqltypes import DuckDBPyType
    >>> held_type(DuckDBPyType("STRUCT(day DATE, lasts INTERVAL[])"))
    'STRUCT("day" DATE, "lasts" VARCHAR[])'
    >>> held_type(DuckDBPyType("DECIMAL(38,4)")), held_type(DuckDBPyType("MAP(DATE, BLOB)"))
    ('DECIMAL(38,4)', 'MAP(VARCHAR, VARCHAR)')
    """
    if given.id in HELD:
        return str(given)
    if given.id not in ("list", "array", "map", "struct"):
        return TEXT
    parts: dict[str, Any] = dict(given.children)
    if given.id == "list":
        return f"{held_type(parts['child'])}[]"
    if given.id == "array":
        return f"{held_type(parts['child'])}[{parts['size']}]"
    if given.id == "map":
        return f"MAP({TEXT}, {held_type(parts['value'])})"
    if "" in parts:  # a tuple
        return TEXT
    return "STRUCT({})".format(", ".join(f"{ident(name)} {held_type(one)}" for name, one in parts.items()))
