"""Expense numbers: what a customer sees a charge by, unique per account, given once and kept (P7, S1.12)."""

import polars as pl

from rating.rows import in_order, is_new
from schemas.expense_numbers import ExpenseNumbers


def expense_numbers(charges: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Number the charges that have none yet, after the account's last, in charge_order.

    Reads    charges  charge_id, billing_account_id, in charge_order
             known    ExpenseNumbers already given
    Makes    ExpenseNumbers: the new ones
    Source   P7

    >>> charges = pl.DataFrame({"charge_id": ["c1", "c2"], "billing_account_id": ["a", "a"], "charge_order": [1, 2]})
    >>> known = ExpenseNumbers.row({"charge_id": "c1", "billing_account_id": "a", "expense_number": "7"})
    >>> expense_numbers(charges, known).row(0)
    ('c2', 'a', 8)
    """
    last = known.group_by("billing_account_id").agg(last=pl.col("expense_number").max())
    new = charges.join(known, on="charge_id", how="anti", maintain_order="left")
    new = in_order(new, ["billing_account_id", "charge_order"])
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    place = row - pl.when(is_new("billing_account_id")).then(row).forward_fill() + 1
    return ExpenseNumbers.conform(
        new.join(last, on="billing_account_id", how="left", maintain_order="left").with_columns(
            expense_number=(pl.col("last").fill_null(0) + place).cast(pl.Int64)
        )
    )
