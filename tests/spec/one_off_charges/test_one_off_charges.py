"""`add_charge` puts an amount of either sign on the invoice: of a SKU, or of a tax category alone. Discounts, caps,
grants and tax apply as to any charge. Every SKU costs 1.00 an hour; tax is 20 % on `standard`, 10 % on `reduced`.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.charges import Charges
from schemas.discounts import Discounts
from schemas.holds import Holds
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.principals import Principals
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill, decided
from tests.tables import assert_table, table

title = "One-off charges: what was added by hand (1.3)"

TEN_HOURS = table(UsageRecords, "sku_id | consumed_quantity\nvm-large | 10")


def added(text: str, **columns: str) -> pl.DataFrame:
    return table(Operations, text, **{**ACME, "operation": "add_charge", "text": "Setup help", **columns})


SETUP = added(
    """
    operation_id | amount | sku_id   | occurred_at
    setup        |  25.50 | database | 2026-10-07T09:30Z
    """
)


def charged(operations: pl.DataFrame = SETUP, **terms: Any) -> Outputs:
    return bill(operations=operations, **terms)


def test_a_charge_of_a_sku_is_one_unit_at_its_instant() -> None:
    found = charged()
    assert_table(
        found.charges,
        Charges,
        """
        sku_id   | service  | charge_category | charge_description | charge_period_start | charge_period_end        | pricing_quantity | pricing_unit | list_unit_price | list_cost | sku_price_id
        database | Database | one_off         | Setup help         | 2026-10-07T09:30Z   | 2026-10-07T09:30:00.000001Z |             1 | hour         |            25.5 |     25.50 |
        """,  # noqa: E501 (a table)
    )
    assert_table(
        found.rating_lines,
        RatingLines,
        """
        sku_id   | charge_category | sku_price_id | price_model | pricing_quantity | list_cost | record_count
        database | one_off         |              |             |                1 |     25.50 |            0
        """,
    )
    assert_table(
        found.invoices,
        Invoices,
        """
        list_cost | total_tax | amount_due
        25.50     |      5.10 |      30.60
        """,
    )


def test_a_charge_of_a_tax_category_alone_is_of_no_sku() -> None:
    found = charged(
        added(
            """
            amount | tax_category | occurred_at
            10     | reduced      | 2026-10-07T09:30Z
            """
        )
    )
    assert_table(
        found.charges,
        Charges,
        """
        sku_id | service | service_category | feature | tax_category | pricing_unit | list_cost
               | other   | other            | other   | reduced      | unit         |     10.00
        """,
    )
    assert_table(found.invoices, Invoices, "total_tax\n1.00")
    assert_table(
        found.ledger,
        LedgerEntries,
        """
        ledger_account     | amount
        receivable         |  10.00
        receivable         |   1.00
        revenue/other      | -10.00
        tax_payable/DE/VAT |  -1.00
        """,
    )


def test_a_tax_category_goes_before_that_of_the_sku() -> None:
    both = added("amount | sku_id | tax_category\n10 | database | reduced", occurred_at="2026-10-07T09:30Z")
    assert_table(
        charged(both).invoice_lines, InvoiceLines, "sku_id | tax_category | tax_amount\ndatabase | reduced | 1.00"
    )


def test_a_credit_lowers_the_invoice_and_its_tax() -> None:
    """10 of vm-large less 4: 6 and 1.20 of tax."""
    back = added("amount | sku_id\n-4 | vm-large", occurred_at="2026-10-07T09:30Z")
    assert_table(
        charged(back, usage_records=TEN_HOURS).invoices,
        Invoices,
        """
        document_type | list_cost | total_tax | amount_due
        380           |      6.00 |      1.20 |       7.20
        """,
    )


def test_a_credit_alone_is_a_credit_note() -> None:
    back = added("amount | sku_id\n-4 | vm-large", occurred_at="2026-10-07T09:30Z")
    assert_table(
        charged(back).invoices,
        Invoices,
        """
        document_type | list_cost | total_tax | amount_due
        381           |     -4.00 |     -0.80 |      -4.80
        """,
    )


def test_it_stands_among_the_other_charges_in_their_order() -> None:
    """By start: usage of the month on the 1st, then what was added."""
    two = added(
        """
        operation_id | amount | sku_id   | occurred_at
        b            |      1 | database | 2026-10-07T00:00Z
        a            |      2 | vm-large | 2026-10-07T00:00Z
        c            |      3 | database | 2026-10-03T00:00Z
        d            |      4 | vm-large | 2026-10-01T00:00Z
        """
    )
    assert_table(
        charged(two, usage_records=TEN_HOURS).charges,
        Charges,
        """
        sku_id   | charge_category | list_cost | charge_order
        vm-large | one_off         |      4.00 |            1
        vm-large | usage           |     10.00 |            2
        database | one_off         |      3.00 |            3
        vm-large | one_off         |      2.00 |            4
        database | one_off         |      1.00 |            5
        """,
    )


def test_two_that_are_alike_are_two() -> None:
    """They stand in the order of their ids."""
    twice = added(
        """
        operation_id | amount
        b            |      5
        a            |      7
        """,
        tax_category="standard",
        occurred_at="2026-10-07T00:00Z",
    )
    found = charged(twice)
    assert_table(found.charges, Charges, "list_cost | charge_order\n7.00 | 1\n5.00 | 2")
    assert found.charges["charge_id"].n_unique() == 2


def test_discounts_and_grants_apply_as_to_any_charge() -> None:
    """10 % of 25.50 are 2.55; a bonus for one-offs pays 20 of the 22.95 left."""
    bonus = table(Operations, "operation_id | kind | amount | window_start\nbonus | bonus | 20 | 2026-10-01", **ACME)
    bonus = bonus.with_columns(include=pl.Series([["charge:one_off"]]))
    found = charged(
        pl.concat([SETUP, bonus]), usage_records=TEN_HOURS, discounts=table(Discounts, "discount_id | value\nten | 10")
    )
    assert_table(
        found.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | discount_amount | grant_amount | line_amount | tax_amount
        vm-large |     10.00 |            1.00 |            0 |        9.00 |       1.80
        database |     25.50 |            2.55 |        20.00 |        2.95 |       0.59
        """,
    )


def test_what_is_for_one_sku_does_not_reach_a_charge_without_one() -> None:
    plain = added("amount | tax_category\n10 | standard", occurred_at="2026-10-07T00:00Z")
    discounts = table(Discounts, "discount_id | value | sku_id\nten | 10 | vm-large")
    assert charged(plain, discounts=discounts).allocations.is_empty()


# --- where it lies


@pytest.mark.parametrize(
    ("occurred_at", "start"),
    [
        ("2026-10-01T00:00Z", "2026-10-01T00:00Z"),
        ("2026-10-31T23:59:59.999999Z", "2026-10-31T23:59:59.999999Z"),
        ("2026-09-30T12:00Z", "2026-10-01T00:00Z"),
        ("2026-11-02T12:00Z", "2026-10-31T23:59:59.999999Z"),
    ],
)
def test_it_lies_where_it_occurred_or_at_the_nearer_end_of_its_period(occurred_at: str, start: str) -> None:
    named = added("amount | sku_id | billing_period\n1 | database | 2026-10", occurred_at=occurred_at)
    assert_table(charged(named).charges, Charges, f"charge_period_start\n{start}")


def test_without_a_period_it_is_of_the_month_it_occurs_in_where_the_account_is() -> None:
    """20:00 of 30 September in UTC is 1 October in Seoul."""
    late = added("amount | sku_id\n1 | database", occurred_at="2026-09-30T20:00Z")
    seoul = table(BillingAccounts, "billing_account_id | time_zone\nacme | Asia/Seoul")
    assert charged(late).charges.is_empty()
    assert_table(charged(late, billing_accounts=seoul).charges, Charges, "charge_period_start\n2026-09-30T20:00:00Z")
    assert decided(operations=late, billing_accounts=seoul)["billing_period"].to_list() == ["2026-10"]


@pytest.mark.parametrize(
    ("occurred_at", "recorded_at", "is_counted"),
    [
        ("2026-10-09T23:59:59.999999Z", "2026-10-10T00:00Z", True),
        ("2026-10-10T00:00Z", "2026-10-10T00:00Z", False),
        ("2026-10-01T00:00Z", "2026-10-10T00:00:00.000001Z", False),
    ],
)
def test_a_draft_has_what_occurred_before_it_and_was_recorded(
    occurred_at: str, recorded_at: str, is_counted: bool
) -> None:
    one = added("amount | sku_id\n1 | database", occurred_at=occurred_at, recorded_at=recorded_at)
    draft = charged(one, known_as_of="2026-10-10T00:00:00Z")
    assert draft.charges.height == is_counted


def test_it_keeps_its_id_whatever_else_is_charged() -> None:
    alone, among = charged(), charged(usage_records=TEN_HOURS)
    ids = among.charges.filter(pl.col("charge_category") == "one_off")["charge_id"]
    assert ids.to_list() == alone.charges["charge_id"].to_list()


# --- holds


def test_an_account_that_is_not_open_in_its_period_is_held() -> None:
    closed = table(BillingAccounts, "billing_account_id | valid_from | valid_until\nacme | 2026-01-01 | 2026-10-01")
    found = charged(billing_accounts=closed)
    assert_table(found.holds, Holds, "billing_account_id | reason_code\nacme | H_ACCOUNT_CLOSED")
    assert found.charges.is_empty()


def test_it_is_among_the_other_charges_of_an_account_on_hold() -> None:
    """Usage without a price parks the account; 25.50 would be billed."""
    prices = table(SkuPrices, "sku_price_id | sku_id\nvm-small-list | vm-small")
    assert_table(
        charged(usage_records=TEN_HOURS, sku_prices=prices).holds,
        Holds,
        """
        reason_code | other_charges_amount
        R_NO_PRICE  |                25.50
        """,
    )


def test_a_tax_category_without_a_rate_puts_the_account_on_hold() -> None:
    odd = added("amount | tax_category\n10 | unheard", occurred_at="2026-10-07T00:00Z")
    assert_table(
        charged(odd, usage_records=TEN_HOURS).holds,
        Holds,
        """
        reason_code   | other_charges_amount
        H_NO_TAX_RATE |                10.00
        """,
    )


# --- decisions


def test_what_is_refused() -> None:
    operations = added(
        """
        operation_id | amount             | sku_id  | tax_category | sub_account_id | billing_currency | billing_period
        a            | 12.50              | image   |              |                |                  |
        b            | -12.50             |         | standard     | website        | EUR              | 2026-10
        c            |                    | image   |              |                |                  |
        e            | 12.50              |         |              |                |                  |
        f            | 12.50              | image   |              | nowhere        |                  |
        g            | 12.50              | unheard |              |                |                  |
        h            | 12.50              | image   |              |                | KRW              |
        i            | 0                  | image   |              |                |                  |
        j            | 100000000000000    | image   |              |                |                  |
        k            | 12.501             | image   |              |                |                  |
        l            | 12.50              | image   |              |                |                  | 2026-13
        m            | -99999999999999.99 | image   |              |                |                  |
        n            | -100000000000000   | image   |              |                |                  |
        """
    )
    assert_table(
        decided(operations=operations),
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | accepted |
        c            | rejected | O_MISSING_FIELD
        e            | rejected | O_MISSING_FIELD
        f            | rejected | O_UNKNOWN_PROJECT
        g            | rejected | O_UNKNOWN_SKU
        h            | rejected | O_CURRENCY
        i            | rejected | O_AMOUNT
        j            | rejected | O_AMOUNT
        k            | rejected | O_PRECISE
        l            | rejected | O_BAD_FIELD
        m            | accepted |
        n            | rejected | O_AMOUNT
        """,
    )


@pytest.mark.parametrize("text", [None, "", "  "])
def test_it_says_what_it_is_for(text: str | None) -> None:
    without = SETUP.with_columns(text=pl.lit(text, dtype=pl.String))
    assert_table(decided(operations=without), Operations, "operation_id | reason_code\nsetup | O_MISSING_FIELD")


@pytest.mark.parametrize(
    ("role", "account", "reason"),
    [("staff", "", None), ("billing_manager", "acme", "O_FORBIDDEN"), ("organization_owner", "acme", "O_FORBIDDEN")],
)
def test_staff_alone_adds_charges(role: str, account: str, reason: str | None) -> None:
    principals = table(Principals, f"principal_id | role | billing_account_id\nada | {role} | {account}")
    one = SETUP.with_columns(actor=pl.lit("ada"))
    assert decided(operations=one, principals=principals)["reason_code"].to_list() == [reason]


def test_a_refused_one_charges_nothing() -> None:
    assert charged(SETUP.with_columns(sku_id=pl.lit("unheard"))).charges.is_empty()
