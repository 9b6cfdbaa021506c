"""Which periods an operation touches that is accepted after they were billed: from which one on, and up to which."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.flows.backfill.touching import ACME, BETA, GAMMA, PERIODS, Billed, billed

SEPTEMBER, OCTOBER, NOVEMBER = PERIODS


def grant(name: str, account: str, start: str, end: str | None, **others: Any) -> dict[str, Any]:
    """A bonus of 5; its end is the last day that it holds."""
    window = {"window_start": start, **({"window_end": end} if end else {})}
    said = {"operation_id": name, "operation": "grant_credit", "kind": "bonus", "amount": "5"}
    return {**said, "billing_account_id": account, **window, **others}


def of_acme(name: str, operation: str, on: str = "2026-11-20", **others: Any) -> dict[str, Any]:
    """An operation of acme, at midnight UTC of a day."""
    said = {"operation_id": name, "operation": operation, "billing_account_id": ACME}
    return {**said, "occurred_at": f"{on}T00:00:00Z", **others}


LANDED = (
    grant("within", BETA, "2026-10-15", "2026-10-20"),
    grant("open", BETA, "2026-10-15", None),
    grant("month", GAMMA, "2026-10-01", "2026-10-31"),
    grant("long-ago", BETA, "2026-05-01", "2026-05-31", occurred_at="2026-05-01T00:00:00Z"),
    grant("to-come", BETA, "2026-12-01", None),
    grant("shared", ACME, "2026-10-01", None, amount="900"),
    grant("second", ACME, "2026-09-01", "2026-12-31", amount="900"),
    grant("later", ACME, "2026-10-01", None, amount="900", occurred_at="2026-09-10T00:00:00Z"),
    of_acme("sent", "transfer_credit", grant_id="shared", to_account=BETA, amount="1"),
    of_acme(
        *("switch", "allocate_to_project"),
        grant_id="organization-acme",
        sub_account_id="web",
        amount="0",
        use_organization_credit="false",
    ),
    of_acme("recovered", "recover_credit", grant_id="shared", occurred_at="2026-11-25T00:00:00Z"),
    of_acme("recovered-at-the-end", "recover_credit", grant_id="second", occurred_at="2026-10-31T23:00:00Z"),
    of_acme("recovered-before", "recover_credit", grant_id="later", occurred_at="2026-09-20T00:00:00Z"),
    of_acme("bought", "purchase_credit", on="2026-09-03", amount="10", price_paid="9"),
    of_acme("refunded", "refund_credit", on="2026-10-20", grant_id="bought"),
    of_acme("code", "accept_promo_code", promo_code="SAVE"),
    of_acme("named", "add_charge", amount="3", text="Help", tax_category="standard", billing_period=SEPTEMBER),
    of_acme(
        *("timed", "add_charge"),
        amount="3",
        text="Help",
        tax_category="standard",
        occurred_at="2026-10-31T23:30:00Z",
    ),
    of_acme("limit", "set_credit_limit", amount="100"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Billed:
    """All of these operations, accepted in one commit after November was billed."""
    found = billed(tmp_path_factory.mktemp("operations") / "world")
    decided = found.operate(*LANDED, grant("refused", BETA, "2026-10-01", None, kind="nothing"))
    assert {name for name, status in decided.items() if status == "rejected"} == {"refused"}, decided
    return found


def copied(world: Billed, folder: Path) -> Billed:
    """A world of one's own, to change it."""
    shutil.copytree(world.folder, folder, dirs_exist_ok=True)
    return Billed(folder)


def by(world: Billed, *reasons: str) -> list[tuple[str, str]]:
    """The accounts and periods that are touched for these reasons."""
    return sorted((account, period) for account, period, why in world.touched() if why in reasons)


def test_a_grant_touches_the_periods_of_its_window(world: Billed) -> None:
    assert by(world, "grant_credit within") == [(BETA, OCTOBER)]


def test_a_grant_without_an_end_touches_all_from_its_start_on(world: Billed) -> None:
    assert by(world, "grant_credit open") == [(BETA, OCTOBER), (BETA, NOVEMBER)]


def test_a_grant_that_begins_with_a_month_leaves_the_one_before_alone(world: Billed) -> None:
    assert by(world, "grant_credit month") == [(GAMMA, OCTOBER)], "midnight in Kolkata is still September in UTC"


def test_a_grant_may_count_at_the_end_of_the_month_before_where_that_is_asked(world: Billed, tmp_path: Path) -> None:
    """G3, `invoice_time`: September is invoiced first at its end, which the window holds."""
    asking = copied(world, tmp_path)
    asking.add("billing_policies", "gamma,eligibility,invoice_time,2026-01-01,")
    assert by(asking, "grant_credit month") == [(GAMMA, SEPTEMBER), (GAMMA, OCTOBER)]


def test_a_grant_of_a_time_before_all_bills_ends_with_the_first(world: Billed) -> None:
    assert by(world, "grant_credit long-ago") == [(BETA, SEPTEMBER)]


def test_a_grant_of_the_time_to_come_touches_nothing(world: Billed) -> None:
    assert by(world, "grant_credit to-come") == []


def test_a_grant_that_was_bought_touches_the_periods_of_its_window(world: Billed) -> None:
    assert by(world, "purchase_credit bought") == [(ACME, SEPTEMBER), (ACME, OCTOBER), (ACME, NOVEMBER)]


def test_a_transfer_touches_both_accounts_from_the_start_of_the_window(world: Billed) -> None:
    """The window begins at midnight in Berlin, which is the last evening of September where beta is."""
    acme, beta = [(ACME, OCTOBER), (ACME, NOVEMBER)], [(BETA, period) for period in PERIODS]
    assert by(world, "transfer_credit sent") == [*acme, *beta]


def test_an_allocation_touches_its_account_from_the_start_of_the_window(world: Billed) -> None:
    """The window of the organization's grant is October and November; the switch alone counts too (W4)."""
    assert by(world, "allocate_to_project switch") == [(ACME, OCTOBER), (ACME, NOVEMBER)]


def test_what_is_recovered_touches_the_periods_of_its_window(world: Billed) -> None:
    """It ends on 25 November, and so goes before what ends later from its start on (G4), which is in October."""
    assert by(world, "recover_credit recovered") == [(ACME, OCTOBER), (ACME, NOVEMBER)]


def test_what_is_recovered_as_a_month_ends_touches_that_month(world: Billed) -> None:
    """Its rest is posted with the first period that ends at or after it (K5): 23:00 UTC is midnight in Berlin."""
    periods = [(ACME, period) for period in PERIODS]
    assert by(world, "recover_credit recovered-at-the-end") == periods


def test_what_is_recovered_before_it_begins_touches_the_month_that_ends_as_it_begins(world: Billed) -> None:
    """Its rest is posted there (K5): in Berlin October begins as September ends."""
    assert by(world, "recover_credit recovered-before") == [(ACME, period) for period in PERIODS]


def test_what_is_refunded_touches_the_periods_of_its_window(world: Billed) -> None:
    """Bought on 3 September."""
    assert by(world, "refund_credit refunded") == [(ACME, SEPTEMBER), (ACME, OCTOBER), (ACME, NOVEMBER)]


def test_an_accepted_code_touches_the_periods_of_the_window_it_opened(world: Billed) -> None:
    assert by(world, "accept_promo_code code") == [(ACME, OCTOBER), (ACME, NOVEMBER)]


def test_a_charge_touches_the_period_it_was_added_to(world: Billed) -> None:
    assert by(world, "add_charge named") == [(ACME, SEPTEMBER)]
    assert by(world, "add_charge timed") == [(ACME, NOVEMBER)], "half past midnight in Berlin"


def test_a_credit_limit_and_what_is_rejected_touch_nothing(world: Billed) -> None:
    reasons = {why for _, _, why in world.touched()}
    operations = {f"{one['operation']} {one['operation_id']}" for one in LANDED}
    assert operations - reasons == {"grant_credit to-come", "set_credit_limit limit"}
    assert reasons <= operations


def test_an_operation_that_a_bill_has_counted_touches_what_was_billed_before_alone(
    world: Billed, tmp_path: Path
) -> None:
    again = copied(world, tmp_path)
    again.bill(NOVEMBER)
    assert by(again, "grant_credit open") == [(BETA, OCTOBER)]


def test_what_reopens_an_issued_period_touches_it_and_payments_and_issues_do_not(tmp_path: Path) -> None:
    """X2, I4: a reversal takes back what had paid September and October; a void frees September."""
    world = billed(tmp_path)
    world.issue(SEPTEMBER)
    world.issue(OCTOBER)
    world.operate(of_acme("paid", "record_payment", on="2026-12-04", billing_account_id=GAMMA, amount="1000"))
    assert world.touched() == set()

    invoices = world.lake.snapshot().read("invoices", state="issued", billing_period=SEPTEMBER)
    number = dict(invoices.select("billing_account_id", "invoice_number").iter_rows())[BETA]
    taken_back = {"billing_account_id": GAMMA, "reverses_operation_id": "paid"}
    decided = world.operate(
        of_acme("reversed", "reverse_payment", on="2026-12-05", **taken_back),
        of_acme("void", "void_invoice", on="2026-12-05", billing_account_id=BETA, invoice_number=number),
    )
    assert set(decided.values()) == {"accepted"}, decided
    assert by(world, "payment reversed") == [(GAMMA, SEPTEMBER), (GAMMA, OCTOBER)]
    assert by(world, "voided") == [(BETA, SEPTEMBER)]
