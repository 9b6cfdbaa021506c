"""Credit of an account that has ended: it lasts as long as its windows, and what it gives back is paid (K3, K5, W2).

`seoul` buys 100,000 KRW for 100,000 at a VAT of 10 % on 5 October, uses 30,000 and ends with October. A month costs it
5,000 at least, and it rents a line for 1,000 a month, which the credit does not pay as it began later: neither is
charged after the end.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.backfill import backfill
from flows.run import Refusal
from tests.flows.billing.test_sold_credit import SALE, Won

FREE = {
    "operation_id": "given",
    "operation": "grant_credit",
    "occurred_at": "2026-10-05T03:00:00Z",
    "billing_account_id": "seoul",
    "kind": "free",
    "name": "Free credit",
    "amount": "9000",
    "window_end": "2026-12-15",
}
REFUND = {
    "operation_id": "back",
    "operation": "refund_credit",
    "occurred_at": "2026-11-02T15:00:00Z",
    "billing_account_id": "seoul",
}


class Ended(Won):
    """The account's October, issued; the account ended with it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.end()
        self.add_reference("skus", "line,Line,Network,Line,month,sum,standard,Rented line,2026-01-01")
        self.add_reference("sku_prices", "line-krw,line,KRW,unit,1000,2026-01-01")
        (self.reference_folder / "recurring_items.csv").write_text(
            "recurring_item_id,billing_account_id,sku_id,quantity,valid_from\nrent,seoul,line,1,2026-01-01\n"
        )
        (self.reference_folder / "spend_limits.csv").write_text(
            "spend_limit_id,billing_account_id,kind,billing_currency,amount,true_up_sku_id,valid_from\n"
            "least,seoul,minimum_spend,KRW,5000,api,2026-01-01\n"
        )
        self.buy()

    def end(self) -> None:
        """The account's row ends with October, where it is."""
        path = self.reference_folder / "billing_accounts.csv"
        header, *rows = path.read_text(encoding="utf-8").splitlines()
        ended = [f"{row},{'2026-10-31' if row.startswith('seoul') else ''}" for row in rows]
        path.write_text("\n".join([f"{header},valid_until", *ended]) + "\n", encoding="utf-8")

    def october(self) -> None:
        self.use("2026-10", 30_000)
        self.bill()
        self.issue()

    def month(self, period: str) -> Any:
        self.use(period, 10, account="busan")
        return self.bill(period=period)

    def moved(self, period: str) -> list[tuple[Any, ...]]:
        moved = f"select movement, amount from grant_movements where billing_period = '{period}'"
        return self.ask(f"{moved} and billing_account_id = 'seoul' and movement <> 'credited' order by all")


@pytest.fixture
def ended(tmp_path: Path) -> Ended:
    return Ended(tmp_path)


def refunded(ended: Ended) -> None:
    [grant] = ended.ask("select grant_id from grants where kind = 'paid'")
    run = ended.buy({**REFUND, "grant_id": grant[0]}, received_at=datetime(2026, 11, 3, tzinfo=UTC))
    assert run.report["rejected"] == 0


def test_a_refund_after_the_end_is_paid_with_its_tax(ended: Ended) -> None:
    """30,000 are paid by the credit: 70,000 are left, sold for 70,000 and 7,000 of tax."""
    ended.october()
    assert ended.moved("2026-10") == [("charged", -30_000)]
    refunded(ended)
    ended.month("2026-11")
    assert ended.moved("2026-11") == [("refunded", -70_000)]
    assert ended.ask("select count(*) from charges where billing_account_id = 'seoul'") == [(2,)]
    with pytest.raises(Refusal, match="O_ISSUE_DATE: 2026-11 goes on after 2026-11-29"):
        ended.issue(date(2026, 11, 29), period="2026-11", billing_account_id="seoul")  # a credit note alone
    ended.issue(date(2026, 12, 3), period="2026-11")
    note = "select document_type, billing_period, total_without_tax, total_tax from invoices"
    assert ended.ask(f"{note} where preceding_invoice_number = '{SALE}'") == [("381", "2026-11", -70_000, -7_000)]
    assert ended.booked("2026-11")["cash"] == -77_000
    assert ended.breaches() == []


def test_a_refund_that_lands_after_the_month_was_billed_is_paid_by_a_backfill(ended: Ended) -> None:
    ended.october()
    ended.month("2026-11")
    assert ended.moved("2026-11") == []
    refunded(ended)
    backfill(ended.lake, ended.reference(), received_at=datetime(2026, 12, 3, tzinfo=UTC))
    assert ended.moved("2026-11") == [("refunded", -70_000)]
    assert ended.breaches() == []


def test_free_credit_expires_at_the_end_of_its_window(ended: Ended) -> None:
    """Given from November on, to mid-December: nothing is charged in either month, so all of it is left."""
    ended.buy({**FREE, "window_start": "2026-11-01"})
    ended.october()
    ended.month("2026-11")
    ended.month("2026-12")
    assert ended.moved("2026-11") == []
    assert ended.moved("2026-12") == [("expired", -9_000)]
    assert ended.ask("select count(*) from charges where billing_account_id = 'seoul'") == [(2,)]
    assert ended.breaches() == []


def test_a_floor_is_drawn_after_the_end_as_before(ended: Ended) -> None:
    """4,000 a month from November on: 4,000, 4,000, and the last 1,000 when the window is over in mid-January."""
    ended.buy(
        {**FREE, "window_start": "2026-11-01", "window_end": "2027-01-15", "logic": "fixed", "monthly_value": "4000"}
    )
    ended.october()
    drawn = {}
    for period in ("2026-11", "2026-12", "2027-01", "2027-02"):
        ended.month(period)
        drawn[period] = ended.moved(period)
    took = ("minimum_consumption", Decimal(-4_000))
    assert drawn == {
        "2026-11": [took],
        "2026-12": [took],
        "2027-01": [("minimum_consumption", Decimal(-1_000))],
        "2027-02": [],
    }
    there = "select distinct billing_period from account_periods where billing_account_id = 'seoul' order by 1"
    # the bought credit lasts five years, and with it the account
    assert [period for (period,) in ended.ask(there)] == ["2026-10", *drawn]


def test_an_account_that_ended_without_credit_is_gone(ended: Ended) -> None:
    """The bought 100,000 are used up by as much usage."""
    ended.use("2026-10", 100_000)
    ended.bill()
    ended.issue()
    ended.month("2026-11")
    there = "select billing_period from account_periods where billing_account_id = 'seoul'"
    assert ended.ask(there) == [("2026-10",)]
