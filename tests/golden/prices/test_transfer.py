"""Published prices of data that leaves a cloud.

AWS, data transfer out to the internet, as tabled by https://wring.co/blog/aws-data-transfer-pricing-guide (2026): 100
GB free, then up to 10 TB 0.09, next 40 TB 0.085, next 100 TB 0.07, over 150 TB 0.05 USD per GB.
"""

from __future__ import annotations

import polars as pl

from rating.outputs import Outputs
from schemas.price_tiers import PriceTiers
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.golden.prices.months import assert_due, month
from tests.tables import table

TRANSFER = table(
    Skus,
    """
    sku_id   | service | pricing_unit
    transfer | Network | GB
    """,
)
TIERS = table(
    PriceTiers,
    """
    sku_price_id |  up_to | unit_price
    out          |  10240 |       0.09
    out          |  51200 |      0.085
    out          | 153600 |       0.07
    out          |        |       0.05
    """,
)


def transferred(records: str, tiers: pl.DataFrame = TIERS, free_quantity: str = "100") -> Outputs:
    return month(
        skus=TRANSFER,
        sku_prices=table(
            SkuPrices,
            f"""
            sku_price_id | sku_id   | price_model | free_quantity
            out          | transfer | graduated   | {free_quantity}
            """,
        ),
        price_tiers=tiers,
        usage_records=table(UsageRecords, records, sku_id="transfer", consumed_unit="GB"),
    )


def test_aws_five_terabytes() -> None:
    """https://cloud-cost-557.pages.dev/blog/estimate-aws-data-transfer-bill/ (June 2026): 5,120 − 100 free = 5,020 ×
    0.09 ≈ 452: 451.80.
    """
    assert_due(
        transferred("consumed_quantity\n5120"),
        "451.80",
        """
        pricing_quantity | list_cost
        5120             |    451.80
        """,
    )


def test_aws_within_the_free_hundred() -> None:
    assert_due(transferred("consumed_quantity\n60\n40"), "0")


def test_aws_two_hundred_terabytes_across_all_tiers() -> None:
    """204,800 − 100 = 204,700 GB: 10,240 × 0.09 = 921.60, 40,960 × 0.085 = 3,481.60, 102,400 × 0.07 = 7,168.00 and the
    last 51,100 × 0.05 = 2,555.00; 14,126.20.
    """
    assert_due(transferred("consumed_quantity\n204800"), "14126.20")


def test_aws_services_share_the_free_quantity_and_the_tiers_in_the_order_of_time() -> None:
    """Two resources of 5,170 GB each: 10,340 − 100 = 10,240 are 921.60, all in the first tier; the one that came first
    has the free hundred, so it pays 5,070 × 0.09 = 456.30 and the other 5,170 × 0.09 = 465.30.
    """
    assert_due(
        transferred(
            """
            sub_account_id | charge_period_start | consumed_quantity
            website        | 2026-10-02T00:00Z   |              5170
            app            | 2026-10-09T00:00Z   |              5170
            """
        ),
        "921.60",
        """
        sub_account_id | list_cost
        website        |    456.30
        app            |    465.30
        """,
    )


def test_aws_sydney_where_the_first_gigabyte_was_a_tier_of_its_own() -> None:
    """https://chengqing.dev/en/2020/01/23/aws-data-transfer/: up to 1 GB 0.00, next 9.999 TB 0.114, next 40 TB 0.098,
    next 100 TB 0.094, then 0.092. One GB from S3 and one from EC2 cost 0.114 as published, not 0: they count together.
    To see the tenth of a cent: 1 GB and 10 GB are 10 × 0.114 = 1.14.
    """
    sydney = table(
        PriceTiers,
        """
        sku_price_id |  up_to | unit_price
        out          |      1 |       0.00
        out          |  10000 |      0.114
        out          |  50000 |      0.098
        out          | 150000 |      0.094
        out          |        |      0.092
        """,
    )
    s3_and_ec2 = "resource_id | consumed_quantity\n"
    assert_due(transferred(s3_and_ec2 + "s3 | 1\nec2 | 1", sydney, free_quantity="0"), "0.11")
    assert_due(transferred(s3_and_ec2 + "s3 | 1\nec2 | 10", sydney, free_quantity="0"), "1.14")
