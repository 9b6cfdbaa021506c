"""A project spends its own grants first. Whether its organization's credit then pays on, the switch of its latest
allocation says, or policy where it has none; otherwise the rest is invoiced at price.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.grant_kinds import GrantKinds
from schemas.grant_movements import GrantMovements
from schemas.invoice_lines import InvoiceLines
from schemas.operations import Operations
from schemas.sub_accounts import SubAccounts
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, USUAL, bill
from tests.tables import assert_table, table

title = "Projects: own credit first, then the organization's if it may (W4)"

KINDS = pl.concat([USUAL["grant_kinds"], table(GrantKinds, "kind | rank\nproject | 20", transferable="false")])
CREDIT = table(
    Operations,
    """
    operation_id | kind         | amount | window_start
    org          | organization |   1000 | 2026-09-01
    """,
    **ACME,
    occurred_at="2026-09-01T00:00:00Z",
)


USUAL_ALLOCATION = {
    **ACME,
    "operation": "allocate_to_project",
    "grant_id": "org",
    "sub_account_id": "website",
    "occurred_at": "2026-09-02T00:00:00Z",
}


def allocated(text: str) -> pl.DataFrame:
    """The organization's credit, and what is allocated from it: to the website where nothing else is said."""
    said = {name: value for name, value in USUAL_ALLOCATION.items() if name not in text.split()}
    return pl.concat([CREDIT, table(Operations, text, **said)])


def policy(value: str) -> pl.DataFrame:
    return table(BillingPolicies, f"policy | value\norganization_credit | {value}")


WEBSITE = table(UsageRecords, "sub_account_id | consumed_quantity\nwebsite | 50")


def month(operations: pl.DataFrame, usage_records: pl.DataFrame = WEBSITE, **tables: Any) -> Outputs:
    """October, in which the website uses 50.00 where nothing else is said."""
    return bill(operations=operations, usage_records=usage_records, grant_kinds=KINDS, **tables)


def paid(operations: pl.DataFrame, **tables: Any) -> dict[str, str]:
    """What each grant paid."""
    allocations = month(operations, **tables).allocations
    return {row["source_id"]: f"{row['amount']:.2f}" for row in allocations.sort("source_id").to_dicts()}


def test_a_project_with_the_switch_on_spends_its_own_and_then_the_organizations_credit() -> None:
    """50.00 are used: 20.00 of the project's own, then 30.00 of the organization's."""
    operations = allocated("operation_id | amount | use_organization_credit\npart | 20 | true")
    assert paid(operations) == {"org": "30.00", "part": "20.00"}


@pytest.mark.parametrize("switch", ["false", ""])
def test_a_project_with_the_switch_off_is_invoiced_for_the_rest(switch: str) -> None:
    """20.00 of its own are spent; 30.00 are invoiced, and 20 % of tax on them: 36.00. One that says nothing is off."""
    operations = allocated(f"operation_id | amount | use_organization_credit\npart | 20 | {switch}")
    billed = month(operations)
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        list_cost | grant_amount | line_amount
            50.00 |        20.00 |       30.00
        """,
    )
    assert str(billed.invoices["amount_due"].item()) == "36.0000"


@pytest.mark.parametrize(("value", "found"), [("open", {"org": "50.00"}), ("allocated_only", {})])
def test_a_project_without_an_allocation_is_governed_by_policy(value: str, found: dict[str, str]) -> None:
    assert paid(CREDIT, billing_policies=policy(value)) == found


@pytest.mark.parametrize("value", ["open", "allocated_only"])
def test_the_switch_goes_before_policy(value: str) -> None:
    on = allocated("operation_id | amount | use_organization_credit\npart | 20 | true")
    off = allocated("operation_id | amount | use_organization_credit\npart | 20 | false")
    assert paid(on, billing_policies=policy(value)) == {"org": "30.00", "part": "20.00"}
    assert paid(off, billing_policies=policy(value)) == {"part": "20.00"}


def test_an_allocation_of_nothing_only_sets_the_switch() -> None:
    assert paid(allocated("operation_id | amount | use_organization_credit\npart | 0 | false")) == {}
    on = allocated("operation_id | amount | use_organization_credit\npart | 0 | true")
    assert paid(on, billing_policies=policy("allocated_only")) == {"org": "50.00"}


def test_the_latest_allocation_decides_ties_by_its_id() -> None:
    switched = """
    operation_id | amount | use_organization_credit | occurred_at
    part-{one}   |     10 | true                    | 2026-09-{on}T00:00:00Z
    part-{two}   |     10 | false                   | 2026-09-10T00:00:00Z
    """
    off_later = allocated(switched.format(one="a", two="b", on="09"))
    on_later = allocated(switched.format(one="a", two="b", on="11"))
    off_by_id = allocated(switched.format(one="a", two="b", on="10"))
    on_by_id = allocated(switched.format(one="b", two="a", on="10"))
    assert "org" not in paid(off_later)
    assert paid(on_later)["org"] == "30.00"
    assert "org" not in paid(off_by_id)
    assert paid(on_by_id)["org"] == "30.00"


@pytest.mark.parametrize(
    ("occurred_at", "is_paid"),
    [("2026-10-31T23:59:59.999999Z", False), ("2026-11-01T00:00:00Z", True)],
)
def test_a_switch_counts_for_the_months_that_end_after_it_was_set(occurred_at: str, is_paid: bool) -> None:
    """Switched off in the last instant of October, it is off for all of October; a moment later, from November on."""
    operations = allocated(
        f"""
        operation_id | amount | use_organization_credit | occurred_at
        part-1       |      0 | true                    | 2026-09-02T00:00:00Z
        part-2       |      0 | false                   | {occurred_at}
        """
    )
    assert paid(operations) == ({"org": "50.00"} if is_paid else {})


def test_the_month_ends_where_the_account_is() -> None:
    """22:59 UTC of the 31st is October in Berlin, 23:00 is November."""
    berlin = table(BillingAccounts, "billing_account_id | time_zone\nacme | Europe/Berlin")
    switched = "operation_id | amount | use_organization_credit | occurred_at\npart | 0 | false | 2026-10-31T{at}Z"
    assert paid(allocated(switched.format(at="22:59:59")), billing_accounts=berlin) == {}
    assert paid(allocated(switched.format(at="23:00:00")), billing_accounts=berlin) == {"org": "50.00"}


def test_a_switch_recorded_after_the_instant_known_is_not_known() -> None:
    switched = allocated(
        "operation_id | amount | use_organization_credit | recorded_at\npart | 0 | false | 2026-11-05T00:00:00Z"
    )
    assert paid(switched, known_as_of="2026-11-03T00:00:00Z") == {"org": "50.00"}
    assert paid(switched, known_as_of="2026-11-05T00:00:00Z") == {}


def test_an_allocation_governs_the_charges_inside_its_window_only() -> None:
    """From credit to the 15th, switched off: on the 5th nothing pays, on the 25th policy lets the other credit pay."""
    first_half = table(
        Operations,
        """
        operation_id | kind         | amount | window_start | window_end
        half         | organization |   1000 | 2026-10-01   | 2026-10-15
        """,
        **ACME,
        occurred_at="2026-09-01T00:00:00Z",
    )
    switched = allocated("operation_id | amount | use_organization_credit | grant_id\npart | 0 | false | half")
    usage = table(
        UsageRecords,
        """
        sub_account_id | charge_period_start | consumed_quantity
        website        | 2026-10-05T00:00Z   |                10
        website        | 2026-10-25T00:00Z   |                20
        """,
    )
    assert_table(
        month(pl.concat([first_half, switched]), usage).invoice_lines,
        InvoiceLines,
        """
        list_cost | grant_amount
            10.00 |            0
            20.00 |        20.00
        """,
    )


def test_each_project_has_its_own_switch_and_what_is_of_no_project_has_none() -> None:
    usage = table(
        UsageRecords,
        """
        sub_account_id | consumed_quantity
        website        |                10
        app            |                20
                       |                30
        """,
    )
    operations = allocated(
        """
        operation_id | amount | sub_account_id | use_organization_credit
        part-1       |      0 | website        | false
        part-2       |      0 | app            | true
        """
    )
    wanted = """
        sub_account_id | list_cost | grant_amount
        website        |     10.00 |            0
        app            |     20.00 |        20.00
                       |     30.00 |        30.00
        """
    assert_table(month(operations, usage).invoice_lines, InvoiceLines, wanted)
    assert_table(
        month(operations, usage, billing_policies=policy("allocated_only")).invoice_lines, InvoiceLines, wanted
    )


@pytest.mark.parametrize("kind", ["bonus", "promo", "paid", "voucher"])
def test_other_kinds_are_not_governed(kind: str) -> None:
    operation = {"operation": "purchase_credit", "price_paid": "1000"} if kind == "paid" else {"kind": kind}
    other = table(
        Operations,
        "operation_id | amount | window_start\nother | 1000 | 2026-09-01",
        **ACME,
        **operation,
        occurred_at="2026-09-01T00:00:00Z",
    )
    switched = allocated("operation_id | amount | use_organization_credit\npart | 0 | false")
    found = paid(pl.concat([switched, other]), billing_policies=policy("allocated_only"))
    assert list(found) == ["other"]


def test_organization_credit_that_is_bound_to_the_project_itself_is_governed_too() -> None:
    bound = table(
        Operations,
        """
        operation_id | kind         | amount | window_start | sub_account_id
        bound        | organization |     40 | 2026-09-01   | website
        """,
        **ACME,
        occurred_at="2026-09-01T00:00:00Z",
    )
    on = allocated("operation_id | amount | use_organization_credit\npart | 20 | true")
    off = allocated("operation_id | amount | use_organization_credit\npart | 20 | false")
    assert paid(pl.concat([off, bound])) == {"part": "20.00"}
    found = paid(pl.concat([on, bound]))
    assert sum(float(amount) for amount in found.values()) == 50
    assert "org" not in found  # 60.00 are bound to the project, and those go first


def test_what_is_left_of_a_projects_credit_expires_in_the_project() -> None:
    """Credit to the end of October, 20.00 of it allocated: 15.00 are used, 5.00 expire with the project's grant."""
    ending = CREDIT.with_columns(window_end=pl.lit("2026-11-01"))
    part = allocated("operation_id | amount | use_organization_credit\npart | 20 | false").slice(1)
    billed = month(
        pl.concat([ending, part]),
        table(UsageRecords, "sub_account_id | consumed_quantity\nwebsite | 15"),
    )
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        grant_id | movement | amount
        org      | expired  | -980.00
        part     | charged  |  -15.00
        part     | expired  |   -5.00
        """,
    )


def test_what_one_account_switched_is_nothing_to_the_account_a_project_moves_to() -> None:
    """The project is acme's to the 14th and beta's from the 15th: acme's switch is off, beta has set none."""
    moved = table(
        SubAccounts,
        """
        sub_account_id | billing_account_id | valid_from | valid_until
        website        | acme               | 2020-01-01 | 2026-10-15
        website        | beta               | 2026-10-15 |
        """,
    )
    of_beta = CREDIT.with_columns(operation_id=pl.lit("org-beta"), billing_account_id=pl.lit("beta"))
    switched = allocated("operation_id | amount | use_organization_credit\npart | 0 | false")
    usage = table(
        UsageRecords,
        """
        billing_account_id | sub_account_id | charge_period_start | consumed_quantity
        acme               | website        | 2026-10-05T00:00Z   |                 5
        beta               | website        | 2026-10-25T00:00Z   |                 7
        """,
    )
    found = paid(
        pl.concat([switched, of_beta]),
        usage_records=usage,
        sub_accounts=moved,
        billing_accounts=table(BillingAccounts, "billing_account_id\nacme\nbeta"),
    )
    assert found == {"org-beta": "7.00"}
