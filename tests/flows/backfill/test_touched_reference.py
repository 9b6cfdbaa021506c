"""Whom a change of the reference tables touches: by what a row names, and only where it says something else."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from flows.changes.intervals import differences
from tests.flows.backfill.touching import ACME, BETA, GAMMA, PERIODS, Billed, billed

SEPTEMBER, OCTOBER, NOVEMBER = PERIODS


@pytest.fixture
def world(tmp_path: Path) -> Billed:
    return billed(tmp_path)


def pairs(*accounts: str, periods: tuple[str, ...] = PERIODS) -> set[tuple[str, str]]:
    return {(account, period) for account in accounts for period in periods}


def named(world: Billed, why: str) -> set[tuple[str, str]]:
    """Whom a change touches; for no other reason than this one."""
    found = world.touched()
    assert {reason for _, _, reason in found} <= {why}
    return {(account, period) for account, period, _ in found}


def test_tables_that_say_the_same_touch_nobody(world: Billed) -> None:
    assert world.touched() == set()
    world.say("sku_prices", "vm-eur,vm,,,EUR,unit,0.50", "vm-eur,vm,,,EUR,unit,0.5")
    assert world.touched() == set(), "another spelling of a number"


def test_a_price_touches_the_accounts_that_use_its_sku_in_its_currency(world: Billed) -> None:
    world.say("sku_prices", "vm-eur,vm,,,EUR,unit,0.50", "vm-eur,vm,,,EUR,unit,0.55")
    assert named(world, "sku_prices") == pairs(ACME)


def test_a_price_that_rises_on_a_day_touches_the_periods_from_that_day_on(world: Billed) -> None:
    """The first row ends with October, where a new one begins: October itself is billed as it was."""
    world.say(
        "sku_prices",
        "disk-usd,disk,,,USD,unit,0.12,2026-01-01,",
        "disk-usd,disk,,,USD,unit,0.12,2026-01-01,2026-10-31\ndisk-usd-2,disk,,,USD,unit,0.13,2026-11-01,",
    )
    assert named(world, "sku_prices") == pairs(GAMMA, periods=(NOVEMBER,))


def test_a_contract_touches_its_account_alone(world: Billed) -> None:
    world.add("sku_prices", "disk-beta,disk,,beta,EUR,unit,0.05,2026-10-01,2026-10-31")
    assert named(world, "sku_prices") == pairs(BETA, periods=(OCTOBER,))


def test_a_price_of_what_nobody_uses_touches_nobody(world: Billed) -> None:
    world.add("sku_prices", "least-eur,least,,,EUR,unit,7,2026-01-01,")
    assert world.touched() == set()


def test_a_tier_touches_those_of_its_price(world: Billed) -> None:
    world.say("price_tiers", "disk-eur,,0.08", "disk-eur,,0.07")
    assert named(world, "sku_prices") == pairs(BETA)


def test_when_a_price_began_matters_as_the_latest_goes_first(world: Billed) -> None:
    world.say("sku_prices", "disk-usd,disk,,,USD,unit,0.12,2026-01-01", "disk-usd,disk,,,USD,unit,0.12,2026-02-01")
    assert named(world, "sku_prices") == pairs(GAMMA)


def test_a_discount_of_a_service_touches_those_who_use_it(world: Billed) -> None:
    world.say("discounts", "storage,percent,5", "storage,percent,6")
    assert named(world, "discounts") == pairs(BETA, GAMMA)


def test_a_discount_of_a_project_touches_its_account(world: Billed) -> None:
    world.say("discounts", "web,fixed,1", "web,fixed,2")
    assert named(world, "discounts") == pairs(ACME)


def test_a_discount_by_code_touches_those_who_accepted_it(world: Billed) -> None:
    world.say("discounts", "saver,percent,20", "saver,percent,25")
    assert named(world, "discounts") == pairs(BETA)


def test_a_discount_for_all_touches_all_in_its_window(world: Billed) -> None:
    world.say(
        "discounts", "autumn,percent,10,,,,,,,,10,2026-10-01,2026-10-31", "autumn,percent,10,,,,,,,,10,2026-10-01,"
    )
    assert named(world, "discounts") == pairs(ACME, BETA, GAMMA, periods=(NOVEMBER,)), "October has it as before"


def test_a_discount_of_one_account_touches_it_alone(world: Billed) -> None:
    world.add("discounts", "loyal,percent,3,,acme,,,,,,50,2026-11-01,")
    assert named(world, "discounts") == pairs(ACME, periods=(NOVEMBER,))


def test_the_terms_of_a_code_touch_nobody_as_its_window_was_decided_at_acceptance(world: Billed) -> None:
    world.say("promo_codes", "2026-10-01/2026-12-01", "2026-09-01/2026-12-01")
    assert world.touched() == set()


def test_a_code_that_gives_no_discount_any_more_touches_those_who_accepted_it(world: Billed) -> None:
    world.say("promo_codes", "SAVE,discount,,20,,2026-10-01/2026-12-01,,,,1,2026-01-01,\n", "")
    world.say("discounts", "saver,percent,20,,,,,,,SAVE,40,2026-01-01,\n", "")
    assert world.touched() == {(BETA, period, table) for period in PERIODS for table in ("promo_codes", "discounts")}


def test_a_sku_touches_all_who_are_charged_for_it(world: Billed) -> None:
    world.say("skus", "support,Support plan,support,Other,plan,month", "support,Support plan,help,Other,plan,month")
    assert named(world, "skus") == pairs(ACME), "by its recurring item"
    world.say("skus", "least,Minimum,commitment", "least,Minimum,promise")
    assert named(world, "skus") == pairs(ACME, GAMMA), "by what is lacking of its minimum"


def test_a_conversion_touches_those_who_use_its_unit(world: Billed) -> None:
    world.say("unit_conversions", "MB,GB,,1,1000", "MB,GB,,1,1024")
    assert named(world, "unit_conversions") == pairs(BETA)


def test_a_recurring_item_touches_its_account(world: Billed) -> None:
    world.say("recurring_items", "1,day,2026-01-01,", "1,day,2026-01-01,2026-11-15")
    assert named(world, "recurring_items") == pairs(ACME, periods=(NOVEMBER,))


def test_a_limit_touches_its_account(world: Billed) -> None:
    world.say("spend_limits", "cap-beta,maximum_spend,beta,,30", "cap-beta,maximum_spend,beta,,8")
    assert named(world, "spend_limits") == pairs(BETA)


def test_a_limit_of_a_price_touches_those_who_use_it(world: Billed) -> None:
    world.add("spend_limits", "cap-vm,maximum_spend,,vm-usd,9,USD,,2026-10-01,2026-10-31")
    assert named(world, "spend_limits") == pairs(GAMMA, periods=(OCTOBER,))


def test_a_digit_of_a_currency_touches_the_accounts_that_are_billed_in_it(world: Billed) -> None:
    (world.reference_folder / "currencies.csv").write_text("billing_currency,exponent,valid_from\nUSD,3,2026-11-01\n")
    assert named(world, "currencies") == pairs(GAMMA, periods=(NOVEMBER,))


def test_a_policy_touches_its_account_or_all(world: Billed) -> None:
    world.add("billing_policies", "beta,rounding_tax,up,2026-11-01,")
    assert named(world, "billing_policies") == pairs(BETA, periods=(NOVEMBER,))
    world.add("billing_policies", ",stacking,additive,2026-11-01,")
    assert named(world, "billing_policies") == pairs(ACME, BETA, GAMMA, periods=(NOVEMBER,))


def test_whether_records_are_split_touches_the_months_they_may_run_into(world: Billed) -> None:
    world.add("billing_policies", "beta,spanning_records,split,2026-09-01,2026-09-30")
    assert named(world, "billing_policies") == pairs(BETA)


def test_whether_a_sku_s_records_are_cut_touches_the_months_they_may_run_into(world: Billed) -> None:
    """September counts the records that it summed: what it had left of them to October it bills itself."""
    world.say("skus", "2026-01-01", "2026-01-01,")
    world.say("skus", "valid_from", "valid_from,valid_until")
    is_sold = "disk,Disk,storage,Storage,disk,GB"
    first, then = f"{is_sold},count,standard,false,2026-01-01,2026-09-30", f"{is_sold},sum,standard,false,2026-10-01,"
    world.say("skus", f"{is_sold},sum,standard,false,2026-01-01,", f"{first}\n{then}")
    assert named(world, "skus") == pairs(BETA, GAMMA)


def test_a_price_by_the_record_touches_all_who_use_its_sku_and_the_months_after_it(world: Billed) -> None:
    """It cuts no record of the SKU, also where another price is paid."""
    world.add("sku_prices", "disk-one,disk,,beta,EUR,percentage,0.05,2026-09-01,2026-09-30")
    assert named(world, "sku_prices") == pairs(BETA, GAMMA)


@pytest.mark.parametrize(
    "row",
    [
        ",late_usage,reject,2026-01-01,",
        ",earliest_open_period,2026-09,2026-01-01,",
        ",credit_warning,0.5,2026-01-01,",
    ],
)
def test_a_policy_that_says_nothing_of_a_bill_touches_nobody(world: Billed, row: str) -> None:
    world.add("billing_policies", row)
    assert world.touched() == set()


def test_a_cost_policy_touches_its_account_and_one_over_all_periods_the_later_ones_too(world: Billed) -> None:
    world.say("cost_policies", "beta,,cost,,1000", "beta,,cost,,900")
    assert named(world, "cost_policies") == pairs(BETA)
    world.add("cost_policies", "whole-acme,acme,,cost,,90,before_grants,total,notify,2026-10-01,2026-10-31")
    world.say("cost_policies", "beta,,cost,,900", "beta,,cost,,1000")
    found = world.touched()
    assert found == {(ACME, OCTOBER, "cost_policies"), (ACME, NOVEMBER, "costs of earlier periods")}


def test_an_account_s_own_row_touches_it(world: Billed) -> None:
    world.say("billing_accounts", "High Street 3,EUR,UTC", "High Street 3,EUR,Europe/London")
    found = world.touched()
    assert {(account, period) for account, period, _ in found} == pairs(BETA)


def test_what_no_bill_reads_touches_nobody(world: Billed) -> None:
    world.say("billing_accounts", ",acme.example,500,", ",acme.example,900,")
    world.say("billing_accounts", "DE,business,14,true", "DE,business,30,true")
    world.say("sellers", "INV-{year}-{sequence:05}", "RE-{year}-{sequence:05}")
    world.say("grant_kinds", "bonus,10,before,true,,[],recovered,3", "bonus,11,before,false,,[],recovered,6")
    world.say("sub_accounts", "web,acme,Website", "web,acme,Shop")
    world.add("sub_accounts", "mobile,beta,Mobile,2026-01-01")
    world.say(
        "skus",
        "disk,Disk,storage,Storage,disk,GB,sum,standard,false",
        "disk,Disk,storage,Storage,disk,GB,sum,standard,true",
    )
    (world.reference_folder / "principals.csv").write_text(
        "principal_id,role,billing_account_id,valid_from\noperator,staff,,2026-01-01\nada,analyst,acme,2026-01-01\n"
    )
    assert world.touched() == set()


def test_a_tax_rate_touches_drafts_but_not_what_is_issued(world: Billed) -> None:
    """T4: what corrects an invoice has the rates of the invoice."""
    world.say("tax_rates", "standard,VAT,0.20,S,,2026-01-01,", "standard,VAT,0.21,S,,2026-01-01,")
    assert named(world, "tax_rates") == pairs(ACME, BETA)
    world.say("tax_rates", "standard,VAT,0.21,S,,2026-01-01,", "standard,VAT,0.20,S,,2026-01-01,")
    world.issue(SEPTEMBER, ACME)
    world.say("tax_rates", "standard,VAT,0.20,S,,2026-01-01,", "standard,VAT,0.21,S,,2026-01-01,")
    assert named(world, "tax_rates") == pairs(ACME, BETA) - {(ACME, SEPTEMBER)}


def test_names_and_taxation_touch_drafts_but_not_what_is_issued(world: Billed) -> None:
    world.issue(SEPTEMBER)
    drafts = (OCTOBER, NOVEMBER)
    world.say("billing_accounts", "Beta Ltd", "Beta Holding Ltd")
    assert named(world, "billing_accounts") == pairs(BETA, periods=drafts)
    world.say("sellers", "North Cloud GmbH", "North Cloud SE")
    found = {(account, period) for account, period, why in world.touched() if why == "sellers"}
    assert found == pairs(ACME, BETA, GAMMA, periods=drafts)


def test_an_account_on_hold_is_touched_when_any_table_changes(world: Billed) -> None:
    world.say("sku_prices", "vm-usd,vm,,,USD,unit,0.60,2026-01-01,\n", "")
    assert named(world, "sku_prices") == pairs(GAMMA)
    world.bill(NOVEMBER)
    assert named(world, "sku_prices") == pairs(GAMMA, periods=(SEPTEMBER, OCTOBER)), "November is billed with these"
    world.say("sub_accounts", "web,acme,Website", "web,acme,Shop")
    assert (GAMMA, NOVEMBER, "on hold R_NO_PRICE") in world.touched()


def test_what_changed_before_a_bill_touches_the_period_no_more(world: Billed) -> None:
    world.say("sku_prices", "vm-eur,vm,,,EUR,unit,0.50", "vm-eur,vm,,,EUR,unit,0.55")
    world.bill(NOVEMBER)
    assert named(world, "sku_prices") == pairs(ACME, periods=(SEPTEMBER, OCTOBER))


# --- when rows differ ------------------------------------------------------------


def _rows(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    schema = {"said": pl.String, "valid_from": pl.String, "valid_until": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _days(before: pl.DataFrame, after: pl.DataFrame) -> list[tuple[str, str, str]]:
    found = differences(before, after).sort("said", "from_on")
    return [(said, f"{start}", f"{end}") for said, start, end in found.iter_rows()]


def test_a_row_that_is_cut_in_two_and_says_the_same_has_not_changed() -> None:
    whole = _rows(("ten", "2026-01-01", None))
    halves = _rows(("ten", "2026-01-01", "2026-10-16"), ("ten", "2026-10-16", None))
    assert _days(whole, halves) == []


def test_only_the_days_on_which_a_content_is_said_by_one_side_differ() -> None:
    before = _rows(("ten", "2026-01-01", None))
    after = _rows(
        ("ten", "2026-01-01", "2026-10-16"), ("nine", "2026-10-16", "2026-11-01"), ("ten", "2026-11-01", None)
    )
    assert _days(before, after) == [("nine", "2026-10-16", "2026-11-01"), ("ten", "2026-10-16", "2026-11-01")]


def test_a_window_that_moves_differs_at_both_its_ends() -> None:
    found = _days(_rows(("ten", "2026-01-01", "2026-07-01")), _rows(("ten", "2026-03-01", "2026-09-01")))
    assert found == [("ten", "2026-01-01", "2026-03-01"), ("ten", "2026-07-01", "2026-09-01")]


def test_an_instant_may_lie_on_the_day_before_or_after() -> None:
    before = _rows(("ten", "2026-01-01T00:00:00.000000Z", None))
    after = _rows(("ten", "2026-01-01T00:00:00.000000Z", "2026-11-01T00:00:00.000000Z"))
    assert _days(before, after) == [("ten", "2026-10-31", "9999-01-01")]


def test_a_row_that_moves_from_days_to_instants_differs_for_as_long_as_either_holds() -> None:
    """2026-06-01 begins on 31 May in UTC, or on 1 June, as the account's zone has it."""
    before = _rows(("ten", "2026-06-01", "2026-07-01"))
    after = _rows(("ten", "2026-06-01T00:00:00.000000Z", "2026-07-01T00:00:00.000000Z"))
    assert _days(before, after) == [("ten", "2026-05-31", "2026-07-03"), ("ten", "2026-05-31", "2026-07-03")]
