"""The pipeline and the oracle agree, cent for cent, on whatever Hypothesis can think of."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings

from tests import oracle
from tests.pipeline import books, decide_world, oracle_books, rate_world
from tests.worlds import World, worlds


def sorted_rows(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [str(value) for value in row])


@given(worlds())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_operations_are_decided_as_the_oracle_decides_them(world: World) -> None:
    decided = decide_world(world).operations
    found = {row["operation_id"]: (row["status"], row["reason_code"]) for row in decided.iter_rows(named=True)}
    wanted = {key: (row["status"], row["reason_code"]) for key, row in oracle.decide(world).items()}
    assert found == wanted


@given(worlds())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_period_is_billed_as_the_oracle_bills_it(world: World) -> None:
    found, wanted = books(rate_world(world)), oracle_books(oracle.bill(world))
    for table, rows in wanted.items():
        assert sorted_rows(found[table]) == sorted_rows(rows), table
