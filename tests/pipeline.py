"""A world through the pipeline: what the oracle is compared with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl

from rating.account_periods import account_periods
from rating.hashing import hash64, key_text
from rating.operations import ACCEPTED, Book, Decisions, added_charges, decide, promo_discounts
from rating.outputs import Outputs
from rating.periods import period_bounds, period_of
from rating.pipeline import Inputs, rate_period
from schemas import REFERENCE, TABLES
from schemas.units import Hash64
from tests.worlds import World, frames

SERIES = ["billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "consumed_unit"]


def splitting(tables: dict[str, pl.DataFrame], period: str) -> set[str]:
    """The accounts whose records that begin in a period are split at its end (U4)."""
    dated = [tables[name] for name in ("billing_accounts", "sellers", "currencies", "billing_policies")]
    accounts = account_periods(*dated, billing_period=period, known_as_of=datetime.max.replace(tzinfo=UTC))
    return set(accounts.filter(pl.col("spanning_records") == "split")["billing_account_id"])


STORED = ["series_id", "charge_period_start", "charge_period_end", "consumed_quantity"]


def decide_world(world: World) -> Decisions:
    """The operations of a world, decided."""
    tables = frames(world)
    first = {
        account: world.get("first_billed_periods", {}).get(account, world["billing_period"])
        for account in tables["billing_accounts"]["billing_account_id"]
    }
    landed = tables["operations"].with_columns(
        pl.coalesce("recorded_at", "occurred_at").alias("recorded_at"), pl.col("original").fill_null("")
    )
    book = Book(tables, first)
    return decide(landed, book, TABLES["operations"].empty(), TABLES["grants"].empty())


def rate_world(world: World, usage: pl.DataFrame | None = None) -> Outputs:
    """A world's period, billed: its usage as series and records, its operations decided first."""
    tables = {**{name: table.empty() for name, table in REFERENCE.items()}, **frames(world)}
    decisions = decide_world(world)
    records = tables["usage_records"] if usage is None else usage
    ids = [hash64(key_text(*key)) for key in records.select(SERIES).iter_rows()]
    records = records.with_columns(pl.Series("series_id", ids, dtype=Hash64))
    zones = dict(tables["billing_accounts"].select("billing_account_id", "time_zone").iter_rows())
    keys = records.select("billing_account_id", "charge_period_start", "charge_period_end")
    periods = [period_of(start, zones[account]) for account, start, _ in keys.iter_rows()]
    bounds = {zone: period_bounds(world["billing_period"], zone)[0] for zone in zones.values()}
    runs_in = [start < bounds[zones[account]] < end for account, start, end in keys.iter_rows()]
    before = {period for period, runs in zip(periods, runs_in, strict=True) if runs}
    split = {(account, period) for period in before for account in splitting(tables, period)}
    runs_in = [
        runs and key in split
        for runs, key in zip(runs_in, zip(keys["billing_account_id"], periods, strict=True), strict=True)
    ]
    earlier = records.filter(pl.Series(runs_in, dtype=pl.Boolean))
    records = records.filter(pl.Series([one == world["billing_period"] for one in periods], dtype=pl.Boolean))
    first = {
        "billing_account_id": list(world.get("first_billed_periods", {}) or {}),
        "first_period": list((world.get("first_billed_periods", {}) or {}).values()),
    }
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name, rows in (("usage_records", records), ("earlier_records", earlier)):
            connection.register("records", rows.select(STORED).to_arrow())
            connection.execute(f"create table stored_{name} as from records")
            connection.execute(f"create view {name} as from stored_{name}")
            connection.unregister("records")
        series = pl.concat([records, earlier]).unique("series_id").sort("series_id")
        accepted = decisions.operations.filter(pl.col("status") == ACCEPTED)
        movements = tables.get("grant_movements", TABLES["grant_movements"].empty())
        return rate_period(
            Inputs(
                billing_period=world["billing_period"],
                known_as_of=world["known_as_of"],
                connection=connection,
                usage_series=TABLES["usage_series"].conform(series),
                reference=tables,
                grants=decisions.grants,
                added_charges=added_charges(accepted),
                promo_discounts=promo_discounts(accepted, tables["promo_codes"]),
                grant_movements=movements.filter(pl.col("billing_period") < world["billing_period"]),
                expense_numbers=TABLES["expense_numbers"].empty(),
                first_billed=pl.DataFrame(first, schema={"billing_account_id": pl.String, "first_period": pl.String}),
            )
        )


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
        "expired": movements.filter(pl.col("movement") == "expired").select("grant_id", "amount").rows(),
        "invoices": outputs.invoices.select("billing_account_id", *INVOICE).rows(),
        "holds": outputs.holds.select("billing_account_id", "reason_code", "other_charges_amount").rows(),
    }


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


def oracle_books(result: dict[str, list[dict[str, Any]]]) -> dict[str, list[tuple[Any, ...]]]:
    """The oracle's tables in the same shape."""

    def rows(table: str, *columns: str) -> list[tuple[Any, ...]]:
        return [tuple(row[column] for column in columns) for row in result[table]]

    charged = [row for row in result["grant_movements"] if row["movement"] == "charged"]
    expired = [row for row in result["grant_movements"] if row["movement"] == "expired"]
    return {
        "charges": rows("charges", *CHARGE_KEY, "charge_period_end", "list_cost", "charge_order"),
        "allocations": rows("allocations", *CHARGE_KEY, "allocation_kind", "tax_position", "source_id", "amount"),
        "tax_shares": rows("tax_shares", *CHARGE_KEY, "component", "code", "rate", "tax_amount"),
        "tax_breakdown": rows(
            "tax_breakdown", "billing_account_id", "code", "rate", "component", "taxable_amount", "tax_amount"
        ),
        "charged": [tuple(row[name] for name in [*CHARGE_KEY, "grant_id", "amount"]) for row in charged],
        "expired": [(row["grant_id"], row["amount"]) for row in expired],
        "invoices": rows("invoices", "billing_account_id", *INVOICE),
        "holds": rows("holds", "billing_account_id", "reason_code", "other_charges_amount"),
    }
