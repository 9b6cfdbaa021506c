"""What a month came to, what changed since the commit before, and against the month before."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.month_report import MonthReport, month_report
from flows.orchestrated.summaries import against_last_month, month_summary
from tests.flows.billing.months import Month


@pytest.fixture
def month(tmp_path: Path) -> Month:
    """October, billed: acme's 40 are a bonus, acme-credit's a credit."""
    return Month(tmp_path).whole()


def report(month: Month, period: str = "2026-10") -> MonthReport:
    return month_report(month.lake, period, month.lake.head())


def row(found: Any) -> dict[str, Any]:
    """The only row, without what is nothing."""
    return {name: value for name, value in found.row(0, named=True).items() if value}


def late(month: Month) -> None:
    """Ten hours more for acme at 0.50: 5.00, less 10 % is 4.50, with 20 % of tax 5.40."""
    usage = "late-1,acme,,vm-1,vm-small,eu-1,2026-10-05T00:00:00Z,2026-10-05T10:00:00Z,10,hour"
    month.ingest(month.usage("late.csv", usage))


def test_totals_are_those_of_the_documents(month: Month):
    """acme: 150 - 15 - 40 = 95, tax 19, due 114. acme-credit: 150 - 15 = 135, tax 27, 162 less 40 is 122 due."""
    assert row(report(month).totals) == {
        "billing_currency": "EUR",
        "documents": 2,
        "list_cost": Decimal(300),
        "discount_amount": Decimal(30),
        "grant_amount": Decimal(40),
        "total_without_tax": Decimal(230),
        "total_tax": Decimal(46),
        "total_with_tax": Decimal(276),
        "credit_amount": Decimal(40),
        "paid_amount": Decimal(40),
        "amount_due": Decimal(236),
    }


def test_what_changed_is_the_difference_to_the_commit_before(month: Month):
    late(month)
    month.bill()
    found = report(month)
    assert found.changed_accounts == 1
    assert row(found.changes) == {
        "billing_currency": "EUR",
        "list_cost": Decimal("5.00"),
        "discount_amount": Decimal("0.50"),
        "total_without_tax": Decimal("4.50"),
        "total_tax": Decimal("0.90"),
        "total_with_tax": Decimal("5.40"),
        "amount_due": Decimal("5.40"),
    }


def test_a_commit_that_changes_no_document_has_no_changes(month: Month):
    late(month)
    found = report(month)
    assert (found.changed_accounts, found.changes.height) == (0, 0)


def test_the_largest_changes_against_the_month_before_come_first(month: Month):
    """November has acme's ten hours alone: 5.00, and no discount reaches it unless it lasts; October had 95 and 135."""
    usage = "n-1,acme,,vm-1,vm-small,eu-1,2026-11-05T00:00:00Z,2026-11-05T10:00:00Z,10,hour"
    month.ingest(month.usage("november.csv", usage))
    month.bill(period="2026-11")
    found = against_last_month(report(month, "2026-11"))
    assert [one["account"] for one in found] == ["acme-credit", "acme"]
    assert found[0] == {
        "account": "acme-credit",
        "currency": "EUR",
        "last month": "135.00",
        "this month": "0.00",
        "change": "-135.00",
    }


def test_the_page_names_rows_set_aside_by_reason_and_escapes_what_came_from_outside(month: Month):
    usage = "x-1,acme,,vm-1,nonsense,eu-1,2026-10-05T00:00:00Z,2026-10-05T10:00:00Z,10,hour"
    month.ingest(month.usage("unknown.csv", usage))
    page = month_summary(report(month))
    assert r"| R\_UNKNOWN\_SKU | 1 |" in page
    assert "| amount due | 236.00 |" in page
    assert f"commit `{month.lake.head().hash}`" in page
