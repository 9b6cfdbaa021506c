"""The amount due in whole fives: rounded on the draft, again at issue for what the account balance leaves (I7)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flows.backfill import backfill
from flows.lake.audit import audit_of
from tests.flows.billing.months import made_once
from tests.flows.billing.test_payments import balances, payment
from tests.flows.billing.test_reversed_payments import NEXT, OCTOBER, Audited, reversal

LATER = datetime(2026, 11, 6, 8, tzinfo=UTC)


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Audited:
    """October's 114 and 122, each to whole fives: 115 and 120."""
    month = Audited(tmp_path)
    (month.reference_folder / "billing_policies.csv").write_text(
        "billing_account_id,policy,value,valid_from\n,payable_increment,5,2026-01-01\n"
    )
    month.whole().issue()
    return month


def rounding(month: Audited) -> Decimal:
    """What rounding earned, by the ledger."""
    return -dict(month.ask("select ledger_account, balance from trial_balance"))["rounding"]


def test_the_rounded_amount_is_owed_counted_against_the_limit_and_paid(month: Audited) -> None:
    """1 more and 2 less, where 40 of 162 are paid by credit: rounding lost 1. A payment of 115 pays all of October."""
    found = month.ask("select total_with_tax, rounding_amount, amount_due from invoices order by billing_account_id")
    assert found == [(114, 1, 115), (162, -2, 120)]
    assert balances(month) == {"receivable": Decimal(235)}
    assert rounding(month) == -1
    used = "select used_credit_limit from credit_limit_overview where billing_account_id = 'acme'"
    assert month.ask(used) == [(Decimal(115),)]
    month.operate(payment("p1", "115"))
    assert month.documents() == {OCTOBER: (Decimal(0), "paid")}


def test_what_the_balance_leaves_at_issue_is_rounded_anew_and_a_reversal_brings_back_what_was_due(
    month: Audited,
) -> None:
    """148 pay October's 115 and leave 33. November's 60 are due; less 33 they are 27, so 25 are, and 2 are taken off.
    Reversed, 115 and 25 + 33 are due."""
    month.operate(payment("p1", "148"))
    month.november()
    found = month.ask(
        "select total_with_tax, paid_amount, rounding_amount, amount_due from invoices where billing_period = '2026-11'"
    )
    assert found == [(60, 33, -2, 25)]
    assert rounding(month) == -3
    month.operate(reversal("r1", "p1", occurred_at="2026-12-05T00:00:00Z"))
    assert month.documents() == {OCTOBER: (Decimal(115), "issued"), NEXT: (Decimal(58), "issued")}
    # 120 of the other account
    assert balances(month) == {"cash": 0, "receivable": Decimal(293), "account_balance": 0}


def test_a_month_that_turns_into_a_credit_is_rounded_whole_the_other_way(tmp_path: Path) -> None:
    """Rounded towards zero, 114 are due as 110. Of 150 - 200 the discount leaves -45, and no bonus pays (G7): with
    tax -54, due as -50. 168 less are due as 160 less: rounding had taken 4 off, and adds 4 in all."""
    month = Audited(tmp_path)
    (month.reference_folder / "billing_policies.csv").write_text(
        "billing_account_id,policy,value,valid_from\n"
        ",payable_increment,5,2026-01-01\n,rounding_charges,down,2026-01-01\n"
    )
    month.whole().issue()
    at = "2026-11-04T08:00:00Z"
    less = {"operation_id": "less", "operation": "add_charge", "amount": "-200", "text": "Outage"}
    owner = {"billing_account_id": "acme", "billing_period": "2026-10", "tax_category": "standard"}
    month.operate({**less, **owner, "occurred_at": at, "recorded_at": at}, received_at=LATER)
    backfill(month.lake, month.reference(), received_at=LATER, issue_date=date(2026, 11, 6))
    found = month.ask("""
        select document_type, total_with_tax, rounding_amount, amount_due from invoices
        where billing_account_id = 'acme' order by preceding_invoice_number is not null
    """)
    assert found == [("380", 114, -4, 110), ("381", -168, 8, -160)]
    assert audit_of(month.lake) == []
