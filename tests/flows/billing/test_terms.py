"""A month with a recurring item, an added charge, a cap and a minimum: files in, invoices and ledger out (P9, P10).

acme uses 100 and 50, has support for 15 of 31 days at 31 a month (15.00) and 20 of setup: 185, less 10 % are 166.50.
Its cap of 150 takes 16.50 off the last line, the setup. The bonus pays 40, so 110 are taxed: 132.00 due. acme-credit
uses 150, less 10 % are 135, of a minimum of 200: 65 lack; 240 with tax, less 40 of credit. bare uses nothing and owes
15 of 31 days of 30: 14.52, 17.42 with tax.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.lake.audit import audit_of, verify
from flows.run import Refusal
from tests.flows.billing.months import Month

SETUP = {
    "operation_id": "setup",
    "operation": "add_charge",
    "occurred_at": "2026-10-07T09:00:00Z",
    "recorded_at": "2026-10-07T09:00:00Z",
    "billing_account_id": "acme",
    "amount": "20",
    "tax_category": "standard",
    "text": "Setup help",
}


def prepared(folder: Path, **options: Any) -> Month:
    """The first-invoice example with the terms above."""
    folder.mkdir(exist_ok=True)
    month = Month(folder, **options)
    month.add_reference(
        "billing_accounts",
        'bare,north,Bare GmbH,"Markt 3, 50667 Köln, DE",EUR,Europe/Berlin,DE,business,14,false,,2026-01-01',
    )
    month.add_reference(
        "skus",
        "support,Support,support,Help,,month,sum,standard,false,2026-01-01",
        "least,Minimum fee,fees,Fees,,month,sum,standard,false,2026-01-01",
    )
    month.add_reference("sku_prices", "support-eur,support,EUR,unit,31,2026-01-01")
    (month.reference_folder / "recurring_items.csv").write_text(
        "recurring_item_id,billing_account_id,sku_id,quantity,proration,valid_from\n"
        "support-acme,acme,support,1,day,2026-10-17\n"
    )
    (month.reference_folder / "spend_limits.csv").write_text(
        "spend_limit_id,kind,billing_account_id,amount,billing_currency,true_up_sku_id,valid_from\n"
        "cap-acme,maximum_spend,acme,150,EUR,,2026-01-01\n"
        "least-credit,minimum_spend,acme-credit,200,EUR,least,2026-01-01\n"
        "least-bare,minimum_spend,bare,30,EUR,least,2026-10-17\n"
    )
    month.ingest()
    month.operate()
    month.operate(SETUP)
    return month


def billed(folder: Path, **options: Any) -> Month:
    month = prepared(folder, **options)
    month.bill()
    return month


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """The month, billed; no test changes it."""
    return billed(tmp_path_factory.mktemp("terms"))


def test_the_invoices_are_what_is_worked_above(done: Month) -> None:
    found = done.ask(
        "select billing_account_id, list_cost, discount_amount, cap_amount, grant_amount, total_without_tax, "
        "total_tax, credit_amount, amount_due from invoices order by 1"
    )
    assert found == [
        ("acme", *map(Decimal, ("185", "18.5", "16.5", "40", "110", "22", "0", "132"))),
        ("acme-credit", *map(Decimal, ("215", "15", "0", "0", "200", "40", "40", "200"))),
        ("bare", *map(Decimal, ("14.52", "0", "0", "0", "14.52", "2.90", "0", "17.42"))),
    ]


def test_the_lines_say_what_each_is(done: Month) -> None:
    found = done.ask(
        "select description, charge_category, lines.list_cost, cap_amount, line_amount "
        "from invoice_lines as lines join charges using (charge_id) order by lines.billing_account_id, line_number"
    )
    assert found == [
        ("Small virtual machine", "usage", Decimal(100), Decimal(0), Decimal(50)),
        ("SSD block storage", "usage", Decimal(50), Decimal(0), Decimal(45)),
        ("Support", "recurring", Decimal(15), Decimal(0), Decimal("13.5")),
        ("Setup help", "one_off", Decimal(20), Decimal("16.5"), Decimal("1.5")),
        ("Small virtual machine", "usage", Decimal(100), Decimal(0), Decimal(90)),
        ("SSD block storage", "usage", Decimal(50), Decimal(0), Decimal(45)),
        ("Minimum fee", "one_off", Decimal(65), Decimal(0), Decimal(65)),
        ("Minimum fee", "one_off", Decimal("14.52"), Decimal(0), Decimal("14.52")),
    ]


def test_the_books_hold_and_the_ledger_says_the_same(done: Month) -> None:
    """Discounts and the cap are given: 18.50 + 16.50 + 15.00."""
    assert audit_of(done.lake) == []
    assert verify(done.lake) == []
    found = dict(done.ask("select ledger_account, balance from trial_balance where balance <> 0 order by 1"))
    assert found == {
        "receivable": Decimal("349.42"),
        "discounts_given": Decimal(50),
        "bonus_expense": Decimal(80),
        "revenue/compute": Decimal(-200),
        "revenue/storage": Decimal(-100),
        "revenue/support": Decimal(-15),
        "revenue/other": Decimal(-20),
        "revenue/fees": Decimal("-79.52"),
        "tax_payable/DE/VAT": Decimal("-64.90"),
    }


def test_the_same_month_again_is_nothing_to_do_and_it_is_issued(tmp_path: Path) -> None:
    month = billed(tmp_path)
    assert month.bill().status == "nothing to do"
    assert month.issue().status == "committed"
    assert month.ask("select count(*) from invoices where document_state = 'issued'") == [(3,)]


@pytest.mark.parametrize("buckets", [1, 5])
def test_buckets_and_groups_change_no_cent_and_no_id(done: Month, tmp_path: Path, buckets: int) -> None:
    other = prepared(tmp_path / "other", buckets=buckets)
    other.bill(groups=3)
    for table in ("rating_lines", "charges", "allocations", "tax_shares", "invoices", "invoice_lines"):
        order = f"select * from {table} order by all"
        assert other.ask(order) == done.ask(order), table


def test_a_charge_added_after_billing_makes_the_draft_stale_and_is_in_the_next(tmp_path: Path) -> None:
    """10 for bare, 9 after the discount: then only 5.52 lack of its minimum, so it owes what it did before."""
    month = billed(tmp_path)
    month.operate({**SETUP, "operation_id": "more", "billing_account_id": "bare", "amount": "10"})
    with pytest.raises(Refusal, match="billfold bill --period 2026-10"):
        month.issue()
    assert month.bill().status == "committed"
    assert month.due()["bare"] == Decimal("17.42")
    lines = "select description, list_cost from invoice_lines where billing_account_id = 'bare' order by line_number"
    assert month.ask(lines) == [("Setup help", Decimal(10)), ("Minimum fee", Decimal("5.52"))]


def test_a_charge_added_after_the_issue_is_shown_and_changes_nothing(tmp_path: Path) -> None:
    month = billed(tmp_path)
    month.issue()
    before = month.ask("select * from invoices order by all")
    month.operate({**SETUP, "operation_id": "more", "amount": "10"})
    run = month.bill()
    assert month.ask("select * from invoices order by all") == before
    assert [(hold["billing_account_id"], hold["reason_code"]) for hold in run.report["holds"]] == [("acme", "H_ISSUED")]


def test_a_month_to_date_has_what_has_begun_and_no_minimum(tmp_path: Path) -> None:
    """Up to 20 October: everything of acme has begun; the minima are not looked at. The grants are not known yet."""
    month = prepared(tmp_path)
    month.bill(until=datetime(2026, 10, 20, tzinfo=UTC))
    found = month.ask("select billing_account_id, list_cost, cap_amount, total_without_tax from invoices order by 1")
    assert found == [
        ("acme", *map(Decimal, ("185", "16.5", "150"))),
        ("acme-credit", *map(Decimal, ("150", "0", "135"))),
    ]


def test_a_charge_for_an_earlier_month_has_that_month_billed_first(tmp_path: Path) -> None:
    month = prepared(tmp_path)
    month.operate({**SETUP, "operation_id": "early", "billing_period": "2026-09", "amount": "5"})
    with pytest.raises(Refusal, match="billfold bill --period 2026-09"):
        month.bill()
    month.bill(period="2026-09")
    month.bill()
    assert month.ask(
        "select list_cost from invoices where billing_period = '2026-09' and billing_account_id = 'acme'"
    ) == [(Decimal(5),)]
    assert month.due()["acme"] == Decimal(132)
    assert audit_of(month.lake) == []
