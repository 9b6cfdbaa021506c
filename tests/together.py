"""Many worlds billed at once, as accounts of one lake: what one account is billed depends on no other.

Names are marked with the world they are of, so that worlds which know the same names stay apart. To bill a hundred
small worlds costs little more than to bill one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl

from rating.one_off_charges import OTHER
from rating.pipeline import rate_period
from schemas import REFERENCE
from tests import oracle
from tests.pipeline import Parts, asked, books, tables_of
from tests.worlds import World

Books = dict[str, list[tuple[Any, ...]]]

NAMES = {
    *("billing_account_id", "sub_account_id", "resource_id", "domain", "seller_id"),
    *("sku_id", "true_up_sku_id", "service", "service_category", "feature", "tax_category"),
    *("pricing_unit", "consumed_unit", "from_unit", "to_unit", "billing_currency"),
    *("sku_price_id", "discount_id", "promo_code", "spend_limit_id", "recurring_item_id", "cost_policy_id"),
    *("jurisdiction", "seller_jurisdiction", "account_jurisdiction"),
    *("grant_id", "from_grant_id", "counter_grant_id", "operation_id", "usage_record_id"),
}
"""Columns whose values are names of a world."""
NAMED = "service|service_category|feature|sku|project|resource"
"""Dimensions of a scope whose values are."""
MARK = 5
"""Characters of a mark. It begins with a capital, so that what the pipeline names `other` still comes last."""


def rate_together(worlds: Sequence[Parts]) -> list[Books]:
    """The books of each world, from billing all of one period and instant at once."""
    found: list[Books] = [defaultdict(list) for _ in worlds]
    for merged in put_together(worlds):
        for table, rows in asked(merged, lambda inputs: books(rate_period(inputs))).items():
            for row in rows:
                mark = row[0][:MARK]
                found[int(mark[1:-1])][table].append(tuple(_unmarked(value, mark) for value in row))
    return found


def put_together(worlds: Sequence[Parts]) -> list[Parts]:
    """The worlds as few worlds: those of one period and instant are one, in which their names are marked."""
    groups = defaultdict(list)
    for place, parts in enumerate(worlds):
        groups[parts.inputs["billing_period"], parts.inputs["known_as_of"]].append(place)
    return [_merged([_marked(worlds[place], f"A{place:03}.") for place in places]) for places in groups.values()]


def tables_together(worlds: Sequence[World]) -> dict[str, pl.DataFrame]:
    """What worlds of one period say, as the tables of one lake: reference tables, usage records and operations."""
    (period,) = {world["billing_period"] for world in worlds}
    marked = [_marked_tables(tables_of(world), period, f"A{place:03}.") for place, world in enumerate(worlds)]
    names = [*REFERENCE, "usage_records", "operations"]
    return {name: pl.concat([tables[name] for tables in marked]).unique(maintain_order=True) for name in names}


def _unmarked(value: Any, mark: str) -> Any:
    return value.removeprefix(mark) if isinstance(value, str) else value


def _merged(worlds: Sequence[Parts]) -> Parts:
    inputs: dict[str, Any] = {}
    for name, first in worlds[0].inputs.items():
        several = [parts.inputs[name] for parts in worlds]
        if isinstance(first, pl.DataFrame):
            inputs[name] = pl.concat(several)
        elif isinstance(first, dict):
            inputs[name] = {
                table: pl.concat([one[table] for one in several]).unique(maintain_order=True) for table in first
            }
        else:
            inputs[name] = first
    records, earlier = ([getattr(parts, name) for parts in worlds] for name in ("records", "earlier"))
    return replace(worlds[0], records=pl.concat(records), earlier=pl.concat(earlier), inputs=inputs)


def _marked(parts: Parts, mark: str) -> Parts:
    inputs = {
        name: _with_mark(value, mark) if isinstance(value, pl.DataFrame) else value
        for name, value in parts.inputs.items()
    }
    inputs["reference"] = _marked_tables(parts.inputs["reference"], parts.inputs["billing_period"], mark)
    records, earlier = _with_mark(parts.records, mark), _with_mark(parts.earlier, mark)
    return replace(parts, records=records, earlier=earlier, inputs=inputs)


def _marked_tables(tables: dict[str, pl.DataFrame], period: str, mark: str) -> dict[str, pl.DataFrame]:
    accounts = tables["billing_accounts"]
    discounts = _for_each_account(tables["discounts"], accounts)
    policies = _policies(tables["billing_policies"], accounts, period)
    tables = {
        **tables,
        "discounts": discounts,
        "billing_policies": pl.DataFrame(policies, schema=tables["billing_policies"].schema, orient="row"),
    }
    return {name: _with_mark(table, mark) for name, table in tables.items()}


def _with_mark(table: pl.DataFrame, mark: str) -> pl.DataFrame:
    if table.is_empty():
        return table
    names = [
        pl.when(pl.col(name) == OTHER)
        .then(pl.lit(OTHER))
        .otherwise(pl.concat_str(pl.lit(mark), pl.col(name)))
        .alias(name)
        for name in table.columns
        if name in NAMES
    ]
    scopes = [
        pl.col(name).list.eval(
            pl.when(pl.element().str.ends_with(f":{OTHER}"))
            .then(pl.element())
            .otherwise(pl.element().str.replace(f"^({NAMED}):", f"${{1}}:{mark}"))
        )
        for name in ("include", "exclude")
        if name in table.columns
    ]
    return table.with_columns(*names, *scopes)


def _for_each_account(discounts: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """A discount that names no account, named for each that it is for: those of its currency (D2)."""
    owners = accounts.select(owner="billing_account_id", currency="billing_currency").unique()
    rows = discounts.join(owners, how="cross").filter(
        (pl.col("billing_account_id").is_null() & pl.col("billing_currency").is_null())
        | (pl.col("billing_account_id").is_null() & (pl.col("billing_currency") == pl.col("currency")))
        | (pl.col("billing_account_id") == pl.col("owner"))
    )
    return rows.with_columns(billing_account_id="owner").select(discounts.columns).unique()


def _policies(policies: pl.DataFrame, accounts: pl.DataFrame, period: str) -> Iterator[tuple[Any, ...]]:
    """Each account's policies as rows of its own: those at the last instant of the period, own before general."""
    rows = policies.to_dicts()
    for account, zone in accounts.select("billing_account_id", "time_zone").unique().iter_rows():
        last = oracle.period_bounds(period, zone)[1] - timedelta(microseconds=1)
        for name in policies["policy"].unique().sort():
            of_policy = [row for row in rows if row["policy"] == name]
            own = [row for row in of_policy if row["billing_account_id"] == account]
            general = [row for row in of_policy if row["billing_account_id"] is None]
            current = oracle.in_force(own, last, zone) or oracle.in_force(general, last, zone)
            if current:
                said = {**current[0], "billing_account_id": account, "valid_from": "2000-01-01", "valid_until": None}
                yield tuple(said[column] for column in policies.columns)
