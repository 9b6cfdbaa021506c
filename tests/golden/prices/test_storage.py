"""Published storage prices: GB-months from sizes that were held, in tiers.

Amazon S3 FAQ, "How will I be charged and billed for my use of Amazon S3?", the storage example: 100 GB for 15 days of
March and 100 TB for its last 16 days are 42,259,901,212,262,400 byte-hours, 52,900 GB-months. As quoted in 2011 (US
Standard) by http://filezoomer.com/2011/05/how-does-amazon-s3-calculate-storage-used/index.html: 0.140 up to 1 TB, 0.125
up to 50 TB, 0.110 above; 143.36 + 6,272.00 + 187.00 = 6,602.36 USD.

Amazon EBS pricing, https://aws.eu/ebs/pricing, example 1 (read in November 2026): 2,000 GB of gp3 for 43,200 seconds of
a 30-day month at EUR 0.09394 a GB-month are EUR 3.13133.

Cloudflare R2 pricing, https://developers.cloudflare.com/r2/pricing/ (read in November 2026): 0.015 USD a GB-month after
10 free ones.
"""

from __future__ import annotations

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.price_tiers import PriceTiers
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.unit_conversions import UnitConversions
from schemas.usage_records import UsageRecords
from tests.golden.prices.months import assert_due, month
from tests.tables import table

STORAGE = table(
    Skus,
    """
    sku_id  | service | pricing_unit | meter
    storage | Storage | GB-month     | time_weighted
    """,
)
UNITS = table(
    UnitConversions,
    """
    from_unit | to_unit  | numerator | denominator
    byte      | GB-month |         1 |  1073741824
    GB        | GB-month |         1 |           1
    """,
)
S3_IN_2011 = table(
    SkuPrices,
    """
    sku_price_id | sku_id  | price_model
    standard     | storage | graduated
    """,
)
TIERS_IN_2011 = table(
    PriceTiers,
    """
    sku_price_id | up_to | unit_price
    standard     |  1024 |      0.140
    standard     | 51200 |      0.125
    standard     |       |      0.110
    """,
)


def s3(period: str, zone: str, *, start: str, changed: str, end: str) -> Outputs:
    """100 GB until the change, 100 TB from then on."""
    return month(
        period,
        zone=zone,
        skus=STORAGE,
        unit_conversions=UNITS,
        sku_prices=S3_IN_2011,
        price_tiers=TIERS_IN_2011,
        usage_records=table(
            UsageRecords,
            f"""
            sku_id  | charge_period_start | charge_period_end | consumed_quantity | consumed_unit
            storage | {start}             | {changed}         |      107374182400 | byte
            storage | {changed}           | {end}             |   109951162777600 | byte
            """,
        ),
    )


def test_s3_march_of_the_faq() -> None:
    """(100 × 15 × 24 + 102,400 × 16 × 24) ÷ 744 = 39,357,600 ÷ 744 = 52,900 GB-months. 1,024 × 0.140 = 143.36,
    50,176 × 0.125 = 6,272.00, 1,700 × 0.110 = 187.00: 6,602.36 as published.
    """
    assert_due(
        s3("2026-03", "UTC", start="2026-03-01T00:00Z", changed="2026-03-16T00:00Z", end="2026-04-01T00:00Z"),
        "6602.36",
        """
        pricing_quantity | list_cost
        52900            |   6602.36
        """,
    )


def test_s3_march_where_the_clock_goes_forward() -> None:
    """The same days in Berlin: 360 hours of 100 GB and 383 of 100 TB, of 743. 39,255,200 ÷ 743 = 52,833.378…; above
    51,200 are 1,633.378… × 0.110 = 179.6716…: 143.36 + 6,272.00 + 179.6716… = 6,595.03.
    """
    assert_due(
        s3("2026-03", "Europe/Berlin", start="2026-02-28T23:00Z", changed="2026-03-15T23:00Z", end="2026-03-31T22:00Z"),
        "6595.03",
    )


def test_s3_october_where_the_clock_goes_back() -> None:
    """Berlin's October: 360 hours of 100 GB and 385 of 100 TB, of 745. 39,460,000 ÷ 745 = 52,966.442…; above 51,200 are
    1,766.442… × 0.110 = 194.3087…: 6,609.67.
    """
    assert_due(
        s3("2026-10", "Europe/Berlin", start="2026-09-30T22:00Z", changed="2026-10-15T22:00Z", end="2026-10-31T23:00Z"),
        "6609.67",
    )


def test_s3_february() -> None:
    """Half of 28 days each: (100 + 102,400) ÷ 2 = 51,250 GB-months; 50 above × 0.110 = 5.50: 6,420.86."""
    assert_due(
        s3("2026-02", "UTC", start="2026-02-01T00:00Z", changed="2026-02-15T00:00Z", end="2026-03-01T00:00Z"),
        "6420.86",
    )


def held(period: str, price: str, records: str, currency: str = "USD", free_quantity: str = "0") -> Outputs:
    """Sizes that were held, at a price per GB-month."""
    return month(
        period,
        currency,
        skus=STORAGE,
        unit_conversions=UNITS,
        sku_prices=table(
            SkuPrices,
            f"""
            sku_price_id | sku_id  | list_unit_price | free_quantity
            storage-list | storage | {price}         | {free_quantity}
            """,
        ),
        usage_records=table(UsageRecords, records, sku_id="storage", consumed_unit="GB"),
    )


def test_ebs_volume_for_half_a_day_of_a_thirty_day_month() -> None:
    """2,000 × 43,200 ÷ 2,592,000 = 33.333… GB-months × 0.09394 = 3.131333…: EUR 3.13133 as published, 3.13 to pay."""
    billed = held(
        "2026-11",
        "0.09394",
        """
        charge_period_start | charge_period_end | consumed_quantity
        2026-11-10T06:00Z   | 2026-11-10T18:00Z |              2000
        """,
        currency="EUR",
    )
    assert_due(billed, "3.13", "pricing_quantity\n33.333333333333333")


def test_ebs_iops_above_the_baseline_for_half_a_day() -> None:
    """The same page: 10,000 IOPS less the free 3,000, at EUR 0.00592: 0.00592 × 7,000 ÷ 60 = 0.690666…, so 0.69. The
    free ones are held too and so never recorded as use.
    """
    billed = held(
        "2026-11",
        "0.00592",
        """
        charge_period_start | charge_period_end | consumed_quantity
        2026-11-10T06:00Z   | 2026-11-10T18:00Z |              7000
        """,
        currency="EUR",
    )
    assert_due(billed, "0.69")


def test_ebs_provisioned_iops_for_half_a_month() -> None:
    """Amazon EBS pricing, io1, as quoted by http://testkingaws.com/amazon/aws-saa-v-1/: 1,000 IOPS for 15 of 30 days at
    0.10 are 50.00.
    """
    billed = held(
        "2026-11",
        "0.10",
        """
        charge_period_start | charge_period_end | consumed_quantity
        2026-11-01T00:00Z   | 2026-11-16T00:00Z |              1000
        """,
    )
    assert_due(billed, "50.00")


@pytest.mark.parametrize(
    "records",
    [
        """
        charge_period_start | charge_period_end | consumed_quantity
        2026-10-07T00:00Z   | 2026-10-08T00:00Z |                31
        """,
        """
        charge_period_start | charge_period_end | consumed_quantity
        2026-10-01T00:00Z   | 2026-11-01T00:00Z |                 1
        """,
    ],
)
def test_ebs_one_gb_month_of_a_31_day_month_in_two_ways(records: str) -> None:
    """AWS, "Understand charges for Amazon EBS volumes", as quoted at https://edureka.co/community/34315/: in a 31-day
    month a 31-GB volume for 24 hours, or a 1-GB volume for 744 hours, is one GB-month.
    """
    assert_due(held("2026-10", "0.10", records), "0.10", "pricing_quantity\n1")


def test_r2_standard_storage_of_a_thousand_gigabytes() -> None:
    """1,000 GB all month, 10 GB-months free: 990 × 0.015 = 14.85 as published."""
    billed = held(
        "2026-11",
        "0.015",
        """
        charge_period_start | charge_period_end | consumed_quantity
        2026-11-01T00:00Z   | 2026-12-01T00:00Z |              1000
        """,
        free_quantity="10",
    )
    assert_due(
        billed,
        "14.85",
        """
        pricing_quantity | list_cost
        1000             |     14.85
        """,
    )


def test_r2_storage_that_grows_inside_the_month() -> None:
    """1 GB for 5 of 30 days, then 3 GB for 25, are 1 × 5/30 + 3 × 25/30 = 2.66 GB-month as published: 2.666… exactly.
    None of it is free here, and at 0.015 it costs 0.04.
    """
    billed = held(
        "2026-11",
        "0.015",
        """
        charge_period_start | charge_period_end | consumed_quantity
        2026-11-01T00:00Z   | 2026-11-06T00:00Z |                 1
        2026-11-06T00:00Z   | 2026-12-01T00:00Z |                 3
        """,
    )
    assert_due(billed, "0.04", "pricing_quantity\n2.666666666666666")


S3_TODAY = table(
    PriceTiers,
    """
    sku_price_id |  up_to | unit_price
    standard     |  51200 |      0.023
    standard     | 512000 |      0.022
    standard     |        |      0.021
    """,
)


def test_s3_standard_across_three_tiers() -> None:
    """Amazon S3 pricing, https://aws.amazon.com/s3/pricing/ (S3 Standard, US East, read in November 2026): first 50 TB
    0.023, next 450 TB 0.022, over 500 TB 0.021 per GB. 600 TB are 614,400 GB: 51,200 × 0.023 = 1,177.60, 460,800 ×
    0.022 = 10,137.60, 102,400 × 0.021 = 2,150.40; 13,465.60.
    """
    billed = month(
        skus=STORAGE,
        unit_conversions=UNITS,
        sku_prices=S3_IN_2011,
        price_tiers=S3_TODAY,
        usage_records=_all_october("614400"),
    )
    assert_due(billed, "13465.60")


def test_s3_faq_of_today_at_its_two_tiers() -> None:
    """The same FAQ at the prices above: 52,900 GB-months are 51,200 × 0.023 + 1,700 × 0.022 = 1,177.60 + 37.40 =
    1,215.00.
    """
    billed = month(
        skus=STORAGE,
        unit_conversions=UNITS,
        sku_prices=S3_IN_2011,
        price_tiers=S3_TODAY,
        usage_records=_all_october("52900"),
    )
    assert_due(billed, "1215.00")


def _all_october(gigabytes: str) -> pl.DataFrame:
    return table(
        UsageRecords,
        f"""
        sku_id  | charge_period_start | charge_period_end | consumed_quantity | consumed_unit
        storage | 2026-10-01T00:00Z   | 2026-11-01T00:00Z | {gigabytes}       | GB
        """,
    )


IDCF = table(
    SkuPrices,
    """
    sku_price_id | sku_id  | price_model
    pay-per-use  | storage | volume
    """,
)


@pytest.mark.parametrize(
    ("gigabytes", "yen"), [("49", "0"), ("49.999999999999999", "0"), ("50", "390"), ("51", "398"), ("1000", "7800")]
)
def test_idcf_yen_that_are_due_for_all_of_it_from_fifty_gigabytes_on(gigabytes: str, yen: str) -> None:
    """IDC Frontier, object storage, https://www.idcf.jp/cloud/storage/spec.html: under 50 GB of monthly average free;
    from 50 GB on 7.8 yen a GB for the whole, 50 × 7.8 = 390 as published. A tier's bound is included in it, so the free
    one ends a 10^-15 below fifty. 51 × 7.8 = 397.8, so 398 yen; 1,000 × 7.8 = 7,800.
    """
    tiers = table(
        PriceTiers,
        """
        sku_price_id |              up_to | unit_price
        pay-per-use  | 49.999999999999999 |        0.0
        pay-per-use  |                    |        7.8
        """,
    )
    billed = month(
        currency="JPY",
        skus=STORAGE,
        unit_conversions=UNITS,
        sku_prices=IDCF,
        price_tiers=tiers,
        usage_records=_all_october(gigabytes),
    )
    assert_due(billed, yen)


def test_idcf_pack_of_ten_terabytes_and_what_goes_beyond() -> None:
    """The same page, 10TB pack: 32,000 yen up to 10,240 GB, 15.0 yen for each GB above. 10,300 GB: 32,000 + 60 × 15 =
    32,900.
    """
    tiers = table(
        PriceTiers,
        """
        sku_price_id | up_to | unit_price | flat_fee
        pack         | 10240 |          0 |    32000
        pack         |       |         15 |        0
        """,
    )
    prices = table(
        SkuPrices,
        """
        sku_price_id | sku_id  | price_model
        pack         | storage | graduated
        """,
    )
    for gigabytes, yen in (("1", "32000"), ("10240", "32000"), ("10300", "32900")):
        billed = month(
            currency="JPY",
            skus=STORAGE,
            unit_conversions=UNITS,
            sku_prices=prices,
            price_tiers=tiers,
            usage_records=_all_october(gigabytes),
        )
        assert_due(billed, yen)
