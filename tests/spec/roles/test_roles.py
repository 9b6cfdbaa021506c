"""A row of principals opens an action for every account, for the account it names, or for one project of it."""

import pytest

from rating.roles import READ_BILLING, READ_CREDIT_PAGES, READ_RECORDS, Reach, may, reach
from schemas.principals import Principals
from tests.tables import table

title = "Roles: what a row of principals opens"

PEOPLE = table(
    Principals,
    """
    principal_id | role               | billing_account_id | sub_account_id
    operator     | staff              |                    |
    owner        | organization_owner | acme               |
    manager      | billing_manager    | acme               |
    lead         | billing_manager    | acme               | website
    analyst      | analyst            | acme               |
    auditor      | analyst            |                    |
    lost         | organization_owner |                    |
    """,
)

EVERYTHING, ACME, NOTHING = Reach(everything=True), Reach(accounts=frozenset({"acme"})), Reach()


def reached(action: str, *people: str) -> Reach:
    rows = [row for row in PEOPLE.iter_rows(named=True) if row["principal_id"] in people]
    assert len(rows) == len(people)
    return reach(action, rows)


def test_staff_reaches_every_account_and_an_owner_its_own() -> None:
    assert reached("accept_promo_code", "operator") == EVERYTHING
    assert reached("accept_promo_code", "owner") == ACME
    assert reached("grant_credit", "owner") == NOTHING


def test_an_owner_without_an_account_reaches_nothing_but_an_analyst_without_one_reaches_all() -> None:
    assert reached(READ_BILLING, "lost") == NOTHING
    assert reached(READ_RECORDS, "analyst") == ACME
    assert reached(READ_RECORDS, "auditor") == EVERYTHING


def test_the_pages_of_credit_are_opened_to_an_owner_by_being_billing_manager_too() -> None:
    assert reached(READ_CREDIT_PAGES, "owner") == NOTHING
    assert reached(READ_CREDIT_PAGES, "owner", "manager") == ACME


def test_a_row_for_a_project_reads_the_project_and_asks_for_nothing() -> None:
    assert reached(READ_BILLING, "lead") == Reach(projects=frozenset({("acme", "website")}))
    assert not may(_row("lead"), "accept_promo_code", "acme")


@pytest.mark.parametrize("account", ["labs", None])
def test_what_is_asked_for_another_account_or_for_all_at_once_is_for_staff(account: str | None) -> None:
    assert may(_row("operator"), "issue_invoices", account)
    assert not may(_row("owner"), "accept_promo_code", account)


def _row(principal: str) -> dict[str, object]:
    return next(row for row in PEOPLE.iter_rows(named=True) if row["principal_id"] == principal)
