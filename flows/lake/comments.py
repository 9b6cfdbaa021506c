"""What every relation and column is, as DuckDB shows it to whoever opens a database: the words of the schemas."""

from collections.abc import Iterable, Iterator
from typing import Literal

import schemas
from flows.sql import ident, literal


def comments(kind: Literal["view", "table"], within: str, names: Iterable[str]) -> str:
    """The statements, as one text, that say what relations of a schema and their columns are.

    Asked for as one text because a statement by itself costs ten times its own work.

    >>> print(comments("view", "main", ["expense_numbers"]).splitlines()[3])
    comment on column main."expense_numbers"."expense_number" is 'the number a customer knows the charge by; at least 1'
    """
    return ";\n".join(statement for name in names for statement in _of(kind, f"{within}.{ident(name)}", name))


def _of(kind: str, relation: str, name: str) -> Iterator[str]:
    schema = (schemas.TABLES | schemas.VIEWS)[name]
    yield f"comment on {kind} {relation} is {literal(' '.join(schema.sentences()))}"
    units = {column: said["unit"] for column, said in schema.descriptions().items()}
    for column, words in schema.words().items():
        unit = f" [{units[column]}]" if units[column] else ""
        yield f"comment on column {relation}.{ident(column)} is {literal(words + unit)}"
