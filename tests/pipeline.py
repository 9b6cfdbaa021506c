"""A world through the pipeline: what the oracle is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import floor
from typing import Any, TypeVar

import duckdb
import polars as pl

from rating.account_periods import account_periods
from rating.given_credit import movements_of
from rating.hashing import hash64, key_text
from rating.operations import (
    ACCEPTED,
    Book,
    Decisions,
    added_charges,
    decide,
    endings,
    project_allocations,
    promo_discounts,
)
from rating.outputs import Outputs
from rating.periods import period_bounds, period_of
from rating.pipeline import EARLIER_COSTS, ISSUE_DATES, Inputs, rate_period
from rating.standing import Committed
from schemas import REFERENCE, TABLES
from schemas.units import Hash64, Instant
from tests.worlds import World, frames

T = TypeVar("T")
GRANTS = {**TABLES["grants"].columns(), "recorded_at": Instant}
SERIES = ["billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "consumed_unit"]


def splitting(tables: dict[str, pl.DataFrame], period: str) -> set[str]:
    """The accounts whose records that begin in a period are split at its end (U4)."""
    if tables["billing_policies"].filter(policy="spanning_records", value="split").is_empty():
        return set()
    dated = [tables[name] for name in ("billing_accounts", "sellers", "currencies", "billing_policies")]
    accounts = account_periods(*dated, billing_period=period, known_as_of=datetime.max.replace(tzinfo=UTC))
    return set(accounts.filter(pl.col("spanning_records") == "split")["billing_account_id"])


STORED = ["series_id", "charge_period_start", "charge_period_end", "consumed_quantity"]


@dataclass(frozen=True)
class Before:
    """What was decided before a world's operations landed: Operations, and Grants with the time they were recorded."""

    operations: pl.DataFrame = field(default_factory=TABLES["operations"].empty)
    grants: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=GRANTS))

    def and_then(self, decisions: Decisions) -> Before:
        """With what has been decided since."""
        return Before(pl.concat([self.operations, decisions.operations]), pl.concat([self.grants, decisions.grants]))


def tables_of(world: World) -> dict[str, pl.DataFrame]:
    """Every table of a world as a frame, and the reference tables that it does not have."""
    return {**{name: table.empty() for name, table in REFERENCE.items()}, **frames(world)}


def decide_world(
    world: World, before: Before | None = None, tables: dict[str, pl.DataFrame] | None = None
) -> Decisions:
    """The operations of a world, decided."""
    before = before or Before()
    tables = tables_of(world) if tables is None else tables
    first = {
        account: world.get("first_billed_periods", {}).get(account, world["billing_period"])
        for account in tables["billing_accounts"]["billing_account_id"]
    }
    landed = tables["operations"].with_columns(
        pl.coalesce("recorded_at", "occurred_at").alias("recorded_at"), pl.col("original").fill_null("")
    )
    draws: dict[str, dict[str, Decimal]] = {}
    for row in world.get("grant_movements", []):
        of_grant = draws.setdefault(row["grant_id"], {})
        of_grant[row["billing_period"]] = of_grant.get(row["billing_period"], Decimal(0)) + row["amount"]
    book = Book(tables, first, draws=draws, issued_documents=set(world.get("issued_periods", ())))
    return decide(landed, book, before.operations, before.grants.drop("recorded_at"))


def rate_world(world: World, usage: pl.DataFrame | None = None) -> Outputs:
    """A world's period, billed: its usage as series and records, its operations decided first."""
    return ask_world(world, rate_period, usage)


def given_movements(decisions: Decisions, before: Before, world: World) -> pl.DataFrame:
    """What operations did to balances at once."""
    zones = {row["billing_account_id"]: row["time_zone"] for row in world["billing_accounts"]}
    known = before.and_then(decisions).grants
    return movements_of(decisions.grants.drop("recorded_at"), known.drop("recorded_at"), zones)


@dataclass(frozen=True)
class Parts:
    """A world as the pipeline takes it, but for the connection that its usage is read through."""

    records: pl.DataFrame
    """Usage of the period, with the columns of SERIES."""
    earlier: pl.DataFrame
    """Usage that begins before it and runs in, where it is split (U4)."""
    inputs: dict[str, Any]
    """The other fields of Inputs."""
    decisions: Decisions
    """What became of the world's operations."""


def parts_of(world: World, usage: pl.DataFrame | None = None, before: Before | None = None) -> Parts:
    """A world's operations decided, its usage told apart by period."""
    tables = tables_of(world)
    decisions = decide_world(world, before, tables)
    known = (before or Before()).and_then(decisions)
    records = tables["usage_records"] if usage is None else usage
    zones = dict(tables["billing_accounts"].select("billing_account_id", "time_zone").iter_rows())
    keys = records.select("billing_account_id", "charge_period_start", "charge_period_end")
    periods = [period_of(start, zones[account]) for account, start, _ in keys.iter_rows()]
    bounds = {zone: period_bounds(world["billing_period"], zone)[0] for zone in zones.values()}
    runs_in = [start < bounds[zones[account]] < end for account, start, end in keys.iter_rows()]
    begun = {period for period, runs in zip(periods, runs_in, strict=True) if runs}
    split = {(account, period) for period in begun for account in splitting(tables, period)}
    runs_in = [
        runs and key in split
        for runs, key in zip(runs_in, zip(keys["billing_account_id"], periods, strict=True), strict=True)
    ]
    accepted = known.operations.filter(pl.col("status") == ACCEPTED)
    drawn = tables.get("grant_movements", TABLES["grant_movements"].empty())
    recorded = known.grants.filter(pl.col("recorded_at") <= world["known_as_of"]).drop("recorded_at")
    given = movements_of(recorded, known.grants.drop("recorded_at"), zones)
    return Parts(
        records=records.filter(pl.Series([one == world["billing_period"] for one in periods], dtype=pl.Boolean)),
        earlier=records.filter(pl.Series(runs_in, dtype=pl.Boolean)),
        inputs={
            "billing_period": world["billing_period"],
            "known_as_of": world["known_as_of"],
            "reference": {name: tables[name] for name in REFERENCE},
            "grants": known.grants,
            "added_charges": added_charges(accepted),
            "promo_discounts": promo_discounts(accepted, tables["promo_codes"]),
            "endings": endings(accepted),
            "project_allocations": project_allocations(accepted, known.grants),
            "grant_movements": pl.concat([given, drawn.filter(pl.col("billing_period") < world["billing_period"])]),
            "earlier_costs": earlier_costs(world),
            "expense_numbers": TABLES["expense_numbers"].empty(),
            "issue_dates": pl.DataFrame(world.get("issue_dates", []), schema=ISSUE_DATES),
            "committed": world.get("committed", Committed.nothing()),
            "held_before": pl.DataFrame(
                {"billing_account_id": sorted(world.get("held_before", ()))}, schema={"billing_account_id": pl.String}
            ),
        },
        decisions=decisions,
    )


def earlier_costs(world: World) -> pl.DataFrame:
    """What earlier periods came to (W5); the oracle's quantities are exact, these as far as they are stored."""
    rows = world.get("earlier_costs", [])
    columns = {name: [row[name] for row in rows] for name in EARLIER_COSTS}
    quantities = [Decimal(round(Fraction(one) * 10**12)).scaleb(-12) for one in columns["pricing_quantity"]]
    return pl.DataFrame({**columns, "pricing_quantity": quantities}, schema=EARLIER_COSTS)


def asked(parts: Parts, ask: Callable[[Inputs], T]) -> T:
    """What something says of a world's inputs, while its usage is there to be read."""
    records, earlier = with_series(parts.records), with_series(parts.earlier)
    with _instance().cursor() as connection:
        connection.execute("set timezone = 'UTC'")
        for name, rows in (("usage_records", records), ("earlier_records", earlier)):
            connection.register("records", rows.select(STORED).to_arrow())
            connection.execute(f"create or replace temp table stored_{name} as from records")
            connection.execute(f"create or replace temp view {name} as from stored_{name}")
            connection.unregister("records")
        series = pl.concat([records, earlier]).unique("series_id").sort("series_id")
        series = TABLES["usage_series"].conform(series)
        return ask(Inputs(connection=connection, usage_series=series, **parts.inputs))


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    """One database for all worlds: to start one takes 10 ms. What is temporary is its cursor's own."""
    return duckdb.connect()


def with_series(records: pl.DataFrame) -> pl.DataFrame:
    """Records with the number of their series."""
    ids = [hash64(key_text(*key)) for key in records.select(SERIES).iter_rows()]
    return records.with_columns(pl.Series("series_id", ids, dtype=Hash64))


def ask_world(
    world: World, ask: Callable[[Inputs], T], usage: pl.DataFrame | None = None, before: Before | None = None
) -> T:
    """What something says of a world."""
    return asked(parts_of(world, usage, before), ask)


CHARGE_KEY = [
    "billing_account_id",
    "sub_account_id",
    "sku_id",
    "region_id",
    "resource_id",
    "charge_category",
    "sku_price_id",
    "charge_period_start",
]


def books(outputs: Outputs) -> dict[str, list[tuple[Any, ...]]]:
    """The pipeline's tables in the oracle's terms: charges by their key, amounts as they are."""
    charges = outputs.charges
    keys = charges.select("charge_id", *CHARGE_KEY)

    def by_charge(table: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
        owned = table.drop([name for name in CHARGE_KEY if name in table.columns])
        rows = owned.join(keys, on="charge_id")
        assert rows.height == table.height, "every row is about a charge"
        return rows.select(*CHARGE_KEY, *columns).rows()

    movements = outputs.grant_movements
    return {
        "charges": charges.select(*CHARGE_KEY, "charge_period_end", "list_cost", "charge_order").rows(),
        "allocations": by_charge(outputs.allocations, "allocation_kind", "tax_position", "source_id", "amount"),
        "tax_shares": by_charge(outputs.tax_shares, "component", "code", "rate", "tax_amount"),
        "tax_breakdown": outputs.tax_breakdown.select(
            "billing_account_id", "code", "rate", "component", "taxable_amount", "tax_amount"
        ).rows(),
        "charged": by_charge(movements.filter(pl.col("movement") == "charged"), "grant_id", "amount"),
        "ended": movements.filter(pl.col("movement") != "charged").select(*MOVEMENT).rows(),
        "invoices": outputs.invoices.select("billing_account_id", *INVOICE).rows(),
        "holds": outputs.holds.select("billing_account_id", "reason_code", "other_charges_amount").rows(),
        "cost_policy_measures": [seen(row) for row in outputs.cost_policy_measures.select(MEASURED).rows()],
    }


MOVEMENT = ["grant_id", "movement", "billing_period", "amount", "occurred_at"]
"""What is compared of a movement that pays no charge."""

MEASURED = [
    "cost_policy_id",
    "billing_account_id",
    "sub_account_id",
    "limit",
    "earlier_measured",
    "measured",
    "is_crossing",
]

GRANT = [
    "grant_id",
    "kind",
    "billing_account_id",
    "sub_account_id",
    "amount",
    "window_start",
    "window_end",
    "priority",
    "logic",
    "monthly_value",
    "from_grant_id",
    "tax_position",
]

INVOICE = [
    "document_type",
    "document_state",
    "list_cost",
    "discount_amount",
    "grant_amount",
    "total_without_tax",
    "total_tax",
    "total_with_tax",
    "credit_amount",
    "paid_amount",
    "amount_due",
]


ENDS = ("minimum_consumption", "expired", "recovered", "refunded")
"""Movements by which a period takes from a grant what pays no charge."""


def made(decisions: Decisions, before: Before, world: World) -> dict[str, list[tuple[Any, ...]]]:
    """What operations made, in the oracle's terms: the grants, and what went from one to another."""
    moved = given_movements(decisions, before, world).filter(pl.col("counter_grant_id").is_not_null())
    return {
        "grants": decisions.grants.select(GRANT).rows(),
        "given": moved.select(*MOVEMENT, "counter_grant_id").rows(),
    }


def oracle_made(result: dict[str, list[dict[str, Any]]], decisions: Decisions) -> dict[str, list[tuple[Any, ...]]]:
    """The same of the oracle, whose grants are all there are: those of the operations that are decided now."""
    new = set(decisions.grants["grant_id"])
    given = [row for row in result["grant_movements"] if row["movement"] not in (*ENDS, "charged", "returned")]
    return {
        "grants": [tuple(row[name] for name in GRANT) for row in result["grants"] if row["grant_id"] in new],
        "given": [tuple(row[name] for name in (*MOVEMENT, "counter_grant_id")) for row in given],
    }


def seen(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A measure without its last digits: shown quantities end somewhere, where the oracle's thirds do not (M3)."""
    return tuple(billionths(Fraction(value)) if isinstance(value, Decimal | Fraction) else value for value in row)


def billionths(value: Fraction) -> int:
    """A number in units of 10^-9, cut where no quotient of quantities lies, so that what is next to it is cut alike.

    >>> billionths(Fraction("1007.0186015625")), billionths(Fraction("1007.0186015625") + Fraction(1, 10**15))
    (1007018601562, 1007018601562)
    """
    return floor(value * 10**9 + Fraction("0.314159"))


def oracle_books(result: dict[str, list[dict[str, Any]]]) -> dict[str, list[tuple[Any, ...]]]:
    """The oracle's tables in the same shape."""

    def rows(table: str, *columns: str) -> list[tuple[Any, ...]]:
        return [tuple(row[column] for column in columns) for row in result[table]]

    charged = [row for row in result["grant_movements"] if row["movement"] == "charged"]
    ended = [row for row in result["grant_movements"] if row["movement"] in ENDS]
    return {
        "charges": rows("charges", *CHARGE_KEY, "charge_period_end", "list_cost", "charge_order"),
        "allocations": rows("allocations", *CHARGE_KEY, "allocation_kind", "tax_position", "source_id", "amount"),
        "tax_shares": rows("tax_shares", *CHARGE_KEY, "component", "code", "rate", "tax_amount"),
        "tax_breakdown": rows(
            "tax_breakdown", "billing_account_id", "code", "rate", "component", "taxable_amount", "tax_amount"
        ),
        "charged": [tuple(row[name] for name in [*CHARGE_KEY, "grant_id", "amount"]) for row in charged],
        "ended": [tuple(row[name] for name in MOVEMENT) for row in ended],
        "invoices": rows("invoices", "billing_account_id", *INVOICE),
        "holds": rows("holds", "billing_account_id", "reason_code", "other_charges_amount"),
        "cost_policy_measures": [seen(row) for row in rows("cost_policy_measures", *MEASURED)],
    }
