"""The pipeline and the oracle agree, cent for cent, on whatever Hypothesis can think of.

`BILLFOLD_EXAMPLES=100000 pytest tests/properties/test_pipeline_equals_oracle.py` is the long mode. A world on which
they once differed stays here by name.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings

from tests import oracle
from tests.pipeline import books, decide_world, oracle_books, rate_world
from tests.worlds import World, make_world, worlds

EXAMPLES = int(os.environ.get("BILLFOLD_EXAMPLES", "250"))
OPTIONS: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def sorted_rows(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [str(value) for value in row])


def agree(world: World) -> None:
    found, wanted = books(rate_world(world)), oracle_books(oracle.bill(world))
    for table, rows in wanted.items():
        assert sorted_rows(found[table]) == sorted_rows(rows), table


@given(worlds())
@settings(max_examples=EXAMPLES, **OPTIONS)
def test_operations_are_decided_as_the_oracle_decides_them(world: World) -> None:
    decided = decide_world(world).operations
    found = {row["operation_id"]: (row["status"], row["reason_code"]) for row in decided.iter_rows(named=True)}
    wanted = {key: (row["status"], row["reason_code"]) for key, row in oracle.decide(world).items()}
    assert found == wanted


@given(worlds())
@settings(max_examples=EXAMPLES, **OPTIONS)
def test_a_period_is_billed_as_the_oracle_bills_it(world: World) -> None:
    agree(world)


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
