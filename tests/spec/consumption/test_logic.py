"""What a month takes of a grant at least: nothing, a fixed value, or an even part of the amount. Floors begin with the
later of the window's start and the day the grant was given.
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.grant_movements import GrantMovements
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Consumption logic: none, fixed and linear (W1)"

CREDIT = {**ACME, "kind": "organization", "occurred_at": "2026-09-15T00:00:00Z"}
KNOWN = {"2026-10": "2026-11-03T00:00:00Z", "2026-11": "2026-12-03T00:00:00Z", "2026-12": "2027-01-03T00:00:00Z"}


def credit(text: str, **defaults: str) -> pl.DataFrame:
    return table(Operations, text, **{**CREDIT, **defaults})


def month(period: str, operations: pl.DataFrame, **tables: pl.DataFrame) -> Outputs:
    """A month of an account that was first billed for October."""
    known_as_of = KNOWN.get(period, "2027-03-03T00:00:00Z")
    return bill(period, known_as_of, {"acme": "2026-10"}, operations=operations, **tables)


def drawn(period: str, operations: pl.DataFrame, **tables: pl.DataFrame) -> list[str]:
    """What a month takes beyond use."""
    movements = month(period, operations, **tables).grant_movements.filter(movement="minimum_consumption")
    return [str(-amount) for amount in movements["amount"]]


def test_logic_none_takes_what_is_used_and_no_more() -> None:
    assert drawn("2026-10", credit("amount\n100")) == []


FIXED = credit(
    """
    operation_id | amount | logic | monthly_value | window_start
    org          |    100 | fixed |            30 | 2026-10-01
    """
)


def test_a_fixed_credit_falls_by_its_monthly_value_at_least() -> None:
    assert_table(
        month("2026-10", FIXED).grant_movements,
        GrantMovements,
        """
        grant_id | billing_period | movement            | amount | occurred_at       | expense_number
        org      | 2026-10        | minimum_consumption | -30.00 | 2026-11-01T00:00Z |
        """,
    )


def test_a_fixed_credit_without_an_end_falls_every_month() -> None:
    assert [drawn(period, FIXED) for period in ("2026-10", "2026-11", "2027-02")] == [["30.0000"]] * 3


def test_a_credit_that_begins_later_takes_nothing_before() -> None:
    later = credit("amount | logic | monthly_value | window_start\n100 | fixed | 30 | 2026-11-01")
    assert drawn("2026-10", later) == []
    assert drawn("2026-11", later) == ["30.0000"]


def test_a_fixed_value_is_due_whole_in_the_months_that_the_window_only_touches() -> None:
    """From 20 October to 5 November: both months take 30.00, November's before the rest ends on the 5th."""
    touching = credit("amount|logic|monthly_value|window_start|window_end\n100|fixed|30|2026-10-20|2026-11-05")
    assert drawn("2026-10", touching) == ["30.0000"]
    assert drawn("2026-11", touching) == ["30.0000"]
    assert drawn("2026-12", touching) == []


QUARTER = credit("amount | logic | window_start | window_end\n100 | linear | 2026-10-01 | 2027-01-01")


def test_a_linear_credit_is_divided_evenly_and_the_last_month_takes_the_rest() -> None:
    """100.00 over October, November and December: 33.33, 33.33 and 100.00 − 66.66 = 33.34."""
    assert [drawn(period, QUARTER) for period in ("2026-10", "2026-11", "2026-12")] == [
        ["33.3300"],
        ["33.3300"],
        ["33.3400"],
    ]


def test_a_linear_credit_is_gone_with_its_last_month() -> None:
    """What October and November drew is 66.66; December draws the 33.34 that are left, and nothing expires."""
    earlier = table(
        GrantMovements,
        """
        movement_id | grant_id | billing_period | movement            | amount
        m1          | grant-1  | 2026-10        | minimum_consumption | -33.33
        m2          | grant-1  | 2026-11        | minimum_consumption | -33.33
        """,
    )
    operations = QUARTER.with_columns(operation_id=pl.lit("grant-1"))
    assert_table(
        month("2026-12", operations, grant_movements=earlier).grant_movements,
        GrantMovements,
        """
        movement            | amount
        minimum_consumption | -33.34
        """,
    )


@pytest.mark.parametrize(
    ("start", "end", "floors"),
    [
        # the month of the start counts, that of the half-open end does not, wherever in them the two lie
        ("2026-10-31", "2027-01-31", {"2026-10": "33.3300", "2026-12": "33.3400", "2027-01": None}),
        # midnight of the 1st is in January; midnight of the 31st is in December
        ("2026-10-01", "2027-01-01", {"2026-10": "33.3300", "2026-12": "33.3400", "2027-01": None}),
        ("2026-10-01", "2026-12-31", {"2026-10": "50.0000", "2026-11": "50.0000", "2026-12": None}),
        # one month at least
        ("2026-10-05", "2026-10-20", {"2026-10": "100.0000", "2026-11": None}),
        ("2026-10-05", "2026-11-20", {"2026-10": "100.0000", "2026-11": None}),
        # from one year into the next but one: 14 months of 7.14, the last takes 100.00 − 13 × 7.14 = 7.18
        ("2026-10-01", "2027-12-01", {"2026-10": "7.1400", "2027-10": "7.1400", "2027-11": "7.1800", "2027-12": None}),
    ],
)
def test_a_linear_credit_counts_from_the_month_of_its_start_to_the_one_before_that_of_its_end(
    start: str, end: str, floors: dict[str, str | None]
) -> None:
    linear = credit(f"amount | logic | window_start | window_end\n100 | linear | {start} | {end}")
    known = "2028-01-03T00:00:00Z"
    found = {
        period: bill(period, known, {"acme": "2026-10"}, operations=linear).grant_movements.filter(
            movement="minimum_consumption"
        )
        for period in floors
    }
    assert {
        period: None if rows.is_empty() else str(-rows["amount"].item()) for period, rows in found.items()
    } == floors


def test_the_draw_of_a_month_in_which_the_window_ends_is_of_that_instant_and_comes_before_the_expiry() -> None:
    """To 20 October, 10.00 used: the floor lacks 20.00, then 100.00 − 10.00 − 20.00 = 70.00 expire."""
    operations = credit("amount|logic|monthly_value|window_start|window_end\n100|fixed|30|2026-10-01|2026-10-20")
    assert_table(
        month("2026-10", operations, usage_records=table(UsageRecords, "consumed_quantity\n10")).grant_movements,
        GrantMovements,
        """
        movement            | amount | occurred_at
        charged             | -10.00 | 2026-10-20T00:00Z
        minimum_consumption | -20.00 | 2026-10-20T00:00Z
        expired             | -70.00 | 2026-10-20T00:00Z
        """,
    )


# --- when floors begin ---

GIVEN_LATE = credit(
    """
    amount | logic  | window_start | window_end | occurred_at
        90 | linear | 2026-10-01   | 2027-01-01 | 2026-11-10T00:00Z
    """
)


def test_a_credit_given_later_than_its_window_begins_has_its_floors_from_the_month_it_was_given_in() -> None:
    """90.00 over October to December, given on 10 November: October's 30.00 are not due, the other two are."""
    october = bill("2026-10", "2026-12-03T00:00:00Z", {"acme": "2026-10"}, operations=GIVEN_LATE)
    assert october.grant_movements.is_empty()
    assert [drawn(period, GIVEN_LATE) for period in ("2026-11", "2026-12")] == [["30.0000"], ["30.0000"]]


def test_a_credit_given_later_still_pays_for_what_was_used_before() -> None:
    """October's usage of 12.00 is paid; its floor of 30.00 is not due."""
    october = bill(
        "2026-10",
        "2026-12-03T00:00:00Z",
        operations=GIVEN_LATE,
        usage_records=table(UsageRecords, "consumed_quantity\n12"),
    )
    assert_table(
        october.grant_movements,
        GrantMovements,
        """
        movement | amount
        charged  | -12.00
        """,
    )


# --- money and months of other places ---


@pytest.mark.parametrize(
    ("currency", "parts"),
    [
        ("BHD", ["33.3330", "33.3330", "33.3340"]),
        ("EUR", ["33.3300", "33.3300", "33.3400"]),
        ("KRW", ["33.0000", "33.0000", "34.0000"]),
    ],
)
def test_parts_are_floored_to_the_minor_unit_of_the_currency(currency: str, parts: list[str]) -> None:
    """100 over three months: in fils 33.333, in cents 33.33, in won 33; the last month takes 100 less the other two."""
    accounts = table(BillingAccounts, f"billing_account_id | billing_currency\nacme | {currency}")
    found = [drawn(period, QUARTER, billing_accounts=accounts) for period in ("2026-10", "2026-11", "2026-12")]
    assert found == [[part] for part in parts]


def test_months_are_those_of_the_accounts_zone() -> None:
    """22:30 UTC of 30 September is October in Berlin, 22:30 UTC of 31 December is still December there.

    So the window holds October and November and, at least in part, December, which is the month of the end and has no
    part: 50.00 and 50.00.
    """
    accounts = table(BillingAccounts, "billing_account_id | time_zone\nacme | Europe/Berlin")
    operations = credit(
        """
        amount | logic  | window_start                | window_end
           100 | linear | 2026-09-30T22:30:00.000000Z | 2026-12-31T22:30:00.000000Z
        """
    )
    found = [drawn(period, operations, billing_accounts=accounts) for period in ("2026-10", "2026-11", "2026-12")]
    assert found == [["50.0000"], ["50.0000"], []]


def test_a_month_that_ends_on_the_day_the_clock_goes_back_ends_at_its_own_midnight() -> None:
    """November begins in New York at 04:00 UTC, two hours before the clock goes back: that instant is not October's.

    A window up to it holds October alone, which takes all; one that goes on for an hour has the same single part.
    """
    accounts = table(BillingAccounts, "billing_account_id | time_zone\nacme | America/New_York")
    for end in ("2026-11-01T04:00:00.000000Z", "2026-11-01T05:00:00.000000Z"):
        operations = credit(f"amount | logic | window_start | window_end\n100 | linear | 2026-10-01 | {end}")
        billed = month("2026-10", operations, billing_accounts=accounts)
        assert_table(
            billed.grant_movements,
            GrantMovements,
            """
            movement            | amount  | occurred_at
            minimum_consumption | -100.00 | 2026-11-01T04:00Z
            """,
        )
    a_moment_earlier = credit(
        "amount|logic|window_start|window_end\n100|linear|2026-09-01|2026-11-01T03:59:59.999999Z",
        occurred_at="2026-09-01T00:00:00Z",
    )
    # the end is in October there, so September is the only month that has a part
    assert drawn("2026-10", a_moment_earlier, billing_accounts=accounts) == []
