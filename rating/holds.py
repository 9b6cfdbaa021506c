"""Holds: an account that cannot be billed is parked for the period with a reason; the rest are billed (P4)."""

import polars as pl

from rating.money import AMOUNT_BOUND, PRICE_ONE, scaled, to_money
from rating.rejects import REASONS
from rating.tax_breakdown import RATED_BY
from schemas.holds import Holds


def impossible(parts: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Accounts with usage that no price or no conversion turns into a charge, or that has no seller or currency.

    Reads    parts     with billing_account_id, sku_id, price_row, has_factor, is_beyond; account periods
    Makes    billing_account_id, reason_code, reason: the first reason of each account
    Source   P2, P4 policy `unpriced_usage: hold`
    """
    rows = parts.join(
        accounts.select("billing_account_id", "unpriced_usage", "seller_jurisdiction"),
        on="billing_account_id",
    )
    found = [
        _because("H_NO_CURRENCY", rows.filter(pl.col("exponent").is_null())),
        _because("H_NO_SELLER", rows.filter(pl.col("seller_jurisdiction").is_null())),
        _because("R_NO_PRICE", rows.filter(pl.col("price_row").is_null() & (pl.col("unpriced_usage") == "hold"))),
        _because("H_NO_CONVERSION", rows.filter(~pl.col("has_factor"))),
        _because("H_QUANTITY_OUT_OF_RANGE", rows.filter("is_beyond")),
    ]
    return _first(pl.concat(found))


def unbillable(charges: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Accounts with a charge that no usage is behind, but without a seller or a currency to charge it in.

    Reads    one-off charges, account periods
    Makes    billing_account_id, reason_code, reason
    """
    rows = accounts.join(charges, on="billing_account_id", how="semi")
    found = [
        _because("H_NO_CURRENCY", rows.filter(pl.col("exponent").is_null()), what="billing_currency"),
        _because("H_NO_SELLER", rows.filter(pl.col("seller_jurisdiction").is_null()), what="seller_id"),
    ]
    return _first(pl.concat(found))


def out_of_bounds(charges: pl.DataFrame) -> pl.DataFrame:
    """Accounts with a charge whose amount leaves the bounds, or whose charges of one sign together do."""
    amount = pl.col("list_cost_mu").cast(pl.Int128)
    sums = charges.select(
        "billing_account_id",
        "sku_id",
        pl.col("is_out_of_bounds")
        | (amount.clip(lower_bound=0).sum().over("billing_account_id") >= _bound())
        | (amount.clip(upper_bound=0).sum().over("billing_account_id") <= -1 * _bound()),
    )
    return _because("H_AMOUNT_OUT_OF_RANGE", sums.filter("is_out_of_bounds"))


def _bound() -> pl.Expr:
    return AMOUNT_BOUND * pl.lit(10, dtype=pl.Int64).pow(pl.col("exponent")).cast(pl.Int128)


def untaxed(charges: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Accounts with a charge whose tax category has no rate (T1)."""
    missing = charges.join(rates, on=RATED_BY, how="anti")
    return _because("H_NO_TAX_RATE", missing, what="tax_category")


def out_of_bounds_with_tax(charges: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Accounts whose charges of one sign leave the bounds once their tax is added, whatever a grant may take off it.

    Reads    charges with net_mu and rates_at; rates
    """
    rate = rates.group_by(RATED_BY).agg(rate=scaled("rate").sum() + pl.lit(PRICE_ONE, dtype=pl.Int128))
    taxed = pl.col("net_mu").cast(pl.Int128) * pl.col("rate").fill_null(PRICE_ONE)
    rows = charges.join(rate, on=RATED_BY, how="left").with_columns(taxed=taxed)
    # half a mu below, from where the tax is rounded up to it
    limit = _bound() * pl.lit(PRICE_ONE, dtype=pl.Int128) - pl.lit(PRICE_ONE // 2, dtype=pl.Int128)
    more = pl.col("taxed").clip(lower_bound=0).sum().over("billing_account_id") >= limit
    less = pl.col("taxed").clip(upper_bound=0).sum().over("billing_account_id") <= limit * -1
    return _because("H_AMOUNT_OUT_OF_RANGE", rows.filter(more | less))


def _because(code: str, rows: pl.DataFrame, what: str = "sku_id") -> pl.DataFrame:
    """One row per account: the reason and the first thing it is about."""
    about = rows.sort("billing_account_id", what).unique("billing_account_id", keep="first", maintain_order=True)
    return about.select(
        "billing_account_id",
        reason_code=pl.lit(code),
        reason=pl.concat_str(pl.lit(f"{REASONS[code].sentence}: {what} "), pl.col(what).fill_null("unknown")),
    )


def _first(found: pl.DataFrame) -> pl.DataFrame:
    return found.unique("billing_account_id", keep="first", maintain_order=True)


def not_open(
    used: pl.DataFrame,
    added_charges: pl.DataFrame,
    accounts: pl.DataFrame,
    billing_accounts: pl.DataFrame,
    billing_period: str,
) -> pl.DataFrame:
    """Holds for accounts that have usage or an added charge in the period, but are not open in it by today's tables.

    Reads    UsageSeries of the period, Operations that add a charge to it, account periods, BillingAccounts
    Makes    Holds; the currency is that of the account's last row, or XXX (ISO 4217: none) where it has no row at all
    Source   L3, P4
    """
    charged = pl.concat([used.select("billing_account_id"), added_charges.select("billing_account_id")])
    lost = charged.unique().join(accounts, on="billing_account_id", how="anti")
    known = billing_accounts.sort("billing_account_id", "valid_from").unique(
        "billing_account_id", keep="last", maintain_order=True
    )
    rows = lost.join(known.select("billing_account_id", "billing_currency"), on="billing_account_id", how="left")
    return Holds.conform(
        rows.select(
            "billing_account_id",
            pl.col("billing_currency").fill_null("XXX"),
            billing_period=pl.lit(billing_period),
            reason_code=pl.lit("H_ACCOUNT_CLOSED"),
            reason=pl.lit(REASONS["H_ACCOUNT_CLOSED"].sentence),
            other_charges_amount=pl.lit(0).cast(Holds.columns()["other_charges_amount"]),
        ).sort("billing_account_id")
    )


def holds(parked: pl.DataFrame, amounts: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The parked accounts as a table, each with the amount of its other charges.

    Reads    parked   billing_account_id, reason_code, reason
             amounts  billing_account_id, other_mu
    Makes    Holds
    """
    rows = (
        parked.join(amounts, on="billing_account_id", how="left")
        .join(
            accounts.select("billing_account_id", "billing_period", "billing_currency", "exponent"),
            on="billing_account_id",
        )
        .with_columns(pl.col("other_mu").fill_null(0), pl.col("exponent").fill_null(2))
        .with_columns(other_charges_amount=to_money("other_mu"))
    )
    return Holds.conform(rows.sort("billing_account_id"))
