"""The oracle against the rule book: examples worked by hand, then what is true of every generated world.

Unless a test says otherwise the account is `acme`: EUR, UTC, October 2026, 20 % VAT, and `vm` costs 1.00 an hour.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schemas import TABLES
from tests import oracle
from tests.worlds import Row, World, frames, make_world, row, worlds

D = Decimal
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
MANY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def day(number: int, hour: int = 0) -> datetime:
    return OCTOBER + timedelta(days=number - 1, hours=hour)


def used(quantity: str, on: datetime = OCTOBER, **columns: Any) -> Row:
    """One usage record; its id is told by its content."""
    name = f"{on:%d%H%M%S.%f}-{quantity}-{sorted((key, str(value)) for key, value in columns.items())}"
    return {"usage_record_id": name, "consumed_quantity": D(quantity), "charge_period_start": on, **columns}


def grant(amount: str, kind: str = "bonus", start: str | None = "2026-10-01", name: str = "g1", **columns: Any) -> Row:
    return {"operation_id": name, "kind": kind, "amount": D(amount), "window_start": start, **columns}


def accept(name: str, code: str = "HELLO", **columns: Any) -> Row:
    return {"operation_id": name, "operation": "accept_promo_code", "promo_code": code, **columns}


def policies(**values: str) -> list[Row]:
    return [{"policy": policy, "value": value} for policy, value in values.items()]


def invoice(world: World) -> Row:
    (only,) = oracle.bill(world)["invoices"]
    return only


def costs(world: World) -> list[Decimal]:
    return [charge["list_cost"] for charge in oracle.bill(world)["charges"]]


def lines(world: World) -> list[Decimal]:
    return [line["list_cost"] for line in oracle.bill(world)["rating_lines"]]


def allocated(world: World, kind: str = "grant") -> list[tuple[str, str, int, Decimal]]:
    """(source, SKU, day of the charge's start, amount), in the order of the waterfall."""
    rows = [one for one in oracle.bill(world)["allocations"] if one["allocation_kind"] == kind]
    return [(one["source_id"], one["sku_id"], one["charge_period_start"].day, one["amount"]) for one in rows]


def paid(world: World) -> list[tuple[str, Decimal]]:
    return [(source, amount) for source, _, _, amount in allocated(world)]


def reasons(world: World) -> dict[str, str | None]:
    return {name: decision["reason_code"] for name, decision in oracle.decide(world).items()}


def two_lines(**tables: Any) -> World:
    """Lines of 100 and 50 with 10 % discount, as in section 5."""
    return make_world(
        skus=[{}, {"sku_id": "disk"}],
        sku_prices=[{}, {"sku_price_id": "disk-list", "sku_id": "disk"}],
        usage_records=[used("100"), used("50", sku_id="disk")],
        discounts=[{"value": D(10)}],
        **tables,
    )


# --------------------------------------------------------------------------------------------- the example of section 5


def test_t2_a_bonus_lowers_the_taxable_amount():
    bill = invoice(two_lines(operations=[grant("40")]))
    assert (bill["list_cost"], bill["discount_amount"], bill["grant_amount"]) == (150, 15, 40)
    assert (bill["total_without_tax"], bill["total_tax"], bill["amount_due"]) == (95, 19, 114)


def test_t2_an_after_tax_credit_lowers_only_what_is_due():
    bill = invoice(two_lines(operations=[grant("40", kind="paid")]))
    assert (bill["total_without_tax"], bill["total_tax"], bill["total_with_tax"]) == (135, 27, 162)
    assert (bill["credit_amount"], bill["amount_due"]) == (40, 122)


# ------------------------------------------------------------------------------------------------------- M: splitting


def test_m1_missing_cents_go_to_the_largest_fractions_and_ties_to_the_earlier():
    third = Fraction(100, 3)
    assert oracle.largest_remainder(100, [third, third, third]) == [34, 33, 33]
    assert oracle.split(10, [Fraction(1), Fraction(3), Fraction(3)]) == [2, 4, 4]  # 1.43 4.29 4.29
    assert oracle.split(1, [Fraction(1), Fraction(1)]) == [1, 0]


def test_m1_a_negative_total_is_split_mirrored():
    assert oracle.split(-100, [Fraction(1), Fraction(1), Fraction(1)]) == [-34, -33, -33]
    assert oracle.split(-1, [Fraction(-1), Fraction(-1)]) == [-1, 0]


def test_m1_nothing_to_split_by_is_an_error():
    with pytest.raises(ValueError, match="nothing to split by"):
        oracle.split(5, [Fraction(0), Fraction(0)])


@pytest.mark.parametrize(
    ("mode", "rounded"),
    [
        ("half_away", (3, -3, 2, 3)),
        ("half_even", (2, -2, 2, 3)),
        ("up", (3, -3, 3, 3)),
        ("down", (2, -2, 2, 2)),
    ],
)
def test_m2_the_modes_of_rounding(mode: str, rounded: tuple[int, ...]):
    values = (Fraction(5, 2), Fraction(-5, 2), Fraction(9, 4), Fraction(11, 4))
    assert tuple(oracle.rounded(value, mode) for value in values) == rounded


def test_m2_korean_won_have_no_decimals():
    world = make_world(
        billing_accounts=[{"billing_currency": "KRW"}],
        sku_prices=[{"billing_currency": "KRW", "list_unit_price": D("0.5")}],
        usage_records=[used("3")],
        tax_rates=[{"rate": D("0.1")}],
        operations=[grant("1"), grant("0.5", name="g2")],
    )
    bill = invoice(world)
    assert (bill["list_cost"], bill["total_without_tax"], bill["total_tax"], bill["amount_due"]) == (2, 1, 0, 1)
    assert reasons(world) == {"g1": None, "g2": "O_PRECISE"}


# ------------------------------------------------------------------------------------------- P: from usage to charges


def graduated(*tiers: tuple[str | None, str, str], **columns: Any) -> dict[str, list[Row]]:
    return {
        "sku_prices": [{"price_model": "graduated", "list_unit_price": None, **columns}],
        "price_tiers": [
            {"sku_price_id": "vm-list", "up_to": up_to and D(up_to), "unit_price": D(price), "flat_fee": D(fee)}
            for up_to, price, fee in tiers
        ],
    }


@pytest.mark.parametrize(("quantity", "cost"), [("0", "0"), ("10", "20"), ("12", "22"), ("10.5", "20.5")])
def test_p3_each_slice_at_the_price_of_its_tier_and_up_to_is_inclusive(quantity: str, cost: str):
    tiers = graduated(("10", "2", "0"), (None, "1", "0"))
    assert lines(make_world(usage_records=[used(quantity)], **tiers)) == [D(cost)]


@pytest.mark.parametrize(("quantity", "cost"), [("0", "0"), ("0.001", "5"), ("10", "25"), ("10.01", "32.01")])
def test_p3_a_flat_fee_is_due_once_its_tier_is_entered(quantity: str, cost: str):
    tiers = graduated(("10", "2", "5"), (None, "1", "7"))
    assert lines(make_world(usage_records=[used(quantity)], **tiers)) == [D(cost)]


def test_p3_a_price_per_three_units_is_exact():
    prices = [{"list_unit_price": D(1), "per_quantity": D(3)}]
    assert lines(make_world(sku_prices=prices, usage_records=[used("1")])) == [D("0.33")]
    assert lines(make_world(sku_prices=prices, usage_records=[used("1", day(1)), used("2", day(2))])) == [D(1)]


def test_p2_a_third_of_an_hour_three_times_is_an_hour():
    records = [used("20", day(number), consumed_unit="minute") for number in (1, 2, 3)]
    assert lines(make_world(usage_records=records)) == [1]


def test_p2_a_factor_holds_from_its_date_and_that_of_the_sku_goes_first():
    conversions = [
        {"from_unit": "minute", "numerator": 1, "denominator": 60, "valid_until": "2026-10-10"},
        {"from_unit": "minute", "numerator": 1, "denominator": 30, "valid_from": "2026-10-10"},
        {"from_unit": "second", "numerator": 1, "denominator": 3600},
        {"from_unit": "second", "numerator": 1, "denominator": 1, "sku_id": "vm"},
    ]
    records = [
        used("60", day(9), consumed_unit="minute"),
        used("60", day(10), consumed_unit="minute"),
        used("7", day(1), consumed_unit="second"),
    ]
    assert lines(make_world(unit_conversions=conversions, usage_records=records)) == [1 + 2 + 7]


def test_p4_contract_before_price_book_then_region_then_the_latest_then_the_id():
    prices = [
        {"sku_price_id": "list", "list_unit_price": D(1)},
        {"sku_price_id": "later-b", "list_unit_price": D(2), "valid_from": "2026-01-01"},
        {"sku_price_id": "later-a", "list_unit_price": D(3), "valid_from": "2026-01-01"},
        {"sku_price_id": "eu", "list_unit_price": D(4), "region_id": "eu"},
        {"sku_price_id": "contract", "list_unit_price": D(5), "billing_account_id": "acme", "valid_from": "2026-10-20"},
        {"sku_price_id": "dollars", "list_unit_price": D(6), "billing_currency": "USD", "billing_account_id": "acme"},
    ]
    records = [used("1", day(1)), used("1", day(2), region_id="eu"), used("1", day(20), region_id="eu")]
    charges = oracle.bill(make_world(sku_prices=prices, usage_records=records))["charges"]
    assert {(one["sku_price_id"], one["list_cost"]) for one in charges} == {("later-a", 3), ("eu", 4), ("contract", 5)}


def test_p4_an_account_with_unpriced_usage_is_parked_with_the_amount_of_its_other_charges():
    skus = [{}, {"sku_id": "disk"}]
    records = [used("3"), used("1", sku_id="disk")]
    held = oracle.bill(make_world(skus=skus, usage_records=records, operations=[grant("9", window_end="2026-10-20")]))
    assert [(hold["reason_code"], hold["other_charges_amount"]) for hold in held["holds"]] == [("R_NO_PRICE", 3)]
    assert (held["charges"], held["invoices"], held["grant_movements"]) == ([], [], [])
    skip = policies(unpriced_usage="skip")
    skipped = oracle.bill(make_world(skus=skus, usage_records=records, billing_policies=skip))
    assert [one["list_cost"] for one in skipped["charges"]] == [3]
    assert len(skipped["unpriced_usage"]) == 1


def test_p5_a_bonus_given_on_the_15th_changes_no_list_cost():
    prices = [{"list_unit_price": D("0.005")}]
    records = [used("1", day(1)), used("1", day(20)), used("1", day(25))]
    plain = make_world(sku_prices=prices, usage_records=records)
    assert lines(plain) == [D("0.02")]
    assert costs(plain) == [D("0.02")]
    world = make_world(sku_prices=prices, usage_records=records, operations=[grant("1", start="2026-10-15")])
    assert lines(world) == [D("0.02")]
    assert costs(world) == [D("0.01"), D("0.01")]  # 0.005 -> 0.01, and the rest


def test_p7_a_further_cut_leaves_every_other_charge_as_it_was():
    prices = [{"list_unit_price": D("0.005")}]
    records = [used("1", day(number)) for number in (1, 12, 16, 22, 28)]  # exact: 0.5 1.0 1.5 2.0 2.5 cents
    first = [grant("1", start="2026-10-15")]
    second = [*first, grant("1", start="2026-10-20", name="g2")]
    third = [*second, grant("1", start="2026-10-10", name="g3")]
    cut = [
        costs(make_world(sku_prices=prices, usage_records=records, operations=some)) for some in (first, second, third)
    ]
    assert cut == [
        [D("0.01"), D("0.02")],
        [D("0.01"), D("0.01"), D("0.01")],
        [D("0.01"), D("0.00"), D("0.01"), D("0.01")],
    ]


def test_p7_a_segment_without_records_is_no_charge_and_what_cannot_reach_a_line_does_not_cut_it():
    operations = [
        grant("1", start="2026-10-10"),
        grant("1", start="2026-10-20", name="g2", include=["service:CDN"]),
        grant("1", start="2026-10-21", name="g3", exclude=["charge:usage"]),
        grant("1", start="2026-10-22", name="g4", sub_account_id="web"),
        grant("1", start="2026-10-23", name="g5", occurred_at=day(2), recorded_at=day(40)),
    ]
    discounts = [
        {"discount_id": "d1", "valid_from": "2026-10-24", "service": "CDN"},
        {"discount_id": "d2", "valid_from": "2026-10-25", "promo_code": "HELLO"},
    ]
    codes = [{"benefit": "discount"}]
    records = [used("1", day(12)), used("1", day(30))]
    world = make_world(operations=operations, discounts=discounts, promo_codes=codes, usage_records=records)
    (charge,) = oracle.bill(world)["charges"]
    assert (charge["charge_period_start"], charge["charge_period_end"]) == (day(10), day(32))


def test_p5_a_price_change_makes_a_second_line_that_starts_with_the_price():
    prices = [
        {"sku_price_id": "old", "valid_until": "2026-10-15"},
        {"sku_price_id": "new", "valid_from": "2026-10-15", "list_unit_price": D(2)},
    ]
    charges = oracle.bill(make_world(sku_prices=prices, usage_records=[used("1", day(14, 23)), used("1", day(15))]))[
        "charges"
    ]
    found = [
        (one["sku_price_id"], one["charge_period_start"], one["charge_period_end"], one["list_cost"]) for one in charges
    ]
    assert found == [("old", day(1), day(15), 1), ("new", day(15), day(32), 2)]


def test_p6_a_tier_pool_is_rounded_once_and_split_over_its_lines_with_ties_to_the_earlier():
    tiers = graduated(("2", "0.5", "0"), (None, "0", "0"))  # three hours cost 1.00
    records = [used("1", sub_account_id=project) for project in (None, "web", "app")]
    bill = oracle.bill(make_world(usage_records=records, **tiers))
    assert [(one["sub_account_id"], one["list_cost"]) for one in bill["rating_lines"]] == [
        ("app", D("0.34")),
        ("web", D("0.33")),
        (None, D("0.33")),
    ]


def test_p6_tiers_may_count_per_project_or_resource():
    records = [
        used("2", sub_account_id="web", resource_id="r1"),
        used("2", day(2), sub_account_id="web", resource_id="r2"),
        used("2", day(3), sub_account_id="web"),
        used("2", day(4), sub_account_id="app", resource_id="r3"),
    ]
    found = {}
    for scope in ("account", "sub_account", "resource"):
        tiers = graduated(("2", "1", "0"), (None, "10", "0"), tier_scope=scope)
        found[scope] = invoice(make_world(usage_records=records, **tiers))["list_cost"]
    assert found == {"account": 2 + 60, "sub_account": 2 + 40 + 2, "resource": 2 + 2 + 2 + 2}


def test_p6_after_a_price_change_the_pool_goes_on_where_it_was():
    prices = graduated(("10", "2", "3"), (None, "1", "5"))
    old, new = (
        {**prices["sku_prices"][0], "sku_price_id": "vm-list", "valid_until": "2026-10-15"},
        {**prices["sku_prices"][0], "sku_price_id": "vm-new", "valid_from": "2026-10-15"},
    )
    tiers = prices["price_tiers"] + [
        {"sku_price_id": "vm-new", "up_to": D(10), "unit_price": D(4), "flat_fee": D(30)},
        {"sku_price_id": "vm-new", "up_to": None, "unit_price": D(3), "flat_fee": D(50)},
    ]
    records = [used("8", day(1)), used("4", day(20))]
    world = make_world(sku_prices=[old, new], price_tiers=tiers, usage_records=records)
    assert lines(world) == [8 * 2 + 3, 2 * 4 + 2 * 3 + 50]  # the new first tier was entered before it came


def test_p7_a_tiered_line_is_cut_by_quantity():
    tiers = graduated(("1", "1", "0"), (None, "0", "0"))  # three hours cost 1.00
    records = [used("1", day(1)), used("1", day(12)), used("1", day(22))]
    operations = [grant("1", start="2026-10-10"), grant("1", start="2026-10-20", name="g2")]
    assert costs(make_world(usage_records=records, operations=operations, **tiers)) == [
        D("0.33"),
        D("0.34"),  # 0.67 - 0.33
        D("0.33"),
    ]


def test_u4_a_month_in_kolkata_begins_at_half_past_six_in_the_evening_of_the_day_before():
    start, end = datetime(2026, 9, 30, 18, 30, tzinfo=UTC), datetime(2026, 10, 31, 18, 30, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    records = [used("1", start - moment), used("2", start), used("4", end - moment), used("8", end)]
    world = make_world(billing_accounts=[{"time_zone": "Asia/Kolkata"}], usage_records=records)
    assert invoice(world)["list_cost"] == 6
    assert oracle.period_bounds("2026-10", "Asia/Kolkata") == (start, end)


def test_u4_october_in_berlin_has_one_hour_more_and_havana_skips_a_midnight():
    start, end = oracle.period_bounds("2026-10", "Europe/Berlin")
    assert end - start == timedelta(days=31, hours=1)
    assert oracle.local_instant(date(2026, 3, 8), "America/Havana") == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert oracle.local_instant(date(2026, 11, 1), "America/Havana") == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_i1_a_draft_knows_what_had_begun_and_expires_nothing():
    records = [used("1", day(9)), used("2", day(10))]
    operations = [grant("5", start="2026-09-01", window_end="2026-10-05")]
    world = make_world(usage_records=records, operations=operations, known_as_of=day(10))
    draft = oracle.bill(world)
    assert (invoice(world)["list_cost"], invoice(world)["document_state"]) == (1, "month_to_date")
    assert draft["grant_movements"] == []


def test_what_is_out_of_scope_is_refused_by_name():
    with pytest.raises(oracle.UnsupportedError, match="meter max"):
        oracle.bill(make_world(skus=[{"meter": "max"}], usage_records=[used("1")]))
    with pytest.raises(oracle.UnsupportedError, match="price model volume"):
        oracle.bill(make_world(sku_prices=[{"price_model": "volume"}], usage_records=[used("1")]))
    with pytest.raises(oracle.UnsupportedError, match="discount spring"):
        oracle.bill(make_world(discounts=[{"kind": "fixed"}]))


# ------------------------------------------------------------------------------------------------------ D: discounts


def test_d4_a_discount_is_rounded_once_on_the_sum_it_reaches():
    prices = [{"list_unit_price": D("0.05")}]
    records = [used("1", sub_account_id=project) for project in ("app", "web", None)]
    world = make_world(sku_prices=prices, usage_records=records, discounts=[{"value": D(10)}])
    assert [amount for *_, amount in allocated(world, "discount")] == [D("0.01"), D("0.01")]  # 0.015 -> 0.02


def test_d4_negative_lines_form_a_sum_of_their_own():
    skus = [{"allows_corrections": True}]
    records = [used("10", sub_account_id="web"), used("-10", sub_account_id="app")]
    world = make_world(skus=skus, usage_records=records, discounts=[{"value": D("33.3")}])
    assert sorted(amount for *_, amount in allocated(world, "discount")) == [D("-3.33"), D("3.33")]


def test_d4_a_line_counts_by_the_sign_of_its_reached_part():
    world = make_world(
        skus=[{"allows_corrections": True}],
        usage_records=[used("10"), used("-4", day(20)), used("-5", sub_account_id="web")],
        discounts=[{"value": D("12.5")}],
        operations=[grant("1", start="2026-10-15")],
    )
    # 12.5 % of 6 is 0.75, of which 10/6 up to the cut is 1.25; 12.5 % of -5 is -0.625
    assert allocated(world, "discount") == [
        ("spring", "vm", 1, D("1.25")),
        ("spring", "vm", 15, D("-0.50")),
        ("spring", "vm", 1, D("-0.63")),
    ]


def test_d4_a_full_reversal_reverses_its_discount():
    skus = [{"allows_corrections": True}]
    world = make_world(skus=skus, usage_records=[used("10"), used("-10", day(20))], discounts=[{}])
    assert (invoice(world)["list_cost"], invoice(world)["discount_amount"]) == (0, 0)


@pytest.mark.parametrize(
    ("stacking", "taken"),
    [
        ("sequential", [("b", "50"), ("a", "25"), ("c", "15")]),  # 100, 50, 25: 60 % of 25
        ("additive", [("b", "50"), ("a", "50")]),  # nothing is left for c
        ("best_only", [("c", "60")]),
    ],
)
def test_d3_the_three_ways_of_stacking(stacking: str, taken: list[tuple[str, str]]):
    discounts = [
        {"discount_id": "a", "value": D(50), "priority": 2},
        {"discount_id": "b", "value": D(50), "priority": 1},
        {"discount_id": "c", "value": D(60), "priority": 2},
    ]
    rules = policies(stacking=stacking)
    world = make_world(usage_records=[used("100")], discounts=discounts, billing_policies=rules)
    found = [(name, amount) for name, _, _, amount in allocated(world, "discount")]
    assert found == [(name, D(amount)) for name, amount in taken]


def test_d3_a_discount_reaches_the_segments_inside_its_window():
    discounts = [{"valid_from": "2026-10-10", "valid_until": "2026-10-20", "value": D(50)}]
    records = [used("10", day(9, 23)), used("20", day(10)), used("40", day(19, 23)), used("80", day(20))]
    world = make_world(usage_records=records, discounts=discounts)
    assert costs(world) == [10, 60, 80]
    assert allocated(world, "discount") == [("spring", "vm", 10, D(30))]


def test_d1_a_discount_is_for_an_account_a_project_a_service_a_feature_or_a_sku():
    for narrower, reaches in (
        ({"service": "Cloud"}, True),
        ({"service": "CDN"}, False),
        ({"feature": "VM"}, False),  # the SKU has none
        ({"sku_id": "vm"}, True),
        ({"sub_account_id": "web"}, True),
        ({"sub_account_id": "app"}, False),
        ({"billing_account_id": "acme"}, True),
        ({"billing_account_id": "other"}, False),
    ):
        world = make_world(usage_records=[used("10", sub_account_id="web")], discounts=[narrower])
        assert bool(allocated(world, "discount")) is reaches, narrower


# --------------------------------------------------------------------------------------------------------- G: grants


@pytest.mark.parametrize(
    ("scope", "pays"),
    [
        ({}, True),
        ({"include": ["service:Cloud"]}, True),
        ({"include": ["service:CDN", "service:Cloud"]}, True),
        ({"include": ["service:Cloud", "region:us"]}, False),
        ({"include": ["feature:VM"]}, False),
        ({"include": ["tag:gpu"]}, True),
        ({"include": ["charge:recurring"]}, False),
        ({"include": ["project:web"]}, True),
        ({"include": ["resource:r1"]}, False),  # a line of many resources has none
        ({"exclude": ["service:Cloud"]}, False),
        ({"exclude": ["feature:VM"]}, True),
        ({"include": ["service:Cloud"], "exclude": ["tag:gpu"]}, False),
        ({"sub_account_id": "web"}, True),
        ({"sub_account_id": "app"}, False),
    ],
)
def test_g1_scope_is_or_within_a_dimension_and_between_them(scope: Row, pays: bool):
    records = [used("10", sub_account_id="web", region_id="eu", resource_id="r1")]
    world = make_world(skus=[{"tags": ["gpu"]}], usage_records=records, operations=[grant("1", **scope)])
    assert bool(paid(world)) is pays


def test_g2_a_kind_brings_its_excludes():
    skus = [{"tags": ["marketplace"]}]
    operations = [grant("1", kind="free"), grant("1", name="g2")]
    assert paid(make_world(skus=skus, usage_records=[used("10")], operations=operations)) == [("g2", 1)]


def test_g2_paid_credit_lasts_to_the_day_five_years_later_inclusive():
    operations = [
        grant("1", kind="paid", start="2024-02-29", name="leap"),
        grant("1", kind="paid", start=None, name="now", occurred_at=datetime(2026, 9, 30, 18, 30, tzinfo=UTC)),
    ]
    accounts = [{"time_zone": "Asia/Kolkata"}]
    grants = oracle.bill(make_world(billing_accounts=accounts, operations=operations))["grants"]
    assert {one["grant_id"]: one["window_end"] for one in grants} == {
        "leap": datetime(2029, 2, 28, 18, 30, tzinfo=UTC),  # the midnight that ends 28 February
        "now": datetime(2031, 10, 1, 18, 30, tzinfo=UTC),  # it was bought on 1 October there
    }


@pytest.mark.parametrize(
    ("eligibility", "start", "end", "pays"),
    [
        ("usage_time", "2026-10-10", "2026-10-12", True),
        ("usage_time", "2026-10-10", "2026-10-11", False),
        ("period_end", "2026-10-20", "2026-11-01", True),
        ("period_end", "2026-10-01", "2026-10-31", False),
        ("invoice_time", "2026-11-03", "2026-12-01", True),  # known as of 3 November, noon
        ("invoice_time", "2026-10-01", "2026-11-03", False),
    ],
)
def test_g3_eligible_is_decided_by_usage_period_end_or_invoice(eligibility: str, start: str, end: str, pays: bool):
    world = make_world(
        usage_records=[used("10", day(11))],
        operations=[grant("1", start=start, window_end=end)],
        billing_policies=policies(eligibility=eligibility),
    )
    assert bool(paid(world)) is pays


def test_g4_project_first_then_kind_then_priority_then_expiry_then_coverage():
    operations = [
        grant("1", name="a-late", window_end="2027-01-01"),
        grant("1", name="b-never"),
        grant("1", name="c-narrow", window_end="2026-12-01", include=["service:Cloud"]),
        grant("1", name="d-wide", window_end="2026-12-01"),
        grant("1", name="e-two", window_end="2026-12-01", include=["service:Cloud", "sku:vm"]),
        grant("1", name="f-first", priority=-1),
        grant("1", name="g-organization", kind="organization", priority=-9),
        grant("1", name="h-project", kind="organization", sub_account_id="web"),
        grant("1", name="i-paid", kind="paid", window_end="2026-11-01"),
        grant("1", name="j-older", window_end="2026-12-01", occurred_at=datetime(2026, 9, 1, tzinfo=UTC)),
    ]
    world = make_world(usage_records=[used("100", sub_account_id="web")], operations=operations)
    order = "h-project f-first c-narrow e-two j-older d-wide a-late b-never g-organization i-paid"
    assert [name for name, _ in paid(world)] == order.split()


def test_g4_an_order_may_be_reversed_but_what_never_expires_stays_last():
    operations = [
        grant("1", name="a-early", window_end="2026-12-01"),
        grant("1", name="b-late", window_end="2027-12-01"),
        grant("1", name="c-never"),
    ]
    rules = policies(grant_order="-expires_at")
    world = make_world(usage_records=[used("100")], operations=operations, billing_policies=rules)
    assert [name for name, _ in paid(world)] == ["b-late", "a-early", "c-never"]


@pytest.mark.parametrize(
    ("charge_order", "amounts"),
    [
        ("oldest_first", {"small": "0.00", "middle": "2.00", "large": "4.00"}),
        ("largest_first", {"small": "0.00", "middle": "0.00", "large": "6.00"}),
        ("smallest_first", {"small": "1.00", "middle": "2.00", "large": "3.00"}),
        ("proportional", {"small": "0.67", "middle": "1.33", "large": "4.00"}),
    ],
)
def test_g5_the_orders_among_charges(charge_order: str, amounts: dict[str, str]):
    skus = [
        {"sku_id": "middle", "service": "A"},
        {"sku_id": "large", "service": "B"},
        {"sku_id": "small", "service": "C"},
    ]
    world = make_world(
        skus=skus,
        sku_prices=[{"sku_price_id": sku["sku_id"], "sku_id": sku["sku_id"]} for sku in skus],
        usage_records=[used("2", sku_id="middle"), used("6", sku_id="large"), used("1", sku_id="small")],
        operations=[grant("6")],
        billing_policies=policies(charge_order=charge_order),
    )
    found = {name: D("0.00") for name in amounts} | {sku: amount for _, sku, _, amount in allocated(world)}
    assert found == {name: D(amount) for name, amount in amounts.items()}


def test_g6_an_after_tax_grant_pays_the_tax_too():
    world = make_world(usage_records=[used("10")], operations=[grant("100", kind="paid")])
    assert paid(world) == [("g1", 12)]
    assert invoice(world)["amount_due"] == 0


def test_g7_a_correction_lowers_what_grants_may_pay_of_its_own_sku_and_project_first():
    world = make_world(
        skus=[{"allows_corrections": True}, {"sku_id": "disk", "service": "A"}],
        sku_prices=[{}, {"sku_price_id": "disk-list", "sku_id": "disk"}],
        usage_records=[
            used("10", sku_id="disk"),
            used("10", region_id="eu"),
            used("-4", region_id="us"),
        ],
        operations=[grant("100")],
    )
    assert allocated(world) == [("g1", "disk", 1, 10), ("g1", "vm", 1, 6)]
    assert invoice(world)["amount_due"] == 0


def test_g7_what_its_own_sku_cannot_bear_lowers_the_oldest_of_the_same_tax_category():
    world = make_world(
        skus=[{"allows_corrections": True}, {"sku_id": "disk"}, {"sku_id": "book", "tax_category": "reduced"}],
        sku_prices=[{"sku_price_id": name, "sku_id": name} for name in ("vm", "disk", "book")],
        tax_rates=[{}, {"tax_category": "reduced", "rate": D("0.1")}],
        usage_records=[
            used("-7", sub_account_id="web"),
            used("3"),
            used("10", sku_id="disk"),
            used("4", sku_id="book"),
        ],
        operations=[grant("100")],
    )
    assert allocated(world) == [("g1", "book", 1, 4), ("g1", "disk", 1, 3), ("g1", "vm", 1, 3)]
    assert invoice(world)["amount_due"] == 0


def test_g7_what_a_tax_group_lacks_lowers_the_dues_of_the_others_before_after_tax_grants():
    world = make_world(
        skus=[{"allows_corrections": True}, {"sku_id": "book", "tax_category": "reduced"}],
        sku_prices=[{}, {"sku_price_id": "book-list", "sku_id": "book"}],
        tax_rates=[{}, {"tax_category": "reduced", "rate": D("0.1")}],
        usage_records=[used("-10"), used("100", sku_id="book")],
        operations=[grant("5"), grant("1000", kind="paid", name="g2")],
    )
    bill = invoice(world)
    assert paid(world) == [("g1", 5), ("g2", D("92.5"))]  # 95 × 1.1 − 10 × 1.2
    assert (bill["total_tax"], bill["amount_due"]) == (D("7.5"), 0)


def test_g7_no_grant_is_topped_up_and_a_document_below_zero_is_a_credit_note():
    skus = [{"allows_corrections": True}]
    world = make_world(skus=skus, usage_records=[used("-10")], operations=[grant("5")])
    assert (invoice(world)["document_type"], invoice(world)["amount_due"]) == ("381", -12)
    assert oracle.bill(world)["grant_movements"] == []


# ------------------------------------------------------------------------------------------------------------ T: tax


def test_t1_two_components_are_each_rounded_on_the_same_base():
    indian = {"account_region": "IN-KA", "rate": D("0.09")}
    rates = [{"component": "CGST", **indian}, {"component": "SGST", **indian}, {"component": "IGST", "rate": D("0.18")}]
    prices = [{"list_unit_price": D("0.5")}]
    records = [used("1")]  # 9 % of 0.50 is 0.045
    for region, taxes in (("IN-KA", {"CGST": D("0.05"), "SGST": D("0.05")}), (None, {"IGST": D("0.09")})):
        accounts = [{"region": region}]
        world = make_world(billing_accounts=accounts, tax_rates=rates, sku_prices=prices, usage_records=records)
        breakdown = oracle.bill(world)["tax_breakdown"]
        assert {one["component"]: one["tax_amount"] for one in breakdown} == taxes


def test_t1_the_rate_is_that_of_the_last_instant_of_the_period():
    rates = [{"valid_until": "2026-11-01"}, {"valid_from": "2026-11-01", "rate": D("0.5")}]
    assert invoice(make_world(tax_rates=rates, usage_records=[used("10")]))["total_tax"] == 2


def test_t1_without_a_rate_the_account_is_parked():
    world = make_world(skus=[{}, {"sku_id": "book", "tax_category": "book"}], usage_records=[used("10")])
    world["sku_prices"].append(row("sku_prices", sku_price_id="book-list", sku_id="book"))
    world["usage_records"].append(row("usage_records", **used("7", sku_id="book")))
    holds = oracle.bill(world)["holds"]
    assert [(hold["reason_code"], hold["other_charges_amount"]) for hold in holds] == [("H_NO_TAX_RATE", 10)]


@pytest.mark.parametrize(("rounding", "tax"), [("per_category", "0.03"), ("per_line", "0.03")])
def test_t3_shares_add_up_to_the_tax_of_their_group(rounding: str, tax: str):
    prices = [{"list_unit_price": D("0.05")}]
    records = [used("1", sub_account_id=project) for project in ("app", "web", None)]
    rules = policies(tax_rounding=rounding)
    bill = oracle.bill(make_world(sku_prices=prices, usage_records=records, billing_policies=rules))
    assert [one["tax_amount"] for one in bill["tax_shares"]] == [D("0.01")] * 3
    assert [one["tax_amount"] for one in bill["tax_breakdown"]] == [D(tax)]


def test_t3_per_line_and_per_category_differ_where_lines_round_at_half():
    prices = [{"list_unit_price": D("0.05")}]
    records = [used("1", sub_account_id=project) for project in ("app", "web", None)]
    rates = [{"rate": D("0.1")}]  # 0.005 a line, 0.015 together
    found = {}
    for rounding in ("per_category", "per_line"):
        rules = policies(tax_rounding=rounding)
        world = make_world(sku_prices=prices, usage_records=records, tax_rates=rates, billing_policies=rules)
        found[rounding] = [one["tax_amount"] for one in oracle.bill(world)["tax_shares"]]
    assert found == {"per_category": [D("0.01"), D("0.01"), 0], "per_line": [D("0.01")] * 3}


def test_t3_the_share_of_a_line_is_cut_like_the_line():
    prices = [{"list_unit_price": D("0.03")}]
    records = [used("1", day(1)), used("1", day(20))]
    operations = [grant("1", start="2026-10-15", kind="paid")]
    bill = oracle.bill(make_world(sku_prices=prices, usage_records=records, operations=operations))
    assert [one["tax_amount"] for one in bill["tax_shares"]] == [D("0.01"), 0]  # 0.012 -> 0.01, half of it 0.005


def test_t3_categories_of_one_code_and_rate_are_rounded_together():
    skus = [{}, {"sku_id": "disk", "tax_category": "cloud"}]
    prices = [{"list_unit_price": D("0.02")}, {"sku_price_id": "x", "sku_id": "disk", "list_unit_price": D("0.02")}]
    rates = [{}, {"tax_category": "cloud"}]
    records = [used("1"), used("1", sku_id="disk")]
    world = make_world(skus=skus, sku_prices=prices, tax_rates=rates, usage_records=records)
    assert [one["tax_amount"] for one in oracle.bill(world)["tax_breakdown"]] == [
        D("0.01")
    ]  # 0.04 × 20 %, not 2 × 0.00


# ------------------------------------------------------------------------------------------------- K: life of a grant


def test_k3_the_rest_expires_with_the_period_that_ends_at_or_after_the_window():
    operations = [
        grant("5", name="g-within", window_end="2026-10-20"),
        grant("5", name="g-last", window_end="2026-11-01"),
        grant("5", name="g-next", window_end="2026-11-02"),
        grant("5", name="g-before", start="2026-08-01", window_end="2026-10-01"),
    ]
    world = make_world(usage_records=[used("3", day(10))], operations=operations)
    expired = {
        one["grant_id"]: one["amount"] for one in oracle.bill(world)["grant_movements"] if one["movement"] == "expired"
    }
    assert expired == {"g-within": -2, "g-last": -5, "g-before": -5}
    world["first_billed_periods"] = {"acme": "2026-08"}
    expired = {
        one["grant_id"]: one["amount"] for one in oracle.bill(world)["grant_movements"] if one["movement"] == "expired"
    }
    assert expired == {"g-within": -2, "g-last": -5}  # September is where g-before ends


def test_k1_what_earlier_periods_took_is_gone():
    world = make_world(
        usage_records=[used("10")],
        operations=[grant("5", start="2026-09-01", window_end="2026-11-01")],
        grant_movements=[
            {"grant_id": "g1", "movement": "credited", "amount": D(5)},
            {"grant_id": "g1", "movement": "charged", "amount": D(-2)},
            {"grant_id": "g1", "movement": "charged", "amount": D(-3), "billing_period": "2026-10"},
        ],
    )
    assert paid(world) == [("g1", 3)]


@pytest.mark.parametrize(
    ("terms", "start", "end"),
    [
        ({}, "2026-09-30T18:30", None),
        ({"duration": "P1M"}, "2026-09-30T18:30", "2026-10-31T18:30"),
        ({"window_start": "acceptance"}, "2026-10-31T10:00", None),
        ({"window_start": "acceptance", "duration": "P4M"}, "2026-10-31T10:00", "2027-02-28T10:00"),
        ({"window_start": "acceptance", "duration": "P1Y1M1W2D"}, "2026-10-31T10:00", "2027-12-09T10:00"),
        ({"window_start": "2026-10-05/2026-10-09"}, "2026-10-04T18:30", "2026-10-08T18:30"),
        ({"window_start": "2026-10-05/"}, "2026-10-04T18:30", None),
    ],
)
def test_k7_the_window_of_a_promo_code(terms: Row, start: str, end: str | None):
    world = make_world(
        billing_accounts=[{"time_zone": "Asia/Kolkata"}],
        promo_codes=[terms],
        operations=[accept("p1", occurred_at=datetime(2026, 10, 31, 10, tzinfo=UTC))],
    )
    (one,) = oracle.bill(world)["grants"]
    found = [moment and moment.strftime("%Y-%m-%dT%H:%M") for moment in (one["window_start"], one["window_end"])]
    assert found == [start, end]


def test_k7_next_invoice_is_the_first_period_that_was_not_issued_when_the_code_was_accepted():
    issue = {"operation": "issue_invoices", "billing_account_id": None, "issue_date": date(2026, 10, 2)}
    operations = [
        accept("p1", occurred_at=day(1)),
        {**issue, "operation_id": "i1", "billing_period": "2026-09", "occurred_at": day(2)},
        accept("p2", occurred_at=day(3)),
        {**issue, "operation_id": "i2", "billing_period": "2026-10", "occurred_at": day(35), "actor": "nobody"},
        {
            **issue,
            "operation_id": "i3",
            "billing_period": "2026-10",
            "occurred_at": day(36),
            "billing_account_id": "acme",
        },
        accept("p3", occurred_at=day(37)),
    ]
    world = make_world(
        promo_codes=[{"per_account_limit": 9}],
        operations=operations,
        first_billed_periods={"acme": "2026-09"},
    )
    assert {one["grant_id"]: one["window_start"] for one in oracle.bill(world)["grants"]} == {
        "p1": datetime(2026, 9, 1, tzinfo=UTC),
        "p2": datetime(2026, 10, 1, tzinfo=UTC),
        "p3": datetime(2026, 11, 1, tzinfo=UTC),
    }


def test_k7_a_promo_discount_reaches_the_accounts_that_accepted_it_while_its_window_lasts():
    world = make_world(
        billing_accounts=[{}, {"billing_account_id": "other"}],
        promo_codes=[{"benefit": "discount", "window_start": "acceptance", "duration": "P10D"}],
        discounts=[{"promo_code": "HELLO", "value": D(50), "valid_until": "2026-10-12"}],
        operations=[accept("p1", occurred_at=day(5, 6))],
        usage_records=[
            used("10", day(5, 5)),
            used("20", day(5, 6)),
            used("40", day(12)),
            used("80", day(6), billing_account_id="other"),
        ],
    )
    assert allocated(world, "discount") == [("spring", "vm", 5, 10)]
    assert costs(world) == [10, 20, 40, 80]


def test_k7_a_promo_discount_comes_from_its_own_code():
    world = make_world(
        promo_codes=[{"promo_code": code, "benefit": "discount"} for code in ("HELLO", "TENTH")],
        discounts=[{"promo_code": "TENTH", "discount_id": "t"}, {"promo_code": "HELLO", "discount_id": "h"}],
        operations=[accept("p1", "TENTH")],
        usage_records=[used("10")],
    )
    assert allocated(world, "discount") == [("t", "vm", 1, 1)]


def test_k7_the_refusals_of_a_promo_code():
    codes = [
        {"promo_code": "ONE", "total_limit": 1},
        {"promo_code": "OVER", "valid_until": "2026-09-01"},
        {"promo_code": "THEIRS", "accounts": ["other"]},
        {"promo_code": "TWICE", "per_account_limit": 2},
    ]
    operations = [
        accept("a", "ONE"),
        accept("b", "ONE"),
        accept("c", "ONE", billing_account_id="other"),
        accept("d", "OVER"),
        accept("e", "THEIRS"),
        accept("f", "THEIRS", billing_account_id="other"),
        accept("g", "TWICE"),
        accept("h", "TWICE"),
        accept("i", "TWICE"),
        accept("j", "NONE"),
    ]
    accounts = [{}, {"billing_account_id": "other"}]
    assert reasons(make_world(billing_accounts=accounts, promo_codes=codes, operations=operations)) == {
        "a": None,
        "b": "O_PROMO_ALREADY_ACCEPTED",
        "c": "O_PROMO_EXHAUSTED",
        "d": "O_PROMO_NOT_VALID",
        "e": "O_PROMO_NOT_ALLOWED",
        "f": None,
        "g": None,
        "h": None,
        "i": "O_PROMO_ALREADY_ACCEPTED",
        "j": "O_UNKNOWN_PROMO_CODE",
    }


# ----------------------------------------------------------------------------------------------------- O: operations


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({}, None),
        ({"actor": "nobody"}, "O_UNKNOWN_ACTOR"),
        ({"actor": "gone"}, "O_UNKNOWN_ACTOR"),
        ({"actor": "owner"}, "O_FORBIDDEN"),
        ({"actor": "helper"}, "O_FORBIDDEN"),
        ({"billing_account_id": "nowhere"}, "O_UNKNOWN_ACCOUNT"),
        ({"billing_account_id": None}, "O_MISSING_FIELD"),
        ({"amount": None}, "O_MISSING_FIELD"),
        ({"kind": None}, "O_MISSING_FIELD"),
        ({"operation": "void_invoice"}, "O_UNSUPPORTED"),
        ({"logic": "fixed"}, "O_UNSUPPORTED"),
        ({"kind": "unheard-of"}, "O_UNKNOWN_KIND"),
        ({"sub_account_id": "theirs"}, "O_UNKNOWN_PROJECT"),
        ({"billing_currency": "USD"}, "O_CURRENCY"),
        ({"amount": D("0")}, "O_AMOUNT"),
        ({"amount": D("-1")}, "O_AMOUNT"),
        ({"amount": D("1.005")}, "O_PRECISE"),
        ({"amount": D("1.500")}, None),
        ({"window_end": "2026-10-01"}, "O_WINDOW"),
        ({"window_end": "2026-09-30T23:00:00.000000Z"}, "O_WINDOW"),
        ({"include": ["colour:red"]}, "O_SCOPE"),
        ({"exclude": ["service:"]}, "O_SCOPE"),
        ({"include": ["charge:monthly"]}, "O_SCOPE"),
        ({"kind": "welcome"}, "O_ONCE_PER_DOMAIN"),  # not the main account
    ],
)
def test_o1_a_grant_is_accepted_or_refused_with_a_reason(fault: Row, reason: str | None):
    world = make_world(
        billing_accounts=[{"domain": "one.example"}],
        principals=[
            {},
            {"principal_id": "gone", "valid_until": "2026-09-01"},
            {"principal_id": "owner", "role": "organization_owner", "billing_account_id": "acme"},
            {"principal_id": "helper", "role": "support"},
        ],
        operations=[{**grant("5"), **fault}],
    )
    assert reasons(world) == {"g1": reason}
    assert len(oracle.bill(world)["grants"]) == (reason is None)


def test_o2_owners_and_billing_managers_accept_promo_codes_for_their_account_only():
    world = make_world(
        billing_accounts=[{}, {"billing_account_id": "other"}],
        promo_codes=[{"per_account_limit": 9}],
        principals=[
            {"principal_id": "owner", "role": "organization_owner", "billing_account_id": "acme"},
            {"principal_id": "manager", "role": "billing_manager", "billing_account_id": "acme"},
            {"principal_id": "member", "role": "member", "billing_account_id": "acme"},
        ],
        operations=[
            accept("a", actor="owner"),
            accept("b", actor="manager"),
            accept("c", actor="member"),
            accept("d", actor="owner", billing_account_id="other"),
        ],
    )
    assert reasons(world) == {"a": None, "b": None, "c": "O_FORBIDDEN", "d": "O_FORBIDDEN"}


def test_o3_operations_count_by_time_then_id_and_the_same_again_is_nothing():
    codes = [{"total_limit": 1}]
    accounts = [{}, {"billing_account_id": "other"}]
    late, early = accept("a", occurred_at=day(9)), accept("b", billing_account_id="other", occurred_at=day(8))
    world = make_world(billing_accounts=accounts, promo_codes=codes, operations=[late, early, early])
    assert reasons(world) == {"b": None, "a": "O_PROMO_EXHAUSTED"}


def test_o1_one_id_with_two_contents_is_a_conflict_for_both_and_a_grant_id_is_taken_once():
    operations = [
        grant("5"),
        grant("6"),
        grant("7", name="g2"),
        grant("8", name="g3", grant_id="g2", occurred_at=day(2)),
    ]
    assert reasons(make_world(operations=operations)) == {"g1": "O_ID_CONFLICT", "g2": None, "g3": "O_ID_CONFLICT"}


def test_g2_welcome_credit_comes_once_per_domain_to_its_main_account():
    accounts = [
        {"domain": "one.example", "is_main_in_domain": True},
        {"billing_account_id": "branch", "domain": "one.example"},
        {"billing_account_id": "alone"},
    ]
    operations = [
        grant("5", kind="welcome", name="a"),
        grant("5", kind="welcome", name="b"),
        grant("5", kind="welcome", name="c", billing_account_id="branch"),
        grant("5", kind="welcome", name="d", billing_account_id="alone"),
        grant("5", kind="welcome", name="e", billing_account_id="alone"),
    ]
    once = "O_ONCE_PER_DOMAIN"
    assert reasons(make_world(billing_accounts=accounts, operations=operations)) == {
        "a": None,
        "b": once,
        "c": once,
        "d": None,
        "e": once,
    }


def test_l1_an_operation_recorded_later_is_decided_but_not_yet_known():
    world = make_world(
        usage_records=[used("10")], operations=[grant("5", recorded_at=datetime(2026, 11, 9, tzinfo=UTC))]
    )
    assert reasons(world) == {"g1": None}
    assert paid(world) == []
    world["known_as_of"] = datetime(2026, 11, 9, tzinfo=UTC)
    assert paid(world) == [("g1", 5)]


# ---------------------------------------------------------------------------------------- what is true of every world


def by_account(rows: list[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for one in rows:
        grouped[one["billing_account_id"]].append(one)
    return grouped


def line_key(one: Row) -> tuple[Any, ...]:
    return oracle.charge_key({**one, "charge_period_start": None})


def sums(rows: list[Row], key: Any, amount: str) -> dict[Any, Any]:
    totals: dict[Any, Any] = defaultdict(int)
    for one in rows:
        totals[key(one)] += one[amount]
    return {name: total for name, total in totals.items() if total != 0}


def in_any_order(books: dict[str, list[Row]]) -> dict[str, list[str]]:
    return {table: sorted(repr(sorted(one.items())) for one in rows) for table, rows in books.items()}


@MANY
@given(worlds())
def test_every_record_and_every_cent_of_a_line_is_in_exactly_one_charge(world: World):
    bill = oracle.bill(world)
    assert sums(bill["charges"], line_key, "list_cost") == sums(bill["rating_lines"], line_key, "list_cost")
    assert sums(bill["charges"], line_key, "pricing_quantity") == sums(
        bill["rating_lines"], line_key, "pricing_quantity"
    )
    assert len({oracle.charge_key(one) for one in bill["charges"]}) == len(bill["charges"])
    skipped = {one["usage_record_id"] for one in bill["unpriced_usage"]}
    held = {one["billing_account_id"] for one in bill["holds"]}
    expected: dict[str, int] = defaultdict(int)
    for account in world["billing_accounts"]:
        start, end = oracle.period_bounds(world["billing_period"], account["time_zone"])
        end = min(end, world["known_as_of"])
        for record in by_account(world["usage_records"])[account["billing_account_id"]]:
            is_counted = start <= record["charge_period_start"] < end and record["usage_record_id"] not in skipped
            if is_counted and account["billing_account_id"] not in held:
                expected[account["billing_account_id"]] += 1
    assert sums(bill["rating_lines"], lambda one: one["billing_account_id"], "record_count") == expected


@MANY
@given(worlds())
def test_the_totals_of_an_invoice_are_those_of_its_parts(world: World):
    bill = oracle.bill(world)
    parts = {
        "discount_amount": [one for one in bill["allocations"] if one["allocation_kind"] == "discount"],
        "grant_amount": [one for one in bill["allocations"] if one["source_id"] and one["tax_position"] == "before"],
        "credit_amount": [one for one in bill["allocations"] if one["tax_position"] == "after"],
    }
    parts["grant_amount"] = [one for one in parts["grant_amount"] if one["allocation_kind"] == "grant"]
    for one in bill["invoices"]:
        account = one["billing_account_id"]
        for column, rows in parts.items():
            assert sum(row["amount"] for row in by_account(rows)[account]) == one[column]
        assert sum(row["list_cost"] for row in by_account(bill["charges"])[account]) == one["list_cost"]
        assert one["total_without_tax"] == one["list_cost"] - one["discount_amount"] - one["grant_amount"]
        assert sum(row["tax_amount"] for row in by_account(bill["tax_breakdown"])[account]) == one["total_tax"]
        assert sum(row["tax_amount"] for row in by_account(bill["tax_shares"])[account]) == one["total_tax"]
        assert one["total_with_tax"] == one["total_without_tax"] + one["total_tax"]
        assert one["amount_due"] == one["total_with_tax"] - one["credit_amount"]
        assert one["amount_due"] >= 0 or one["document_type"] == "381"
    assert {one["billing_account_id"] for one in bill["invoices"]} == set(by_account(bill["charges"]))


@MANY
@given(worlds())
def test_tax_shares_add_up_per_code_rate_and_component(world: World):
    bill = oracle.bill(world)

    def group(one: Row) -> tuple[Any, ...]:
        return one["billing_account_id"], one["code"], one["rate"], one["component"]

    for amount in ("taxable_amount", "tax_amount"):
        assert sums(bill["tax_shares"], group, amount) == sums(bill["tax_breakdown"], group, amount)


@MANY
@given(worlds())
def test_no_grant_pays_more_than_it_holds_nor_outside_its_account_window_or_project(world: World):
    bill = oracle.bill(world)
    grants = {one["grant_id"]: one for one in bill["grants"]}
    taken = sums([*bill["grant_movements"], *world["grant_movements"]], lambda one: one["grant_id"], "amount")
    for name, amount in taken.items():
        assert 0 <= -amount <= grants[name]["amount"]
    by_usage_time = not any(one["policy"] == "eligibility" for one in world["billing_policies"])
    ends = {oracle.charge_key(one): one["charge_period_end"] for one in bill["charges"]}
    for one in bill["allocations"]:
        if one["allocation_kind"] == "grant":
            payer = grants[one["source_id"]]
            assert one["amount"] > 0
            assert payer["billing_account_id"] == one["billing_account_id"]
            assert payer["sub_account_id"] in (None, one["sub_account_id"])
            if by_usage_time:
                assert payer["window_start"] <= one["charge_period_start"]
                assert payer["window_end"] is None or ends[oracle.charge_key(one)] <= payer["window_end"]


@MANY
@given(worlds(corrections=False))
def test_without_corrections_nothing_is_negative(world: World):
    bill = oracle.bill(world)
    before = [one for one in bill["allocations"] if one["tax_position"] == "before"]
    taken, cost = sums(before, oracle.charge_key, "amount"), sums(bill["charges"], oracle.charge_key, "list_cost")
    assert all(amount > 0 for amount in cost.values())
    assert all(0 < amount <= cost[key] for key, amount in taken.items())
    assert all(one["tax_amount"] >= 0 and one["taxable_amount"] >= 0 for one in bill["tax_shares"])
    assert all(one["amount_due"] >= 0 for one in bill["invoices"])
    after = [one for one in bill["allocations"] if one["tax_position"] == "after"]
    tax = sums(bill["tax_shares"], oracle.charge_key, "tax_amount")
    for key, amount in sums(after, oracle.charge_key, "amount").items():
        assert amount <= cost.get(key, 0) - taken.get(key, 0) + tax.get(key, 0)


@MANY
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing_and_nothing_is_changed(world: World, random: Any):
    kept = copy.deepcopy(world)
    bill = oracle.bill(world)
    assert world == kept
    for table, rows in world.items():
        if isinstance(rows, list):
            random.shuffle(rows)
        assert table in kept
    assert in_any_order(oracle.bill(world)) == in_any_order(bill)


def with_spent_grants(world: World) -> World:
    """The same world with a grant for each account that has nothing left, and cuts every line on the 11th."""
    cut = {**world, "operations": list(world["operations"]), "grant_movements": list(world["grant_movements"])}
    period = world["billing_period"]
    for account in world["billing_accounts"]:
        name = f"spent-{account['billing_account_id']}"
        spent = {
            "operation_id": name,
            "billing_account_id": account["billing_account_id"],
            "occurred_at": datetime(2020, 2, 1, tzinfo=UTC),
            "kind": "bonus",
            "amount": D(1),
            "window_start": f"{period}-11",
        }
        cut["operations"].append(row("operations", **spent))
        moved = {"movement_id": name, "grant_id": name, "billing_period": "2020-02", "amount": D(-1)}
        cut["grant_movements"].append(row("grant_movements", **moved))
    return cut


@MANY
@given(worlds())
def test_p7_a_cut_changes_no_list_cost_discount_or_tax_of_a_line_and_no_other_charge(world: World):
    plain, cut = oracle.bill(world), oracle.bill(with_spent_grants(world))
    assert plain["rating_lines"] == cut["rating_lines"]
    assert plain["holds"] == cut["holds"]
    zones = {one["billing_account_id"]: one["time_zone"] for one in world["billing_accounts"]}
    after = {oracle.charge_key(one): one["list_cost"] for one in cut["charges"]}
    for one in plain["charges"]:
        eleventh = oracle.boundary_instant(f"{world['billing_period']}-11", zones[one["billing_account_id"]])
        if not one["charge_period_start"] < eleventh < one["charge_period_end"]:
            assert after[oracle.charge_key(one)] == one["list_cost"]
    chosen = {one["value"] for one in world["billing_policies"]}
    if "additive" not in chosen:  # there a charge's share is limited by the charge
        discounts = [
            [one for one in bill["allocations"] if one["allocation_kind"] == "discount"] for bill in (plain, cut)
        ]
        assert sums(discounts[0], line_key, "amount") == sums(discounts[1], line_key, "amount")
        spent = any(
            one["allocation_kind"] == "grant" and one["tax_position"] == "before" for one in plain["allocations"]
        )
        if not spent and "per_line" not in chosen:
            assert sums(plain["tax_shares"], line_key, "tax_amount") == sums(cut["tax_shares"], line_key, "tax_amount")


@MANY
@given(worlds(corrections=False), st.integers(0, 9))
def test_more_bonus_never_raises_what_an_account_owes(world: World, place: int):
    grants = [one for one in world["operations"] if one["operation"] == "grant_credit" and (one["amount"] or 0) > 0]
    assume(grants)
    before = {one["billing_account_id"]: one for one in oracle.bill(world)["invoices"]}
    chosen = grants[place % len(grants)]
    chosen["amount"] = chosen["amount"] * 3
    for one in oracle.bill(world)["invoices"]:
        earlier = before[one["billing_account_id"]]
        slack = Decimal(5).scaleb(one["amount_due"].as_tuple().exponent)  # one mu per tax category
        assert one["amount_due"] <= earlier["amount_due"] + slack


@MANY
@given(worlds())
def test_a_world_makes_frames_that_are_its_tables(world: World):
    for table, made in frames(world).items():
        if table == "operations":
            assert made["status"].null_count() == made.height
            made = made.with_columns(status=made["status"].fill_null("accepted")).unique("operation_id")
        TABLES[table].check(made)
        assert made.height <= len(world[table])
