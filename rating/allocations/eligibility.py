"""Which payer may pay which due: the window, the project, the organization's switch and the scope (G1, G3, W4).

One set of predicates for whoever pays and for whoever explains. Everything is a number here, so that a million pairs
are a handful of comparisons of arrays.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rating.scopes import EVERYTHING, NOTHING, Cover

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

OPEN_END = np.iinfo(np.int64).max
"""The end of a window that has none."""
NO_PROJECT = -1
"""The project of a payer that is bound to none."""


@dataclass(frozen=True)
class Dues:
    """What is due, account by account, in the order it is paid in: arrays of one length."""

    account: Integers
    """Ascending from 0."""
    amount_mu: Integers
    """mu, positive."""
    since: Integers
    until: Integers
    """When it was incurred, in microseconds."""
    kind: Integers
    """Dues of one kind are covered by the same scopes."""
    project: Integers
    is_stopped: Flags
    """Whether organization credit may not pay it (W4)."""
    line: Integers
    line_place: Integers
    charge_place: Integers
    mode: pl.Series
    """Rating line, its place and that of the charge, and how shares of it are rounded: what M1 asks for."""

    @classmethod
    def plain(cls, account: Integers, amount_mu: Integers, project: Integers | None = None) -> "Dues":
        """Dues of no time and no kind, each a line of its own; what bears a name bears it as a project."""
        zeros, places = np.zeros(len(account), dtype=np.int64), np.arange(len(account))
        named = zeros if project is None else project
        mode = pl.repeat("half_away", len(account), eager=True)
        return cls(account, amount_mu, zeros, zeros, zeros, named, zeros > 0, places, places, places, mode)


@dataclass(frozen=True)
class Payers:
    """Balances, account by account, in the order they pay in: arrays of one length."""

    account: Integers
    balance_mu: Integers
    starts: Integers
    ends: Integers
    """The window, in microseconds; OPEN_END where it has no end."""
    scope: Integers
    project: Integers
    """NO_PROJECT where it is bound to none."""
    is_organization: Flags

    @classmethod
    def plain(cls, account: Integers, balance_mu: Integers, project: Integers | None = None) -> "Payers":
        """Payers for whatever is due, or only for what bears the name they are bound to."""
        zeros = np.zeros(len(account), dtype=np.int64)
        bound = zeros + NO_PROJECT if project is None else project
        return cls(account, balance_mu, zeros, zeros + OPEN_END, zeros, bound, zeros > 0)


@dataclass(frozen=True)
class Eligibility:
    """The rules between some dues and some payers."""

    dues: Dues
    payers: Payers
    include: Cover = EVERYTHING
    exclude: Cover = NOTHING

    def may_pay(self, payer: Integers | np.int64, due: Integers) -> Flags:
        """Whether each payer may pay each due: all predicates, those that no pair can fail left out."""
        allowed = self.in_window(payer, due)
        if self.payers.project.size and self.payers.project.max() != NO_PROJECT:
            allowed &= self.of_project(payer, due)
        if self.dues.is_stopped.any():
            allowed &= self.not_stopped(payer, due)
        if not self.include.is_whole:
            allowed &= self.included(payer, due)
        if not self.exclude.is_empty:
            allowed &= self.not_excluded(payer, due)
        return allowed

    def in_window(self, payer: Integers | np.int64, due: Integers) -> Flags:
        """The charge was incurred in the window (G3)."""
        begun: Flags = self.payers.starts[payer] <= self.dues.since[due]
        begun &= self.dues.until[due] <= self.payers.ends[payer]
        return begun

    def of_project(self, payer: Integers | np.int64, due: Integers) -> Flags:
        """The payer is bound to no project, or to that of the charge (G1)."""
        bound = self.payers.project[payer]
        matches: Flags = (bound == NO_PROJECT) | (bound == self.dues.project[due])
        return matches

    def not_stopped(self, payer: Integers | np.int64, due: Integers) -> Flags:
        """The charge may be paid by the organization, or this is not its credit (W4)."""
        stopped: Flags = self.payers.is_organization[payer] & self.dues.is_stopped[due]
        return ~stopped

    def included(self, payer: Integers | np.int64, due: Integers) -> Flags:
        """The include list matches (G1)."""
        return self.include.of(self.payers.scope[payer], self.dues.kind[due])

    def not_excluded(self, payer: Integers | np.int64, due: Integers) -> Flags:
        """The exclude list does not bite (G1)."""
        return ~self.exclude.of(self.payers.scope[payer], self.dues.kind[due])

    def terms(self, payer: int) -> tuple[int, ...]:
        """What decides what a payer may pay: payers with the same terms may pay the same."""
        of = self.payers
        return (
            int(of.scope[payer]),
            int(of.starts[payer]),
            int(of.ends[payer]),
            int(of.project[payer]),
            int(of.is_organization[payer]),
        )

    def queues(self, first: int, end: int) -> list[list[int]]:
        """The dues from `first` up to `end` in queues: those that the same payers may pay, in their order."""
        here, of = slice(first, end), self.dues
        rows = pl.DataFrame(
            {
                "kind": of.kind[here],
                "since": of.since[here],
                "until": of.until[here],
                "project": of.project[here],
                "is_stopped": of.is_stopped[here],
                "row": np.arange(first, end),
            }
        )
        alike = rows.group_by("kind", "since", "until", "project", "is_stopped", maintain_order=True).agg("row")
        queues: list[list[int]] = alike["row"].to_list()
        return queues
