"""A free grant is recovered, a paid one refunded: its window ends at that instant. What was incurred before keeps its
claim; the rest goes with the month in which the window now ends.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rating.grant_movements import with_endings
from schemas.grant_kinds import GrantKinds
from schemas.grant_movements import GrantMovements
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, USUAL, bill
from tests.tables import assert_table, table

title = "Recovered and refunded: what ends a window, and what becomes of the rest (K5)"

GIVEN = {
    "recovered": {"operation": "grant_credit", "kind": "bonus"},
    "refunded": {"operation": "purchase_credit", "kind": "paid", "price_paid": "80"},
}
TAKEN_BACK = {"recovered": "recover_credit", "refunded": "refund_credit"}


def given(movement: str = "recovered", window: str = "2026-09-01 | ") -> pl.DataFrame:
    """A grant of 100.00, of a kind that ends with this word."""
    text = f"operation_id | amount | window_start | window_end\nlaunch | 100 | {window}"
    return table(Operations, text, **ACME, **GIVEN[movement], occurred_at="2026-09-01T00:00:00Z")


def ended(on: str, movement: str = "recovered", grant_id: str = "launch", **more: str) -> pl.DataFrame:
    """The operation that ends it."""
    operation = {"operation": TAKEN_BACK[movement], "grant_id": grant_id, "occurred_at": on, **more}
    return table(Operations, "operation_id\nback", **ACME, **operation)


def used(*days: tuple[str, int]) -> pl.DataFrame:
    rows = "\n".join(f"2026-10-{day}T00:00Z | {hours}" for day, hours in days)
    return table(UsageRecords, f"charge_period_start | consumed_quantity\n{rows}")


def moved(*operations: pl.DataFrame, **tables: Any) -> pl.DataFrame:
    return bill(operations=pl.concat(operations), **tables).grant_movements


@pytest.mark.parametrize(("movement", "tax"), [("recovered", 0), ("refunded", 6)])
def test_what_was_incurred_before_keeps_its_claim_and_the_rest_goes(movement: str, tax: int) -> None:
    """30.00 on the 10th are before the 15th, 10.00 on the 20th are not; a paid grant pays the tax on them too, 6.00."""
    assert_table(
        moved(
            given(movement),
            ended("2026-10-15T00:00:00Z", movement),
            usage_records=used(("10", 30), ("20", 10)),
        ),
        GrantMovements,
        f"""
        grant_id | movement   | amount      | occurred_at
        launch   | charged    | -{30 + tax} | 2026-10-15T00:00Z
        launch   | {movement} | -{70 - tax} | 2026-10-15T00:00Z
        """,
    )


def test_the_window_ends_at_the_instant_not_with_its_day() -> None:
    """The record of 12:00 is inside a window that ends a microsecond later, that of 12:01 is not."""
    usage = table(
        UsageRecords,
        """
        charge_period_start | charge_period_end    | consumed_quantity
        2026-10-15T12:00Z   | 2026-10-15T12:00Z    |                 3
        2026-10-15T12:01Z   | 2026-10-15T12:01Z    |                 4
        """,
    )
    assert_table(
        moved(given(), ended("2026-10-15T12:00:00.000001Z"), usage_records=usage),
        GrantMovements,
        """
        movement  | amount | occurred_at
        charged   |  -3.00 | 2026-10-15T12:00:00.000001Z
        recovered | -97.00 | 2026-10-15T12:00:00.000001Z
        """,
    )


def test_what_ends_in_november_is_not_octobers_to_post() -> None:
    operations = given(), ended("2026-11-02T00:00:00Z")
    assert moved(*operations).is_empty()
    november = bill("2026-11", "2026-12-03T00:00:00Z", {"acme": "2026-10"}, operations=pl.concat(operations))
    assert_table(
        november.grant_movements,
        GrantMovements,
        """
        movement  | billing_period | amount  | occurred_at
        recovered | 2026-11        | -100.00 | 2026-11-02T00:00Z
        """,
    )


def test_what_ends_with_the_month_is_posted_by_it() -> None:
    assert_table(
        moved(given(), ended("2026-11-01T00:00:00Z")),
        GrantMovements,
        """
        movement  | amount
        recovered | -100.00
        """,
    )


def test_a_month_to_date_ends_nothing() -> None:
    operations = given(), ended("2026-10-15T00:00:00Z")
    assert moved(*operations, known_as_of="2026-10-25T00:00:00Z").is_empty()


def test_an_ending_recorded_later_is_not_known_yet() -> None:
    operations = given(), ended("2026-10-15T00:00:00Z", recorded_at="2026-11-04T00:00:00Z")
    usage = used(("20", 10))
    assert_table(moved(*operations, usage_records=usage), GrantMovements, "movement | amount\ncharged | -10.00")
    later = moved(*operations, usage_records=usage, known_as_of="2026-11-04T00:00:00Z")
    assert_table(later, GrantMovements, "movement | amount\nrecovered | -100.00")


def test_a_grant_whose_window_has_not_begun_ends_where_it_would_begin() -> None:
    """Recovered on the 5th, it would begin on the 10th: nothing is claimed, and all goes on the 10th."""
    assert_table(
        moved(
            given(window="2026-10-10 | "),
            ended("2026-10-05T00:00:00Z"),
            usage_records=used(("12", 10)),
        ),
        GrantMovements,
        """
        movement  | amount  | occurred_at
        recovered | -100.00 | 2026-10-10T00:00Z
        """,
    )


def test_usage_that_turns_out_lower_returns_to_the_grant_and_goes_with_its_rest() -> None:
    """Where 30.00 were used, 70.00 are recovered; where it was 20.00, 80.00 (G7)."""
    operations = given(), ended("2026-10-15T00:00:00Z")
    for hours in (30, 20):
        assert_table(
            moved(*operations, usage_records=used(("10", hours))),
            GrantMovements,
            f"movement | amount\ncharged | -{hours}\nrecovered | -{100 - hours}",
        )


def test_a_grant_used_up_has_nothing_to_recover() -> None:
    assert_table(
        moved(given(), ended("2026-10-15T00:00:00Z"), usage_records=used(("10", 100))),
        GrantMovements,
        "movement | amount\ncharged | -100.00",
    )


def test_what_was_allocated_from_it_stays() -> None:
    """60.00 are the project's, for as long as the grant was for; of the other 40.00 nothing was used."""
    kinds = pl.concat([USUAL["grant_kinds"], table(GrantKinds, "kind | rank\nproject | 20", transferable="false")])
    organization = given().with_columns(kind=pl.lit("organization"))
    allocated = table(
        Operations,
        "operation_id | grant_id | amount | sub_account_id\npart | launch | 60 | website",
        operation="allocate_to_project",
        **ACME,
        occurred_at="2026-09-02T00:00:00Z",
    )
    found = moved(
        organization,
        allocated,
        ended("2026-10-15T00:00:00Z"),
        grant_kinds=kinds,
        usage_records=used(("20", 25)).with_columns(sub_account_id=pl.lit("website")),
    )
    assert_table(
        found,
        GrantMovements,
        """
        grant_id | movement  | amount
        launch   | recovered | -40.00
        part     | charged   | -25.00
        """,
    )


# --- floors of a grant that was ended ---


def organization(logic: str, window: str = "2026-09-01 | ") -> pl.DataFrame:
    text = (
        f"operation_id | amount | logic | monthly_value | window_start | window_end\nlaunch | 100 | {logic} | {window}"
    )
    return table(Operations, text, **ACME, kind="organization", occurred_at="2026-09-01T00:00:00Z")


def test_the_month_in_which_a_grant_is_recovered_still_has_its_floor() -> None:
    """10.00 used of a floor of 30.00: 20.00 are drawn when it ends, then 70.00 are recovered."""
    found = moved(
        organization("fixed | 30"),
        ended("2026-10-15T00:00:00Z"),
        usage_records=used(("10", 10)),
    )
    assert_table(
        found,
        GrantMovements,
        """
        movement            | amount | occurred_at
        charged             | -10.00 | 2026-10-15T00:00Z
        minimum_consumption | -20.00 | 2026-10-15T00:00Z
        recovered           | -70.00 | 2026-10-15T00:00Z
        """,
    )


def test_a_linear_grant_keeps_its_parts_when_it_is_recovered() -> None:
    """From September to December a month's part is 25.00, also of the month in which it ends early."""
    found = moved(organization("linear | ", "2026-09-01 | 2027-01-01"), ended("2026-10-15T00:00:00Z"))
    assert_table(
        found,
        GrantMovements,
        """
        movement            | amount
        minimum_consumption | -25.00
        recovered           | -75.00
        """,
    )


def test_a_grant_that_was_recovered_before_it_began_has_no_floor() -> None:
    found = moved(organization("fixed | 30", "2026-10-10 | "), ended("2026-10-05T00:00:00Z"))
    assert_table(found, GrantMovements, "movement | amount\nrecovered | -100.00")


# --- the window itself ---


@pytest.mark.parametrize(
    ("window_end", "ended_at", "cut", "ending"),
    [
        ("", "", "", "expired"),
        ("", "2026-11-01T00:00Z", "2026-11-01T00:00Z", "recovered"),
        ("2026-12-01T00:00Z", "", "2026-12-01T00:00Z", "expired"),
        ("2026-12-01T00:00Z", "2026-11-01T00:00Z", "2026-11-01T00:00Z", "recovered"),
        # what is over by then has expired, not been recovered
        ("2026-12-01T00:00Z", "2026-12-01T00:00Z", "2026-12-01T00:00Z", "expired"),
        ("2026-12-01T00:00Z", "2026-12-02T00:00Z", "2026-12-01T00:00Z", "expired"),
        # what has not begun never does
        ("2026-12-01T00:00Z", "2026-09-01T00:00Z", "2026-10-01T00:00Z", "recovered"),
    ],
)
def test_a_window_ends_where_it_was_ended_if_that_is_earlier(
    window_end: str, ended_at: str, cut: str, ending: str
) -> None:
    grants = table(Grants, f"grant_id | window_start | window_end\ng | 2026-10-01T00:00Z | {window_end}")
    endings = table(
        Operations, "operation_id | grant_id | occurred_at\nback | g | " + (ended_at or "2026-10-01T00:00Z")
    )
    endings = endings.select("grant_id", ended_at="occurred_at", movement=pl.lit("recovered"))
    found = with_endings(grants, endings if ended_at else endings.clear())
    assert_table(found, Grants, f"grant_id | window_end\ng | {cut}")
    assert found["ending"].item() == ending
    assert_table(
        found.select("grant_id", window_end="granted_until"), Grants, f"grant_id | window_end\ng | {window_end}"
    )
