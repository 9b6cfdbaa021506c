"""The real flows follow the same chronicles as the oracle: the same books after every step (L1, L4, X1 to X4).

Months are billed, issued, paid, voided, corrected and backfilled in a lake; many small worlds at once, as accounts that
do not touch. `BILLFOLD_EXAMPLES=3000 pytest tests/properties/test_chronicles.py` follows so many worlds, drawn anew;
BILLFOLD_MONTHS=12 follows them for a year and not for three months.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.chronicles import SALES, many
from tests.followed import COMPARED, oracle_rows, steps_of
from tests.oracle_books import follow
from tests.properties.test_oracle_books_by_hand import (
    CARRIED,
    REVERSAL,
    a_correction_waits,
    at,
    backfill,
    billed,
    bonus,
    chronicle,
    land,
    october,
    pays,
    used,
)
from tests.worlds import Row, World

WORLDS = 20
"""On one time line."""
FEWER = 6
"""Where most of what happens is about one thing."""
LINES = max(1, int(os.environ.get("BILLFOLD_EXAMPLES", "0")) // WORLDS)
MONTHS = int(os.environ.get("BILLFOLD_MONTHS", "3"))


def drawing(line: int) -> Random:
    """What a time line is drawn with: the same in each run of the suite, another in the long mode, which tells it."""
    if "BILLFOLD_EXAMPLES" not in os.environ:
        return Random(line)
    number = secrets.randbits(32)
    print(f"drawn with Random({number})")
    return Random(number)


@pytest.mark.parametrize("line", range(LINES))
def test_the_books_after_every_step_are_those_of_the_oracle(line: int, tmp_path: Path) -> None:
    whole, _ = many(WORLDS, drawing(line), months=MONTHS)
    refuse_other_books(whole, tmp_path)


@pytest.mark.parametrize("line", range((LINES + 1) // 2))
def test_credit_is_sold_and_given_back_as_the_oracle_says(line: int, tmp_path: Path) -> None:
    whole, _ = many(FEWER, drawing(line), months=MONTHS, late=SALES)
    refuse_other_books(whole, tmp_path)


def test_a_correction_that_waits_leaves_a_period_paid_that_was_paid_before_it(tmp_path: Path) -> None:
    """What has changed of October since it was computed last is that it is paid (X2)."""
    refuse_other_books(chronicle([*a_correction_waits(), *a_bonus_comes(11, 16)]), tmp_path)


def test_what_was_paid_is_carried_forward_to_the_next_invoice(tmp_path: Path) -> None:
    """A paid October gives back, a partly paid November too, and the next invoices are paid with it (X2, I6)."""
    steps = [*october(), land(at(11, 9), pays("120")), *a_bonus_comes(11, 10, window_end="2026-12-01")]
    steps += [*billed(11, used("100", at(11, 5), "u2")), land(at(12, 9), pays("30", "p2"))]
    steps += [*a_bonus_comes(12, 10, "g2", occurred_at=at(9, 20)), land(at(12, 12), REVERSAL), backfill(at(12, 13))]
    recovery = {"operation_id": "e1", "operation": "recover_credit", "grant_id": "g2", "occurred_at": at(10, 1)}
    steps += [land(at(12, 14), recovery), backfill(at(12, 15))]
    refuse_other_books(chronicle(steps, billing_policies=CARRIED), tmp_path)


def a_bonus_comes(month: int, day: int, name: str = "g1", **columns: Any) -> list[Row]:
    """For October on, and is backfilled."""
    return [land(at(month, day), bonus("50", name, **columns)), backfill(at(month, day + 1))]


def refuse_other_books(whole: World, folder: Path) -> None:
    """Follow a chronicle by the oracle and by the flows; after each step their books are the same."""
    wanted = follow(whole)
    for place, follower in enumerate(steps_of(whole, folder)):
        ours, theirs = follower.books(), oracle_rows(wanted[place])
        step = {name: value for name, value in whole["steps"][place].items() if name in ("step", "billing_period")}
        for table in COMPARED:
            assert ours[table] == theirs[table], f"{table} after step {place}, {step}"
