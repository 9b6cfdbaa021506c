"""Consumption logic: what a month takes of a grant at least, whatever was used of it (W1, W2)."""

import polars as pl

from rating.dates import local_months
from rating.money import even_part, to_mu

DRAWN = {"grant_id": pl.String, "amount_mu": pl.Int64}


def floors(
    grants: pl.DataFrame, applications: pl.DataFrame, opening: pl.DataFrame, accounts: pl.DataFrame
) -> pl.DataFrame:
    """What a closed month draws from each grant beyond what was used of it, as far as the grant has it.

    What the grants that were allocated from a grant paid counts as use of it; it is no longer the grant's own to draw.

    Reads    grants        Grants of these accounts, with_endings; exponent
             applications  grant_id, amount_mu [mu, of this period]
             opening       grant_id, balance_mu [mu, before this period]
             accounts      account periods
    Makes    grant_id, amount_mu [mu, positive]
    Source   W2
    """
    bound = grants.filter(pl.col("logic") != "none")
    if bound.is_empty():
        return pl.DataFrame(schema=DRAWN)
    closing = accounts.filter("is_closing")
    paid = applications.group_by("grant_id").agg(paid_mu=pl.col("amount_mu").sum())
    paid_by_children = (
        paid.join(_allocated_from(grants), on="grant_id")
        .group_by(grant_id="from_grant_id")
        .agg(children_mu=pl.col("paid_mu").sum())
    )
    rows = (
        floors_due(bound, closing)
        .join(opening, on="grant_id")
        .join(paid, on="grant_id", how="left")
        .join(paid_by_children, on="grant_id", how="left")
        .with_columns(pl.col("paid_mu", "children_mu").fill_null(0))
    )
    lacking = pl.col("floor_mu") - pl.col("paid_mu") - pl.col("children_mu")
    free = pl.col("balance_mu") - pl.col("paid_mu")
    drawn = rows.select("grant_id", amount_mu=pl.min_horizontal(lacking, free))
    return drawn.filter(pl.col("amount_mu") > 0).sort("grant_id")


def floors_due(grants: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The least that the period takes of grants that have a logic: in every month their window touches.

    A grant that was given after its window began owes nothing for the months before it was given. Months are the
    account's own; a linear grant's are counted over the window it was granted for, also where it was ended since.

    Reads    grants  Grants with a logic, of these accounts, with_endings; exponent; accounts  account periods
    Makes    grant_id, floor_mu [mu, positive]
    Source   W1
    """
    months = accounts.select("billing_account_id", "time_zone", "period_start", "period_end")
    rows = grants.join(months, on="billing_account_id")
    holds_something = pl.col("window_end").is_null() | (
        pl.col("window_end") > pl.max_horizontal("window_start", "period_start")
    )
    has_begun = pl.max_horizontal("window_start", "occurred_at") < pl.col("period_end")
    due = rows.filter(has_begun & holds_something)
    fixed = due.filter(logic="fixed").select("grant_id", floor_mu=to_mu("monthly_value"))
    return pl.concat([fixed, _even_parts(due.filter(logic="linear"))]).filter(pl.col("floor_mu") > 0)


def _even_parts(due: pl.DataFrame) -> pl.DataFrame:
    """The amount over the months from that of the start to the one before that of the half-open end, at least one.

    Makes    grant_id, floor_mu [mu]; nothing for a month behind the last of them
    """
    first = local_months(due, "window_start")
    parts = due.with_columns(
        amount_mu=to_mu("amount"),
        parts=pl.max_horizontal(local_months(due, "granted_until") - first, pl.lit(1, dtype=pl.Int64)),
        place=local_months(due, "period_start") - first,
    )
    part = even_part(pl.col("amount_mu"), pl.col("parts"), pl.col("place"))
    return parts.select("grant_id", floor_mu=part)


def _allocated_from(grants: pl.DataFrame) -> pl.DataFrame:
    """The grants that hold a part of another of their account: grant_id, from_grant_id; a transferred one is not."""
    key = ["from_grant_id", "billing_account_id"]
    sources = grants.select("billing_account_id", from_grant_id="grant_id")
    return grants.select("grant_id", *key).join(sources, on=key, how="semi").drop("billing_account_id")
