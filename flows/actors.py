"""Who runs a command, and who may read what: the rows of principals that are in force (section 11)."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from flows.reference import Reference
from flows.run import Refusal
from rating.operation_book import Row, holds


def refuse_stranger(reference: Reference, actor: str) -> None:
    """A principal that nobody knows runs no command."""
    if reference["principals"].filter(pl.col("principal_id") == actor).is_empty():
        raise Refusal(f"{actor} is not in principals; add a row, or say with --as who runs this")


def is_staff(reference: Reference, actor: str, at: datetime) -> bool:
    """Whether a principal may land what others did."""
    rows = reference["principals"].filter((pl.col("principal_id") == actor) & (pl.col("role") == "staff"))
    return any(holds(row, at, "UTC") for row in rows.iter_rows(named=True))


def in_force(principals: pl.DataFrame, zones: Mapping[str, str], principal_id: str, at: datetime) -> list[Row]:
    """A principal's rows that hold at an instant, each by the calendar of the account it names.

    Reads    Principals; the time zone of each account
    """
    rows = principals.filter(pl.col("principal_id") == principal_id).iter_rows(named=True)
    return [row for row in rows if holds(row, at, zones.get(row["billing_account_id"], "UTC"))]
