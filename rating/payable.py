"""The amount due, rounded to what can be paid: five cents where there is no smaller coin (I7)."""

from decimal import Decimal
from math import lcm

import polars as pl

from rating.money import MONEY_SCALE, rounded, scaled

TERMS = ["exponent", "payable_increment", "rounding_charges"]
"""What of an account's period decides how its amount due is rounded."""


def increment_mu(increment: str, exponent: int) -> int:
    """What amounts due are multiples of, in mu: the least amount that is whole increments and whole minor units.

    >>> increment_mu("0.05", 2), increment_mu("0.05", 0), increment_mu("1", 2), increment_mu("0", 2)
    (5, 1, 100, 1)
    """
    steps, unit = int(Decimal(increment).scaleb(MONEY_SCALE)), 10 ** (MONEY_SCALE - exponent)
    return lcm(steps, unit) // unit if steps else 1


def payable(rows: pl.DataFrame, due: str) -> pl.Series:
    """Round amounts due to the increment of policy `payable_increment`, in the mode of charges.

    Reads    rows  due [mu], and TERMS
    Makes    payable_mu, row by row
    Source   I7, M2

    >>> rows = pl.DataFrame({"due": [1003, -1003, 1002]}).with_columns(
    ...     exponent=2, payable_increment=pl.lit("0.05"), rounding_charges=pl.lit("half_away"))
    >>> payable(rows, "due").to_list()
    [1005, -1005, 1000]
    """
    found = rows.select(due, *TERMS).with_columns(increments(rows))
    times = rounded(found, [due], ["increment_mu"], "rounding_charges")["rounded_mu"]
    return (times * found["increment_mu"]).alias("payable_mu")


def payable_of(rows: pl.DataFrame, amount: str) -> pl.Series:
    """Round money as `payable` does; it may have digits that its currency had once and has no more (M2).

    Reads    rows  amount, and TERMS
    Makes    payable_mu, row by row

    >>> rows = pl.DataFrame({"left": ["13.995"], "exponent": [2]}).with_columns(
    ...     pl.col("left").cast(pl.Decimal(38, 4)), payable_increment=pl.lit("0"), rounding_charges=pl.lit("half_away"))
    >>> payable_of(rows, "left").to_list()
    [1400]
    """
    unit = pl.lit(10, dtype=pl.Int64).pow(MONEY_SCALE - pl.col("exponent"))
    found = rows.select(*TERMS, ticks=scaled(amount).cast(pl.Int64)).with_columns(increments(rows), unit=unit)
    times = rounded(found, ["ticks"], ["increment_mu", "unit"], "rounding_charges")["rounded_mu"]
    return (times * found["increment_mu"]).alias("payable_mu")


def increments(rows: pl.DataFrame) -> pl.Series:
    """What amounts due are multiples of: one minor unit where they are not rounded (I7).

    Reads    rows  TERMS
    Makes    increment_mu [mu], row by row
    """
    key = ["payable_increment", "exponent"]
    steps = rows.select(key).unique()
    sizes = [increment_mu(increment, exponent) for increment, exponent in steps.iter_rows()]
    steps = steps.with_columns(pl.Series("increment_mu", sizes, dtype=pl.Int64))
    return rows.select(key).join(steps, on=key, how="left", maintain_order="left")["increment_mu"]
