"""What a period does to grants: what it charges them, what it draws, and what ends with their windows (K1, K3, K5)."""

import polars as pl

from rating.money import to_money, to_mu
from rating.sql import content_ids
from schemas.grant_movements import GrantMovements

FACE_VALUE = ("credited", "transfer_accumulation")
"""Movements that brought a grant its amount; there is one of each grant."""


def with_endings(grants: pl.DataFrame, endings: pl.DataFrame) -> pl.DataFrame:
    """Grants with the windows that recovering and refunding have left them.

    What is recovered or refunded ends at that instant, or where it begins if it has not begun; one that was over by
    then expires as it would have.

    Reads    Grants; endings (grant_id, ended_at, movement): at most one of a grant, those known
    Makes    the grants, window_end cut; granted_until: window_end as it was; ending: `expired`, `recovered` or
             `refunded`, what becomes of the rest when the window is over
    Source   K5
    """
    rows = grants.join(
        endings.select("grant_id", "ended_at", taken_back="movement"),
        on="grant_id",
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    is_cut = (pl.col("ended_at") < pl.col("window_end")).fill_null(pl.col("ended_at").is_not_null())
    return rows.with_columns(
        granted_until="window_end",
        window_end=pl.when(is_cut).then(pl.max_horizontal("window_start", "ended_at")).otherwise("window_end"),
        ending=pl.when(is_cut).then("taken_back").otherwise(pl.lit("expired")),
    ).drop("ended_at", "taken_back")


def balances(grants: pl.DataFrame, movements: pl.DataFrame) -> pl.DataFrame:
    """What each grant still holds before the period: its amount and every committed movement of other periods.

    Reads    grants with exponent; GrantMovements of other periods and of operations, the face value among them or not
    Makes    grant_id, balance_mu [mu]
    Source   K1, K8
    """
    moved = (
        movements.filter(~pl.col("movement").is_in(FACE_VALUE))
        .join(grants.select("grant_id", "exponent"), on="grant_id")
        .with_columns(moved_mu=to_mu("amount"))
        .group_by("grant_id")
        .agg(pl.col("moved_mu").sum())
    )
    return (
        grants.with_columns(amount_mu=to_mu("amount"))
        .join(moved, on="grant_id", how="left", maintain_order="left")
        .select("grant_id", balance_mu=pl.col("amount_mu") + pl.col("moved_mu").fill_null(0))
    )


def grant_movements(
    applications: pl.DataFrame,
    floors: pl.DataFrame,
    grants: pl.DataFrame,
    balances: pl.DataFrame,
    accounts: pl.DataFrame,
) -> pl.DataFrame:
    """The period's movements: `charged` per application, what a month takes at least, and the rest of what is over.

    A grant ends with the first period that ends at or after the end of its window, so what no charge of that period
    or an earlier one claimed, nor its floor took, is `expired`, `recovered` or `refunded`. What became known when that
    period was billed already ends with the next one; not while an earlier one is on hold, which may still claim it. A
    month-to-date draft ends nothing.

    Reads    applications (charge_id, grant_id, amount_mu, charge_period_end, expense_number); floors (grant_id,
             amount_mu); grants with exponent, with_endings; balances before the period; account periods
    Makes    GrantMovements
    Source   K1, K3, K5, W2, B3, S1.12
    """
    keyed = grants.join(
        accounts.select(
            "billing_account_id", "billing_period", "period_start", "period_end", "is_closing", "is_caught_up"
        ),
        on="billing_account_id",
    ).join(balances, on="grant_id")
    key = ["grant_id", "billing_account_id", "billing_period", "billing_currency", "exponent"]
    charged = applications.join(keyed.select(key), on="grant_id").select(
        *key,
        "charge_id",
        "expense_number",
        movement=pl.lit("charged"),
        amount_mu=-pl.col("amount_mu"),
        occurred_at=pl.col("charge_period_end"),
    )
    drawn = floors.join(keyed, on="grant_id").select(
        *key,
        movement=pl.lit("minimum_consumption"),
        amount_mu=-pl.col("amount_mu"),
        occurred_at=pl.min_horizontal("period_end", "window_end"),
    )
    taken = (
        pl.concat([applications.select("grant_id", "amount_mu"), floors.select("grant_id", "amount_mu")])
        .group_by("grant_id")
        .agg(taken_mu=pl.col("amount_mu").sum())
    )
    over = keyed.join(taken, on="grant_id", how="left").with_columns(
        rest_mu=pl.col("balance_mu") - pl.col("taken_mu").fill_null(0)
    )
    ended = over.filter(
        pl.col("is_closing")
        & (pl.col("window_end") <= pl.col("period_end"))
        & ((pl.col("window_end") > pl.col("period_start")) | pl.col("is_caught_up"))
        & (pl.col("rest_mu") > 0)
    ).select(*key, movement="ending", amount_mu=-pl.col("rest_mu"), occurred_at="window_end")
    rows = pl.concat([charged, drawn, ended], how="diagonal").with_columns(amount=to_money("amount_mu"))
    rows = rows.with_columns(movement_id=content_ids(rows, "grant_id", "movement", "billing_period", "charge_id"))
    return GrantMovements.conform(rows.sort("billing_account_id", "grant_id", "movement", "charge_id", nulls_last=True))
