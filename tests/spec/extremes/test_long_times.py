"""A record may last 366 days, an hour, a microsecond or nothing. What it holds is weighed against the month it starts
in.
"""

from __future__ import annotations

import polars as pl

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.holds import Holds
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.unit_conversions import UnitConversions
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Extremes: a year and a microsecond (P1, M3)"

DISK = table(Skus, "sku_id | meter\nvm-small | time_weighted")


def held(records: str, price: str = "1", period: str = "2028-01", known_as_of: str = "2028-02-03T12:00Z") -> Outputs:
    return bill(
        period,
        known_as_of,
        skus=DISK,
        sku_prices=table(SkuPrices, f"list_unit_price\n{price}"),
        usage_records=table(UsageRecords, f"charge_period_start | charge_period_end | consumed_quantity\n{records}"),
    )


def test_a_leap_year_that_begins_in_january() -> None:
    """31 units from 1 January 2028 for 366 days weigh 31 × 366 ÷ 31 = 366 of January's months."""
    assert_table(
        held("2028-01-01T00:00Z | 2029-01-01T00:00Z | 31").rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost
        366              |    366.00
        """,
    )


def test_the_largest_quantity_for_a_year_at_the_smallest_price() -> None:
    """(10^14 − 10^-15) × 366 ÷ 31 at 10^-12 are 1,180.645161…"""
    assert_table(
        held("2028-01-01T00:00Z | 2029-01-01T00:00Z | 99999999999999.999999999999999", "0.000000000001").rating_lines,
        RatingLines,
        """
        pricing_quantity                 | list_cost
        1180645161290322.580645161290310 |   1180.65
        """,
    )


def test_what_needs_more_than_37_digits_parks_the_account() -> None:
    """A hundred of the same, and one of them that ends a microsecond earlier: nothing is cut, and nothing wraps."""
    largest = "2028-01-01T00:00Z | 2029-01-01T00:00Z | 99999999999999.999999999999999"
    odd = "2028-01-01T00:00Z | 2028-12-31T23:59:59.999999Z | 99999999999999.999999999999999"
    for records in ("\n".join([largest] * 100), odd):
        billed = held(records, "0.000000000001")
        assert_table(billed.holds, Holds, "reason_code\nH_QUANTITY_OUT_OF_RANGE")
        assert billed.charges.is_empty()


def test_the_smallest_quantity_for_a_microsecond() -> None:
    """10^-15 × 1 ÷ 2,678,400,000,000 is 3.7 × 10^-28: at 10^26 − 1 it is 0.0373…, so 0.04."""
    assert_table(
        held(
            "2028-01-01T00:00Z | 2028-01-01T00:00:00.000001Z | 0.000000000000001", "99999999999999999999999999"
        ).rating_lines,
        RatingLines,
        """
        pricing_quantity | list_cost
        0                |      0.04
        """,
    )


def test_the_pieces_of_a_month_add_up_to_it() -> None:
    """A million units for all of January, in a hundred pieces of 26,784 seconds, are a million."""
    starts = pl.datetime_range(
        pl.datetime(2028, 1, 1, time_zone="UTC", time_unit="us"),
        pl.datetime(2028, 2, 1, time_zone="UTC", time_unit="us"),
        "26784s",
        closed="left",
        eager=True,
    )
    records = "\n".join(f"{start.isoformat()} | {start.isoformat()} | 1000000" for start in starts)
    held_for = table(UsageRecords, f"charge_period_start | charge_period_end | consumed_quantity\n{records}")
    pieces = held_for.with_columns(charge_period_end=pl.col("charge_period_start") + pl.duration(seconds=26784))
    billed = bill("2028-01", "2028-02-03T12:00Z", skus=DISK, usage_records=pieces)
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        pricing_quantity | record_count | list_cost
        1000000          |          100 | 1000000.00
        """,
    )


def test_bytes_that_are_held_all_month_beside_the_smallest_quantity_of_another() -> None:
    """acme holds 100 TB in bytes, 102,400 GB-months; globex uses 10^-15 of an hour, which makes no difference to acme
    (L2).
    """
    for of_globex in ("1", "0.000000000000001"):
        billed = bill(
            billing_accounts=table(BillingAccounts, "billing_account_id\nacme\nglobex"),
            skus=table(
                Skus,
                """
                sku_id   | meter         | pricing_unit
                vm-small | time_weighted | GB-month
                vm-large | sum           | hour
                """,
            ),
            unit_conversions=table(
                UnitConversions,
                """
                from_unit | to_unit  | numerator | denominator
                byte      | GB-month |         1 |  1073741824
                """,
            ),
            usage_records=table(
                UsageRecords,
                f"""
                billing_account_id | sku_id   | charge_period_end | consumed_quantity | consumed_unit
                acme               | vm-small | 2026-11-01T00:00Z |   109951162777600 | byte
                globex             | vm-large | 2026-10-01T01:00Z | {of_globex}       | hour
                """,
            ),
        )
        assert_table(
            billed.rating_lines.filter(billing_account_id="acme"),
            RatingLines,
            """
            pricing_quantity | list_cost
            102400           | 102400.00
            """,
        )
