"""Which date's rate counts is a policy. By `period_end` the rates of the last instant are those of the whole month; by
`usage` each charge has the rates of its start, and lines are cut where a rate begins or ends, so that every charge has
one. Every SKU costs 1.00 an hour, so that hours read as euros.
"""

from __future__ import annotations

import polars as pl

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.charges import Charges
from schemas.holds import Holds
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.recurring_items import RecurringItems
from schemas.sku_prices import SkuPrices
from schemas.spend_limits import SpendLimits
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_rates import TaxRates
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, BONUS, bill
from tests.tables import assert_table, table

title = "Tax: whose date the rate is of (T1, policy tax_point)"

BY_USAGE = table(
    BillingPolicies,
    """
    policy    | value
    tax_point | usage
    """,
)
RISES_ON_THE_15TH = table(
    TaxRates,
    """
    tax_category | rate | valid_from | valid_until
    standard     | 0.2  | 2026-01-01 | 2026-10-15
    standard     | 0.25 | 2026-10-15 |
    reduced      | 0.1  | 2026-01-01 |
    """,
)
HUNDRED_AND_FIFTY = table(
    UsageRecords,
    """
    charge_period_start | consumed_quantity
    2026-10-05T00:00Z   |               100
    2026-10-20T00:00Z   |                50
    """,
)


def billed(
    usage_records: pl.DataFrame = HUNDRED_AND_FIFTY,
    tax_rates: pl.DataFrame = RISES_ON_THE_15TH,
    billing_policies: pl.DataFrame = BY_USAGE,
    **tables: pl.DataFrame,
) -> Outputs:
    """The month, taxed by usage unless a test says otherwise."""
    return bill(usage_records=usage_records, tax_rates=tax_rates, billing_policies=billing_policies, **tables)


def test_by_period_end_the_last_rate_is_that_of_the_whole_month() -> None:
    """25 % of 150.00, and the line stays whole."""
    outputs = billed(billing_policies=table(BillingPolicies, "policy | value\ntax_point | period_end"))
    assert_table(
        outputs.tax_breakdown,
        TaxBreakdown,
        """
        rate | taxable_amount | tax_amount
        0.25 |         150.00 |      37.50
        """,
    )
    assert_table(outputs.charges, Charges, "list_cost\n150.00")


def test_by_usage_each_part_has_the_rate_of_its_day() -> None:
    """20 % of 100.00 and 25 % of 50.00."""
    outputs = billed()
    assert_table(
        outputs.tax_breakdown,
        TaxBreakdown,
        """
        code | rate | taxable_amount | tax_amount
        S    | 0.2  |         100.00 |      20.00
        S    | 0.25 |          50.00 |      12.50
        """,
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        list_cost | line_amount | tax_amount
        100.00    |      100.00 |      20.00
        50.00     |       50.00 |      12.50
        """,
    )


def test_by_usage_each_rate_is_rounded_on_its_own() -> None:
    """0.02 at 20 % are 0.004, so nothing; 0.02 at 25 % are 0.005, so a cent. Together they would be 0.009, a cent."""
    usage = table(
        UsageRecords,
        """
        charge_period_start | consumed_quantity
        2026-10-05T00:00Z   |              0.02
        2026-10-20T00:00Z   |              0.02
        """,
    )
    assert_table(
        billed(usage).tax_breakdown,
        TaxBreakdown,
        """
        rate | taxable_amount | tax_amount
        0.2  |           0.02 |       0.00
        0.25 |           0.02 |       0.01
        """,
    )


def test_a_rate_boundary_moves_no_cent_of_list_cost() -> None:
    """Two hours at 0.005 are one cent: up to the cut 0.005, so 0.01, and the rest is nothing."""
    usage = table(
        UsageRecords,
        """
        charge_period_start | consumed_quantity
        2026-10-05T00:00Z   |                 1
        2026-10-20T00:00Z   |                 1
        """,
    )
    outputs = billed(usage, sku_prices=table(SkuPrices, "list_unit_price\n0.005"))
    assert_table(
        outputs.charges,
        Charges,
        """
        charge_period_start | charge_period_end | list_cost
        2026-10-01T00:00Z   | 2026-10-15T00:00Z |      0.01
        2026-10-15T00:00Z   | 2026-11-01T00:00Z |      0.00
        """,
    )


def test_a_rate_of_any_category_cuts_all_lines() -> None:
    """The standard rate rises; the training, which is reduced, is cut with it and taxed at 10 % on both sides."""
    usage = table(
        UsageRecords,
        """
        charge_period_start | consumed_quantity
        2026-10-05T00:00Z   |               100
        2026-10-20T00:00Z   |                50
        """,
        sku_id="training",
    )
    outputs = billed(usage)
    assert_table(outputs.charges, Charges, "list_cost\n100.00\n50.00")
    assert_table(outputs.tax_breakdown, TaxBreakdown, "rate | taxable_amount | tax_amount\n0.1 | 150.00 | 15.00")


def test_rates_of_other_jurisdictions_regions_and_statuses_cut_nothing() -> None:
    rates = table(
        TaxRates,
        """
        seller_jurisdiction | account_jurisdiction | account_region | tax_status | rate | valid_from
        DE                  | DE                   |                | business   | 0.2  | 2026-01-01
        AT                  | DE                   |                | business   | 0.2  | 2026-10-15
        DE                  | AT                   |                | business   | 0.2  | 2026-10-15
        DE                  | DE                   | DE-BY          | business   | 0.2  | 2026-10-15
        DE                  | DE                   |                | consumer   | 0.2  | 2026-10-15
        """,
    )
    outputs = billed(tax_rates=rates)
    assert_table(outputs.charges, Charges, "list_cost\n150.00")
    assert_table(outputs.tax_breakdown, TaxBreakdown, "taxable_amount | tax_amount\n150.00 | 30.00")


def test_a_rate_of_the_region_puts_the_others_aside_from_its_first_day_on() -> None:
    """20 % of 100.00 before the 15th; then the region's own 9 % and 9 %, twice 4.50 of 50.00."""
    rates = table(
        TaxRates,
        """
        account_region | component | rate | valid_from
                       | VAT       | 0.2  | 2026-01-01
        DE-BY          | land      | 0.09 | 2026-10-15
        DE-BY          | state     | 0.09 | 2026-10-15
        """,
    )
    accounts = table(
        BillingAccounts,
        """
        billing_account_id | region
        acme               | DE-BY
        """,
    )
    assert_table(
        billed(tax_rates=rates, billing_accounts=accounts).tax_breakdown,
        TaxBreakdown,
        """
        component | rate | taxable_amount | tax_amount
        VAT       | 0.2  |         100.00 |      20.00
        land      | 0.09 |          50.00 |       4.50
        state     | 0.09 |          50.00 |       4.50
        """,
    )


def test_a_charge_whose_day_has_no_rate_holds_its_account() -> None:
    """Standard begins on the 15th. By usage the 100.00 of the 5th have no rate; by period end all have it."""
    rates = table(
        TaxRates,
        """
        rate | valid_from
        0.2  | 2026-10-15
        """,
    )
    by_usage = billed(tax_rates=rates)
    assert_table(
        by_usage.holds,
        Holds,
        """
        billing_account_id | reason_code   | other_charges_amount
        acme               | H_NO_TAX_RATE |                50.00
        """,
    )
    assert by_usage.invoices.is_empty()
    by_period_end = bill(usage_records=HUNDRED_AND_FIFTY, tax_rates=rates)
    assert_table(by_period_end.invoices, Invoices, "total_tax\n30.00")


def test_a_day_without_a_rate_holds_nobody_who_used_nothing_then() -> None:
    usage = table(
        UsageRecords,
        """
        charge_period_start | consumed_quantity
        2026-10-20T00:00Z   |                50
        """,
    )
    rates = table(
        TaxRates,
        """
        rate | valid_from
        0.2  | 2026-10-15
        """,
    )
    assert_table(billed(usage, rates).invoices, Invoices, "total_tax\n10.00")


def test_a_rate_ends_on_its_day_where_the_account_is() -> None:
    """The 15th begins in Berlin at 22:00 UTC of the 14th: 10 hours at 20 %, 20 hours at 25 %."""
    usage = table(
        UsageRecords,
        """
        charge_period_start | consumed_quantity
        2026-10-14T21:59Z   |                10
        2026-10-14T22:00Z   |                20
        """,
    )
    accounts = table(
        BillingAccounts,
        """
        billing_account_id | time_zone
        acme               | Europe/Berlin
        """,
    )
    assert_table(
        billed(usage, billing_accounts=accounts).tax_breakdown,
        TaxBreakdown,
        """
        rate | taxable_amount | tax_amount
        0.2  |          10.00 |       2.00
        0.25 |          20.00 |       5.00
        """,
    )


def test_only_accounts_of_the_policy_are_cut() -> None:
    """Acme is taxed by usage: 32.50. Globex has the last rate for all: 37.50."""
    policies = table(
        BillingPolicies,
        """
        billing_account_id | policy    | value
        acme               | tax_point | usage
        """,
    )
    usage = table(
        UsageRecords,
        """
        billing_account_id | charge_period_start | consumed_quantity
        acme               | 2026-10-05T00:00Z   |               100
        acme               | 2026-10-20T00:00Z   |                50
        globex             | 2026-10-05T00:00Z   |               100
        globex             | 2026-10-20T00:00Z   |                50
        """,
    )
    outputs = billed(
        usage,
        billing_policies=policies,
        billing_accounts=table(BillingAccounts, "billing_account_id\nacme\nglobex"),
    )
    assert_table(
        outputs.invoices,
        Invoices,
        """
        billing_account_id | total_tax
        acme               |     32.50
        globex             |     37.50
        """,
    )
    assert_table(
        outputs.charges,
        Charges,
        """
        billing_account_id | list_cost
        acme               |    100.00
        acme               |     50.00
        globex             |    150.00
        """,
    )


def test_a_grant_for_the_whole_month_pays_both_sides_of_a_rate_boundary() -> None:
    """120 of bonus, the oldest first: all of the 100, and 20 of the 50. Taxed are 30.00 at 25 %."""
    outputs = billed(operations=table(Operations, "amount\n120", **BONUS))
    assert_table(
        outputs.tax_breakdown,
        TaxBreakdown,
        """
        rate | taxable_amount | tax_amount
        0.2  |           0.00 |       0.00
        0.25 |          30.00 |       7.50
        """,
    )


def test_a_charge_added_by_hand_has_the_rate_of_its_day() -> None:
    """40.00 on the 10th, at 20 %; 60.00 on the 20th, at 25 %."""
    outputs = billed(
        HUNDRED_AND_FIFTY.clear(),
        operations=table(
            Operations,
            """
            operation_id | operation  | occurred_at       | sku_id   | amount | text
            early        | add_charge | 2026-10-10T09:00Z | vm-small |     40 | Setup
            late         | add_charge | 2026-10-20T09:00Z | vm-small |     60 | Setup
            """,
            **ACME,
        ),
    )
    assert_table(
        outputs.invoice_lines,
        InvoiceLines,
        """
        list_cost | tax_amount
        40.00     |       8.00
        60.00     |      15.00
        """,
    )


def test_what_a_minimum_lacks_has_the_rate_of_the_last_instant() -> None:
    """150 of 200 were used: 20.00 and 12.50 of tax, and 25 % of the 50.00 that are lacking."""
    limits = table(
        SpendLimits,
        """
        billing_account_id | kind          | amount | true_up_sku_id
        acme               | minimum_spend |    200 | vm-small
        """,
    )
    assert_table(
        billed(spend_limits=limits).tax_breakdown,
        TaxBreakdown,
        """
        rate | taxable_amount | tax_amount
        0.2  |         100.00 |      20.00
        0.25 |         100.00 |      25.00
        """,
    )


def test_a_recurring_item_has_the_rate_of_its_start() -> None:
    """30.00 for the month, from the first on: 20 %."""
    items = table(
        RecurringItems,
        """
        recurring_item_id | sku_id   | quantity | valid_from
        support           | vm-small |       30 | 2026-01-01
        """,
        **ACME,
    )
    assert_table(
        billed(HUNDRED_AND_FIFTY.clear(), recurring_items=items).tax_breakdown,
        TaxBreakdown,
        """
        rate | taxable_amount | tax_amount
        0.2  |          30.00 |       6.00
        """,
    )


def test_by_usage_a_reverse_charge_may_begin_within_the_month() -> None:
    """20 % until the 15th; from then on the buyer accounts for it, and the document names base and reason."""
    rates = table(
        TaxRates,
        """
        rate | code | exemption_reason | valid_from | valid_until
        0.2  | S    |                  | 2026-01-01 | 2026-10-15
        0    | AE   | Reverse charge   | 2026-10-15 |
        """,
    )
    assert_table(
        billed(tax_rates=rates).tax_breakdown,
        TaxBreakdown,
        """
        code | rate | exemption_reason | taxable_amount | tax_amount
        S    | 0.2  |                  |         100.00 |      20.00
        AE   | 0    | Reverse charge   |          50.00 |       0.00
        """,
    )


def test_per_line_by_usage_rounds_every_charge_by_itself() -> None:
    """0.03 at 20 % are 0.006, twice, so 0.02 in two cents; the 0.03 at 25 % are 0.0075, so 0.01."""
    usage = table(
        UsageRecords,
        """
        sku_id   | charge_period_start | consumed_quantity
        vm-small | 2026-10-05T00:00Z   |              0.03
        database | 2026-10-05T00:00Z   |              0.03
        database | 2026-10-20T00:00Z   |              0.03
        """,
    )
    policies = table(
        BillingPolicies,
        """
        policy       | value
        tax_point    | usage
        tax_rounding | per_line
        """,
    )
    assert_table(
        billed(usage, billing_policies=policies).tax_breakdown,
        TaxBreakdown,
        """
        rate | taxable_amount | tax_amount
        0.2  |           0.06 |       0.02
        0.25 |           0.03 |       0.01
        """,
    )
