"""Won and yen have no decimals, dollars two, dinars three, the unidad de fomento four. Rounding and splitting know only
minor units, so a cent is as indivisible as a won.
"""

from __future__ import annotations

import polars as pl
import pytest

from schemas.billing_accounts import BillingAccounts
from schemas.currencies import Currencies
from schemas.discounts import Discounts
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.price_tiers import PriceTiers
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Extremes: currencies of no, two, three and four decimals (M1, M2)"

ACCOUNTS = table(
    BillingAccounts,
    """
    billing_account_id | billing_currency
    seoul              | KRW
    tokyo              | JPY
    boston             | USD
    kuwait             | KWD
    manama             | BHD
    santiago           | CLF
    """,
)
DECIMALS = table(
    Currencies,
    """
    billing_currency | exponent
    KRW              |        0
    JPY              |        0
    USD              |        2
    KWD              |        3
    BHD              |        3
    CLF              |        4
    """,
)
ONE_HOUR_EACH = table(
    UsageRecords,
    """
    billing_account_id | consumed_quantity
    seoul              |                 1
    tokyo              |                 1
    boston             |                 1
    kuwait             |                 1
    manama             |                 1
    santiago           |                 1
    """,
)


def prices_of(price: str) -> pl.DataFrame:
    """The same figure in every currency."""
    return table(
        SkuPrices,
        f"""
        sku_price_id | billing_currency | list_unit_price
        in-krw       | KRW              | {price}
        in-jpy       | JPY              | {price}
        in-usd       | USD              | {price}
        in-kwd       | KWD              | {price}
        in-bhd       | BHD              | {price}
        in-clf       | CLF              | {price}
        """,
    )


def test_a_cost_is_rounded_to_the_minor_unit_of_its_currency() -> None:
    """1.23455 of each: 1, 1.23, 1.235 (1.23455 is nearer to it) and 1.2346 (half a minor unit, away from zero)."""
    billed = bill(
        billing_accounts=ACCOUNTS, currencies=DECIMALS, sku_prices=prices_of("1.23455"), usage_records=ONE_HOUR_EACH
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        billing_account_id | list_cost
        seoul              |         1
        tokyo              |         1
        boston             |      1.23
        kuwait             |     1.235
        manama             |     1.235
        santiago           |    1.2346
        """,
    )


@pytest.mark.parametrize(
    ("price", "costs"),
    [
        ("0.5", ("1", "0.50", "0.500", "0.5000")),
        ("0.005", ("0", "0.01", "0.005", "0.0050")),
        ("0.0005", ("0", "0", "0.001", "0.0005")),
        ("0.00005", ("0", "0", "0", "0.0001")),
        ("0.000049999999", ("0", "0", "0", "0")),
    ],
)
def test_half_a_minor_unit_is_one_of_the_currency_that_has_it(price: str, costs: tuple[str, str, str, str]) -> None:
    billed = bill(
        billing_accounts=ACCOUNTS, currencies=DECIMALS, sku_prices=prices_of(price), usage_records=ONE_HOUR_EACH
    )
    won, dollar, dinar, unidad = costs
    assert_table(
        billed.rating_lines,
        RatingLines,
        f"""
        billing_account_id | list_cost
        seoul              | {won}
        tokyo              | {won}
        boston             | {dollar}
        kuwait             | {dinar}
        manama             | {dinar}
        santiago           | {unidad}
        """,
    )


def of_one_account(currency: str, decimals: str, **tables: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {
        "billing_accounts": table(BillingAccounts, f"billing_account_id | billing_currency\nacme | {currency}"),
        "currencies": table(Currencies, f"billing_currency | exponent\n{currency} | {decimals}"),
        **tables,
    }


@pytest.mark.parametrize(
    ("currency", "decimals", "price", "app", "website", "none"),
    [
        ("KRW", "0", "100", "34", "33", "33"),
        ("JPY", "0", "1", "1", "0", "0"),
        ("USD", "2", "1", "0.34", "0.33", "0.33"),
        ("KWD", "3", "1", "0.334", "0.333", "0.333"),
        ("CLF", "4", "1", "0.3334", "0.3333", "0.3333"),
        ("CLF", "4", "0.0002", "0.0001", "0.0001", "0"),
    ],
)
def test_a_pool_is_split_by_single_minor_units(
    currency: str, decimals: str, price: str, app: str, website: str, none: str
) -> None:
    """Three projects of a third of an hour each: one hour's price, the missing minor units to the first by name."""
    billed = bill(
        **of_one_account(currency, decimals),
        sku_prices=table(
            SkuPrices,
            f"""
            sku_price_id  | price_model | billing_currency
            vm-small-list | graduated   | {currency}
            """,
        ),
        price_tiers=table(PriceTiers, f"unit_price\n{price}"),
        usage_records=table(
            UsageRecords,
            """
            sub_account_id | consumed_quantity | consumed_unit
            website        |                20 | minute
            app            |                20 | minute
                           |                20 | minute
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        f"""
        sub_account_id | list_cost
        app            | {app}
        website        | {website}
                       | {none}
        """,
    )


@pytest.mark.parametrize(
    ("currency", "decimals", "price", "off", "tax", "due"),
    [
        ("KRW", "0", "1505", "151", "271", "1625"),
        ("USD", "2", "15.05", "1.51", "2.71", "16.25"),
        ("KWD", "3", "1.505", "0.151", "0.271", "1.625"),
        ("CLF", "4", "0.1505", "0.0151", "0.0271", "0.1625"),
    ],
)
def test_discount_tax_and_total_are_whole_minor_units(
    currency: str, decimals: str, price: str, off: str, tax: str, due: str
) -> None:
    """1505 minor units less 10 %, 150.5 → 151, are 1354; 20 % tax 270.8 → 271; 1625."""
    billed = bill(
        **of_one_account(currency, decimals),
        sku_prices=table(SkuPrices, f"billing_currency | list_unit_price\n{currency} | {price}"),
        usage_records=table(UsageRecords, "consumed_quantity\n1"),
        discounts=table(Discounts, "discount_id | value\nautumn | 10"),
    )
    assert_table(
        billed.invoices,
        Invoices,
        f"""
        list_cost | discount_amount | total_tax | amount_due
        {price}   | {off}           | {tax}     | {due}
        """,
    )


def test_a_bonus_is_spent_to_the_last_minor_unit() -> None:
    """0.0003 of bonus on 0.0010: 0.0007 are left, taxed 0.00014 → 0.0001."""
    billed = bill(
        **of_one_account("CLF", "4"),
        sku_prices=table(SkuPrices, "billing_currency | list_unit_price\nCLF | 0.0010"),
        usage_records=table(UsageRecords, "consumed_quantity\n1"),
        operations=table(
            Operations,
            """
            kind  | amount | window_start
            bonus | 0.0003 | 2026-10-01
            """,
            **ACME,
            billing_currency="CLF",
        ),
    )
    assert_table(
        billed.invoices,
        Invoices,
        """
        grant_amount | total_without_tax | total_tax | amount_due
        0.0003       |            0.0007 |    0.0001 |     0.0008
        """,
    )


def test_the_decimals_of_a_currency_are_those_of_the_period() -> None:
    """The yen is given two decimals from November on: October rounds 1.255 to whole ones, November to 1.26."""
    yen = table(
        Currencies,
        """
        billing_currency | exponent | valid_from | valid_until
        JPY              |        0 | 2026-01-01 | 2026-11-01
        JPY              |        2 | 2026-11-01 |
        """,
    )
    for period, known_as_of, cost in (("2026-10", "2026-11-03T12:00Z", "1"), ("2026-11", "2026-12-03T12:00Z", "1.26")):
        billed = bill(
            period,
            known_as_of,
            billing_accounts=table(BillingAccounts, "billing_account_id | billing_currency\nacme | JPY"),
            currencies=yen,
            sku_prices=table(SkuPrices, "billing_currency | list_unit_price\nJPY | 1.255"),
            usage_records=table(UsageRecords, f"charge_period_start\n{period}-07T00:00Z"),
        )
        assert_table(billed.rating_lines, RatingLines, f"list_cost\n{cost}")
