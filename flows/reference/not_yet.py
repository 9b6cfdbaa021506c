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
    column: str | None
    asks: pl.Expr
    sentence: str


def _policy(name: str, *values: str) -> pl.Expr:
    return (pl.col("policy") == name) & pl.col("value").is_in(values)


NOT_YET: tuple[NotYet, ...] = (
    NotYet("discounts", "kind", pl.col("kind") == "fixed", "a fixed discount is not carried out yet"),
    NotYet(
        "promo_codes",
        "billing_currency",
        (pl.col("benefit") == "discount") & pl.col("billing_currency").is_not_null(),
        "a fixed discount is not carried out yet",
    ),
    NotYet("cost_policies", None, pl.lit(True), "cost policies are not carried out yet"),
    NotYet(
        "billing_policies",
        "value",
        _policy("eligibility", "invoice_time"),
        "only usage_time and period_end are carried out as eligibility yet",
    ),
    NotYet(
        "billing_policies",
        "value",
        _policy("organization_credit", "allocated_only"),
        "only open is carried out as organization_credit yet",
    ),
    NotYet(
        "billing_policies",
        "value",
        _policy("tax_point", "usage", "issue"),
        "only period_end is carried out as tax_point yet",
    ),
    NotYet(
        "billing_policies",
        "value",
        _policy("late_usage", "next_invoice", "reject"),
        "only correct is carried out as late_usage yet",
    ),
    NotYet(
        "billing_policies",
        "value",
        _policy("paid_charges", "carry_forward"),
        "only untouched is carried out as paid_charges yet",
    ),
    NotYet(
        "billing_policies",
        "value",
        _policy("retroactive_bonus_tax", "keep"),
        "only reduce is carried out as retroactive_bonus_tax yet",
    ),
    NotYet(
        "billing_policies",
        "value",
        (pl.col("policy") == "payable_increment") & ~pl.col("value").str.contains(r"^0+(\.0+)?$"),
        "rounding the amount due is not carried out yet",
    ),
    NotYet(
        "billing_policies",
        "value",
        (pl.col("policy") == "closed_through") & (pl.col("value") != "none"),
        "closing accounting periods is not carried out yet",
    ),
)


def check_not_yet(tables: Mapping[str, CheckedTable]) -> Iterator[Fault]:
    """Every row that asks for what this version does not do."""
    for entry in NOT_YET:
        table = tables[entry.table]
        column = entry.column or table.rows.columns[0]
        yield from faults_where(
            table.file,
            table.rows,
            entry.asks,
            column=column,
            wanted="what this version carries out",
            what_to_do=f"{entry.sentence}; remove or change the row",
        )
