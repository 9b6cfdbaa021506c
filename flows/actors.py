"""Who runs a command: the principal of `--as` (section 11)."""

from datetime import datetime

import polars as pl

from flows.reference import Reference
from flows.run import Refusal
from rating.operation_book import holds


def refuse_stranger(reference: Reference, actor: str) -> None:
    """A principal that nobody knows runs no command."""
    if reference["principals"].filter(pl.col("principal_id") == actor).is_empty():
        raise Refusal(f"{actor} is not in principals; add a row, or say with --as who runs this")


def is_staff(reference: Reference, actor: str, at: datetime) -> bool:
    """Whether a principal may land what others did."""
    rows = reference["principals"].filter((pl.col("principal_id") == actor) & (pl.col("role") == "staff"))
    return any(holds(row, at, "UTC") for row in rows.iter_rows(named=True))
