"""A sum of fractions is rounded alike in 128 bits and in integers without bounds, whichever the sizes ask for."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.money import rounded

MODES = ["half_away", "half_even", "up", "down"]
SMALL = st.integers(-30, 30)
LARGE = st.one_of(SMALL, st.integers(-(10**20), 10**20))
DIVISORS = st.one_of(st.integers(1, 20), st.sampled_from([10**6, 10**18, 2 * 10**18, 10**19]))


@st.composite
def groups(draw: st.DrawFn) -> list[tuple[int, str, tuple[int, int], list[tuple[int, int]]]]:
    """Up to six groups, each of one mode and divisor: sums far below 10^37, where 128 bits end, and above."""
    numbers = draw(st.sampled_from([SMALL, LARGE]))
    return [
        (
            group,
            draw(st.sampled_from(MODES)),
            (draw(DIVISORS), draw(DIVISORS)),
            draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3)),
        )
        for group in range(draw(st.integers(1, 6)))
    ]


def whole(value: Fraction, mode: str) -> int | None:
    """The rule, of a fraction's size: both signs alike (M2); no amount from 9 × 10^18 on."""
    size = abs(value)
    half = size - floor(size) == Fraction(1, 2)
    sizes = {
        "half_away": floor(size + Fraction(1, 2)),
        "half_even": round(size) if half else floor(size + Fraction(1, 2)),
        "up": ceil(size),
        "down": floor(size),
    }
    found = sizes[mode] if value >= 0 else -sizes[mode]
    return found if abs(found) < 9 * 10**18 else None


@given(groups())
@settings(max_examples=100, deadline=None)
def test_a_sum_rounds_as_its_fraction_does_whatever_its_size(
    made: list[tuple[int, str, tuple[int, int], list[tuple[int, int]]]],
) -> None:
    rows = [(group, mode, *divisors, *factors) for group, mode, divisors, several in made for factors in several]
    wide = pl.Int128
    schema = {"group": pl.Int64, "mode": pl.String, "by": wide, "and_by": wide, "quantity": wide, "price": wide}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    found = rounded(frame, ["quantity", "price"], ["by", "and_by"], "mode", "group").sort("group")
    exact = [Fraction(sum(a * b for a, b in several), by * and_by) for _, _, (by, and_by), several in made]
    wanted = [whole(value, mode) for value, (_, mode, _, _) in zip(exact, made, strict=True)]
    assert found["rounded_mu"].to_list() == wanted
