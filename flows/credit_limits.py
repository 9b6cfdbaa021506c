"""What a run adds for credit limits: a row for each account whose state its books change (I5)."""

import duckdb
import polars as pl

from flows.lake.journal import FileEntry, Snapshot
from flows.lake.named_queries import Query
from rating.credit_limits import FIGURES, restrictions
from rating.operations import ACCEPTED

FIGURES_NOW = Query(
    "credit_figures", "from internal.credit_figures", "what accounts may owe and owe", ("internal.credit_figures",)
)
"""What `credit_states` asks."""
RESTRICTIONS = "account_restrictions"
"""The table that it writes."""


def credit_states(connection: duckdb.DuckDBPyConnection, candidate: Snapshot, run_id: str) -> list[FileEntry]:
    """Write what a run changes of how near accounts are to their credit limits; no file where that is nothing.

    Whoever commits asks this of what it is about to commit: usage that is billed, documents, payments, limits that are
    set and reference tables all count. What is used is what the view `credit_limit_overview` says.

    Reads    the candidate, complete but for these rows, and a connection with what FIGURES_NOW reads over it
    Writes   account_restrictions of cause credit_limit
    Source   I5
    """
    figures = connection.sql(FIGURES_NOW.text).pl().select(*FIGURES).cast(FIGURES)  # type: ignore[arg-type]
    rows = restrictions(figures, candidate.read("account_restrictions"))
    if rows.is_empty():
        return []
    label = f"{candidate.number + 1:06}-credit-limits"
    return [candidate.lake.write_table(RESTRICTIONS, rows, run_id=run_id, label=label)]


def has_limits(candidate: Snapshot) -> bool:
    """Whether any account has, or ever was told it had, a limit: without one there is nothing to tell."""
    operations = candidate.read("operations")
    is_set = (pl.col("operation") == "set_credit_limit") & (pl.col("status") == ACCEPTED)
    return (
        candidate.read("billing_accounts")["credit_limit"].is_not_null().any()
        or operations.filter(is_set).height > 0
        or candidate.read("account_restrictions").filter(pl.col("cause") == "credit_limit").height > 0
    )
