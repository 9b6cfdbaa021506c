"""A quantity that is held: one unit through the whole billing month is one, through half of it a half. The month has
its real hours, 745 in Berlin's October and 743 in its March; a record weighs what it lasts, to the microsecond.
"""

from __future__ import annotations

import polars as pl
import pytest

from schemas.billing_accounts import BillingAccounts
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Meter time_weighted: quantity × time ÷ the month's time (P1)"

DISK = table(
    Skus,
    """
    sku_id   | meter
    vm-small | time_weighted
    """,
)


def weighed(usage_records: pl.DataFrame, **tables: pl.DataFrame) -> pl.DataFrame:
    return bill(skus=DISK, usage_records=usage_records, **tables).rating_lines


def test_a_unit_held_all_month_is_one_and_half_of_it_a_half() -> None:
    """October has 744 hours: 10 units for 372 of them are 5, and 1 for all of them is 1."""
    found = weighed(
        table(
            UsageRecords,
            """
            charge_period_start | charge_period_end | consumed_quantity
            2026-10-01T00:00Z   | 2026-10-16T12:00Z |                10
            2026-10-01T00:00Z   | 2026-11-01T00:00Z |                 1
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        6                |      6.00
        """,
    )


def test_hourly_sizes_add_up() -> None:
    """31 units for an hour each of 24 hours are a unit-month: 31 × 24 ÷ 744."""
    starts = "\n".join(f"2026-10-07T{hour:02}:00Z | 31" for hour in range(24))
    sizes = table(UsageRecords, f"charge_period_start | consumed_quantity\n{starts}")
    lasting_an_hour = sizes.with_columns(charge_period_end=pl.col("charge_period_start") + pl.duration(hours=1))
    assert_table(
        weighed(lasting_an_hour),
        RatingLines,
        """
        pricing_quantity | record_count | list_cost
        1                |           24 |      1.00
        """,
    )


@pytest.mark.parametrize(
    ("period", "known_as_of", "start", "end"),
    [
        ("2026-10", "2026-11-03T12:00Z", "2026-09-30T22:00Z", "2026-10-31T23:00Z"),
        ("2026-03", "2026-04-03T12:00Z", "2026-02-28T23:00Z", "2026-03-31T22:00Z"),
        ("2026-02", "2026-03-03T12:00Z", "2026-01-31T23:00Z", "2026-02-28T23:00Z"),
    ],
)
def test_a_month_in_which_the_clock_changes_is_still_one_month(
    period: str, known_as_of: str, start: str, end: str
) -> None:
    """In Berlin, from local midnight to local midnight: 745, 743 and 672 hours, each a month."""
    found = bill(
        period,
        known_as_of,
        skus=DISK,
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | time_zone
            acme               | Europe/Berlin
            """,
        ),
        usage_records=table(
            UsageRecords,
            f"""
            charge_period_start | charge_period_end | consumed_quantity
            {start}             | {end}             |                 8
            """,
        ),
    ).rating_lines
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        8                |      8.00
        """,
    )


def test_an_hour_weighs_less_in_a_longer_month() -> None:
    """At 745,000.00 a month an hour of one unit costs 1000.00 in Berlin, where October has 745; 1001.344… in UTC."""
    for zone, cost in (("Europe/Berlin", "1000.00"), ("UTC", "1001.34")):
        assert_table(_one_hour(zone), RatingLines, f"list_cost\n{cost}")


def _one_hour(zone: str) -> pl.DataFrame:
    return weighed(
        table(
            UsageRecords,
            """
            charge_period_start | charge_period_end | consumed_quantity
            2026-10-07T00:00Z   | 2026-10-07T01:00Z |                 1
            """,
        ),
        billing_accounts=table(
            BillingAccounts,
            f"""
            billing_account_id | time_zone
            acme               | {zone}
            """,
        ),
        sku_prices=table(SkuPrices, "list_unit_price\n745000"),
    )


def test_an_instant_weighs_nothing() -> None:
    found = weighed(
        table(
            UsageRecords,
            """
            charge_period_start | charge_period_end | consumed_quantity
            2026-10-07T00:00Z   | 2026-10-07T00:00Z |              1000
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity | list_cost
        0                |         0
        """,
    )


def test_a_microsecond_weighs_a_microsecond() -> None:
    """October has 2,678,400,000,000 of them: that many units for one are one."""
    found = weighed(
        table(
            UsageRecords,
            """
            charge_period_start         | charge_period_end | consumed_quantity
            2026-10-31T23:59:59.999999Z | 2026-11-01T00:00Z |     2678400000000
            """,
        )
    )
    assert_table(found, RatingLines, "pricing_quantity\n1")


def test_a_record_that_goes_on_into_the_next_month_counts_whole_where_it_starts() -> None:
    """The 31st from noon for 24 hours: 24 of 744 hours; at 744.00 a month, 24.00."""
    found = weighed(
        table(
            UsageRecords,
            """
            charge_period_start | charge_period_end | consumed_quantity
            2026-10-31T12:00Z   | 2026-11-01T12:00Z |                 1
            """,
        ),
        sku_prices=table(SkuPrices, "list_unit_price\n744"),
    )
    assert_table(found, RatingLines, "list_cost\n24.00")


def test_a_price_is_that_of_the_start_and_the_time_its_own() -> None:
    """Ten days at the old price, ten at the new: 240 ÷ 744 of a month at 744.00, and at 7440.00."""
    found = weighed(
        table(
            UsageRecords,
            """
            charge_period_start | charge_period_end | consumed_quantity
            2026-10-05T00:00Z   | 2026-10-15T00:00Z |                 1
            2026-10-15T00:00Z   | 2026-10-25T00:00Z |                 1
            """,
        ),
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | list_unit_price | valid_from | valid_until
            old          |             744 | 2026-01-01 | 2026-10-15
            new          |            7440 | 2026-10-15 |
            """,
        ),
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |    240.00
        new          |   2400.00
        """,
    )


def test_a_quotient_that_does_not_end_is_exact_until_it_is_rounded() -> None:
    """A unit for seven hours is 7 ÷ 744 = 0.009408602150537634…; at 744 × 10^11 a month it is 7 × 10^11 to the cent."""
    found = weighed(
        table(
            UsageRecords,
            """
            charge_period_start | charge_period_end | consumed_quantity
            2026-10-07T00:00Z   | 2026-10-07T07:00Z |                 1
            """,
        ),
        sku_prices=table(SkuPrices, "list_unit_price\n74400000000000"),
    )
    assert_table(
        found,
        RatingLines,
        """
        pricing_quantity  | list_cost
        0.009408602150537 | 700000000000.00
        """,
    )
