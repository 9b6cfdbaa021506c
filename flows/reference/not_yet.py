"""What the rule book knows and this version does not carry out: refused by name, so that nothing is billed otherwise.

One line per thing. A version that carries it out removes the line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from flows.reference.faults import Fault, faults_where
from flows.reference.one_table import CheckedTable


@dataclass(frozen=True)
class NotYet:
    """Rows of a table that ask for something this version does not do."""

    table: str
    column: str
    asks: pl.Expr
    sentence: str


def _policy(name: str, *values: str) -> pl.Expr:
    return (pl.col("policy") == name) & pl.col("value").is_in(values)


NOT_YET: tuple[NotYet, ...] = (
    NotYet(
        "billing_policies",
        "value",
        _policy("paid_charges", "carry_forward"),
        "only untouched is carried out as paid_charges yet",
    ),
)


def check_not_yet(tables: Mapping[str, CheckedTable]) -> Iterator[Fault]:
    """Every row that asks for what this version does not do."""
    for entry in NOT_YET:
        table = tables[entry.table]
        yield from faults_where(
            table.file,
            table.rows,
            entry.asks,
            column=entry.column,
            wanted="what this version carries out",
            what_to_do=f"{entry.sentence}; remove or change the row",
        )
