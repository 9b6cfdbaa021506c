"""An account that cannot be billed is parked for the period, whole, with a reason and the amount of its other charges.
Everyone else is billed.
"""

from __future__ import annotations

import polars as pl

from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.currencies import Currencies
from schemas.holds import Holds
from schemas.invoices import Invoices
from schemas.sku_prices import SkuPrices
from schemas.tax_rates import TaxRates
from schemas.unpriced_usage import UnpricedUsage
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Holds: who is not billed, and why (P4)"

NO_PRICE_FOR_DATABASES = table(SkuPrices, "list_unit_price\n1")
MACHINE_AND_DATABASE = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-small |               100
    database |                50
    """,
)
SKIP = table(
    BillingPolicies,
    """
    policy         | value
    unpriced_usage | skip
    """,
)


def test_usage_without_a_price_parks_the_account_and_shows_its_other_charges() -> None:
    billed = bill(usage_records=MACHINE_AND_DATABASE, sku_prices=NO_PRICE_FOR_DATABASES)
    assert_table(
        billed.holds,
        Holds,
        """
        billing_account_id | reason_code | other_charges_amount
        acme               | R_NO_PRICE  |               100.00
        """,
    )
    assert "database" in billed.holds["reason"].item()
    assert billed.invoices.is_empty()
    assert billed.charges.is_empty()
    assert billed.ledger.is_empty()


def test_by_policy_usage_without_a_price_is_listed_and_not_charged() -> None:
    billed = bill(usage_records=MACHINE_AND_DATABASE, sku_prices=NO_PRICE_FOR_DATABASES, billing_policies=SKIP)
    assert billed.holds.is_empty()
    assert_table(billed.invoices, Invoices, "list_cost\n100.00")
    assert_table(
        billed.unpriced_usage,
        UnpricedUsage,
        """
        sku_id   | consumed_quantity | consumed_unit | record_count
        database |                50 | hour          |            1
        """,
    )


def test_a_price_in_another_currency_is_no_price() -> None:
    won = table(
        SkuPrices,
        """
        billing_currency | list_unit_price
        KRW              |            1000
        """,
    )
    billed = bill(usage_records=table(UsageRecords, "consumed_quantity\n1"), sku_prices=won)
    assert_table(
        billed.holds,
        Holds,
        """
        reason_code | other_charges_amount
        R_NO_PRICE  |                    0
        """,
    )


def test_usage_before_its_first_price_has_none() -> None:
    from_the_15th = table(
        SkuPrices,
        """
        list_unit_price | valid_from
        1               | 2026-10-15
        """,
    )
    two_days = table(
        UsageRecords,
        """
        charge_period_start | consumed_quantity
        2026-10-14T00:00Z   |                 1
        2026-10-16T00:00Z   |                10
        """,
    )
    assert_table(
        bill(usage_records=two_days, sku_prices=from_the_15th).holds,
        Holds,
        """
        reason_code | other_charges_amount
        R_NO_PRICE  |                10.00
        """,
    )
    skipped = bill(usage_records=two_days, sku_prices=from_the_15th, billing_policies=SKIP)
    assert_table(skipped.unpriced_usage, UnpricedUsage, "consumed_quantity\n1")


def test_a_charge_without_a_tax_rate_parks_the_account() -> None:
    """The training is of category reduced, for which there is no row."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |               100
            training |                50
            """,
        ),
        tax_rates=table(TaxRates, "rate\n0.2"),
    )
    assert_table(
        billed.holds,
        Holds,
        """
        reason_code   | other_charges_amount
        H_NO_TAX_RATE |               100.00
        """,
    )


def test_a_unit_that_does_not_convert_parks_the_account() -> None:
    """Nothing converts days in these tables, and minutes not back from hours."""
    days = table(
        UsageRecords,
        """
        sku_id   | consumed_quantity | consumed_unit
        vm-small |                 1 | day
        database |                50 | hour
        """,
    )
    assert_table(
        bill(usage_records=days).holds,
        Holds,
        """
        reason_code     | other_charges_amount
        H_NO_CONVERSION |                50.00
        """,
    )


def test_an_amount_beyond_all_bounds_parks_the_account() -> None:
    """10^14 hours at 1.00, and 10^14 at 10^12, which no column would hold."""
    vast = table(UsageRecords, "consumed_quantity\n100000000000000")
    assert_table(bill(usage_records=vast).holds, Holds, "reason_code\nH_AMOUNT_OUT_OF_RANGE")
    dear = table(SkuPrices, "list_unit_price\n1000000000000")
    assert_table(bill(usage_records=vast, sku_prices=dear).holds, Holds, "reason_code\nH_AMOUNT_OUT_OF_RANGE")


def test_an_account_whose_seller_or_currency_is_not_known_is_parked() -> None:
    accounts = table(
        BillingAccounts,
        """
        billing_account_id | seller_id | billing_currency
        closed             | elsewhere | EUR
        foreign            | north     | XTS
        """,
    )
    billed = bill(
        billing_accounts=accounts,
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | billing_currency | list_unit_price
            euro         | EUR              |               1
            test         | XTS              |               1
            """,
        ),
        usage_records=table(UsageRecords, "billing_account_id\nclosed\nforeign"),
    )
    assert_table(
        billed.holds,
        Holds,
        """
        billing_account_id | reason_code
        closed             | H_NO_SELLER
        foreign            | H_NO_CURRENCY
        """,
    )


def test_a_currency_row_that_is_over_is_no_currency() -> None:
    over = table(
        Currencies,
        """
        billing_currency | exponent | valid_until
        EUR              |        2 | 2026-10-31
        """,
    )
    billed = bill(currencies=over, usage_records=table(UsageRecords, "consumed_quantity\n1"))
    assert_table(billed.holds, Holds, "reason_code\nH_NO_CURRENCY")


def test_one_account_on_hold_holds_up_no_other() -> None:
    billed = bill(
        billing_accounts=table(BillingAccounts, "billing_account_id\nacme\nglobex"),
        usage_records=table(
            UsageRecords,
            """
            billing_account_id | sku_id
            acme               | vm-small
            globex             | database
            """,
        ),
        sku_prices=NO_PRICE_FOR_DATABASES,
    )
    assert_table(billed.holds, Holds, "billing_account_id\nglobex")
    assert_table(billed.invoices, Invoices, "billing_account_id\nacme")
    assert billed.allocations.filter(pl.col("billing_account_id") == "globex").is_empty()
