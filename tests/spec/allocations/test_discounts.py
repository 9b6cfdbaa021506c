"""A discount is a percentage, in a window, of what it reaches. It is computed once on the sum of that and rounded once,
then split over the lines. Every SKU costs 1.00 an hour, so that hours read as euros.
"""

from __future__ import annotations

import polars as pl

from schemas.allocations import Allocations
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

title = "Discounts: percentages before anything else (D1 to D4)"

HUNDRED_HOURS = table(UsageRecords, "consumed_quantity\n100")
TEN_AND_TWENTY = table(
    Discounts,
    """
    discount_id | value | priority
    a-ten       |    10 |        1
    b-twenty    |    20 |        2
    """,
)


def policy(value: str) -> pl.DataFrame:
    return table(BillingPolicies, f"policy | value\nstacking | {value}")


def test_ten_percent_of_a_hundred_are_ten() -> None:
    billed = bill(
        usage_records=HUNDRED_HOURS,
        discounts=table(
            Discounts,
            """
            discount_id | value
            autumn      |    10
            """,
        ),
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        list_cost | discount_amount | total_without_tax
        100.00    |           10.00 |             90.00
        """,
    )


def test_sequential_takes_the_second_from_what_the_first_left() -> None:
    """The default: 10 % of 100 are 10, 20 % of 90 are 18."""
    billed = bill(usage_records=HUNDRED_HOURS, discounts=TEN_AND_TWENTY)
    assert_table(
        billed.allocations,
        Allocations,
        """
        source_id | allocation_order | amount
        a-ten     |                1 |  10.00
        b-twenty  |                2 |  18.00
        """,
    )


def test_additive_takes_every_percentage_from_the_list_cost() -> None:
    """10 and 20 of 100."""
    billed = bill(usage_records=HUNDRED_HOURS, discounts=TEN_AND_TWENTY, billing_policies=policy("additive"))
    assert_table(
        billed.allocations,
        Allocations,
        """
        source_id | amount
        a-ten     |  10.00
        b-twenty  |  20.00
        """,
    )


def test_best_only_takes_the_highest_percentage() -> None:
    billed = bill(usage_records=HUNDRED_HOURS, discounts=TEN_AND_TWENTY, billing_policies=policy("best_only"))
    assert_table(
        billed.allocations,
        Allocations,
        """
        source_id | amount
        b-twenty  |  20.00
        """,
    )


def test_best_only_is_decided_charge_by_charge() -> None:
    """30 % for databases beat the 20 % for everything there, and only there."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               100
            database |                50
            """,
        ),
        discounts=table(
            Discounts,
            """
            discount_id | service  | value
            everything  |          |    20
            databases   | Database |    30
            """,
        ),
        billing_policies=policy("best_only"),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | discount_amount
        vm-small |           20.00
        database |           15.00
        """,
    )


def test_of_equal_percentages_best_only_takes_the_one_of_lower_priority_number_then_id() -> None:
    billed = bill(
        usage_records=HUNDRED_HOURS,
        discounts=table(
            Discounts,
            """
            discount_id | value | priority
            a           |    20 |        2
            c           |    20 |        1
            b           |    20 |        1
            """,
        ),
        billing_policies=policy("best_only"),
    )
    assert_table(billed.allocations, Allocations, "source_id\nb")


def test_priority_goes_before_id() -> None:
    """The 20 % first, so 20.00; then 10 % of 80."""
    billed = bill(
        usage_records=HUNDRED_HOURS,
        discounts=table(
            Discounts,
            """
            discount_id | value | priority
            a-ten       |    10 |        2
            b-twenty    |    20 |        1
            """,
        ),
    )
    assert_table(
        billed.allocations,
        Allocations,
        """
        source_id | allocation_order | amount
        b-twenty  |                1 |  20.00
        a-ten     |                2 |   8.00
        """,
    )


def test_additive_discounts_never_take_more_than_there_is() -> None:
    """60 % and 60 % of 100: the second finds 40."""
    billed = bill(
        usage_records=HUNDRED_HOURS,
        discounts=table(
            Discounts,
            """
            discount_id | value
            a           |    60
            b           |    60
            """,
        ),
        billing_policies=policy("additive"),
    )
    assert_table(
        billed.allocations,
        Allocations,
        """
        source_id | amount
        a         |  60.00
        b         |  40.00
        """,
    )


def test_a_discount_is_rounded_once_on_the_sum_and_split_by_largest_remainder() -> None:
    """10 % of 0.15 are 0.015, so 0.02; each line's share is 0.005: the two cents go to the first two lines."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-large |              0.05
            vm-small |              0.05
            database |              0.05
            """,
        ),
        discounts=table(Discounts, "value\n10"),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        line_number | sku_id   | discount_amount
        1           | vm-large |            0.01
        2           | vm-small |            0.01
        3           | database |            0.00
        """,
    )


def test_a_cut_moves_no_discount_to_another_line() -> None:
    """The same lines, vm-large cut on the 15th by a bonus of its own: 0.02 and 0.03 share its cent, the others stay."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | charge_period_start | consumed_quantity
            vm-large | 2026-10-05T00:00Z   |              0.02
            vm-large | 2026-10-20T00:00Z   |              0.03
            vm-small | 2026-10-05T00:00Z   |              0.05
            database | 2026-10-05T00:00Z   |              0.05
            """,
        ),
        discounts=table(Discounts, "value\n10"),
        operations=table(
            Operations,
            """
            kind  | amount | window_start | include
            bonus |      1 | 2026-10-15   | ["sku:vm-large"]
            """,
            **ACME,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | discount_amount
        vm-large |      0.02 |            0.00
        vm-large |      0.03 |            0.01
        vm-small |      0.05 |            0.01
        database |      0.05 |            0.00
        """,
    )


def test_a_discount_reaches_what_is_used_in_its_window() -> None:
    """From the 15th on, 30 hours: 3.00."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-14T23:00Z   |                20
            2026-10-15T00:00Z   |                30
            """,
        ),
        discounts=table(
            Discounts,
            """
            value | valid_from
            10    | 2026-10-15
            """,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        list_cost | discount_amount
        20.00     |            0.00
        30.00     |            3.00
        """,
    )


def test_a_discount_that_ended_before_or_starts_after_the_month_takes_nothing() -> None:
    billed = bill(
        usage_records=HUNDRED_HOURS,
        discounts=table(
            Discounts,
            """
            discount_id | value | valid_from | valid_until
            over        |    10 | 2026-01-01 | 2026-10-01
            not-yet     |    10 | 2026-11-01 |
            """,
        ),
    )
    assert billed.allocations.is_empty()


FOUR_THINGS = table(
    UsageRecords,
    """
    sku_id   | sub_account_id | consumed_quantity
    vm-small | website        |               100
    vm-small | app            |               100
    image    | website        |               100
    database | website        |               100
    """,
)


def test_a_discount_reaches_its_service_feature_sku_or_project() -> None:
    """1 % for the service, 2 % for the feature, 4 % for the SKU, 8 % for the project, all on the list cost."""
    billed = bill(
        usage_records=FOUR_THINGS,
        discounts=table(
            Discounts,
            """
            discount_id | value | service | feature          | sku_id   | sub_account_id
            cloud       |     1 | Cloud   |                  |          |
            machines    |     2 |         | Virtual machines |          |
            databases   |     4 |         |                  | database |
            app         |     8 |         |                  |          | app
            """,
        ),
        billing_policies=policy("additive"),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | sub_account_id | discount_amount
        vm-small | website        |            3.00
        vm-small | app            |           11.00
        image    | website        |            1.00
        database | website        |            4.00
        """,
    )


def test_what_a_discount_names_must_all_match() -> None:
    """Cloud and app: 8.00 on one line of four. The database has no feature, so no discount for features reaches it."""
    billed = bill(
        usage_records=FOUR_THINGS,
        discounts=table(
            Discounts,
            """
            value | service | sub_account_id
            8     | Cloud   | app
            """,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | sub_account_id | discount_amount
        vm-small | website        |               0
        vm-small | app            |            8.00
        image    | website        |               0
        database | website        |               0
        """,
    )


def test_a_discount_that_names_an_account_is_for_that_account_alone() -> None:
    billed = bill(
        usage_records=HUNDRED_HOURS,
        discounts=table(
            Discounts,
            """
            discount_id | billing_account_id | value
            acme-only   | acme               |    10
            not-acme    | globex             |    20
            """,
        ),
    )
    assert_table(
        billed.allocations,
        Allocations,
        """
        source_id | amount
        acme-only |  10.00
        """,
    )


CODE = table(
    PromoCodes,
    """
    promo_code | benefit  | value | window_start | duration
    AUTUMN     | discount |    10 | acceptance   | P10D
    """,
)
BY_CODE = table(
    Discounts,
    """
    discount_id | promo_code | value
    by-code     | AUTUMN     |    10
    """,
)


def test_a_discount_with_a_promo_code_waits_for_the_code() -> None:
    billed = bill(usage_records=HUNDRED_HOURS, discounts=BY_CODE, promo_codes=CODE)
    assert billed.allocations.is_empty()


def test_a_discount_by_promo_code_reaches_the_window_its_acceptance_opened() -> None:
    """Accepted on the 10th at noon for ten days: of 100 hours before, 30 within and 50 after, 10 % of 30 are 3.00."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T11:59Z   |               100
            2026-10-10T12:00Z   |                30
            2026-10-20T12:00Z   |                50
            """,
        ),
        discounts=BY_CODE,
        promo_codes=CODE,
        operations=table(
            Operations,
            """
            operation         | occurred_at       | promo_code
            accept_promo_code | 2026-10-10T12:00Z | AUTUMN
            """,
            **ACME,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        list_cost | discount_amount
        100.00    |            0.00
        30.00     |            3.00
        50.00     |            0.00
        """,
    )


def test_a_full_reversal_reverses_its_discount() -> None:
    """10 % of 100.00 and 10 % of -100.00, each a sum of its own: 10.00 and -10.00, and nothing is due."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               100
            database |              -100
            """,
        ),
        discounts=table(Discounts, "value\n10"),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | discount_amount | line_amount
        vm-small |    100.00 |           10.00 |       90.00
        database |   -100.00 |          -10.00 |      -90.00
        """,
    )


def test_a_hundred_percent_leave_nothing_due() -> None:
    billed = bill(usage_records=HUNDRED_HOURS, discounts=table(Discounts, "value\n100"))
    assert_table(
        billed.invoices,
        Invoices,
        """
        discount_amount | total_without_tax | total_tax | amount_due
        100.00          |                 0 |         0 |          0
        """,
    )


def test_a_third_of_a_cent_of_discount_rounds_in_the_mode_of_charges() -> None:
    """33.333 % of 0.01 are 0.0033: nothing, or a cent where the policy rounds charges up."""
    cent = table(UsageRecords, "consumed_quantity\n0.01")
    third = table(Discounts, "value\n33.333")
    up = table(
        BillingPolicies,
        """
        policy           | value
        rounding_charges | up
        """,
    )
    assert_table(bill(usage_records=cent, discounts=third).invoices, Invoices, "discount_amount\n0")
    assert_table(
        bill(usage_records=cent, discounts=third, billing_policies=up).invoices, Invoices, "discount_amount\n0.01"
    )


def test_a_discount_is_of_a_rounded_line_and_not_of_its_exact_cost() -> None:
    """An hour at 1.005 is 1.01, and half of that is 0.505, so 0.51; half of 1.005 would be 0.50."""
    billed = bill(
        sku_prices=table(SkuPrices, "list_unit_price\n1.005"),
        usage_records=table(UsageRecords, "consumed_quantity\n1"),
        discounts=table(Discounts, "value\n50"),
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        list_cost | discount_amount
        1.01      |            0.51
        """,
    )
