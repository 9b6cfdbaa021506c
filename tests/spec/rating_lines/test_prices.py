"""Several prices may be in force for a record. A contract goes before the price book, within either a price for the
region before a general one, then the latest, then the smallest id. What counts is the start of the record.
"""

from __future__ import annotations

import polars as pl

from schemas.billing_accounts import BillingAccounts
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Prices: contract, region, latest, id (P4)"

IN_EU = table(
    UsageRecords,
    """
    region_id | consumed_quantity
    eu-1      |                 1
    """,
)


def price_taken(sku_prices: pl.DataFrame, usage_records: pl.DataFrame = IN_EU) -> pl.DataFrame:
    return bill(sku_prices=sku_prices, usage_records=usage_records).rating_lines


def test_a_contract_goes_before_the_price_book_even_where_the_book_names_the_region() -> None:
    found = price_taken(
        table(
            SkuPrices,
            """
            sku_price_id | billing_account_id | region_id | list_unit_price
            book         |                    |           |               4
            book-eu      |                    | eu-1      |               3
            contract     | acme               |           |               2
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | list_cost
        contract     |      2.00
        """,
    )


def test_the_contract_of_another_account_is_no_price() -> None:
    found = price_taken(
        table(
            SkuPrices,
            """
            sku_price_id | billing_account_id | list_unit_price
            book         |                    |               4
            contract     | globex             |               2
            """,
        )
    )
    assert_table(found, RatingLines, "sku_price_id\nbook")


def test_a_price_for_the_region_goes_before_a_general_one() -> None:
    """Even an older one; and another region's is no price."""
    found = price_taken(
        table(
            SkuPrices,
            """
            sku_price_id | region_id | list_unit_price | valid_from
            general      |           |               4 | 2026-05-01
            eu           | eu-1      |               3 | 2026-01-01
            us           | us-1      |               1 | 2026-05-01
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | list_cost
        eu           |      3.00
        """,
    )


def test_usage_without_a_region_takes_the_general_price() -> None:
    found = price_taken(
        table(
            SkuPrices,
            """
            sku_price_id | region_id | list_unit_price
            general      |           |               4
            eu           | eu-1      |               3
            """,
        ),
        table(UsageRecords, "consumed_quantity\n1"),
    )
    assert_table(found, RatingLines, "sku_price_id\ngeneral")


def test_of_two_prices_the_latest_goes_first_and_then_the_smallest_id() -> None:
    found = price_taken(
        table(
            SkuPrices,
            """
            sku_price_id | list_unit_price | valid_from
            a-older      |               4 | 2026-01-01
            c-newer      |               3 | 2026-05-01
            b-newer      |               2 | 2026-05-01
            """,
        )
    )
    assert_table(found, RatingLines, "sku_price_id\nb-newer")


def test_a_record_has_the_price_of_its_start() -> None:
    """The price rises on the 15th; a record that starts a microsecond before is at the old price."""
    found = price_taken(
        table(
            SkuPrices,
            """
            sku_price_id | list_unit_price | valid_from | valid_until
            old          |               1 | 2026-01-01 | 2026-10-15
            new          |               2 | 2026-10-15 |
            """,
        ),
        table(
            UsageRecords,
            """
            charge_period_start         | charge_period_end | consumed_quantity
            2026-10-14T23:59:59.999999Z | 2026-10-16T00:00Z |                 1
            2026-10-15T00:00:00Z        | 2026-10-16T00:00Z |                 1
            """,
        ),
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |      1.00
        new          |      2.00
        """,
    )


def test_a_price_begins_at_midnight_where_the_account_is() -> None:
    """The same two rows: in Kolkata the 15th begins at 18:30 UTC of the 14th."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | time_zone
            acme               | Asia/Kolkata
            """,
        ),
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | list_unit_price | valid_from | valid_until
            old          |               1 | 2026-01-01 | 2026-10-15
            new          |               2 | 2026-10-15 |
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            charge_period_start  | consumed_quantity
            2026-10-14T18:29:59Z |                 1
            2026-10-14T18:30:00Z |                10
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |      1.00
        new          |     20.00
        """,
    )


def test_a_price_may_begin_at_an_instant() -> None:
    found = price_taken(
        table(
            SkuPrices,
            """
            sku_price_id | list_unit_price | valid_from                  | valid_until
            old          |               1 | 2026-01-01                  | 2026-10-15T09:30:00.000000Z
            new          |               2 | 2026-10-15T09:30:00.000000Z |
            """,
        ),
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-15T09:29Z   |                 1
            2026-10-15T09:30Z   |                10
            """,
        ),
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |      1.00
        new          |     20.00
        """,
    )
