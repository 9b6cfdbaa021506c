"""The accounts of a billing period: whose month it is, when it begins there, in which currency, by which policies."""

from datetime import datetime

import polars as pl

from rating.dates import LAST_INSTANT, instants, latest
from rating.periods import period_bounds
from rating.policies import account_policies
from schemas.units import Instant


def account_periods(
    billing_accounts: pl.DataFrame,
    sellers: pl.DataFrame,
    currencies: pl.DataFrame,
    billing_policies: pl.DataFrame,
    *,
    billing_period: str,
    known_as_of: datetime,
    lasting: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row per account that exists in the period, with what its bill depends on.

    An account's row, its seller's and its policies are those of the last instant of the period; an account that has
    ended keeps its last row: in the period it ended inside, and, if it is to last, in every later one.

    Reads    BillingAccounts, Sellers, Currencies, BillingPolicies
             lasting: billing_account_id of accounts that stay when they have ended
    Makes    AccountPeriods and more: is_open (whether it lasted into the period), lives_from, lives_until (its time
             within the period, half-open), terms, addresses, exponent, is_closing, cutoff and one column per policy
    Source   rule book "Intervals", M2
    """
    stay = (billing_accounts.clear() if lasting is None else lasting)["billing_account_id"].unique()
    bounds = {zone: period_bounds(billing_period, zone) for zone in billing_accounts["time_zone"].unique()}
    accounts = (
        instants(
            billing_accounts.with_columns(
                pl.lit(billing_period).alias("billing_period"),
                _looked_up("time_zone", {zone: start for zone, (start, _) in bounds.items()}).alias("period_start"),
                _looked_up("time_zone", {zone: end for zone, (_, end) in bounds.items()}).alias("period_end"),
            )
        )
        .with_columns(
            is_open=pl.col("ends").is_null() | (pl.col("ends") > pl.col("period_start")),
            lives_from=pl.max_horizontal("period_start", pl.col("starts").min().over("billing_account_id")),
            lives_until=pl.min_horizontal("period_end", "ends"),
        )
        .filter(
            (pl.col("starts") < pl.col("period_end"))
            & (pl.col("is_open") | pl.col("billing_account_id").is_in(stay.implode()))
        )
        .sort("billing_account_id", "starts")
        .unique("billing_account_id", keep="last", maintain_order=True)
        .drop("starts", "ends", "valid_from", "valid_until")
    )
    known = pl.lit(known_as_of, dtype=Instant)
    accounts = accounts.with_columns(
        last_instant=LAST_INSTANT,
        known_as_of=known,
        is_closing=pl.col("period_end") <= known,
        cutoff=pl.min_horizontal(known, pl.col("period_end")),
    )
    accounts = latest(accounts, _seller_terms(sellers), ["seller_id"], "last_instant")
    accounts = latest(accounts, currencies, ["billing_currency"], "last_instant")
    return account_policies(accounts, billing_policies)


def _seller_terms(sellers: pl.DataFrame) -> pl.DataFrame:
    return sellers.rename(
        {
            "legal_name": "seller_legal_name",
            "address": "seller_address",
            "tax_ids": "seller_tax_ids",
            "jurisdiction": "seller_jurisdiction",
        }
    )


def _looked_up(column: str, values: dict[str, datetime]) -> pl.Expr:
    return pl.col(column).replace_strict(values, default=None, return_dtype=Instant)
