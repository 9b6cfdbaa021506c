"""Usage that comes after its month was issued is on the next invoice, where policy says so (X4 `next_invoice`)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flows.backfill import backfill
from flows.explain import explain_charge
from flows.lake.audit import audit_of
from flows.run import NOTHING_TO_DO
from tests.flows.billing.months import Month, made_once

IN_NOVEMBER = datetime(2026, 11, 5, 6, tzinfo=UTC)
IN_DECEMBER = datetime(2026, 12, 2, 6, tzinfo=UTC)
NOVEMBER = "2026-11"


def machine(record_id: str, day: str, hours: int, offset: str) -> str:
    return f"{record_id},acme,,vm-1,vm-small,eu-1,{day}T00:00:00{offset},{day}T20:00:00{offset},{hours},hour"


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    """October is issued; 20 hours of its 15th come in November, whose own usage is 100 hours."""
    month = Month(tmp_path)
    (month.reference_folder / "billing_policies.csv").write_text(
        "billing_account_id,policy,value,valid_from,valid_until\nacme,late_usage,next_invoice,2026-01-01,\n"
    )
    month.whole().issue()
    month.ingest(month.usage("late.csv", machine("late", "2026-10-15", 20, "+02:00")), received_at=IN_NOVEMBER)
    month.ingest(month.usage("november.csv", machine("own", "2026-11-02", 100, "+01:00")), received_at=IN_DECEMBER)
    return month


def test_x4_late_usage_is_priced_discounted_and_taxed_as_the_next_month_s(month: Month) -> None:
    month.bill(period=NOVEMBER)
    rows = month.ask(f"""
        select list_cost, discount_amount, grant_amount, total_tax, amount_due from invoices
        where billing_account_id = 'acme' and billing_period = '{NOVEMBER}'
    """)
    # 120 h x 0.50 = 60.00; October's discount of 10 % is over, and its bonus of 40 was used; 20 % of 60.00
    assert rows == [tuple(map(Decimal, ("60", "0", "0", "12", "72")))]
    assert audit_of(month.lake) == []


def test_x4_the_issued_month_gets_no_correction(month: Month) -> None:
    month.bill(period=NOVEMBER)
    run = backfill(month.lake, month.reference(), received_at=IN_DECEMBER, issue_date=date(2026, 12, 2))
    assert run.status == NOTHING_TO_DO
    assert month.ask(
        "select count(*) from invoices where billing_period = '2026-10' and billing_account_id = 'acme'"
    ) == [(1,)]


def test_x4_the_charge_says_when_its_late_records_were(month: Month) -> None:
    month.bill(period=NOVEMBER)
    ((number,),) = month.ask(f"""
        select expense_number from charges join expense_numbers using (charge_id)
        where charges.billing_account_id = 'acme' and charges.billing_period = '{NOVEMBER}'
    """)
    told = explain_charge(month.lake, f"acme/{number}")
    rows = told.sources.select("usage_record_id", "charge_period_start", "share_amount").rows()
    assert rows == [
        ("late", datetime(2026, 10, 14, 22, tzinfo=UTC), Decimal(10)),  # 20 of 120 h of 60.00
        ("own", datetime(2026, 11, 1, 23, tzinfo=UTC), Decimal(50)),
    ]


def test_x4_a_draft_that_was_made_before_the_late_usage_came_is_made_again(month: Month) -> None:
    month.bill(period=NOVEMBER)
    month.ingest(month.usage("more.csv", machine("late-2", "2026-10-16", 10, "+02:00")), received_at=IN_DECEMBER)
    run = backfill(month.lake, month.reference(), received_at=IN_DECEMBER, issue_date=date(2026, 12, 2))
    assert run.status != NOTHING_TO_DO
    rows = month.ask(f"""
        select document_state, amount_due from invoices
        where billing_account_id = 'acme' and billing_period = '{NOVEMBER}'
    """)
    # 130 h x 0.50 = 65.00 and 13.00 of tax; still a draft
    assert rows == [("draft", Decimal(78))]
