"""The narrowest decimal that holds a set of quantities: metering pays two to three times as much for a wide one."""

from __future__ import annotations

from decimal import Decimal

from flows.landing.workspace import Workspace

NARROW_DIGITS = 18
WIDE = "decimal(38, 15)"


def narrowest(rows: str, desk: Workspace) -> str:
    """The type for the quantities of a query: a matter of the values alone, not of the types they came in."""
    return narrow_decimal(needed_decimals(rows, desk), largest(rows, desk))


def largest(rows: str, desk: Workspace) -> Decimal:
    """The largest quantity, whatever its sign."""
    row = desk.connection.sql(f"select coalesce(max(abs(consumed_quantity)), 0)::{WIDE} from ({rows})").fetchone()
    return row[0] if row else Decimal(0)


def narrow_decimal(scale: int, most: Decimal) -> str:
    """DECIMAL(18,s) with this many decimals if that holds the largest quantity, else DECIMAL(38,15).

    >>> narrow_decimal(2, Decimal("999")), narrow_decimal(15, Decimal("1000.5")), narrow_decimal(0, Decimal(0))
    ('decimal(18, 2)', 'decimal(38, 15)', 'decimal(18, 0)')
    """
    is_narrow = int(most) < 10 ** (NARROW_DIGITS - scale)
    return f"decimal({NARROW_DIGITS}, {scale})" if is_narrow else WIDE


def needed_decimals(rows: str, desk: Workspace) -> int:
    """The fewest decimals that write every quantity exactly."""
    scale = 0
    while (more := _more_decimals(rows, scale, desk)) is not None:
        scale = more
    return scale


def _more_decimals(rows: str, scale: int, desk: Workspace) -> int | None:
    """How many decimals some quantity has that needs more than these, if there is one."""
    row = desk.connection.sql(
        f"select length(rtrim(split_part(consumed_quantity::{WIDE}::varchar, '.', 2), '0')) from ({rows}) "
        f"where consumed_quantity <> round(consumed_quantity, {scale}) limit 1"
    ).fetchone()
    return int(row[0]) if row else None
