"""An organization gives part of its credit to a project: the project gets a grant of kind `project` with the window and
scope of the organization's. The same operation says whether the project may spend beyond its own; of zero, only that.
"""

from __future__ import annotations

import polars as pl

from rating.operations import project_allocations
from rating.pipeline import PROJECT_ALLOCATIONS
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.principals import Principals
from tests.spec.operations.credit import GIVEN, KINDS, judged
from tests.tables import assert_table, table

title = "Allocations of organization credit to projects (W3, W4)"

ALLOCATE = {
    "operation": "allocate_to_project",
    "billing_account_id": "acme",
    "grant_id": "organization",
    "sub_account_id": "website",
    "occurred_at": "2026-10-10T12:00:00Z",
}


def test_the_project_gets_a_grant_of_its_own_kind_on_the_organizations_terms() -> None:
    """30.00 of 100.00; the rank is that of the kind `project`, all else the organization's."""
    one = table(Operations, "operation_id | amount\npart | 30", **ALLOCATE)
    assert_table(
        judged(one).grants,
        Grants,
        """
        grant_id | kind    | rank | name         | billing_account_id | sub_account_id | amount | window_start      | window_end        | tax_position | terminal_status | logic | from_grant_id
        part     | project |   15 | organization | acme               | website        |  30.00 | 2026-10-01T00:00Z | 2027-01-01T00:00Z | before       | recovered       | none  | organization
        """,  # noqa: E501 (a table)
    )


def test_an_allocation_of_zero_only_sets_the_switch() -> None:
    """It makes no grant, also where nothing is left, and is an allocation all the same."""
    operations = table(
        Operations,
        """
        operation_id | occurred_at       | amount | use_organization_credit
        all          | 2026-10-10T12:00Z |    100 |
        on           | 2026-10-11T12:00Z |      0 | true
        """,
        **{name: value for name, value in ALLOCATE.items() if name != "occurred_at"},
    )
    found = judged(operations)
    assert found.operations["status"].to_list() == ["accepted", "accepted"]
    assert found.grants["grant_id"].to_list() == ["all"]


def test_allocations_are_told_with_the_window_of_the_grant_they_were_made_from() -> None:
    """October to December for both; the refused third is none."""
    operations = table(
        Operations,
        """
        operation_id | sub_account_id | amount | use_organization_credit
        part         | website        |     30 |
        on           | app            |      0 | true
        too-much     | app            |    100 | false
        """,
        **{name: value for name, value in ALLOCATE.items() if name != "sub_account_id"},
    )
    found = judged(operations)
    grants = judged(GIVEN, before=[]).grants
    told = project_allocations(found.operations, grants)
    assert told.schema == pl.Schema(PROJECT_ALLOCATIONS)
    assert told.select("operation_id", "sub_account_id", "use_organization_credit").rows() == [
        ("on", "app", True),
        ("part", "website", None),
    ]
    assert [str(one) for one in told["window_start"].dt.date().unique()] == ["2026-10-01"]
    assert [str(one) for one in told["window_end"].dt.date().unique()] == ["2027-01-01"]


def test_each_refusal_of_an_allocation() -> None:
    """One line for each reason; the last one takes all there is."""
    operations = table(
        Operations,
        """
        operation_id | grant_id     | sub_account_id | amount | billing_currency | occurred_at
        what         |              | website        | 40     |                  | 2026-10-10T12:00Z
        whom         | organization |                | 40     |                  | 2026-10-10T12:00Z
        how-much     | organization | website        |        |                  | 2026-10-10T12:00Z
        no-grant     | nothing      | website        | 40     |                  | 2026-10-10T12:00Z
        not-own      | of-labs      | website        | 40     |                  | 2026-10-10T12:00Z
        not-yet      | organization | website        | 40     |                  | 2026-10-01T07:59Z
        kind         | bonus        | website        | 40     |                  | 2026-10-10T12:00Z
        is-bound     | bound        | website        | 40     |                  | 2026-10-10T12:00Z
        no-project   | organization | elsewhere      | 40     |                  | 2026-10-10T12:00Z
        currency     | organization | website        | 40     | USD              | 2026-10-10T12:00Z
        negative     | organization | website        | -1     |                  | 2026-10-10T12:00Z
        digits       | organization | website        | 40.001 |                  | 2026-10-10T12:00Z
        ended        | organization | website        | 40     |                  | 2027-01-01T00:00Z
        ended-too    | organization | website        | 0      |                  | 2027-01-01T00:00Z
        over-asked   | organization | website        | 100.01 |                  | 2026-10-10T12:00Z
        fits         | organization | website        | 100    | EUR              | 2026-10-10T13:00Z
        """,
        operation="allocate_to_project",
        billing_account_id="acme",
    )
    assert_table(
        judged(operations).operations,
        Operations,
        """
        operation_id | status   | reason_code
        what         | rejected | O_MISSING_FIELD
        whom         | rejected | O_MISSING_FIELD
        how-much     | rejected | O_MISSING_FIELD
        no-grant     | rejected | O_UNKNOWN_GRANT
        not-own      | rejected | O_UNKNOWN_GRANT
        not-yet      | rejected | O_UNKNOWN_GRANT
        kind         | rejected | O_NOT_ALLOCATABLE
        is-bound     | rejected | O_NOT_ALLOCATABLE
        no-project   | rejected | O_UNKNOWN_PROJECT
        currency     | rejected | O_CURRENCY
        negative     | rejected | O_AMOUNT
        digits       | rejected | O_PRECISE
        ended        | rejected | O_GRANT_ENDED
        ended-too    | rejected | O_GRANT_ENDED
        over-asked   | rejected | O_INSUFFICIENT_BALANCE
        fits         | accepted |
        """,
    )


def test_what_is_a_projects_is_not_allocated_again() -> None:
    """Neither its own grant, which is of another kind, nor organization credit that was granted to a project."""
    given = table(
        Operations,
        "operation_id | sub_account_id\nbound | website",
        kind="organization",
        amount="100",
        billing_account_id="acme",
    )
    operations = table(
        Operations,
        """
        operation_id | occurred_at       | grant_id     | amount
        part         | 2026-10-10T12:00Z | organization |     30
        part-of-part | 2026-10-11T12:00Z | part         |     10
        of-bound     | 2026-10-11T12:00Z | bound        |     10
        """,
        **{name: value for name, value in ALLOCATE.items() if name not in ("occurred_at", "grant_id")},
    )
    without_bound = GIVEN.filter(pl.col("operation_id") != "bound")
    found = judged(operations, before=[without_bound, given]).operations
    assert dict(found.select("operation_id", "reason_code").iter_rows()) == {
        "part": None,
        "part-of-part": "O_NOT_ALLOCATABLE",
        "of-bound": "O_NOT_ALLOCATABLE",
    }


def test_a_project_needs_a_kind_and_an_id_of_its_own() -> None:
    """Without a row of kind `project`, nothing can be allocated; nor under the id of another grant."""
    kinds = KINDS.filter(pl.col("kind") != "project")
    one = table(Operations, "operation_id | amount\npart | 30", **ALLOCATE)
    assert judged(one, grant_kinds=kinds).operations["reason_code"].to_list() == ["O_UNKNOWN_KIND"]
    named = table(Operations, "operation_id | grant_id\nx | part", kind="bonus", amount="1", billing_account_id="acme")
    assert judged(one, before=[GIVEN, named]).operations["reason_code"].to_list() == ["O_ID_CONFLICT"]


def test_staff_and_the_owner_of_the_organization_allocate() -> None:
    principals = table(
        Principals,
        """
        principal_id | role               | billing_account_id
        operator     | staff              |
        helper       | support            |
        owner        | organization_owner | acme
        other        | organization_owner | labs
        manager      | billing_manager    | acme
        member       | member             | acme
        """,
    )
    operations = table(
        Operations,
        """
        operation_id | actor
        a            | operator
        b            | helper
        c            | owner
        d            | other
        e            | manager
        f            | member
        """,
        amount="1",
        **ALLOCATE,
    )
    assert_table(
        judged(operations, principals=principals).operations,
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | rejected | O_FORBIDDEN
        c            | accepted |
        d            | rejected | O_FORBIDDEN
        e            | rejected | O_FORBIDDEN
        f            | rejected | O_FORBIDDEN
        """,
    )
