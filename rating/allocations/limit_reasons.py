"""Why each maximum and minimum changed a bill, or did not (G8, P10)."""

import polars as pl

from rating.rejects import Reason
from rating.spend_limits import ACCOUNT, LIMIT, limit_terms, limited, maxima, minima

LIMIT_REASONS: dict[str, Reason] = {
    code: Reason(code, sentence)
    for code, sentence in {
        "applied": "the charges came to more than a maximum, or to less than a minimum",
        "within": "the charges are within it",
        "window": "it is not in force",
        "open": "a minimum waits for the end of the period",
    }.items()
}
"""Why a maximum or a minimum changed a bill, or did not."""

MADE = ["billing_account_id", "spend_limit_id", "charge_id"]
_ROW = [*LIMIT, "kind", "only_price_id", "limit_mu", "charge_count", "seen_mu", "amount_mu", "reason"]


def made_up(charges: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """The charges that minima added: no discount, no cap and no minimum looks at them (P10).

    Reads    charges  as a period leaves them, with the terms of their account; SpendLimits
    Makes    billing_account_id, spend_limit_id, charge_id, amount_mu
    """
    lines = minima(charges, limits, _accounts(charges)).select(*LIMIT, "rating_line_id")
    return charges.join(lines, on=["billing_account_id", "rating_line_id"]).select(*MADE, amount_mu="list_cost_mu")


def limit_reasons(charges: pl.DataFrame, capped: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """What each maximum took and each minimum added, and why it was nothing, in the order they were applied.

    Reads    charges  as a period leaves them: discounted_mu, net_mu [mu], with the terms of their account
             capped   what `caps` made; SpendLimits
    Makes    billing_account_id, spend_limit_id, kind, only_price_id, limit_mu: of the period, charge_count, seen_mu:
             what its charges came to when its turn came, amount_mu: what it took or added, reason (LIMIT_REASONS)
    Source   G8, P10
    """
    accounts = _accounts(charges)  # also of who has no charge but those that minima added
    own = charges.join(made_up(charges, limits), on="charge_id", how="anti")
    most, least = _most(own, accounts, capped, limits), _least(own, accounts, limits)
    found = pl.concat([most, least])
    return pl.concat([found, _idle(own, accounts, limits, found)])


def _accounts(charges: pl.DataFrame) -> pl.DataFrame:
    return charges.select(*ACCOUNT, "is_closing").unique().sort("billing_account_id")


def _most(charges: pl.DataFrame, accounts: pl.DataFrame, capped: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """The maxima that are in force: a limit sees what those before it left."""
    terms = maxima(charges, limits, accounts)
    seen = limited(
        charges.select("billing_account_id", "sku_price_id", "charge_id", "discounted_mu"), terms, "cap_order"
    )
    taken = seen.select(*LIMIT, "charge_id", "cap_order").join(
        capped.select("charge_id", "amount_mu", taken_order="cap_order"), on="charge_id"
    )
    before = taken.filter(pl.col("taken_order") < pl.col("cap_order"))
    sums = {
        "seen": seen.group_by(LIMIT).agg(charge_count=pl.len(), seen_mu=pl.col("discounted_mu").sum()),
        "before": before.group_by(LIMIT).agg(before_mu=pl.col("amount_mu").sum()),
        "own": taken.filter(pl.col("taken_order") == pl.col("cap_order"))
        .group_by(LIMIT)
        .agg(pl.col("amount_mu").sum()),
    }
    for rows in sums.values():
        terms = terms.join(rows, on=LIMIT, how="left")
    rows = terms.with_columns(pl.col("charge_count", "seen_mu", "before_mu", "amount_mu").fill_null(0))
    rows = rows.with_columns(pl.col("seen_mu") - pl.col("before_mu"), kind=pl.lit("maximum_spend"))
    return _typed(rows.with_columns(reason=_changed()).sort("billing_account_id", "cap_order"))


def _least(charges: pl.DataFrame, accounts: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """The minima that touch a period which is over."""
    terms = minima(charges, limits, accounts)
    counts = limited(charges.select("billing_account_id", "sku_price_id"), terms).group_by(LIMIT)
    rows = terms.join(counts.agg(charge_count=pl.len()), on=LIMIT, how="left").with_columns(
        pl.col("charge_count").fill_null(0),
        limit_mu="least_mu",
        seen_mu="spent_mu",
        amount_mu=pl.col("lack_mu").clip(lower_bound=0),
        kind=pl.lit("minimum_spend"),
    )
    return _typed(rows.with_columns(reason=_changed()).sort(LIMIT))


def _changed() -> pl.Expr:
    return pl.when(pl.col("amount_mu") > 0).then(pl.lit("applied")).otherwise(pl.lit("within"))


def _idle(charges: pl.DataFrame, accounts: pl.DataFrame, limits: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Those that are not in force, and minima of a period that is not over."""
    nothing = pl.lit(0, dtype=pl.Int64)
    rows = [
        limit_terms(charges, limits, accounts, kind)
        .join(found.filter(kind=kind), on=LIMIT, how="anti")
        .unique(LIMIT, maintain_order=True)
        .join(accounts.select("billing_account_id", "is_closing"), on="billing_account_id")
        .with_columns(kind=pl.lit(kind), reason=pl.when(pl.lit(may_wait) & ~pl.col("is_closing")).then(pl.lit("open")))
        for kind, may_wait in (("maximum_spend", False), ("minimum_spend", True))
    ]
    idle = pl.concat(rows).with_columns(
        pl.col("reason").fill_null("window"), charge_count=nothing, seen_mu=nothing, amount_mu=nothing
    )
    return _typed(idle.sort(LIMIT))


def _typed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(_ROW).with_columns(pl.col("charge_count", "limit_mu", "seen_mu", "amount_mu").cast(pl.Int64))
