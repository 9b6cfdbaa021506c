"""Reasons as text: what a test of them reads in and compares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from rating.outputs import Rated
from rating.pipeline import Inputs, rated
from tests.pipeline import ask_world
from tests.spec.period import world
from tests.tables import read

NAMES = pl.when(charge_category="one_off").then("charge_description").otherwise("sku_id")
"""What the tests call a charge: its SKU, or what an added one is called."""


def month(ask: Callable[[Rated, Inputs], pl.DataFrame], **tables: pl.DataFrame) -> pl.DataFrame:
    """October, rated, and what is asked of it; amounts in euros, charges by what the tests call them."""

    def asked(inputs: Inputs) -> pl.DataFrame:
        made = rated(inputs)
        found = ask(made, inputs)
        if "charge_id" in found.columns:
            found = found.join(made.items.select("charge_id", "charge_order", charge=NAMES), on="charge_id")
        return found

    return ask_world(world(**tables), asked)


def assert_reasons(found: pl.DataFrame, text: str, **of: str) -> None:
    """The rows of `of`, in the order of charges, are just these: columns that end in _mu are written without it."""
    header, rows = read(text)
    kept = found.filter(*(pl.col(name) == value for name, value in of.items()))
    kept = kept.sort("charge_order") if "charge_order" in kept.columns else kept
    told = [tuple(_text(row, name) for name in header) for row in kept.iter_rows(named=True)]
    wanted = [tuple(row[name] or "" for name in header) for row in rows]
    assert told == wanted, "\n".join(["found:", *map(" | ".join, told), "wanted:", *map(" | ".join, wanted)])


def _text(row: dict[str, Any], name: str) -> str:
    if f"{name}_mu" in row:
        return f"{row[f'{name}_mu'] / 100:.2f}"
    value = row[name]
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
