"""Cost policies: what an account, a project or a SKU comes to, against a limit that somebody watches (W5).

What is measured is desired state like the charges it is the sum of. That a limit was reached is said once; what
restricts an account is said anew each time it changes.
"""

from datetime import datetime

import polars as pl

from rating.dates import in_force, instants
from rating.money import QUANTITY_ONE, to_money, to_quantity
from schemas.account_restrictions import AccountRestrictions
from schemas.cost_policy_events import CostPolicyEvents
from schemas.cost_policy_measures import CostPolicyMeasures
from schemas.units import Instant, Quantity

ACCOUNT = [
    "billing_account_id",
    "billing_period",
    "period_start",
    "last_instant",
    "cutoff",
    "is_closing",
    "known_as_of",
    "time_zone",
]
POLICY = ["cost_policy_id", "billing_account_id"]
SCOPE = ["billing_account_id", "sub_account_id"]
EVENT = ["cost_policy_id", "billing_account_id", "sub_account_id", "billing_period"]

NOTHING = pl.lit(0).cast(Quantity)
IS_REACHED = pl.col("measured") >= pl.col("limit")
_MOMENT = pl.duration(microseconds=1)
_BETWEEN_IDS = "\x1f"


def watched_quantities(parts: pl.DataFrame, classes: pl.DataFrame, cost_policies: pl.DataFrame) -> pl.DataFrame:
    """The exact quantities that policies may ask for: what charges show of thirds does not add up to the whole.

    Reads    line_parts, usage classes, CostPolicies
    Makes    billing_account_id, sub_account_id, sku_id, quantity [integer] over quantity_denominator, which all use of
             a SKU has in common; nothing for accounts whose quantities nobody watches
    Source   W5, M3
    """
    watched = cost_policies.filter(pl.col("measure") == "quantity")["billing_account_id"].unique()
    some = classes.filter(pl.col("billing_account_id").is_in(watched.implode()))
    used = parts.select("class_id", "quantity", "quantity_denominator").join(
        some.select("class_id", *SCOPE, "sku_id"), on="class_id"
    )
    return used.group_by(*SCOPE, "sku_id", "quantity_denominator").agg(pl.col("quantity").sum())


def measures(
    items: pl.DataFrame,
    used: pl.DataFrame,
    earlier_costs: pl.DataFrame,
    cost_policies: pl.DataFrame,
    accounts: pl.DataFrame,
) -> pl.DataFrame:
    """What the policies in force at the end of the period, or at the cutoff before it, come to.

    A limit over all periods is reached where the earlier ones were below it, or where its policy begins above it. The
    quantity of a period is exact to its 15 decimals; that of earlier ones is what their charges show.

    Reads    items          charges: net_mu [mu, less discounts and caps], taxable_mu [mu, less bonuses too],
                            pricing_quantity, charge_category
             used           watched_quantities
             earlier_costs  the same of earlier periods: EARLIER_COSTS of the pipeline
             CostPolicies; account periods of the accounts that are billed
    Makes    CostPolicyMeasures, one row per policy and account
    Source   W5, M3
    """
    policies = _policies_in_force(cost_policies, accounts)
    if policies.is_empty():
        return CostPolicyMeasures.empty()
    is_quantity = pl.col("measure") == "quantity"
    costs = _added_up(policies.filter(~is_quantity), _costs(items, policies), "in_period")
    here = pl.concat([costs, _quantities(policies.filter(is_quantity), items, used)])
    before = _added_up(policies.filter(pl.col("period") == "total"), earlier_costs, "earlier_measured")
    found = (
        policies.join(here, on=POLICY, how="left")
        .join(before, on=POLICY, how="left")
        .with_columns(pl.col("in_period", "earlier_measured").fill_null(NOTHING))
        .with_columns(measured=pl.col("earlier_measured") + pl.col("in_period"))
    )
    was_below = pl.col("earlier_measured") < pl.col("limit")
    begins = pl.col("starts") >= pl.col("period_start")
    return CostPolicyMeasures.conform(
        found.with_columns(is_crossing=IS_REACHED & (was_below | begins)).sort("billing_account_id", "cost_policy_id")
    )


def _policies_in_force(cost_policies: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    dated = instants(cost_policies.join(accounts.select(ACCOUNT), on="billing_account_id"))
    last = pl.when("is_closing").then("last_instant").otherwise("cutoff")
    return dated.with_columns(last_instant=last).filter(in_force("last_instant"))


def _costs(items: pl.DataFrame, policies: pl.DataFrame) -> pl.DataFrame:
    """The period's charges as EARLIER_COSTS has those before it, of the accounts that are watched."""
    watched = items.join(policies, on="billing_account_id", how="semi")
    sums = watched.group_by(*SCOPE, "sku_id", "exponent").agg(pl.col("net_mu", "taxable_mu", "pricing_quantity").sum())
    return sums.with_columns(cost_before_grants=to_money("net_mu"), cost_after_grants=to_money("taxable_mu"))


def _quantities(policies: pl.DataFrame, items: pl.DataFrame, used: pl.DataFrame) -> pl.DataFrame:
    """What each policy watches of a SKU in the period: its use, and charges that were added to it by hand or by limit.

    Makes    cost_policy_id, billing_account_id, in_period [Quantity]
    """
    added = items.filter(pl.col("charge_category") == "one_off").select(
        *SCOPE,
        "sku_id",
        quantity_denominator=pl.lit(QUANTITY_ONE, dtype=pl.Int128),
        quantity=pl.col("pricing_quantity").to_physical().cast(pl.Int128),
    )
    columns = added.columns
    sums = (
        _watched(policies, pl.concat([used.select(columns).cast(added.schema), added]))
        .group_by(*POLICY, "quantity_denominator")
        .agg(pl.col("quantity").sum())
    )
    shown = sums.with_columns(in_period=to_quantity(sums["quantity"], sums["quantity_denominator"]))
    return shown.group_by(POLICY).agg(pl.col("in_period").sum())


def _added_up(policies: pl.DataFrame, costs: pl.DataFrame, name: str) -> pl.DataFrame:
    """The costs or quantities that each policy watches, in one sum."""
    value = (
        pl.when(pl.col("measure") == "quantity")
        .then("pricing_quantity")
        .when(pl.col("cost_position") == "after_grants")
        .then(pl.col("cost_after_grants").cast(Quantity))
        .otherwise(pl.col("cost_before_grants").cast(Quantity))
    )
    return _watched(policies, costs).group_by(POLICY).agg(value.sum().alias(name))


def _watched(policies: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """What lies in the scope of each policy."""
    of_account = policies.select(
        *POLICY, "measure", "cost_position", only_project="sub_account_id", only_sku="sku_id"
    ).join(rows, on="billing_account_id")
    return of_account.filter(
        pl.col("only_project").is_null() | (pl.col("only_project") == pl.col("sub_account_id")),
        pl.col("only_sku").is_null() | (pl.col("only_sku") == pl.col("sku_id")),
    )


def events(measured: pl.DataFrame) -> pl.DataFrame:
    """The limits that were reached in this period.

    Reads    CostPolicyMeasures
    Makes    CostPolicyEvents
    Source   W5
    """
    return CostPolicyEvents.conform(measured.filter("is_crossing"))


def unposted(found: pl.DataFrame, committed: pl.DataFrame) -> pl.DataFrame:
    """The events that nobody was told of: a month to date and the bill of its month say one event together.

    Reads    CostPolicyEvents, as found and as committed
    Makes    CostPolicyEvents
    Source   W5, L1
    """
    return found.join(committed, on=EVENT, how="anti", nulls_equal=True, maintain_order="left")


def restrictions(
    measured: pl.DataFrame, committed: pl.DataFrame, accounts: pl.DataFrame, known_as_of: datetime
) -> pl.DataFrame:
    """What changes for a deployment gate: rows for each account and project that other policies restrict than before.

    The new rows of an account or project name every policy that restricts it from now on; where none does any more,
    those that did are said to be ok. A change is later than the one before it, if only by a microsecond.

    Reads    CostPolicyMeasures; AccountRestrictions as committed
             accounts: billing_account_id, billing_currency of those that were measured
    Makes    AccountRestrictions of cause cost_policy
    Source   W5, I5
    """
    last = committed.filter(pl.col("cause") == "cost_policy").join(accounts, on="billing_account_id", how="semi")
    last = last.filter(pl.col("changed_at") == pl.col("changed_at").max().over(SCOPE))
    held = last.filter(pl.col("state") == "restricted")
    holding = measured.filter(IS_REACHED, pl.col("action") == "restrict_new")
    changed = _together(held, "before").join(
        _together(holding, "after"), on=SCOPE, how="full", coalesce=True, nulls_equal=True
    )
    changed = changed.filter(pl.col("before").ne_missing(pl.col("after")))
    free = changed.filter(pl.col("after").is_null())
    known = pl.lit(known_as_of, dtype=Instant)
    rows = [
        rows.join(scopes, on=SCOPE, how="semi", nulls_equal=True).select(
            *SCOPE, "cost_policy_id", state=pl.lit(state, dtype=pl.String)
        )
        for rows, scopes, state in ((holding, changed, "restricted"), (held, free, "ok"))
    ]
    before = last.group_by(SCOPE).agg(pl.col("changed_at").max() + _MOMENT)
    found = (
        pl.concat(rows)
        .join(before, on=SCOPE, how="left", nulls_equal=True)
        .join(accounts.select("billing_account_id", "billing_currency"), on="billing_account_id")
        .with_columns(changed_at=pl.max_horizontal("changed_at", known), cause=pl.lit("cost_policy"), known_as_of=known)
    )
    return AccountRestrictions.conform(found.sort(*SCOPE, "cost_policy_id", nulls_last=True))


def _together(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """The policies of each account and project as one text."""
    return rows.group_by(SCOPE).agg(pl.col("cost_policy_id").sort().str.join(_BETWEEN_IDS).alias(name))
