"""What a period does to grants: what it charges them, and what then expires (K1, K3, B3)."""

import polars as pl

from rating.money import to_money, to_mu
from rating.sql import content_ids
from schemas.grant_movements import GrantMovements


def balances(grants: pl.DataFrame, movements: pl.DataFrame) -> pl.DataFrame:
    """What each grant still holds before the period: its amount and every committed movement of other periods.

    Reads    grants with exponent; GrantMovements of other periods, `credited` among them or not
    Makes    grant_id, balance_mu [mu]
    Source   K1, K8
    """
    moved = (
        movements.filter(pl.col("movement") != "credited")
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
    applications: pl.DataFrame, grants: pl.DataFrame, balances: pl.DataFrame, accounts: pl.DataFrame
) -> pl.DataFrame:
    """The period's movements: one `charged` per application, one `expired` per grant whose time is over.

    A grant expires with the first period that ends at or after the end of its window, so what no charge of that
    period or an earlier one claimed; a month-to-date draft expires nothing.

    Reads    applications (charge_id, grant_id, amount_mu, charge_period_end, expense_number), grants with exponent,
             balances before the period, account periods
    Makes    GrantMovements
    Source   K1, K3, B3, S1.12
    """
    keyed = grants.join(
        accounts.select("billing_account_id", "billing_period", "period_start", "period_end", "is_closing", "is_first"),
        on="billing_account_id",
    ).join(balances, on="grant_id")
    charged = applications.join(
        keyed.select("grant_id", "billing_account_id", "billing_period", "billing_currency", "exponent"), on="grant_id"
    ).select(
        "grant_id",
        "billing_account_id",
        "billing_period",
        "billing_currency",
        "exponent",
        "charge_id",
        "expense_number",
        movement=pl.lit("charged"),
        amount_mu=-pl.col("amount_mu"),
        occurred_at=pl.col("charge_period_end"),
    )
    used = applications.group_by("grant_id").agg(used_mu=pl.col("amount_mu").sum())
    ended = keyed.join(used, on="grant_id", how="left").with_columns(
        rest_mu=pl.col("balance_mu") - pl.col("used_mu").fill_null(0)
    )
    expired = ended.filter(
        pl.col("is_closing")
        & (pl.col("window_end") <= pl.col("period_end"))
        & ((pl.col("window_end") > pl.col("period_start")) | pl.col("is_first"))
        & (pl.col("rest_mu") > 0)
    ).select(
        "grant_id",
        "billing_account_id",
        "billing_period",
        "billing_currency",
        "exponent",
        movement=pl.lit("expired"),
        amount_mu=-pl.col("rest_mu"),
        occurred_at=pl.col("window_end"),
    )
    rows = pl.concat([charged, expired], how="diagonal").with_columns(amount=to_money("amount_mu"))
    rows = rows.with_columns(movement_id=content_ids(rows, "grant_id", "movement", "billing_period", "charge_id"))
    return GrantMovements.conform(rows.sort("billing_account_id", "grant_id", "movement", "charge_id", nulls_last=True))
