"""Tax is on charges less discounts less grants before tax. It is rounded once per document, code, rate and component,
and shared over the charges by largest remainder, so that shares sum to the tax.
"""

from __future__ import annotations

import polars as pl

from schemas.billing_policies import BillingPolicies
from schemas.discounts import Discounts
from schemas.invoice_lines import InvoiceLines
from schemas.operations import Operations
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_rates import TaxRates
from schemas.usage_records import UsageRecords
from tests.spec.period import BONUS, bill
from tests.tables import assert_table, table

title = "Tax: once per rate, shared to the cent (T2, T3)"

THREE_CENTS_EACH = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-large |              0.03
    vm-small |              0.03
    database |              0.03
    """,
)


def policy(name: str, value: str) -> pl.DataFrame:
    return table(BillingPolicies, f"policy | value\n{name} | {value}")


def test_a_discount_and_a_bonus_lower_the_taxable_amount() -> None:
    """100.00 less 10 % less 40.00 of bonus is 50.00, with 10.00 of tax."""
    billed = bill(
        usage_records=table(UsageRecords, "consumed_quantity\n100"),
        discounts=table(Discounts, "value\n10"),
        operations=table(Operations, "amount\n40", **BONUS),
    )
    assert_table(
        billed.tax_breakdown,
        TaxBreakdown,
        """
        taxable_amount | tax_amount
        50.00          |      10.00
        """,
    )


def test_a_credit_after_tax_leaves_the_taxable_amount() -> None:
    billed = bill(
        usage_records=table(UsageRecords, "consumed_quantity\n100"),
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
        billed.tax_breakdown,
        TaxBreakdown,
        """
        taxable_amount | tax_amount
        100.00         |      20.00
        """,
    )


def test_tax_is_rounded_once_for_all_lines_of_a_rate() -> None:
    """20 % of 0.09 are 0.018, so 0.02; each line's 0.006 has the same claim, and the first two get a cent."""
    billed = bill(usage_records=THREE_CENTS_EACH)
    assert_table(
        billed.tax_breakdown,
        TaxBreakdown,
        """
        taxable_amount | tax_amount
        0.09           |       0.02
        """,
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | tax_amount
        vm-large |       0.01
        vm-small |       0.01
        database |       0.00
        """,
    )


def test_policy_per_line_rounds_each_line_by_itself() -> None:
    """0.006 is 0.01, three times: 0.03."""
    billed = bill(usage_records=THREE_CENTS_EACH, billing_policies=policy("tax_rounding", "per_line"))
    assert_table(
        billed.tax_breakdown,
        TaxBreakdown,
        """
        taxable_amount | tax_amount
        0.09           |       0.03
        """,
    )


def test_categories_of_one_code_and_rate_are_rounded_together() -> None:
    """Twice 0.02 at 20 %: 0.008, so a cent; each by itself would be 0.004, so nothing."""
    billed = bill(
        tax_rates=table(
            TaxRates,
            """
            tax_category | rate
            standard     |  0.2
            reduced      |  0.2
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |              0.02
            training |              0.02
            """,
        ),
    )
    assert_table(
        billed.tax_breakdown,
        TaxBreakdown,
        """
        taxable_amount | tax_amount
        0.04           |       0.01
        """,
    )


def test_codes_are_kept_apart_at_one_rate() -> None:
    """Zero-rated and exempt are both without tax, and both are named."""
    billed = bill(
        tax_rates=table(
            TaxRates,
            """
            tax_category | rate | code | exemption_reason
            standard     |    0 | Z    |
            reduced      |    0 | E    | Education
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               100
            training |                50
            """,
        ),
    )
    assert_table(
        billed.tax_breakdown,
        TaxBreakdown,
        """
        code | exemption_reason | taxable_amount | tax_amount
        Z    |                  |         100.00 |          0
        E    | Education        |          50.00 |          0
        """,
    )


def test_taxes_have_a_rounding_mode_of_their_own() -> None:
    """10 % of 0.25 are 0.025."""

    def tax_on_a_quarter(mode: str) -> pl.DataFrame:
        quarter = table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            training |              0.25
            """,
        )
        return bill(usage_records=quarter, billing_policies=policy("rounding_tax", mode)).tax_breakdown

    assert_table(tax_on_a_quarter("half_away"), TaxBreakdown, "tax_amount\n0.03")
    assert_table(tax_on_a_quarter("half_even"), TaxBreakdown, "tax_amount\n0.02")
    assert_table(tax_on_a_quarter("up"), TaxBreakdown, "tax_amount\n0.03")
    assert_table(tax_on_a_quarter("down"), TaxBreakdown, "tax_amount\n0.02")


def test_within_a_line_tax_goes_by_the_value_up_to_each_cut() -> None:
    """0.06 with a cent of tax, cut in half: up to the cut 0.005, so 0.01; the rest is nothing."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-05T00:00Z   |              0.03
            2026-10-20T00:00Z   |              0.03
            """,
        ),
        discounts=table(
            Discounts,
            """
            value | valid_from
            0     | 2026-10-15
            """,
        ),
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        line_amount | tax_amount
        0.03        |       0.01
        0.03        |       0.00
        """,
    )


def test_a_charge_below_zero_has_tax_below_zero() -> None:
    """100.00 and -30.00 at 20 %: 14.00, of which 20.00 and -6.00."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               100
            database |               -30
            """,
        )
    )
    assert_table(billed.tax_breakdown, TaxBreakdown, "tax_amount\n14.00")
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        sku_id   | tax_amount
        vm-small |      20.00
        database |      -6.00
        """,
    )
