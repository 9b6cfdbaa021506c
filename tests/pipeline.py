"""A world through the pipeline: what the oracle is compared with."""

from __future__ import annotations

from typing import Any

import duckdb
import polars as pl

from rating.hashing import hash64, key_text
from rating.operations import ACCEPTED, Book, Decisions, decide, promo_discounts
from rating.outputs import Outputs
from rating.periods import period_of
from rating.pipeline import Inputs, rate_period
from schemas import TABLES
from schemas.units import Hash64
from tests.worlds import World, frames

SERIES = ["billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "consumed_unit"]


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
    tables = frames(world)
    decisions = decide_world(world)
    records = tables["usage_records"] if usage is None else usage
    zones = dict(tables["billing_accounts"].select("billing_account_id", "time_zone").iter_rows())
    in_period = [
        period_of(start, zones[account]) == world["billing_period"]
        for account, start in records.select("billing_account_id", "charge_period_start").iter_rows()
    ]
    records = records.filter(pl.Series(in_period, dtype=pl.Boolean))
    ids = [hash64(key_text(*key)) for key in records.select(SERIES).iter_rows()]
    records = records.with_columns(pl.Series("series_id", ids, dtype=Hash64))
    first = {
        "billing_account_id": list(world.get("first_billed_periods", {}) or {}),
        "first_period": list((world.get("first_billed_periods", {}) or {}).values()),
    }
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register(
            "records", records.select("series_id", "charge_period_start", "consumed_quantity").to_arrow()
        )
        connection.execute("create table usage_records as from records")
        accepted = decisions.operations.filter(pl.col("status") == ACCEPTED)
        movements = tables.get("grant_movements", TABLES["grant_movements"].empty())
        return rate_period(
            Inputs(
                billing_period=world["billing_period"],
                known_as_of=world["known_as_of"],
                connection=connection,
                usage_series=TABLES["usage_series"].conform(records.unique("series_id").sort("series_id")),
                reference=tables,
                grants=decisions.grants,
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
