"""An invoice that nothing paid is taken back whole: a credit note, its grants free again, and invoiced anew (I4).

October of acme is 95 and 19 of tax: 114 due, after 40 of its bonus. The other account owes 122.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.backfill import backfill
from flows.explain_invoice import explain_invoice
from flows.issue_invoices import issue_corrections
from flows.run import NOTHING_TO_DO, Refusal
from tests.flows.billing.months import made_once
from tests.flows.billing.test_payments import NOVEMBER, balances, payment
from tests.flows.billing.test_reversed_payments import OCTOBER, Audited, reversal

NOTE, ANEW = "CN-2026-00001", "INV-2026-00003"
LATE = "acme-late,acme,,vm-1,vm-small,eu-1,2026-10-20T00:00:00+02:00,2026-10-20T20:00:00+02:00,20,hour"
LATER = datetime(2026, 11, 6, tzinfo=UTC)


def void(operation_id: str = "v1", number: str | None = OCTOBER, **fields: Any) -> dict[str, Any]:
    return {
        "operation_id": operation_id,
        "operation": "void_invoice",
        "occurred_at": "2026-11-05T10:00:00Z",
        "billing_account_id": "acme",
        "invoice_number": number,
        **fields,
    }


class Voided(Audited):
    """A month that is audited whole, with what tests of voiding ask."""

    def backfill(self, **options: Any) -> Any:
        return backfill(self.lake, self.reference(), received_at=LATER, **options)

    def reasons(self) -> dict[str, str | None]:
        """What was decided of each void."""
        return dict(self.ask("select operation_id, reason_code from operations where operation = 'void_invoice'"))  # type: ignore[arg-type]

    def books(self) -> list[tuple[Any, ...]]:
        """The ledger by account."""
        return self.ask(
            "select ledger_account, sum(amount) from ledger_entries group by 1 having sum(amount) <> 0 order by 1"
        )

    def state(self) -> list[list[tuple[Any, ...]]]:
        """What the period comes to, without the names of documents."""
        tables = ("charges", "allocations", "tax_shares", "grant_movements", "holds", "rating_lines")
        return [self.ask(f"from {name} order by all") for name in tables]

    def bonus(self) -> Decimal:
        """What is left of acme's bonus of 40."""
        return Decimal(self.ask("select sum(amount) from grant_movements where grant_id = 'welcome-acme'")[0][0])


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Voided:
    """A month that is issued."""
    month = Voided(tmp_path).whole()
    month.issue()
    return month


# --- what it does ------------------------------------------------------------


def test_a_full_credit_note_takes_the_invoice_back_and_pays_it(month: Voided) -> None:
    """-95 and -19: -114. It pays the 114, so nothing of either is open, and 122 are owed by the other account."""
    month.operate(void())
    assert month.documents() == {OCTOBER: (Decimal(0), "voided"), NOTE: (Decimal(0), "paid")}
    found = month.ask(
        "select document_type, is_void, preceding_invoice_number, issue_date, list_cost, grant_amount,"
        f" total_without_tax, total_tax, amount_due from invoices where invoice_number = '{NOTE}'"
    )
    assert found == [("381", True, OCTOBER, date(2026, 11, 5), -150, -40, -95, -19, -114)]
    assert balances(month) == {"receivable": Decimal(122), "account_balance": 0}
    paid = month.ask(
        "select operation_id, credit_note_number, invoice_number, amount, is_at_issue from payment_applications"
    )
    assert paid == [("v1", NOTE, OCTOBER, Decimal(114), False)]


def test_its_lines_and_its_tax_are_those_of_the_invoice_with_the_opposite_sign(month: Voided) -> None:
    month.operate(void())
    lines = "select charge_id, {0}line_amount, {0}tax_amount, {0}quantity"
    lines += " from invoice_lines join invoices using (invoice_id) where invoice_number = '{1}' order by all"
    assert month.ask(lines.format("-", NOTE)) == month.ask(lines.format("", OCTOBER))
    taxes = "select rate, {0}taxable_amount, {0}t.tax_amount from tax_breakdown as t join invoices using (invoice_id)"
    taxes += " where invoice_number = '{1}'"
    assert month.ask(taxes.format("-", NOTE)) == month.ask(taxes.format("", OCTOBER)) != []


def test_what_it_takes_back_is_explained_by_the_invoice_before_and_after(month: Voided) -> None:
    before = explain_invoice(month.lake, OCTOBER)
    month.operate(void())
    with pytest.raises(Refusal, match=f"{NOTE} takes back {OCTOBER} whole.*billfold explain {OCTOBER}$"):
        explain_invoice(month.lake, NOTE)
    after = explain_invoice(month.lake, OCTOBER)
    assert after.charges.equals(before.charges)
    assert after.grant_reasons["amount"].sum() == 40


def test_the_invoice_itself_keeps_every_byte(month: Voided) -> None:
    before = {entry.path: entry.sha256 for entry in month.lake.snapshot().files("invoices", state="issued")}
    month.operate(void())
    after = {entry.path: entry.sha256 for entry in month.lake.snapshot().files("invoices", state="issued")}
    assert before.items() <= after.items()


def test_its_grants_are_free_again_and_nothing_of_the_period_is_left_but_a_hold(month: Voided) -> None:
    month.operate(void())
    assert month.bonus() == 40
    for name in ("charges", "allocations", "tax_shares", "rating_lines"):
        assert month.ask(f"select count(*) from {name} where billing_account_id = 'acme'") == [(0,)]
        assert month.ask(f"select count(*) > 0 from {name} where billing_account_id = 'acme-credit'") == [(True,)]
    assert month.ask("select billing_account_id, reason_code from holds") == [("acme", "H_VOIDED")]


def test_the_ledger_of_the_account_is_as_before_the_bill(month: Voided) -> None:
    """All that is left is the bonus of 40: committed to, and owed to the customer."""
    month.operate(void())
    found = month.ask(
        "select split_part(ledger_account, '/', 1), sum(amount) from ledger_entries where billing_account_id = 'acme'"
        " group by ledger_account having sum(amount) <> 0 order by 1"
    )
    assert found == [("bonus_commitment", Decimal(40)), ("grant_liability", Decimal(-40))]


def test_billed_and_issued_again_it_is_the_same_money_under_a_new_number(month: Voided) -> None:
    """114 again, as INV-2026-00003: what is owed, every ledger account and every grant are as before."""
    state, books = month.state(), month.books()
    month.operate(void())
    assert month.bill().status == "committed"
    assert month.ask("select document_state, amount_due from invoices where invoice_number is null") == [("draft", 114)]
    assert month.state() == state
    month.issue(issue_date=date(2026, 11, 6))
    assert month.documents() == {
        OCTOBER: (Decimal(0), "voided"),
        NOTE: (Decimal(0), "paid"),
        ANEW: (Decimal(114), "issued"),
    }
    assert (month.state(), month.books()) == (state, books)
    assert month.bonus() == 0
    assert month.ask("select count(distinct invoice_id) from invoices") == [(4,)]


def test_what_came_late_is_in_the_invoice_that_is_made_anew(month: Voided) -> None:
    """20 hours more are 10, less 10 % 9, 10.80 with tax: 124.80."""
    month.ingest(month.usage("late.csv", LATE))
    month.operate(void())
    month.bill()
    month.issue()
    assert month.documents()[ANEW] == (Decimal("124.80"), "issued")


def test_voided_again_it_gets_another_number_again(month: Voided) -> None:
    month.operate(void())
    month.bill()
    month.issue()
    month.operate(void("v2", ANEW))
    assert month.documents()["CN-2026-00002"] == (0, "paid")
    month.bill()
    month.issue()
    assert month.documents()["INV-2026-00004"] == (Decimal(114), "issued")
    assert month.ask("select count(distinct invoice_id) from invoices where billing_account_id = 'acme'") == [(5,)]
    assert balances(month) == {"receivable": Decimal(236), "account_balance": 0}


def test_billing_again_with_nothing_new_is_nothing_to_do(month: Voided) -> None:
    month.operate(void())
    assert month.bill().status == "committed"
    assert month.bill().status == NOTHING_TO_DO


def test_until_it_is_billed_there_is_nothing_to_issue(month: Voided) -> None:
    month.operate(void())
    with pytest.raises(Refusal, match=r"O_NOTHING_TO_ISSUE.*of acme; run: billfold bill --period 2026-10"):
        month.issue(billing_account_id="acme")


def test_the_credit_note_is_of_the_day_where_the_account_is_or_of_the_day_that_is_named(month: Voided) -> None:
    """23:30 UTC of the 5th is the 6th in Berlin."""
    other = {"billing_account_id": "acme-credit", "number": "INV-2026-00002", "issue_date": "2026-11-30"}
    month.operate(void(occurred_at="2026-11-05T23:30:00Z"), void("v2", occurred_at="2026-11-07T00:00:00Z", **other))
    days = "select invoice_number, issue_date from invoices where is_void order by 1"
    assert month.ask(days) == [(NOTE, date(2026, 11, 6)), ("CN-2026-00002", date(2026, 11, 30))]
    assert month.ask("select sum(amount) from ledger_entries where ledger_account = 'receivable'") == [(0,)]


def test_an_invoice_that_credits_paid_whole_is_voided_too(tmp_path: Path) -> None:
    """A bonus of 500 more pays the 95 that are left: nothing is due, and nothing is of the credit note."""
    month = Voided(tmp_path)
    month.ingest()
    month.operate()
    bonus = {"operation": "grant_credit", "kind": "bonus", "amount": "500", "window_start": "2026-10-01"}
    month.operate(
        {"operation_id": "more", "occurred_at": "2026-10-02T00:00:00Z", "billing_account_id": "acme", **bonus}
    )
    month.bill()
    month.issue()
    month.operate(void())
    assert month.reasons() == {"v1": None}
    found = month.ask(f"select list_cost, grant_amount, amount_due from invoices where invoice_number = '{NOTE}'")
    assert found == [(-150, -135, 0)]
    assert month.ask("select sum(amount) from grant_movements where billing_account_id = 'acme'") == [(540,)]


# --- what refuses it ------------------------------------------------------------


def test_what_something_paid_is_not_voided_until_that_is_reversed(month: Voided) -> None:
    month.operate(payment("p1", "14"))
    month.operate(void())
    month.operate(reversal("r1", "p1"))
    month.operate(void("v2", occurred_at="2026-11-21T00:00:00Z"))
    assert month.reasons() == {"v1": "O_INVOICE_PAID", "v2": None}
    assert balances(month) == {"cash": 0, "receivable": Decimal(122), "account_balance": 0}


def test_what_account_balance_paid_at_issue_is_paid(month: Voided) -> None:
    """150 for October's 114: 36 pay November's 60 at issue, so it is not voided; reversed, all of its 60 are."""
    month.operate(payment("p1", "150"))
    month.november()
    month.operate(void(number=ANEW, occurred_at="2026-12-05T00:00:00Z"))
    month.operate(reversal("r1", "p1", occurred_at="2026-12-06T00:00:00Z"))
    month.operate(void("v2", ANEW, occurred_at="2026-12-07T00:00:00Z"))
    assert month.reasons() == {"v1": "O_INVOICE_PAID", "v2": None}
    assert month.documents() == {
        OCTOBER: (Decimal(114), "issued"),
        ANEW: (Decimal(0), "voided"),
        NOTE: (Decimal(0), "paid"),
    }
    assert month.ask("select amount_due from invoices where is_void") == [(-60,)]
    assert balances(month) == {"cash": 0, "receivable": Decimal(236), "account_balance": 0}


def test_in_one_file_a_payment_before_it_refuses_it_and_one_after_it_stays_on_account(month: Voided) -> None:
    early, late = "2026-11-05T09:00:00Z", "2026-11-05T11:00:00Z"
    other = {"billing_account_id": "acme-credit"}
    month.operate(
        payment("p1", "14", occurred_at=early),
        void(),
        void("v2", "INV-2026-00002", **other),
        payment("p2", "20", occurred_at=late, invoice_number="INV-2026-00002", **other),
    )
    assert month.reasons() == {"v1": "O_INVOICE_PAID", "v2": None}
    assert balances(month) == {"cash": Decimal(34), "receivable": Decimal(100), "account_balance": Decimal(-20)}


def test_only_an_invoice_of_the_account_is_voided_and_once(month: Voided) -> None:
    month.operate(
        void("v1", "INV-2026-00002"),
        void("v2", "INV-2026-09999"),
        void("v3"),
        void("v4"),
    )
    month.operate(void("v5"), void("v6", NOTE), void("v7", None))
    assert month.reasons() == {
        "v1": "O_UNKNOWN_INVOICE",
        "v2": "O_UNKNOWN_INVOICE",
        "v3": None,
        "v4": "O_ALREADY_VOIDED",
        "v5": "O_ALREADY_VOIDED",
        "v6": "O_UNKNOWN_INVOICE",
        "v7": "O_MISSING_FIELD",
    }


def test_landed_twice_it_is_done_once(month: Voided) -> None:
    month.operate(void())
    assert month.operate(void()).status == NOTHING_TO_DO
    assert month.documents() == {OCTOBER: (Decimal(0), "voided"), NOTE: (Decimal(0), "paid")}


# --- with other months and corrections ------------------------------------------------------------


def test_a_later_month_is_billed_without_it_and_a_backfill_bills_it_again(month: Voided) -> None:
    """November is billed: October is for a backfill, which makes its draft of 114 again, the bonus spent."""
    month.november()
    books = month.books()
    month.operate(void(), received_at=LATER)
    with pytest.raises(Refusal, match="backfill"):
        month.bill()
    assert month.backfill().status == "committed"
    assert month.ask("select billing_period, amount_due from invoices where document_state = 'draft'") == [
        ("2026-10", 114)
    ]
    month.issue(issue_date=date(2026, 12, 7))
    assert month.documents()["INV-2026-00004"] == (Decimal(114), "issued")
    assert month.books() == books


def test_its_correction_that_waits_goes_with_it(month: Voided) -> None:
    """20 hours late make a draft of 10.80 that names the invoice; voided, the draft is gone and nothing is owed."""
    month.ingest(month.usage("late.csv", LATE))
    month.backfill()
    waits = "select preceding_invoice_number, amount_due from invoices where document_state = 'draft'"
    assert month.ask(waits) == [(OCTOBER, Decimal("10.80"))]
    month.operate(void())
    assert month.ask(waits) == []
    assert balances(month) == {"receivable": Decimal(122), "account_balance": 0}


def test_a_correction_that_is_issued_in_the_same_file_is_voided_too(month: Voided) -> None:
    """114 and 10.80, which are issued an hour before: one credit note of 124.80."""
    month.ingest(month.usage("late.csv", LATE))
    month.backfill()
    issue = {"operation": "issue_invoices", "billing_period": "2026-10", "issue_date": "2026-11-05"}
    month.operate(
        {"operation_id": "i", "occurred_at": "2026-11-05T09:00:00Z", "documents": "corrections", **issue}, void()
    )
    assert month.documents() == {OCTOBER: (0, "voided"), ANEW: (0, "voided"), NOTE: (0, "paid")}
    assert month.ask("select amount_due from invoices where is_void") == [(Decimal("-124.80"),)]
    assert balances(month) == {"receivable": Decimal(122), "account_balance": 0}


def test_a_corrected_invoice_is_voided_with_its_corrections(month: Voided) -> None:
    """114 and 10.80: one credit note of 124.80 pays both."""
    month.ingest(month.usage("late.csv", LATE))
    month.backfill(issue_date=date(2026, 11, 6))
    assert month.documents() == {OCTOBER: (Decimal(114), "issued"), ANEW: (Decimal("10.80"), "issued")}
    month.operate(void("v0", ANEW), void(occurred_at="2026-11-07T00:00:00Z"))
    assert month.reasons() == {"v0": "O_UNKNOWN_INVOICE", "v1": None}
    assert month.documents() == {OCTOBER: (0, "voided"), ANEW: (0, "voided"), NOTE: (0, "paid")}
    assert month.ask("select amount_due from invoices where is_void") == [(Decimal("-124.80"),)]
    assert balances(month) == {"receivable": Decimal(122), "account_balance": 0}


def test_a_credit_note_of_a_month_below_zero_is_voided_by_its_opposite(month: Voided) -> None:
    """November's -30 and -6 of tax were a credit note of 36: taken back, it pays nothing any more."""
    sorry = {"operation": "add_charge", "amount": "-30", "tax_category": "standard", "text": "Sorry"}
    month.operate({"operation_id": "s", "occurred_at": "2026-11-15T00:00:00Z", "billing_account_id": "acme", **sorry})
    month.bill(period="2026-11")
    month.issue(period="2026-11", issue_date=date(2026, 12, 3))
    assert month.documents()[NOTE] == (Decimal(-36), "issued")
    month.operate(void(number=NOTE, occurred_at="2026-12-04T00:00:00Z"))
    assert month.reasons() == {"v1": None}
    assert {number: left for number, (left, _) in month.documents().items()} == {
        OCTOBER: Decimal(114),
        NOTE: 0,
        "CN-2026-00002": 0,
    }
    assert balances(month) == {"receivable": Decimal(236), "account_balance": 0}


# --- corrections ------------------------------------------------------------


def test_corrections_alone_are_issued_and_pay_their_invoice_first(month: Voided) -> None:
    """30 are given back: less 10 % -27, and -5.40 of tax: they lower the 114 to 81.60. Once is enough."""
    sorry = {"operation": "add_charge", "amount": "-30", "tax_category": "standard", "text": "Sorry"}
    month.operate(
        {
            "operation_id": "s",
            "occurred_at": "2026-11-04T00:00:00Z",
            "billing_account_id": "acme",
            "billing_period": "2026-10",
            **sorry,
        }
    )
    month.backfill()
    run = issue_corrections(
        month.lake,
        month.reference(),
        periods=["2026-10", "2026-11"],
        issue_date=date(2026, 11, 6),
        actor="operator",
        received_at=LATER,
    )
    month.hold()
    assert run.report["issued"] == 1
    assert month.documents() == {OCTOBER: (Decimal("81.60"), "partly paid"), NOTE: (Decimal(0), "paid")}
    assert balances(month) == {"receivable": Decimal("203.60"), "account_balance": 0}
    again = issue_corrections(
        month.lake,
        month.reference(),
        periods=["2026-10"],
        issue_date=date(2026, 11, 6),
        actor="operator",
        received_at=LATER,
    )
    assert again.status == NOTHING_TO_DO


def test_without_a_correction_that_waits_none_is_issued(month: Voided) -> None:
    with pytest.raises(Refusal, match=r"O_NOTHING_TO_ISSUE.*corrects"):
        month.issue(documents="corrections")
    month.ingest(month.usage("november.csv", NOVEMBER))
    month.bill(period="2026-11")
    with pytest.raises(Refusal, match=r"O_NOTHING_TO_ISSUE.*corrects"):
        month.issue(period="2026-11", documents="corrections")
