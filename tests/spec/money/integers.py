"""Rows of whole numbers, as `rating/money.py` counts: minor units, weights, scaled quantities."""

from __future__ import annotations

import polars as pl

from tests.tables import read


def rows(text: str) -> pl.DataFrame:
    """A frame from a pipe table: 128-bit integers, totals and amounts (in mu) 64-bit, words as text."""
    header, lines = read(text)
    return pl.DataFrame([_series(name, [str(line[name]) for line in lines]) for name in header])


def _series(name: str, cells: list[str]) -> pl.Series:
    if not all(cell.lstrip("-").replace("_", "").isdigit() for cell in cells):
        return pl.Series(name, cells, dtype=pl.String)
    in_mu = name in ("total", "amount")
    return pl.Series(name, [int(cell) for cell in cells], dtype=pl.Int64 if in_mu else pl.Int128)
