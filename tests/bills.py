"""A bill as rows, in one shape whether the oracle or the pipeline made it: what properties of bills are said about.

What a bill is judged by besides, the grants and what stops them, comes from the world itself, without rating.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from tests import oracle
from tests.pipeline import CHARGE_KEY, INVOICE, MOVEMENT, Before, oracle_books, parts_of
from tests.together import Books, rate_together
from tests.worlds import Row, World

COLUMNS: dict[str, list[str]] = {
    "charges": [*CHARGE_KEY, "charge_period_end", "list_cost", "charge_order"],
    "allocations": [*CHARGE_KEY, "allocation_kind", "tax_position", "source_id", "amount"],
    "tax_shares": [*CHARGE_KEY, "component", "code", "rate", "tax_amount"],
    "tax_breakdown": ["billing_account_id", "code", "rate", "component", "taxable_amount", "tax_amount"],
    "charged": [*CHARGE_KEY, "grant_id", "amount"],
    "ended": MOVEMENT,
    "invoices": ["billing_account_id", *INVOICE],
    "holds": ["billing_account_id", "reason_code", "other_charges_amount"],
}
"""The columns of `tests.pipeline.books`."""


@dataclass(frozen=True)
class Bill:
    """What a world's accounts are billed, and what they had."""

    world: World
    tables: dict[str, list[Row]]

    @cached_property
    def state(self) -> oracle.Fold:
        """What operations have made."""
        return oracle.fold(self.world)

    @cached_property
    def grants(self) -> dict[str, Row]:
        """The grants that are known, each until its end (K5)."""
        terms = {account: self.terms(account) for account in self.accounts}
        return {
            grant["grant_id"]: grant
            for one in terms.values()
            if one is not None
            for grant in oracle.own_grants(one, self.state)
        }

    @property
    def accounts(self) -> list[str]:
        return sorted({one["billing_account_id"] for one in self.world["billing_accounts"]})

    def terms(self, account: str) -> oracle.Terms | None:
        """Zone, currency, period and policies of an account."""
        return oracle.account_terms(self.world, account)

    def of(self, account: str, table: str) -> list[Row]:
        return [one for one in self.tables[table] if one["billing_account_id"] == account]

    def opening(self, grant_id: str) -> Decimal:
        """K1, K8: the amount less what is known to have gone to other grants and what earlier periods took."""
        known = [one for one in self.state.moved if one["known_since"] <= self.world["known_as_of"]]
        drawn = [one for one in self.world["grant_movements"] if one["billing_period"] < self.world["billing_period"]]
        taken = [one["amount"] for one in (*known, *drawn) if one["grant_id"] == grant_id and one["amount"] < 0]
        amount: Decimal = self.grants[grant_id]["amount"]
        return sum(taken, amount)

    def due(self, account: str) -> Decimal:
        """Nothing where there is no document."""
        return sum((one["amount_due"] for one in self.of(account, "invoices")), Decimal(0))

    def is_held(self, account: str) -> bool:
        """Whether its bill waits; what came for an account that has ended waits too, but nothing of it is billed."""
        return any(one["reason_code"] != "H_ACCOUNT_CLOSED" for one in self.of(account, "holds"))


def by_oracle(world: World) -> Bill:
    return _bill(world, oracle_books(oracle.bill(world)))


def by_pipeline(worlds: Sequence[World]) -> list[Bill]:
    """Billed together, each as if it were alone."""
    found = rate_together([parts_of(world, before=Before()) for world in worlds])
    return [_bill(world, one) for world, one in zip(worlds, found, strict=True)]


def _bill(world: World, books: Books) -> Bill:
    tables = {
        table: [dict(zip(columns, values, strict=True)) for values in books.get(table, [])]
        for table, columns in COLUMNS.items()
    }
    return Bill(world, tables)


def charge_of(row: Row) -> tuple[Any, ...]:
    """The charge a row is about."""
    return tuple(row[name] for name in CHARGE_KEY)


def line_of(row: Row) -> tuple[Any, ...]:
    """Its rating line."""
    return charge_of(row)[:-1]


def sums(rows: Iterable[Row], key: Callable[[Row], Hashable], amount: str) -> dict[Any, Decimal]:
    """Per key, without those that come to nothing."""
    totals: dict[Any, Decimal] = defaultdict(Decimal)
    for one in rows:
        totals[key(one)] += one[amount]
    return {name: total for name, total in totals.items() if total != 0}
