"""The pipeline and the oracle agree, cent for cent, on whatever worlds the dice give.

Worlds are drawn first and billed many at once (`tests.together`); one on which they differ is billed again alone and
shown. `BILLFOLD_EXAMPLES=100000 pytest tests/properties/test_pipeline_equals_oracle.py` is the long mode. A world on
which they once differed stays here by name.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pprint import pformat
from random import Random
from typing import Any

import pytest

from rating.pipeline import rate_period
from tests import oracle
from tests.pipeline import (
    Before,
    Parts,
    asked,
    books,
    made,
    oracle_books,
    oracle_made,
    parts_of,
    rate_world,
)
from tests.together import rate_together
from tests.worlds import PERIODS, World, a_history, a_world, make_world

EXAMPLES = int(os.environ.get("BILLFOLD_EXAMPLES", "600"))
"""Worlds per run of the suite; histories are a tenth of them."""
RUNS = tuple(sorted(set(PERIODS)))
"""The worlds are dealt to tests which run side by side, by their period: those of one period are billed together."""
AT_ONCE = 500

Step = tuple[World, Before, Parts, dict[str, list[dict[str, Any]]]]
"""A world, what was decided before it, its parts, and the oracle's books."""


def drawn(draw: Callable[..., World], count: int, period: str) -> Iterator[list[World]]:
    """So many worlds, some hundred at a time: the same in each run of the suite, others in the long mode.

    They begin in a period.
    """
    for start in range(0, count, AT_ONCE):
        place = secrets.randbits(64) if "BILLFOLD_EXAMPLES" in os.environ else f"{period} {start}"
        random = Random(place)
        yield [draw(random, period=period) for _ in range(min(AT_ONCE, count - start))]


def sorted_rows(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [str(value) for value in row])


def compare(found: dict[str, list[tuple[Any, ...]]], wanted: dict[str, list[tuple[Any, ...]]], world: World) -> None:
    for table, rows in wanted.items():
        assert sorted_rows(found.get(table, [])) == sorted_rows(rows), f"{table} of\n{pformat(world, width=120)}"


def decided(step: Step) -> None:
    """Every operation is accepted or refused as the oracle says, and gives what the oracle gives."""
    world, before, parts, wanted = step
    rows = parts.decisions.operations.iter_rows(named=True)
    found = {row["operation_id"]: (row["status"], row["reason_code"]) for row in rows}
    said = {row["operation_id"]: (row["status"], row["reason_code"]) for row in wanted["operations"]}
    assert found == said, pformat(world, width=120)
    compare(made(parts.decisions, before, world), oracle_made(wanted, parts.decisions), world)


def billed(steps: list[Step]) -> None:
    """Billed together, every world comes to what the oracle bills it; one that does not is billed alone."""
    for (world, _, parts, wanted), found in zip(steps, rate_together([step[2] for step in steps]), strict=True):
        said = oracle_books(wanted)
        if any(sorted_rows(found[table]) != sorted_rows(rows) for table, rows in said.items()):
            compare(books(asked(parts, rate_period)), said, world)
            pytest.fail(f"billed alone it is right, with others it is not:\n{pformat(world, width=120)}")


@pytest.mark.parametrize("run", RUNS)
def test_a_period_is_decided_and_billed_as_the_oracle_does_it(run: str) -> None:
    for some in drawn(a_world, EXAMPLES // len(RUNS), run):
        steps = [(world, Before(), parts_of(world), oracle.bill(world)) for world in some]
        for step in steps:
            decided(step)
        billed(steps)


@pytest.mark.parametrize("run", RUNS)
def test_months_that_follow_one_another_are_decided_and_billed_as_the_oracle_does_it(run: str) -> None:
    """What a month took from a grant the next one lacks; what was decided stays decided."""
    for some in drawn(a_history, EXAMPLES // len(RUNS) // 10, run):
        steps = [step for world in some for step in steps_of(world)]
        for step in steps:
            decided(step)
        billed(steps)


def steps_of(world: World) -> Iterator[Step]:
    before = Before()
    for month, wanted in oracle.history_steps(world):
        parts = parts_of(month, before=before)
        yield month, before, parts, wanted
        before = before.and_then(parts.decisions)


def agree(world: World) -> None:
    compare(books(rate_world(world)), oracle_books(oracle.bill(world)), world)


def test_a_reversal_lowers_what_a_credit_pays_for_the_rest() -> None:
    """18 - 10 = 8, with 20 % tax 9.60: a credit of 50 pays 9.60, not the 21.60 of the first line alone (G7)."""
    at = datetime(2026, 10, 5, tzinfo=UTC)
    world = make_world(
        skus=[{"allows_corrections": True}],
        usage_records=[
            {"usage_record_id": "u1", "charge_period_start": at, "consumed_quantity": Decimal(18), "region_id": "eu"},
            {"usage_record_id": "u2", "charge_period_start": at, "consumed_quantity": Decimal(-10), "region_id": "us"},
        ],
        tax_rates=[{"rate": Decimal("0.2")}],
        operations=[
            {
                "operation_id": "credit",
                "operation": "grant_credit",
                "kind": "voucher",
                "amount": Decimal(50),
                "occurred_at": datetime(2026, 10, 1, tzinfo=UTC),
                "window_start": "2026-10-01",
            }
        ],
    )
    invoice = rate_world(world).invoices.row(0, named=True)
    assert (invoice["total_with_tax"], invoice["credit_amount"], invoice["amount_due"]) == (
        Decimal("9.60"),
        Decimal("9.60"),
        Decimal(0),
    )
    agree(world)


def test_what_the_month_before_split_counts_where_a_free_quantity_runs_out() -> None:
    """October splits, November does not: of the 24 GB over midnight 12 are November's. With the 5 of us they are 17,
    of which the first 10 are free: 12 - 10 = 2 are left of eu and 5 of us, at 1 each (U4, P3)."""
    world = make_world(
        billing_period="2026-11",
        known_as_of=datetime(2026, 12, 1, tzinfo=UTC),
        usage_records=[
            {
                "usage_record_id": "u1",
                "charge_period_start": datetime(2026, 10, 31, 12, tzinfo=UTC),
                "charge_period_end": datetime(2026, 11, 1, 12, tzinfo=UTC),
                "consumed_quantity": Decimal(24),
                "region_id": "eu",
            },
            {
                "usage_record_id": "u2",
                "charge_period_start": datetime(2026, 11, 2, tzinfo=UTC),
                "charge_period_end": datetime(2026, 11, 2, 1, tzinfo=UTC),
                "consumed_quantity": Decimal(5),
                "region_id": "us",
            },
        ],
        sku_prices=[{"list_unit_price": Decimal(1), "free_quantity": Decimal(10)}],
        billing_policies=[
            {"policy": "spanning_records", "value": "split", "valid_until": "2026-11-01"},
            {"policy": "spanning_records", "value": "start", "valid_from": "2026-11-01"},
        ],
    )
    costs = rate_world(world).charges.select("region_id", "list_cost").sort("region_id").rows()
    assert costs == [("eu", Decimal(2)), ("us", Decimal(5))]
    agree(world)


def test_an_additive_discount_takes_nothing_of_a_reversal_that_another_took_back_whole() -> None:
    """10 % of -0.01 is -0.01, rounded up: the first takes back all of it, and nothing is left for the second (D3)."""
    at = datetime(2026, 10, 5, tzinfo=UTC)
    world = make_world(
        skus=[{"allows_corrections": True}],
        usage_records=[{"charge_period_start": at, "consumed_quantity": Decimal(-1)}],
        sku_prices=[{"list_unit_price": Decimal("0.01")}],
        discounts=[{"discount_id": name, "value": Decimal(10)} for name in ("d1", "d2")],
        billing_policies=[
            {"policy": "stacking", "value": "additive"},
            {"policy": "rounding_charges", "value": "up"},
        ],
    )
    taken = [(row["source_id"], row["amount"]) for row in oracle.bill(world)["allocations"]]
    assert taken == [("d1", Decimal("-0.01"))]
    agree(world)
