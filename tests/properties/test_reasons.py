"""Of generated worlds: every pair of a charge and a grant or discount of its account has one reason, and it is true.

What was applied is never barred, what was exhausted is empty, and what there was no turn for is paid.
"""

from __future__ import annotations

import polars as pl
from hypothesis import HealthCheck, given, settings

from rating.allocations.grants import obstacles
from rating.allocations.limit_reasons import LIMIT_REASONS, limit_reasons, made_up
from rating.allocations.reasons import (
    DISCOUNT_REASONS,
    GRANT_REASONS,
    discount_reasons,
    grant_reasons,
    offers,
    untouched_tax,
)
from rating.pipeline import rated
from tests.pipeline import ask_world
from tests.worlds import World, worlds

MANY = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(worlds())
@MANY
def test_every_pair_has_one_reason_and_no_applied_pair_is_barred(world: World) -> None:
    found = ask_world(world, rated)
    applied = pl.concat([found.bonuses, found.credits])
    pairs = grant_reasons(found.items, found.grants, found.opening, applied, found.stopped)
    wanted = found.items.select("charge_id", "billing_account_id").join(
        found.grants.select("grant_id", "billing_account_id"), on="billing_account_id"
    )
    assert (
        pairs.select("grant_id", "charge_id")
        .sort(pl.all())
        .equals(wanted.select("grant_id", "charge_id").sort(pl.all()))
    )
    assert set(pairs["reason"]) <= set(GRANT_REASONS)

    # what was applied, and nothing else, has an amount; none of it was barred
    paid = pairs.filter(pl.col("amount_mu") != 0)
    assert (
        paid.select("charge_id", "grant_id", "amount_mu")
        .sort(pl.all())
        .equals(applied.select("charge_id", "grant_id", "amount_mu").sort(pl.all()))
    )
    assert set(paid["reason"]) <= {"applied", "exhausted"}
    assert set(pairs.filter(amount_mu=0)["reason"]).isdisjoint({"applied"})
    barred = obstacles(found.items, found.grants, found.stopped).drop_nulls("obstacle")
    assert barred.join(applied, on=["charge_id", "grant_id"], how="semi").is_empty()

    # nothing is left of a grant that is called exhausted, and nothing of a charge that others are said to have paid
    left = found.opening.join(
        applied.group_by("grant_id").agg(used_mu=pl.col("amount_mu").sum()), on="grant_id", how="left"
    )
    left = left.select("grant_id", left_mu=pl.col("balance_mu").clip(0) - pl.col("used_mu").fill_null(0))
    assert pairs.filter(reason="exhausted").join(left, on="grant_id").filter(pl.col("left_mu") > 0).is_empty()
    assert (pairs["before_mu"] + pairs["amount_mu"] <= pairs["due_mu"]).all()
    in_turn = pairs.filter(pl.col("reason").is_in(["order", "position"]))
    assert in_turn["paid_by"].list.len().fill_null(0).min() != 0
    assert in_turn.filter((pl.col("reason") == "order") & (pl.col("before_mu") != pl.col("due_mu"))).is_empty()


@given(worlds())
@MANY
def test_discounts_limits_and_tax_are_told_to_the_cent(world: World) -> None:
    found, reference = ask_world(world, lambda inputs: (rated(inputs), inputs.reference))
    items, limits = found.items, reference["spend_limits"]
    accounts = items.select(
        "billing_account_id", "billing_currency", "time_zone", "period_start", "period_end"
    ).unique()
    uncut = made_up(items, limits)
    offered = offers(reference["discounts"], reference["promo_codes"], found.terms, accounts)
    pairs = discount_reasons(items, found.terms, found.discounted, uncut, offered)
    of_account = pl.concat([found.terms.select("billing_account_id", "discount_id").unique(), offered])
    wanted = items.select("charge_id", "billing_account_id").join(of_account, on="billing_account_id")
    assert (
        pairs.select("discount_id", "charge_id")
        .sort(pl.all())
        .equals(wanted.select("discount_id", "charge_id").sort(pl.all()))
    )
    assert set(pairs["reason"]) <= set(DISCOUNT_REASONS)
    taken = pairs.filter(pl.col("amount_mu") != 0)
    assert (
        taken.select("charge_id", "discount_id", "amount_mu")
        .sort(pl.all())
        .equals(found.discounted.select("charge_id", "discount_id", "amount_mu").sort(pl.all()))
    )
    assert set(taken["reason"]) <= {"applied"}
    assert "applied" not in set(pairs.filter(amount_mu=0)["reason"])

    told = limit_reasons(items, found.capped, limits)
    assert set(told["reason"]) <= set(LIMIT_REASONS)
    assert told.filter(kind="maximum_spend")["amount_mu"].sum() == found.capped["amount_mu"].sum()
    assert told.filter(kind="minimum_spend")["amount_mu"].sum() == uncut["amount_mu"].sum()
    over = told.filter((pl.col("kind") == "maximum_spend") & (pl.col("reason") == "applied"))
    assert (over["seen_mu"] - over["amount_mu"] == over["limit_mu"]).all()

    # without grants the tax is that of the net amounts; where no grant came before tax it is the tax itself
    untouched = untouched_tax(items, found.tax_shares)
    key = ["billing_account_id", "code", "rate", "component"]
    groups = found.tax_groups.join(untouched, on=key)
    assert groups.height == found.tax_groups.height == untouched.height
    same = groups.filter(pl.col("taxable_mu") == pl.col("net_mu"))
    whole = same.join(items.filter(pl.col("grant_mu") != 0), on="billing_account_id", how="anti")
    assert (whole["tax_mu"] == whole["untouched_mu"]).all()
