"""One document per account, period and currency. Its lines are the charges; its totals stand in the order of EN 16931:
without tax (BT-109), tax (BT-110), with tax (BT-112), what credits paid (BT-113), due (BT-115).
"""

from __future__ import annotations

from schemas.billing_accounts import BillingAccounts
from schemas.discounts import Discounts
from schemas.grant_movements import GrantMovements
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.sku_prices import SkuPrices
from schemas.tax_rates import TaxRates
from schemas.usage_records import UsageRecords
from tests.spec.period import BONUS, bill
from tests.tables import assert_table, table

title = "Invoices: lines and totals (I1, I3)"

TWO_LINES = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-small |               100
    database |                50
    """,
)
TEN_PERCENT = table(Discounts, "value\n10")


def test_forty_of_bonus_lower_the_tax_and_leave_114_due() -> None:
    """100 and 50 less 10 % are 135; less 40 of bonus are 95; 20 % of that are 19; 114 are due."""
    billed = bill(
        usage_records=TWO_LINES,
        discounts=TEN_PERCENT,
        operations=table(
            Operations,
            """
            kind  | amount
            bonus |     40
            """,
            **BONUS,
        ),
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        list_cost | discount_amount | grant_amount | total_without_tax | total_tax | total_with_tax | amount_due
        150.00    |           15.00 |        40.00 |             95.00 |     19.00 |         114.00 |     114.00
        """,
    )


def test_the_same_forty_as_a_credit_after_tax_leave_122_due() -> None:
    """135 with 27 of tax are 162; less 40 of credit, which counts as paid, 122."""
    billed = bill(
        usage_records=TWO_LINES,
        discounts=TEN_PERCENT,
        operations=table(
            Operations,
            """
            kind    | amount
            voucher |     40
            """,
            **BONUS,
        ),
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        total_without_tax | total_tax | total_with_tax | credit_amount | paid_amount | amount_due
        135.00            |     27.00 |         162.00 |         40.00 |       40.00 |     122.00
        """,
    )


def test_a_line_shows_what_was_used_what_it_costs_and_what_lowered_it() -> None:
    """Line 1: 100 less 10 less 40 of bonus, 10 of tax on 50. Line 2: 50 less 5, 9 of tax on 45."""
    billed = bill(usage_records=TWO_LINES, discounts=TEN_PERCENT, operations=table(Operations, "amount\n40", **BONUS))
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        line_number | sku_id   | quantity | unit | unit_price | list_cost | discount_amount | grant_amount | line_amount
        1           | vm-small |      100 | hour |          1 |    100.00 |           10.00 |        40.00 |       50.00
        2           | database |       50 | hour |          1 |     50.00 |            5.00 |            0 |       45.00
        """,
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        line_number | description           | tax_category | tax_code | tax_amount | credit_amount | expense_number
        1           | Small virtual machine | standard     | S        |      10.00 |             0 |              1
        2           | Small virtual machine | standard     | S        |       9.00 |             0 |              2
        """,
    )


def test_a_line_says_its_tax_rate_where_one_rate_taxes_it() -> None:
    """Standard at 20 % and reduced at 10 %. Of two components, 9 % each, the line has no rate; they come to 18.00."""
    usage = table(UsageRecords, "sku_id | consumed_quantity\nvm-small | 100\ntraining | 50")
    assert_table(
        bill(usage_records=usage).invoice_lines,
        InvoiceLines,
        """
        sku_id   | line_amount | tax_rate | tax_amount
        vm-small |      100.00 |      0.2 |      20.00
        training |       50.00 |      0.1 |       5.00
        """,
    )
    two = table(TaxRates, "tax_category | component | rate\nstandard | CGST | 0.09\nstandard | SGST | 0.09")
    lines = bill(usage_records=usage.head(1), tax_rates=two).invoice_lines
    assert_table(lines, InvoiceLines, "sku_id | tax_rate | tax_amount\nvm-small | | 18.00")


def test_a_document_names_both_parties_and_has_no_number_before_it_is_issued() -> None:
    billed = bill(usage_records=TWO_LINES)
    assert_table(
        billed.invoices,
        Invoices,
        """
        seller_legal_name | buyer_legal_name | document_type | document_state | invoice_number | issue_date | due_date
        North Cloud GmbH  | Acme Ltd         | 380           | draft          |                |            |
        """,
    )


def test_a_period_that_is_not_over_is_a_month_to_date_of_what_started_so_far() -> None:
    """As of the 20th: 10 hours, not the 5 of that instant."""
    billed = bill(
        known_as_of="2026-10-20T00:00:00Z",
        usage_records=table(
            UsageRecords,
            """
            charge_period_start         | consumed_quantity
            2026-10-19T23:59:59.999999Z |                10
            2026-10-20T00:00:00Z        |                 5
            """,
        ),
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        document_state | cutoff_at         | period_end        | list_cost
        month_to_date  | 2026-10-20T00:00Z | 2026-11-01T00:00Z |     10.00
        """,
    )


def test_a_month_is_over_where_the_account_is() -> None:
    """At 20:00 UTC on 31 October the month is over in Kolkata, not in Berlin."""
    billed = bill(
        known_as_of="2026-10-31T20:00:00Z",
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | time_zone
            acme               | Asia/Kolkata
            globex             | Europe/Berlin
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            billing_account_id | charge_period_start
            acme               | 2026-10-10T00:00Z
            globex             | 2026-10-10T00:00Z
            """,
        ),
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        billing_account_id | document_state
        acme               | draft
        globex             | month_to_date
        """,
    )


def test_a_document_below_zero_is_a_credit_note() -> None:
    billed = bill(usage_records=table(UsageRecords, "consumed_quantity\n-30"))
    assert_table(
        billed.invoices,
        Invoices,
        """
        document_type | total_with_tax | amount_due
        381           |         -36.00 |     -36.00
        """,
    )


def test_a_document_paid_whole_by_grants_is_still_a_document() -> None:
    billed = bill(usage_records=TWO_LINES, operations=table(Operations, "amount\n1000", **BONUS))
    assert_table(
        billed.invoices,
        Invoices,
        """
        document_type | grant_amount | total_with_tax | amount_due
        380           |       150.00 |              0 |          0
        """,
    )


def test_without_charges_there_is_no_document_and_grants_still_expire() -> None:
    billed = bill(
        operations=table(
            Operations,
            """
            amount | window_end
            40     | 2026-10-20
            """,
            **BONUS,
        )
    )
    assert billed.invoices.is_empty()
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        movement | amount
        expired  | -40.00
        """,
    )


def test_a_currency_without_decimals_is_billed_in_whole_units() -> None:
    """333.4 won an hour are 333; 20 % of it are 66.6, so 67."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | billing_currency
            acme               | KRW
            """,
        ),
        sku_prices=table(
            SkuPrices,
            """
            billing_currency | list_unit_price
            KRW              |           333.4
            """,
        ),
        usage_records=table(UsageRecords, "consumed_quantity\n1"),
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        billing_currency | total_without_tax | total_tax | amount_due
        KRW              |               333 |        67 |        400
        """,
    )
