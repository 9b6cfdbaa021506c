"""A maximum takes off what an account, or its use of a price, costs above it: after discounts, before grants and tax,
from the last rating line first. Every SKU costs 1.00 an hour, so that hours read as euros.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.allocations import Allocations
from schemas.billing_accounts import BillingAccounts
from schemas.discounts import Discounts
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.spend_limits import SpendLimits
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Maximum spend: a cap on what a period costs (P10)"


def limits(text: str) -> pl.DataFrame:
    return table(SpendLimits, text, kind="maximum_spend", true_up_sku_id=None)


def used(text: str) -> pl.DataFrame:
    return table(UsageRecords, text)


THREE_LINES = used(
    """
    sku_id   | consumed_quantity
    database |                40
    vm-large |                50
    vm-small |                30
    """
)
"""120 euros. The lines stand as vm-large, vm-small (Cloud), database (Database)."""

A_HUNDRED = limits(
    """
    spend_limit_id | amount | billing_account_id
    cap            |    100 | acme
    """
)


def capped(spend_limits: pl.DataFrame = A_HUNDRED, usage_records: pl.DataFrame = THREE_LINES, **terms: Any) -> Outputs:
    return bill(spend_limits=spend_limits, usage_records=usage_records, **terms)


def caps(billed: Outputs) -> list[tuple[str, str, str]]:
    """Who was capped, by what, by how much."""
    rows = billed.allocations.filter(pl.col("allocation_kind") == "cap").join(billed.charges, on="charge_id")
    rows = rows.sort("allocation_order", "charge_order")
    return [(sku, limit, f"{mu:.2f}") for sku, limit, mu in rows.select("sku_id", "source_id", "amount").iter_rows()]


def test_what_is_over_the_maximum_comes_off_the_last_line() -> None:
    """120 are 20 over 100; the last line, of the database, has 40."""
    billed = capped()
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | cap_amount | line_amount | tax_amount
        vm-large |     50.00 |          0 |       50.00 |      10.00
        vm-small |     30.00 |          0 |       30.00 |       6.00
        database |     40.00 |      20.00 |       20.00 |       4.00
        """,
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        list_cost | cap_amount | total_without_tax | total_tax | amount_due
        120.00    |      20.00 |            100.00 |     20.00 |     120.00
        """,
    )


def test_it_goes_on_with_the_line_before_once_a_line_has_nothing_left() -> None:
    """Of 120, 50 may stay: 40 of the database, then 30 of vm-small."""
    fifty = limits("spend_limit_id | amount | billing_account_id\ncap | 50 | acme")
    assert caps(capped(fifty)) == [("vm-small", "cap", "30.00"), ("database", "cap", "40.00")]


def test_in_a_line_it_goes_from_the_last_charge_back() -> None:
    """A bonus from the 15th cuts the line: 60 before, 60 after. 20 come off the later part, the bonus pays 40 of it."""
    billed = capped(
        usage_records=used(
            """
            sku_id   | charge_period_start | consumed_quantity
            vm-large | 2026-10-05T00:00Z   |                60
            vm-large | 2026-10-20T00:00Z   |                60
            """
        ),
        operations=table(Operations, "kind | amount | window_start\nbonus | 90 | 2026-10-15", **ACME),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        charge_period_start | list_cost | cap_amount | grant_amount | line_amount
        2026-10-01T00:00Z   |     60.00 |          0 |            0 |       60.00
        2026-10-15T00:00Z   |     60.00 |      20.00 |        40.00 |           0
        """,
    )


def test_a_maximum_that_is_not_reached_takes_nothing() -> None:
    """Nor one that is just reached."""
    just = limits("spend_limit_id | amount | billing_account_id\ncap | 120 | acme")
    assert capped(just).allocations.is_empty()


def test_it_looks_at_charges_after_discounts() -> None:
    """120 less 10 % are 108: 8 over."""
    discounts = table(Discounts, "discount_id | value\nten | 10")
    assert caps(capped(discounts=discounts)) == [("database", "cap", "8.00")]


def test_a_maximum_of_zero_makes_everything_free() -> None:
    nothing = limits("spend_limit_id | amount | billing_account_id\ncap | 0 | acme")
    assert_table(
        capped(nothing).invoices,
        Invoices,
        """
        list_cost | cap_amount | total_without_tax | total_tax | amount_due
        120.00    |     120.00 |                 0 |         0 |          0
        """,
    )


def test_a_credit_counts_against_what_is_over_and_is_not_capped() -> None:
    """120 less a credit of 30 are 90: under 100. With a maximum of 80, 10 are over."""
    back = table(
        Operations,
        """
        operation  | amount | sku_id   | text       | occurred_at
        add_charge |    -30 | database | Correction | 2026-10-20T00:00Z
        """,
        **ACME,
    )
    assert caps(capped(operations=back)) == []
    eighty = limits("spend_limit_id | amount | billing_account_id\ncap | 80 | acme")
    assert caps(capped(eighty, operations=back)) == [("database", "cap", "10.00")]


def test_a_maximum_of_a_price_looks_at_what_it_priced_alone() -> None:
    """vm-large is 20 over its 30; the rest is as it was."""
    price = limits("spend_limit_id | amount | sku_price_id | billing_account_id\ncap | 30 | vm-large-list | acme")
    assert caps(capped(price)) == [("vm-large", "cap", "20.00")]


TWO_ACCOUNTS = {
    "billing_accounts": table(BillingAccounts, "billing_account_id\nacme\nbeta"),
    "usage_records": used(
        """
        billing_account_id | sku_id   | consumed_quantity
        acme               | vm-large |                50
        beta               | vm-large |                40
        beta               | vm-small |                 5
        """
    ),
}


def test_a_maximum_of_a_price_without_account_holds_for_each_account_by_itself() -> None:
    price = limits("spend_limit_id | amount | sku_price_id | billing_account_id\ncap | 30 | vm-large-list |")
    assert_table(
        capped(price, **TWO_ACCOUNTS).invoices,
        Invoices,
        """
        billing_account_id | list_cost | cap_amount
        acme               |     50.00 |      20.00
        beta               |     45.00 |      10.00
        """,
    )


def test_a_maximum_of_one_account_is_nothing_to_another() -> None:
    ten = limits("spend_limit_id | amount | billing_account_id\ncap | 10 | beta")
    assert_table(
        capped(ten, **TWO_ACCOUNTS).invoices,
        Invoices,
        """
        billing_account_id | cap_amount
        acme               |          0
        beta               |      35.00
        """,
    )


def test_maxima_of_prices_go_first_and_each_sees_what_is_left() -> None:
    """Of 120, z takes 20 off vm-large; 100 are left, so the account's 90 take 10 off the database."""
    several = limits(
        """
        spend_limit_id | amount | sku_price_id  | billing_account_id
        a              |     90 |               | acme
        z              |     30 | vm-large-list |
        """
    )
    billed = capped(several)
    assert caps(billed) == [("vm-large", "z", "20.00"), ("database", "a", "10.00")]
    assert_table(
        billed.allocations,
        Allocations,
        """
        allocation_kind | tax_position | source_id | allocation_order | amount
        cap             | before       | z         |                1 |  20.00
        cap             | before       | a         |                2 |  10.00
        """,
    )


def test_what_another_account_has_changes_no_order() -> None:
    """beta's 45: its price takes 10 first, then the account's 30 take 5 of vm-small; acme has a limit of its own."""
    several = limits(
        """
        spend_limit_id | amount | sku_price_id  | billing_account_id
        a-acme         |     20 |               | acme
        b-beta         |     30 |               | beta
        c-beta         |     30 | vm-large-list | beta
        """
    )
    assert caps(capped(several, **TWO_ACCOUNTS)) == [
        ("vm-large", "a-acme", "30.00"),
        ("vm-large", "c-beta", "10.00"),
        ("vm-small", "b-beta", "5.00"),
    ]


def test_of_two_maxima_of_one_kind_the_id_goes_first() -> None:
    """a takes 30; with 90 left, b takes nothing. The other way about, each would have taken some."""
    several = limits(
        """
        spend_limit_id | amount | billing_account_id
        b              |    110 | acme
        a              |     90 | acme
        """
    )
    assert caps(capped(several)) == [("database", "a", "30.00")]


def test_two_maxima_of_one_price_go_one_after_the_other_beside_those_of_other_prices() -> None:
    """vm-large 50: b leaves 40, c leaves 35. vm-small 30: a leaves 10. 120 − 15 − 20 are 85: d takes 5."""
    several = limits(
        """
        spend_limit_id | amount | sku_price_id  | billing_account_id
        d              |     80 |               | acme
        c              |     35 | vm-large-list |
        b              |     40 | vm-large-list | acme
        a              |     10 | vm-small-list |
        """
    )
    assert caps(capped(several)) == [
        ("vm-small", "a", "20.00"),
        ("vm-large", "b", "10.00"),
        ("vm-large", "c", "5.00"),
        ("database", "d", "5.00"),
    ]


@pytest.mark.parametrize(
    ("window", "is_capped"),
    [
        ("2026-10-31 |", True),
        ("2026-01-01 | 2026-11-01", True),
        ("2026-01-01 | 2026-10-31", False),
        ("2026-11-01 |", False),
    ],
)
def test_what_counts_is_whether_it_holds_at_the_end_of_the_period(window: str, is_capped: bool) -> None:
    dated = limits(
        f"spend_limit_id | amount | billing_account_id | valid_from | valid_until\ncap | 100 | acme | {window}"
    )
    assert bool(caps(capped(dated))) is is_capped


def test_a_draft_is_capped_like_the_invoice_it_becomes() -> None:
    assert caps(capped(known_as_of="2026-10-20T00:00:00Z")) == [("database", "cap", "20.00")]


def test_a_maximum_in_another_currency_is_none() -> None:
    """The loader refuses it where it names the account or its price."""
    foreign = limits("spend_limit_id | amount | billing_account_id | billing_currency\ncap | 100 | acme | KRW")
    assert caps(capped(foreign)) == []


def test_one_off_and_recurring_charges_count_too() -> None:
    """120 and 15 of setup: 35 over. The setup, of the 2nd, is the last line: 15, then 20 of the database."""
    setup = table(
        Operations,
        """
        operation  | amount | sku_id   | text  | occurred_at
        add_charge |     15 | training | Setup | 2026-10-02T00:00Z
        """,
        **ACME,
    )
    assert caps(capped(operations=setup)) == [("database", "cap", "20.00"), ("training", "cap", "15.00")]


def test_the_ledger_gives_it_as_a_discount() -> None:
    """Revenue is what it cost at list price; what the cap takes is given. The tax is owed by an entry of its own."""
    assert_table(
        capped().ledger,
        LedgerEntries,
        """
        ledger_account     |  amount
        receivable         |  100.00
        receivable         |   20.00
        discounts_given    |   20.00
        revenue/Cloud      |  -80.00
        revenue/Database   |  -40.00
        tax_payable/DE/VAT |  -20.00
        """,
    )
