"""Published prices per million tokens: input, cached input, output.

OpenAI, https://openai.com/api/pricing/, as quoted by
https://community.openai.com/t/how-to-correct-compute-the-cost-of-an-o1-model-api-call/1099176 (o1: 15.00, 7.50, 60.00
USD) and by https://docs.rs/crate/openai-models/0.1.1/source/src/lib.rs (gpt-4o: 2.50, 1.25, 10.00; gpt-4o-mini: 0.15,
0.075, 0.60).
"""

from __future__ import annotations

import pytest

from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.usage_records import UsageRecords
from tests.golden.prices.months import assert_due, month
from tests.tables import table

TOKENS = table(
    Skus,
    """
    sku_id | service | pricing_unit
    input  | Tokens  | token
    cached | Tokens  | token
    output | Tokens  | token
    """,
)


@pytest.mark.parametrize(
    ("model", "prices", "costs", "total"),
    [
        ("o1", ("15.00", "7.50", "60.00"), ("18.52", "65.74", "20.74"), "105.00"),
        ("gpt-4o", ("2.50", "1.25", "10.00"), ("3.09", "10.96", "3.46"), "17.51"),
        ("gpt-4o-mini", ("0.15", "0.075", "0.60"), ("0.19", "0.66", "0.21"), "1.06"),
    ],
)
def test_a_month_of_tokens(model: str, prices: tuple[str, str, str], costs: tuple[str, str, str], total: str) -> None:
    """1,234,567 of input, 8,765,432 cached, 345,678 of output.
    o1: 18.518505, 65.74074, 20.74068. gpt-4o: 3.0864175, 10.95679, 3.45678. mini: 0.18518505, 0.6574074, 0.2074068.
    """
    billed = month(
        skus=TOKENS,
        sku_prices=table(
            SkuPrices,
            f"""
            sku_price_id | sku_id | list_unit_price | per_quantity
            {model}-in   | input  | {prices[0]}     |      1000000
            {model}-hit  | cached | {prices[1]}     |      1000000
            {model}-out  | output | {prices[2]}     |      1000000
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            sku_id | charge_period_start | consumed_quantity | consumed_unit
            input  | 2026-10-03T00:00Z   |            234567 | token
            input  | 2026-10-05T00:00Z   |           1000000 | token
            cached | 2026-10-05T00:00Z   |           8765432 | token
            output | 2026-10-03T00:00Z   |             45678 | token
            output | 2026-10-05T00:00Z   |            300000 | token
            """,
        ),
    )
    assert_due(
        billed,
        total,
        f"""
        sku_id | pricing_quantity |  list_cost
        input  |          1234567 | {costs[0]}
        cached |          8765432 | {costs[1]}
        output |           345678 | {costs[2]}
        """,
    )


def test_a_single_token_is_a_part_of_a_cent_and_a_million_of_them_are_the_price() -> None:
    """One token at 2.50 a million is 0.0000025; a million records of one token would be 2.50, here ten of 100,000."""
    for count, each, cost in ((1, "1", "0"), (10, "100000", "2.50")):
        records = "\n".join(["consumed_quantity", *[each] * count])
        billed = month(
            skus=TOKENS,
            sku_prices=table(SkuPrices, "sku_id | list_unit_price | per_quantity\ninput | 2.50 | 1000000"),
            usage_records=table(UsageRecords, records, sku_id="input", consumed_unit="token"),
        )
        assert_due(billed, cost)
