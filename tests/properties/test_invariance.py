"""What changes no bill: the order of anything, how accounts are grouped, how many threads there are. And what is true
of every bill: every record and every cent is in one place, and credit changes no list cost.

Worlds are drawn first and put together as accounts of a few worlds (`tests.together`), so that a billing is of many.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rating.ledger_entries import KEY
from rating.outputs import Outputs
from rating.pipeline import Inputs, rate_period
from schemas import TABLES
from tests.mixed_worlds import first_instant, mixed_worlds
from tests.pipeline import Parts, asked, decide_world, parts_of
from tests.together import put_together
from tests.worlds import World, row

ROOT = Path(__file__).resolve().parents[2]
WORLDS = 25
BUCKETS = 3

Billed = list[tuple[Parts, Outputs]]


def bill(parts: Parts) -> Outputs:
    return asked(parts, rate_period)


def billed_together(worlds: list[World]) -> Billed:
    return [(parts, bill(parts)) for parts in put_together([parts_of(world) for world in worlds])]


@pytest.fixture(scope="module")
def drawn() -> list[World]:
    return mixed_worlds(WORLDS, "2026-10")


@pytest.fixture(scope="module")
def billed(drawn: list[World]) -> Billed:
    return billed_together(drawn)


def test_the_worlds_hold_what_may_come_in_another_order(billed: Billed) -> None:
    """Else the order of it would be a guarantee of nothing."""
    for name in (*OPERATIONS, "grants", "earlier_costs"):
        assert max(parts.inputs[name].height for parts, _ in billed) > 1, name


def sorted_tables(outputs: Outputs) -> dict[str, pl.DataFrame]:
    """Every table, in the order of its key: rows have no order of their own."""
    keys = {name: list(TABLES[name].key()) for name in outputs.tables() if name in TABLES} | {"ledger": KEY}
    return {name: table.sort(keys[name], nulls_last=True) for name, table in outputs.tables().items()}


def assert_same(found: Outputs, wanted: Outputs) -> None:
    tables = sorted_tables(wanted)
    for name, table in sorted_tables(found).items():
        assert_frame_equal(table, tables[name], check_exact=True)


# --- order ----------------------------------------------------------------------------------------------------


OPERATIONS = ("promo_discounts", "added_charges", "endings", "project_allocations", "grant_movements")
"""Inputs that operations and earlier periods have made, beside grants."""


def shuffled(table: pl.DataFrame) -> pl.DataFrame:
    return table.sample(fraction=1, shuffle=True, seed=7)


def usage_in_any_order(parts: Parts) -> Parts:
    return replace(parts, records=shuffled(parts.records), earlier=shuffled(parts.earlier))


def credit_in_any_order(parts: Parts) -> Parts:
    tables = {name: shuffled(parts.inputs[name]) for name in (*OPERATIONS, "grants", "earlier_costs")}
    return replace(parts, inputs={**parts.inputs, **tables})


def reference_in_any_order(parts: Parts) -> Parts:
    tables = {name: shuffled(table) for name, table in parts.inputs["reference"].items()}
    return replace(parts, inputs={**parts.inputs, "reference": tables})


@pytest.mark.parametrize("change", [usage_in_any_order, credit_in_any_order, reference_in_any_order])
def test_the_order_of_rows_changes_nothing(billed: Billed, change: Callable[[Parts], Parts]) -> None:
    for parts, outputs in billed:
        assert_same(bill(change(parts)), outputs)


def test_the_order_in_which_operations_land_decides_nothing(drawn: list[World]) -> None:
    """O3: within a commit they count by the time they occurred at, and id. What was read is kept as it was read."""
    for place, world in enumerate(drawn):
        landed = [{**one, "original": repr(one)} for one in world["operations"]]
        found, wanted = (
            decide_world({**world, "operations": some}) for some in (Random(place).sample(landed, len(landed)), landed)
        )
        assert_frame_equal(found.operations, wanted.operations)
        assert_frame_equal(found.grants, wanted.grants)


def test_the_same_world_twice_is_the_same_bill(billed: Billed) -> None:
    """To the byte: rows come in the same order too."""
    for parts, outputs in billed[:5]:
        assert all(table.equals(outputs.tables()[name]) for name, table in bill(parts).tables().items())


def in_buckets(inputs: Inputs) -> Outputs:
    """The accounts billed in several buckets, each with nothing but its own, and the tables put together."""
    stored = {name: inputs.connection.sql(f"from {name}").pl() for name in ("usage_records", "earlier_records")}
    accounts = inputs.reference["billing_accounts"]
    names = accounts["billing_account_id"].unique().sort()
    bills = []
    for some in (names.gather_every(BUCKETS, offset) for offset in range(min(BUCKETS, len(names)))):
        own = pl.col("billing_account_id").is_in(some.implode())
        series, grants = inputs.usage_series.filter(own), inputs.grants.filter(own)
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
                        grants=grants,
                        promo_discounts=inputs.promo_discounts.filter(own),
                        added_charges=inputs.added_charges.filter(own),
                        endings=inputs.endings.join(grants, on="grant_id", how="semi"),
                        project_allocations=inputs.project_allocations.filter(own),
                        grant_movements=inputs.grant_movements.filter(own),
                        earlier_costs=inputs.earlier_costs.filter(own),
                    )
                )
            )
    return Outputs(**{part.name: pl.concat(getattr(bill, part.name) for bill in bills) for part in fields(Outputs)})


def test_billing_accounts_in_buckets_is_billing_them_at_once(billed: Billed) -> None:
    for parts, outputs in billed:
        assert_same(asked(parts, in_buckets), outputs)


# --- threads ------------------------------------------------------------------------------------------------


def digests() -> list[str]:
    """A digest of every table of a handful of bills, of the same worlds in every process."""
    found = []
    for _, outputs in billed_together(mixed_worlds(12)):
        texts = [f"{name}\n{table.columns}\n{table.rows()}" for name, table in sorted(outputs.tables().items())]
        found.append(hashlib.sha256("\n".join(texts).encode()).hexdigest())
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


# --- credit and list costs ------------------------------------------------------------------------------------


def with_bonus(world: World) -> World:
    """A grant of each account, from the 11th."""
    granted = [
        row(
            "operations",
            operation_id=f"own-{account['billing_account_id']}",
            billing_account_id=account["billing_account_id"],
            occurred_at=first_instant(world) - timedelta(days=30),
            kind="bonus",
            amount=Decimal(50),
            window_start=world["billing_period"] + "-11",
        )
        for account in world["billing_accounts"]
    ]
    return {**world, "operations": [*world["operations"], *granted]}


def test_a_bonus_changes_no_list_cost(drawn: list[World]) -> None:
    """P5, P7: it cuts charges, but rating lines, their ids and their costs stay.

    A minimum looks at discounts, and an additive one is limited charge by charge: such worlds are not looked at.
    """
    some = [one for one in drawn if "additive" not in {policy["value"] for policy in one["billing_policies"]}]
    plain, with_grants = (billed_together(worlds) for worlds in (some, [with_bonus(world) for world in some]))
    assert len(plain) == len(with_grants) > 3
    cut = 0
    for (_, before), (_, after) in zip(plain, with_grants, strict=True):
        cut += after.charges.height > before.charges.height
        lines = [billed.rating_lines.drop("record_count") for billed in (after, before)]
        assert_frame_equal(*lines, check_exact=True)  # a record that is split counts once per piece
        assert_frame_equal(after.holds, before.holds, check_exact=True)
    assert cut


# --- conservation -------------------------------------------------------------------------------------------


def test_every_cent_is_in_one_place(billed: Billed) -> None:
    """Section 13, as far as one period shows it."""
    for parts, outputs in billed:
        assert_conserved(outputs)
        assert_posted(outputs, parts.inputs["known_as_of"])


def assert_posted(billed: Outputs, known_as_of: datetime) -> None:
    """B1: what moved of an account's grants in a month that is over is in the ledger, and nothing else."""
    over = billed.account_periods.filter(pl.col("period_end") <= known_as_of).select("billing_account_id")
    moved = billed.grant_movements.group_by("billing_account_id").agg(moved=pl.col("amount").sum())
    entries = billed.ledger.filter(pl.col("ledger_account").str.starts_with("grant_liability"))
    posted = entries.group_by("billing_account_id").agg(posted=pl.col("amount").sum())
    both = over.join(moved, on="billing_account_id", how="left").join(posted, on="billing_account_id", how="left")
    assert both.filter(-pl.col("moved").fill_null(0) != pl.col("posted").fill_null(0)).is_empty()
    assert posted.join(over, on="billing_account_id", how="anti").is_empty()


def assert_conserved(billed: Outputs) -> None:
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


def test_every_record_is_charged_listed_or_held(drawn: list[World]) -> None:
    """U1, P4: of an account that is not held, each record of the period so far is in a rating line or unpriced.

    A record that is split counts once per piece, which is another count: such worlds are not looked at here.
    """
    some = [one for one in drawn if "split" not in {policy["value"] for policy in one["billing_policies"]}]
    for parts, outputs in billed_together([{**world, "recurring_items": []} for world in some]):
        known = parts.records.filter(pl.col("charge_period_start") < parts.inputs["known_as_of"])
        wanted = known.join(outputs.holds, on="billing_account_id", how="anti")
        of_usage = outputs.rating_lines.filter(charge_category="usage")
        counted = pl.concat(
            table.select("billing_account_id", "record_count") for table in (of_usage, outputs.unpriced_usage)
        )
        found = counted.group_by("billing_account_id").agg(pl.col("record_count").sum())
        assert dict(found.iter_rows()) == dict(wanted.group_by("billing_account_id").len().iter_rows())
