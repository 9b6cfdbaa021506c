"""One account on a page: what it may owe, its promo codes, credit, discounts and documents (S0.1)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flows.show.console import styled
from flows.show.listing import SHOWN, Only, as_table, ask, known_currencies, listings, opened, records, refuse_unknown

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType

    from flows.lake.journal import Lake

PARTS = {
    "accounts": "Account",
    "credit-limit": "Credit limit",
    "promo-codes": "Promo codes",
    "grants": "Credit",
    "bonuses": "Bonus credits",
    "discounts": "Discounts",
    "invoices": "Documents",
    "holds": "On hold",
}
"""Lists that make the page, in order, with their headings."""

OWN = frozenset({"billing_account_id"})


def account_page(lake: "Lake", account: str, as_of: int | None = None) -> Iterator["RenderableType"]:
    """The parts of the page; a list without rows is left out."""
    parts, currencies = _parts(lake, account, as_of)
    for name, rows in parts.items():
        if rows.height:
            yield styled(PARTS[name], "bold")
            hidden = listings()[name].wide | (frozenset() if name == "accounts" else OWN)
            yield as_table(rows.tail(SHOWN), currencies, hidden=hidden)
            if rows.height > SHOWN:
                yield styled(f"{rows.height - SHOWN:,} rows before: billfold show {name} --account {account} --limit 0")
            yield styled("")
    yield styled(f"its invoice: billfold show invoice {account}", "dim")


def account_record(lake: "Lake", account: str, as_of: int | None = None) -> dict[str, Any]:
    """The page for a program."""
    parts, currencies = _parts(lake, account, as_of)
    return {name.replace("-", "_"): list(records(rows, currencies)) for name, rows in parts.items()}


def _parts(lake: "Lake", account: str, as_of: int | None) -> tuple[dict[str, "pl.DataFrame"], Any]:
    with opened(lake, as_of, *(listings()[name].text for name in PARTS)) as connection:
        parts = {name: ask(connection, listings()[name], Only(account)) for name in PARTS}
        refuse_unknown(parts["accounts"], account)
        return parts, known_currencies(connection)
