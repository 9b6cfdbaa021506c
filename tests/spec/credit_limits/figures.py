"""Figures of a credit limit as text, for the tests beside it."""

from __future__ import annotations

import polars as pl

from rating.credit_limits import FIGURES, restrictions
from schemas.account_restrictions import AccountRestrictions
from schemas.units import parse
from tests.tables import read, table

USUAL = {
    "billing_account_id": "acme",
    "billing_currency": "EUR",
    "total_amount": "100",
    "warning": "0.80",
    "restricted": "1.00",
    "hysteresis": "0.05",
    "known_as_of": "2026-10-20T00:00:00Z",
}


def figures(text: str) -> pl.DataFrame:
    """What accounts may owe and owe; a column that is not mentioned is as usual: 100 EUR, 80 %, 100 %, 5 points."""
    header, rows = read(text)
    usual = {name: value for name, value in USUAL.items() if name not in header}
    values = [
        {name: None if value is None else parse(value, FIGURES[name]) for name, value in (usual | row).items()}
        for row in rows
    ]
    return pl.DataFrame(values, schema=FIGURES)


def said(text: str) -> pl.DataFrame:
    """What was said of acme's credit limit before."""
    return table(AccountRestrictions, text, billing_account_id="acme", cause="credit_limit")


def changes(text: str, before: pl.DataFrame | None = None) -> pl.DataFrame:
    """What is said anew."""
    committed = AccountRestrictions.empty() if before is None else before
    return AccountRestrictions.check(restrictions(figures(text), committed))


def state(used: str, before: str = "ok", **terms: str | None) -> str:
    """How near an account is that has used so much, after it was said to be ok, warned or restricted."""
    last = said(f"state | changed_at\n{before} | 2026-10-01T00:00:00Z") if before != "ok" else None
    row = {"used_amount": used} | terms
    text = "\n".join(" | ".join(line) for line in (row, (one or "" for one in row.values())))
    found = changes(text, last)
    return before if found.is_empty() else str(found["state"].item())
