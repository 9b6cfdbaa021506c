"""One-off charges: what somebody added by an operation (1.3), and what a minimum spend lacks (P10).

No usage is behind them, no price and no meter: each is a rating line of its own, of one unit.
"""

from decimal import Decimal

import polars as pl

from rating.money import to_money, to_mu
from rating.sql import content_ids
from rating.usage_classes import LINE_ORDER, with_sku_terms
from schemas.units import Money, Price, Quantity

OTHER = "other"
"""Service, service category and feature of what is charged without a SKU."""
UNIT = "unit"
"""The unit of what is charged without a SKU."""

DUE = [
    "rating_line_id",
    "source_id",
    "billing_account_id",
    "sub_account_id",
    "sku_id",
    "service",
    "service_category",
    "feature",
    "pricing_unit",
    "tax_category",
    "sku_tags",
    "charge_description",
    "charge_period_start",
    "list_cost_mu",
]


def one_off_charges(added_charges: pl.DataFrame, accounts: pl.DataFrame, skus: pl.DataFrame) -> pl.DataFrame:
    """The charges that accepted `add_charge` operations bring into the period, one each.

    A charge lies where it occurred, or at the end of its period that is nearer; a draft has those that occurred before
    its cutoff. A tax category that the operation names goes before that of the SKU.

    Reads    added_charges  Operations, each with the billing_period it is for; account periods; Skus
    Makes    charges of category one_off
    Source   1.3
    """
    rows = added_charges.select(
        "operation_id",
        "occurred_at",
        "billing_account_id",
        "billing_period",
        "sub_account_id",
        "sku_id",
        "amount",
        "text",
        own_tax_category="tax_category",
    )
    terms = ["period_start", "last_instant", "cutoff", "is_closing", "time_zone", "exponent"]
    rows = rows.join(
        accounts.select("billing_account_id", "billing_period", *terms), on=["billing_account_id", "billing_period"]
    )
    rows = with_sku_terms(rows.filter(pl.col("is_closing") | (pl.col("occurred_at") < pl.col("cutoff"))), skus)
    rows = rows.with_columns(
        pl.col("service").fill_null(OTHER),
        pl.col("pricing_unit").fill_null(UNIT),
        pl.col("sku_tags").fill_null([]),
        *(
            pl.when(pl.col("sku_id").is_null()).then(pl.lit(OTHER)).otherwise(pl.col(name)).alias(name)
            for name in ("service_category", "feature")
        ),
        _name=pl.lit("one_off"),
        source_id="operation_id",
        tax_category=pl.coalesce("own_tax_category", "tax_category"),
        charge_description="text",
        charge_period_start=pl.max_horizontal("period_start", pl.min_horizontal("occurred_at", "last_instant")),
        amount=pl.col("amount").cast(Money),  # no digits of its currency are lost: it has no others (O_PRECISE)
    )
    ids = content_ids(rows, "_name", "operation_id")
    return charged_once(rows.with_columns(rating_line_id=ids, list_cost_mu=to_mu("amount")))


def charged_once(rows: pl.DataFrame) -> pl.DataFrame:
    """Amounts due at an instant as charges of one unit each.

    Reads    DUE, and the exponent of the account's currency; source_id tells those apart that are alike in all else
    Makes    charges of category one_off
    """
    rows = rows.select(
        *DUE,
        charge_category=pl.lit("one_off"),
        line_start="charge_period_start",
        charge_period_end=pl.col("charge_period_start") + pl.duration(microseconds=1),
        pricing_quantity=pl.lit(Decimal(1), dtype=Quantity),
        list_unit_price=to_money("list_cost_mu").cast(Price),
        record_count=pl.lit(0, dtype=pl.Int64),
        is_out_of_bounds=pl.lit(False),
        _at=pl.col("charge_period_start").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),
    )
    return rows.with_columns(charge_id=content_ids(rows, "rating_line_id", "_at")).drop("_at")


def among(items: pl.DataFrame, further: pl.DataFrame) -> pl.DataFrame:
    """Charges with further ones among them: rating lines and charges of each account in their order, numbered anew.

    Reads    items in charge_order; further: charges that have no place yet
    Makes    the columns of items and source_id; line_id, line_order and charge_order are those of all together
    Source   G5
    """
    if further.is_empty():
        return items
    if "source_id" not in items.columns:
        items = items.with_columns(source_id=pl.lit(None, dtype=pl.String))
    rows = pl.concat([items, further.select(_typed(further, items))], how="diagonal").drop("line_id", "line_order")
    order = [*LINE_ORDER, "sku_price_id", "source_id"]
    lines = rows.unique("rating_line_id", maintain_order=True)
    lines = lines.sort("billing_account_id", "line_start", *order, nulls_last=True)
    lines = lines.select(
        "rating_line_id",
        line_id=pl.int_range(pl.len()).cast(items.schema["line_id"]),
        line_order=pl.int_range(pl.len()).cast(items.schema["line_order"]),
    )
    return (
        rows.join(lines, on="rating_line_id", maintain_order="left")
        .sort("billing_account_id", "charge_period_start", *order, "charge_id", nulls_last=True)
        .with_columns(charge_order=(pl.int_range(pl.len()).over("billing_account_id") + 1).cast(pl.Int64))
        .select(items.columns)
    )


def _typed(further: pl.DataFrame, items: pl.DataFrame) -> list[pl.Expr]:
    """The columns the two have in common, with the types of the first."""
    return [pl.col(name).cast(dtype) for name, dtype in items.schema.items() if name in further.columns]
