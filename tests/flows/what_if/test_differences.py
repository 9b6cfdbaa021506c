"""What a flow would change is told per account, service, tax and grant, and is not done (X5).

October of acme: 200 h of 0.50 and 500 GB of 0.10 are 150; 10 % off: 135; 40 of bonus leave 95 taxable; 19 of tax: 114.
acme-credit spends its 40 after tax: 135 and 27 of tax are 162; 122 are due.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.bill_period import bill_period
from flows.lake.journal import Lake
from flows.operations import land_operations
from flows.reference import load_reference
from flows.run import Run
from flows.what_if import Differences, WhatIf, by_service, by_tax, dry_run, totals
from tests.flows.billing.months import PERIOD, RECEIVED, Month
from tests.flows.what_if.untouched import picture

BONUS = {
    "operation_id": "sorry-acme",
    "operation": "grant_credit",
    "actor": "operator",
    "occurred_at": "2026-10-20T08:00:00Z",
    "billing_account_id": "acme",
    "kind": "bonus",
    "name": "Sorry",
    "amount": "20.00",
    "window_start": "2026-10-01",
    "window_end": "2026-12-31",
}


@pytest.fixture
def month(tmp_path: Path) -> Month:
    return Month(tmp_path).whole()


def billed(month: Month, *operations: dict[str, Any]) -> Callable[[Lake], Iterator[Run]]:
    """Land operations, then bill October again, by the reference folder as it is then."""
    file = month.folder / "what-if.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in operations))

    def changes(lake: Lake) -> Iterator[Run]:
        reference = load_reference(month.reference_folder)
        if operations:
            yield land_operations(lake, reference, [file], received_at=RECEIVED, actor="operator")
        yield bill_period(lake, reference, period=PERIOD)

    return changes


def changes_of(rows: pl.DataFrame, *keys: str) -> list[dict[str, Any]]:
    """Rows as their keys and what changes; changes of nothing are left out."""
    return [
        {
            name: value
            for name, value in row.items()
            if name in keys or (name.endswith(("_change", "_before", "_after")) and value != 0)
        }
        for row in rows.to_dicts()
    ]


def test_a_bonus_lowers_what_is_due_by_itself_and_its_tax(month: Month) -> None:
    """20 more of bonus leave 75 taxable; 15 of tax: 90, that is 24 less: 20 and 4 of tax."""
    month.lake.close()
    before = picture(month.folder / "lake")
    found = dry_run(month.lake, billed(month, BONUS)).differences
    assert changes_of(found.accounts, "billing_account_id", "billing_period") == [
        {
            "billing_account_id": "acme",
            "billing_period": "2026-10",
            "amount_due_before": Decimal(114),
            "amount_due_after": Decimal(90),
            "grant_amount_change": Decimal(20),
            "total_tax_change": Decimal(-4),
            "total_with_tax_change": Decimal(-24),
            "amount_due_change": Decimal(-24),
        }
    ]
    assert picture(month.folder / "lake") == before
    assert month.due() == {"acme": Decimal(114), "acme-credit": Decimal(122)}


def test_the_services_the_taxes_and_the_grants_say_the_same(month: Month) -> None:
    """The first 40 pay the machine until its 90 net are down to 50: all of the 20 go there too (oldest first; the disk
    began as early, and compute stands before storage)."""
    found = dry_run(month.lake, billed(month, BONUS)).differences
    assert changes_of(found.services, "service") == [
        {
            "service": "compute",
            "line_amount_before": Decimal(50),
            "line_amount_after": Decimal(30),
            "grant_amount_change": Decimal(20),
            "line_amount_change": Decimal(-20),
            "tax_amount_change": Decimal(-4),
        }
    ]
    assert changes_of(found.taxes, "code", "component", "rate") == [
        {
            "code": "S",
            "component": "VAT",
            "rate": Decimal("0.2"),
            "tax_amount_before": Decimal(19),
            "tax_amount_after": Decimal(15),
            "taxable_amount_change": Decimal(-20),
            "tax_amount_change": Decimal(-4),
        }
    ]
    assert changes_of(found.grants, "name") == [
        {"name": "Sorry", "granted_amount_change": Decimal(20), "used_amount_change": Decimal(20)}
    ]


def test_a_credit_after_tax_lowers_what_is_due_by_itself_alone(month: Month) -> None:
    """Of 162 then 60 are paid by credit: 102 are due, and tax stays 27."""
    credit = {**BONUS, "operation_id": "sorry-credit", "billing_account_id": "acme-credit", "kind": "credit"}
    found = dry_run(month.lake, billed(month, credit)).differences
    assert changes_of(found.accounts, "billing_account_id") == [
        {
            "billing_account_id": "acme-credit",
            "amount_due_before": Decimal(122),
            "amount_due_after": Decimal(102),
            "credit_amount_change": Decimal(20),
            "amount_due_change": Decimal(-20),
        }
    ]
    assert found.taxes.is_empty()


def test_a_changed_price_is_told_per_account_and_added_up_per_currency(month: Month) -> None:
    """The disk at 0.20: 100 instead of 50, 90 after the discount instead of 45; 45 and 9 of tax more for each."""
    prices = month.reference_folder / "sku_prices.csv"
    prices.write_text(prices.read_text().replace("EUR,unit,0.10", "EUR,unit,0.20"))
    found = dry_run(month.lake, billed(month)).differences
    due = dict(found.accounts.select("billing_account_id", "amount_due_change").iter_rows())
    assert due == {"acme": Decimal(54), "acme-credit": Decimal(54)}
    assert changes_of(totals(found), "billing_currency", "account_count") == [
        {
            "billing_currency": "EUR",
            "account_count": 2,
            "amount_due_before": Decimal(236),  # 114 and 122
            "amount_due_after": Decimal(344),
            "list_cost_change": Decimal(100),
            "discount_amount_change": Decimal(10),
            "total_tax_change": Decimal(18),
            "total_with_tax_change": Decimal(108),
            "amount_due_change": Decimal(108),
        }
    ]
    assert by_service(found).select("service", "line_amount_change").rows() == [("storage", Decimal(90))]
    assert by_tax(found).select("component", "tax_amount_change").rows() == [("VAT", Decimal(18))]
    assert found.grants.is_empty()


def test_the_largest_change_comes_first_whatever_its_sign(month: Month) -> None:
    """10 less 10 % are 9, and 1.80 of tax: 10.80 more; 30 back less 10 % are 27, and 5.40 of tax: 32.40 less."""
    back = {
        "operation": "add_charge",
        "actor": "operator",
        "occurred_at": "2026-10-20T00:00:00Z",
        "tax_category": "standard",
        "text": "Sorry",
        "billing_period": PERIOD,
    }
    charges = [
        {**back, "operation_id": "a", "billing_account_id": "acme", "amount": "10"},
        {**back, "operation_id": "b", "billing_account_id": "acme-credit", "amount": "-30"},
    ]
    found = dry_run(month.lake, billed(month, *charges)).differences
    assert found.accounts.select("billing_account_id", "amount_due_change").rows() == [
        ("acme-credit", Decimal("-32.4")),
        ("acme", Decimal("10.8")),
    ]


def test_an_account_that_would_be_on_hold_is_named(month: Month) -> None:
    """Without a price for the disk both accounts are parked, and what they were to pay goes."""
    prices = month.reference_folder / "sku_prices.csv"
    prices.write_text("".join(f"{line}\n" for line in prices.read_text().splitlines() if "disk" not in line))
    asked = dry_run(month.lake, billed(month))
    holds = asked.differences.holds.select("billing_account_id", "reason_code", "is_new").rows()
    assert holds == [("acme", "R_NO_PRICE", True), ("acme-credit", "R_NO_PRICE", True)]
    assert asked.differences.accounts["amount_due_after"].to_list() == [Decimal(0), Decimal(0)]
    assert asked.exit_code == 3


def test_nothing_changed_gives_no_difference(month: Month) -> None:
    asked = dry_run(month.lake, billed(month))
    assert asked.differences.is_empty
    assert asked.exit_code == 0


def test_an_operation_that_would_be_rejected_is_told(month: Month) -> None:
    asked = dry_run(month.lake, billed(month, {**BONUS, "kind": "gift"}))
    assert asked.runs[0].report["reasons"] == {"O_UNKNOWN_KIND": 1}
    assert asked.differences.is_empty
    assert asked.exit_code == 3


def test_accounts_come_with_the_reasons_that_a_run_gives(month: Month) -> None:
    def changes(lake: Lake) -> Iterator[Run]:
        *before, last = billed(month, BONUS)(lake)
        yield from before
        touched = {
            "billing_account_id": ["acme", "acme", "acme-credit"],
            "billing_period": [PERIOD] * 3,
            "why": ["late usage", "grant_credit sorry-acme", "late usage"],
        }
        yield Run(last.status, "backfill", last.commit, last.report, {"touched": pl.DataFrame(touched)})

    asked: WhatIf = dry_run(month.lake, changes)
    found: Differences = asked.differences
    assert found.accounts.select("billing_account_id", "why").rows() == [
        ("acme", ["grant_credit sorry-acme", "late usage"])
    ]
    assert asked.touched.height == 3
