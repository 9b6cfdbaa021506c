"""Of drawn worlds: every pair of a charge and a grant or discount of its account has one reason, and it is true.

What was applied is never barred, what was exhausted is empty, and what there was no turn for is paid. Worlds are drawn
first and rated many at once (`tests.together`); BILLFOLD_EXAMPLES=3000 has so many, drawn anew.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from random import Random

import polars as pl
import pytest

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
from rating.pipeline import Rated, rated
from tests.pipeline import asked, parts_of
from tests.together import put_together
from tests.worlds import a_world

WORLDS = int(os.environ.get("BILLFOLD_EXAMPLES", "120"))
MONTHS = ("2026-03", "2026-10")
AT_ONCE = 500
Reference = Mapping[str, pl.DataFrame]


@pytest.fixture(scope="module")
def months() -> list[tuple[Rated, Reference]]:
    """What the worlds' stages make, those of one period and instant together; and their reference tables."""
    seed = secrets.randbits(64) if "BILLFOLD_EXAMPLES" in os.environ else 0
    print(f"drawn with Random({seed})")
    random = Random(seed)
    worlds = [a_world(random, period=MONTHS[place % len(MONTHS)]) for place in range(WORLDS)]
    merged = [
        parts
        for start in range(0, WORLDS, AT_ONCE)
        for parts in put_together([parts_of(world) for world in worlds[start : start + AT_ONCE]])
    ]
    return [(asked(parts, rated), parts.inputs["reference"]) for parts in merged]


def test_the_worlds_have_what_reasons_are_given_for(months: list[tuple[Rated, Reference]]) -> None:
    """Else nothing would be said of it."""
    for name in ("items", "grants", "bonuses", "credits", "discounted", "terms"):
        assert sum(getattr(found, name).height for found, _ in months) > WORLDS // 10, name


def test_every_pair_has_one_reason_and_no_applied_pair_is_barred(months: list[tuple[Rated, Reference]]) -> None:
    for found, _ in months:
        refuse_untrue_reasons(found)


def refuse_untrue_reasons(found: Rated) -> None:
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


def test_discounts_limits_and_tax_are_told_to_the_cent(months: list[tuple[Rated, Reference]]) -> None:
    for found, reference in months:
        refuse_other_amounts(found, reference)


def refuse_other_amounts(found: Rated, reference: Reference) -> None:
    items, limits = found.items, reference["spend_limits"]
    # of an account that is parked for its tax nothing is told, though its discounts and maxima were worked out
    discounted, capped = (rows.join(items, on="charge_id", how="semi") for rows in (found.discounted, found.capped))
    accounts = items.select(
        "billing_account_id", "billing_currency", "time_zone", "period_start", "period_end"
    ).unique()
    uncut = made_up(items, limits)
    offered = offers(reference["discounts"], reference["promo_codes"], found.terms, accounts)
    pairs = discount_reasons(items, found.terms, discounted, uncut, offered)
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
        .equals(discounted.select("charge_id", "discount_id", "amount_mu").sort(pl.all()))
    )
    assert set(taken["reason"]) <= {"applied"}
    assert "applied" not in set(pairs.filter(amount_mu=0)["reason"])

    told = limit_reasons(items, capped, limits)
    assert set(told["reason"]) <= set(LIMIT_REASONS)
    assert told.filter(kind="maximum_spend")["amount_mu"].sum() == capped["amount_mu"].sum()
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
