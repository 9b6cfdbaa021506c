"""What changed about billed months is posted as the difference, oldest month first (L1, L4, X1 to X4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.backfill import backfill
from flows.lake.audit import audit_of
from flows.run import Run
from tests.flows.billing.months import Month, made_once

NOVEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)
VM = ",vm-1,vm-small,eu-1,"
LATE = f"late,acme,{VM}2026-10-20T00:00:00+02:00,2026-10-20T20:00:00+02:00,20,hour"
EARLY = f"early,acme,{VM}2026-09-20T00:00:00+02:00,2026-09-20T20:00:00+02:00,20,hour"
ODD = f"odd,acme,{VM}2026-10-20T00:00:00+02:00,2026-10-20T01:00:00+02:00,0.35,hour"
NEXT_MONTH = f"next,acme,{VM}2026-11-02T00:00:00+01:00,2026-11-06T04:00:00+01:00,100,hour"


def bonus(operation_id: str = "late-bonus", **said: Any) -> dict[str, Any]:
    """A bonus of 40 from the start of October, granted on 2 November."""
    return {
        "operation_id": operation_id,
        "operation": "grant_credit",
        "occurred_at": "2026-11-02T05:00:00Z",
        "billing_account_id": "acme",
        "kind": "bonus",
        "amount": "40",
        "window_start": "2026-10-01",
        **said,
    }


def payment(amount: str, operation_id: str = "transfer", occurred_at: str = "2026-11-10T09:00:00Z") -> dict[str, Any]:
    return {
        "operation_id": operation_id,
        "operation": "record_payment",
        "occurred_at": occurred_at,
        "billing_account_id": "acme",
        "amount": amount,
    }


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    """October without any bonus, issued: 135.00 and 27.00 of tax, 162.00."""
    made = Month(tmp_path)
    made.ingest()
    made.bill()
    made.issue()
    return made


def post(month: Month, issue_date: date | None = date(2026, 11, 20), received_at: datetime = NOVEMBER) -> Run:
    return backfill(month.lake, month.reference(), received_at=received_at, issue_date=issue_date)


def corrections(month: Month, account: str = "acme") -> list[tuple[Any, ...]]:
    """What corrects the account's invoices: type, what it names, without tax, tax, due."""
    return month.ask(
        "select document_type, invoice_number, preceding_invoice_number, "
        "total_without_tax::double, total_tax::double, amount_due::double from invoices "
        f"where billing_account_id = '{account}' and preceding_invoice_number is not null "
        "order by billing_period, document_type, invoice_number"
    )


def still_open(month: Month) -> Decimal:
    return Decimal(month.ask("select sum(open_amount) from internal.documents where billing_account_id = 'acme'")[0][0])


def balance(month: Month, grant_id: str = "late-bonus") -> Decimal:
    return Decimal(month.ask(f"select balance from grant_balances where grant_id = '{grant_id}'")[0][0])


# --- what is issued and not paid ------------------------------------------------------------


def test_a_bonus_from_the_past_lowers_an_unpaid_invoice_and_its_tax(month: Month) -> None:
    """40.00 off 135.00, and 20 % of it off the tax: a credit note of 48.00, 114.00 left of 162.00 (S1.19, S1.31)."""
    month.operate(bonus())
    run = post(month)
    assert corrections(month) == [("381", "CN-2026-00001", "INV-2026-00001", -40.0, -8.0, -48.0)]
    assert still_open(month) == Decimal("114.00")
    assert balance(month) == 0
    assert run.tables["changes"].rows() == [("acme", "2026-10", "credit note", Decimal("-48.0000"), "EUR")]


def test_a_correction_without_an_issue_date_is_a_draft_with_everything_posted(month: Month) -> None:
    month.operate(bonus())
    post(month, issue_date=None)
    assert corrections(month) == [("381", None, "INV-2026-00001", -40.0, -8.0, -48.0)]
    assert still_open(month) == Decimal("114.00")
    run = post(month)
    assert run.status == "committed"
    assert corrections(month) == [("381", "CN-2026-00001", "INV-2026-00001", -40.0, -8.0, -48.0)]


def test_what_is_issued_keeps_its_bytes(month: Month) -> None:
    before = {entry.path: entry.sha256 for entry in month.lake.snapshot().files("invoices", state="issued")}
    month.operate(bonus())
    post(month)
    after = {entry.path: entry.sha256 for entry in month.lake.snapshot().files("invoices", state="issued")}
    assert before.items() <= after.items()


def test_late_usage_is_a_supplementary_invoice(month: Month) -> None:
    """20 hours more are 10.00, 9.00 after the discount, 1.80 of tax: 10.80 (X4)."""
    month.ingest(month.usage("late.csv", LATE))
    post(month)
    assert corrections(month) == [("380", "INV-2026-00003", "INV-2026-00001", 9.0, 1.8, 10.8)]
    assert still_open(month) == Decimal("172.80")


def test_usage_of_a_month_before_the_first_that_was_billed_is_a_draft_of_that_month(month: Month) -> None:
    """20 hours of September are 10.00, without the discount, which begins in October, and 2.00 of tax (L3, X1)."""
    month.ingest(month.usage("early.csv", EARLY))
    run = post(month, issue_date=None)
    assert run.tables["changes"].rows() == [("acme", "2026-09", "draft", Decimal("12.0000"), "EUR")]
    assert post(month, issue_date=None).status == "nothing to do"
    month.issue(period="2026-09")
    assert still_open(month) == Decimal("174.00")


def test_a_month_that_was_passed_over_has_the_first_word_on_a_bonus(month: Month) -> None:
    """September takes 10.00 of the 40.00; the 30.00 that are left lower October by 36.00 with the tax (X3)."""
    month.operate(bonus(window_start="2026-09-01"))
    month.ingest(month.usage("early.csv", EARLY))
    post(month)
    assert corrections(month) == [("381", "CN-2026-00001", "INV-2026-00001", -30.0, -6.0, -36.0)]
    assert balance(month) == 0


def test_a_mended_price_reaches_the_accounts_that_used_it(month: Month) -> None:
    """200 hours at 0.40 instead of 0.50 are 20.00 less, 18.00 after the discount, 3.60 of tax: 21.60 for both."""
    prices = month.reference_folder / "sku_prices.csv"
    prices.write_text(prices.read_text().replace("0.50", "0.40"))
    post(month)
    assert corrections(month) == [("381", "CN-2026-00001", "INV-2026-00001", -18.0, -3.6, -21.6)]
    assert corrections(month, "acme-credit") == [("381", "CN-2026-00002", "INV-2026-00002", -18.0, -3.6, -21.6)]


def test_two_corrections_of_one_invoice_follow_one_another(month: Month) -> None:
    """First the bonus, then late usage: 9.00 and 1.80 on top of what the credit note left."""
    month.operate(bonus())
    post(month)
    month.ingest(month.usage("late.csv", LATE))
    post(month, issue_date=date(2026, 11, 25))
    assert corrections(month) == [
        ("380", "INV-2026-00003", "INV-2026-00001", 9.0, 1.8, 10.8),
        ("381", "CN-2026-00001", "INV-2026-00001", -40.0, -8.0, -48.0),
    ]
    assert still_open(month) == Decimal("124.80")


def test_nothing_new_is_nothing_to_do(month: Month) -> None:
    month.operate(bonus())
    post(month)
    head = month.lake.head().number
    assert post(month).status == "nothing to do"
    assert month.bill().status == "nothing to do"
    assert month.lake.head().number == head


def test_a_draft_is_made_anew_and_has_no_correction(tmp_path: Path) -> None:
    month = Month(tmp_path)
    month.ingest()
    month.bill()
    month.operate(bonus())
    run = post(month)
    assert run.tables["changes"].rows() == [("acme", "2026-10", "draft", Decimal("-48.0000"), "EUR")]
    assert month.due()["acme"] == Decimal("114.00")
    assert corrections(month) == []


# --- what is paid ------------------------------------------------------------


def test_a_paid_month_is_frozen_against_a_bonus(month: Month) -> None:
    """162.00 are paid: charges, tax and due stay, and the bonus keeps its 40.00 (X2)."""
    month.operate(payment("162"), received_at=NOVEMBER)
    month.operate(bonus(), received_at=NOVEMBER)
    post(month)
    assert corrections(month) == []
    assert balance(month) == Decimal(40)


def test_a_partly_paid_month_never_owes_less_than_was_paid(month: Month) -> None:
    """150.00 of 162.00 are paid: 12.00 may go, which is 10.00 of bonus and 2.00 of tax."""
    month.operate(payment("150"), received_at=NOVEMBER)
    month.operate(bonus(), received_at=NOVEMBER)
    post(month)
    assert corrections(month) == [("381", "CN-2026-00001", "INV-2026-00001", -10.0, -2.0, -12.0)]
    assert still_open(month) == 0
    assert balance(month) == Decimal(30)


def test_late_usage_of_a_paid_month_is_invoiced_and_new_bonuses_do_not_pay_it(month: Month) -> None:
    """The bonus came after the payment's month was settled, so the 10.80 are due in full (X4)."""
    month.operate(payment("162"), received_at=NOVEMBER)
    month.operate(bonus(), received_at=NOVEMBER)
    month.ingest(month.usage("late.csv", LATE), received_at=NOVEMBER)
    post(month)
    assert corrections(month) == [("380", "INV-2026-00003", "INV-2026-00001", 9.0, 1.8, 10.8)]
    assert balance(month) == Decimal(40)


def test_where_paid_charges_are_carried_forward_a_bonus_lowers_the_next_invoice(month: Month) -> None:
    """162.00 are paid. The credit note of 48.00 is open until November's 50.00 and 10.00 of tax: 12.00 are due (I6)."""
    policies = "billing_account_id,policy,value,valid_from\n,paid_charges,carry_forward,2000-01-01\n"
    (month.reference_folder / "billing_policies.csv").write_text(policies)
    month.operate(payment("162"), received_at=NOVEMBER)
    month.operate(bonus(), received_at=NOVEMBER)
    post(month)
    assert corrections(month) == [("381", "CN-2026-00001", "INV-2026-00001", -40.0, -8.0, -48.0)]
    assert (still_open(month), balance(month)) == (Decimal(-48), Decimal(0))
    assert post(month).status == "nothing to do"
    month.ingest(month.usage("november.csv", NEXT_MONTH), received_at=NOVEMBER)
    month.bill(period="2026-11")
    month.issue(date(2026, 12, 2), period="2026-11")
    assert still_open(month) == Decimal(12)


def test_a_reversed_payment_thaws_what_it_had_paid(month: Month) -> None:
    """The payment bounces: the month is unpaid again, and the bonus lowers it by 48.00."""
    month.operate(payment("162"), received_at=NOVEMBER)
    month.operate(bonus(), received_at=NOVEMBER)
    post(month)
    bounced = {
        "operation_id": "bounced",
        "operation": "reverse_payment",
        "occurred_at": "2026-11-12T09:00:00Z",
        "billing_account_id": "acme",
        "reverses_operation_id": "transfer",
    }
    month.operate(bounced, received_at=NOVEMBER)
    post(month)
    assert corrections(month) == [("381", "CN-2026-00001", "INV-2026-00001", -40.0, -8.0, -48.0)]


# --- several months ------------------------------------------------------------


@pytest.fixture
@made_once
def months(tmp_path: Path) -> Month:
    """October and November with a bonus of 100 from October on: 95.00 of it in October, 5.00 in November, both issued.

    October: 200 hours and the disk, 135.00 after discount; of November's 100 hours 50.00, no discount any more.
    """
    made = Month(tmp_path)
    made.ingest()
    made.operate(bonus(amount="100", occurred_at="2026-10-02T05:00:00Z"))
    made.bill()
    made.issue()
    made.ingest(made.usage("november.csv", NEXT_MONTH), received_at=NOVEMBER)
    made.bill(period="2026-11")
    made.issue(date(2026, 12, 2), period="2026-11")
    return made


def test_a_later_month_is_recomputed_on_what_an_earlier_one_leaves(months: Month) -> None:
    """The disk at no price leaves 90.00 of October, all paid by the bonus: 35.00 and 7.00 of tax less than before.

    The bonus has 10.00 left for November's 50.00: 40.00 and 8.00 of tax, 12.00 less than before.
    """
    prices = months.reference_folder / "sku_prices.csv"
    prices.write_text(prices.read_text().replace("0.10", "0.00"))
    run = post(months, issue_date=date(2026, 12, 3))
    assert corrections(months) == [
        ("381", "CN-2026-00001", "INV-2026-00001", -35.0, -7.0, -42.0),
        ("381", "CN-2026-00003", "INV-2026-00003", -10.0, -2.0, -12.0),
    ]
    assert run.tables["changes"].filter(billing_account_id="acme")["billing_period"].to_list() == ["2026-10", "2026-11"]
    assert balance(months) == 0


def test_an_earlier_month_takes_its_grant_first_and_a_later_one_gives_it_back(tmp_path: Path) -> None:
    """A bonus of 150: 135.00 for October, 15.00 of November's 50.00. 20 hours late in October are 9.00 more.

    So November keeps 6.00: it owes 9.00 and 1.80 of tax more, and its customer sees 9.00 returned.
    """
    month = Month(tmp_path)
    month.ingest()
    month.operate(bonus(amount="150", occurred_at="2026-10-02T05:00:00Z"))
    month.bill()
    month.issue()
    month.ingest(month.usage("november.csv", NEXT_MONTH), received_at=NOVEMBER)
    month.bill(period="2026-11")
    month.issue(date(2026, 12, 2), period="2026-11")
    month.ingest(month.usage("late.csv", LATE), received_at=NOVEMBER)
    post(month, issue_date=date(2026, 12, 3))
    assert balance(month) == 0
    assert month.ask(
        "select billing_period, movement, sum(amount)::double from grant_movements where grant_id = 'late-bonus' "
        "and movement in ('charged', 'returned') group by all order by all"
    ) == [("2026-10", "charged", -144.0), ("2026-11", "charged", -15.0), ("2026-11", "returned", 9.0)]
    assert corrections(month) == [
        ("380", "INV-2026-00004", "INV-2026-00001", 0.0, 0.0, 0.0),
        ("380", "INV-2026-00005", "INV-2026-00003", 9.0, 1.8, 10.8),
    ]


def test_what_a_paid_month_gives_back_reaches_an_earlier_one_in_the_same_backfill(month: Month) -> None:
    """November's 50.00 took the 40.00 of the bonus, and its 12.00 are paid: October may have none of it (X2).

    Then November's price is mended to 20.00: the bonus pays these alone, and the 10.00 and 2.00 of tax are credited.
    The 20.00 it gives back pay October, whose tax is 4.00 lower. Nothing is left to do after that (L1).
    """
    month.operate(bonus(), received_at=NOVEMBER)
    month.ingest(month.usage("november.csv", NEXT_MONTH), received_at=NOVEMBER)
    month.bill(period="2026-11")
    month.issue(date(2026, 12, 2), period="2026-11")
    month.operate({**payment("12"), "invoice_number": "INV-2026-00003"}, received_at=NOVEMBER)
    post(month, issue_date=None)
    assert (corrections(month), balance(month)) == ([], Decimal(0))
    month.add_reference("sku_prices", "vm-small-november,vm-small,EUR,unit,0.20,2026-11-01")
    run = post(month, issue_date=date(2026, 12, 3))
    assert corrections(month) == [
        ("381", "CN-2026-00001", "INV-2026-00001", -20.0, -4.0, -24.0),
        ("381", "CN-2026-00002", "INV-2026-00003", -10.0, -2.0, -12.0),
    ]
    assert (run.tables["touched"].select("billing_period", "why").unique().height, balance(month)) == (2, Decimal(0))
    assert post(month).status == "nothing to do"


def test_what_a_policy_lets_a_paid_month_go_reaches_the_months_before_the_policy(month: Month) -> None:
    """November's 50.00 took the 40.00 of the bonus, and its 12.00 are paid: October may have none of it (X2).

    From November on paid charges are carried forward: October has the 40.00 and pays 8.00 of tax less, November has
    none and owes both more.
    """
    month.operate(bonus(), received_at=NOVEMBER)
    month.ingest(month.usage("november.csv", NEXT_MONTH), received_at=NOVEMBER)
    month.bill(period="2026-11")
    month.issue(date(2026, 12, 2), period="2026-11")
    month.operate({**payment("12"), "invoice_number": "INV-2026-00003"}, received_at=NOVEMBER)
    post(month)
    assert corrections(month) == []
    policies = "billing_account_id,policy,value,valid_from\n,paid_charges,carry_forward,2026-11-01\n"
    (month.reference_folder / "billing_policies.csv").write_text(policies)
    post(month, issue_date=date(2026, 12, 3))
    assert corrections(month) == [
        ("381", "CN-2026-00001", "INV-2026-00001", -40.0, -8.0, -48.0),
        ("380", "INV-2026-00004", "INV-2026-00003", 40.0, 8.0, 48.0),
    ]
    assert balance(month) == 0
    assert post(month).status == "nothing to do"


def test_what_expired_is_taken_back_for_late_usage_inside_the_window(tmp_path: Path) -> None:
    """A bonus of 200 for October alone: 135.00 used, 65.00 expired. 9.00 late: the expiry is 56.00 (K3)."""
    month = Month(tmp_path)
    month.ingest()
    month.operate(bonus(amount="200", occurred_at="2026-10-02T05:00:00Z", window_end="2026-10-31"))
    month.bill()
    month.issue()
    month.ingest(month.usage("late.csv", LATE))
    post(month)
    assert month.ask(
        "select movement, amount::double from grant_movements where grant_id = 'late-bonus' "
        "and movement = 'expired' order by amount"
    ) == [("expired", -65.0), ("expired", 9.0)]
    assert balance(month) == 0


def test_a_policy_that_changes_while_an_issued_month_cannot_be_billed_waits_for_it(tmp_path: Path) -> None:
    """200.35 h and 500 GB are 150.18, less 15.02: 135.16 taxable, 27.032 of tax, rounded up 27.04. That is no more what
    policy says once the month is on hold for want of a price, and the books are kept (L4, T3); 0.01 goes back after it.
    """
    month = Month(tmp_path)
    policies = month.reference_folder / "billing_policies.csv"
    policies.write_text("policy,value,valid_from\nrounding_tax,up,2026-01-01\n")
    month.ingest()
    month.ingest(month.usage("odd.csv", ODD))
    month.bill()
    month.issue()
    taxed = "select total_without_tax, total_tax from invoices where billing_account_id = 'acme'"
    assert month.ask(taxed) == [(Decimal("135.16"), Decimal("27.04"))]
    policies.write_text("policy,value,valid_from\nrounding_tax,half_away,2026-01-01\n")
    prices = month.reference_folder / "sku_prices.csv"
    priced = prices.read_text()
    prices.write_text(priced.replace("0.50,2026-01-01", "0.50,2026-10-05"))
    assert post(month).status == "committed"
    assert month.ask("select reason_code from holds where billing_account_id = 'acme'") == [("R_NO_PRICE",)]
    assert corrections(month) == []
    assert audit_of(month.lake) == []
    prices.write_text(priced)
    post(month, received_at=NOVEMBER + timedelta(days=1))
    assert corrections(month) == [("381", "CN-2026-00001", "INV-2026-00001", 0.0, -0.01, -0.01)]
    assert month.ask("select * from holds") == []


def test_another_tax_code_of_what_discounts_took_whole_is_said_with_the_next_correction(tmp_path: Path) -> None:
    """All is given away: 150.00 of cost, nothing taxed under S, and so under Z, which is no document by itself (X1).
    With 20 hours more, 10.00 given away, the disk's 50.00 are taken back under S and said under Z.
    """
    month = Month(tmp_path)
    month.add_reference("discounts", "gift,percent,100,2026-10-01,")
    month.add_reference("tax_rates", "DE,DE,business,reverse,VAT,0,Z,2026-01-01")
    month.ingest()
    month.bill()
    month.issue()
    skus = month.reference_folder / "skus.csv"
    skus.write_text(skus.read_text().replace("gigabyte-month,sum,standard", "gigabyte-month,sum,reverse"))
    assert post(month).status == "committed"
    assert corrections(month) == []
    asked = "select code, sum(taxable_amount)::double from tax_shares where billing_account_id = 'acme' group by all"
    assert sorted(month.ask(asked)) == [("S", 0.0), ("Z", 0.0)]
    assert audit_of(month.lake) == []
    month.ingest(month.usage("late.csv", LATE), received_at=NOVEMBER)
    post(month, received_at=NOVEMBER + timedelta(days=1))
    lines = """
        select tax_code, said.list_cost::double, said.discount_amount::double from invoice_lines as said
        join invoices using (invoice_id)
        where preceding_invoice_number is not null order by all
    """
    assert month.ask(lines) == [("S", -50.0, -50.0), ("S", 10.0, 10.0), ("Z", 50.0, 50.0)]
    assert audit_of(month.lake) == []


def test_an_issued_month_keeps_its_cents_where_its_currency_has_none_any_more(tmp_path: Path) -> None:
    """150.18 less 15.02, and 27.03 of tax. The table then says that euros have no cents: an invoice with cents stays as
    it is and waits; with the cents back in the table, 20 hours more cost 9.00 and 1.80 of tax (M2, L4).
    """
    month = Month(tmp_path)
    month.ingest()
    month.ingest(month.usage("odd.csv", ODD))
    month.bill()
    month.issue()
    currencies = month.reference_folder / "currencies.csv"
    currencies.write_text("billing_currency,exponent,valid_from\nEUR,0,2020-01-01\n")
    month.ingest(month.usage("late.csv", LATE), received_at=NOVEMBER)
    assert post(month).status == "committed"
    assert corrections(month) == []
    assert month.ask("select reason_code from holds where billing_account_id = 'acme'") == [("H_KEPT",)]
    assert audit_of(month.lake) == []
    currencies.unlink()
    post(month, received_at=NOVEMBER + timedelta(days=1))
    assert corrections(month) == [("380", "INV-2026-00003", "INV-2026-00001", 9.0, 1.8, 10.8)]
    assert month.ask("select * from holds") == []


def test_what_a_voided_month_kept_of_a_bonus_is_an_earlier_ones(tmp_path: Path) -> None:
    """October is billed before a bonus of 50 for it comes; November's 50 are paid with that, and nothing is due: it is
    paid, and keeps it. Once it is voided, October goes first: 135 less 50, and 17 of tax; November's 50 are due (X2).
    """
    month = Month(tmp_path)
    month.ingest()
    month.bill()
    month.operate(bonus(amount="50"))
    month.ingest(month.usage("november.csv", NEXT_MONTH), received_at=NOVEMBER)
    month.bill(period="2026-11")
    month.issue(date(2026, 12, 1), period="2026-11", received_at=NOVEMBER)
    post(month, date(2026, 12, 1), NOVEMBER + timedelta(days=1))
    due = "select billing_period, sum(amount_due)::double from invoices where billing_account_id = 'acme' group by all"
    assert sorted(month.ask(due)) == [("2026-10", 162.0), ("2026-11", 0.0)]
    number = month.ask("select invoice_number from invoices where billing_period = '2026-11'")[0][0]
    void = {"operation": "void_invoice", "billing_account_id": "acme", "invoice_number": number}
    void |= {"operation_id": "void", "issue_date": "2026-12-03", "occurred_at": "2026-12-03T09:00:00Z"}
    assert month.operate(void, received_at=NOVEMBER + timedelta(days=2)).report["accepted"] == 1
    post(month, None, NOVEMBER + timedelta(days=3))
    drafts = f"{due.removesuffix('group by all')} and document_state = 'draft' group by all"
    assert sorted(month.ask(drafts)) == [("2026-10", 102.0), ("2026-11", 60.0)]
    assert audit_of(month.lake) == []


def test_what_an_issued_month_waits_for_is_still_said_when_it_is_billed_again(month: Month) -> None:
    """The machine has no price any more, so its charges would be others today: the price is what to mend (P4, L4)."""
    prices = month.reference_folder / "sku_prices.csv"
    prices.write_text(prices.read_text().replace("vm-small,EUR,", "vm-small,USD,"))
    post(month)
    asked = "select reason_code, reason from holds where billing_account_id = 'acme'"
    [(code, reason)] = month.ask(asked)
    assert (code, reason.endswith("sku_id vm-small")) == ("R_NO_PRICE", True)
    month.bill()
    assert month.ask(asked) == [(code, reason)]


def test_what_an_account_is_billed_in_by_now_is_not_added_to_what_it_was_billed_in(tmp_path: Path) -> None:
    """A draft of 162.00 euros becomes one of 162.00 dollars: 162.00 less of the one, 162.00 more of the other (M3)."""
    month = Month(tmp_path)
    month.ingest()
    month.bill()
    for table in ("billing_accounts", "sku_prices"):
        path = month.reference_folder / f"{table}.csv"
        path.write_text(path.read_text().replace("EUR", "USD"))
    run = post(month)
    changes = run.tables["changes"].filter(billing_account_id="acme").select("change", "amount", "billing_currency")
    assert changes.rows() == [("draft", Decimal(-162), "EUR"), ("draft", Decimal(162), "USD")]
    assert (run.report["changed"], run.report["changes"]) == (2, {"draft": 2})
