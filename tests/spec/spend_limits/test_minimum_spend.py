"""What a minimum lacks is one charge more, at the end of the period, of the SKU the limit names: after discounts and
caps, before grants and tax. Every SKU costs 1.00 an hour, so that hours read as euros; October has 31 days.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.charges import Charges
from schemas.discounts import Discounts
from schemas.holds import Holds
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.rating_lines import RatingLines
from schemas.skus import Skus
from schemas.spend_limits import SpendLimits
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, USUAL, bill
from tests.tables import assert_table, table

title = "Minimum spend: a true-up at the end of the period (P10)"

SKUS = pl.concat(
    [
        USUAL["skus"],
        table(
            Skus,
            """
            sku_id | description  | service | tax_category | pricing_unit
            least  | Minimum fee  | Fees    | standard     | month
            """,
        ),
    ]
)


def limits(text: str) -> pl.DataFrame:
    return table(SpendLimits, text, true_up_sku_id="least")


A_HUNDRED = limits(
    """
    spend_limit_id | kind          | amount | billing_account_id
    floor          | minimum_spend |    100 | acme
    """
)
FORTY = table(UsageRecords, "sku_id | consumed_quantity\nvm-large | 40")


def billed(spend_limits: pl.DataFrame = A_HUNDRED, usage_records: pl.DataFrame = FORTY, **terms: Any) -> Outputs:
    return bill(spend_limits=spend_limits, usage_records=usage_records, skus=SKUS, **terms)


def true_ups(outputs: Outputs) -> list[str]:
    """What was lacking."""
    return [f"{cost:.2f}" for cost in outputs.charges.filter(pl.col("sku_id") == "least")["list_cost"]]


def test_what_is_lacking_is_one_charge_at_the_end() -> None:
    """40 of 100: 60 are lacking, one unit, in the last microsecond of the month."""
    found = billed()
    assert_table(
        found.charges,
        Charges,
        """
        sku_id   | charge_category | charge_description | charge_period_start         | charge_period_end | pricing_quantity | pricing_unit | list_unit_price | list_cost | charge_order
        vm-large | usage           | Small virtual machine | 2026-10-01T00:00Z        | 2026-11-01T00:00Z |               40 | hour         |               1 |     40.00 |            1
        least    | one_off         | Minimum fee        | 2026-10-31T23:59:59.999999Z | 2026-11-01T00:00Z |                1 | month        |              60 |     60.00 |            2
        """,  # noqa: E501 (a table)
    )
    assert_table(
        found.invoices,
        Invoices,
        """
        list_cost | total_without_tax | total_tax | amount_due
        100.00    |            100.00 |     20.00 |     120.00
        """,
    )


def test_it_has_no_price_row_and_a_rating_line_of_its_own() -> None:
    assert_table(
        billed().rating_lines,
        RatingLines,
        """
        sku_id   | sku_price_id  | price_model | charge_category | list_cost | record_count
        vm-large | vm-large-list | unit        | usage           |     40.00 |            1
        least    |               |             | one_off         |     60.00 |            0
        """,
    )


@pytest.mark.parametrize(("hours", "lacking"), [("99", ["1.00"]), ("100", []), ("101", [])])
def test_a_minimum_that_is_reached_lacks_nothing(hours: str, lacking: list[str]) -> None:
    usage = table(UsageRecords, f"sku_id | consumed_quantity\nvm-large | {hours}")
    assert true_ups(billed(usage_records=usage)) == lacking


def test_an_account_without_usage_owes_all_of_it() -> None:
    found = billed(usage_records=UsageRecords.empty())
    assert_table(
        found.invoices,
        Invoices,
        """
        billing_account_id | list_cost | total_tax | amount_due
        acme               |    100.00 |     20.00 |     120.00
        """,
    )


def test_it_looks_at_charges_after_discounts() -> None:
    """40 less 10 % are 36: 64 lack; the discount does not reach the true-up."""
    found = billed(discounts=table(Discounts, "discount_id | value\nten | 10"))
    assert_table(
        found.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | discount_amount | line_amount
        vm-large |     40.00 |            4.00 |       36.00
        least    |     64.00 |               0 |       64.00
        """,
    )


def test_and_after_caps_which_do_not_reach_it() -> None:
    """A maximum of 30 and a minimum of 50 at once: 40 are capped to 30, and 20 lack."""
    both = limits(
        """
        spend_limit_id | kind          | amount | billing_account_id
        cap            | maximum_spend |     30 | acme
        floor          | minimum_spend |     50 | acme
        """
    )
    assert_table(
        billed(both).invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | cap_amount | line_amount
        vm-large |     40.00 |      10.00 |       30.00
        least    |     20.00 |          0 |       20.00
        """,
    )


def test_grants_do_not_lower_what_counts_and_may_pay_it() -> None:
    """A bonus of 70 pays the 40 used and 30 of the 60 that lack."""
    bonus = table(Operations, "kind | amount | window_start\nbonus | 70 | 2026-10-01", **ACME)
    assert_table(
        billed(operations=bonus).invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | grant_amount | line_amount | tax_amount
        vm-large |     40.00 |        40.00 |           0 |          0
        least    |     60.00 |        30.00 |       30.00 |       6.00
        """,
    )


@pytest.mark.parametrize(
    ("window", "lacking"),
    [
        ("2026-10-17 |", "8.39"),  # 15 of 31 days: 48.387…, so 48.39
        ("2026-01-01 | 2026-10-17", "11.61"),  # 16 of 31 days: 51.612…, so 51.61
        ("2026-10-31T12:00:00.000000Z |", None),  # a day is touched: 3.23
        ("2026-11-01 |", None),
    ],
)
def test_a_minimum_for_a_part_of_the_month_is_a_part_of_it_by_days(window: str, lacking: str | None) -> None:
    dated = limits(
        "spend_limit_id | kind | amount | billing_account_id | valid_from | valid_until\n"
        f"floor | minimum_spend | 100 | acme | {window}"
    )
    assert true_ups(billed(dated)) == ([] if lacking is None else [lacking])


@pytest.mark.parametrize(
    ("life", "window", "lacking"),
    [
        ("2026-01-01 | 2026-10-17", "2026-01-01", "11.61"),  # 16 of 31 days: 51.612…, so 51.61
        ("2026-10-17 |", "2026-01-01", "8.39"),  # 15 of 31 days: 48.387…, so 48.39
        ("2026-01-01 | 2026-10-25", "2026-10-09", "11.61"),  # 16 days of both
        ("2026-01-01 | 2026-10-17", "2026-10-17", None),
    ],
)
def test_a_minimum_is_for_the_days_that_its_account_is_there(life: str, window: str, lacking: str | None) -> None:
    dated = limits(
        f"spend_limit_id | kind | amount | billing_account_id | valid_from\nf | minimum_spend | 100 | acme | {window}"
    )
    lived = table(BillingAccounts, f"valid_from | valid_until\n{life}")
    assert true_ups(billed(dated, billing_accounts=lived)) == ([] if lacking is None else [lacking])


@pytest.mark.parametrize(("mode", "lacking"), [("half_away", "8.39"), ("up", "8.39"), ("down", "8.38")])
def test_it_is_rounded_like_charges(mode: str, lacking: str) -> None:
    dated = limits(
        "spend_limit_id | kind | amount | billing_account_id | valid_from\nf | minimum_spend | 100 | acme | 2026-10-17"
    )
    policies = table(BillingPolicies, f"policy | value\nrounding_charges | {mode}")
    assert true_ups(billed(dated, billing_policies=policies)) == [lacking]


def test_a_draft_has_no_true_up() -> None:
    """It is not over yet; and without usage there is no draft."""
    assert true_ups(billed(known_as_of="2026-10-31T23:59:59.999999Z")) == []
    assert true_ups(billed(known_as_of="2026-11-01T00:00:00Z")) == ["60.00"]
    assert billed(usage_records=UsageRecords.empty(), known_as_of="2026-10-20T00:00:00Z").invoices.is_empty()


TWO_ACCOUNTS = {
    "billing_accounts": table(BillingAccounts, "billing_account_id\nacme\nbeta\ngamma"),
    "usage_records": table(
        UsageRecords,
        """
        billing_account_id | sku_id   | consumed_quantity
        acme               | vm-large |                40
        acme               | vm-small |                90
        beta               | vm-large |                70
        gamma              | vm-small |                 5
        """,
    ),
}


def test_a_minimum_of_a_price_holds_for_each_account_that_uses_it() -> None:
    """vm-large: acme lacks 10 of 50 whatever else it uses, beta nothing; gamma does not use it."""
    price = limits(
        "spend_limit_id | kind | amount | sku_price_id | billing_account_id\nf | minimum_spend | 50 | vm-large-list |"
    )
    assert_table(
        billed(price, **TWO_ACCOUNTS).invoices,
        Invoices,
        """
        billing_account_id | list_cost
        acme               |    140.00
        beta               |     70.00
        gamma              |      5.00
        """,
    )


def test_one_of_a_price_and_an_account_is_owed_without_usage_too() -> None:
    price = limits(
        "spend_limit_id | kind | amount | sku_price_id | billing_account_id\n"
        "f | minimum_spend | 50 | vm-large-list | gamma"
    )
    assert_table(
        billed(price, **TWO_ACCOUNTS).invoices,
        Invoices,
        """
        billing_account_id | list_cost
        acme               |    130.00
        beta               |     70.00
        gamma              |     55.00
        """,
    )


def test_several_minima_are_looked_at_each_by_itself() -> None:
    """40 of 100 for the account, 40 of 50 for the price: 60 and 10 lack, and neither counts for the other."""
    several = limits(
        """
        spend_limit_id | kind          | amount | sku_price_id  | billing_account_id
        a              | minimum_spend |    100 |               | acme
        b              | minimum_spend |     50 | vm-large-list |
        """
    )
    assert sorted(true_ups(billed(several))) == ["10.00", "60.00"]


def test_added_charges_count_for_it() -> None:
    """40 used, 15 of setup, 5 given back: 50 lack."""
    added = table(
        Operations,
        """
        operation_id | operation  | amount | sku_id   | text  | occurred_at
        setup        | add_charge |     15 | training | Setup | 2026-10-02T00:00Z
        back         | add_charge |     -5 | training | Sorry | 2026-10-03T00:00Z
        """,
        **ACME,
    )
    assert true_ups(billed(operations=added)) == ["50.00"]


def test_what_was_given_back_lacks_too() -> None:
    """Nothing used, 5 given back: 105 lack."""
    back = table(
        Operations,
        "operation | amount | sku_id | text | occurred_at\nadd_charge | -5 | training | Sorry | 2026-10-03T00:00Z",
        **ACME,
    )
    assert true_ups(billed(usage_records=UsageRecords.empty(), operations=back)) == ["105.00"]


def test_a_true_up_without_a_tax_rate_puts_the_account_on_hold() -> None:
    skus = SKUS.with_columns(
        tax_category=pl.when(pl.col("sku_id") == "least").then(pl.lit("unheard")).otherwise("tax_category")
    )
    held = bill(spend_limits=A_HUNDRED, usage_records=FORTY, skus=skus)
    assert_table(
        held.holds,
        Holds,
        """
        billing_account_id | reason_code   | other_charges_amount
        acme               | H_NO_TAX_RATE |                40.00
        """,
    )
    assert held.invoices.is_empty()
    assert held.charges.is_empty()
    assert held.allocations.is_empty()


def test_its_id_is_that_of_the_limit_and_the_period() -> None:
    """The same whatever was used; another month gives another."""

    def ids(found: Outputs) -> list[str]:
        return found.charges.filter(pl.col("sku_id") == "least")["charge_id"].to_list()

    assert ids(billed()) == ids(billed(usage_records=UsageRecords.empty()))
    assert ids(billed()) != ids(billed(period="2026-11", known_as_of="2026-12-01T00:00:00Z"))
