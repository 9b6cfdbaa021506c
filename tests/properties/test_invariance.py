"""What changes no bill: the order of anything, how accounts are grouped, how many threads there are. And what is true
of every bill: every cent is in one place, and more bonus is never worth less.

Hypothesis draws the worlds. Each billing takes some tenths of a second, so examples are few per run and many over time.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rating.ledger_entries import KEY
from rating.outputs import Outputs
from rating.periods import period_of
from rating.pipeline import Inputs, rate_period
from schemas import TABLES
from tests import oracle
from tests.pipeline import decide_world, rate_world
from tests.worlds import CURRENCIES, World, row, worlds

ROOT = Path(__file__).resolve().parents[2]
QUICK = [
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
]  # a smaller example of a failure takes minutes; ask for it by hand
FEW: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": QUICK}


def sorted_tables(outputs: Outputs) -> dict[str, pl.DataFrame]:
    """Every table, in the order of its key: rows have no order of their own."""
    keys = {name: list(TABLES[name].key()) for name in outputs.tables() if name in TABLES} | {"ledger": KEY}
    return {name: table.sort(keys[name], nulls_last=True) for name, table in outputs.tables().items()}


def assert_same(found: Outputs, wanted: Outputs) -> None:
    tables = sorted_tables(wanted)
    for name, table in sorted_tables(found).items():
        assert_frame_equal(table, tables[name], check_exact=True)


def shuffled(world: World, random: Random, *names: str) -> World:
    return {**world, **{name: random.sample(world[name], len(world[name])) for name in names}}


INPUTS = {
    "usage": ("usage_records",),
    "operations": ("operations",),
    "reference": (
        "sellers",
        "billing_accounts",
        "sub_accounts",
        "skus",
        "unit_conversions",
        "sku_prices",
        "price_tiers",
        "tax_rates",
        "discounts",
        "grant_kinds",
        "promo_codes",
        "billing_policies",
        "principals",
        "currencies",
        "grant_movements",
        "recurring_items",
        "spend_limits",
    ),
}


@pytest.mark.parametrize("what", sorted(INPUTS))
def test_the_order_of_rows_changes_nothing(what: str) -> None:
    @given(worlds(), st.randoms(use_true_random=False))
    @settings(max_examples=7, **FEW)
    def holds(world: World, random: Random) -> None:
        assert_same(rate_world(shuffled(world, random, *INPUTS[what])), rate_world(world))

    holds()


@given(worlds())
@settings(max_examples=3, **FEW)
def test_the_same_world_twice_is_the_same_bill(world: World) -> None:
    """To the byte: rows come in the same order too."""
    first, second = rate_world(world), rate_world(world)
    assert all(table.equals(second.tables()[name]) for name, table in first.tables().items())


def one_account_at_a_time(inputs: Inputs) -> Outputs:
    """Each account billed by itself, as if it were a bucket, and the tables put together."""
    stored = {name: inputs.connection.sql(f"from {name}").pl() for name in ("usage_records", "earlier_records")}
    accounts = inputs.reference["billing_accounts"]
    bills = []
    for account in accounts["billing_account_id"].unique().sort():
        own = pl.col("billing_account_id") == account
        series = inputs.usage_series.filter(own)
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            for name, records in stored.items():
                connection.register("records", records.join(series, on="series_id", how="semi").to_arrow())
                connection.execute(f"create table own_{name} as from records")
                connection.execute(f"create view {name} as from own_{name}")
                connection.unregister("records")
            bills.append(
                rate_period(
                    replace(
                        inputs,
                        connection=connection,
                        usage_series=series,
                        reference={**inputs.reference, "billing_accounts": accounts.filter(own)},
                        grants=inputs.grants.filter(own),
                        promo_discounts=inputs.promo_discounts.filter(own),
                        added_charges=inputs.added_charges.filter(own),
                    )
                )
            )
    return Outputs(**{part.name: pl.concat(getattr(bill, part.name) for bill in bills) for part in fields(Outputs)})


@given(worlds().filter(lambda world: len(world["billing_accounts"]) > 1))
@settings(max_examples=6, **FEW)
def test_billing_accounts_one_at_a_time_is_billing_them_at_once(world: World) -> None:
    at_once = rate_world(world)
    with patch("tests.pipeline.rate_period", one_account_at_a_time):
        assert_same(rate_world(world), at_once)


# --- threads ------------------------------------------------------------------------------------------------


def digests() -> list[str]:
    """A digest of every table of a handful of worlds, the same worlds in every process."""
    found = []

    @given(worlds())
    @settings(max_examples=6, derandomize=True, database=None, **FEW)
    def bill(world: World) -> None:
        tables = rate_world(world).tables()
        texts = [f"{name}\n{table.columns}\n{table.rows()}" for name, table in sorted(tables.items())]
        found.append(hashlib.sha256("\n".join(texts).encode()).hexdigest())

    bill()
    return found


def test_the_number_of_threads_changes_nothing() -> None:
    """To the byte, in processes of one and of four Polars threads."""

    def with_threads(count: int) -> list[str]:
        run = subprocess.run(
            [sys.executable, "-c", "from tests.properties import test_invariance as t; print(*t.digests())"],
            cwd=ROOT,
            env={**os.environ, "POLARS_MAX_THREADS": str(count)},
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout.split()

    one, four = with_threads(1), with_threads(4)
    assert len(set(one)) > 3
    assert one == four


# --- bonuses ------------------------------------------------------------------------------------------------


@st.composite
def a_grant(draw: Callable[[st.SearchStrategy[Any]], Any], world: World) -> dict[str, Any]:
    """An operation that is accepted in any world: a grant of some kind, window and scope for one of the accounts."""
    first = date.fromisoformat(world["billing_period"] + "-01")
    days = [(first + timedelta(days=ahead)).isoformat() for ahead in (-20, 0, 7, 14, 27)]
    account = draw(st.sampled_from(world["billing_accounts"]))
    return row(
        "operations",
        operation_id="zz-more",
        billing_account_id=account["billing_account_id"],
        occurred_at=oracle.boundary_instant(days[0], "UTC"),
        kind=draw(st.sampled_from(["bonus", "organization", "voucher"])),
        amount=oracle.money(draw(st.sampled_from([1, 3, 50, 2001])), CURRENCIES[account["billing_currency"]]),
        window_start=draw(st.sampled_from(days[:-1])),
        window_end=draw(st.sampled_from([None, None, days[-1]])),
        include=draw(st.sampled_from([None, None, ["service:Cloud"]])),
    )


@given(st.data())
@settings(max_examples=7, **FEW)
def test_a_bonus_changes_no_list_cost(data: st.DataObject) -> None:
    """P5, P7: it may cut charges, but rating lines, their ids and their costs stay."""
    world = data.draw(worlds())
    bonus = data.draw(a_grant(world))
    plain, with_bonus = rate_world(world), rate_world({**world, "operations": [*world["operations"], bonus]})
    assert_frame_equal(with_bonus.rating_lines, plain.rating_lines, check_exact=True)
    assert_frame_equal(with_bonus.holds, plain.holds, check_exact=True)


@given(st.data())
@settings(max_examples=9, **FEW)
def test_more_bonus_never_raises_what_an_account_owes(data: st.DataObject) -> None:
    """Section 13: up to one mu per tax category where grants pay in proportion, or after tax for a part of the bill."""
    world = data.draw(worlds())
    bonus = data.draw(a_grant(world))
    more = {**bonus, "amount": bonus["amount"] * data.draw(st.sampled_from([2, 3, 101]))}
    less_due, more_due = (rate_world({**world, "operations": [*world["operations"], one]}) for one in (more, bonus))
    slack = tolerance(world, bonus, more_due)
    dues = more_due.invoices.select("billing_account_id", before="amount_due").join(
        less_due.invoices.select("billing_account_id", "amount_due"), on="billing_account_id"
    )
    assert dues.height == more_due.invoices.height
    for account, before, after in dues.iter_rows():
        assert after <= before + slack.get(account, 0), account


def tolerance(world: World, bonus: dict[str, Any], billed: Outputs) -> dict[str, Decimal]:
    """Per account one mu for each of its tax groups, where that is allowed at all."""
    in_proportion = {
        one["billing_account_id"]
        for one in world["billing_policies"]
        if (one["policy"], one["value"]) == ("charge_order", "proportional")
    }
    grants = decide_world({**world, "operations": [*world["operations"], bonus]}).grants
    after_tax = set(grants.filter(tax_position="after")["billing_account_id"])
    allowed = {
        account: {account, None} & in_proportion or account in after_tax
        for account in billed.account_periods["billing_account_id"]
    }
    mu = dict(billed.account_periods.select("billing_account_id", "exponent").iter_rows())
    groups = dict(billed.tax_breakdown.group_by("billing_account_id").len().iter_rows())
    return {account: oracle.money(groups.get(account, 0), mu[account]) for account in mu if allowed[account]}


# --- conservation -------------------------------------------------------------------------------------------


@given(worlds())
@settings(max_examples=16, **FEW)
def test_every_cent_is_in_one_place(world: World) -> None:
    """Section 13, as far as one period shows it."""
    billed = rate_world(world)
    lines = billed.invoice_lines
    taken = pl.col("discount_amount") + pl.col("cap_amount") + pl.col("grant_amount")
    assert lines.filter(pl.col("list_cost") - taken != pl.col("line_amount")).is_empty()

    def by_line(kind: str, position: str) -> pl.Expr:
        rows = (pl.col("allocation_kind") == kind) & (pl.col("tax_position") == position)
        return pl.col("amount").filter(rows).sum()

    allocated = billed.allocations.group_by("charge_id").agg(
        discount_sum=by_line("discount", "before"),
        cap_sum=by_line("cap", "before"),
        grant_sum=by_line("grant", "before"),
        credit_sum=by_line("grant", "after"),
    )
    sums = lines.join(allocated, on="charge_id", how="left")
    for kind in ("discount", "cap", "grant", "credit"):
        assert sums.filter(pl.col(f"{kind}_amount") != pl.col(f"{kind}_sum").fill_null(0)).is_empty(), kind
    assert billed.allocations.filter((pl.col("allocation_kind") == "grant") & (pl.col("amount") <= 0)).is_empty()

    charges = billed.charges.group_by("rating_line_id").agg(charged=pl.col("list_cost").sum())
    cost = billed.rating_lines.join(charges, on="rating_line_id", how="full")
    assert cost.filter(~pl.col("list_cost").eq_missing(pl.col("charged"))).is_empty()

    group = ["billing_account_id", "code", "rate", "component"]
    shares = billed.tax_shares.group_by(group).agg(
        shared_taxable=pl.col("taxable_amount").sum(), shared_tax=pl.col("tax_amount").sum()
    )
    tax = billed.tax_breakdown.join(shares, on=group, how="full")
    assert tax.height == billed.tax_breakdown.height
    assert tax.filter(~pl.col("taxable_amount").eq_missing(pl.col("shared_taxable"))).is_empty()
    assert tax.filter(~pl.col("tax_amount").eq_missing(pl.col("shared_tax"))).is_empty()

    totals = lines.group_by("billing_account_id").agg(
        without=pl.col("line_amount").sum(), tax=pl.col("tax_amount").sum(), credits=pl.col("credit_amount").sum()
    )
    documents = billed.invoices.join(totals, on="billing_account_id", how="full")
    assert documents.height == billed.invoices.height
    for one in documents.iter_rows(named=True):
        assert one["total_without_tax"] == one["without"]
        assert one["total_tax"] == one["tax"]
        assert one["total_with_tax"] == one["total_without_tax"] + one["total_tax"]
        assert one["credit_amount"] == one["credits"] == one["paid_amount"]
        assert one["amount_due"] == one["total_with_tax"] - one["credit_amount"]
        assert one["amount_due"] >= min(one["total_with_tax"], 0), "credits pay no more than is due"

    kinds = billed.ledger.group_by("transaction_kind", "billing_account_id", "billing_currency").agg(
        pl.col("amount").sum()
    )
    assert kinds.filter(pl.col("amount") != 0).is_empty()
    owed = billed.ledger.filter(ledger_account="receivable").group_by("billing_account_id").agg(pl.col("amount").sum())
    closed = billed.invoices.filter(document_state="draft").join(owed, on="billing_account_id", how="left")
    assert closed.filter(pl.col("amount_due") != pl.col("amount").fill_null(0)).is_empty()


@given(worlds())
@settings(max_examples=6, **FEW)
def test_every_record_is_charged_listed_or_held(world: World) -> None:
    """U1, P4: of an account that is not held, each record of the period so far is in a rating line or unpriced.

    A record that is split counts once per piece, which is another count: such worlds are not looked at here.
    """
    assume("split" not in {one["value"] for one in world["billing_policies"]})
    world = {**world, "recurring_items": []}
    billed = rate_world(world)
    held = set(billed.holds["billing_account_id"])
    zones = {one["billing_account_id"]: one["time_zone"] for one in world["billing_accounts"]}
    wanted: dict[str, int] = {}
    for record in world["usage_records"]:
        account, start = record["billing_account_id"], record["charge_period_start"]
        in_period = period_of(start, zones[account]) == world["billing_period"] and start < world["known_as_of"]
        if in_period and account not in held:
            wanted[account] = wanted.get(account, 0) + 1
    of_usage = billed.rating_lines.filter(charge_category="usage")
    counted = pl.concat(
        table.select("billing_account_id", "record_count") for table in (of_usage, billed.unpriced_usage)
    )
    found = dict(counted.group_by("billing_account_id").agg(pl.col("record_count").sum()).iter_rows())
    assert found == wanted
