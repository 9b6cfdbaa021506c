"""Grants: value a customer may spend, and what it pays for (G1 to G6)."""

import polars as pl

from rating import scopes
from rating.allocations.discounts import within_window
from rating.allocations.waterfall import waterfall

KEYS: dict[str, tuple[list[pl.Expr], bool]] = {
    "kind_rank": ([pl.col("rank")], False),
    "priority": ([pl.col("priority")], False),
    "expires_at": ([pl.col("window_end")], False),
    "coverage": ([pl.col("include").list.len() == 0, pl.col("include").list.n_unique()], False),
    "occurred_at": ([pl.col("occurred_at")], False),
    "grant_id": ([pl.col("grant_id")], False),
}
"""Key of policy `grant_order` -> what is compared, and whether larger goes first when the key has no sign (G4)."""


def spend(
    charges: pl.DataFrame, dues: pl.DataFrame, grants: pl.DataFrame, balances: pl.DataFrame, tax_position: str
) -> pl.DataFrame:
    """Let the grants of one tax position pay the charges they may pay.

    Reads    charges   in charge_order, with class_id and the account's policies
             dues      charge_id, due_mu [mu]; what is not positive is nobody's to pay
             grants    Grants; balances  grant_id, balance_mu [mu, free in this period]
    Makes    charge_id, grant_id, allocation_order, amount_mu [mu, positive]
    Source   G3, G4, G5, G6
    """
    grants = grants.filter(pl.col("tax_position") == tax_position).join(
        balances.filter(pl.col("balance_mu") > 0), on="grant_id"
    )
    accounts = charges.select("billing_account_id", "grant_order", "charge_order_policy").unique()
    grants = _ranked(grants.join(accounts, on="billing_account_id"))
    holders = grants.select("billing_account_id").unique()
    due = (
        charges.drop("due_mu", strict=False)
        .join(dues.filter(pl.col("due_mu") > 0), on="charge_id", how="inner", maintain_order="left")
        .join(holders, on="billing_account_id", how="semi", maintain_order="left")
    )
    applied = waterfall(
        _in_charge_order(due).select(
            "line_id",
            due_id="charge_id",
            due_mu="due_mu",
            line_place="line_order",
            charge_place="charge_order",
            mode="rounding_charges",
        ),
        grants.select(
            payer_id="grant_id",
            rank="grant_place",
            balance_mu="balance_mu",
            is_proportional=pl.col("charge_order_policy") == "proportional",
        ),
        eligible(due, grants).select(due_id="charge_id", payer_id="grant_id"),
    )
    return applied.rename({"due_id": "charge_id", "payer_id": "grant_id", "rank": "allocation_order"})


def _ranked(grants: pl.DataFrame) -> pl.DataFrame:
    """The place of each grant among those of its account: what is bound to a project first, then the key list (G4)."""
    found = [
        part.sort(
            "billing_account_id",
            pl.col("sub_account_id").is_null(),
            *_order(order)[0],
            "grant_id",
            descending=[False, False, *_order(order)[1], False],
            nulls_last=True,
        )
        for (order,), part in grants.group_by(["grant_order"], maintain_order=True)
    ]
    return pl.concat([grants.head(0), *found]).with_columns(
        grant_place=(pl.int_range(pl.len()).over("billing_account_id") + 1).cast(pl.Int64)
    )


def _order(keys: str) -> tuple[list[pl.Expr], list[bool]]:
    """Parse a key list: `kind_rank,-priority` is larger priorities first."""
    expressions: list[pl.Expr] = []
    descending: list[bool] = []
    for key in (key.strip() for key in keys.split(",")):
        columns, default = KEYS[key.lstrip("+-")]
        down = key.startswith("-") or (default and not key.startswith("+"))
        expressions += columns
        descending += [down] * len(columns)
    return expressions, descending


def _in_charge_order(due: pl.DataFrame) -> pl.DataFrame:
    """The order charges are paid in under a grant: sizes are net before any grant and stay fixed (G5)."""
    size = pl.col("net_mu")
    keyed = due.with_columns(
        _size=pl.when(pl.col("charge_order_policy") == "largest_first")
        .then(-size)
        .when(pl.col("charge_order_policy") == "smallest_first")
        .then(size)
        .otherwise(0)
    )
    return keyed.sort("billing_account_id", "_size", "charge_order")


def eligible(due: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """Which grant may pay which charge: window, project, include and exclude (G1, G3)."""
    grants = grants.with_row_index("scope_id")
    pairs = due.select(
        "charge_id",
        "class_id",
        "billing_account_id",
        "sub_account_id",
        "charge_period_start",
        "charge_period_end",
        "eligibility",
        "last_instant",
        "known_as_of",
    ).join(
        grants.select(
            "scope_id",
            "grant_id",
            "billing_account_id",
            "window_start",
            "window_end",
            pl.col("sub_account_id").alias("project_id"),
        ),
        on="billing_account_id",
    )
    pairs = pairs.filter(
        (pl.col("project_id").is_null() | (pl.col("project_id") == pl.col("sub_account_id")))
        & pl.when(pl.col("eligibility") == "usage_time")
        .then(within_window())
        .when(pl.col("eligibility") == "period_end")
        .then(_holds("last_instant"))
        .otherwise(_holds("known_as_of"))
    )
    classes = due.select("class_id", *scopes.ATTRIBUTES).unique("class_id")
    ok = scopes.covered(pairs.select("scope_id", "class_id").unique(), grants, classes)
    return pairs.join(ok, on=["scope_id", "class_id"], how="semi").select("charge_id", "grant_id")


def _holds(instant: str) -> pl.Expr:
    """Policies `period_end` and `invoice_time`: one instant counts for all charges of the period (G3)."""
    return (pl.col("window_start") <= pl.col(instant)) & (
        pl.col("window_end").is_null() | (pl.col(instant) < pl.col("window_end"))
    )
