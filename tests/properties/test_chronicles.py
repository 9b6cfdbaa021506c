"""The real flows follow the same chronicles as the oracle: the same books after every step (L1, L4, X1 to X4).

Months are billed, issued, paid, voided, corrected and backfilled in a lake; many small worlds at once, as accounts that
do not touch. BILLFOLD_EXAMPLES asks for more.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.chronicles import SALES, many
from tests.followed import COMPARED, oracle_rows, steps_of
from tests.oracle_books import follow
from tests.worlds import World

WORLDS = 30
"""On one time line."""
LINES = max(2, int(os.environ.get("BILLFOLD_EXAMPLES", "0")) // WORLDS)


FEWER = 12
"""Where most of what happens is about one thing."""


@pytest.mark.parametrize("line", range(LINES))
def test_the_books_after_every_step_are_those_of_the_oracle(line: int, tmp_path: Path) -> None:
    whole, _ = many(WORLDS, Random(line), months=3)
    refuse_other_books(whole, tmp_path)


@pytest.mark.parametrize("line", range(LINES // 2))
def test_credit_is_sold_and_given_back_as_the_oracle_says(line: int, tmp_path: Path) -> None:
    whole, _ = many(FEWER, Random(line), months=3, late=SALES)
    refuse_other_books(whole, tmp_path)


def refuse_other_books(whole: World, folder: Path) -> None:
    """Follow a chronicle by the oracle and by the flows; after each step their books are the same."""
    wanted = follow(whole)
    for place, follower in enumerate(steps_of(whole, folder)):
        ours, theirs = follower.books(), oracle_rows(wanted[place])
        step = {name: value for name, value in whole["steps"][place].items() if name in ("step", "billing_period")}
        for table in COMPARED:
            assert ours[table] == theirs[table], f"{table} after step {place}, {step}"
