"""The books are always the difference: what they should say less what is committed (L1, B2)."""

import polars as pl

from rating.ledger_entries import KEY, summed, transactions


def ledger_delta(desired: pl.DataFrame, committed: pl.DataFrame) -> pl.DataFrame:
    """The transactions that bring the ledger from what is committed to what it should say.

    Reads    desired    KEY and amount
             committed  LedgerEntries of the same accounts, periods and kinds
    Makes    LedgerEntries; none when nothing changed
    Source   L1, B2, X1

    >>> from schemas.ledger_entries import LedgerEntries
    >>> ledger_delta(summed(LedgerEntries.empty()), LedgerEntries.empty()).height
    0
    """
    undone = committed.with_columns(amount=-pl.col("amount")).select(*KEY, "amount")
    return transactions(summed(pl.concat([desired.select(*KEY, "amount"), undone])), committed)
