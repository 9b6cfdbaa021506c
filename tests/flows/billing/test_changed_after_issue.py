"""Another policy, or the end of a grant told of late, once a month is issued: a bill keeps what it says (L4, X2).

acme's month leaves 95 before tax. By policy `eligibility: period_end` a bonus that begins on the last day pays of the
whole month: of 5 it leaves 90, 108.00 with tax, of 95 it leaves nothing. By `usage_time` it would have paid nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.backfill import backfill
from flows.lake.audit import audit_of
from tests.flows.billing.months import Month

LATER = datetime(2026, 11, 6, tzinfo=UTC)
SETTLED = "select settled_amount from account_periods where billing_account_id = 'acme'"


def by(month: Month, eligibility: str) -> None:
    """Let grants of acme pay what policy says."""
    (month.reference_folder / "billing_policies.csv").write_text(
        f"billing_account_id,policy,value,valid_from,valid_until\nacme,eligibility,{eligibility},2026-01-01,\n"
    )


def granted(month: Month, amount: str, **fields: Any) -> None:
    at = "2026-10-31T08:00:00Z"
    said = {"operation": "grant_credit", "kind": "bonus", "amount": amount, "window_start": "2026-10-31"}
    month.operate(
        {"operation_id": "last", "billing_account_id": "acme", "occurred_at": at, "recorded_at": at, **said, **fields}
    )


def paid(amount: str) -> dict[str, Any]:
    at = "2026-11-04T09:00:00Z"
    said = {"operation": "record_payment", "occurred_at": at, "recorded_at": at, "amount": amount}
    return {"operation_id": "pay", "billing_account_id": "acme", **said}


def held(run: Any) -> list[tuple[str, str]]:
    return [(hold["billing_account_id"], hold["reason_code"]) for hold in run.report["holds"]]


def issued(folder: Path, bonus: str) -> Month:
    """The example by the end of the period, with a bonus that begins on its last day."""
    month = Month(folder)
    by(month, "period_end")
    month.ingest()
    month.operate()
    granted(month, bonus)
    month.bill()
    month.issue()
    return month


def test_what_is_not_paid_waits_for_a_backfill(tmp_path: Path) -> None:
    month = issued(tmp_path, "5")
    assert month.due()["acme"] == Decimal(108)
    by(month, "usage_time")
    assert held(month.bill()) == [("acme", "H_ISSUED")]
    assert month.due()["acme"] == Decimal(108)
    assert audit_of(month.lake) == []
    backfill(month.lake, month.reference(), received_at=LATER)
    assert month.ask("select total_with_tax from invoices where preceding_invoice_number is not null") == [
        (Decimal(6),)
    ]
    assert audit_of(month.lake) == []


def test_what_is_paid_stays_as_it_is(tmp_path: Path) -> None:
    month = issued(tmp_path, "95")
    assert month.due()["acme"] == 0
    assert month.ask(SETTLED) == [(None,)]
    by(month, "usage_time")
    assert held(month.bill()) == []
    assert month.ask(SETTLED) == [(Decimal(0),)]
    assert backfill(month.lake, month.reference(), received_at=LATER).report["changed"] == 0
    assert audit_of(month.lake) == []


def test_the_end_of_what_paid_a_paid_month_comes_too_late_for_it(tmp_path: Path) -> None:
    """The bonus of 5 was taken back before it began, which is told of when the month's 108.00 are paid."""
    month = Month(tmp_path)
    month.ingest()
    month.operate()
    granted(month, "5", occurred_at="2026-09-15T08:00:00Z", window_start="2026-10-01")
    month.bill()
    month.issue()
    taken_back_on = "2026-09-20T09:00:00Z"
    taken_back = {"operation": "recover_credit", "occurred_at": taken_back_on, "recorded_at": taken_back_on}
    month.operate(
        paid("108"),
        {"operation_id": "back", "billing_account_id": "acme", "grant_id": "last", **taken_back},
        received_at=LATER,
    )
    assert held(month.bill()) == []
    assert month.ask(SETTLED) == [(Decimal(108),)]
    assert month.ask("select sum(amount) from allocations where source_id = 'last'") == [(Decimal(5),)]
    assert audit_of(month.lake) == []


@pytest.mark.parametrize("correction_waits", [False, True])
def test_what_is_found_paid_has_nothing_waiting(tmp_path: Path, *, correction_waits: bool) -> None:
    """Late usage of 20 hours is 9.00 after the discount, 10.80 with tax; what waits may leave that much due."""
    month = Month(tmp_path).whole()
    month.issue()
    if correction_waits:
        late = "acme-late,acme,,vm-1,vm-small,eu-1,2026-10-20T00:00:00+02:00,2026-10-20T20:00:00+02:00,20,hour"
        month.ingest(month.usage("late.csv", late))
        backfill(month.lake, month.reference(), received_at=LATER)
    month.operate(paid("114"), received_at=LATER)
    by(month, "usage_time")
    month.bill()
    assert month.ask(SETTLED) == [(None if correction_waits else Decimal(114),)]
