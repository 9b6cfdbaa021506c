"""Published prices by the started block, and quantities that are rounded up before they are priced.

Cloudflare R2, https://developers.cloudflare.com/r2/pricing/, "Billable unit rounding" (read in November 2026): a
million and one operations are billed as two million; 1.1 GB-month as 2 GB-month.

Lago, https://getlago.com/docs/guide/plans/charges/charge-models/package (read in November 2026): 5 USD per 100 units,
the first 100 free: 201 units cost 10.

Chargebee, https://www.chargebee.com/docs/billing/2.0/product-catalog/package-pricing (read in November 2026): 1.25 USD
per started million tokens (as OpenAI's GPT-5): 10 tokens 1.25, a million 1.25, a million and a half 2.50.

Twilio, https://support.twilio.com/hc/en-us/articles/223132307 (read in November 2026): minutes are rounded up per call:
a call of 1 minute and 20 seconds is billed as 2 minutes.

Amazon Kinesis, http://aws.amazon.com/kinesis/pricing/: a record is counted in chunks of 25 KB: 5 KB one, 45 KB two; and
a record of 1000 KB forty
(https://docs.otc.t-systems.com/data-ingestion-service/umn/cdr_specification/billing_model.html).
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.unit_conversions import UnitConversions
from schemas.usage_records import UsageRecords
from tests.golden.prices.months import assert_due, month
from tests.tables import table


def sold(unit: str, price: str, *quantities: str) -> Outputs:
    """Quantities of one SKU at this price."""
    return month(
        skus=table(
            Skus,
            f"""
            sku_id | service | pricing_unit
            sold   | Calls   | {unit}
            """,
        ),
        sku_prices=table(SkuPrices, price, sku_id="sold"),
        usage_records=table(
            UsageRecords, "\n".join(["consumed_quantity", *quantities]), sku_id="sold", consumed_unit=unit
        ),
    )


@pytest.mark.parametrize(("operations", "cost"), [("1000000", "4.50"), ("1000001", "9.00"), ("2000000", "9.00")])
def test_r2_operations_by_the_started_million(operations: str, cost: str) -> None:
    """Class A at 4.50 a million, beyond the free one: a million and one are two million, 9.00."""
    price = """
        price_model | package_size | list_unit_price
        package     |      1000000 |            4.50
    """
    assert_due(sold("request", price, operations), cost)


def test_r2_operations_with_the_free_million() -> None:
    """A million and one with one million free are one started million: 4.50."""
    price = """
        price_model | package_size | list_unit_price | free_quantity
        package     |      1000000 |            4.50 |       1000000
    """
    assert_due(sold("request", price, "1000000"), "0")
    assert_due(sold("request", price, "999999", "2"), "4.50")


def test_r2_storage_rounded_up_to_the_gigabyte_month() -> None:
    """1.1 GB-month are billed as 2, at 0.015 0.03: by blocks of one, or by rounding the quantity."""
    by_block = """
        price_model | package_size | list_unit_price
        package     |            1 |           0.015
    """
    assert_due(sold("GB-month", by_block, "0.4", "0.7"), "0.03", "pricing_quantity\n1.1")
    by_rounding = month(
        skus=table(
            Skus,
            """
            sku_id | pricing_unit | quantity_rounding | quantity_increment | quantity_rounding_scope
            sold   | GB-month     | up                |                  1 | period
            """,
        ),
        sku_prices=table(SkuPrices, "sku_id | list_unit_price\nsold | 0.015"),
        usage_records=table(UsageRecords, "consumed_quantity\n0.4\n0.7", sku_id="sold", consumed_unit="GB-month"),
    )
    assert_due(by_rounding, "0.03", "pricing_quantity\n2")


@pytest.mark.parametrize(("units", "cost"), [("100", "0"), ("101", "5.00"), ("200", "5.00"), ("201", "10.00")])
def test_lago_package_with_a_free_one(units: str, cost: str) -> None:
    """201 units: the first hundred free, the next 5, the last one starts another 5: 10 as published."""
    price = """
        price_model | package_size | list_unit_price | free_quantity
        package     |          100 |               5 |           100
    """
    assert_due(sold("unit", price, units), cost)


@pytest.mark.parametrize(("tokens", "cost"), [("10", "1.25"), ("1000000", "1.25"), ("1500000", "2.50")])
def test_chargebee_tokens_by_the_started_million(tokens: str, cost: str) -> None:
    price = """
        price_model | package_size | list_unit_price
        package     |      1000000 |            1.25
    """
    assert_due(sold("token", price, tokens), cost)


def per_record(unit: str, increment: str, price: str, records: pl.DataFrame, conversions: pl.DataFrame) -> Outputs:
    """Each record rounded up to the increment."""
    return month(
        skus=table(
            Skus,
            f"""
            sku_id | pricing_unit | quantity_rounding | quantity_increment | quantity_rounding_scope
            sold   | {unit}       | up                | {increment}        | record
            """,
        ),
        unit_conversions=conversions,
        sku_prices=table(SkuPrices, price, sku_id="sold"),
        usage_records=records,
    )


def test_twilio_calls_by_the_started_minute() -> None:
    """Calls of 60, 61 and 80 seconds are 1 + 2 + 2 minutes. At 0.0140 a minute
    (https://www.twilio.com/en-us/voice/pricing/us, outbound) a hundred of each are 500 × 0.0140 = 7.00, where the
    seconds alone would be 335 minutes.
    """
    calls = "\n".join(f"{seconds} | second" for seconds in (60, 61, 80) for _ in range(100))
    billed = per_record(
        "minute",
        "1",
        "list_unit_price\n0.0140",
        table(UsageRecords, f"consumed_quantity | consumed_unit\n{calls}", sku_id="sold"),
        table(
            UnitConversions,
            """
            from_unit | to_unit | numerator | denominator
            second    | minute  |         1 |          60
            """,
        ),
    )
    assert_due(
        billed,
        "7.00",
        """
        pricing_quantity | record_count | list_cost
        500              |          300 |      7.00
        """,
    )


def test_kinesis_payload_units() -> None:
    """5 KB are one chunk of 25, 45 KB two, 1000 KB forty: 43 units as published, at 0.014 a million nothing."""
    billed = per_record(
        "unit",
        "1",
        "list_unit_price | per_quantity\n0.014 | 1000000",
        table(
            UsageRecords,
            """
            sku_id | consumed_quantity | consumed_unit
            sold   |                 5 | KB
            sold   |                45 | KB
            sold   |              1000 | KB
            """,
        ),
        table(
            UnitConversions,
            """
            from_unit | to_unit | numerator | denominator
            KB        | unit    |         1 |          25
            """,
        ),
    )
    assert_due(billed, "0", "pricing_quantity\n43")


def test_kinesis_a_month_of_them() -> None:
    """The example of the same page: 100 records a second of 35 KB are two units each, 200 × 86,400 × 31 = 535,680,000
    in a 31-day month; × 0.014 a million = 7.49952, so 7.50.
    """
    assert_due(sold("unit", "list_unit_price | per_quantity\n0.014 | 1000000", "535680000"), "7.50")
