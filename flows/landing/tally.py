"""Counting: of every file, how many rows landed and what became of each.

The two are counted apart and must agree (U1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import reduce
from typing import Any

from flows.landing import storage
from flows.landing.delivery import Delivered
from flows.landing.reject_rows import Rejected
from flows.landing.staged import FILE_OF_PLACE, Staged
from flows.landing.workspace import NotConserved, Workspace
from flows.sql import parquet
from rating.money import EXACT

Counts = Mapping[int, tuple[int, Decimal]]


@dataclass(frozen=True)
class Tally:
    """Rows and quantity of a file, or of a delivery, by fate; quantity where it parses."""

    landed_count: int = 0
    accepted_count: int = 0
    duplicate_count: int = 0
    superseded_count: int = 0
    rejected_count: int = 0
    spanning_count: int = 0
    landed_quantity: Decimal = Decimal(0)
    accepted_quantity: Decimal = Decimal(0)
    duplicate_quantity: Decimal = Decimal(0)
    superseded_quantity: Decimal = Decimal(0)
    rejected_quantity: Decimal = Decimal(0)

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(_sum(getattr(self, one.name), getattr(other, one.name)) for one in fields(Tally)))

    def __radd__(self, other: int) -> Tally:
        return self

    @staticmethod
    def quantities() -> list[str]:
        """The columns that are quantities."""
        return [one.name for one in fields(Tally) if one.name.endswith("_quantity")]

    def as_columns(self) -> dict[str, Any]:
        """The columns of LandedFiles, which are the control totals of a commit, too."""
        return {one.name: getattr(self, one.name) for one in fields(Tally)}

    def is_conserved(self) -> bool:
        """landed = accepted + duplicate + superseded + rejected, in rows and in quantity."""
        rows = self.accepted_count + self.duplicate_count + self.superseded_count + self.rejected_count
        quantity = _sum(
            self.accepted_quantity, self.duplicate_quantity, self.superseded_quantity, self.rejected_quantity
        )
        return rows == self.landed_count and quantity == self.landed_quantity


def tally(desk: Workspace, delivery: Iterable[Delivered], staged: Staged, rejected: Rejected) -> dict[int, Tally]:
    """The tally of every file that was read, checked to be conserved."""
    landed = _counted(desk, "sum(row_count)", "sum(quantity)", "series_parts")
    set_aside = _counted(desk, "count(*)", "sum(consumed_quantity)", parquet(rejected.path))
    duplicate, superseded = (
        _counted(desk, "count(*)", "sum(consumed_quantity)", _fate(fate)) for fate in ("duplicate", "superseded")
    )
    kept = storage.kept_by_file(desk, staged)
    found = {
        one.number: _one(
            *(part.get(one.number, (0, Decimal(0))) for part in (landed, duplicate, superseded, set_aside)),
            kept=kept.get(one.number, storage.Kept(0, Decimal(0), 0)),
        )
        for one in delivery
        if one.landed
    }
    for one in delivery:
        if one.landed and not found[one.number].is_conserved():
            raise NotConserved(f"{one.name}: {found[one.number]}; nothing was committed, please report this")
    return found


def _sum(*amounts: Any) -> Any:
    """Whole numbers or quantities, added up exactly.

    >>> _sum(Decimal("99999999999999.999999999999999"), Decimal(0))
    Decimal('99999999999999.999999999999999')
    """
    return sum(amounts) if isinstance(amounts[0], int) else reduce(EXACT.add, amounts)


def _fate(fate: str) -> str:
    return f"(select *, {FILE_OF_PLACE} as file_number from fates where fate = '{fate}')"


def _one(
    landed: tuple[int, Decimal],
    duplicate: tuple[int, Decimal],
    superseded: tuple[int, Decimal],
    rejected: tuple[int, Decimal],
    *,
    kept: storage.Kept,
) -> Tally:
    return Tally(
        landed_count=landed[0],
        accepted_count=kept.count,
        duplicate_count=duplicate[0],
        superseded_count=superseded[0],
        rejected_count=rejected[0],
        spanning_count=kept.spanning,
        landed_quantity=landed[1],
        accepted_quantity=kept.quantity,
        duplicate_quantity=duplicate[1],
        superseded_quantity=superseded[1],
        rejected_quantity=rejected[1],
    )


def _counted(desk: Workspace, count: str, quantity: str, source: str) -> Counts:
    rows = desk.connection.sql(
        f"select file_number, ({count})::bigint, coalesce({quantity}, 0)::decimal(38, 15) "
        f"from {source} group by file_number"
    ).fetchall()
    return {number: (found, amount) for number, found, amount in rows}
