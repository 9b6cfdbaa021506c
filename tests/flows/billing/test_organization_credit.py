"""Organization credit in a lake: what projects spend, what a month takes at least, what is taken back (W1 to W4, K5).

acme uses 100 and 50, its project website 30; less 10 % these are 90, 45 and 27. Of 200 of organization credit that
falls by at least 120 a month, website has 20 and may not go beyond. Website's own pays 20 of its 27; the bonus pays 40,
the organization's credit 95: 7 are taxed, 8.40 due. 95 + 20 are 115 of use, so 5 more are drawn, and 80 are left.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.lake.audit import audit_of, verify
from tests.flows.billing.months import Month

CREDIT = {
    "operation_id": "org",
    "operation": "grant_credit",
    "kind": "organization",
    "amount": "200",
    "logic": "fixed",
    "monthly_value": "120",
    "window_start": "2026-10-01",
}
PART = {
    "operation_id": "part",
    "operation": "allocate_to_project",
    "grant_id": "org",
    "amount": "20",
    "sub_account_id": "website",
    "use_organization_credit": False,
}
BOUGHT = {
    "operation_id": "bought",
    "operation": "purchase_credit",
    "billing_account_id": "acme-credit",
    "amount": "200",
    "price_paid": "150",
    "window_start": "2026-10-01",
}
WEBSITE = (
    "website-disk,acme,website,disk-2,disk-ssd,eu-1,2026-10-01T00:00:00+02:00,2026-10-31T00:00:00+01:00,"
    "300,gigabyte-month"
)


def of_acme(operation: dict[str, Any], on: str = "2026-10-01T09:00:00Z") -> dict[str, Any]:
    return {"billing_account_id": "acme", "occurred_at": on, "recorded_at": on, **operation}


@pytest.fixture
def month(tmp_path: Path) -> Month:
    """The first-invoice example with the credit above, billed."""
    month = Month(tmp_path)
    month.add_reference(
        "grant_kinds",
        "organization,20,before,false,,[],recovered,3,false,2026-01-01",
        "project,20,before,false,,[],recovered,3,false,2026-01-01",
        "paid,30,after,false,P5Y,[],refunded,3,false,2026-01-01",
    )
    (month.reference_folder / "sub_accounts.csv").write_text(
        "sub_account_id,billing_account_id,name,valid_from\nwebsite,acme,Website,2026-01-01\n"
    )
    month.ingest()
    month.ingest(month.usage("website.csv", WEBSITE))
    month.operate()
    month.operate(of_acme(CREDIT), of_acme(PART, "2026-10-02T09:00:00Z"), of_acme(BOUGHT))
    month.bill()
    return month


def holds_true(month: Month) -> None:
    """No invariant is broken, and the lake is what was committed."""
    assert audit_of(month.lake) == []
    assert verify(month.lake) == []


def movements(month: Month, grant_id: str) -> list[tuple[Any, ...]]:
    """What was done to a grant, by word."""
    return month.ask(
        f"select movement, sum(amount) from grant_movements where grant_id = '{grant_id}' group by all order by 1"
    )


def liability(month: Month) -> dict[str, Decimal]:
    """What the ledger owes on each grant."""
    rows = month.ask(
        "select split_part(ledger_account, '/', 3), -sum(amount) from ledger_entries "
        "where ledger_account like 'grant_liability/%' group by all"
    )
    return dict(rows)  # type: ignore[arg-type]


def test_a_project_spends_its_own_and_the_month_takes_its_floor(month: Month) -> None:
    assert month.due()["acme"] == Decimal("8.40")
    assert movements(month, "org") == [
        ("allocated", -20),
        ("charged", -95),
        ("credited", 200),
        ("minimum_consumption", -5),
    ]
    assert movements(month, "part") == [("charged", -20), ("credited", 20)]
    assert liability(month)["org"] == 80
    holds_true(month)
    assert month.ask(
        "select granted_amount, used_amount, allocated_amount, minimum_consumption_amount, floor_amount, balance "
        "from organization_credits"
    ) == [(200, 95, 20, 5, 120, 80)]
    assert month.ask(
        "select sub_account_id, allocated_amount, used_amount, balance, use_organization_credit from project_credits"
    ) == [("website", 20, 20, 0, False)]


def test_the_switch_lets_the_organizations_credit_pay_the_rest(month: Month) -> None:
    """7 more are paid: 102 + 20 are above the floor, nothing is drawn, 200 − 20 − 102 = 78 are left."""
    switched_on = PART | {"operation_id": "on", "amount": "0", "use_organization_credit": True}
    month.operate(of_acme(switched_on, "2026-10-25T09:00:00Z"))
    month.bill()
    assert month.due()["acme"] == 0
    assert movements(month, "org") == [("allocated", -20), ("charged", -102), ("credited", 200)]
    assert liability(month)["org"] == 78
    holds_true(month)


def test_what_is_recovered_is_posted_by_the_month_after_its_floor(month: Month) -> None:
    """All usage begins on 1 October, so 95 stay paid and 5 drawn; the other 80 go."""
    taken_back = {"operation_id": "back", "operation": "recover_credit", "grant_id": "org"}
    month.operate(of_acme(taken_back, "2026-10-20T09:00:00Z"))
    month.bill()
    assert month.due()["acme"] == Decimal("8.40")
    assert movements(month, "org")[3:] == [("minimum_consumption", -5), ("recovered", -80)]
    assert liability(month).get("org", 0) == 0
    assert month.ask("select status, balance from grant_balances where grant_id = 'org'") == [("recovered", 0)]
    holds_true(month)


def test_what_is_refunded_gives_the_price_back_in_proportion(month: Month) -> None:
    """acme-credit owes 162 and has two credits of one rank: 40 to the end of the year, and 200 bought for 150.

    The one that ends first pays first: 40 and then 122. Once what was bought ends in October, that goes first and pays
    all: 38 are left, of which 38 × 150 ÷ 200 = 28.50 was paid.
    """
    assert movements(month, "bought") == [("charged", -122), ("credited", 200)]
    given_back = {"operation_id": "back", "operation": "refund_credit", "grant_id": "bought"}
    month.operate(of_acme(given_back | {"billing_account_id": "acme-credit"}, "2026-10-20T09:00:00Z"))
    month.bill()
    assert movements(month, "bought") == [("charged", -162), ("credited", 200), ("refunded", -38)]
    assert month.ask(
        "select ledger_account, amount from ledger_entries where transaction_kind = 'grant_ended' "
        "and billing_account_id = 'acme-credit' order by 1"
    ) == [("cash", Decimal("-28.50")), ("discounts_given", Decimal("-9.50")), ("grant_liability/paid/bought", 38)]
    holds_true(month)


def test_a_month_to_date_draws_nothing_and_the_whole_month_takes_the_rest(month: Month) -> None:
    """Nothing is used in November: by the 20th nothing is drawn, at its end all 80, less than the floor."""
    month.bill(period="2026-11", until=datetime(2026, 11, 20, tzinfo=UTC))
    assert liability(month)["org"] == 80
    month.bill(period="2026-11")
    assert movements(month, "org")[3:] == [("minimum_consumption", -85)]
    assert liability(month).get("org", 0) == 0
    holds_true(month)
