"""Which of several charges a grant pays first: the oldest, the largest or the smallest, or all in proportion. Sizes are
after discounts, before any grant, and stay fixed. A bonus of 30.00 meets 20.00, 50.00 and 10.00.
"""

from __future__ import annotations

import polars as pl

from schemas.billing_policies import BillingPolicies
from schemas.discounts import Discounts
from schemas.grant_movements import GrantMovements
from schemas.invoice_lines import InvoiceLines
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import BONUS, bill
from tests.tables import assert_table, table

title = "Charges: which one a grant pays first (G5, G6)"

THREE_LINES = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-large |                20
    vm-small |                50
    database |                10
    """,
)
THIRTY = table(Operations, "amount\n30", **BONUS)


def policy(value: str) -> pl.DataFrame:
    return table(BillingPolicies, f"policy | value\ncharge_order | {value}")


def test_the_oldest_first_which_is_the_order_of_the_invoice() -> None:
    assert_table(
        bill(usage_records=THREE_LINES, operations=THIRTY).invoice_lines,
        InvoiceLines,
        """
        line_number | sku_id   | list_cost | grant_amount
        1           | vm-large |     20.00 |        20.00
        2           | vm-small |     50.00 |        10.00
        3           | database |     10.00 |         0.00
        """,
    )


def test_the_largest_first() -> None:
    billed = bill(usage_records=THREE_LINES, operations=THIRTY, billing_policies=policy("largest_first"))
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | grant_amount
        vm-large |     20.00 |         0.00
        vm-small |     50.00 |        30.00
        database |     10.00 |         0.00
        """,
    )


def test_the_smallest_first() -> None:
    billed = bill(usage_records=THREE_LINES, operations=THIRTY, billing_policies=policy("smallest_first"))
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | grant_amount
        vm-large |     20.00 |        20.00
        vm-small |     50.00 |         0.00
        database |     10.00 |        10.00
        """,
    )


def test_in_proportion_to_what_is_due() -> None:
    """30 over 20 : 50 : 10 are 7.50, 18.75 and 3.75."""
    billed = bill(usage_records=THREE_LINES, operations=THIRTY, billing_policies=policy("proportional"))
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | grant_amount
        vm-large |     20.00 |         7.50
        vm-small |     50.00 |        18.75
        database |     10.00 |         3.75
        """,
    )


def test_in_proportion_a_cent_is_shared_by_largest_remainder() -> None:
    """0.01 over 0.20, 0.50 and 0.10: 0.25, 0.63 and 0.13 of a cent, so the cent goes to the second."""
    billed = bill(
        usage_records=THREE_LINES,
        operations=table(Operations, "amount\n0.01", **BONUS),
        billing_policies=policy("proportional"),
    )
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        expense_number | amount
        2              |  -0.01
        """,
    )


def test_in_proportion_a_second_grant_is_spread_over_what_the_first_left() -> None:
    """The first, for the database alone, pays it. 7.00 over 20 : 50 are 2.00 and 5.00."""
    billed = bill(
        usage_records=THREE_LINES,
        operations=table(
            Operations,
            """
            operation_id | amount | priority | include
            databases    |     10 |        0 | ["service:Database"]
            everything   |      7 |        1 |
            """,
            **BONUS,
        ),
        billing_policies=policy("proportional"),
    )
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        grant_id   | expense_number | amount
        databases  |              3 | -10.00
        everything |              1 |  -2.00
        everything |              2 |  -5.00
        """,
    )


def test_in_proportion_a_grant_larger_than_all_pays_all() -> None:
    billed = bill(
        usage_records=THREE_LINES,
        operations=table(Operations, "amount\n1000", **BONUS),
        billing_policies=policy("proportional"),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        grant_amount | line_amount
        20.00        |           0
        50.00        |           0
        10.00        |           0
        """,
    )


def test_sizes_are_after_discounts() -> None:
    """vm-small at half price is 25.00, still the largest; at 90 % off it is 5.00, the smallest."""
    billed = bill(
        usage_records=THREE_LINES,
        operations=table(Operations, "amount\n12", **BONUS),
        discounts=table(
            Discounts,
            """
            sku_id   | value
            vm-small |    90
            """,
        ),
        billing_policies=policy("smallest_first"),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | discount_amount | grant_amount
        vm-large |            0.00 |         0.00
        vm-small |           45.00 |         5.00
        database |            0.00 |         7.00
        """,
    )


def test_sizes_stay_fixed_while_grants_pay() -> None:
    """Largest first: the first grant leaves 5.00 of vm-small, now the smallest. It still goes first: the second grant
    pays those 5.00, and then vm-large."""
    billed = bill(
        usage_records=THREE_LINES,
        operations=table(
            Operations,
            """
            operation_id | amount | priority
            first        |     45 |        0
            second       |     15 |        1
            """,
            **BONUS,
        ),
        billing_policies=policy("largest_first"),
    )
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        grant_id | expense_number | amount
        first    |              2 | -45.00
        second   |              2 |  -5.00
        second   |              1 | -10.00
        """,
    )


def test_of_equal_sizes_the_older_goes_first() -> None:
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-large |                20
            database |                20
            """,
        ),
        operations=THIRTY,
        billing_policies=policy("largest_first"),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | grant_amount
        vm-large |        20.00
        database |        10.00
        """,
    )


def test_a_grant_pays_no_more_than_is_due_and_no_more_than_it_has() -> None:
    """80.00 are due. Of 100.00, 20.00 are left; 50.00 are used up."""
    large = bill(usage_records=THREE_LINES, operations=table(Operations, "amount\n100", **BONUS))
    small = bill(usage_records=THREE_LINES, operations=table(Operations, "amount\n50", **BONUS))
    assert str(large.allocations["amount"].sum()) == "80.0000"
    assert str(small.allocations["amount"].sum()) == "50.0000"


def test_a_credit_after_tax_pays_net_and_tax() -> None:
    """Lines of 24.00, 60.00 and 12.00 with tax: 30.00 pay the first and 6.00 of the second."""
    billed = bill(
        usage_records=THREE_LINES,
        operations=table(
            Operations,
            """
            kind | amount
            paid |     30
            """,
            **BONUS,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | line_amount | tax_amount | credit_amount
        vm-large |       20.00 |       4.00 |         24.00
        vm-small |       50.00 |      10.00 |          6.00
        database |       10.00 |       2.00 |          0.00
        """,
    )
