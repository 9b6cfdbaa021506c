"""Records are cut where what they are charged at becomes another, and nowhere else: a price that is not in force for
an account parts none of its records. It shows where free quantity meets a reversal, for these go in time order.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests import oracle
from tests.pipeline import rate_world
from tests.worlds import make_world

title = "Spanning records: only a price of one's own parts them (U4, P4)"

OURS: dict[str, Any] = {"list_unit_price": Decimal(1), "free_quantity": Decimal(10)}
CONTRACT = {"sku_price_id": "contract", "billing_account_id": "acme", **OURS}
"""1 each, but for the first 10 of a month."""


def at(text: str) -> datetime:
    """`10-31` of 2026, in UTC."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def used(name: str, starts: str, ends: str, quantity: int, region: str) -> dict[str, Any]:
    return {
        "usage_record_id": name,
        "charge_period_start": at(starts),
        "charge_period_end": at(ends),
        "consumed_quantity": Decimal(quantity),
        "region_id": region,
    }


def october(*prices: dict[str, Any]) -> dict[str, Decimal]:
    """Of one a day in one region, and 25 that are taken back on the second day in another: what each region costs."""
    world = make_world(
        "2026-10",
        datetime(2026, 11, 3, tzinfo=UTC),
        billing_policies=[{"policy": "spanning_records", "value": "split"}],
        skus=[{"allows_corrections": True}],
        sku_prices=list(prices),
        usage_records=[used("all", "10-01", "11-01", 31, "eu"), used("back", "10-02", "10-03", -25, "us")],
    )
    made = rate_world(world).charges
    assert sorted(made["list_cost"]) == sorted(row["list_cost"] for row in oracle.bill(world)["charges"])
    return {region: sum(made.filter(region_id=region)["list_cost"], Decimal(0)) for region in ("eu", "us")}


@pytest.mark.parametrize("behind", [{"valid_from": "2026-10-25"}, {"valid_until": "2026-10-25"}])
def test_a_price_that_begins_or_ends_behind_a_contract_parts_no_record(behind: dict[str, str]) -> None:
    """31 less 10 free are 21; up to the second day 31 - 25 = 6 are used, all free: 21 are given back."""
    book = {"sku_price_id": "book", "list_unit_price": Decimal(3), **behind}
    assert october(CONTRACT, book) == {"eu": Decimal("21.00"), "us": Decimal("-21.00")}


def test_a_price_that_takes_over_parts_it() -> None:
    """24 up to the 25th, of which 14 cost; then 24 - 25 = -1: 14 and 1 are given back; 7 more bring it to 6: that 1
    is all that is charged of them, at 3.
    """
    old, new = {**CONTRACT, "valid_until": "2026-10-25"}, {**OURS, "list_unit_price": Decimal(3)}
    assert october(old, new) == {"eu": Decimal("17.00"), "us": Decimal("-15.00")}
