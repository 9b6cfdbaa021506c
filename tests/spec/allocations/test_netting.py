"""A charge below zero stays on the invoice, and no grant pays what it takes back: before grants, it lowers what they
may pay, first of the same SKU and project, then of the same tax category in the order of the invoice. Before credits
that count as payment, what a category still lacks lowers the others too.
"""

from __future__ import annotations

from schemas.grant_movements import GrantMovements
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import BONUS, bill
from tests.tables import assert_table, table

title = "Negative charges: no grant pays what is taken back (G7)"

HUNDRED = table(Operations, "amount\n100", **BONUS)
HUNDRED_AFTER_TAX = table(
    Operations,
    """
    kind    | amount
    voucher |    100
    """,
    **BONUS,
)


def test_a_correction_lowers_its_own_sku_and_project_first() -> None:
    """30.00 taken back in us-1 lower the 50.00 in eu-1 to 20.00; the image, first on the invoice, is paid whole."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | sub_account_id | region_id | consumed_quantity
            image    | website        | eu-1      |                40
            vm-small | website        | eu-1      |                50
            vm-small | website        | us-1      |               -30
            """,
        ),
        operations=HUNDRED,
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | grant_amount | line_amount
        image    |     40.00 |        40.00 |           0
        vm-small |     50.00 |        20.00 |       30.00
        vm-small |    -30.00 |            0 |      -30.00
        """,
    )


def test_what_is_left_of_it_lowers_its_tax_category_in_the_order_of_the_invoice() -> None:
    """30.00 taken back take the 20.00 of the image and 10.00 of the machine: the bonus pays the other 30.00."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            image    |                20
            vm-small |                40
            database |               -30
            """,
        ),
        operations=HUNDRED,
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | list_cost | grant_amount
        image    |     20.00 |            0
        vm-small |     40.00 |        30.00
        database |    -30.00 |            0
        """,
    )


def test_use_of_the_sku_in_another_project_is_not_lowered_first() -> None:
    """The same SKU in another project is only of the same category: the image, first on the invoice, goes first."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | sub_account_id | consumed_quantity
            image    | website        |                20
            vm-small | app            |                20
            vm-small | website        |               -30
            """,
        ),
        operations=HUNDRED,
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | sub_account_id | grant_amount
        image    | website        |            0
        vm-small | app            |        10.00
        vm-small | website        |            0
        """,
    )


def test_before_tax_another_category_is_not_lowered() -> None:
    """The reduced 40.00 are paid whole; standard stays at -30.00 with -6.00 tax, so the document is a credit note."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               -30
            training |                40
            """,
        ),
        operations=HUNDRED,
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        document_type | grant_amount | total_without_tax | total_tax | amount_due
        381           |        40.00 |            -30.00 |     -6.00 |     -36.00
        """,
    )


def test_before_credits_a_category_that_lacks_lowers_the_others() -> None:
    """Standard is -36.00 with tax, reduced 44.00: a credit of 100.00 pays the 8.00 between them."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               -30
            training |                40
            """,
        ),
        operations=HUNDRED_AFTER_TAX,
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        document_type | total_without_tax | total_tax | total_with_tax | credit_amount | amount_due
        380           |             10.00 |     -2.00 |           8.00 |          8.00 |          0
        """,
    )


def test_a_category_may_be_negative_while_the_document_is_not() -> None:
    """Standard -30.00 and -6.00 tax, reduced 100.00 and 10.00 tax: 74.00 are due, on an invoice."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               -30
            training |               100
            """,
        ),
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        document_type | total_without_tax | total_tax | amount_due
        380           |             70.00 |      4.00 |      74.00
        """,
    )


def test_no_grant_is_topped_up_by_what_is_taken_back() -> None:
    billed = bill(usage_records=table(UsageRecords, "consumed_quantity\n-30"), operations=HUNDRED)
    assert_table(billed.grant_movements, GrantMovements, "grant_id")
    assert_table(
        billed.invoices,
        Invoices,
        """
        document_type | grant_amount | amount_due
        381           |            0 |     -36.00
        """,
    )
