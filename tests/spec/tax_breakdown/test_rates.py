"""A rate is found by the seller's and the account's jurisdiction, the account's region and tax status, the tax category
and the date; all components of the match apply. A row that names the region goes before those that do not.
"""

from __future__ import annotations

import polars as pl

from schemas.billing_accounts import BillingAccounts
from schemas.sellers import Sellers
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_rates import TaxRates
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Tax rates: who pays which tax (T1)"

SOUTH = table(
    Sellers,
    """
    seller_id | jurisdiction
    south     | IN
    """,
)
INDIA = table(
    TaxRates,
    """
    account_region | component | rate
                   | IGST      | 0.18
    IN-KA          | CGST      | 0.09
    IN-KA          | SGST      | 0.09
    """,
    seller_jurisdiction="IN",
    account_jurisdiction="IN",
)


def in_india(quantity: str) -> pl.DataFrame:
    """Mysuru is in the seller's own region, Pune is not."""
    return bill(
        sellers=SOUTH,
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | region
            mysuru             | IN-KA
            pune               | IN-MH
            """,
            seller_id="south",
            jurisdiction="IN",
        ),
        tax_rates=INDIA,
        usage_records=table(UsageRecords, "billing_account_id\nmysuru\npune", consumed_quantity=quantity),
    ).tax_breakdown


def test_a_row_that_names_the_region_puts_the_others_aside_and_all_its_components_apply() -> None:
    """Both pay 18.00 on 100.00: 9.00 and 9.00 within the region, one tax elsewhere."""
    assert_table(
        in_india("100"),
        TaxBreakdown,
        """
        billing_account_id | component | taxable_amount | tax_amount
        mysuru             | CGST      |         100.00 |       9.00
        mysuru             | SGST      |         100.00 |       9.00
        pune               | IGST      |         100.00 |      18.00
        """,
    )


def test_each_component_is_rounded_on_its_own() -> None:
    """On 0.05: twice 0.0045, so nothing; 0.009, so a cent. On 0.06: twice 0.0054, two cents; 0.0108, one."""
    assert_table(
        in_india("0.05"),
        TaxBreakdown,
        """
        billing_account_id | component | tax_amount
        mysuru             | CGST      |       0.00
        mysuru             | SGST      |       0.00
        pune               | IGST      |       0.01
        """,
    )
    assert_table(
        in_india("0.06"),
        TaxBreakdown,
        """
        billing_account_id | component | tax_amount
        mysuru             | CGST      |       0.01
        mysuru             | SGST      |       0.01
        pune               | IGST      |       0.01
        """,
    )


def test_a_category_is_taxed_at_its_own_rate() -> None:
    """100.00 of standard at 20 %, 50.00 of reduced at 10 %."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               100
            training |                50
            """,
        )
    )
    assert_table(
        billed.tax_breakdown,
        TaxBreakdown,
        """
        code | rate | taxable_amount | tax_amount
        S    | 0.2  |         100.00 |      20.00
        S    | 0.1  |          50.00 |       5.00
        """,
    )


def test_the_tax_status_of_the_account_decides() -> None:
    """A reverse charge shows its base, its code and its reason, and no tax."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | tax_status
            acme               | reverse_charge
            """,
        ),
        tax_rates=table(
            TaxRates,
            """
            tax_status     | rate | code | exemption_reason
            business       |  0.2 | S    |
            reverse_charge |    0 | AE   | Reverse charge
            """,
        ),
        usage_records=table(UsageRecords, "consumed_quantity\n100"),
    )
    assert_table(
        billed.tax_breakdown,
        TaxBreakdown,
        """
        code | rate | exemption_reason | taxable_amount | tax_amount
        AE   | 0    | Reverse charge   |         100.00 |          0
        """,
    )


def test_the_rate_at_the_last_instant_counts_for_the_whole_month() -> None:
    """A rate that rises on the 15th taxes the usage of the 1st too; one that rises with November taxes none."""
    hundred = table(UsageRecords, "consumed_quantity\n100")
    on_the_15th = table(
        TaxRates,
        """
        rate | valid_from | valid_until
        0.2  | 2026-01-01 | 2026-10-15
        0.25 | 2026-10-15 |
        """,
    )
    with_november = table(
        TaxRates,
        """
        rate | valid_from | valid_until
        0.2  | 2026-01-01 | 2026-11-01
        0.25 | 2026-11-01 |
        """,
    )
    assert_table(bill(tax_rates=on_the_15th, usage_records=hundred).tax_breakdown, TaxBreakdown, "tax_amount\n25.00")
    assert_table(bill(tax_rates=with_november, usage_records=hundred).tax_breakdown, TaxBreakdown, "tax_amount\n20.00")


def test_a_document_without_tax_says_why() -> None:
    """Zero-rated has a code and no reason; exempt, reverse charge and export have a reason each; business pays 20 %."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | tax_status
            abroad             | export
            firm               | business
            school             | exempt
            shifted            | reverse_charge
            shop               | consumer
            """,
        ),
        tax_rates=table(
            TaxRates,
            """
            tax_status     | rate | code | exemption_reason
            business       |  0.2 | S    |
            consumer       |    0 | Z    |
            exempt         |    0 | E    | Education
            export         |    0 | G    | Export outside the Union
            reverse_charge |    0 | AE   | Reverse charge
            """,
        ),
        usage_records=table(
            UsageRecords,
            "billing_account_id\nabroad\nfirm\nschool\nshifted\nshop",
            consumed_quantity="100",
        ),
    )
    assert_table(
        billed.tax_breakdown,
        TaxBreakdown,
        """
        billing_account_id | code | rate | exemption_reason         | taxable_amount | tax_amount
        abroad             | G    | 0    | Export outside the Union |         100.00 |       0.00
        firm               | S    | 0.2  |                          |         100.00 |      20.00
        school             | E    | 0    | Education                |         100.00 |       0.00
        shifted            | AE   | 0    | Reverse charge           |         100.00 |       0.00
        shop               | Z    | 0    |                          |         100.00 |       0.00
        """,
    )
