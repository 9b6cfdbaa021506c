"""The credit limit: how near an account is to the most it may owe, and what a deployment gate is told of it (I5).

What is used follows from the books like any other sum. The state is also of its past: it is entered at its threshold
and left a little below, so that a gate does not flutter.
"""

import polars as pl

from rating.money import PRICE_ONE, scaled
from schemas.account_restrictions import AccountRestrictions
from schemas.units import Instant, Money, Rate, Text

CAUSE = "credit_limit"
FIGURES = {
    "billing_account_id": Text,
    "billing_currency": Text,
    "total_amount": Money,
    "used_amount": Money,
    "warning": Rate,
    "restricted": Rate,
    "hysteresis": Rate,
    "known_as_of": Instant,
}
"""What an account may owe (null is unlimited), what it owes, and the shares of the one at which the other tells."""

_MOMENT = pl.duration(microseconds=1)


def states(figures: pl.DataFrame) -> pl.DataFrame:
    """How near each account is to its limit: `ok`, `warning` or `restricted`.

    Compared in whole numbers: what is used against the limit times a share, both as the integers they are stored as.
    Without a limit an account is ok. Nothing used of a limit of zero is all of it.

    Reads    figures  FIGURES, state_before
    Makes    the same with `state`
    Source   I5, S0.7, S0.8
    """
    is_restricted = _is_at(scaled("restricted")) | (
        (pl.col("state_before") == "restricted") & _is_at(scaled("restricted") - scaled("hysteresis"))
    )
    is_warned = _is_at(scaled("warning")) | (
        (pl.col("state_before") != "ok") & _is_at(scaled("warning") - scaled("hysteresis"))
    )
    state = (
        pl.when(pl.col("total_amount").is_null())
        .then(pl.lit("ok"))
        .when(is_restricted)
        .then(pl.lit("restricted"))
        .when(is_warned)
        .then(pl.lit("warning"))
        .otherwise(pl.lit("ok"))
    )
    return figures.with_columns(state=state)


def _is_at(share: pl.Expr) -> pl.Expr:
    """Whether what is used comes to this share of the limit; below 10^14 units and 100 times, 128 bits hold both."""
    return scaled("used_amount") * pl.lit(PRICE_ONE, dtype=pl.Int128) >= scaled("total_amount") * share


def restrictions(figures: pl.DataFrame, committed: pl.DataFrame) -> pl.DataFrame:
    """What changes for a deployment gate: a row for each account whose state is another than was said last.

    A change is later than the one before it, if only by a microsecond. An account of which nothing was said is ok.

    Reads    FIGURES; AccountRestrictions as committed
    Makes    AccountRestrictions of cause credit_limit, by account
    Source   I5
    """
    last = (
        committed.filter(pl.col("cause") == CAUSE)
        .sort("billing_account_id", "changed_at")
        .unique("billing_account_id", keep="last", maintain_order=True)
        .select("billing_account_id", state_before="state", after=pl.col("changed_at") + _MOMENT)
    )
    known = figures.join(last, on="billing_account_id", how="left", maintain_order="left")
    changed = states(known.with_columns(pl.col("state_before").fill_null("ok"))).filter(
        pl.col("state") != pl.col("state_before")
    )
    return AccountRestrictions.conform(
        changed.with_columns(
            sub_account_id=pl.lit(None, dtype=Text),
            cost_policy_id=pl.lit(None, dtype=Text),
            cause=pl.lit(CAUSE),
            changed_at=pl.max_horizontal("known_as_of", "after"),
        ).sort("billing_account_id")
    )
