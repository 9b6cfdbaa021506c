"""What is true of every month that is billed again beside its invoice (X2, X4), on worlds full of credit.

A month is billed, then billed again a moment later: its invoices paid, or a part of them. Some of the grants are
recorded only in between, and some of the usage changes. What was due and what was paid is read from the tables of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

from rating.outputs import Outputs
from rating.periods import period_bounds
from rating.pipeline import rate_period
from rating.standing import Committed
from schemas.units import Money
from tests.mixed_worlds import mixed_worlds
from tests.pipeline import Before, Parts, asked, parts_of
from tests.spec.standing.invoiced import stands
from tests.together import put_together

WORLDS = 80
MOMENT = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def months() -> list[tuple[Parts, Outputs]]:
    """Months that are over, and what they come to without the grants that are recorded later."""
    worlds = [
        world for world in mixed_worlds(WORLDS, "2026-11") if world["known_as_of"] > _last_end(world["billing_period"])
    ]
    merged = put_together([parts_of(world, before=Before()) for world in worlds])
    late = [_with_late_grants(parts, Random(place)) for place, parts in enumerate(merged)]
    return [(parts, asked(parts, rate_period)) for parts in late]


def _last_end(period: str) -> datetime:
    return period_bounds(period, "Etc/GMT+12")[1]


def _with_late_grants(parts: Parts, random: Random) -> Parts:
    """Some grants are recorded a moment too late, and some are large, so that they have something left."""
    grants = parts.inputs["grants"]
    is_late = pl.Series([random.random() < 0.4 for _ in range(grants.height)], dtype=pl.Boolean)
    moment = pl.lit(parts.inputs["known_as_of"] + MOMENT).cast(grants.schema["recorded_at"])
    recorded = pl.when(is_late).then(moment).otherwise("recorded_at").alias("recorded_at")
    times = pl.Series([random.choice((1, 2, 10)) for _ in range(grants.height)], dtype=pl.Int64)
    amount = (pl.col("amount") * times).cast(Money).alias("amount")
    return replace(parts, inputs={**parts.inputs, "grants": grants.with_columns(recorded, amount)})


def _later(parts: Parts, committed: Committed, **changed: Any) -> Parts:
    """The same a moment later, beside what is committed of it."""
    inputs = {**parts.inputs, "known_as_of": parts.inputs["known_as_of"] + MOMENT, "committed": committed}
    return replace(parts, inputs=inputs, **changed)


def _of(outputs: Outputs, standing: str, known_as_of: datetime) -> Committed:
    found = stands(outputs, standing)
    moment = pl.lit(known_as_of).cast(found.accounts.schema["known_as_of"])
    return replace(found, accounts=found.accounts.with_columns(known_as_of=moment, issued_as_of=moment))


def _changed(records: pl.DataFrame, random: Random) -> pl.DataFrame:
    """Usage of which some was more, some less, and some was not."""
    times = pl.Series([random.choice((1, 1, 2, 3, 0)) for _ in range(records.height)], dtype=pl.Int64)
    more = (pl.col("consumed_quantity") * times).cast(records.schema["consumed_quantity"])
    return records.with_columns(more).filter(times > 0)


def paid_months(months: list[tuple[Parts, Outputs]]) -> Iterator[tuple[Parts, Outputs, Outputs]]:
    for place, (parts, billed) in enumerate(months):
        committed = _of(billed, "paid", parts.inputs["known_as_of"])
        records = _changed(parts.records, Random(place))
        yield parts, billed, asked(_later(parts, committed, records=records), rate_period)


def by_grants(outputs: Outputs) -> pl.DataFrame:
    """What grants paid of each charge, and what there was to pay."""
    rows = outputs.allocations.filter(allocation_kind="grant").group_by("charge_id")
    is_before = pl.col("tax_position") == "before"
    sums = rows.agg(
        before=pl.col("amount").filter(is_before).sum().cast(Money),
        after=pl.col("amount").filter(~is_before).sum().cast(Money),
    )
    committed = stands(outputs, "paid").charges
    nothing = pl.col("before", "after").fill_null(pl.lit(0).cast(Money))
    return committed.join(sums, on="charge_id", how="left").with_columns(nothing)


def test_a_paid_month_of_which_nothing_changed_is_the_very_same(months: list[tuple[Parts, Outputs]]) -> None:
    """Whatever was recorded in between."""
    paying = 0
    for parts, billed in months:
        committed = _of(billed, "paid", parts.inputs["known_as_of"])
        repeated = asked(_later(parts, committed), rate_period)
        paying += committed.applications.height
        for name, made in billed.tables().items():
            known = [one for one in ("known_as_of",) if one in made.columns]
            assert repeated.tables()[name].drop(known).equals(made.drop(known)), name
    assert paying > 50


def test_a_grant_recorded_since_pays_nothing_of_a_paid_month(months: list[tuple[Parts, Outputs]]) -> None:
    late = 0
    for parts, _, repeated in paid_months(months):
        of_late = parts.inputs["grants"].filter(pl.col("recorded_at") > parts.inputs["known_as_of"])
        late += of_late.height
        standing = repeated.account_periods.select("billing_account_id")
        paid = repeated.allocations.join(standing, on="billing_account_id", how="semi")
        assert paid.join(of_late, left_on="source_id", right_on="grant_id").is_empty()
        assert repeated.grant_movements.join(of_late, on="grant_id").is_empty()
    assert late > 10


def test_credit_pays_no_more_of_a_charge_than_before_and_what_it_gained(months: list[tuple[Parts, Outputs]]) -> None:
    gains = 0
    for _, billed, repeated in paid_months(months):
        then, now = by_grants(billed), by_grants(repeated)
        rows = now.join(then, on="charge_id", how="left", suffix="_then")
        rows = rows.with_columns(pl.selectors.by_dtype(Money).fill_null(pl.lit(0).cast(Money)))
        for paid, due in (("before", "net_amount"), ("after", "due_amount")):
            gained = (pl.col(due) - pl.col(f"{due}_then")).clip(lower_bound=0)
            assert rows.filter(pl.col(paid) > pl.col(f"{paid}_then") + gained).is_empty()
            assert rows.filter((pl.col(paid) > 0) & (pl.col(paid) > pl.col(due))).is_empty()
            gains += rows.filter(pl.col(paid) > pl.col(f"{paid}_then")).height
    assert gains > 3


def partly_paid_months(
    months: list[tuple[Parts, Outputs]],
) -> Iterator[tuple[pl.DataFrame, Outputs, Outputs]]:
    """What is paid of each account, the month without that bound, and with it."""
    for place, (parts, billed) in enumerate(months):
        random = Random(place)
        free = asked(_later(parts, _of(billed, "issued", parts.inputs["known_as_of"])), rate_period)
        committed = _of(billed, "partly_paid", parts.inputs["known_as_of"])
        totals = billed.invoices.select("billing_account_id", "total_with_tax", "credit_amount")
        due = committed.accounts.join(totals, on="billing_account_id", how="left", maintain_order="left")
        hundredths = pl.Series([random.randrange(101) for _ in range(due.height)], dtype=pl.Int64)
        exponents = billed.account_periods["exponent"]
        left = (due["total_with_tax"] - due["credit_amount"]).fill_null(0)
        amounts = [
            (amount * share / 100).quantize(amount.__class__(1).scaleb(-exponent))
            for amount, share, exponent in zip(left, hundredths, exponents, strict=True)
        ]
        accounts = committed.accounts.with_columns(paid_amount=pl.Series(amounts, dtype=Money))
        bound = asked(_later(parts, replace(committed, accounts=accounts)), rate_period)
        yield accounts.select("billing_account_id", "paid_amount"), free, bound


def test_a_partly_paid_month_leaves_what_was_paid_and_undoes_no_more(months: list[tuple[Parts, Outputs]]) -> None:
    """A mu before tax brings at most one mu of each of its taxes with it."""
    undone = 0
    for paid, free, bound in partly_paid_months(months):
        taxes = bound.tax_breakdown.group_by("billing_account_id").agg(taxes=pl.len())
        rows = (
            _left(bound)
            .join(_left(free), on="billing_account_id", suffix="_free")
            .join(paid, on="billing_account_id")
            .join(taxes, on="billing_account_id")
            .join(free.account_periods.select("billing_account_id", "exponent"), on="billing_account_id")
        )
        for row in rows.iter_rows(named=True):
            if row["left_free"] >= row["paid_amount"]:
                assert row["left"] == row["left_free"]
                continue
            undone += 1
            over = (row["left"] - row["paid_amount"]).scaleb(row["exponent"])
            assert over >= 0 or row["granted"] == 0
            assert over <= row["taxes"]
    assert undone > 3


def _left(outputs: Outputs) -> pl.DataFrame:
    """What each document comes to less what credit paid, and what grants paid in all."""
    return outputs.invoices.select(
        "billing_account_id",
        left=pl.col("total_with_tax") - pl.col("credit_amount"),
        granted=pl.col("grant_amount") + pl.col("credit_amount"),
    )


def test_what_is_undone_is_the_last_that_was_applied(months: list[tuple[Parts, Outputs]]) -> None:
    """Credits before bonuses, of each the grants from the last on: of one alone a part is undone, what is before it in
    the order stays whole and what is behind it is gone.
    """
    partial = 0
    for _, free, bound in partly_paid_months(months):
        key = ["billing_account_id", "tax_position", "allocation_order"]
        then, now = (
            one.allocations.filter(allocation_kind="grant").group_by(key).agg(pl.col("amount").sum())
            for one in (free, bound)
        )
        rows = then.join(now, on=key, how="left", suffix="_now").sort(
            "billing_account_id", "tax_position", "allocation_order", descending=[False, True, False]
        )
        rows = rows.with_columns(pl.col("amount_now").fill_null(pl.lit(0).cast(Money)))
        rows = rows.with_columns(
            state=pl.when(pl.col("amount_now") == pl.col("amount"))
            .then(0)
            .when(pl.col("amount_now") > 0)
            .then(1)
            .otherwise(2)
        )
        assert now.join(then, on=key, how="anti").is_empty()
        states = rows.group_by("billing_account_id", maintain_order=True).agg("state")
        for one in states["state"].to_list():
            assert one == sorted(one)
            assert one.count(1) <= 1
            partial += one.count(1)
    assert partial > 0
