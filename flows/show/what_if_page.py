"""What would change, on a page: totals per currency, the largest differences, who would be on hold (X5)."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flows.run import COMMITTED
from flows.show.amounts import Currency
from flows.show.console import grid, styled
from flows.show.held_page import findings_page
from flows.show.listing import as_table, records
from flows.show.reports import LABELS, commit_record, operations_page, run_record
from flows.what_if import WhatIf, by_service, by_tax, totals

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType
    from rich.table import Table

BEFORE, AFTER, CHANGE = "_before", "_after", "_change"
FOUND = {
    "accounts": "Accounts and months",
    "services": "Services",
    "taxes": "Tax codes, rates and components",
    "grants": "Credit",
}
"""The tables of the page, with what their rows are."""
SPARED = frozenset({"grant_id"})
"""Columns that a terminal is spared: JSON has them."""


def what_if_page(found: WhatIf, currencies: Mapping[str, Currency], limit: int) -> Iterator["RenderableType"]:
    """The parts of the page: how it went, totals per currency, the largest `limit` changes of each kind (0 is all)."""
    yield styled(f"what if: on commit {found.base.number}, {found.base.hash[:12]}; nothing is committed", "bold")
    for run in found.runs:
        if run.command == "operations":
            yield from operations_page(run)
        elif run.status != COMMITTED:
            yield styled(f"{run.command}: {run.status}")
        elif run.report.get("changes"):
            made = ", ".join(f"{what}: {count:,}" for what, count in run.report["changes"].items())
            yield styled(f"{run.command} would give {made}")
        if run.report.get("out_of_bounds"):
            yield styled(f"{run.command} would be held for approval: it is out of bounds", "bold")
            yield from findings_page(run.report["out_of_bounds"], currencies, "")
            yield styled("")
    if found.differences.is_empty:
        yield styled("the books would say what they say now")
        return
    if found.differences.accounts.height:
        yield styled("")
        yield _totals(totals(found.differences), currencies)
    for name, rows in _tables(found).items():
        if rows.height:
            yield styled("")
            yield styled(_heading(FOUND[name], rows.height, limit), "bold")
            shown = rows.head(limit) if limit else rows
            yield as_table(_readable(shown), currencies, hidden=_unchanged(rows))
    yield from _holds(found.differences.holds, limit)


def what_if_record(found: WhatIf, currencies: Mapping[str, Currency]) -> dict[str, Any]:
    """The page for a program, with every row; services and taxes by account."""
    parts = {
        "totals": totals(found.differences),
        "accounts": found.differences.accounts,
        "services": found.differences.services,
        "taxes": found.differences.taxes,
        "grants": found.differences.grants,
        "holds": found.differences.holds,
        "touched": found.touched,
    }
    return {
        "base": commit_record(found.base),
        "exit_code": found.exit_code,
        "runs": [{**run_record(run), "commit": None} for run in found.runs],
        **{name: list(records(rows, currencies)) for name, rows in parts.items()},
    }


def _tables(found: WhatIf) -> dict[str, "pl.DataFrame"]:
    """The tables of the page: accounts and grants one by one, services and taxes of all accounts together."""
    differences = found.differences
    return {
        "accounts": differences.accounts,
        "services": by_service(differences),
        "taxes": by_tax(differences),
        "grants": differences.grants,
    }


def _heading(what: str, count: int, limit: int) -> str:
    """What a table is of, and how many rows there are where not all are shown.

    >>> _heading("Services", 3, 20), _heading("Services", 25, 20)
    ('Services', 'Services: the 20 largest changes of 25')
    """
    return f"{what}: the {limit:,} largest changes of {count:,}" if limit and count > limit else what


def _readable(rows: "pl.DataFrame") -> "pl.DataFrame":
    """The change that counts most stands beside its before and after; changes of other sums follow."""
    first = [name for name in rows.columns if not name.endswith((BEFORE, AFTER, CHANGE)) and name != "why"]
    most = [name for name in rows.columns if name.endswith((BEFORE, AFTER))]
    main = most[0].removesuffix(BEFORE) + CHANGE
    rest = [name for name in rows.columns if name.endswith(CHANGE) and name != main]
    return rows.select(*first, *(["why"] if "why" in rows.columns else []), *most, main, *rest)


def _unchanged(rows: "pl.DataFrame") -> frozenset[str]:
    """Columns of sums that no row changes, of reasons that nobody gave, and those that a terminal is spared."""
    changes = [name for name in rows.columns if name.endswith(CHANGE) and not (rows[name] != 0).any()]
    empty = [name for name in ("why",) if name in rows.columns and not (rows[name].list.len() > 0).any()]
    return SPARED.union(changes, empty)


def _totals(rows: "pl.DataFrame", currencies: Mapping[str, Currency]) -> "Table":
    """One column per currency: how many accounts, what each sum changes by, and what is due before and after."""
    table = grid("", *(f">{code}" for code in rows["billing_currency"]))
    table.add_row("accounts", *(f"{count:,}" for count in rows["account_count"]))
    due = [f"amount_due{side}" for side in (BEFORE, AFTER, CHANGE)]
    changes = [name for name in rows.columns if name.endswith(CHANGE) and name not in due and (rows[name] != 0).any()]
    for name in [*changes, *due]:
        amounts = [
            currencies.get(code, Currency(code)).amount(value)
            for code, value in rows.select("billing_currency", name).iter_rows()
        ]
        table.add_row(_label(name), *amounts)
    return table


def _label(name: str) -> str:
    """A sum in words, and which side of the change it is."""
    for side in (BEFORE, AFTER, CHANGE):
        if name.endswith(side):
            plain = name.removesuffix(side)
            return f"{LABELS.get(plain, plain).replace('_', ' ')}, {side.removeprefix('_')}"
    return name


def _holds(holds: "pl.DataFrame", limit: int) -> Iterator["RenderableType"]:
    for is_new, what in ((True, "Newly on hold"), (False, "No longer on hold")):
        rows = holds.filter(holds["is_new"] == is_new).drop("is_new")
        if rows.height:
            yield styled("")
            yield styled(what if not limit or rows.height <= limit else f"{what}: {limit:,} of {rows.height:,}", "bold")
            yield as_table(rows.head(limit) if limit else rows, {})
