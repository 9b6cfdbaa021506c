"""The rule book's own example, billed twice: lines of 100 and 50, 10 % discount, 40 of credit, 20 % tax. Whether the
credit lowers the tax is a row of `grant_kinds`, and nothing else differs.
"""

from __future__ import annotations

import polars as pl

from rating.outputs import Outputs
from schemas.discounts import Discounts
from schemas.grant_kinds import GrantKinds
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Orders: the worked example before and after tax (section 5)"

LINES = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-small |               100
    database |                50
    """,
)
TEN_PERCENT = table(
    Discounts,
    """
    discount_id | value
    autumn      |    10
    """,
)
FORTY = table(
    Operations,
    """
    operation_id | kind   | amount | window_start
    forty        | credit |     40 | 2026-10-01
    """,
    **ACME,
)
BEFORE_TAX = table(
    GrantKinds,
    """
    kind   | rank | tax_position
    credit |   10 | before
    """,
)
AFTER_TAX = table(
    GrantKinds,
    """
    kind   | rank | tax_position
    credit |   10 | after
    """,
)


def billed(grant_kinds: pl.DataFrame) -> Outputs:
    """The month, with credit of one kind."""
    return bill(usage_records=LINES, discounts=TEN_PERCENT, operations=FORTY, grant_kinds=grant_kinds)


def test_credit_before_tax_lowers_the_tax() -> None:
    """150 less 15 are 135 net, less 40 are 95 taxable, with 19.00 of tax: 114.00."""
    assert_table(
        billed(BEFORE_TAX).invoices,
        Invoices,
        """
        list_cost | discount_amount | grant_amount | total_without_tax | total_tax | total_with_tax | credit_amount | amount_due
        150.00    |           15.00 |        40.00 |             95.00 |     19.00 |         114.00 |          0.00 |     114.00
        """,  # noqa: E501 (a table)
    )


def test_credit_before_tax_comes_off_the_first_line() -> None:
    """Of the first line's 90.00 are left 50.00, with 10.00 of tax; the second's 45.00 have 9.00."""
    assert_table(
        billed(BEFORE_TAX).invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | discount_amount | grant_amount | line_amount | tax_amount | credit_amount
        vm-small |    100.00 |           10.00 |        40.00 |       50.00 |      10.00 |          0.00
        database |     50.00 |            5.00 |         0.00 |       45.00 |       9.00 |          0.00
        """,
    )


def test_credit_after_tax_leaves_the_tax_and_lowers_what_is_due() -> None:
    """135 taxable with 27.00 of tax are 162.00; less 40 are 122.00."""
    assert_table(
        billed(AFTER_TAX).invoices,
        Invoices,
        """
        list_cost | discount_amount | grant_amount | total_without_tax | total_tax | total_with_tax | credit_amount | amount_due
        150.00    |           15.00 |         0.00 |            135.00 |     27.00 |         162.00 |         40.00 |     122.00
        """,  # noqa: E501 (a table)
    )


def test_credit_after_tax_pays_the_first_line_with_its_tax() -> None:
    """The first line is 90.00 and 18.00 of tax, and 40.00 of that are paid."""
    assert_table(
        billed(AFTER_TAX).invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | discount_amount | grant_amount | line_amount | tax_amount | credit_amount
        vm-small |    100.00 |           10.00 |         0.00 |       90.00 |      18.00 |         40.00
        database |     50.00 |            5.00 |         0.00 |       45.00 |       9.00 |          0.00
        """,
    )
