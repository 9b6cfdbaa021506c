"""Each operation, asked for by each role: carried out where its cell says so, else a row `O_FORBIDDEN` and no change.

Everyone asks for the same, for three accounts: their own, another of its domain, one of another domain. That staff gets
it shows that nothing but the role was in the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rating.roles import APPROVE_HELD_BILL, READS, TRANSFER_PAID_CREDIT
from tests.flows.roles.matrix import CELLS
from tests.flows.roles.organizations import Organizations, Others

Q = Others().mark
OWN, SISTER, STRANGER = PLACES = ("acme", "labs", f"{Q}-globex")
ASKED = datetime(2026, 11, 16, tzinfo=UTC)

ACTORS = {
    "staff": "operator",
    "support": "helper",
    "organization_owner": "owner",
    "billing_manager": "manager",
    "member": "member",
    "analyst": "analyst",
    "none": "adrift",
}
"""Who of each role asks; the roles of accounts have only acme."""
OF_BOTH = {"organization_owner": "family", "billing_manager": "treasurer"}
"""Those who have the account that gets a transfer too."""

FREE = {OWN: "free-2", SISTER: f"{Q}-labs-free-2", STRANGER: f"{Q}-free-2"}
PAID = {OWN: "bought-2", SISTER: f"{Q}-labs-bought-2", STRANGER: f"{Q}-bought-2"}
ORGANIZATION = {
    OWN: ("organization-2", "website"),
    SISTER: (f"{Q}-labs-organization-2", f"{Q}-bench"),
    STRANGER: (f"{Q}-organization-2", f"{Q}-rocket"),
}
"""Grants of which October could take nothing."""
GETS = {OWN: SISTER, SISTER: OWN, STRANGER: f"{Q}-annex"}
PAYMENTS = {OWN: "pay", SISTER: f"{Q}-pay-2", STRANGER: f"{Q}-pay"}

STAGE = {"issue_invoices": "drafts", "void_invoice": "issued"}
"""The books that an operation is asked of; otherwise those that are paid."""

OPERATIONS = tuple(dict.fromkeys(action for action, _ in CELLS if action not in (*READS, APPROVE_HELD_BILL)))
WALKED = [cell for cell in CELLS if cell[0] in OPERATIONS]


def asked(action: str, place: str, numbers: dict[str, str]) -> dict[str, Any]:
    """An operation that is sound in everything but, perhaps, who asks for it."""
    grant, project = ORGANIZATION[place]
    return {
        "grant_credit": {"kind": "free", "amount": "1"},
        "purchase_credit": {"amount": "1", "price_paid": "1"},
        "allocate_to_project": {"grant_id": grant, "amount": "1", "sub_account_id": project},
        "transfer_credit": {"grant_id": FREE[place], "amount": "1", "to_account": GETS[place]},
        TRANSFER_PAID_CREDIT: {"grant_id": PAID[place], "amount": "1", "to_account": GETS[place]},
        "recover_credit": {"grant_id": FREE[place]},
        "refund_credit": {"grant_id": PAID[place]},
        "accept_promo_code": {"promo_code": "OFTEN"},
        "record_payment": {"amount": "1"},
        "reverse_payment": {"reverses_operation_id": PAYMENTS[place]},
        "set_credit_limit": {"amount": "500"},
        "add_charge": {"amount": "1", "text": "Help", "sku_id": "vm-small"},
        "issue_invoices": {"billing_period": "2026-10", "issue_date": "2026-11-03"},
        "void_invoice": {"invoice_number": numbers.get(place)},
    }[action]


def reaches(cell: str, place: str) -> bool:
    """Whether a cell allows something for an account, to who has `acme`."""
    return cell == "all" or (cell in ("own", "own, both sides") and place == OWN)


def everyone(action: str, numbers: dict[str, str]) -> Iterator[tuple[dict[str, Any], bool]]:
    """The operation as each role asks for it of each account, and whether it is allowed."""
    name = "transfer_credit" if action == TRANSFER_PAID_CREDIT else action
    for role, actor in ACTORS.items():
        cell = CELLS[action, role]
        for place in PLACES:
            who = OF_BOTH[role] if cell == "own, both sides" and place == OWN else actor
            told = {"operation_id": f"{role}-{place}", "operation": name, "actor": who, "billing_account_id": place}
            yield {**told, "occurred_at": "2026-11-15T00:00:00Z", **asked(action, place, numbers)}, reaches(cell, place)


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, action: str) -> Organizations:
    """The books that an action is asked of, to change."""
    found: Organizations = request.getfixturevalue(STAGE.get(action, "books"))
    return found.copied(tmp_path)


def decided(books: Organizations) -> dict[str, tuple[str, str | None]]:
    return {name: tuple(rest) for name, *rest in books.ask("select operation_id, status, reason_code from operations")}


@pytest.mark.parametrize("action", [one for one in OPERATIONS if one != TRANSFER_PAID_CREDIT])
def test_each_role_may_what_its_cell_says_and_nothing_else(action: str, stage: Organizations):
    numbers = dict(stage.ask("select billing_account_id, invoice_number from invoices"))
    rows = list(everyone(action, numbers))
    refused, allowed = ([row for row, is_allowed in rows if is_allowed == wanted] for wanted in (False, True))
    assert len(rows) == 21
    assert allowed
    first = stage.land(refused, ASKED)
    assert {entry.table for entry in first.commit.added} == {"operations"}, "a refused operation changed something"
    assert first.commit.removed == ()
    assert len(stage.land(allowed, ASKED).tables["operations"]) == len(allowed)
    found = decided(stage)
    assert {row["operation_id"]: found[row["operation_id"]] for row in refused} == {
        row["operation_id"]: ("rejected", "O_FORBIDDEN") for row in refused
    }
    assert {row["operation_id"]: found[row["operation_id"]] for row in allowed} == {
        row["operation_id"]: ("accepted", None) for row in allowed
    }


@pytest.mark.parametrize("action", [TRANSFER_PAID_CREDIT])
def test_nobody_transfers_paid_credit(action: str, stage: Organizations):
    """Who may transfer free credit is told that this credit is none; the others, that they may not."""
    rows = [row for row, is_allowed in everyone(action, {}) if not is_allowed]
    rows += [{**row, "operation_id": f"{who}-both", "actor": who} for who in OF_BOTH.values() for row in rows[:1]]
    assert len(rows) == 23
    run = stage.land(rows, ASKED)
    assert {entry.table for entry in run.commit.added} == {"operations"}
    found = decided(stage)
    may_transfer = {*(f"staff-{place}" for place in PLACES), "family-both", "treasurer-both"}
    assert {row["operation_id"]: found[row["operation_id"]] for row in rows} == {
        row["operation_id"]: (
            "rejected",
            "O_NOT_TRANSFERABLE" if row["operation_id"] in may_transfer else "O_FORBIDDEN",
        )
        for row in rows
    }


@pytest.mark.parametrize("action", ["transfer_credit"])
def test_credit_goes_only_between_accounts_that_its_sender_has_both(action: str, stage: Organizations):
    """`owner` and `manager` have acme, not labs."""
    rows = [
        {
            "operation_id": actor,
            "operation": action,
            "actor": actor,
            "billing_account_id": OWN,
            "occurred_at": "2026-11-15T00:00:00Z",
            **asked(action, OWN, {}),
        }
        for actor in ("owner", "manager", "both")
    ]
    run = stage.land(rows, ASKED)
    assert run.tables["operations"]["reason_code"].to_list() == ["O_FORBIDDEN"] * 3


@pytest.mark.parametrize("action", ["accept_promo_code"])
def test_a_role_counts_while_it_is_in_force_and_for_the_whole_account(action: str, stage: Organizations):
    """`former` owned acme until February, `lead` manages one of its projects, nobody knows `nobody`."""
    rows = [
        {
            "operation_id": actor,
            "operation": action,
            "actor": actor,
            "billing_account_id": OWN,
            "occurred_at": at,
            **asked(action, OWN, {}),
        }
        for actor, at in (
            ("former", "2026-11-15T00:00:00Z"),
            ("lead", "2026-11-15T00:00:00Z"),
            ("nobody", "2026-11-15T00:00:00Z"),
        )
    ]
    stage.land([*rows, {**rows[0], "operation_id": "early", "occurred_at": "2026-01-31T23:59:59Z"}], ASKED)
    found = decided(stage)
    assert [found[name][1] for name in ("former", "lead", "nobody", "early")] == [
        "O_UNKNOWN_ACTOR",
        "O_FORBIDDEN",
        "O_UNKNOWN_ACTOR",
        None,
    ]


@pytest.mark.parametrize("action", ["issue_invoices"])
def test_only_staff_issues_for_all_accounts_at_once(action: str, stage: Organizations):
    rows = [
        {
            "operation_id": f"all-{actor}",
            "operation": action,
            "actor": actor,
            "occurred_at": f"2026-11-15T00:00:{at:02}Z",
            **asked(action, OWN, {}),
        }
        for at, actor in enumerate(("helper", "auditor", "owner", "manager", "both", "member", "adrift", "operator"))
    ]
    stage.land(rows, ASKED)
    found = decided(stage)
    assert [found[row["operation_id"]][1] for row in rows] == ["O_FORBIDDEN"] * 7 + [None]
