"""Published examples of graduated and volume tiers, from the manuals of other billing systems.

Lago, https://getlago.com/docs/guide/plans/charges/charge-models/volume and …/graduated (read in November 2026).
Zuplo, https://zuplo.com/docs/articles/monetization/pricing-models (read in November 2026).
Autumn, https://docs.useautumn.com/documentation/modelling-pricing/graduated-pricing (read in November 2026).
"""

from __future__ import annotations

import pytest

from rating.outputs import Outputs
from schemas.price_tiers import PriceTiers
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.golden.prices.months import assert_due, month
from tests.tables import table

LAGO_VOLUME = """
    up_to  | unit_price | flat_fee
    10000  |     0.0010 |       10
    50000  |     0.0008 |       10
    100000 |     0.0006 |       10
           |     0.0004 |       10
"""
LAGO_GRADUATED = """
    up_to | unit_price
    100   |       1.00
    200   |       0.50
          |       0.10
"""
ZUPLO = """
    up_to | unit_price
    1000  |       0.10
    10000 |       0.05
          |       0.01
"""
AUTUMN = """
    up_to | unit_price
    1000  |       0.01
    10000 |      0.008
          |      0.005
"""


def called(model: str, tiers: str, *calls: str) -> Outputs:
    """API calls at tiers of this model."""
    return month(
        skus=table(
            Skus,
            """
            sku_id | service | pricing_unit
            api    | API     | call
            """,
        ),
        sku_prices=table(
            SkuPrices,
            f"""
            sku_price_id | sku_id | price_model
            api-list     | api    | {model}
            """,
        ),
        price_tiers=table(PriceTiers, tiers, sku_price_id="api-list"),
        usage_records=table(UsageRecords, "\n".join(["consumed_quantity", *calls]), sku_id="api", consumed_unit="call"),
    )


@pytest.mark.parametrize(
    ("calls", "cost"),
    [("10000", "20.00"), ("10001", "18.00"), ("50001", "40.00"), ("65000", "49.00"), ("100001", "50.00")],
)
def test_lago_volume(calls: str, cost: str) -> None:
    """65,000 × 0.0006 + 10 = 49 as published. On a bound: 10,000 × 0.0010 + 10 = 20; past it 10,001 × 0.0008 + 10 =
    18.0008; 50,001 × 0.0006 + 10 = 40.0006; 100,001 × 0.0004 + 10 = 50.0004.
    """
    assert_due(called("volume", LAGO_VOLUME, calls), cost)


@pytest.mark.parametrize(("calls", "cost"), [("100", "100.00"), ("200", "150.00"), ("1000", "230.00")])
def test_lago_graduated(calls: str, cost: str) -> None:
    """100 × 1.00; 100 × 0.50 more; 800 × 0.10 more."""
    assert_due(called("graduated", LAGO_GRADUATED, calls), cost)


def test_zuplo_the_same_tiers_graduated_and_by_volume() -> None:
    """15,000 calls: 1,000 × 0.10 + 9,000 × 0.05 + 5,000 × 0.01 = 600; by volume 15,000 × 0.01 = 150. As published."""
    assert_due(called("graduated", ZUPLO, "9000", "6000"), "600.00")
    assert_due(called("volume", ZUPLO, "9000", "6000"), "150.00")


def test_autumn_graduated() -> None:
    """15,000 calls: 1,000 × 0.01 + 9,000 × 0.008 + 5,000 × 0.005 = 10 + 72 + 25 = 107 as published."""
    assert_due(called("graduated", AUTUMN, "15000"), "107.00")
