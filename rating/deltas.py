"""The books are always the difference: what they should say less what is committed (L1, B2)."""

import polars as pl

from rating.accounting_periods import NOTHING_CLOSED, booked
from rating.ledger_entries import KEY, summed, transactions

WHAT = [name for name in KEY if name != "accounting_period"]
"""What an entry says; when it was booked is no difference."""


def ledger_delta(
    desired: pl.DataFrame, committed: pl.DataFrame, closed_through: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The transactions that bring the ledger from what is committed to what it should say.

    What was booked in a month that is closed by now is taken back in the first open one.

    Reads    desired         KEY and amount
             committed       LedgerEntries of the same accounts, periods and kinds
             closed_through  billing_account_id, closed_through [Text or null]; without it no month is closed
    Makes    LedgerEntries; none when nothing changed
    Source   L1, B1, B2, X1

    >>> from schemas.ledger_entries import LedgerEntries
    >>> ledger_delta(summed(LedgerEntries.empty()), LedgerEntries.empty()).height
    0
    """
    undone = committed.with_columns(amount=-pl.col("amount"))
    difference = pl.concat([rows.select(*WHAT, "amount") for rows in (desired, undone)])
    rows = difference.group_by(WHAT).agg(pl.col("amount").sum()).filter(pl.col("amount") != 0)
    closed = NOTHING_CLOSED if closed_through is None else closed_through
    return transactions(summed(booked(rows, closed, ["billing_account_id"])), committed)
