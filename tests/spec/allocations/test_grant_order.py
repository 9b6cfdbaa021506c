"""Which of several grants pays first: one bound to the charge's project, then by kind, priority, the earlier end (what
never ends waits), the narrower scope, the earlier grant, the id. A policy may list other keys, with a sign for a
direction. Ten hours are due below, and the grant that goes first pays them.
"""

from __future__ import annotations

import polars as pl

from schemas.allocations import Allocations
from schemas.billing_policies import BillingPolicies
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, BONUS, bill
from tests.tables import assert_table, table

title = "Grants: which one pays first (G4)"

TEN_HOURS = table(
    UsageRecords,
    """
    sub_account_id | consumed_quantity
    website        |                10
    """,
)


def paid_by(operations: pl.DataFrame, order: str | None = None) -> list[str]:
    """The grants that paid, the first one first."""
    policies = f"\ngrant_order | {order}" if order else ""
    billed = bill(
        usage_records=TEN_HOURS,
        operations=operations,
        billing_policies=table(BillingPolicies, f"policy | value{policies}"),
    )
    return billed.allocations.sort("allocation_order")["source_id"].to_list()


def test_a_grant_of_the_same_project_as_the_charge_goes_first_whatever_its_kind() -> None:
    found = paid_by(
        table(
            Operations,
            """
            operation_id | kind         | amount | sub_account_id | priority
            a-account    | bonus        |     10 |                |        0
            b-project    | organization |     10 | website        |        9
            """,
            **ACME,
        )
    )
    assert found == ["b-project"]


def test_the_kind_of_lower_rank_goes_before_priority() -> None:
    """A bonus has rank 10, an organization grant 20."""
    found = paid_by(
        table(
            Operations,
            """
            operation_id | kind         | amount | priority
            a-org        | organization |     10 |        0
            b-bonus      | bonus        |     10 |        9
            """,
            **ACME,
        )
    )
    assert found == ["b-bonus"]


def test_the_smaller_priority_number_goes_before_the_earlier_end() -> None:
    found = paid_by(
        table(
            Operations,
            """
            operation_id | amount | priority | window_end
            a-soon       |     10 |        2 | 2026-11-01
            b-first      |     10 |        1 | 2027-01-01
            """,
            **BONUS,
        )
    )
    assert found == ["b-first"]


def test_what_ends_earlier_goes_first_and_what_never_ends_last() -> None:
    """4.00 each of the first two; the one without an end pays the remaining 2.00."""
    billed = bill(
        usage_records=TEN_HOURS,
        operations=table(
            Operations,
            """
            operation_id | amount | window_end
            a-never      |      4 |
            b-later      |      4 | 2027-01-01
            c-sooner     |      4 | 2026-11-01
            """,
            **BONUS,
        ),
    )
    assert_table(
        billed.allocations,
        Allocations,
        """
        allocation_order | source_id | amount
        1                | c-sooner  |   4.00
        2                | b-later   |   4.00
        3                | a-never   |   2.00
        """,
    )


def test_a_grant_with_an_include_list_goes_before_one_without_and_fewer_values_before_more() -> None:
    found = paid_by(
        table(
            Operations,
            """
            operation_id | amount | include
            a-all        |      4 |
            b-two        |      4 | ["service:Cloud", "service:Database"]
            c-one        |      4 | ["service:Cloud"]
            """,
            **BONUS,
        )
    )
    assert found == ["c-one", "b-two", "a-all"]


def test_the_earlier_granted_goes_first_and_then_the_id() -> None:
    found = paid_by(
        table(
            Operations,
            """
            operation_id | amount | occurred_at
            a            |      4 | 2026-09-03T00:00Z
            c            |      4 | 2026-09-02T00:00Z
            b            |      4 | 2026-09-03T00:00Z
            """,
            **BONUS,
        )
    )
    assert found == ["c", "a", "b"]


def test_a_policy_lists_other_keys() -> None:
    """By the end first, whatever the kind: the organization grant ends sooner."""
    two = table(
        Operations,
        """
        operation_id | kind         | amount | window_end
        a-bonus      | bonus        |     10 | 2027-01-01
        b-org        | organization |     10 | 2026-12-01
        """,
        **ACME,
    )
    assert paid_by(two) == ["a-bonus"]
    assert paid_by(two, "expires_at,kind_rank") == ["b-org"]


def test_a_minus_turns_a_key_round() -> None:
    """Larger priority numbers first; with a plus, or no sign, smaller ones."""
    two = table(
        Operations,
        """
        operation_id | amount | priority
        a            |     10 |        1
        b            |     10 |        2
        """,
        **BONUS,
    )
    assert paid_by(two, "-priority") == ["b"]
    assert paid_by(two, "+priority") == ["a"]
    assert paid_by(two, "priority") == ["a"]


def test_a_key_turned_round_leaves_what_never_ends_last() -> None:
    found = paid_by(
        table(
            Operations,
            """
            operation_id | amount | window_end
            a-never      |      4 |
            b-later      |      4 | 2027-01-01
            c-sooner     |      4 | 2026-11-01
            """,
            **BONUS,
        ),
        "-expires_at",
    )
    assert found == ["b-later", "c-sooner", "a-never"]


def test_a_key_list_ends_in_the_id() -> None:
    """Nothing the list names tells them apart."""
    found = paid_by(
        table(
            Operations,
            """
            operation_id | amount | occurred_at
            b            |      4 | 2026-09-02T00:00Z
            a            |      4 | 2026-09-03T00:00Z
            """,
            **BONUS,
        ),
        "kind_rank",
    )
    assert found == ["a", "b"]


def test_before_tax_goes_before_after_tax_whatever_the_order() -> None:
    """The bonus lowers 10.00 to 4.00; with 20 % tax 4.80 are due, which the paid credit, of lower priority, pays."""
    billed = bill(
        usage_records=TEN_HOURS,
        operations=table(
            Operations,
            """
            operation_id | kind  | amount | priority
            a-paid       | paid  |    100 |        0
            b-bonus      | bonus |      6 |        9
            """,
            **BONUS,
        ),
    )
    assert_table(
        billed.allocations,
        Allocations,
        """
        source_id | tax_position | amount
        b-bonus   | before       |   6.00
        a-paid    | after        |   4.80
        """,
    )
