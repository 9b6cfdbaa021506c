"""Tables as text: what a test reads in is `table`, what it wants out is `assert_table`.

    charge_id | list_cost
    c1        |     10.00
    c2        |

A blank cell is null. A column that is not mentioned takes the schema's default, is null where it may be, and else takes
the schema's example; a key of one text column that is not mentioned is numbered from the second row on.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from schemas import Table
from schemas.units import parse

Row = dict[str, str | None]


def table(schema: type[Table], text: str, /, **defaults: str | None) -> pl.DataFrame:
    """A frame of this schema from a pipe table; `defaults` fill columns that the table does not mention, in every row.

    The frame is checked as the schema says, its key too: where that is of several columns, tell enough of them.
    """
    header, rows = read(text)
    told = [*header, *defaults]
    _known(schema, told)
    filled = [unmentioned(schema, number) | defaults | row for number, row in enumerate(rows, start=1)]
    return schema.check(pl.concat([schema.empty(), *(schema.row(row) for row in filled)]))


def unmentioned(schema: type[Table], number: int) -> Row:
    """What a test need not say about a row."""
    said, nullable = schema.descriptions(), schema.nullable()
    row: Row = {}
    for name, one in said.items():
        required = None if name in nullable else one["example"]
        row[name] = required if one["default"] is None else one["default"]
    if number > 1 and len(schema.key()) == 1 and schema.columns()[schema.key()[0]] == pl.String:
        row[schema.key()[0]] = f"{row[schema.key()[0]]}.{number}"
    return row


def assert_table(frame: pl.DataFrame | pl.LazyFrame, schema: type[Table], text: str) -> None:
    """The frame has just these rows, looking only at the columns mentioned, in any order, every value exact."""
    header, rows = read(text)
    _known(schema, header)
    types = {name: schema.columns()[name] for name in header}
    held = frame.lazy().collect()
    absent = [name for name in header if name not in held.columns]
    assert not absent, f"{schema.table_name()} lacks {', '.join(absent)}; the frame has {', '.join(held.columns)}"
    wrong = [
        f"{name} is {held.schema[name]}; wanted {dtype}" for name, dtype in types.items() if held.schema[name] != dtype
    ]
    assert not wrong, f"{schema.table_name()}: {'; '.join(wrong)}"
    wanted = [tuple(_value(row[name], types[name]) for name in header) for row in rows]
    found = [tuple(_plain(value) for value in row) for row in held.select(header).iter_rows()]
    difference = _difference(header, found, wanted)
    assert not difference, f"{schema.table_name()} differs (- wanted, not found; + found, not wanted)\n{difference}"


def read(text: str) -> tuple[list[str], list[Row]]:
    """Header and rows of a pipe table; blank cells are None."""
    lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines() if line.strip()]
    header = lines[0]
    assert len(set(header)) == len(header), f"a column is named twice: {', '.join(header)}"
    for line in lines[1:]:
        assert len(line) == len(header), f"{len(line)} cells under {len(header)} columns: {' | '.join(line)}"
    return header, [dict(zip(header, (cell or None for cell in line), strict=True)) for line in lines[1:]]


def _known(schema: type[Table], names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in schema.columns()]
    assert not unknown, (
        f"{schema.table_name()} has no column {', '.join(unknown)}; it has {', '.join(schema.columns())}"
    )


def _value(text: str | None, dtype: pl.DataType) -> Any:
    return None if text is None else _plain(parse(text, dtype))


def _plain(value: Any) -> Any:
    """Something that compares: a list is its text, as Polars hands it out as a Series or a list."""
    return str(value) if isinstance(value, list) else value


def _difference(header: list[str], found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> str:
    """Rows of one side only, each as often as it is over, lined up under the header."""
    missing, surplus = _less(wanted, found), _less(found, wanted)
    if not missing and not surplus:
        return ""
    signed = [("-", row) for row in missing] + [("+", row) for row in surplus]
    cells = [(" ", header)] + [
        (sign, [_shown(value) for value in row]) for sign, row in sorted(signed, key=lambda one: _order(one[1]))
    ]
    widths = [max(len(row[place]) for _, row in cells) for place in range(len(header))]
    return "\n".join(
        f"{sign} " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for sign, row in cells
    )


def _less(some: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    rest = list(others)
    left = []
    for row in some:
        if row in rest:
            rest.remove(row)
        else:
            left.append(row)
    return left


def _order(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(_shown(value) for value in row)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    return str(value)
