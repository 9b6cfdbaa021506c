"""Published prices per so many requests, with included quantities: several lines, one invoice.

Cloudflare Workers, https://developers.cloudflare.com/workers/platform/pricing/ (read in November 2026): 5.00 USD a
month; 10 million requests included, then 0.30 a million; 30 million CPU milliseconds included, then 0.02 a million.
Examples 1, 3 and 4 of that page.

Cloudflare R2, https://developers.cloudflare.com/r2/pricing/ (read in November 2026): Class A 4.50 a million after 1
million, Class B 0.36 a million after 10 million; infrequent access 0.01 a GB-month, 9.00 and 0.90 a million, 0.01 a GB
retrieved.

AWS Lambda, https://aws.amazon.com/lambda/pricing/, example 1: 0.00001667 a GB-second after 400,000, 0.20 a million
requests after one.

Amazon S3 FAQ, S3 Express One Zone, example 1, as kept at
https://txtdot.deep-swarm.xyz/get?url=https%3A%2F%2Faws.amazon.com%2Fs3%2Ffaqs%2F: 0.11 a GB-month, 0.00113 and 0.00003
per 1,000 writes and reads, 0.0032 and 0.0006 per GB uploaded and retrieved.
"""

from __future__ import annotations

import pytest

from rating.outputs import Outputs
from schemas.recurring_items import RecurringItems
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.unit_conversions import UnitConversions
from schemas.usage_records import UsageRecords
from tests.golden.prices.months import assert_due, month
from tests.tables import table

WORKERS = table(
    Skus,
    """
    sku_id       | service | pricing_unit
    subscription | Workers | month
    requests     | Workers | request
    cpu          | Workers | millisecond
    """,
)
WORKERS_PRICES = table(
    SkuPrices,
    """
    sku_price_id | sku_id       | list_unit_price | per_quantity | free_quantity
    subscription | subscription |            5.00 |            1 |             0
    requests     | requests     |            0.30 |      1000000 |      10000000
    cpu          | cpu          |            0.02 |      1000000 |      30000000
    """,
)
SUBSCRIPTION = table(
    RecurringItems,
    """
    recurring_item_id | sku_id       | quantity
    workers-paid      | subscription |        1
    """,
)


@pytest.mark.parametrize(
    ("requests", "milliseconds", "for_requests", "for_cpu", "total"),
    [
        ("15000000", "105000000", "1.50", "1.50", "8.00"),
        ("720", "129600000", "0.00", "1.99", "6.99"),
        ("100000000", "700000000", "27.00", "13.40", "45.40"),
    ],
    ids=["example 1", "example 3", "example 4"],
)
def test_workers_paid(requests: str, milliseconds: str, for_requests: str, for_cpu: str, total: str) -> None:
    """1: (15 − 10) × 0.30 = 1.50; 7 ms × 15 million − 30 million = 75 million × 0.02 = 1.50; with 5.00, 8.00.
    3: 720 requests are included; 180,000 ms × 720 − 30,000,000 = 99,600,000 → 99.6 × 0.02 = 1.992; 6.99.
    4: 90 × 0.30 = 27.00; 670 × 0.02 = 13.40; 45.40. All as published.
    """
    billed = month(
        skus=WORKERS,
        sku_prices=WORKERS_PRICES,
        recurring_items=SUBSCRIPTION,
        usage_records=table(
            UsageRecords,
            f"""
            sku_id   | consumed_quantity | consumed_unit
            requests | {requests}        | request
            cpu      | {milliseconds}    | millisecond
            """,
        ),
    )
    assert_due(
        billed,
        total,
        f"""
        sku_id       |      list_cost
        subscription |           5.00
        requests     | {for_requests}
        cpu          |      {for_cpu}
        """,
    )


R2 = table(
    Skus,
    """
    sku_id  | service | pricing_unit
    stored  | R2      | GB-month
    class-a | R2      | request
    class-b | R2      | request
    fetched | R2      | GB
    """,
)


def r2(prices: str, records: str) -> Outputs:
    return month(
        "2026-11",
        skus=R2,
        sku_prices=table(SkuPrices, prices),
        usage_records=table(UsageRecords, records, charge_period_start="2026-11-10T00:00Z"),
    )


def test_r2_asset_hosting() -> None:
    """10,000,000 reads a day for 30 days, 10 million free: 290 × 0.36 = 104.40 as published; storage and writes are
    free.
    """
    billed = r2(
        """
        sku_price_id | sku_id  | list_unit_price | per_quantity | free_quantity
        stored       | stored  |           0.015 |            1 |            10
        class-a      | class-a |            4.50 |      1000000 |       1000000
        class-b      | class-b |            0.36 |      1000000 |      10000000
        """,
        """
        sku_id  | consumed_quantity | consumed_unit
        stored  |                10 | GB-month
        class-a |            100000 | request
        class-b |         300000000 | request
        """,
    )
    assert_due(
        billed,
        "104.40",
        """
        sku_id  | list_cost
        stored  |         0
        class-a |         0
        class-b |    104.40
        """,
    )


def test_r2_infrequent_access_where_a_part_of_a_million_is_paid_as_one() -> None:
    """1,000 GB-months × 0.01 = 10.00; 1,000 writes are billed as a million, 9.00; a million reads 0.90; 1,000 GB × 0.01
    = 10.00: 29.90 as published.
    """
    billed = r2(
        """
        sku_price_id | sku_id  | price_model | list_unit_price | package_size
        stored       | stored  | package     |            0.01 |            1
        class-a      | class-a | package     |            9.00 |      1000000
        class-b      | class-b | package     |            0.90 |      1000000
        fetched      | fetched | package     |            0.01 |            1
        """,
        """
        sku_id  | consumed_quantity | consumed_unit
        stored  |              1000 | GB-month
        class-a |              1000 | request
        class-b |           1000000 | request
        fetched |              1000 | GB
        """,
    )
    assert_due(
        billed,
        "29.90",
        """
        sku_id  | list_cost
        stored  |     10.00
        class-a |      9.00
        class-b |      0.90
        fetched |     10.00
        """,
    )


def test_lambda_example_1() -> None:
    """512 MB for a second, three million times: 3,000,000 × 0.5 = 1,500,000 GB-seconds, less 400,000 at 0.00001667 =
    18.337, so 18.34; two million requests above the free one at 0.20 = 0.40; 18.74 as published.
    """
    billed = month(
        skus=table(
            Skus,
            """
            sku_id   | service | pricing_unit
            compute  | Lambda  | GB-second
            requests | Lambda  | request
            """,
        ),
        unit_conversions=table(
            UnitConversions,
            """
            from_unit        | to_unit   | numerator | denominator
            512 MB-second    | GB-second |       512 |        1024
            """,
        ),
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | sku_id   | list_unit_price | per_quantity | free_quantity
            compute      | compute  |      0.00001667 |            1 |        400000
            requests     | requests |            0.20 |      1000000 |       1000000
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity | consumed_unit
            compute  |           3000000 | 512 MB-second
            requests |           3000000 | request
            """,
        ),
    )
    assert_due(
        billed,
        "18.74",
        """
        sku_id   | pricing_quantity | list_cost
        compute  |          1500000 |     18.34
        requests |          3000000 |      0.40
        """,
    )


def test_s3_express_example_1() -> None:
    """10 GB-months × 0.11 = 1.10; 1,000 thousand writes × 0.00113 = 1.13; 9,000 thousand reads × 0.00003 = 0.27. A
    million times 10 KB, 1,048,576 to the GB, are 9.5367… GB: up × 0.0032 = 0.0305 → 0.03; nine million times down,
    85.83… GB × 0.0006 = 0.0515 → 0.05. 2.58 as published.
    """
    billed = month(
        "2026-11",
        skus=table(
            Skus,
            """
            sku_id   | service | pricing_unit
            stored   | Express | GB-month
            writes   | Express | request
            reads    | Express | request
            upload   | Express | GB
            download | Express | GB
            """,
        ),
        unit_conversions=table(
            UnitConversions,
            """
            from_unit | to_unit | numerator | denominator
            KB        | GB      |         1 |     1048576
            """,
        ),
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | sku_id   | list_unit_price | per_quantity
            stored       | stored   |            0.11 |            1
            writes       | writes   |         0.00113 |         1000
            reads        | reads    |         0.00003 |         1000
            upload       | upload   |          0.0032 |            1
            download     | download |          0.0006 |            1
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id   | consumed_quantity | consumed_unit
            stored   |                10 | GB-month
            writes   |           1000000 | request
            reads    |           9000000 | request
            upload   |          10000000 | KB
            download |          90000000 | KB
            """,
            charge_period_start="2026-11-10T00:00Z",
        ),
    )
    assert_due(
        billed,
        "2.58",
        """
        sku_id   | list_cost
        stored   |      1.10
        writes   |      1.13
        reads    |      0.27
        upload   |      0.03
        download |      0.05
        """,
    )
