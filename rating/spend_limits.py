"""Spend limits: the most and the least that an account, or a price, costs in a period (P10).

Both look at charges after discounts and before grants. What is over a maximum comes off charges, last rating lines
first; what a minimum lacks is one charge more at the end of the period.
"""

import polars as pl

from rating.dates import covered, covered_days, in_force, instants
from rating.money import rounded, to_mu
from rating.one_off_charges import charged_once
from rating.sql import content_ids
from rating.usage_classes import with_sku_terms

ACCOUNT = [
    "billing_account_id",
    "billing_currency",
    "billing_period",
    "period_start",
    "period_end",
    "lives_from",
    "lives_until",
    "last_instant",
    "time_zone",
    "exponent",
    "rounding_charges",
]
LIMIT = ["billing_account_id", "spend_limit_id"]
CAP = {"charge_id": pl.String, "spend_limit_id": pl.String, "amount_mu": pl.Int64, "cap_order": pl.Int64}


def caps(items: pl.DataFrame, limits: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """What the maxima in force at the end of the period take off charges, one limit after another.

    Limits of a price go before those of the account, then by id; each sees what the ones before have left. The surplus
    comes off the last rating line first, in each from its last charge back, never more than is left of a charge.

    Reads    items   charges: line_order, charge_order, sku_price_id, discounted_mu [mu]
             limits  SpendLimits; account periods
    Makes    charge_id, spend_limit_id, amount_mu [mu, positive], cap_order: the limit's place in its account
    Source   P10
    """
    if not (limits["kind"] == "maximum_spend").any():
        return pl.DataFrame(schema=CAP)
    terms = maxima(items, limits, accounts)
    rests = items.select(
        "charge_id", "billing_account_id", "sku_price_id", "line_order", "charge_order", rest_mu="discounted_mu"
    ).join(terms, on="billing_account_id", how="semi")
    found = [pl.DataFrame(schema=CAP)]
    of_account = pl.col("only_price_id").is_null()
    for _, step in terms.sort(of_account, "_step").group_by(of_account, "_step", maintain_order=True):
        taken = _taken(limited(rests, step, "cap_order"))
        found.append(taken.select(*CAP))
        rests = rests.join(taken.select("charge_id", "amount_mu"), on="charge_id", how="left")
        rests = rests.with_columns(rest_mu=pl.col("rest_mu") - pl.col("amount_mu").fill_null(0)).drop("amount_mu")
    return pl.concat(found)


def maxima(items: pl.DataFrame, limits: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The maxima in force at the end of the period, those of a price before those of the account, then by id.

    Makes    LIMIT, only_price_id, limit_mu, cap_order: the limit's place in its account; _step
    """
    terms = limit_terms(items, limits, accounts, "maximum_spend").filter(in_force("last_instant"))
    return terms.sort("billing_account_id", pl.col("only_price_id").is_null(), "spend_limit_id").with_columns(
        cap_order=(pl.int_range(pl.len()).over("billing_account_id") + 1).cast(pl.Int64),
        # limits of different prices have no charge in common, so those of equal place are one step
        _step=pl.int_range(pl.len()).over("billing_account_id", "only_price_id"),
    )


def limit_terms(items: pl.DataFrame, limits: pl.DataFrame, accounts: pl.DataFrame, kind: str) -> pl.DataFrame:
    """The limits of each account: those that name it, and those of a price it has charges at; in its currency."""
    rows = limits.filter(pl.col("kind") == kind).rename(
        {"billing_account_id": "only_account_id", "sku_price_id": "only_price_id"}
    )
    used = items.select("billing_account_id", only_price_id="sku_price_id").unique().drop_nulls()
    named = rows.drop_nulls("only_account_id").with_columns(billing_account_id="only_account_id")
    general = rows.filter(pl.col("only_account_id").is_null()).join(used, on="only_price_id")
    terms = pl.concat([named, general.select(named.columns)]).join(
        accounts.select(ACCOUNT), on=["billing_account_id", "billing_currency"]
    )
    return instants(terms).with_columns(limit_mu=to_mu("amount"))


def limited(items: pl.DataFrame, terms: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The charges of each limit: those of its account, at its price where it names one."""
    return items.join(terms.select(*LIMIT, "only_price_id", "limit_mu", *columns), on="billing_account_id").filter(
        pl.col("only_price_id").is_null() | (pl.col("only_price_id") == pl.col("sku_price_id"))
    )


def _taken(rows: pl.DataFrame) -> pl.DataFrame:
    """What is over each limit, off its charges from the last one back."""
    has = pl.col("rest_mu").clip(lower_bound=0)
    rows = rows.sort(*LIMIT, "line_order", "charge_order", descending=[False, False, True, True]).with_columns(
        _over=pl.col("rest_mu").sum().over(LIMIT) - pl.col("limit_mu"), _before=has.cum_sum().over(LIMIT) - has
    )
    amount = pl.min_horizontal(has, (pl.col("_over") - pl.col("_before")).clip(lower_bound=0))
    return rows.with_columns(amount_mu=amount).filter(pl.col("amount_mu") > 0)


def true_ups(items: pl.DataFrame, limits: pl.DataFrame, accounts: pl.DataFrame, skus: pl.DataFrame) -> pl.DataFrame:
    """One charge for what an account, or its use of a price, lacks of a minimum; none before the period is over.

    The minimum is that of a full period × the local days that its row covers of the account's time ÷ the days of the
    month, rounded like charges.

    Reads    items   charges: sku_price_id, net_mu [mu, after discounts and caps]
             limits  SpendLimits; account periods; Skus
    Makes    charges of category one_off, of the SKU the limit names, at the last microsecond of the period
    Source   P10
    """
    if not (limits["kind"] == "minimum_spend").any():
        return items.clear()  # none, and what looks at charges finds their columns
    terms = minima(items, limits, accounts)
    lacking = terms.filter(pl.col("lack_mu").is_null() | (pl.col("lack_mu") > 0)).with_columns(
        list_cost_mu="lack_mu", sku_id="true_up_sku_id"
    )
    charged = with_sku_terms(lacking.sort(LIMIT), skus).with_columns(
        sub_account_id=pl.lit(None, dtype=pl.String), charge_period_start="last_instant", source_id="spend_limit_id"
    )
    return charged_once(charged)


def minima(items: pl.DataFrame, limits: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """What each minimum asks for of a period that is over, and what its charges lack of it.

    Reads    items   charges: sku_price_id, net_mu [mu], without those of minima
    Makes    LIMIT, only_price_id, true_up_sku_id, least_mu, spent_mu, lack_mu [mu; null where the currency has no
             exponent: what is lacking nobody can say, and the account is parked for that], rating_line_id of the lack
    Source   P10
    """
    terms = limit_terms(items, limits, accounts.filter("is_closing"), "minimum_spend")
    terms = covered_days(covered(terms)).with_columns(pl.col("limit_mu").fill_null(0))
    least = rounded(terms, ["limit_mu", "days"], ["days_of_month"], "rounding_charges")["rounded_mu"]
    terms = terms.with_columns(least_mu=least, _name=pl.lit("minimum_spend"))
    spent = limited(items.select("billing_account_id", "sku_price_id", "net_mu"), terms)
    spent = spent.group_by(LIMIT).agg(spent_mu=pl.col("net_mu").sum())
    terms = terms.join(spent, on=LIMIT, how="left").with_columns(pl.col("spent_mu").fill_null(0))
    ids = content_ids(terms, "_name", *LIMIT, "billing_period")
    return terms.with_columns(
        rating_line_id=ids,
        lack_mu=pl.when(pl.col("exponent").is_not_null()).then(pl.col("least_mu") - pl.col("spent_mu")),
    )
