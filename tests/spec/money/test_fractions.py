"""Fractions are compared by decimals, and as many of them as it takes: 36, where denominators go up to 10^18."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
import pytest

from rating.money import in_decimals


def by_decimals(fractions: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Fractions as their 36 decimals."""
    rows = {"part": [part for part, _ in fractions], "whole": [whole for _, whole in fractions]}
    return pl.DataFrame(rows, schema={"part": pl.Int64, "whole": pl.Int64}).select(*in_decimals("part", "whole")).rows()


BIG = 10**18


@pytest.mark.parametrize(
    ("lesser", "greater"),
    [
        # 1 ÷ (10^18 × (10^18 - 1)) apart: the closest that two of them can be
        ((BIG - 2, BIG - 1), (BIG - 1, BIG)),
        ((1, BIG), (1, BIG - 1)),
        ((333333333333333333, BIG), (1, 3)),
        ((2, 3), (666666666666666667, BIG)),
        ((0, 1), (1, BIG)),
        ((BIG - 1, BIG), (1, 1)),
    ],
)
def test_fractions_that_differ_differ_in_their_decimals(lesser: tuple[int, int], greater: tuple[int, int]) -> None:
    assert Fraction(*lesser) < Fraction(*greater)
    less, more = by_decimals([lesser, greater])
    assert less < more


def test_equal_fractions_have_equal_decimals() -> None:
    """20 of 100 is 0.2, as is 20 % written as 20 × 10^12 of 100 × 10^12, and 2 × 10^17 of 10^18."""
    fractions = [(20, 100), (20 * 10**12, 100 * 10**12), (2 * 10**17, BIG)]
    assert by_decimals(fractions) == [(200000000000000000, 0)] * 3
