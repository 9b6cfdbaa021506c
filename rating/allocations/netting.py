"""Negative charges lower what grants may pay, so that no grant pays what a reversal takes back (G7)."""

import polars as pl

STEPS = [["tax_category", "sku_id", "sub_account_id"], ["tax_category"]]
"""Same SKU and project first, then the rest of the tax category."""


def netted(charges: pl.DataFrame, amount: str, *, across_categories: bool) -> pl.Series:
    """What is left of each positive charge once the negative ones of its group have lowered it.

    Reads    charges  in charge_order: billing_account_id, tax_category, sku_id, sub_account_id, `amount` [mu];
             across_categories: what a category still lacks lowers the dues of the others too
    Makes    due_mu [mu], not negative, one per charge
    Source   G7

    >>> charges = pl.DataFrame({"billing_account_id": ["x"] * 3, "net_mu": [50, 70, -60],
    ...     "tax_category": ["std"] * 3, "sku_id": ["s", "t", "t"], "sub_account_id": ["p"] * 3})
    >>> netted(charges, "net_mu", across_categories=False).to_list()
    [50, 10, 0]
    """
    dues = charges[amount].rename("due_mu")
    if not (dues < 0).any():
        return dues
    rows = charges.select("billing_account_id", *STEPS[0], due_mu=dues).with_row_index("place")
    owing = rows.filter(pl.col("due_mu") < 0).select("billing_account_id").unique()
    rows = rows.join(owing, on="billing_account_id", how="semi", maintain_order="left")
    for step in [*STEPS, *([[]] if across_categories else [])]:
        rows = _lowered(rows, ["billing_account_id", *step])
    found = dues.to_numpy().copy()
    found[rows["place"].to_numpy()] = rows["due_mu"].to_numpy()
    return pl.Series("due_mu", found).clip(lower_bound=0)


def _lowered(rows: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    """Within a group, earlier positives are lowered first and earlier negatives used up first."""
    positive = pl.col("due_mu").clip(lower_bound=0)
    negative = (-pl.col("due_mu")).clip(lower_bound=0)

    def taken(of: pl.Expr, by: pl.Expr) -> pl.Expr:
        """How much of each row the other side's total takes, in order."""
        before = of.cum_sum().over(group) - of
        return pl.min_horizontal(of, (by.sum().over(group) - before).clip(lower_bound=0))

    return rows.with_columns(due_mu=pl.col("due_mu") - taken(positive, negative) + taken(negative, positive))
