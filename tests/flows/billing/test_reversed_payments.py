"""A reversed payment: what it had paid is due again, what was left of it goes, and the ledger mirrors it (1.3, I6)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.lake.audit import audit_of
from tests.flows.billing.months import Month, made_once
from tests.flows.billing.test_payments import NOVEMBER, balances, payment


def reversal(operation_id: str, of: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "operation_id": operation_id,
        "operation": "reverse_payment",
        "occurred_at": "2026-11-20T09:00:00Z",
        "billing_account_id": "acme",
        "reverses_operation_id": of,
        **fields,
    }


class Audited(Month):
    """A month of which all that a test leaves is audited whole, beside what each commit asks of what it changes."""

    def hold(self) -> None:
        assert audit_of(self.lake) == []

    def november(self) -> None:
        self.ingest(self.usage("november.csv", NOVEMBER))
        self.bill(period="2026-11")
        self.issue(date(2026, 12, 3), period="2026-11")

    def documents(self) -> dict[str, tuple[Decimal, str]]:
        """What acme's documents leave to pay, and their states."""
        rows = self.ask(
            "select invoice_number, open_amount, payment_state from internal.documents"
            " where billing_account_id = 'acme'"
        )
        return {number: (amount, state) for number, amount, state in rows}

    def decisions(self) -> dict[str, str | None]:
        return dict(self.ask("select operation_id, reason_code from operations where operation like '%payment'"))  # type: ignore[arg-type]


OCTOBER, NEXT = "INV-2026-00001", "INV-2026-00003"


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Audited:
    month = Audited(tmp_path).whole()
    month.issue()
    return month


def test_what_a_reversed_payment_had_paid_is_due_again(month: Audited) -> None:
    """114 less 14 left 100; reversed, 114 are due again, as if nothing had been paid. The other account owes 122."""
    month.operate(payment("p1", "14"))
    assert month.documents() == {OCTOBER: (Decimal(100), "partly paid")}
    month.operate(reversal("r1", "p1"))
    assert month.documents() == {OCTOBER: (Decimal(114), "issued")}
    assert balances(month) == {"cash": Decimal(0), "receivable": Decimal(236)}
    assert month.ask("select operation_id, amount, is_at_issue from payment_applications order by 1") == [
        ("p1", Decimal(14), False),
        ("r1", Decimal(-14), False),
    ]


def test_the_ledger_mirrors_the_payment_and_its_rest(month: Audited) -> None:
    """150 = 114 for October and 36 over; back go 114 to the receivable and 36 from the account balance."""
    month.operate(payment("p1", "150"))
    month.operate(reversal("r1", "p1"))
    found = month.ask(
        "select ledger_account, amount, source_id from ledger_entries where transaction_kind = 'payment_reversed'"
        " order by 1, 2"
    )
    assert found == [
        ("account_balance", Decimal(36), "r1"),
        ("cash", Decimal(-150), "r1"),
        ("receivable", Decimal(114), "r1"),
    ]
    assert balances(month) == {"cash": 0, "receivable": Decimal(236), "account_balance": 0}


def test_what_its_rest_paid_at_a_later_issue_is_undone_too(month: Audited) -> None:
    """150 paid October's 114 and, at issue, 36 of November's 60. Reversed, 114 and 60 are due; November still says
    36 paid and 24 due, as it was issued so."""
    month.operate(payment("p1", "150"))
    month.november()
    assert month.documents() == {OCTOBER: (Decimal(0), "paid"), NEXT: (Decimal(24), "partly paid")}
    month.operate(reversal("r1", "p1", occurred_at="2026-12-05T00:00:00Z"))
    assert month.documents() == {OCTOBER: (Decimal(114), "issued"), NEXT: (Decimal(60), "issued")}
    assert month.ask("select paid_amount, amount_due from invoices where billing_period = '2026-11'") == [
        (Decimal(36), Decimal(24))
    ]
    # 122 of the other account, 114 and 60
    assert balances(month) == {"cash": 0, "receivable": Decimal(296), "account_balance": 0}
    assert month.ask("select used_credit_limit from credit_limit_overview where billing_account_id = 'acme'") == [
        (Decimal(174),)
    ]


def test_a_reversed_payment_pays_nothing_that_is_issued_later(month: Audited) -> None:
    """Its 36 that were over are gone: November's 60 stay due."""
    month.operate(payment("p1", "150"))
    month.operate(reversal("r1", "p1"))
    month.november()
    assert month.documents() == {OCTOBER: (Decimal(114), "issued"), NEXT: (Decimal(60), "issued")}


def test_other_balance_waits_for_the_next_issue_and_the_next_payment_pays_what_is_due_again(month: Audited) -> None:
    """p1 pays October's 114, p2's 20 are over. p1 is reversed: p2 stays on account. p3's 30 pay October; November's 60
    take p2's 20 when they are issued, and October keeps 84."""
    month.operate(payment("p1", "114"), payment("p2", "20"))
    month.operate(reversal("r1", "p1"))
    assert month.documents() == {OCTOBER: (Decimal(114), "issued")}
    assert balances(month)["account_balance"] == Decimal(-20)
    month.operate(payment("p3", "30", occurred_at="2026-11-21T00:00:00Z"))
    month.november()
    assert month.documents() == {OCTOBER: (Decimal(84), "partly paid"), NEXT: (Decimal(40), "partly paid")}


def test_withheld_tax_and_write_offs_are_mirrored_where_they_were_booked(month: Audited) -> None:
    """114 = 100 + 10 + 4; withheld tax and write-off go, the money stays."""
    month.operate(
        payment("p1", "100"),
        payment("p2", "10", payment_kind="withheld_tax"),
        payment("p3", "4", payment_kind="write_off"),
    )
    month.operate(reversal("r2", "p2"), reversal("r3", "p3"))
    rows = dict(month.ask("select ledger_account, balance from trial_balance"))
    assert [rows[account] for account in ("cash", "tax_withheld", "bad_debt", "receivable")] == [100, 0, 0, 136]
    assert month.documents() == {OCTOBER: (Decimal(14), "partly paid")}


def test_in_one_landing_operations_count_in_their_order(month: Audited) -> None:
    """p1 pays October's 114, is reversed, then p2 pays 50 of it. The file says them in another order."""
    month.operate(
        payment("p2", "50", occurred_at="2026-11-12T00:00:00Z"),
        reversal("r1", "p1", occurred_at="2026-11-11T00:00:00Z"),
        payment("p1", "114"),
    )
    assert month.documents() == {OCTOBER: (Decimal(64), "partly paid")}
    assert month.ask("select operation_id, amount from payment_applications order by operation_id") == [
        ("p1", Decimal(114)),
        ("p2", Decimal(50)),
        ("r1", Decimal(-114)),
    ]


def test_a_payment_before_an_issue_of_the_same_landing_is_on_the_document_as_paid(month: Audited) -> None:
    """October's 114, then 36 over, which November's 60 show as paid; the reversal after it makes both due again."""
    month.ingest(month.usage("november.csv", NOVEMBER))
    month.bill(period="2026-11")
    issue = {
        "operation_id": "i2",
        "operation": "issue_invoices",
        "occurred_at": "2026-12-01T12:00:00Z",
        "billing_period": "2026-11",
        "issue_date": "2026-12-01",
    }
    month.operate(payment("p1", "150"), issue, reversal("r1", "p1", occurred_at="2026-12-02T00:00:00Z"))
    assert month.ask("select paid_amount, amount_due from invoices where billing_period = '2026-11'") == [
        (Decimal(36), Decimal(24))
    ]
    assert month.documents() == {OCTOBER: (Decimal(114), "issued"), NEXT: (Decimal(60), "issued")}
    assert balances(month) == {"cash": 0, "receivable": Decimal(296), "account_balance": 0}


def test_what_cannot_be_reversed_is_refused_and_changes_nothing(month: Audited) -> None:
    month.operate(
        payment("p1", "14"),
        payment("nobody", "20", invoice_number="INV-2026-09999"),
        payment("theirs", "20", billing_account_id="acme-credit"),
    )
    before = balances(month)
    run = month.operate(
        reversal("r1", None),
        reversal("r2", "nothing"),
        reversal("r3", "nobody"),
        reversal("r4", "theirs"),
        reversal("r5", "g1"),
        reversal("r6", "p1", occurred_at="2026-11-10T08:59:59Z"),
        reversal("r7", "p1", amount="14"),
    )
    assert run.exit_code == 3
    assert {id: code for id, code in month.decisions().items() if id.startswith("r")} == {
        "r1": "O_MISSING_FIELD",
        "r2": "O_UNKNOWN_PAYMENT",
        "r3": "O_UNKNOWN_PAYMENT",
        "r4": "O_UNKNOWN_PAYMENT",
        "r5": "O_UNKNOWN_PAYMENT",
        "r6": "O_BAD_FIELD",
        "r7": "O_BAD_FIELD",
    }
    assert balances(month) == before


def test_a_payment_is_reversed_once(month: Audited) -> None:
    """Twice in one landing, and again in the next; the same reversal again is a no-op."""
    month.operate(payment("p1", "14"))
    month.operate(reversal("r1", "p1"), reversal("r2", "p1"))
    month.operate(reversal("r3", "p1"))
    assert month.decisions() == {"p1": None, "r1": None, "r2": "O_ALREADY_REVERSED", "r3": "O_ALREADY_REVERSED"}
    month.operate(reversal("r1", "p1"))
    assert month.documents() == {OCTOBER: (Decimal(114), "issued")}
