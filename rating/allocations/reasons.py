"""Why each grant and each discount took what it took of each charge, and why not more (G8).

Nothing is decided here. Who may pay is asked of the predicates that decide it (`obstacles`, `reach`, `chosen`); what
came of it is read from what was applied. Every pair of a charge and a grant or discount of its account has one reason.
"""

import polars as pl

from rating.allocations.discounts import chosen, reach
from rating.allocations.grants import obstacles
from rating.allocations.netting import netted
from rating.chains import PAID, PARTLY_PAID
from rating.dates import EVER, FOREVER, instants
from rating.money import PRICE_ONE, rounded, scaled
from rating.rejects import Reason
from schemas.units import Instant

GRANT_REASONS: dict[str, Reason] = {
    code: Reason(code, sentence)
    for code, sentence in {
        "applied": "paid",
        "exhausted": "nothing more was left of it",
        "order": "paid already by credit that goes before it",
        "position": "paid already by credit before tax",
        "window": "incurred outside its window",
        "project": "not of the project it is for",
        "scope": "not in its include list",
        "exclusion": "in its exclude list",
        "switch": "of a project that may not spend the organization's credit",
        "frozen": "issued before it was recorded, and issued is issued",
        "later": "billed before it was recorded; bill the period again",
        "settled": "of a month that is paid, where credit pays only what a charge has gained since",
        "undone": "left due, because that much of the invoice is paid",
        "netted": "taken back by a charge below zero",
        "negative": "below zero, so nothing to pay",
        "nothing_due": "nothing to pay",
    }.items()
}
"""Why a grant paid a charge, or did not; each sentence is about one charge or many."""

DISCOUNT_REASONS: dict[str, Reason] = {
    code: Reason(code, sentence)
    for code, sentence in {
        "applied": "taken off",
        "window": "incurred outside its window",
        "scope": "of another project, service, feature or SKU",
        "better": "another discount is worth more, and only the best counts",
        "nothing_left": "nothing left to take it off",
        "no_share": "a share of less than the smallest coin, or a line that is not above zero",
        "code": "its code was not accepted",
        "minimum": "added to reach a minimum, which no discount lowers",
    }.items()
}
"""Why a discount lowered a charge, or did not."""

_OBSTACLES = {
    "window": "window",
    "project": "project",
    "include": "scope",
    "exclude": "exclusion",
    "organization_credit": "switch",
}
_DUE = {"before": ("net_mu", False), "after": ("due_mu", True)}
"""Tax position -> what of a charge it pays, and whether what one tax category lacks lowers the others (G7)."""
_NEVER = 2**62
"""The turn of a grant or discount that took nothing: whatever was taken was taken before."""
_NO_LATE = pl.DataFrame(schema={"grant_id": pl.String, "late": pl.String})
_NO_STANDINGS = pl.DataFrame(schema={"billing_account_id": pl.String, "standing": pl.String})


def grant_reasons(
    charges: pl.DataFrame,
    grants: pl.DataFrame,
    opening: pl.DataFrame,
    applied: pl.DataFrame,
    stopped: pl.DataFrame | None = None,
    late: pl.DataFrame = _NO_LATE,
    standings: pl.DataFrame = _NO_STANDINGS,
) -> pl.DataFrame:
    """Why each grant paid what it paid of each charge of its account.

    Where several reasons hold, the first of these is named: what bars the grant from the charge, what there was to pay
    at all, who had paid before, whether the grant held anything, whether the invoice let it.

    Reads    charges  in charge_order, account by account: net_mu, grant_mu, due_mu [mu, as a period leaves them]
             grants   Grants; opening  grant_id, balance_mu before the period
             applied  what grants of both positions paid: charge_id, grant_id, allocation_order, amount_mu
             stopped  charge_id: what organization credit may not pay (W4)
             late     grant_id, late: grants that the charges were not made with, and why (frozen or later)
             standings  billing_account_id, standing: of accounts whose invoice stands
    Makes    grant_id, charge_id, tax_position, reason (GRANT_REASONS), amount_mu, due_mu: what there was to pay for
             grants of this position, before_mu: what of it had been paid when its turn came, paid_by: who had
    Source   G8, G3 to G7, W4, L4, X2
    """
    barred = obstacles(charges, grants, stopped).with_columns(
        pl.col("obstacle").replace_strict(_OBSTACLES, default=None, return_dtype=pl.String)
    )
    of_grants = (
        grants.select("grant_id", "tax_position")
        .join(opening, on="grant_id", how="left")
        .join(late, on="grant_id", how="left")
        .join(applied.group_by("grant_id").agg(spent_mu=pl.col("amount_mu").sum()), on="grant_id", how="left")
    )
    barred = barred.join(of_grants, on="grant_id")
    before_tax = _payers(applied, grants, "before").rename({"paid_by": "paid_before_tax"})
    rows = []
    for position, (amount, across) in _DUE.items():
        due = charges.select("charge_id", "billing_account_id", "grant_mu", whole_mu=amount).with_columns(
            due_mu=netted(charges, amount, across_categories=across)
        )
        pairs = barred.filter(tax_position=position).join(due, on="charge_id")
        pairs = pairs.join(standings, on="billing_account_id", how="left")
        pairs = _taken(pairs, _of_position(applied, grants, position), "grant_id", "allocation_order")
        pairs = pairs.join(_payers(applied, grants, position), on="charge_id", how="left").join(
            before_tax, on="charge_id", how="left"
        )
        rows.append(pairs.with_columns(reason=_why_a_grant(position)).select(*_OF_GRANT, paid_by=_who_paid()))
    return pl.concat(rows).sort("grant_id", "charge_id")


_OF_GRANT = ["grant_id", "charge_id", "tax_position", "reason", "amount_mu", "due_mu", "before_mu"]


def _why_a_grant(position: str) -> pl.Expr:
    """The first reason that holds."""
    left = pl.col("due_mu") - pl.col("before_mu")
    is_due, held = pl.col("due_mu") > 0, pl.col("balance_mu").fill_null(0)
    paid_before_tax = pl.lit(position == "after") & (pl.col("grant_mu") > 0) & (pl.col("whole_mu") == 0)
    return (
        pl.when(pl.col("obstacle").is_not_null())
        .then("obstacle")
        .when(pl.col("late").is_not_null())
        .then("late")
        .when((pl.col("amount_mu") > 0) & (pl.col("amount_mu") == left))
        .then(pl.lit("applied"))
        .when(paid_before_tax)
        .then(pl.lit("position"))
        .when(pl.col("whole_mu") < 0)
        .then(pl.lit("negative"))
        .when(~is_due & (pl.col("whole_mu") > 0))
        .then(pl.lit("netted"))
        .when(~is_due)
        .then(pl.lit("nothing_due"))
        .when((held > 0) & (left == 0))
        .then(pl.lit("order"))
        .when((held > pl.col("spent_mu").fill_null(0)) & (pl.col("standing") == PAID))
        .then(pl.lit("settled"))
        .when((held > pl.col("spent_mu").fill_null(0)) & (pl.col("standing") == PARTLY_PAID))
        .then(pl.lit("undone"))
        .otherwise(pl.lit("exhausted"))
    )


def _who_paid() -> pl.Expr:
    """The grants that had paid what this one would have."""
    return pl.when(reason="order").then("paid_by").when(reason="position").then("paid_before_tax")


def _of_position(applied: pl.DataFrame, grants: pl.DataFrame, position: str) -> pl.DataFrame:
    return applied.join(grants.filter(tax_position=position), on="grant_id", how="semi")


def _payers(applied: pl.DataFrame, grants: pl.DataFrame, position: str) -> pl.DataFrame:
    """Who paid each charge, in order."""
    rows = _of_position(applied, grants, position).sort("charge_id", "allocation_order")
    return rows.group_by("charge_id", maintain_order=True).agg(paid_by="grant_id")


def _taken(pairs: pl.DataFrame, applied: pl.DataFrame, source: str, order: str) -> pl.DataFrame:
    """Pairs with what the source took of the charge and what those before it had taken.

    Reads    pairs: source, charge_id, billing_account_id; applied: source, charge_id, amount_mu, order (the turn of the
             source in the account: a discount may be for many)
    Makes    pairs with amount_mu and before_mu
    """
    key = ["billing_account_id", source]
    owners = pairs.select("charge_id", "billing_account_id").unique()
    turns = applied.join(owners, on="charge_id").select(*key, turn=order).unique()
    so_far = applied.sort("charge_id", order).select(
        "charge_id", turn=order, before_mu=pl.col("amount_mu").cum_sum().over("charge_id")
    )
    return (
        pairs.join(applied.select(source, "charge_id", "amount_mu"), on=[source, "charge_id"], how="left")
        .join(turns, on=key, how="left")
        .with_columns(pl.col("turn").cast(pl.Int64).fill_null(_NEVER))
        .sort("turn")
        .join_asof(so_far.sort("turn"), on="turn", by="charge_id", allow_exact_matches=False, check_sortedness=False)
        .with_columns(pl.col("amount_mu", "before_mu").fill_null(0))
    )


def discount_reasons(
    charges: pl.DataFrame, terms: pl.DataFrame, applied: pl.DataFrame, uncut: pl.DataFrame, offered: pl.DataFrame
) -> pl.DataFrame:
    """Why each discount took what it took of each charge of its account.

    One that is valid on no day of the period is outside its window for every charge, whatever else it is for.

    Reads    charges  in charge_order: list_cost_mu, period_start, period_end and what `discounts` reads
             terms    discount_terms; applied  what `discounts` made
             uncut    charge_id: what a minimum lacked, which no discount looks at (P10)
             offered  billing_account_id, discount_id of codes that were not accepted (`offers`)
    Makes    discount_id, charge_id, reason (DISCOUNT_REASONS), amount_mu
    Source   G8, D3, D4
    """
    of_charge = charges.select("billing_account_id", "charge_id", "list_cost_mu")
    pairs = of_charge.join(terms.select("billing_account_id", "discount_id").unique(), on="billing_account_id")
    always = terms.with_columns(window_start=EVER, window_end=pl.lit(None, dtype=Instant))
    pairs = _taken(pairs, applied, "discount_id", "discount_order")
    for name, rows in (
        ("is_covered", reach(charges, always)),
        ("is_reached", reach(charges, terms)),
        ("is_chosen", chosen(charges, terms)),
    ):
        marked = rows.select("discount_id", "charge_id", pl.lit(True).alias(name)).unique()
        pairs = pairs.join(marked, on=["discount_id", "charge_id"], how="left").with_columns(
            pl.col(name).fill_null(False)
        )
    pairs = pairs.join(_open(charges, terms), on=["billing_account_id", "discount_id"], how="left")
    is_uncut = pl.col("charge_id").is_in(uncut["charge_id"].implode())
    reason = (
        pl.when(pl.col("is_open").is_null())
        .then(pl.lit("window"))
        .when(is_uncut)
        .then(pl.lit("minimum"))
        .when(~pl.col("is_covered"))
        .then(pl.lit("scope"))
        .when(~pl.col("is_reached"))
        .then(pl.lit("window"))
        .when(~pl.col("is_chosen"))
        .then(pl.lit("better"))
        .when(pl.col("amount_mu") != 0)
        .then(pl.lit("applied"))
        .when(pl.col("list_cost_mu") == pl.col("before_mu"))
        .then(pl.lit("nothing_left"))
        .otherwise(pl.lit("no_share"))
    )
    unheard = of_charge.join(offered, on="billing_account_id").select(
        "discount_id", "charge_id", reason=pl.lit("code"), amount_mu=pl.lit(0, dtype=pl.Int64)
    )
    found = pairs.select("discount_id", "charge_id", reason.alias("reason"), "amount_mu")
    return pl.concat([found, unheard]).sort("discount_id", "charge_id")


def _open(charges: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """The discounts of which a window touches the period: billing_account_id, discount_id, is_open."""
    periods = charges.select("billing_account_id", "period_start", "period_end").unique()
    rows = terms.select("billing_account_id", "discount_id", "window_start", "window_end")
    begins = pl.col("window_start").fill_null(EVER)
    ends = pl.col("window_end").fill_null(FOREVER)
    touching = (begins < pl.col("period_end")) & (ends > pl.col("period_start")) & (begins < ends)
    found = rows.join(periods, on="billing_account_id").filter(touching).select("billing_account_id", "discount_id")
    return found.unique().with_columns(is_open=pl.lit(True))


def offers(
    discounts: pl.DataFrame, promo_codes: pl.DataFrame, terms: pl.DataFrame, accounts: pl.DataFrame
) -> pl.DataFrame:
    """The discounts of the period that an account could have had for a code, and has not.

    Reads    Discounts, PromoCodes, discount_terms; accounts  billing_account_id, billing_currency, time_zone,
             period_start, period_end
    Makes    billing_account_id, discount_id
    Source   K7, D2
    """
    by_code = discounts.drop_nulls("promo_code").rename(
        {"billing_account_id": "only_account_id", "billing_currency": "only_currency"}
    )
    rows = instants(accounts.join(by_code, how="cross")).filter(
        pl.col("only_account_id").is_null() | (pl.col("only_account_id") == pl.col("billing_account_id")),
        (pl.col("kind") == "percent") | (pl.col("only_currency") == pl.col("billing_currency")),
        (pl.col("starts") < pl.col("period_end"))
        & (pl.col("ends").is_null() | (pl.col("ends") > pl.col("period_start"))),
    )
    codes = promo_codes.filter(benefit="discount").select("promo_code", allowed="accounts")
    is_open = pl.col("allowed").list.len().fill_null(0) == 0
    open_to = rows.join(codes, on="promo_code").filter(
        is_open | pl.col("allowed").list.contains(pl.col("billing_account_id"))
    )
    key = ["billing_account_id", "discount_id"]
    return open_to.select(key).unique().join(terms, on=key, how="anti").sort(key)


def untouched_tax(charges: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """What the tax of each group would be if no grant had lowered it: the same rates on the amounts before grants.

    Reads    charges  net_mu, rounding_tax, tax_rounding; shares  charge_id, billing_account_id, code, rate, component
    Makes    billing_account_id, code, rate, component, net_mu, untouched_mu: the tax of it
    Source   T2, T3, G8
    """
    group = ["billing_account_id", "code", "rate", "component"]
    rows = (
        shares.select("charge_id", *group)
        .join(charges.select("charge_id", "net_mu", "rounding_tax", "tax_rounding"), on="charge_id")
        .with_columns(_rate=scaled("rate"), _one=pl.lit(PRICE_ONE, dtype=pl.Int64))
    )
    rows = rows.with_columns(_each=rounded(rows, ["net_mu", "_rate"], ["_one"], "rounding_tax")["rounded_mu"])
    sums = rows.group_by(group).agg(
        pl.col("net_mu", "_each").sum(), pl.col("_rate", "_one", "rounding_tax", "tax_rounding").first()
    )
    whole = rounded(sums, ["net_mu", "_rate"], ["_one"], "rounding_tax")["rounded_mu"]
    by_line = pl.col("tax_rounding") == "per_line"
    found = sums.with_columns(_whole=whole).select(
        *group, "net_mu", untouched_mu=pl.when(by_line).then("_each").otherwise("_whole")
    )
    return found.sort(group)
