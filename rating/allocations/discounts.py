"""Discounts: percentages of what charges cost, or an amount off them, before any grant pays (D1 to D4)."""

import polars as pl

from rating import scopes
from rating.dates import instants
from rating.money import PRICE_ONE, PRICE_SCALE, in_decimals, rounded, scaled, share, split_lines, to_mu

TERMS = [
    "billing_account_id",
    "discount_id",
    "priority",
    "percent",
    "fixed_mu",
    "window_start",
    "window_end",
    "include",
    "exclude",
]


def discount_terms(discounts: pl.DataFrame, promo_discounts: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """What each account is promised: the discounts that name it, those that name no account, and those it got by code.

    A row with a promo code counts for an account that accepted the code, inside the window it was accepted for. An
    amount counts for accounts of its currency.

    Reads    Discounts; promo_discounts (promo_code, billing_account_id, window_start, window_end); account periods
    Makes    TERMS: one row per account, discount and window; percent [as Price is stored] or fixed_mu [mu]
    Source   D1, D2, K7
    """
    keys = accounts.select("billing_account_id", "time_zone", "exponent", account_currency="billing_currency")
    accepted = promo_discounts.select(
        "billing_account_id", "promo_code", from_code="window_start", to_code="window_end"
    )
    rows = discounts.rename({"billing_account_id": "only_account_id"})
    is_for_all = pl.col("only_account_id").is_null()
    # codes are accepted by few: not a row for each account and code
    by_code = rows.join(accepted, on="promo_code").filter(
        is_for_all | (pl.col("only_account_id") == pl.col("billing_account_id"))
    )
    rows = rows.filter(pl.col("promo_code").is_null())
    named = rows.with_columns(billing_account_id="only_account_id").join(keys, on="billing_account_id")
    general = rows.filter(is_for_all).join(keys, how="cross")
    is_fixed = pl.col("kind") == "fixed"
    reaching = pl.concat(
        [named, general.select(named.columns), by_code.join(keys, on="billing_account_id")], how="diagonal"
    ).filter(~is_fixed | (pl.col("billing_currency") == pl.col("account_currency")))
    dated = instants(reaching).with_columns(
        percent=pl.when(~is_fixed).then(scaled("value")),
        fixed_mu=pl.when(is_fixed).then(to_mu("value", scale=PRICE_SCALE)),
        include=scopes.include_terms(service="service", feature="feature", sku="sku_id", project="sub_account_id"),
        exclude=pl.lit([], dtype=pl.List(pl.String)),
    )
    return dated.with_columns(
        window_start=pl.max_horizontal("starts", "from_code"), window_end=pl.min_horizontal("ends", "to_code")
    ).select(TERMS)


def discounts(charges: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """Apply each account's discounts in (priority, id) order.

    Each discount is computed once on the sum it reaches, then split over the rating lines it reaches and within them.
    A percentage is rounded once for the lines above zero and once for those below, so a full reversal reverses its
    discount; an amount comes off the lines above zero and never exceeds them.

    Reads    charges  in charge_order: list_cost_mu, class_id, line_id, stacking, rounding_charges
             terms    discount_terms
    Makes    charge_id, discount_id, discount_order, amount_mu [mu, the sign of what it lowers]
    Source   D2, D3, D4, M1
    """
    reached = chosen(charges, terms)
    if reached.is_empty():
        return _none()
    rests = charges.select("charge_id", rest_mu="list_cost_mu")
    found = []
    for rank in sorted(reached["discount_order"].unique().to_list()):
        rows = reached.filter(pl.col("discount_order") == rank).join(rests, on="charge_id")
        rows = rows.with_columns(
            base_mu=pl.when(pl.col("stacking") == "additive").then("list_cost_mu").otherwise("rest_mu")
        )
        applied = _discounted(rows)
        found.append(applied)
        rests = (
            rests.join(applied.select("charge_id", "amount_mu"), on="charge_id", how="left")
            .with_columns(rest_mu=pl.col("rest_mu") - pl.col("amount_mu").fill_null(0))
            .drop("amount_mu")
        )
    return pl.concat(found).filter(pl.col("amount_mu") != 0)


def chosen(charges: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """The charges each discount is computed over: all it reaches, or under `best_only` those it is best for (D3).

    Reads    charges, terms: as `discounts`
    Makes    the columns of `reach`, discount_order: the place of the discount among its account's
    """
    ranks = (
        terms.select("billing_account_id", "discount_id", "priority")
        .unique()
        .sort("billing_account_id", "priority", "discount_id")
        .with_columns(discount_order=pl.int_range(pl.len()).over("billing_account_id") + 1)
        .drop("priority")
    )
    return _best_only(reach(charges, terms).join(ranks, on=["billing_account_id", "discount_id"]))


def _none() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"charge_id": pl.String, "discount_id": pl.String, "discount_order": pl.Int64, "amount_mu": pl.Int64}
    )


def reach(charges: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """The charges each discount reaches, once: inside its scope, their segment inside one of its windows (D3).

    Reads    charges, terms: as `discounts`
    Makes    the columns of a charge, discount_id, percent, fixed_mu and the window it lies in
    """
    terms = terms.with_row_index("scope_id")
    pairs = charges.join(
        terms.select(
            "scope_id", "billing_account_id", "discount_id", "percent", "fixed_mu", "window_start", "window_end"
        ),
        on="billing_account_id",
    ).filter(within_window())
    classes = charges.select("class_id", *scopes.ATTRIBUTES).unique("class_id")
    ok = scopes.covered(pairs.select("scope_id", "class_id").unique(), terms, classes)
    found = pairs.join(ok, on=["scope_id", "class_id"], how="semi")
    return found.unique(["charge_id", "discount_id"], maintain_order=True)


def within_window() -> pl.Expr:
    """Whether a charge was incurred inside a window: its segment lies in it (D3, G3)."""
    return (pl.col("window_start") <= pl.col("charge_period_start")) & (
        pl.col("window_end").is_null() | (pl.col("charge_period_end") <= pl.col("window_end"))
    )


def _best_only(reached: pl.DataFrame) -> pl.DataFrame:
    """Under `best_only` a charge keeps only the discount that is worth most; ties go to the earlier one."""
    rows = reached.filter(pl.col("stacking") == "best_only")
    if rows.is_empty():
        return reached
    best = (
        rows.join(_by_worth(rows), on=["billing_account_id", "discount_id"])
        .sort("charge_id", "worth_order")
        .unique("charge_id", keep="first", maintain_order=True)
        .drop("worth_order")
    )
    return pl.concat([reached.filter(pl.col("stacking") != "best_only"), best])


def _by_worth(reached: pl.DataFrame) -> pl.DataFrame:
    """The place of each discount among its account's, the one worth most first, compared exactly.

    A percentage is worth itself; an amount is worth its part of what it reaches above zero, all of it at most (D3).

    Makes    billing_account_id, discount_id, worth_order
    """
    key = ["billing_account_id", "discount_id"]
    worths = reached.group_by(key).agg(pl.col("percent", "fixed_mu", "discount_order").first())
    of_lines = (
        reached.filter(pl.col("fixed_mu").is_not_null())
        .group_by(*key, "line_id")
        .agg(pl.col("list_cost_mu").sum().clip(lower_bound=0))
        .group_by(key)
        .agg(reached_mu=pl.col("list_cost_mu").sum())
    )
    is_fixed, reached_mu = pl.col("fixed_mu").is_not_null(), pl.col("reached_mu")
    worths = worths.join(of_lines, on=key, how="left").with_columns(
        part=pl.when(is_fixed).then(pl.min_horizontal("fixed_mu", reached_mu)).otherwise("percent"),
        whole=pl.when(is_fixed).then(reached_mu.clip(lower_bound=1)).otherwise(100 * PRICE_ONE),
    )
    first, rest = in_decimals("part", "whole")
    return worths.sort(
        "billing_account_id", first, rest, "discount_order", descending=[False, True, True, False]
    ).select(*key, worth_order=pl.int_range(pl.len()))


def _discounted(rows: pl.DataFrame) -> pl.DataFrame:
    """One discount per account: a total for the sum of its lines, split over lines, then within them."""
    rows = rows.sort("billing_account_id", "line_order", "charge_order")
    lines = (
        rows.group_by("billing_account_id", "line_id", maintain_order=True)
        .agg(pl.col("base_mu").sum().alias("line_mu"), pl.col(*_OF_DISCOUNT).first())
        .with_columns(sign=pl.col("line_mu").sign())
        .filter((pl.col("sign") > 0) | ((pl.col("sign") < 0) & pl.col("fixed_mu").is_null()))
    )
    if lines.is_empty():
        return _none()
    sums = lines.group_by("billing_account_id", "sign", maintain_order=True).agg(
        pl.col("line_mu").sum().alias("sum_mu"), pl.col(*_OF_DISCOUNT).first()
    )
    sums = sums.with_columns(total_mu=_totals(sums)).with_row_index("sum_id")
    lines = lines.join(
        sums.select("billing_account_id", "sign", "sum_id", "total_mu"),
        on=["billing_account_id", "sign"],
        maintain_order="left",
    )
    lines = lines.with_columns(line_total_mu=share(lines, "total_mu", "line_mu", "sum_id"))
    split = rows.join(lines.select("line_id", "line_total_mu"), on="line_id", maintain_order="left").sort(
        "line_id", "charge_order"
    )
    split = split.with_columns(amount_mu=split_lines(split, "line_total_mu", "base_mu", "line_id", "rounding_charges"))
    # never below zero: additive discounts may together ask for more than is left (D3)
    within = pl.min_horizontal(pl.col("amount_mu").abs(), pl.col("rest_mu").abs()) * pl.col("amount_mu").sign()
    return split.select("charge_id", "discount_id", pl.col("discount_order").cast(pl.Int64), within.alias("amount_mu"))


_OF_DISCOUNT = ["percent", "fixed_mu", "rounding_charges"]


def _totals(sums: pl.DataFrame) -> pl.Series:
    """What each discount takes of a sum: the percentage of it, rounded once, or the amount as far as the sum goes."""
    percents = sums.with_columns(
        pl.col("percent").fill_null(0),
        _hundred=pl.lit(100, dtype=pl.Int64),
        _one=pl.lit(PRICE_ONE, dtype=pl.Int64),
    )
    of_percent = rounded(percents, ["sum_mu", "percent"], ["_hundred", "_one"], "rounding_charges")["rounded_mu"]
    of_amount = pl.min_horizontal("fixed_mu", "sum_mu")
    return sums.select(
        pl.when(pl.col("fixed_mu").is_null()).then(of_percent).otherwise(of_amount).alias("total_mu")
    ).to_series()
