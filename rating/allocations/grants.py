"""Grants: value a customer may spend, and what it pays for (G1 to G6)."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rating import scopes
from rating.allocations.eligibility import NO_PROJECT, OPEN_END, Dues, Eligibility, Integers, Payers
from rating.allocations.waterfall import waterfall

ORGANIZATION = "organization"
"""The kind of grant that the switch of a project's allocation governs (W4)."""
OTHER_PROJECT = NO_PROJECT - 1
"""The project of a charge that no grant is bound to, and of a charge without one."""

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
    charges: pl.DataFrame,
    due: pl.Series,
    grants: pl.DataFrame,
    balances: pl.DataFrame,
    tax_position: str,
    stopped: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Let the grants of one tax position pay the charges they may pay.

    Reads    charges   in charge_order, account by account, with class_id and the account's policies
             due       what is due of each charge [mu]; what is not positive is nobody's to pay
             grants    Grants; balances  grant_id, balance_mu [mu, free in this period]
             stopped   charge_id: what organization credit may not pay (W4)
    Makes    charge_id, grant_id, allocation_order, amount_mu [mu, positive]
    Source   G3, G4, G5, G6
    """
    grants = grants.filter(pl.col("tax_position") == tax_position).join(
        balances.filter(pl.col("balance_mu") > 0), on="grant_id"
    )
    met = meet(charges, due, grants, stopped)
    if met is None:
        return _NOTHING
    found = waterfall(met.rules, proportional=met.is_proportional)
    return pl.DataFrame(
        {
            "charge_id": met.charges["charge_id"].gather(found.due),
            "grant_id": met.grants["grant_id"].gather(found.payer),
            "allocation_order": met.grants["grant_place"].gather(found.payer),
            "amount_mu": found.amount_mu,
        }
    )


_NOTHING = pl.DataFrame(
    schema={"charge_id": pl.String, "grant_id": pl.String, "allocation_order": pl.Int64, "amount_mu": pl.Int64}
)


def obstacles(charges: pl.DataFrame, grants: pl.DataFrame, stopped: pl.DataFrame | None = None) -> pl.DataFrame:
    """Why each grant may not pay each charge of its account: the first of the predicates that says no.

    Every pair has a row, so this is for the few accounts that somebody asks about.

    Reads    charges, grants, stopped: as `spend`; the grants of both tax positions, with whatever balance
    Makes    charge_id, grant_id, obstacle: project, include, exclude, window or organization_credit; null: it may pay
    Source   G8
    """
    anything = pl.repeat(1, charges.height, dtype=pl.Int64, eager=True)
    met = meet(charges, anything, grants.with_columns(balance_mu=pl.lit(0, dtype=pl.Int64)), stopped)
    if met is None:
        return pl.DataFrame(schema={"charge_id": pl.String, "grant_id": pl.String, "obstacle": pl.String})
    rules, pairs = met.rules, _pairs(met.rules)
    # the window last: it cuts only what the rest of the scope could reach
    says_no = {
        "project": ~rules.of_project(*pairs),
        "include": ~rules.included(*pairs),
        "exclude": ~rules.not_excluded(*pairs),
        "window": ~rules.in_window(*pairs),
        "organization_credit": ~rules.not_stopped(*pairs),
    }
    payer, due = pairs
    return pl.DataFrame(
        {
            "charge_id": met.charges["charge_id"].gather(due),
            "grant_id": met.grants["grant_id"].gather(payer),
            **says_no,
        }
    ).select(
        "charge_id",
        "grant_id",
        obstacle=pl.coalesce(*(pl.when(pl.col(name)).then(pl.lit(name)) for name in says_no)),
    )


def _pairs(rules: Eligibility) -> tuple[Integers, Integers]:
    """Every payer with every due of its account."""
    dues = pl.DataFrame({"account": rules.dues.account}).with_row_index("due")
    payers = pl.DataFrame({"account": rules.payers.account}).with_row_index("payer")
    both = payers.join(dues, on="account").select(pl.col("payer", "due").cast(pl.Int64))
    return both["payer"].to_numpy(), both["due"].to_numpy()


# --- charges and grants as numbers, in their order ------------------------------------------------------------


@dataclass(frozen=True)
class Met:
    """Charges and grants of the accounts that have both, in the order they are paid in and pay in."""

    charges: pl.DataFrame
    grants: pl.DataFrame
    rules: Eligibility
    is_proportional: NDArray[np.bool_]
    """Of each account."""


def meet(charges: pl.DataFrame, due: pl.Series, grants: pl.DataFrame, stopped: pl.DataFrame | None) -> Met | None:
    """Put the charges that are due and the grants of their accounts side by side."""
    if grants.is_empty():
        return None
    rows = charges.select(*_OF_CHARGE, due_mu=due)
    accounts = _accounts(rows, grants)
    run = rows["billing_account_id"].rle_id()
    rows = rows.with_columns(account=accounts["account"].gather(run))
    rows = rows.filter((pl.col("due_mu") > 0) & pl.col("account").is_not_null())
    holders = accounts.drop_nulls("account")
    grants = _ranked(grants.join(holders, on="billing_account_id"))
    if rows.is_empty() or grants.is_empty():  # grants of accounts without charges are gone
        return None
    rows = _in_charge_order(rows, holders)
    is_proportional = (holders["charge_order_policy"] == "proportional").to_numpy()
    return Met(rows, grants, _rules(rows, grants, stopped), is_proportional)


_OF_ACCOUNT = ["billing_account_id", "grant_order", "charge_order_policy"]
_OF_CHARGE = [
    *_OF_ACCOUNT,
    *scopes.ATTRIBUTES,
    "charge_id",
    "class_id",
    "charge_period_start",
    "charge_period_end",
    "eligibility",
    "last_instant",
    "cutoff",
    "net_mu",
    "line_id",
    "line_order",
    "charge_order",
    "rounding_charges",
]


def _accounts(rows: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """The accounts in the order their charges stand in; those that have grants are numbered from 0."""
    begins = pl.col("billing_account_id").ne_missing(pl.col("billing_account_id").shift(1))
    accounts = rows.select(*_OF_ACCOUNT, begins=begins).filter("begins")
    if accounts["billing_account_id"].n_unique() < accounts.height:
        raise ValueError("the charges do not stand account by account")
    holds = pl.col("billing_account_id").is_in(grants["billing_account_id"].unique().implode())
    return accounts.with_columns(account=pl.when(holds).then(holds.cast(pl.Int64).cum_sum() - 1))


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
    placed = pl.concat([grants.head(0), *found]).with_columns(
        grant_place=(pl.int_range(pl.len()).over("billing_account_id") + 1).cast(pl.Int64)
    )
    return placed.sort("account", "grant_place")


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


def _in_charge_order(rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The order charges are paid in under a grant: sizes are net before any grant and stay fixed (G5)."""
    if not accounts["charge_order_policy"].is_in(list(_BY_SIZE)).any():
        return rows
    return rows.sort("account", payment_order(), "charge_order")


_BY_SIZE = {"largest_first": -pl.col("net_mu"), "smallest_first": pl.col("net_mu")}


def payment_order() -> pl.Expr:
    """What a grant goes by before charge_order when it pays the charges of an account (G5)."""
    policy = pl.col("charge_order_policy")
    return pl.coalesce(*(pl.when(policy == name).then(key) for name, key in _BY_SIZE.items()), pl.lit(0))


def _rules(rows: pl.DataFrame, grants: pl.DataFrame, stopped: pl.DataFrame | None) -> Eligibility:
    """Windows, projects, switches and scopes as numbers."""
    classes = rows.unique("class_id")
    found = scopes.numbered(grants, classes)
    kind_of = np.zeros(int(classes["class_id"].max()) + 1, dtype=np.int64)  # type: ignore[arg-type]
    kind_of[classes["class_id"].to_numpy()] = found.kind.to_numpy()
    bound = grants.select(pl.col("sub_account_id").unique().drop_nulls().sort()).with_row_index("project")
    since, until = _incurred(rows)
    dues = Dues(
        account=rows["account"].to_numpy(),
        amount_mu=rows["due_mu"].to_numpy(),
        since=since,
        until=until,
        kind=kind_of[rows["class_id"].to_numpy()],
        project=_projects(rows, bound, OTHER_PROJECT),
        is_stopped=_is_stopped(rows, stopped),
        line=rows["line_id"].to_numpy(),
        line_place=rows["line_order"].to_numpy(),
        charge_place=rows["charge_order"].to_numpy(),
        mode=rows["rounding_charges"],
    )
    payers = Payers(
        account=grants["account"].to_numpy(),
        balance_mu=grants["balance_mu"].to_numpy(),
        starts=_microseconds(grants["window_start"]),
        ends=grants["window_end"].to_physical().fill_null(OPEN_END).to_numpy(),
        scope=found.scope.cast(pl.Int64).to_numpy(),
        project=_projects(grants, bound, NO_PROJECT),
        is_organization=(grants["kind"] == ORGANIZATION).to_numpy(),
    )
    return Eligibility(dues, payers, found.include, found.exclude)


def _incurred(rows: pl.DataFrame) -> tuple[Integers, Integers]:
    """When each charge counts as incurred: its segment, or the one instant that its account's policy asks about (G3).

    The invoice's time is the end of the period, the earliest moment it can be made; that of a draft is its cutoff.
    """
    since, until = pl.col("charge_period_start"), pl.col("charge_period_end")
    policy = pl.col("eligibility")
    if (rows["eligibility"] != "usage_time").any():
        instant = pl.when(policy == "period_end").then("last_instant").otherwise("cutoff")
        # the first microsecond of the instant: a window holds it where it does not end at it
        after = instant + pl.duration(microseconds=1)
        since = pl.when(policy == "usage_time").then(since).otherwise(instant)
        until = pl.when(policy == "usage_time").then(until).otherwise(after)
    found = rows.select(since=since, until=until)
    return _microseconds(found["since"]), _microseconds(found["until"])


def _microseconds(instants: pl.Series) -> Integers:
    return instants.to_physical().to_numpy()


def _projects(rows: pl.DataFrame, bound: pl.DataFrame, otherwise: int) -> Integers:
    """The number of each row's project among those that some grant is bound to."""
    if bound.is_empty():
        return np.full(rows.height, otherwise, dtype=np.int64)
    found = rows.select("sub_account_id").join(bound, on="sub_account_id", how="left", maintain_order="left")
    return found["project"].cast(pl.Int64).fill_null(otherwise).to_numpy()


def _is_stopped(rows: pl.DataFrame, stopped: pl.DataFrame | None) -> NDArray[np.bool_]:
    if stopped is None or stopped.is_empty():
        return np.zeros(rows.height, dtype=np.bool_)
    return rows["charge_id"].is_in(stopped["charge_id"].implode()).to_numpy()
