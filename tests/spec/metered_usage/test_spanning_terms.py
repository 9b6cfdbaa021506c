"""A SKU may be sold by other terms from some month on. A record that runs into that month is cut at its end or not as
the month says in which it begins; what is left for the next one is a record there. So each unit is billed once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests import oracle
from tests.pipeline import rate_world
from tests.worlds import World, make_world

title = "Spanning records: what is left for a month with other terms (U4)"

SUM: dict[str, Any] = {"meter": "sum"}
BY_TENS = {"quantity_rounding": "up", "quantity_increment": Decimal(10)}
UP_EACH: dict[str, Any] = {**BY_TENS, "quantity_rounding_scope": "record"}
UP_IN_ALL: dict[str, Any] = {**BY_TENS, "quantity_rounding_scope": "period"}
UNIT: dict[str, Any] = {"price_model": "unit", "list_unit_price": Decimal(1)}
SHARE: dict[str, Any] = {"price_model": "percentage", "list_unit_price": Decimal("0.1"), "fixed_fee": Decimal(1)}


def at(text: str) -> datetime:
    """`10-31 12:00` of 2026, in UTC."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def used(name: str, starts: str, ends: str, quantity: int) -> dict[str, Any]:
    return {
        "usage_record_id": name,
        "charge_period_start": at(starts),
        "charge_period_end": at(ends),
        "consumed_quantity": Decimal(quantity),
    }


OVER_MIDNIGHT = used("over", "10-31 12:00", "11-01 12:00", 24)
NOVEMBERS = used("own", "11-02 00:00", "11-02 01:00", 5)


def changed(table: str, key: str, *terms: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for October, and one for each month after it."""
    days = [f"2026-{month}-01" for month in range(11, 11 + len(terms) - 1)]
    named = [{key: f"vm-{place}"} if table == "sku_prices" else {key: "vm"} for place in range(len(terms))]
    return [
        {**one, **row, "valid_from": start, "valid_until": end}
        for one, row, start, end in zip(named, terms, ["2020-01-01", *days], [*days, None], strict=True)
    ]


def billed(period: str, **tables: Any) -> str:
    """What a month's usage costs, as the pipeline has it and the oracle too."""
    world: World = make_world(
        period,
        datetime(2027, 2, 1, tzinfo=UTC),
        billing_policies=[{"policy": "spanning_records", "value": "split"}],
        **{"usage_records": [OVER_MIDNIGHT, NOVEMBERS], **tables},
    )
    made = rate_world(world).charges
    assert sorted(made["list_cost"]) == sorted(row["list_cost"] for row in oracle.bill(world)["charges"])
    return str(made["list_cost"].sum())[:-2]


@pytest.mark.parametrize(
    ("october", "november", "costs"),
    [
        (SUM, SUM, ("12.00", "17.00")),  # 12 of the 24 hours, and the other 12 with the 5 of November's own record
        (SUM, {"meter": "max"}, ("12.00", "12.00")),  # the larger of 12 and 5
        (SUM, {"meter": "last"}, ("12.00", "5.00")),
        (SUM, {"meter": "count"}, ("12.00", "2.00")),  # what is left is a record
        (SUM, {"meter": "unique"}, ("12.00", "1.00")),  # of the one resource there is
        (SUM, {"meter": "time_weighted"}, ("12.00", "0.41")),  # (24 × 12 + 5 × 1) ÷ 720 hours = 0.4069…
        ({"meter": "time_weighted"}, SUM, ("0.39", "17.00")),  # 24 × 12 ÷ 744 hours = 0.3870…
        ({"meter": "time_weighted"}, {"meter": "max"}, ("0.39", "12.00")),
        ({"meter": "count"}, SUM, ("1.00", "5.00")),  # a record is not divided: October has counted all of it
        ({"meter": "max"}, SUM, ("24.00", "5.00")),
        ({"meter": "max"}, {"meter": "time_weighted"}, ("24.00", "0.01")),  # 5 × 1 ÷ 720 hours = 0.0069…
        (SUM, UP_EACH, ("12.00", "30.00")),  # 12 → 20 and 5 → 10
        (UP_EACH, SUM, ("30.00", "5.00")),  # 24 → 30, once and for all
        (UP_IN_ALL, SUM, ("20.00", "17.00")),  # 12 → 20: a total is rounded whatever it is the total of
        (SUM, UP_IN_ALL, ("12.00", "20.00")),  # 17 → 20
    ],
)
def test_the_month_a_record_begins_in_says_whether_a_piece_is_left(
    october: dict[str, Any], november: dict[str, Any], costs: tuple[str, str]
) -> None:
    skus = changed("skus", "sku_id", october, november)
    assert (billed("2026-10", skus=skus), billed("2026-11", skus=skus)) == costs


@pytest.mark.parametrize(
    ("october", "november", "costs"),
    [
        (UNIT, SHARE, ("12.00", "3.70")),  # 12 × 0.10 + 1 = 2.20, and 5 × 0.10 + 1 = 1.50
        (SHARE, UNIT, ("3.40", "5.00")),  # 24 × 0.10 + 1: what is priced by the record is not divided
    ],
)
def test_a_price_by_the_record_keeps_the_records_of_its_own_months_whole(
    october: dict[str, Any], november: dict[str, Any], costs: tuple[str, str]
) -> None:
    prices = changed("sku_prices", "sku_price_id", october, november)
    assert (billed("2026-10", sku_prices=prices), billed("2026-11", sku_prices=prices)) == costs


def test_a_price_by_the_record_that_is_in_force_for_some_days_of_a_month_keeps_all_its_records_whole() -> None:
    """By the record up to the 20th: yet October bills the 24 of its last day at 1 each, and November its own 5."""
    prices = [
        {"sku_price_id": "old", **SHARE, "valid_until": "2026-10-20"},
        {"sku_price_id": "new", **UNIT, "valid_from": "2026-10-20"},
    ]
    assert (billed("2026-10", sku_prices=prices), billed("2026-11", sku_prices=prices)) == ("24.00", "5.00")


def test_terms_that_change_within_a_month_are_those_of_its_last_instant() -> None:
    """Counted up to 30 October, summed since: October cuts, and 12 are left. Summed up to then, counted since: 1."""
    rows = [{"valid_until": "2026-10-30"}, {"valid_from": "2026-10-30"}]
    summed = [{**rows[0], "meter": "count"}, {**rows[1], "meter": "sum"}]
    counted = [{**rows[0], "meter": "sum"}, {**rows[1], "meter": "count"}]
    assert (billed("2026-10", skus=summed), billed("2026-11", skus=summed)) == ("12.00", "17.00")
    assert (billed("2026-10", skus=counted), billed("2026-11", skus=counted)) == ("1.00", "1.00")


def test_each_later_month_counts_its_own_part_in_its_own_way() -> None:
    """31 days and units, of which half a one lies in October, 30 in November and half a one in December."""
    skus = changed("skus", "sku_id", SUM, {"meter": "count"}, SUM)
    tables = {"skus": skus, "usage_records": [used("long", "10-31 12:00", "12-01 12:00", 31)]}
    costs = [billed(period, **tables) for period in ("2026-10", "2026-11", "2026-12", "2027-01")]
    assert costs == ["0.50", "1.00", "0.50", "0.00"]


def test_a_month_that_divides_no_record_has_what_is_left_for_it_at_its_first_price() -> None:
    """24 over twelve days from noon of 31 October on: 23 in November at 1 each, though it is 3 from the fifth on."""
    skus = changed("skus", "sku_id", SUM, {"meter": "max"})
    prices = [
        {"sku_price_id": "old", "list_unit_price": Decimal(1), "valid_until": "2026-11-05"},
        {"sku_price_id": "new", "list_unit_price": Decimal(3), "valid_from": "2026-11-05"},
    ]
    usage = [used("long", "10-31 12:00", "11-12 12:00", 24)]
    assert billed("2026-11", skus=skus, sku_prices=prices, usage_records=usage) == "23.00"
