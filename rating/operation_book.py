"""What an operation is judged by: the reference tables and everything accepted before it (O1, O3)."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from rating.periods import boundary_instant, period_of

if TYPE_CHECKING:
    from rating.sales import Sale

Row = dict[str, Any]

CORRECTIONS = "corrections"
"""What `issue_invoices` says in `documents` where it issues nothing but corrections of issued invoices."""


class RefusedError(Exception):
    """The reason against an operation."""

    def __init__(self, code: str, about: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.about = about


@dataclass
class Book:
    """What the next operation is judged by: the reference tables and everything accepted so far."""

    reference: Mapping[str, pl.DataFrame]
    first_billed: Mapping[str, str]
    invoices: frozenset[tuple[str, str]] | None = None
    """(billing_account_id, invoice_number) of issued documents; unknown, nothing is refused for want of one."""
    sold: frozenset[tuple[str, str]] = frozenset()
    """(billing_account_id, invoice_number) of documents that invoice credit that was sold, or give some of it back."""
    cannot_issue: Callable[[Row], tuple[str, str] | None] | None = None
    """Why a period cannot be issued: a reason code and what it is about."""
    draws: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    """What each billed period did to a grant: grant_id, billing_period, sum of its movements (below zero: it took)."""
    drafts: frozenset[tuple[str, str]] = frozenset()
    """(billing_account_id, billing_period) of documents that wait for their number."""
    corrections: frozenset[tuple[str, str]] = frozenset()
    """Those of them that correct an issued invoice."""
    issued_documents: set[tuple[str, str]] = field(default_factory=set)
    """(billing_account_id, billing_period) of those that have one, and were not voided."""
    roots: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(billing_account_id, invoice_number) of issued invoices that correct none, voided ones too: billing_period."""
    voided: set[tuple[str, str]] = field(default_factory=set)
    """(billing_account_id, invoice_number) of those that were voided."""
    freed: set[tuple[str, str]] = field(default_factory=set)
    """(billing_account_id, billing_period) of which operations that are being decided voided the invoice."""
    paid_of: Callable[[Row, list[Row]], Decimal] | None = None
    """What paid an invoice and its corrections from elsewhere, once these operations are carried out; 0 is nothing."""
    cannot_void: Callable[[Row], tuple[str, str] | None] | None = None
    """Why an invoice cannot be voided: a reason code and what it is about."""
    decided: dict[str, Row] = field(default_factory=dict)
    grants: dict[str, Row] = field(default_factory=dict)
    given: dict[str, Decimal] = field(default_factory=dict)
    """What went from each grant to another by transfer or allocation."""
    ended: dict[str, datetime] = field(default_factory=dict)
    """Grants that were recovered or refunded, and when."""
    payments: dict[str, Row] = field(default_factory=dict)
    """Payments that were accepted."""
    reversed: set[str] = field(default_factory=set)
    """Payments that were reversed."""
    acceptances: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    """(promo_code, billing_account_id): how often it was accepted; with no account, by all together."""
    kinds: dict[str, dict[str, set[datetime]]] = field(default_factory=dict)
    """The kinds of grant that each account had, and when it was given them, whatever became of them."""
    issued: dict[tuple[str | None, str], datetime] = field(default_factory=dict)
    """(billing_account_id, or none for all, billing_period) of accepted `issue_invoices`, and the first time it was."""
    sales: "list[Sale]" = field(default_factory=list)
    """The invoices of credit that was sold with tax by operations that are being decided."""
    accepted_now: list[Row] = field(default_factory=list)
    """What was accepted among the operations that are being decided."""
    changes_now: list[Row] = field(default_factory=list)
    """Those of them that may change what is billed."""
    _rows: dict[tuple[str, str], dict[str, list[Row]]] = field(default_factory=dict)

    def rows(self, table: str, key: str, value: str | None) -> list[Row]:
        """The dated rows of a reference table with this key."""
        by_key = self._rows.get((table, key))
        if by_key is None:
            by_key = {}
            for row in self.reference[table].iter_rows(named=True):
                by_key.setdefault(row[key], []).append(row)
            self._rows[table, key] = by_key
        return by_key.get(value, []) if value is not None else []

    def in_force(self, table: str, key: str, value: str | None, at: datetime, zone: str) -> list[Row]:
        """Those that are in force at an instant, where the account is."""
        return [row for row in self.rows(table, key, value) if holds(row, at, zone)]

    def account(self, billing_account_id: str | None, at: datetime) -> Row | None:
        """The account's row in force; one that is known at other times only by its first."""
        rows = self.rows("billing_accounts", "billing_account_id", billing_account_id)
        current = [row for row in rows if holds(row, at, row["time_zone"])]
        return next(iter(current or sorted(rows, key=lambda row: str(row["valid_from"]))), None)

    def keep(self, grant: Row) -> None:
        """A grant that was made; what it holds, the one that it was made from lacks."""
        self.grants[grant["grant_id"]] = grant
        given = self.kinds.setdefault(grant["billing_account_id"], {}).setdefault(grant["kind"], set())
        given.add(grant["occurred_at"])
        source = grant["from_grant_id"]
        if source is not None:
            self.given[source] = self.given.get(source, Decimal(0)) + grant["amount"]

    def free_balance(self, grant: Row, at: datetime, zone: str) -> Decimal:
        """What an operation may take from a grant: its amount, less all that operations and periods took (O3, O4, K8).

        A period takes from it for good once it is over by then, or its document issued. A draft of the period that the
        operation is in, or of a later one, gives way: it is billed again on what the operation leaves.
        """
        here = period_of(at, zone)
        return self._left(grant, lambda period: period < here)

    def overdrawn(self, documents: set[tuple[str, str]]) -> list[str]:
        """The grants of which these drafts take more than operations have left, beside what issued documents took."""

        def lacks(grant: Row) -> bool:
            drawn = self.draws.get(grant["grant_id"], {})
            owner = grant["billing_account_id"]
            taken = any((owner, period) in documents - self.freed for period in drawn)
            return taken and self._left(grant, lambda period: (owner, period) in documents) < 0

        return sorted(grant_id for grant_id in self.given if lacks(self.grants[grant_id]))

    def _left(self, grant: Row, counts: Callable[[str], bool]) -> Decimal:
        """What is left of a grant after operations, issued documents and the periods that count."""
        owner, drawn = grant["billing_account_id"], self.draws.get(grant["grant_id"], {})
        taken = [
            amount
            for period, amount in drawn.items()
            if (owner, period) not in self.freed and (counts(period) or (owner, period) in self.issued_documents)
        ]
        given = self.given.get(grant["grant_id"], Decimal(0))
        return Decimal(grant["amount"]) - given + sum(taken, Decimal(0))


def holds(row: Row, at: datetime, zone: str) -> bool:
    """Whether a dated row is in force at an instant, where the account is."""
    until = row["valid_until"]
    return boundary_instant(row["valid_from"], zone) <= at and (until is None or at < boundary_instant(until, zone))
