"""The worked example of tax and grants, files in, invoices and ledger out (rule book, section 5)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from flows.run import Refusal
from tests.flows.billing.months import Month


@pytest.fixture
def month(tmp_path: Path) -> Month:
    return Month(tmp_path).whole()


def test_a_bonus_lowers_the_tax_and_a_credit_does_not(month: Month) -> None:
    """Lines 100 and 50, 10 % discount, 40, tax 20 %: 95 + 19 = 114 as a bonus, 135 + 27 - 40 = 122 as a credit."""
    found = month.ask(
        "select billing_account_id, list_cost, discount_amount, grant_amount, total_without_tax, total_tax, "
        "total_with_tax, credit_amount, amount_due from invoices order by 1"
    )
    assert found == [
        ("acme", *map(Decimal, ("150", "15", "40", "95", "19", "114", "0", "114"))),
        ("acme-credit", *map(Decimal, ("150", "15", "0", "135", "27", "162", "40", "122"))),
    ]


def test_the_oldest_line_takes_the_bonus_first(month: Month) -> None:
    """Both lines begin with the month; compute comes before storage: 90 - 40 = 50, and 45 stays whole (G5)."""
    found = month.ask(
        "select service, line_amount, grant_amount, tax_amount from invoice_lines "
        "where billing_account_id = 'acme' order by line_number"
    )
    assert found == [
        ("compute", Decimal(50), Decimal(40), Decimal(10)),
        ("storage", Decimal(45), Decimal(0), Decimal(9)),
    ]


def test_the_ledger_says_the_same_as_the_invoices(month: Month) -> None:
    """Receivable 114 + 122; revenue 2 x 150; discounts 2 x 15; VAT 19 + 27; both grants are used up (B1)."""
    found = {
        account: balance
        for account, balance in month.ask("select ledger_account, balance from trial_balance order by 1")
        if balance
    }
    assert found == {
        "receivable": Decimal(236),
        "revenue/compute": Decimal(-200),
        "revenue/storage": Decimal(-100),
        "discounts_given": Decimal(30),
        "tax_payable/DE/VAT": Decimal(-46),
        "bonus_expense": Decimal(80),
    }
    assert month.ask("select sum(amount) from ledger_entries") == [(Decimal(0),)]


def test_what_a_bonus_paid_is_told_by_its_expense_number(month: Month) -> None:
    """S1.8 to S1.12: credited, then charged for one expense, signed."""
    found = month.ask(
        "select sum, description, expiration from bonus_credits where billing_account_id = 'acme' order by sum"
    )
    assert found == [
        (Decimal(-40), "Charged for expense ID 1", "2026-10-01 – 2026-12-31"),
        (Decimal(40), "Credited", "2026-10-01 – 2026-12-31"),
    ]


def test_the_credit_limit_counts_what_is_billed_and_not_yet_paid(month: Month) -> None:
    """500 less 114 and less 122 (I5, S0.4)."""
    found = month.ask(
        "select used_credit_limit, available_credit from credit_limit_overview order by billing_account_id"
    )
    assert found == [(Decimal(114), Decimal(386)), (Decimal(122), Decimal(378))]


def test_the_same_month_again_is_nothing_to_do(month: Month) -> None:
    head = month.lake.head()
    assert month.bill().status == "nothing to do"
    assert month.operate().status == "nothing to do"
    assert month.lake.head() == head


def test_issued_documents_have_gap_free_numbers_in_account_order(month: Month) -> None:
    run = month.issue()
    assert run.status == "committed"
    found = month.ask("select invoice_number, billing_account_id, due_date::varchar from invoices order by 1")
    assert found == [("INV-2026-00001", "acme", "2026-11-17"), ("INV-2026-00002", "acme-credit", "2026-11-17")]
    assert month.bill().status == "nothing to do"


@pytest.mark.parametrize("groups", [0, -1])
def test_into_no_group_at_all_nothing_is_billed(month: Month, groups: int) -> None:
    """Minus one was a month without an account: committed, and said again by every later run."""
    head = month.lake.head()
    with pytest.raises(Refusal, match="name at least one"):
        month.bill(groups=groups)
    assert month.lake.head() == head


@pytest.mark.parametrize("buckets", [1, 5, 64])
def test_buckets_and_groups_change_no_cent_and_no_id(tmp_path: Path, month: Month, buckets: int) -> None:
    (tmp_path / "other").mkdir()
    other = Month(tmp_path / "other", buckets=buckets)
    other.ingest()
    other.operate()
    other.bill(groups=3)
    for table in ("charges", "allocations", "tax_shares", "invoices", "invoice_lines", "ledger_entries"):
        order = f"select * from {table} order by all"
        assert other.ask(order) == month.ask(order), table
