"""Whatever is changed in the reference tables: who would be billed otherwise is named.

Each change is a random one. Every period is rated anew with the changed tables, on the usage and the operations of the
lake, and compared row by row with what the committed tables give.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from flows.period_inputs import period_inputs
from flows.reference import Reference, ReferenceFaults
from rating.outputs import Outputs
from rating.pipeline import rate_period
from tests.flows.backfill.touching import KNOWN, PERIODS, Billed, billed

CHANGES = 16
OTHERWISE: dict[str, tuple[str, ...]] = {
    "account_jurisdiction": ("DE", "IN"),
    "action": ("notify", "restrict_new"),
    "benefit": ("discount",),
    "billing_account_id": ("acme", "beta", "gamma", ""),
    "billing_currency": ("EUR", "USD"),
    "classification_code": ("",),
    "consumed_unit": ("MB", "minute"),
    "feature": ("vm", "disk", "plan", ""),
    "jurisdiction": ("DE", "IN"),
    "limit": ("5", "1000", "40"),
    "list_unit_price": ("0.50", "0.61", "7"),
    "measure": ("cost",),
    "meter": ("sum", "max", "count", "last"),
    "price_model": ("unit",),
    "priority": ("5", "25", "45"),
    "promo_code": ("SAVE", ""),
    "proration": ("none", "day", "second"),
    "rate": ("0.19", "0.20"),
    "region_id": ("eu", "us", ""),
    "service": ("compute", "storage", "support", "other", ""),
    "sku_id": ("vm", "disk", "support", ""),
    "sub_account_id": ("web", "lab", ""),
    "tax_category": ("standard",),
    "time_zone": ("UTC", "Europe/Berlin", "Asia/Kolkata"),
    "up_to": ("50", "110"),
    "valid_from": ("2025-06-01", "2026-09-01", "2026-10-01", "2026-10-12", "2026-11-01", "2026-10-15T12:00:00Z"),
    "valid_until": ("2026-09-30", "2026-10-11", "2026-10-31", "2026-11-14", "", "2026-10-15T12:00:00Z"),
    "amount": ("10", "31", "60"),
    "numerator": ("2", "1"),
    "quantity": ("1", "2"),
    "unit_price": ("0.10", "0.07"),
    "value": ("3", "12", "split", "start", "half_even"),
    "kind": ("percent", "fixed"),
    "list_cost": ("1",),
}
POLICIES = (
    *(("line_grain", "resource"), ("spanning_records", "split"), ("tax_point", "usage"), ("rounding_tax", "up")),
    *(("stacking", "additive"), ("proration", "second"), ("unpriced_usage", "skip"), ("eligibility", "period_end")),
    *(("charge_order", "largest_first"), ("organization_credit", "allocated_only"), ("payable_increment", "0.05")),
)
CHANGED = (
    *("sellers", "billing_accounts", "sub_accounts", "skus", "unit_conversions", "sku_prices", "price_tiers"),
    *("recurring_items", "spend_limits", "discounts", "promo_codes", "grant_kinds", "tax_rates", "cost_policies"),
    *("billing_policies", "sku_prices", "discounts", "recurring_items"),
)
IDS = ("sku_price_id", "recurring_item_id", "spend_limit_id", "discount_id", "cost_policy_id")


def change(folder: Path, chance: random.Random) -> str:
    """Change one table of a folder somehow, and say which."""
    table = chance.choice(CHANGED)
    path = folder / f"{table}.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    if table == "billing_policies" and chance.random() < 0.7:
        policy, value = chance.choice(POLICIES)
        account = chance.choice(("acme", "beta", "gamma", ""))
        dates = {
            "valid_from": chance.choice(("2026-10-01", "2026-11-01")),
            "valid_until": chance.choice(("", "2026-11-30")),
        }
        rows.append({"billing_account_id": account, "policy": policy, "value": value, **dates})
    else:
        rows = list(_changed(rows, chance))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0] if rows else ["billing_account_id"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return table


def _changed(rows: list[dict[str, str]], chance: random.Random) -> Iterator[dict[str, str]]:
    place = chance.randrange(len(rows))
    how = chance.choice(("cell", "cell", "cell", "split", "split", "gone", "copy"))
    for number, row in enumerate(rows):
        if number != place:
            yield row
        elif how == "cell":
            yield _with_other_cell(row, chance)
        elif how == "split" and "valid_from" in row:
            day = chance.choice(("2026-10-01", "2026-10-16", "2026-11-01"))
            before = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
            second = _with_other_cell(row, chance) if chance.random() < 0.6 else row
            named = {name: f"{row[name]}-2" for name in IDS if name in row}
            yield {**row, "valid_until": before} if "valid_until" in row else row
            yield {**second, **(named if chance.random() < 0.5 else {}), "valid_from": day}
        elif how == "copy":
            yield row
            yield {**_with_other_cell(row, chance), **{name: f"{row[name]}-2" for name in IDS if name in row}}


def _with_other_cell(row: dict[str, str], chance: random.Random) -> dict[str, str]:
    columns = [name for name in row if name in OTHERWISE]
    column = chance.choice(columns) if columns else next(iter(row))
    return {**row, column: chance.choice(OTHERWISE.get(column, ("",)))}


def rated(world: Billed, reference: Reference, period: str) -> Outputs:
    """What a period comes to with these tables."""
    lake, snapshot = world.lake, world.lake.snapshot()
    files = lake.write_reference(reference.tables, reference.digest, run_id=f"try-{period}", snapshot=snapshot)
    known = [one for one in snapshot.visible.values() if one.partition.get("reference") == reference.digest]
    buckets = range(lake.buckets)
    inputs = period_inputs(snapshot, files or known, period=period, known_as_of=KNOWN, buckets=buckets)
    return rate_period(inputs)


def accounts_that_differ(before: Outputs, after: Outputs) -> set[str]:
    """The accounts for which any table has another row; not for a place among discounts that are not in force."""
    found: set[str] = set()
    for name, was in before.tables().items():
        now = after.tables()[name]
        if "billing_account_id" not in was.columns:
            continue
        frames = [frame.drop("allocation_order", strict=False) for frame in (was, now)]
        rows = [
            {(row["billing_account_id"], repr(sorted(row.items()))) for row in frame.iter_rows(named=True)}
            for frame in frames
        ]
        found |= {account for account, _ in rows[0] ^ rows[1]}
    return found


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> tuple[Billed, dict[str, Outputs]]:
    world = billed(tmp_path_factory.mktemp("months") / "world")
    return world, {period: rated(world, world.reference(), period) for period in PERIODS}


def check(months: tuple[Billed, dict[str, Outputs]], folder: Path, seed: int) -> tuple[int, int] | None:
    """How many were billed otherwise and how many were named; None where the change makes no sound table."""
    _, before = months
    changed = billed(folder)
    chance = random.Random(seed)
    table = change(changed.reference_folder, chance)
    try:
        reference = changed.reference()
    except ReferenceFaults:
        return None
    named = {(account, period) for account, period, _ in changed.touched()}
    differ = {
        (account, period)
        for period in PERIODS
        for account in accounts_that_differ(before[period], rated(changed, reference, period))
    }
    assert differ <= named, f"seed {seed}, {table}: {sorted(differ - named)} would be billed otherwise"
    return len(differ), len(named)


def test_who_would_be_billed_otherwise_is_named(months: tuple[Billed, dict[str, Outputs]], tmp_path: Path) -> None:
    counted = [check(months, tmp_path / str(seed), seed) for seed in range(CHANGES)]
    sound = [one for one in counted if one is not None]
    assert len(sound) > CHANGES / 3, "most changes make no sound table"
    assert sum(differ > 0 for differ, _ in sound) > len(sound) / 3, "most changes change nothing"
    assert sum(named < 9 for _, named in sound) > len(sound) / 2, "everything is named, whatever changes"
