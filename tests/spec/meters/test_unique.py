"""How many resources there were: each counts one, at its first record, whatever the quantity says."""

from __future__ import annotations

import polars as pl

from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.unit_conversions import UnitConversions
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Meter unique: how many resources (P1)"

SEATS = table(
    Skus,
    """
    sku_id   | meter  | pricing_unit
    vm-small | unique | seat
    """,
)


def seats(usage_records: pl.DataFrame, skus: pl.DataFrame = SEATS, **tables: pl.DataFrame) -> pl.DataFrame:
    return bill(
        skus=skus, usage_records=usage_records.with_columns(consumed_unit=pl.lit("seat")), **tables
    ).rating_lines


def test_each_resource_counts_once() -> None:
    """ada three times, bob once and with nothing."""
    found = seats(
        table(
            UsageRecords,
            """
            resource_id | charge_period_start | consumed_quantity
            ada         | 2026-10-03T00:00Z   |                 1
            ada         | 2026-10-04T00:00Z   |               500
            ada         | 2026-10-05T00:00Z   |                 1
            bob         | 2026-10-04T00:00Z   |                 0
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | record_count | list_cost
        2                |            4 |      2.00
        """,
    )


def test_a_resource_counts_where_and_when_it_was_first_seen() -> None:
    """ada was in the app before she was in the website, and before the price rose."""
    found = seats(
        table(
            UsageRecords,
            """
            sub_account_id | resource_id | charge_period_start | consumed_quantity
            website        | ada         | 2026-10-20T00:00Z   |                 1
            app            | ada         | 2026-10-10T00:00Z   |                 1
            website        | bob         | 2026-10-20T00:00Z   |                 1
            """,
        ),
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | list_unit_price | valid_from | valid_until
            old          |               1 | 2026-01-01 | 2026-10-15
            new          |              10 | 2026-10-15 |
            """,
        ),
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | sku_price_id | list_cost
        app            | old          |      1.00
        website        | new          |     10.00
        """,
    )


def test_usage_without_a_resource_is_one_per_project_and_region() -> None:
    """The website in eu-1, the website in us-1, the app: three."""
    found = seats(
        table(
            UsageRecords,
            """
            sub_account_id | region_id | charge_period_start | consumed_quantity
            website        | eu-1      | 2026-10-03T00:00Z   |                 1
            website        | eu-1      | 2026-10-04T00:00Z   |                 1
            website        | us-1      | 2026-10-04T00:00Z   |                 1
            app            | eu-1      | 2026-10-04T00:00Z   |                 1
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | region_id | list_cost
        website        | eu-1      |      1.00
        website        | us-1      |      1.00
        app            | eu-1      |      1.00
        """,
    )


def test_accounts_and_months_count_anew() -> None:
    """ada in October and in November: once in each."""
    records = table(
        UsageRecords,
        """
        resource_id | charge_period_start | consumed_quantity
        ada         | 2026-10-20T00:00Z   |                 1
        ada         | 2026-11-20T00:00Z   |                 1
        """,
    ).with_columns(consumed_unit=pl.lit("seat"))
    for period, known_as_of in (("2026-10", "2026-11-03T12:00Z"), ("2026-11", "2026-12-03T12:00Z")):
        billed = bill(period, known_as_of, skus=SEATS, usage_records=records)
        assert_table(billed.rating_lines, RatingLines, "list_cost\n1.00")


def test_a_number_of_resources_is_converted_like_any_quantity() -> None:
    """Two seats are 0.2 teams of ten; at 10.00 a team, 2.00."""
    found = seats(
        table(
            UsageRecords,
            """
            resource_id | consumed_quantity
            ada         |                 1
            bob         |                 1
            """,
        ),
        table(
            Skus,
            """
            sku_id   | meter  | pricing_unit
            vm-small | unique | team
            """,
        ),
        unit_conversions=table(
            UnitConversions,
            """
            from_unit | to_unit | numerator | denominator
            seat      | team    |         1 |          10
            """,
        ),
        sku_prices=table(SkuPrices, "list_unit_price\n10"),
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        0.2              |      2.00
        """,
    )
