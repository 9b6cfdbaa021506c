"""A closed month takes no entry: what is landed, billed, issued or voided of it then is booked in the next (B1)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.billing.months import made_once
from tests.flows.billing.test_payments import payment
from tests.flows.billing.test_reversed_payments import Audited
from tests.flows.billing.test_void_invoice import void

HEADER = "billing_account_id,policy,value,valid_from,valid_until\n"
RECORDED = datetime(2026, 11, 12, tzinfo=UTC)


class Closing(Audited):
    """A month, and the days on which months are closed for everybody."""

    def close(self, *rows: str) -> None:
        lines = "".join(f",closed_through,{row}\n" for row in rows)
        (self.reference_folder / "billing_policies.csv").write_text(HEADER + lines)

    def booked(self, kind: str) -> list[tuple[Any, ...]]:
        """Of which month, and where, acme's entries of a kind on its receivable are booked."""
        return self.ask(
            "select service_period, accounting_period, sum(amount) from ledger_entries"
            " where billing_account_id = 'acme' and ledger_account = 'receivable'"
            f" and transaction_kind = '{kind}' group by all order by all"
        )


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Closing:
    """October is issued. On the 10th of November it is closed."""
    month = Closing(tmp_path)
    month.close("2026-09,2026-10-10,2026-11-09", "2026-10,2026-11-10,")
    month.whole().issue()
    return month


def test_what_a_month_says_before_it_is_closed_is_booked_in_it(month: Closing) -> None:
    """95 and 19 of tax, and the bonus of 40 that was granted and spent: all in October."""
    assert month.booked("invoice") == [("2026-10", "2026-10", Decimal(154))]
    assert month.ask("select distinct accounting_period from ledger_entries") == [("2026-10",)]


def test_a_void_that_is_recorded_when_the_month_is_closed_is_booked_in_the_next(month: Closing) -> None:
    """The credit note of 114 takes 154 off what was charged and gives the bonus back 40, in November."""
    month.operate(void(recorded_at="2026-11-12T00:00:00Z"), received_at=RECORDED)
    assert month.booked("invoice") == [("2026-10", "2026-10", Decimal(154)), ("2026-10", "2026-11", Decimal(-154))]
    assert month.booked("grant_applied") == [("2026-10", "2026-10", Decimal(-40)), ("2026-10", "2026-11", Decimal(40))]
    # the note's 114 become balance and pay the invoice
    assert month.booked("credit_note_applied") == [("2026-10", "2026-11", Decimal(0))]


def test_billed_again_it_is_booked_in_the_next_month_too(month: Closing) -> None:
    """The rerun looks back from the day the void was recorded: 154 again, of October, in November."""
    month.operate(void(recorded_at="2026-11-12T00:00:00Z"), received_at=RECORDED)
    month.bill()
    month.issue(issue_date=date(2026, 11, 13), received_at=RECORDED)
    assert month.booked("invoice") == [("2026-10", "2026-10", Decimal(154)), ("2026-10", "2026-11", Decimal(0))]


def test_an_operation_is_booked_by_the_day_it_was_recorded_on(month: Closing) -> None:
    """Two payments and a bonus of the 20th of October; one payment was recorded before October was closed."""
    bonus = {"operation": "grant_credit", "kind": "bonus", "amount": "5", "billing_account_id": "acme"}
    at = "2026-10-20T09:00:00Z"
    month.operate(
        payment("early", "14", occurred_at=at, recorded_at="2026-11-09T00:00:00Z"),
        payment("late", "20", occurred_at=at, recorded_at="2026-11-12T00:00:00Z"),
        {"operation_id": "more", "occurred_at": at, "recorded_at": "2026-11-12T00:00:00Z", **bonus},
        received_at=RECORDED,
    )
    assert month.booked("payment") == [("2026-10", "2026-10", Decimal(-14)), ("2026-10", "2026-11", Decimal(-20))]
    given = "select distinct accounting_period from ledger_entries where source_id = 'more'"
    assert month.ask(given) == [("2026-11",)]


def test_what_balance_pays_at_issue_is_booked_when_it_is_issued(tmp_path: Path) -> None:
    """20 were paid in advance in October; October is issued when it is closed: they pay it in November."""
    month = Closing(tmp_path)
    month.close("2026-10,2026-11-01,")
    month.ingest()
    month.operate()
    month.operate(payment("p", "20", occurred_at="2026-10-05T00:00:00Z", recorded_at="2026-10-05T00:00:00Z"))
    month.bill()
    month.issue()
    assert month.booked("balance_applied") == [("2026-10", "2026-11", Decimal(-20))]
    assert month.booked("invoice") == [("2026-10", "2026-11", Decimal(154))]
