"""What usage would cost at list price, and nothing else of a bill: for rows that wait to be mended (U6)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl

from rating.money import to_money
from rating.pipeline import Inputs, listed
from schemas import REFERENCE, TABLES
from schemas.units import Instant, Money

AFTERWARDS = datetime(9999, 1, 1, tzinfo=UTC)
"""Known as of: after every period's end, so that all of its usage counts."""
LONG_AGO = "1900-01-01"

PRICE_BOOK = ("sku_prices", "price_tiers", "unit_conversions")
AS_EVER = {
    "billing_accounts": "billing_account_id",
    "sellers": "seller_id",
    "skus": "sku_id",
    "currencies": "billing_currency",
}
"""Tables of which a row is enough, whenever it holds: usage of a closed account has a value too."""
POLICIES = ("line_grain", "rounding_charges")
"""Policies that decide a list cost; the others have their defaults."""


def list_values(
    connection: duckdb.DuckDBPyConnection,
    usage_series: pl.DataFrame,
    reference: Mapping[str, pl.DataFrame],
    billing_period: str,
) -> pl.DataFrame:
    """Rate usage of a period at list price, each group of it as if it were all the usage its accounts have.

    It goes through the first stages that bill the period, with a reference of accounts, SKUs and prices alone: no
    discounts, grants, limits, recurring items or taxes.

    Reads    connection with `usage_records`; UsageSeries and group_id of each; reference tables
    Makes    group_id, billing_account_id, list_cost [Money; null where nothing could be rated],
             unpriced_count: records without a price, which are no part of it
             hold_code: why nothing of the account could be rated
    Source   U6; P2 to P6
    """
    owners = usage_series.select("group_id", "billing_account_id").unique()
    owners = owners.with_columns(_alone=pl.concat_str("group_id", "billing_account_id", separator="\x1f"))
    series = usage_series.join(owners, on=["group_id", "billing_account_id"]).with_columns(billing_account_id="_alone")
    found = listed(
        Inputs(
            billing_period=billing_period,
            known_as_of=AFTERWARDS,
            connection=connection,
            usage_series=TABLES["usage_series"].conform(series),
            reference=_price_book(reference, owners),
            **_nothing(),
        )
    )
    of_account = pl.col("billing_account_id")
    held = [rows.select(of_account, hold_code="reason_code") for rows in (found.parked, found.not_open)]
    billed = [rows.join(found.parked, on=of_account, how="anti") for rows in (found.charged, found.unpriced)]
    costs = billed[0].select(of_account, list_cost=to_money("list_cost_mu")).group_by(of_account).sum()
    unpriced = billed[1].group_by(of_account).agg(unpriced_count=pl.col("record_count").sum())
    values = owners
    for part in (costs, unpriced, pl.concat(held).unique("billing_account_id", keep="any")):
        values = values.join(part, left_on="_alone", right_on="billing_account_id", how="left")
    return values.select(
        "group_id",
        "billing_account_id",
        pl.col("list_cost").cast(Money),
        pl.col("unpriced_count").fill_null(0).cast(pl.Int64),
        "hold_code",
    ).sort("group_id", "billing_account_id")


def _nothing() -> dict[str, Any]:
    """What else a bill depends on, without a row."""
    recorded = {"recorded_at": Instant}
    return {
        "grants": TABLES["grants"].empty().with_columns(pl.lit(None, dtype=Instant).alias("recorded_at")),
        "promo_discounts": pl.DataFrame(
            schema={
                "promo_code": pl.String,
                "billing_account_id": pl.String,
                "window_start": Instant,
                "window_end": Instant,
                **recorded,
            }
        ),
        "grant_movements": TABLES["grant_movements"].empty(),
        "expense_numbers": TABLES["expense_numbers"].empty(),
    }


def _price_book(reference: Mapping[str, pl.DataFrame], owners: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The reference tables that say a list price, with every account once per group."""
    tables = {name: TABLES[name].empty() for name in REFERENCE}
    tables |= {name: reference[name] for name in PRICE_BOOK}
    tables |= {name: as_ever(reference[name], key) for name, key in AS_EVER.items()}
    tables["billing_accounts"] = _each_alone(tables["billing_accounts"], owners)
    tables["sku_prices"], tables["price_tiers"] = _contracts_alone(tables["sku_prices"], tables["price_tiers"], owners)
    kept = reference["billing_policies"].filter(pl.col("policy").is_in(POLICIES))
    skip = TABLES["billing_policies"].row({"policy": "unpriced_usage", "value": "skip", "valid_from": LONG_AGO})
    general = kept.filter(pl.col("billing_account_id").is_null())
    tables["billing_policies"] = pl.concat([general, _each_alone(kept, owners), skip])
    return tables


def as_ever(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Dated rows without gaps: the first holds from long ago, each until the next one begins.

    >>> rows = pl.DataFrame({"k": ["a", "a"], "valid_from": ["2026-01-01", "2026-05-01"]})
    >>> as_ever(rows.with_columns(valid_until=pl.lit("2026-02-01")), "k").rows()
    [('a', '1900-01-01', '2026-05-01'), ('a', '2026-05-01', None)]
    """
    begins = pl.int_range(pl.len()).over(key) == 0
    return rows.sort(key, "valid_from").with_columns(
        valid_from=pl.when(begins).then(pl.lit(LONG_AGO)).otherwise("valid_from"),
        valid_until=pl.col("valid_from").shift(-1).over(key),
    )


def _each_alone(rows: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """The rows of each account once for every group it is in."""
    alone = rows.join(owners.select("billing_account_id", "_alone"), on="billing_account_id", maintain_order="left")
    return alone.with_columns(billing_account_id="_alone").select(rows.columns)


def _contracts_alone(
    prices: pl.DataFrame, tiers: pl.DataFrame, owners: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The price book as it is, and each contract, with its tiers, once for every group of its account."""
    book = prices.filter(pl.col("billing_account_id").is_null())
    contracts = prices.join(owners.select("billing_account_id", "_alone"), on="billing_account_id")
    contracts = contracts.with_columns(own_id=pl.concat_str("sku_price_id", "_alone", separator="\x1f"))
    own_tiers = tiers.join(contracts.select("sku_price_id", "own_id").unique(), on="sku_price_id")
    contracts = contracts.with_columns(billing_account_id="_alone", sku_price_id="own_id").select(prices.columns)
    return pl.concat([book, contracts]), pl.concat(
        [tiers, own_tiers.with_columns(sku_price_id="own_id").select(tiers.columns)]
    )
