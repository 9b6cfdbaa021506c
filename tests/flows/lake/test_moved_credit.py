"""What is left on a grant and what was sent from it: a draft that an operation made stale is no breach, an overdraft is
one.

A bonus of 40.00, of which October took 40.00. Each world is one commit, or two where what lands after the bill counts.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from flows.lake.audit import audit
from flows.lake.journal import Lake
from flows.lake.views import connect
from tests.flows.lake.books import World, lake_of, rows, stored

BALANCES = "grant_balances_are_not_negative"
SENT = "value_sent_arrives"

BILLED: World = {
    "grants": rows(
        """
        grant_id | kind  | billing_account_id | amount | operation_id | tax_position | terminal_status
        bonus    | free  | acme               | 40.00  | give         | before       | recovered
        """
    ),
    "grant_movements": rows(
        """
        movement_id | grant_id | billing_account_id | billing_period | movement | amount | operation_id | charge_id
        m1          | bonus    | acme               | 2026-10        | credited | 40.00  | give         |
        m2          | bonus    | acme               | 2026-10        | charged  | -40.00 |              | c1
        """
    ),
}
ISSUED = {
    "invoices": rows("invoice_id | document_state | billing_account_id | billing_period\ni1 | issued | acme | 2026-10")
}
MOVED: World = {
    "grants": [
        BILLED["grants"][0]
        | {
            "grant_id": "moved",
            "billing_account_id": "labs",
            "amount": "30.00",
            "operation_id": "move",
            "from_grant_id": "bonus",
        }
    ],
    "grant_movements": rows(
        """
        movement_id | grant_id | billing_account_id | billing_period | movement              | amount | operation_id | counter_grant_id
        m3          | bonus    | acme               | 2026-10        | transfer_deduction    | -30.00 | move         | moved
        m4          | moved    | labs               | 2026-10        | transfer_accumulation | 30.00  | move         | bonus
        """  # noqa: E501 (a table)
    ),
}


def found(lake: Lake) -> set[str]:
    """The names of the breaches that are asked about here."""
    with connect(lake) as connection:
        return {breach.name for breach in audit(connection)} & {BALANCES, SENT}


def then(lake: Lake, command: str, added: World, *, billed: str | None = None) -> Lake:
    """A lake after one more commit, of an operation or a bill; a bill replaces what its period took before."""
    run_id = f"r{lake.head().number + 1}"
    removed = [] if billed is None else [entry.path for entry in lake.snapshot().files("grant_movements")]
    inputs = {} if billed is None else {"billing_period": billed, "known_as_of": "2026-11-02T00:00:00Z"}
    lake.commit(
        lake.head(), run_id=run_id, command=command, inputs=inputs, added=stored(lake, run_id, added), removed=removed
    )
    return lake


def taking(amount: str, period: str = "2026-10") -> World:
    """The movements of both operations, and what a period takes."""
    drawn = BILLED["grant_movements"][1] | {"amount": f"-{amount}", "billing_period": period}
    return {"grant_movements": [BILLED["grant_movements"][0], drawn, *MOVED["grant_movements"]]}


def test_a_draft_that_an_outflow_of_its_month_has_made_stale_is_no_breach(tmp_path: Path) -> None:
    """October took 40.00 before 30.00 of them were sent in October: it is to be billed again."""
    assert found(then(lake_of(tmp_path, BILLED), "operations", MOVED)) == set()


def test_the_same_of_an_issued_month_is_an_overdraft(tmp_path: Path) -> None:
    """What is issued has taken the 40.00 for good; nobody could send any of them."""
    assert found(then(lake_of(tmp_path, BILLED | ISSUED), "operations", MOVED)) == {BALANCES}


def test_an_outflow_of_a_later_month_that_a_draft_had_taken_is_an_overdraft(tmp_path: Path) -> None:
    """In November the 40.00 of October's draft are gone, whether it is issued or not."""
    november = deepcopy(MOVED)
    for movement in november["grant_movements"]:
        movement["billing_period"] = "2026-11"
    assert found(then(lake_of(tmp_path, BILLED), "operations", november)) == {BALANCES}


@pytest.mark.parametrize(("taken", "breaches"), [("10.00", set()), ("10.01", {BALANCES})])
def test_a_month_that_is_billed_again_takes_what_the_outflow_left(
    tmp_path: Path, taken: str, breaches: set[str]
) -> None:
    """10.00 of 40.00, and not a cent more."""
    lake = then(lake_of(tmp_path, BILLED), "operations", MOVED)
    assert found(then(lake, "bill", taking(taken), billed="2026-10")) == breaches


def test_a_bill_that_says_again_what_it_said_before_the_outflow_is_an_overdraft(tmp_path: Path) -> None:
    """Its files stay as they were, but the run knew of the outflow."""
    lake = then(lake_of(tmp_path, BILLED), "operations", MOVED)
    lake.commit(lake.head(), run_id="r3", command="bill", inputs={"billing_period": "2026-10"}, added=[])
    assert found(lake) == {BALANCES}


def test_outflows_alone_may_not_take_more_than_there_is(tmp_path: Path) -> None:
    world = deepcopy(MOVED)
    world["grants"][0]["amount"] = "40.01"
    world["grant_movements"][0]["amount"], world["grant_movements"][1]["amount"] = "-40.01", "40.01"
    given: World = {"grants": BILLED["grants"], "grant_movements": BILLED["grant_movements"][:1]}
    assert found(then(lake_of(tmp_path, given), "operations", world)) == {BALANCES}


def test_a_month_after_a_stale_draft_may_take_nothing_that_is_not_there(tmp_path: Path) -> None:
    """October's draft took all; 30.00 went in October meanwhile. November takes nothing, or overdraws."""
    for taken, breaches in (("0.00", set()), ("0.01", {BALANCES})):
        lake = then(lake_of(tmp_path / taken, BILLED), "operations", MOVED)
        november = {"grant_movements": [taking(taken, "2026-11")["grant_movements"][1] | {"movement_id": "m9"}]}
        inputs = {"billing_period": "2026-11", "known_as_of": "2026-12-01T00:00:00Z"}
        lake.commit(lake.head(), run_id="r3", command="bill", inputs=inputs, added=stored(lake, "r3", november))
        assert found(lake) == breaches


# --- what was sent arrives ---


def moved_as(table: str, row: int, **values: str | None) -> World:
    """The transfer, with a row that says something else; October took 10.00."""
    world: World = {
        "grants": [*deepcopy(BILLED["grants"]), *deepcopy(MOVED["grants"])],
        "grant_movements": deepcopy(taking("10.00")["grant_movements"]),
    }
    world[table][row].update(values)
    return world


def test_a_transfer_and_an_allocation_as_they_should_be_hold(tmp_path: Path) -> None:
    assert found(lake_of(tmp_path / "transfer", moved_as("grants", 0))) == set()
    of_project = moved_as("grants", 0, kind="organization")
    of_project["grants"][1].update(kind="project", billing_account_id="acme", sub_account_id="website")
    of_project["grant_movements"][2].update(movement="allocated")
    of_project["grant_movements"][3].update(movement="credited", billing_account_id="acme")
    assert found(lake_of(tmp_path / "allocation", of_project)) == set()


FAULTS = {
    "another amount arrives": moved_as("grant_movements", 3, amount="29.99"),
    "another operation brought it": moved_as("grant_movements", 3, operation_id="other"),
    "it names another sender": moved_as("grant_movements", 3, counter_grant_id="moved"),
    "it names another receiver": moved_as("grant_movements", 2, counter_grant_id="bonus"),
    "it was allocated and arrived as a transfer": moved_as("grant_movements", 2, movement="allocated"),
    "nothing left the sender": moved_as("grant_movements", 2, movement="expired"),
    "it lasts longer": moved_as("grants", 1, window_end="2030-01-01T00:00:00Z"),
    "it pays for more": moved_as("grants", 1, include='["service:Cloud"]'),
    "it excludes less": moved_as("grants", 0, exclude='["tag:marketplace"]'),
    "it goes first": moved_as("grants", 1, priority="-1"),
    "it is of another kind": moved_as("grants", 1, kind="bonus"),
    "it is for a project there": moved_as("grants", 1, sub_account_id="website"),
    "it is spent after tax": moved_as("grants", 1, tax_position="after"),
    "it is other money": moved_as("grants", 1, billing_currency="USD"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_way_in_which_it_does_not_arrive_is_found(tmp_path: Path, fault: str) -> None:
    assert SENT in found(lake_of(tmp_path, FAULTS[fault]))
