"""Whoever paid what the exact amount was rounded up to owes nothing more, and paid nothing too much (I7, X2)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flows.backfill import backfill
from tests.flows.billing.months import Month, made_once

PRICES = """\
sku_price_id,sku_id,billing_currency,price_model,list_unit_price,valid_from
vm-small-eur,vm-small,EUR,unit,0.01,2026-01-01
"""
POLICIES = "billing_account_id,policy,value,valid_from\n,payable_increment,1,2026-01-01\n"
LATER = datetime(2026, 11, 6, 8, tzinfo=UTC)


def bonus(name: str, amount: str, at: str, **more: object) -> dict[str, object]:
    terms = {"window_start": "2026-10-01", "window_end": "2026-10-31", **more}
    who = {"billing_account_id": "acme", "kind": "bonus", "amount": amount}
    return {"operation_id": name, "operation": "grant_credit", "occurred_at": at, **who, **terms}


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    """1,734 hours at 0.01 less a bonus of 1.00 are 16.34, with 20 % 19.61, in whole euros 20.00; 19.90 are paid."""
    made = Month(tmp_path)
    (made.reference_folder / "billing_policies.csv").write_text(POLICIES)
    (made.reference_folder / "sku_prices.csv").write_text(PRICES)
    (made.reference_folder / "discounts.csv").write_text("discount_id,kind,value,valid_from,valid_until\n")
    made.operate(bonus("first", "1.00", "2026-10-01T08:00:00Z"))
    made.ingest(made.usage("hours.csv", "a,acme,,vm,vm-small,eu-1,2026-10-10T10:00:00Z,2026-10-10T11:00:00Z,1734,hour"))
    made.bill()
    made.issue()
    paid = {"operation_id": "paid", "operation": "record_payment", "occurred_at": "2026-11-04T08:00:00Z"}
    made.operate({**paid, "billing_account_id": "acme", "amount": "19.90"}, received_at=LATER)
    return made


DOCUMENTS = """
    select grant_amount, total_with_tax, rounding_amount, amount_due from invoices
    order by preceding_invoice_number is not null
"""
INVOICE = tuple(map(Decimal, ("1.0000", "19.6100", "0.3900", "20.0000")))


def test_a_bonus_that_pays_nothing_of_the_month_changes_nothing_of_it(month: Month) -> None:
    """20.00 are payable, more than the 19.90 that came; the bonus of before stays spent."""
    terms = {"include": ["service:storage"], "window_end": "2026-12-31"}
    month.operate(bonus("other", "5", "2026-11-06T08:00:00Z", **terms), received_at=LATER)
    run = backfill(month.lake, month.reference(), received_at=LATER, issue_date=date(2026, 11, 7))
    assert run.report["changes"] == {}
    assert month.ask(DOCUMENTS) == [INVOICE]
    assert month.ask("select balance from grant_balances where grant_id = 'first'") == [(Decimal(0),)]


def test_a_bonus_that_would_leave_less_than_was_paid_pays_nothing(month: Month) -> None:
    """Of 16.34 one of 2.00 would leave 14.34, with tax 17.21 and payable 17.00, where 19.90 were paid."""
    month.operate(bonus("more", "2", "2026-11-06T08:00:00Z"), received_at=LATER)
    backfill(month.lake, month.reference(), received_at=LATER, issue_date=date(2026, 11, 7))
    (due,) = month.ask("select sum(amount_due) from invoices")[0]
    assert due == Decimal("20.00")
