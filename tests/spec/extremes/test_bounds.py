"""No amount reaches 10^14 units of its currency. One that would parks its account, with its reason; it never wraps, and
everyone else is billed.
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.currencies import Currencies
from schemas.discounts import Discounts
from schemas.holds import Holds
from schemas.invoices import Invoices
from schemas.price_tiers import PriceTiers
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.tax_rates import TaxRates
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Extremes: below, at and beyond the largest amount (M2, P4)"

UNTAXED = table(
    TaxRates,
    """
    tax_category | rate | code
    standard     |    0 | Z
    reduced      |    0 | Z
    """,
)


def at_price(price: str, quantity: str = "1", taxes: pl.DataFrame = UNTAXED, **tables: pl.DataFrame) -> Outputs:
    prices = table(SkuPrices, f"list_unit_price\n{price}")
    records = table(UsageRecords, f"consumed_quantity\n{quantity}")
    return bill(sku_prices=prices, usage_records=records, tax_rates=taxes, **tables)


def assert_parked(billed: Outputs) -> None:
    assert_table(billed.holds, Holds, "reason_code\nH_AMOUNT_OUT_OF_RANGE")
    assert billed.charges.is_empty()
    assert billed.invoices.is_empty()
    assert billed.ledger.is_empty()


@pytest.mark.parametrize("amount", ["99999999999999.99", "-99999999999999.99"])
def test_the_largest_amount_below_the_bound_is_billed(amount: str) -> None:
    quantity = "-1" if amount.startswith("-") else "1"
    billed = at_price(amount.removeprefix("-"), quantity)
    assert billed.holds.is_empty()
    assert_table(billed.rating_lines, RatingLines, f"list_cost\n{amount}")


def test_the_largest_amount_below_the_bound_is_invoiced_and_posted_whole() -> None:
    billed = at_price("99999999999999.99")
    assert_table(
        billed.invoices,
        Invoices,
        """
        list_cost         | total_with_tax    | amount_due
        99999999999999.99 | 99999999999999.99 | 99999999999999.99
        """,
    )


@pytest.mark.parametrize(
    ("price", "quantity"),
    [
        ("100000000000000", "1"),
        ("100000000000000", "-1"),
        ("99999999999999.995", "1"),
        ("100000000000000.01", "1"),
        ("90000000000000000", "1"),
        ("92233720368547758.07", "1"),
        ("92233720368547758.08", "1"),
        ("184467440737095516.16", "1"),
        ("99999999999999999999999999", "99999999999999.999999999999999"),
        ("99999999999999999999999999", "-99999999999999.999999999999999"),
        ("34028236692093846346.337460743176", "100000000000.000000000000000"),
    ],
)
def test_an_amount_at_the_bound_or_beyond_parks_the_account(price: str, quantity: str) -> None:
    """10^14; what is rounded to it; what would just fill or wrap 64 bits of cents; what would wrap 128."""
    assert_parked(at_price(price, quantity))


def test_the_rest_is_billed() -> None:
    """acme is parked, globex pays 10.00."""
    billed = bill(
        billing_accounts=table(BillingAccounts, "billing_account_id\nacme\nglobex"),
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | billing_account_id | list_unit_price
            book         |                    |              10
            dear         | acme               | 100000000000000
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            billing_account_id | consumed_quantity
            acme               |                 1
            globex             |                 1
            """,
        ),
    )
    assert_table(
        billed.holds,
        Holds,
        """
        billing_account_id | reason_code
        acme               | H_AMOUNT_OUT_OF_RANGE
        """,
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        billing_account_id | list_cost
        globex             |     10.00
        """,
    )


TWO_LINES = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-small |                 1
    vm-large |                 1
    """,
)


def test_lines_that_together_reach_the_bound_park_the_account() -> None:
    """Twice 5 × 10^13 is 10^14; a cent less of one of them is not."""
    for one, is_parked in (("50000000000000", True), ("49999999999999.99", False)):
        billed = bill(
            sku_prices=table(
                SkuPrices,
                f"""
                sku_price_id | sku_id   | list_unit_price
                small        | vm-small | 50000000000000
                large        | vm-large | {one}
                """,
            ),
            usage_records=TWO_LINES,
            tax_rates=UNTAXED,
        )
        if is_parked:
            assert_parked(billed)
        else:
            assert_table(billed.invoices, Invoices, "amount_due\n99999999999999.99")


def test_many_lines_never_wrap() -> None:
    """A thousand lines of 99,999,999,999,999.99 would be 10^17, ten times what 64 bits of cents hold."""
    lines = 1000
    names = "\n".join(f"vm-{number}" for number in range(lines))
    prices = "\n".join(f"vm-{number} | vm-{number} | 99999999999999.99" for number in range(lines))
    billed = bill(
        skus=table(Skus, f"sku_id\n{names}"),
        sku_prices=table(SkuPrices, f"sku_price_id | sku_id | list_unit_price\n{prices}"),
        usage_records=table(UsageRecords, f"sku_id\n{names}"),
        tax_rates=UNTAXED,
    )
    assert_parked(billed)


def test_an_amount_that_reaches_the_bound_with_its_tax_parks_the_account() -> None:
    """83,333,333,333,333.33 and 20 %, 16,666,666,666,666.666 → .67, are 10^14; with a cent less they are not."""
    vat = table(
        TaxRates,
        """
        tax_category | rate
        standard     |  0.2
        """,
    )
    assert_parked(at_price("83333333333333.33", taxes=vat))
    assert_table(
        at_price("83333333333333.32", taxes=vat).invoices,
        Invoices,
        """
        total_without_tax | total_tax         | total_with_tax
        83333333333333.32 | 16666666666666.66 | 99999999999999.98
        """,
    )


def test_a_correction_does_not_hide_a_line_beyond_the_bound() -> None:
    """10^14 of one SKU and -10^14 of another would be nothing together."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | sku_id   | list_unit_price
            small        | vm-small | 100000000000000
            large        | vm-large | 100000000000000
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity
            vm-small |                 1
            vm-large |                -1
            """,
        ),
        tax_rates=UNTAXED,
    )
    assert_parked(billed)


@pytest.mark.parametrize(
    ("currency", "below", "at"),
    [
        ("KRW", "99999999999999", "99999999999999.5"),
        ("KWD", "99999999999999.999", "99999999999999.9995"),
        ("CLF", "99999999999999.9999", "99999999999999.99995"),
    ],
)
def test_the_bound_is_in_units_whatever_the_decimals_of_the_currency(currency: str, below: str, at: str) -> None:
    digits = {"KRW": 0, "KWD": 3, "CLF": 4}[currency]
    account = table(BillingAccounts, f"billing_account_id | billing_currency\nacme | {currency}")
    known = table(Currencies, f"billing_currency | exponent\n{currency} | {digits}")

    def billed(price: str) -> Outputs:
        return bill(
            billing_accounts=account,
            currencies=known,
            sku_prices=table(SkuPrices, f"billing_currency | list_unit_price\n{currency} | {price}"),
            usage_records=table(UsageRecords, "consumed_quantity\n1"),
            tax_rates=UNTAXED,
        )

    assert_table(billed(below).invoices, Invoices, f"amount_due\n{below}")
    assert_parked(billed(at))


def test_a_discount_of_the_largest_amount_is_exact() -> None:
    """99,999,999,999,999.99 less 33.333333333333 %: 33,333,333,333,332.996… off → 33,333,333,333,333.00; less 100 %:
    nothing.
    """
    for percent, due in (("33.333333333333", "66666666666666.99"), ("100", "0")):
        discount = table(Discounts, f"discount_id | value\nautumn | {percent}")
        assert_table(at_price("99999999999999.99", discounts=discount).invoices, Invoices, f"amount_due\n{due}")


@pytest.mark.parametrize("model", ["graduated", "volume"])
def test_tiers_beyond_the_bound_park_the_account(model: str) -> None:
    """The largest quantity at the largest price, and a flat fee of 10^14."""
    price = table(SkuPrices, f"sku_price_id | price_model\nvm-small-list | {model}")
    for tiers, quantity in (
        ("unit_price\n99999999999999999999999999", "99999999999999.999999999999999"),
        ("unit_price | flat_fee\n0 | 100000000000000", "1"),
    ):
        billed = bill(
            sku_prices=price,
            price_tiers=table(PriceTiers, tiers),
            usage_records=table(UsageRecords, f"consumed_quantity\n{quantity}"),
            tax_rates=UNTAXED,
        )
        assert_parked(billed)


@pytest.mark.parametrize(
    ("price", "quantity"),
    [
        (
            "price_model | package_size | list_unit_price\npackage | 0.000000000000001 | 99999999999999999999999999",
            "99999999999999.999999999999999",
        ),
        ("price_model | list_unit_price\nflat | 100000000000000", "1"),
        ("price_model | list_unit_price\npercentage | 99999999999999999999999999", "99999999999999.999999999999999"),
        ("price_model | list_unit_price | fixed_fee\npercentage | 0 | 100000000000000", "1"),
        (
            "list_unit_price | per_quantity\n99999999999999999999999999 | 0.000000000000001",
            "99999999999999.999999999999999",
        ),
    ],
    ids=["package", "flat", "percentage", "fee", "per quantity"],
)
def test_every_price_model_parks_the_account(price: str, quantity: str) -> None:
    billed = bill(
        sku_prices=table(SkuPrices, price),
        usage_records=table(UsageRecords, f"consumed_quantity\n{quantity}"),
        tax_rates=UNTAXED,
    )
    assert_parked(billed)


def test_a_quantity_that_adds_up_beyond_its_own_bound_is_still_priced() -> None:
    """Each record is below 10^14; twenty of them are not, and at 10^-12 they cost 2000.00."""
    records = "\n".join(["consumed_quantity", *["99999999999999.999999999999999"] * 20])
    billed = bill(
        sku_prices=table(SkuPrices, "list_unit_price\n0.000000000001"), usage_records=table(UsageRecords, records)
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity                 | list_cost
        1999999999999999.999999999999980 |   2000.00
        """,
    )
