"""Invoices that stand: what a period that was issued may still change (L4, X2, X4, T4).

What is known of it, at which rates it is taxed, and which credit its charges keep. An account that nothing is committed
of is billed as ever.
"""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from rating.allocations.grants import payment_order, spend
from rating.chains import PAID, PARTLY_PAID
from rating.money import to_mu
from rating.payable import TERMS as PAYABLE_BY
from rating.payable import payable
from rating.tax_breakdown import tax
from schemas.tax_rates import TaxRates
from schemas.units import Count, Instant, Money, Text

TERMS = ["seller_jurisdiction", "jurisdiction", "region", "tax_status"]
"""What of an account its rates are found by."""

ACCOUNTS = {
    "billing_account_id": Text,
    "standing": Text,
    "paid_amount": Money,
    "known_as_of": Instant,
    "issued_as_of": Instant,
    **dict.fromkeys(TERMS, Text),
}
CHARGES = {"charge_id": Text, "billing_account_id": Text, "net_amount": Money, "due_amount": Money}
APPLICATIONS = {
    "charge_id": Text,
    "grant_id": Text,
    "tax_position": Text,
    "amount": Money,
    "allocation_order": Count,
}

_DUE = {"before": ("net_mu", "net_amount"), "after": ("due_mu", "due_amount")}
"""Tax position -> what of a charge it pays, and what that was when it was committed."""


@dataclass(frozen=True)
class Committed:
    """What is committed of accounts whose invoice of the period stands (L4, X2, T4)."""

    accounts: pl.DataFrame
    """ACCOUNTS: how much is paid, up to when what was recorded counted in the state that is committed and in the first
    that was issued, and the terms that rates were found by."""
    charges: pl.DataFrame
    """CHARGES of paid accounts: what was left of each after discounts and caps, and what was due of it with tax."""
    applications: pl.DataFrame
    """APPLICATIONS: what grants paid of them."""
    tax_rates: pl.DataFrame
    """billing_account_id and TaxRates: an account that is listed has these rates and no others."""

    @classmethod
    def nothing(cls) -> "Committed":
        """No invoice stands."""
        accounts, charges, applications = (pl.DataFrame(schema=one) for one in (ACCOUNTS, CHARGES, APPLICATIONS))
        rates = pl.DataFrame(schema={"billing_account_id": Text, **TaxRates.columns()})
        return cls(accounts, charges, applications, rates)

    @cached_property
    def paid(self) -> pl.DataFrame:
        """The accounts of which nothing is left due."""
        return self.accounts.filter(standing=PAID)

    @cached_property
    def partly_paid(self) -> pl.DataFrame:
        """The accounts of which a part is paid."""
        return self.accounts.filter(standing=PARTLY_PAID)


# --- what counts ------------------------------------------------------------


def with_terms(accounts: pl.DataFrame, committed: Committed) -> pl.DataFrame:
    """Account periods with the terms of the document that a correction would name (T4)."""
    if committed.accounts.is_empty():
        return accounts
    terms = committed.accounts.select("billing_account_id", *TERMS, stands=pl.lit(value=True))
    rows = accounts.join(
        terms, on="billing_account_id", how="left", maintain_order="left", validate="1:1", suffix="_committed"
    )
    own = (pl.when("stands").then(f"{name}_committed").otherwise(name).alias(name) for name in TERMS)
    return rows.with_columns(own).select(accounts.columns)


def recorded(rows: pl.DataFrame, known_as_of: pl.Expr, committed: Committed) -> pl.DataFrame:
    """The operations that count: those recorded by then; of a paid account by when its state was computed (L1, X2).

    Reads    rows  billing_account_id, recorded_at
    """
    if committed.paid.is_empty():
        return rows.filter(pl.col("recorded_at") <= known_as_of)
    then = committed.paid.select("billing_account_id", counted_until="known_as_of")
    rows = rows.join(then, on="billing_account_id", how="left", maintain_order="left")
    return rows.filter(pl.col("recorded_at") <= pl.coalesce("counted_until", known_as_of)).drop("counted_until")


def with_positions(grants: pl.DataFrame, accounts: pl.DataFrame, committed: Committed) -> pl.DataFrame:
    """Grants with the tax position they have in the period.

    By policy `retroactive_bonus_tax: keep` a grant that was recorded after the invoice was made is spent after tax. A
    grant that has paid in a paid period pays in the position it had then.

    Reads    grants  grant_id, billing_account_id, recorded_at, tax_position; account periods with the policy
    Source   X2
    """
    if committed.accounts.is_empty():
        return grants
    kept = accounts.filter(retroactive_bonus_tax="keep").select("billing_account_id")
    issued = committed.accounts.join(kept, on="billing_account_id").select("billing_account_id", "issued_as_of")
    held = committed.applications.select("grant_id", held="tax_position").unique("grant_id")
    rows = grants.join(issued, on="billing_account_id", how="left", maintain_order="left")
    rows = rows.join(held, on="grant_id", how="left", maintain_order="left")
    since = pl.when(pl.col("recorded_at") > pl.col("issued_as_of")).then(pl.lit("after"))
    return rows.with_columns(tax_position=pl.coalesce("held", since, "tax_position")).drop("issued_as_of", "held")


# --- what grants pay ------------------------------------------------------------


def pay(
    charges: pl.DataFrame,
    due: pl.Series,
    grants: pl.DataFrame,
    balances: pl.DataFrame,
    tax_position: str,
    stopped: pl.DataFrame,
    committed: Committed,
) -> pl.DataFrame:
    """Let the grants of one tax position pay: in a paid period what they had paid, and then what a charge gained.

    Reads    charges   in charge_order: net_mu, of position `after` due_mu too
             due       what is due of each charge [mu]
             others    as `spend`
    Makes    charge_id, grant_id, allocation_order, amount_mu [mu, positive]; one row of a charge and a grant
    Source   X2, X4, G6
    """
    if committed.paid.is_empty():
        return spend(charges, due, grants, balances, tax_position, stopped)
    laid = laid_again(charges, due, balances, tax_position, committed)
    left = balances.with_columns(balance_mu=pl.col("balance_mu") - _sums(balances, laid, "grant_id"))
    more = spend(charges, gained(charges, due, laid, tax_position, committed), grants, left, tax_position, stopped)
    return (
        pl.concat([laid, _placed(more, laid, charges).select(laid.columns)])
        .group_by("charge_id", "grant_id", maintain_order=True)
        .agg(pl.col("allocation_order").first(), pl.col("amount_mu").sum())
    )


def _placed(more: pl.DataFrame, laid: pl.DataFrame, charges: pl.DataFrame) -> pl.DataFrame:
    """Further applications: a grant that was laid again keeps its place in its account, others come behind the last."""
    owners = charges.select("charge_id", "billing_account_id")
    places = laid.join(owners, on="charge_id")
    kept = places.group_by("grant_id").agg(kept=pl.col("allocation_order").first())
    last = places.group_by("billing_account_id").agg(last=pl.col("allocation_order").max())
    rows = more.join(owners, on="charge_id", how="left", maintain_order="left")
    rows = rows.join(kept, on="grant_id", how="left", maintain_order="left")
    rows = rows.join(last, on="billing_account_id", how="left", maintain_order="left")
    behind = pl.col("allocation_order") + pl.col("last").fill_null(0)
    return rows.with_columns(allocation_order=pl.coalesce("kept", behind))


def laid_again(
    charges: pl.DataFrame, due: pl.Series, balances: pl.DataFrame, tax_position: str, committed: Committed
) -> pl.DataFrame:
    """What the grants of a paid period had paid, charge by charge in their order, as far as it is still due.

    A charge that is gone is paid no more, and no grant pays more than it had before the period.

    Reads    as `pay`
    Makes    charge_id, grant_id, allocation_order, amount_mu [mu, positive]
    Source   X4
    """
    paid = charges.select("charge_id", "charge_order", "exponent", pl.col("billing_account_id"), due_mu=due).join(
        committed.paid, on="billing_account_id", how="semi"
    )
    rows = (
        committed.applications.filter(tax_position=tax_position)
        .join(paid, on="charge_id")
        .join(balances, on="grant_id")
        .with_columns(amount_mu=to_mu("amount"))
        .sort("billing_account_id", "charge_order", "allocation_order", "grant_id")
        .with_columns(amount_mu=_in_turn("due_mu", "charge_id"))
        .with_columns(amount_mu=_in_turn("balance_mu", "grant_id"))
    )
    return rows.filter(pl.col("amount_mu") > 0).select("charge_id", "grant_id", "allocation_order", "amount_mu")


def gained(
    charges: pl.DataFrame, due: pl.Series, laid: pl.DataFrame, tax_position: str, committed: Committed
) -> pl.Series:
    """What grants may pay besides: all that is due, but in a paid period only what a charge gained over what it was.

    A charge that was not there had nothing. Nothing is paid twice: what was laid again is no longer due.

    Reads    as `pay`; laid: `laid_again`
    Makes    due_mu [mu], one per charge
    Source   X2, X4
    """
    now, then = _DUE[tax_position]
    before = committed.charges.select("charge_id", then_money=then)
    is_paid = pl.col("billing_account_id").is_in(committed.paid["billing_account_id"].implode())
    rows = charges.select("charge_id", "billing_account_id", "exponent", now_mu=now, due_mu=due).join(
        before, on="charge_id", how="left", maintain_order="left"
    )
    more = (pl.col("now_mu") - to_mu("then_money").fill_null(0)).clip(lower_bound=0)
    rest = pl.col("due_mu") - _sums(charges, laid, "charge_id")
    return rows.select(due_mu=pl.when(is_paid).then(pl.min_horizontal(more, rest)).otherwise("due_mu")).to_series()


def _sums(rows: pl.DataFrame, applied: pl.DataFrame, key: str) -> pl.Series:
    """What was applied of each row's charge or grant [mu], row by row."""
    sums = applied.group_by(key).agg(pl.col("amount_mu").sum())
    return rows.select(key).join(sums, on=key, how="left", maintain_order="left")["amount_mu"].fill_null(0)


def _in_turn(limit: str, key: str) -> pl.Expr:
    """Amounts of one key as far as its limit goes, earlier rows first."""
    amount = pl.col("amount_mu")
    left = (pl.col(limit) - (amount.cum_sum().over(key) - amount)).clip(lower_bound=0)
    return pl.min_horizontal(amount, left)


# --- what was paid stays due ------------------------------------------------------------


def undone(
    charges: pl.DataFrame, bonuses: pl.DataFrame, credits: pl.DataFrame, rates: pl.DataFrame, committed: Committed
) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """Applications of partly paid periods, less the last of them where they would leave less due than was paid.

    Credits are undone before what lowered the tax, each from the last application backwards: grants in their order,
    and under a grant the charges in the order it paid them. Of the last one that is touched only what it takes goes;
    what comes back before tax is taxed again.

    Reads    charges  in charge_order: net_mu, due_mu, credit_mu, and what `tax` reads
             bonuses, credits  `pay`; rates  `rates`
    Makes    bonuses, credits; None where nothing is undone
    Source   X2
    """
    if committed.partly_paid.is_empty():
        return None
    short = _short(charges, committed)
    if short.is_empty():
        return None
    of_credits = _last_first(credits, charges, short)
    credits_left = _less_of_last(credits, of_credits, short)
    returned = of_credits.group_by("billing_account_id").agg(pl.col("amount_mu").sum())
    still = (
        short.join(returned, on="billing_account_id", how="left")
        .with_columns(short_mu=pl.col("short_mu") - pl.col("amount_mu").fill_null(0))
        .drop("amount_mu")
        .filter(pl.col("short_mu") > 0)
    )
    of_bonuses = _last_first(bonuses, charges, still)
    if of_bonuses.is_empty():
        return bonuses, credits_left
    fewest = _fewest(charges, of_bonuses, rates, still)
    return _less_of_last(bonuses, of_bonuses, fewest), credits_left


def _short(charges: pl.DataFrame, committed: Committed) -> pl.DataFrame:
    """What is due of partly paid accounts with too little: billing_account_id, paid_mu, short_mu [mu, positive].

    Too little is less than was paid as it is payable (I7): who paid what the exact amount was rounded up to has paid
    nothing too much.
    """
    sums = charges.group_by("billing_account_id", maintain_order=True).agg(
        pl.col(PAYABLE_BY).first(), left_mu=pl.col("due_mu").sum() - pl.col("credit_mu").sum()
    )
    paid = committed.partly_paid.select("billing_account_id", "paid_amount")
    rows = sums.join(paid, on="billing_account_id", maintain_order="left").with_columns(paid_mu=to_mu("paid_amount"))
    rows = rows.with_columns(payable(rows, "left_mu"), short_mu=pl.col("paid_mu") - pl.col("left_mu"))
    is_short = (pl.col("short_mu") > 0) & (pl.col("payable_mu") < pl.col("paid_mu"))
    return rows.filter(is_short).select("billing_account_id", "paid_mu", "short_mu")


def _last_first(applied: pl.DataFrame, charges: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The applications of some accounts, the last of each first.

    Makes    billing_account_id, charge_id, grant_id, amount_mu, later_mu: what was applied after it [mu]
    """
    order = charges.select("charge_id", "billing_account_id", "charge_order", size=payment_order())
    rows = applied.join(order, on="charge_id").join(accounts, on="billing_account_id", how="semi")
    rows = rows.sort("billing_account_id", "allocation_order", "size", "charge_order", descending=[False, *[True] * 3])
    amount = pl.col("amount_mu")
    return rows.select(
        *("billing_account_id", "charge_id", "grant_id", "amount_mu"),
        later_mu=amount.cum_sum().over("billing_account_id") - amount,
    )


def _taken_back(last_first: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """What of each application is undone so that of each account as much as wanted is: charge_id, grant_id, back_mu."""
    rows = last_first.join(wanted.select("billing_account_id", "short_mu"), on="billing_account_id")
    left = (pl.col("short_mu") - pl.col("later_mu")).clip(lower_bound=0)
    return rows.select("billing_account_id", "charge_id", "grant_id", back_mu=pl.min_horizontal("amount_mu", left))


def _less_of_last(applied: pl.DataFrame, last_first: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Applications with the last of them undone."""
    key = ["charge_id", "grant_id"]
    back = _taken_back(last_first, wanted).drop("billing_account_id")
    rows = applied.join(back, on=key, how="left", maintain_order="left")
    rows = rows.with_columns(amount_mu=pl.col("amount_mu") - pl.col("back_mu").fill_null(0))
    return rows.filter(pl.col("amount_mu") > 0).select(applied.columns)


def _fewest(charges: pl.DataFrame, last_first: pl.DataFrame, rates: pl.DataFrame, short: pl.DataFrame) -> pl.DataFrame:
    """The fewest mu before tax that, undone and taxed, leave what was paid; all of them where they do not reach it.

    More that is undone is more that is due, with tax, so half of what is possible is ruled out in each step, of all
    accounts at once. Every mu adds one at least, so what lacks is enough.

    Makes    billing_account_id, short_mu [mu]
    """
    all_of = last_first.group_by("billing_account_id").agg(all_mu=pl.col("amount_mu").sum())
    rows = short.join(all_of, on="billing_account_id").sort("billing_account_id")
    rows = rows.with_columns(least=pl.lit(0, dtype=pl.Int64), most=pl.min_horizontal("short_mu", "all_mu"))
    charges = charges.join(rows, on="billing_account_id", how="semi", maintain_order="left")
    while (rows["least"] < rows["most"]).any():
        rows = rows.with_columns(short_mu=(pl.col("least") + pl.col("most")) // 2)
        reached = _due_with(charges, last_first, rates, rows)
        enough = rows.join(reached, on="billing_account_id", how="left", maintain_order="left")
        is_enough = (enough["total_mu"] >= enough["paid_mu"]).alias("is_enough")
        is_open = pl.col("least") < pl.col("most")
        rows = rows.with_columns(is_enough).with_columns(
            least=pl.when(is_open & ~pl.col("is_enough")).then(pl.col("short_mu") + 1).otherwise("least"),
            most=pl.when(is_open & pl.col("is_enough")).then("short_mu").otherwise("most"),
        )
    return rows.select("billing_account_id", short_mu="most")


def _due_with(
    charges: pl.DataFrame, last_first: pl.DataFrame, rates: pl.DataFrame, wanted: pl.DataFrame
) -> pl.DataFrame:
    """What charges come to with tax when as much as wanted is undone: billing_account_id, total_mu."""
    back = _taken_back(last_first, wanted).group_by("charge_id").agg(pl.col("back_mu").sum())
    rows = charges.join(back, on="charge_id", how="left", maintain_order="left")
    rows = rows.with_columns(taxable_mu=pl.col("taxable_mu") + pl.col("back_mu").fill_null(0))
    groups, _ = tax(rows, rates)
    taxes = groups.group_by("billing_account_id").agg(pl.col("tax_mu").sum())
    return (
        rows.group_by("billing_account_id")
        .agg(pl.col("taxable_mu").sum())
        .join(taxes, on="billing_account_id", how="left")
        .select("billing_account_id", total_mu=pl.col("taxable_mu") + pl.col("tax_mu").fill_null(0))
    )
