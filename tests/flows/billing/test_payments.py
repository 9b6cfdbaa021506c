"""Payments: the named document or the oldest due; what is over is the account's balance (I6)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.billing.months import Month, made_once

NOVEMBER = "n1,acme,,vm-1,vm-small,eu-1,2026-11-01T10:00:00+01:00,2026-11-05T14:00:00+01:00,100,hour"


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    month = Month(tmp_path).whole()
    month.issue()
    return month


def payment(operation_id: str, amount: str, **fields: Any) -> dict[str, Any]:
    return {
        "operation_id": operation_id,
        "operation": "record_payment",
        "occurred_at": "2026-11-10T09:00:00Z",
        "billing_account_id": "acme",
        "amount": amount,
        **fields,
    }


def balances(month: Month) -> dict[str, Decimal]:
    rows = month.ask("select ledger_account, balance from trial_balance")
    return {account: balance for account, balance in rows if account in ("cash", "receivable", "account_balance")}


def test_part_of_an_invoice_can_be_paid(month: Month) -> None:
    """114 less 14 leaves 100; the other account's 122 are untouched."""
    month.operate(payment("p1", "14"))
    assert month.ask("select invoice_number, amount from payment_applications") == [("INV-2026-00001", Decimal(14))]
    assert balances(month) == {"cash": Decimal(14), "receivable": Decimal(222)}
    assert month.ask("select used_credit_limit from credit_limit_overview where billing_account_id = 'acme'") == [
        (Decimal(100),)
    ]


def test_what_is_over_pays_the_next_invoice_when_it_is_issued(month: Month) -> None:
    """150 for 114 leaves 36; November's 100 h are 50, no discount any more, 10 of tax: 60, of which 24 stay due."""
    month.operate(payment("p1", "150"))
    assert balances(month)["account_balance"] == Decimal(-36)
    month.ingest(month.usage("november.csv", NOVEMBER))
    month.bill(period="2026-11")
    month.issue(date(2026, 12, 3), period="2026-11")
    found = month.ask(
        "select total_with_tax, credit_amount, paid_amount, amount_due from invoices where billing_period = '2026-11'"
    )
    assert found == [(Decimal(60), Decimal(0), Decimal(36), Decimal(24))]
    assert balances(month) == {"cash": Decimal(150), "receivable": Decimal(146), "account_balance": Decimal(0)}


def test_what_was_paid_when_a_currency_had_more_digits_is_used_whole(tmp_path: Path) -> None:
    """M2: euros had three digits until October was over. 100.005 that came then pays 100.005 of the 114: 13.995 stay
    due, of an invoice that is of that time.
    """
    month = with_fewer_digits(tmp_path)
    month.operate(payment("p1", "100.005", occurred_at="2026-10-20T09:00:00Z"))
    month.issue()
    paid = "select paid_amount, amount_due from invoices where billing_account_id = 'acme'"
    assert month.ask(paid) == [(Decimal("100.005"), Decimal("13.995"))]
    assert balances(month)["account_balance"] == 0


def with_fewer_digits(folder: Path) -> Month:
    """The billed October, whose euros had three digits; from November on they have two."""
    month = Month(folder)
    rows = ["EUR,3,2000-01-01,2026-10-31", "EUR,2,2026-11-01,"]
    header = "billing_currency,exponent,valid_from,valid_until"
    (month.reference_folder / "currencies.csv").write_text("\n".join([header, *rows]) + "\n")
    month.whole()
    return month


def test_what_is_over_of_more_digits_pays_whole_and_the_rest_is_rounded(tmp_path: Path) -> None:
    """M2, I7: 150.005 for 114 leaves 36.005, which pay November's 60 but for 23.995: 24.00 in euros of two digits."""
    month = with_fewer_digits(tmp_path)
    month.operate(payment("p1", "150.005", occurred_at="2026-10-20T09:00:00Z"))
    month.issue()
    month.ingest(month.usage("november.csv", NOVEMBER))
    month.bill(period="2026-11")
    month.issue(date(2026, 12, 3), period="2026-11")
    paid = "select paid_amount, rounding_amount, amount_due from invoices where billing_period = '2026-11'"
    assert month.ask(paid) == [(Decimal("36.005"), Decimal("0.005"), Decimal(24))]
    assert balances(month) == {"cash": Decimal("150.005"), "receivable": Decimal(146), "account_balance": Decimal(0)}
    assert month.ask("select balance from trial_balance where ledger_account = 'rounding'") == [(Decimal("-0.005"),)]


def test_a_named_invoice_is_paid_before_an_older_one(month: Month) -> None:
    month.ingest(month.usage("november.csv", NOVEMBER))
    month.bill(period="2026-11")
    month.issue(date(2026, 12, 3), period="2026-11")
    month.operate(payment("p1", "20", invoice_number="INV-2026-00003"), payment("p2", "30"))
    found = month.ask("select operation_id, invoice_number, amount from payment_applications order by 1")
    assert found == [("p1", "INV-2026-00003", Decimal(20)), ("p2", "INV-2026-00001", Decimal(30))]


def test_a_payment_for_an_unknown_invoice_is_refused_and_kept(month: Month) -> None:
    run = month.operate(payment("p1", "20", invoice_number="INV-2026-09999"))
    assert run.exit_code == 3
    assert month.ask("select status, reason_code from operations where operation_id = 'p1'") == [
        ("rejected", "O_UNKNOWN_INVOICE")
    ]
    assert "cash" not in balances(month)


def test_withheld_tax_and_write_offs_are_booked_apart(month: Month) -> None:
    """114 = 100 paid + 10 withheld + 4 written off."""
    month.operate(
        payment("p1", "100"),
        payment("p2", "10", payment_kind="withheld_tax"),
        payment("p3", "4", payment_kind="write_off"),
    )
    rows = month.ask("select ledger_account, balance from trial_balance")
    found = {
        account: balance for account, balance in rows if account in ("cash", "tax_withheld", "bad_debt", "receivable")
    }
    assert found == {
        "cash": Decimal(100),
        "tax_withheld": Decimal(10),
        "bad_debt": Decimal(4),
        "receivable": Decimal(122),
    }
