"""A fixed discount is an amount off what it reaches in a billing period: once, in proportion to what is above zero, and
what finds nothing to lower is gone. Every SKU costs 1.00 an hour, so that hours read as euros.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from rating.outputs import Outputs
from schemas.allocations import Allocations
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.discounts import Discounts
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.promo_codes import PromoCodes
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Discounts: a fixed amount per month (D2)"

EUROS = {"kind": "fixed", "billing_currency": "EUR"}
HUNDRED_HOURS = table(UsageRecords, "consumed_quantity\n100")
HUNDRED_AND_FIFTY = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-small |               100
    database |                50
    """,
)


def off(discounts: pl.DataFrame, usage_records: pl.DataFrame = HUNDRED_HOURS, **tables: pl.DataFrame) -> Outputs:
    """The month, with these discounts."""
    return bill(usage_records=usage_records, discounts=discounts, **tables)


def test_an_amount_is_split_over_the_lines_in_proportion_and_lowers_the_tax() -> None:
    """30 of 100 and 50: 20 and 10. Taxable are 80 and 40, at 20 %."""
    billed = off(table(Discounts, "value\n30", **EUROS), HUNDRED_AND_FIFTY)
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | discount_amount | line_amount | tax_amount
        vm-small |    100.00 |           20.00 |       80.00 |      16.00
        database |     50.00 |           10.00 |       40.00 |       8.00
        """,
    )


def test_the_cents_of_an_amount_go_by_largest_remainder() -> None:
    """10 over three lines of 100 are 3.333 each: the cent goes to the first line."""
    billed = off(
        table(Discounts, "value\n10", **EUROS),
        table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-large |               100
            vm-small |               100
            database |               100
            """,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | discount_amount
        vm-large |            3.34
        vm-small |            3.33
        database |            3.33
        """,
    )


def test_what_an_amount_finds_nothing_for_lapses() -> None:
    """130 off 100: 100, and nothing is due."""
    billed = off(table(Discounts, "value\n130", **EUROS))
    assert_table(
        billed.invoices,
        Invoices,
        """
        list_cost | discount_amount | total_tax | amount_due
        100.00    |          100.00 |         0 |          0
        """,
    )


def test_the_next_month_has_the_same_amount_again_and_nothing_of_the_last() -> None:
    """30 off 20 in October leave 10 unused; 30 off 100 in November are 30."""
    discount = table(Discounts, "value\n30", **EUROS)
    october = off(discount, table(UsageRecords, "consumed_quantity\n20"))
    november = bill(
        period="2026-11",
        known_as_of="2026-12-03T12:00:00Z",
        discounts=discount,
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | charge_period_end | consumed_quantity
            2026-11-05T00:00Z   | 2026-11-05T01:00Z |               100
            """,
        ),
    )
    assert_table(october.invoices, Invoices, "discount_amount\n20.00")
    assert_table(november.invoices, Invoices, "discount_amount\n30.00")


BEFORE_AND_AFTER_THE_15TH = table(
    UsageRecords,
    """
    charge_period_start | consumed_quantity
    2026-10-05T00:00Z   |               100
    2026-10-20T00:00Z   |                50
    """,
)


def test_an_amount_is_whole_in_a_month_that_its_window_covers_in_part() -> None:
    """From the 15th on: 30 of the 50 that lie in the window."""
    billed = off(table(Discounts, "value | valid_from\n30 | 2026-10-15", **EUROS), BEFORE_AND_AFTER_THE_15TH)
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        list_cost | discount_amount
        100.00    |            0.00
        50.00     |           30.00
        """,
    )


def test_an_amount_reaches_no_further_than_its_window_even_where_it_lapses() -> None:
    """80 off the 50 from the 15th on: 50, and the 100 before stay as they are."""
    billed = off(table(Discounts, "value | valid_from\n80 | 2026-10-15", **EUROS), BEFORE_AND_AFTER_THE_15TH)
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        list_cost | discount_amount
        100.00    |            0.00
        50.00     |           50.00
        """,
    )


def test_within_a_line_an_amount_goes_by_the_value_up_to_each_cut() -> None:
    """10 off a line of 150 that something else cuts on the 15th: up to there 6.667, so 6.67; the rest is 3.33."""
    billed = off(
        table(
            Discounts,
            """
            discount_id | kind    | value | billing_currency | valid_from
            ten         | fixed   |    10 | EUR              | 2026-01-01
            cut         | percent |     0 |                  | 2026-10-15
            """,
        ),
        BEFORE_AND_AFTER_THE_15TH,
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        list_cost | discount_amount
        100.00    |            6.67
        50.00     |            3.33
        """,
    )


def test_a_cut_moves_no_cent_of_an_amount_to_another_line() -> None:
    """0.02 over three lines of 0.05: a cent each for the first two, with the first line cut and without."""

    def lines(cut_for: str) -> pl.DataFrame:
        billed = off(
            table(
                Discounts,
                f"""
                discount_id | kind    | value | billing_currency | sku_id    | valid_from
                cents       | fixed   |  0.02 | EUR              |           | 2026-01-01
                cut         | percent |     0 |                  | {cut_for} | 2026-10-15
                """,
            ),
            table(
                UsageRecords,
                """
                sku_id   | charge_period_start | consumed_quantity
                vm-large | 2026-10-05T00:00Z   |              0.02
                vm-large | 2026-10-20T00:00Z   |              0.03
                vm-small | 2026-10-05T00:00Z   |              0.05
                database | 2026-10-05T00:00Z   |              0.05
                """,
            ),
        )
        by_sku = billed.invoice_lines.group_by("sku_id").agg(pl.col("discount_amount").sum())
        return by_sku.with_columns(pl.col("discount_amount").cast(InvoiceLines.columns()["discount_amount"]))

    wanted = """
        sku_id   | discount_amount
        vm-large |            0.01
        vm-small |            0.01
        database |            0.00
        """
    assert_table(lines("vm-large"), InvoiceLines, wanted)
    assert_table(lines("training"), InvoiceLines, wanted)


def test_lines_below_zero_have_no_part_in_an_amount() -> None:
    """120 off a line of 100 and one of -40: the 100 above zero are gone, the -40 stay."""
    billed = off(
        table(Discounts, "value\n120", **EUROS),
        table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               100
            database |               -40
            """,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | discount_amount | line_amount
        vm-small |    100.00 |          100.00 |        0.00
        database |    -40.00 |            0.00 |      -40.00
        """,
    )


def test_a_reversal_within_a_line_gives_back_its_part_of_an_amount() -> None:
    """40 off a line of 100 and -20, cut on the 15th. The line is 80: up to the cut 40 × 100 ÷ 80, then -10 of it."""
    billed = off(
        table(
            Discounts,
            """
            discount_id | kind    | value | billing_currency | valid_from
            forty       | fixed   |    40 | EUR              | 2026-01-01
            cut         | percent |     0 |                  | 2026-10-15
            """,
        ),
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-05T00:00Z   |               100
            2026-10-20T00:00Z   |               -20
            """,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        list_cost | discount_amount
        100.00    |           50.00
        -20.00    |          -10.00
        """,
    )


def test_an_amount_reaches_its_service_and_project_alone() -> None:
    """30 for Cloud in project app: one line of four."""
    billed = off(
        table(Discounts, "value | service | sub_account_id\n30 | Cloud | app", **EUROS),
        table(
            UsageRecords,
            """
            sku_id   | sub_account_id | consumed_quantity
            vm-small | website        |               100
            vm-small | app            |               100
            database | app            |               100
            training |                |               100
            """,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | sub_account_id | discount_amount
        vm-small | website        |            0.00
        vm-small | app            |           30.00
        database | app            |            0.00
        training |                |            0.00
        """,
    )


# Stacking


def stacked(stacking: str, discounts: pl.DataFrame, usage_records: pl.DataFrame = HUNDRED_HOURS) -> pl.DataFrame:
    """What each discount took, under a stacking policy."""
    policies = table(BillingPolicies, f"policy | value\nstacking | {stacking}")
    return off(discounts, usage_records, billing_policies=policies).allocations


TEN_PERCENT_THEN_TWENTY = table(
    Discounts,
    """
    discount_id | kind    | value | billing_currency | priority
    percent     | percent |    10 |                  |        1
    amount      | fixed   |    20 | EUR              |        2
    """,
)
TWENTY_THEN_TEN_PERCENT = table(
    Discounts,
    """
    discount_id | kind    | value | billing_currency | priority
    percent     | percent |    10 |                  |        2
    amount      | fixed   |    20 | EUR              |        1
    """,
)


def test_sequential_computes_a_percentage_on_what_an_amount_left() -> None:
    """20 first: 10 % of 80 are 8. The percentage first: 10 % of 100."""
    assert_table(
        stacked("sequential", TWENTY_THEN_TEN_PERCENT),
        Allocations,
        """
        source_id | allocation_order | amount
        amount    |                1 |  20.00
        percent   |                2 |   8.00
        """,
    )
    assert_table(
        stacked("sequential", TEN_PERCENT_THEN_TWENTY),
        Allocations,
        """
        source_id | allocation_order | amount
        percent   |                1 |  10.00
        amount    |                2 |  20.00
        """,
    )


def test_sequential_splits_an_amount_by_what_is_left_of_each_line() -> None:
    """The database is free, so all 30 are for the machines."""
    found = stacked(
        "sequential",
        table(
            Discounts,
            """
            discount_id | kind    | value | billing_currency | service  | priority
            free        | percent |   100 |                  | Database |        1
            amount      | fixed   |    30 | EUR              |          |        2
            """,
        ),
        HUNDRED_AND_FIFTY,
    )
    assert_table(
        found,
        Allocations,
        """
        source_id | amount
        free      |  50.00
        amount    |  30.00
        """,
    )


def test_additive_splits_an_amount_by_list_cost_and_what_meets_nothing_lapses() -> None:
    """The database is free. Of 30 by list cost 20 are for the machines; the database's 10 find nothing left."""
    found = stacked(
        "additive",
        table(
            Discounts,
            """
            discount_id | kind    | value | billing_currency | service  | priority
            free        | percent |   100 |                  | Database |        1
            amount      | fixed   |    30 | EUR              |          |        2
            """,
        ),
        HUNDRED_AND_FIFTY,
    )
    assert_table(
        found,
        Allocations,
        """
        source_id | amount
        free      |  50.00
        amount    |  20.00
        """,
    )


def test_additive_amounts_and_percentages_end_at_zero() -> None:
    """60 and 60 % of the list cost of 100: the second finds 40."""
    found = stacked(
        "additive",
        table(
            Discounts,
            """
            discount_id | kind    | value | billing_currency
            a-amount    | fixed   |    60 | EUR
            b-percent   | percent |    60 |
            """,
        ),
    )
    assert_table(
        found,
        Allocations,
        """
        source_id | amount
        a-amount  |  60.00
        b-percent |  40.00
        """,
    )


TWENTY_PERCENT_OR_THIRTY = table(
    Discounts,
    """
    discount_id | kind    | value | billing_currency
    percent     | percent |    20 |
    amount      | fixed   |    30 | EUR
    """,
)


def test_best_only_takes_an_amount_where_it_is_the_larger_part() -> None:
    """30 are 30 % of 100, but 15 % of 200."""
    assert_table(
        stacked("best_only", TWENTY_PERCENT_OR_THIRTY),
        Allocations,
        """
        source_id | amount
        amount    |  30.00
        """,
    )
    assert_table(
        stacked("best_only", TWENTY_PERCENT_OR_THIRTY, table(UsageRecords, "consumed_quantity\n200")),
        Allocations,
        """
        source_id | amount
        percent   |  40.00
        """,
    )


def test_best_only_weighs_an_amount_by_all_it_reaches_and_computes_it_over_what_chose_it() -> None:
    """30 are 20 % of 150. The database has 25 %: 12.50. The machines choose the 30, and get them whole."""
    found = stacked(
        "best_only",
        table(
            Discounts,
            """
            discount_id | kind    | value | billing_currency | service
            amount      | fixed   |    30 | EUR              |
            databases   | percent |    25 |                  | Database
            """,
        ),
        HUNDRED_AND_FIFTY,
    )
    assert_table(
        found,
        Allocations,
        """
        source_id | amount
        amount    |  30.00
        databases |  12.50
        """,
    )


def best_of_three_euros(percent: str) -> pl.DataFrame:
    """What wins on 3.00: an amount of 1.00, or a percentage."""
    return stacked(
        "best_only",
        table(
            Discounts,
            f"""
            discount_id | kind    | value     | billing_currency
            a-percent   | percent | {percent} |
            b-amount    | fixed   |         1 | EUR
            """,
        ),
        table(UsageRecords, "consumed_quantity\n3"),
    )


def test_best_only_compares_a_third_exactly() -> None:
    """1 of 3 is more than 33.333333333333 %, and less than 33.333333333334 %, though all of them are 1.00."""
    assert_table(best_of_three_euros("33.333333333333"), Allocations, "source_id | amount\nb-amount  | 1.00")
    assert_table(best_of_three_euros("33.333333333334"), Allocations, "source_id | amount\na-percent | 1.00")


def test_best_only_compares_two_amounts_by_what_each_reaches() -> None:
    """1.00 of the machines' 3.00 is a third. 34.33 of all 103.00 are less, 34.34 are more."""

    def best(value: str) -> dict[str, Decimal]:
        discounts = table(
            Discounts,
            f"""
            discount_id | value   | service
            everything  | {value} |
            machines    |    1.00 | Cloud
            """,
            **EUROS,
        )
        usage = table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |                 3
            database |               100
            """,
        )
        found = stacked("best_only", discounts, usage).group_by("source_id").agg(pl.col("amount").sum())
        return dict(found.iter_rows())

    assert best("34.33") == {"machines": Decimal("1.00"), "everything": Decimal("34.33")}
    assert best("34.34") == {"everything": Decimal("34.34")}


def test_of_equal_parts_best_only_takes_the_lower_priority_number_then_the_id() -> None:
    """20 of 100 are 20 %; 150 of 100 are 100 %, as the most that can be taken."""

    def best(discounts: str) -> pl.DataFrame:
        return stacked("best_only", table(Discounts, discounts))

    by_priority = """
        discount_id | kind    | value | billing_currency | priority
        a-percent   | percent |    20 |                  |        2
        b-amount    | fixed   |    20 | EUR              |        1
        """
    by_id = """
        discount_id | kind    | value | billing_currency
        a-percent   | percent |   100 |
        b-amount    | fixed   |   150 | EUR
        """
    assert_table(best(by_priority), Allocations, "source_id | amount\nb-amount | 20.00")
    assert_table(best(by_id), Allocations, "source_id | amount\na-percent | 100.00")


def test_best_only_has_no_use_for_an_amount_that_reaches_nothing_above_zero() -> None:
    """On -100 alone 50 are worth nothing, so the 10 % are reversed."""
    found = stacked(
        "best_only",
        table(
            Discounts,
            """
            discount_id | kind    | value | billing_currency
            a-amount    | fixed   |    50 | EUR
            b-percent   | percent |    10 |
            """,
        ),
        table(UsageRecords, "consumed_quantity\n-100"),
    )
    assert_table(
        found,
        Allocations,
        """
        source_id | amount
        b-percent | -10.00
        """,
    )


# Currencies


def test_an_amount_is_in_the_digits_of_its_currency_and_for_accounts_of_it() -> None:
    """Two lines each. 1001 won over 700 and 700: 501 and 500. 0.125 dinars over 1 and 1: 0.063 and 0.062. 0.25 euros
    over 1 and 1: 0.13 and 0.12. None is prorated, converted or given to an account of another currency.
    """
    accounts = table(
        BillingAccounts,
        """
        billing_account_id | billing_currency
        berlin             | EUR
        manama             | BHD
        seoul              | KRW
        """,
    )
    prices = table(
        SkuPrices,
        """
        sku_price_id | sku_id   | billing_currency | list_unit_price
        vm-eur       | vm-small | EUR              |               1
        db-eur       | database | EUR              |               1
        vm-bhd       | vm-small | BHD              |               1
        db-bhd       | database | BHD              |               1
        vm-krw       | vm-small | KRW              |             700
        db-krw       | database | KRW              |             700
        """,
    )
    discounts = table(
        Discounts,
        """
        discount_id | value | billing_currency
        won         |  1001 | KRW
        dinar       | 0.125 | BHD
        euro        |  0.25 | EUR
        """,
        kind="fixed",
    )
    usage = table(
        UsageRecords,
        """
        billing_account_id | sku_id
        berlin             | vm-small
        berlin             | database
        manama             | vm-small
        manama             | database
        seoul              | vm-small
        seoul              | database
        """,
        consumed_quantity="1",
    )
    billed = off(discounts, usage, billing_accounts=accounts, sku_prices=prices)
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        billing_account_id | sku_id   | list_cost | discount_amount
        berlin             | vm-small |      1.00 |            0.13
        berlin             | database |      1.00 |            0.12
        manama             | vm-small |     1.000 |           0.063
        manama             | database |     1.000 |           0.062
        seoul              | vm-small |       700 |             501
        seoul              | database |       700 |             500
        """,
    )


# Promo codes


def by_code(usage_records: pl.DataFrame, operations: pl.DataFrame) -> pl.DataFrame:
    """The lines of a month in which the code AUTUMN gives 50 euros for ten days, at most twice."""
    billed = off(
        table(
            Discounts,
            """
            discount_id | promo_code | value
            by-code     | AUTUMN     |    50
            """,
            **EUROS,
        ),
        usage_records,
        promo_codes=table(
            PromoCodes,
            """
            promo_code | benefit  | value | billing_currency | window_start | duration | per_account_limit
            AUTUMN     | discount |    50 | EUR              | acceptance   | P10D     |                 2
            """,
        ),
        operations=operations,
    )
    return billed.invoice_lines


def test_an_amount_by_promo_code_waits_for_the_code_and_reaches_the_window_it_opened() -> None:
    """Accepted on the 10th at noon for ten days: 30 of 50 find something, and not the 100 before."""
    usage = table(
        UsageRecords,
        """
        charge_period_start | consumed_quantity
        2026-10-10T11:59Z   |               100
        2026-10-10T12:00Z   |                30
        """,
    )
    accepted = table(
        Operations,
        """
        operation         | occurred_at       | promo_code
        accept_promo_code | 2026-10-10T12:00Z | AUTUMN
        """,
        **ACME,
    )
    assert_table(by_code(usage, accepted.clear()), InvoiceLines, "list_cost | discount_amount\n130.00 | 0.00")
    assert_table(
        by_code(usage, accepted),
        InvoiceLines,
        """
        list_cost | discount_amount
        100.00    |            0.00
        30.00     |           30.00
        """,
    )


def test_an_amount_whose_code_was_accepted_twice_still_comes_off_once_a_month() -> None:
    """50 over both windows, 40 and 40: 25 each, and nothing off the 100 between them."""
    lines = by_code(
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-02T00:00Z   |                40
            2026-10-15T00:00Z   |               100
            2026-10-25T00:00Z   |                40
            """,
        ),
        table(
            Operations,
            """
            operation_id | occurred_at       | promo_code
            once         | 2026-10-01T00:00Z | AUTUMN
            again        | 2026-10-21T00:00Z | AUTUMN
            """,
            **ACME,
            operation="accept_promo_code",
        ),
    )
    assert_table(
        lines,
        InvoiceLines,
        """
        list_cost | discount_amount
        40.00     |           25.00
        100.00    |            0.00
        40.00     |           25.00
        """,
    )
