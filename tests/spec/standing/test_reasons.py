"""Why credit with something left did not pay what is still due: the invoice is paid, or that much of it is. The tax is
20 %.
"""

from __future__ import annotations

import polars as pl

from rating.allocations.reasons import grant_reasons
from rating.pipeline import Inputs, rated
from rating.standing import Committed
from schemas.grant_movements import GrantMovements
from tests.pipeline import ask_world
from tests.spec.period import ACME, world
from tests.spec.reasons.told import NAMES, assert_reasons
from tests.spec.standing.invoiced import AGAIN, first, given, late, stands, used
from tests.tables import table

title = "Standing: why credit left something due (G8, X2)"


def reasons(committed: Committed, hours: dict[str, int], operations: pl.DataFrame) -> pl.DataFrame:
    """October, billed again, and why each grant paid what it paid of each charge."""

    def asked(inputs: Inputs) -> pl.DataFrame:
        made = rated(inputs)
        applied, standings = pl.concat([made.bonuses, made.credits]), inputs.committed.accounts
        found = grant_reasons(
            made.items,
            made.grants,
            made.opening,
            applied,
            made.stopped,
            standings=standings.select("billing_account_id", "standing"),
        )
        return found.join(made.items.select("charge_id", "charge_order", charge=NAMES), on="charge_id")

    told = world(known_as_of=AGAIN, usage_records=used(hours), operations=operations)
    return ask_world({**told, "committed": committed}, asked)


def test_of_a_paid_month_credit_that_has_come_back_pays_only_what_was_gained() -> None:
    """September took 60.00 of 80.00, so 20.00 paid of the machine. Without September's, 10.00 gained are paid too."""
    bonus = given("operation_id | amount\nlaunch | 80")
    text = "movement_id | grant_id | movement | amount | billing_period\nbefore | launch | charged | -60 | 2026-09"
    september = table(GrantMovements, text, **ACME, occurred_at="2026-09-30T00:00:00Z")
    billed = first({"vm-large": 100, "database": 50}, bonus, grant_movements=september)
    assert_reasons(
        reasons(stands(billed), {"vm-large": 110, "database": 50}, bonus),
        """
        charge   | reason  | amount | due
        vm-large | settled | 30.00  | 110.00
        database | settled | 0.00   | 50.00
        """,
    )


def test_where_a_part_is_paid_what_is_undone_is_left_due() -> None:
    """70.00 of 100.00 would be spent; 60.00 are paid, so 50.00 stay due before tax (the last 20.00 are undone)."""
    assert_reasons(
        reasons(
            stands(first({"vm-large": 60, "database": 40}), "partly_paid", "60"),
            {"vm-large": 60, "database": 40},
            late("operation_id | amount\nsorry | 70"),
        ),
        """
        charge   | reason | amount | due
        vm-large | undone | 50.00  | 60.00
        database | undone | 0.00   | 40.00
        """,
    )


def test_a_grant_with_nothing_left_is_exhausted_there_too() -> None:
    assert_reasons(
        reasons(
            stands(first({"vm-large": 100}), "partly_paid", "60"),
            {"vm-large": 100},
            late("operation_id | amount\nsorry | 30"),
        ),
        """
        charge   | reason    | amount | due
        vm-large | exhausted | 30.00  | 100.00
        """,
    )
