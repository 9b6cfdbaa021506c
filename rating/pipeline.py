"""A billing period, from usage to what the books should say. The order of the stages is policy, so it is written here.

usage ─ meter ─> parts ─ price ─> rating lines ─ cut ─> charges
one-offs ─> charges
charges ─ discounts ─ caps ─ minima ─ grants before tax ─ tax ─ grants after tax ─> invoice lines, invoices
What is committed of an invoice that stands bounds what counts, who pays, and at which rates (standing.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import polars as pl

from rating import holds as parking
from rating.account_periods import account_periods
from rating.allocations.consumption import floors
from rating.allocations.discounts import discount_terms, discounts
from rating.allocations.netting import netted
from rating.allocations.projects import stopped
from rating.charges import charges, cuts
from rating.cost_policies import measures, watched_quantities
from rating.free_quantity import with_free
from rating.grant_movements import balances, with_endings
from rating.invoices import invoice_ids
from rating.metering import has_earlier, metered_usage
from rating.metering_details import details, each_instant
from rating.one_off_charges import among, one_off_charges
from rating.one_thread import on_one_thread
from rating.outputs import Outputs, Rated, outputs
from rating.price_models import BY_RECORD
from rating.quantities import uses
from rating.rating_lines import PriceTerms, line_parts, list_costs, price_terms, record_weights
from rating.recurring_items import as_metered, recurring_usage
from rating.rows import only
from rating.scopes import with_classes
from rating.spanning_records import of_series, takes_whole, whole_records
from rating.spend_limits import caps, true_ups
from rating.standing import Committed, pay, recorded, undone, with_positions, with_terms
from rating.tax_breakdown import RATED_BY, RATES_AT, rate_boundaries, rates, tax, with_tax_points
from rating.usage_classes import CLASS_KEY, breaks, numbered_prices, timelines, usage_classes
from schemas.operations import Operations
from schemas.units import Day, Flag, Instant, Money, Quantity, Text

ENDINGS = {
    "grant_id": Text,
    "ended_at": Instant,
    "movement": Text,
    "operation_id": Text,
    "recorded_at": Instant,
}
PROJECT_ALLOCATIONS = {
    "billing_account_id": Text,
    "sub_account_id": Text,
    "window_start": Instant,
    "window_end": Instant,
    "use_organization_credit": Flag,
    "occurred_at": Instant,
    "operation_id": Text,
    "recorded_at": Instant,
}
EARLIER_COSTS = {
    "billing_account_id": Text,
    "sub_account_id": Text,
    "sku_id": Text,
    "cost_before_grants": Money,
    "cost_after_grants": Money,
    "pricing_quantity": Quantity,
}

ISSUE_DATES = {"billing_account_id": Text, "issue_date": Day}


@dataclass(frozen=True)
class Inputs:
    """Everything a bill depends on; nothing else reaches an amount or an id (L1, L2)."""

    billing_period: str
    known_as_of: datetime
    """A period that is not over by then gives month-to-date drafts."""
    connection: duckdb.DuckDBPyConnection
    """Holds the relation `usage_records`: series_id, charge_period_start, consumed_quantity of the period."""
    usage_series: pl.DataFrame
    reference: Mapping[str, pl.DataFrame]
    grants: pl.DataFrame
    """Grants, and `recorded_at` of the operation each came from."""
    promo_discounts: pl.DataFrame
    """promo_code, billing_account_id, window_start, window_end, recorded_at of accepted codes that give a discount."""
    grant_movements: pl.DataFrame
    """What other periods have done to these grants."""
    expense_numbers: pl.DataFrame
    added_charges: pl.DataFrame = field(default_factory=Operations.empty)
    """Accepted operations that add a charge."""
    endings: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ENDINGS))
    """Grants that were recovered or refunded, and when (K5)."""
    project_allocations: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PROJECT_ALLOCATIONS))
    """Allocations of organization credit to projects, each with its switch (W4)."""
    held_before: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"billing_account_id": Text}))
    """Accounts of which an earlier period is on hold: once that is billed, it may claim what is over since (K3)."""
    earlier_costs: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EARLIER_COSTS))
    """What accounts, projects and SKUs cost and used in earlier periods, where a cost policy asks for it (W5)."""
    issue_dates: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ISSUE_DATES))
    """When the invoice of an account is issued or was, where that is known: it may decide the tax rates (T1)."""
    committed: Committed = field(default_factory=Committed.nothing)
    """What is committed of accounts whose invoice of the period stands (L4, X2)."""


@on_one_thread
def rate_period(inputs: Inputs, accounts: pl.DataFrame | None = None) -> Outputs:
    """Turn one billing period's usage into invoices and what the ledger should say.

    Reads    accounts: `account_terms` of the inputs, where they are known already
    """
    accounts = account_terms(inputs) if accounts is None else accounts
    return outputs(_rated(inputs, accounts), accounts, inputs.expense_numbers)


@on_one_thread
def rated(inputs: Inputs) -> Rated:
    """What the stages of a period make, before it becomes tables: what an explanation looks at (G8)."""
    return _rated(inputs, account_terms(inputs))


def _rated(inputs: Inputs, accounts: pl.DataFrame) -> Rated:
    """The stages, in order."""
    reference, committed = inputs.reference, inputs.committed
    terms, grants = _terms_and_grants(inputs, accounts)
    accounts, lasting = accounts.filter("is_open"), accounts
    terms_of = _terms_of(accounts)

    # usage and what was added -> charges; accounts without a price are parked whole
    listed = _listed(inputs, accounts, terms_of, _reaches(inputs, accounts, terms, grants))
    charged, parked = listed.charged, listed.parked
    items, _ = with_classes(_without(parked, charged).drop("class_id"))

    # charges -> what they cost: discounts, then what is over a maximum, then what a minimum lacks
    terms = _without(parked, terms)
    discounted = discounts(items, terms)
    items = _less(items, discounted, "discount_mu", start="list_cost_mu", rest="discounted_mu")
    capped = caps(items, reference["spend_limits"], accounts)
    items = _less(items, capped, "cap_mu", start="discounted_mu", rest="net_mu")
    lacking = true_ups(items, reference["spend_limits"], _without(parked, accounts), reference["skus"])
    items = among(items, _uncut(_with_terms(lacking, terms_of)))

    # accounts without a tax rate are parked whole too
    items = items.with_columns(rates_at=RATES_AT)
    tax_rates = rates(items, reference["tax_rates"], committed.tax_rates)
    untaxed, too_much = parking.untaxed(items, tax_rates), parking.out_of_bounds_with_tax(items, tax_rates)
    parked = _parked(parked, parking.unbillable(lacking, accounts), untaxed, too_much)
    amounts = _other_amounts(charged, items, parked, tax_rates)
    on_hold = pl.concat([parking.holds(parked, amounts, accounts), listed.not_open])
    grants = _without(parked, grants)
    items, _ = with_classes(_without(parked, items).drop("class_id"))

    # what they cost -> what is due: grants that lower the taxable amount, then tax, then credits
    opening = balances(grants, inputs.grant_movements)
    governed = stopped(items, _known(inputs.project_allocations, inputs), accounts)
    unpaid, payable = items, netted(items, "net_mu", across_categories=False)
    bonuses = pay(unpaid, payable, grants, opening, "before", governed, committed)
    items, tax_groups, tax_shares = _taxed(unpaid, bonuses, tax_rates)
    payable = netted(items, "due_mu", across_categories=True)
    credits = pay(items, payable, grants, opening, "after", governed, committed)
    items = _less(items, credits, "credit_mu", start="due_mu", rest="rest_mu")

    # what was paid of an invoice stays due
    less = undone(items, bonuses, credits, tax_rates, committed)
    if less is not None:
        bonuses, credits = less
        items, tax_groups, tax_shares = _taxed(unpaid, bonuses, tax_rates)
        items = _less(items, credits, "credit_mu", start="due_mu", rest="rest_mu")

    return Rated(
        items=items,
        discounted=discounted,
        capped=capped,
        bonuses=bonuses,
        credits=credits,
        tax_groups=tax_groups,
        tax_shares=tax_shares,
        grants=grants,
        opening=opening,
        floors=floors(grants, pl.concat([bonuses, credits]), opening, lasting),
        holds=on_hold,
        unpriced=_without(parked, listed.unpriced),
        watched=measures(
            items, listed.watched, inputs.earlier_costs, reference["cost_policies"], _without(parked, accounts)
        ),
        terms=terms,
        stopped=governed,
    )


@dataclass(frozen=True)
class Listed:
    """Usage and added charges at list price, before anything is taken off."""

    charged: pl.DataFrame
    """Charges, those of parked accounts too."""
    parked: pl.DataFrame
    """billing_account_id, reason_code, reason of accounts that have something without a price."""
    unpriced: pl.DataFrame
    """Metered rows that no price covers."""
    not_open: pl.DataFrame
    """Holds of accounts that are not open in the period."""
    watched: pl.DataFrame
    """Exact quantities that cost policies ask for."""


@on_one_thread
def listed(inputs: Inputs) -> Listed:
    """What the usage of a period costs at list price: the stages up to there."""
    accounts = account_terms(inputs).filter("is_open")
    terms, grants = _terms_and_grants(inputs, accounts)
    return _listed(inputs, accounts, _terms_of(accounts), _reaches(inputs, accounts, terms, grants))


def _listed(inputs: Inputs, accounts: pl.DataFrame, terms_of: pl.DataFrame, reaches: pl.DataFrame) -> Listed:
    """Usage -> rating lines; these and what was added -> charges."""
    reference = inputs.reference
    usage = used(inputs, accounts, reaches)
    parts = line_parts(only(usage.uses, usage.uses.select(_CAN_BE_CHARGED).to_series()), usage.classes)
    costs, values = list_costs(parts, usage.uses, usage.classes, usage.price_terms)
    keyed = usage.uses.hstack(usage.classes.select(_OF_CLASS)[usage.uses["class_id"]])  # a class is its row
    parked = parking.impossible(keyed, accounts)
    added = inputs.added_charges.filter(pl.col("billing_period") == inputs.billing_period)
    added = added.filter(pl.col("recorded_at") <= _known_as_of(inputs))
    one_offs = one_off_charges(added, accounts, reference["skus"])
    of_usage = charges(parts, costs, values, usage.classes, usage.prices)
    charged = among(_with_terms(of_usage, terms_of), _with_terms(one_offs, terms_of))
    owners = inputs.usage_series.join(usage.metered, on="series_id", how="semi")
    return Listed(
        charged=charged,
        parked=_parked(parked, parking.unbillable(one_offs, accounts), parking.out_of_bounds(charged)),
        unpriced=keyed.filter(pl.col("price_row").is_null()),
        not_open=parking.not_open(owners, added, accounts, reference["billing_accounts"], inputs.billing_period),
        watched=watched_quantities(parts, usage.classes, reference["cost_policies"]),
    )


_CAN_BE_CHARGED = pl.col("price_row").is_not_null() & pl.col("has_factor") & ~pl.col("is_beyond")
_OF_CLASS = [
    *("billing_period", "billing_account_id", "sub_account_id", "sku_id", "region_id", "consumed_unit", "exponent"),
]


@dataclass(frozen=True)
class Used:
    """The usage of a period as rating sees it: what it is, at what price, and how much of it is charged."""

    classes: pl.DataFrame
    metered: pl.DataFrame
    uses: pl.DataFrame
    """One row per metered row (quantities.py), with `rest`: what is left of it to charge."""
    prices: pl.DataFrame
    price_terms: PriceTerms


def used(inputs: Inputs, accounts: pl.DataFrame, reaches: pl.DataFrame, *, each_record: bool = False) -> Used:
    """Meter the usage of a period, convert and round it, and take off what is free.

    Where the free quantity runs out among several lines, usage is metered a second time, instant by instant.

    Reads    inputs; account periods; reaches: the windows that cut (`cuts`)
             each_record: whether all usage is told apart by instant and quantity
    Source   P1, P2, P4, the free quantity of P3
    """
    reference = inputs.reference
    recurring = recurring_usage(reference["recurring_items"], accounts, reference["skus"])
    prices = numbered_prices(reference["sku_prices"], reference["price_tiers"])
    series = pl.concat(
        [inputs.usage_series.with_columns(charge_category=pl.lit("usage")), recurring.select("series_id", *CLASS_KEY)],
        how="diagonal",
    )
    classes, members = usage_classes(series, accounts, reference["skus"], prices)
    classes, stretches = timelines(classes, prices, reference["unit_conversions"], cuts(classes, reaches))
    by_record = prices.filter(pl.col("price_model").is_in(BY_RECORD))
    whole = whole_records(reference["skus"], by_record, accounts.select("time_zone"))
    known = details(classes, stretches, members, prices, takes_whole(whole, classes))
    asked = {
        "breaks": breaks(stretches, classes, members),
        "cutoffs": _cutoffs(classes, members, accounts),
        "periods": _periods(classes, members),
        "whole": of_series(whole if has_earlier(inputs.connection) else whole.clear(), classes, members),
    }
    if each_record:
        known = each_instant(known, members.select("series_id"))
    metered = metered_usage(inputs.connection, details=known, **asked)
    items = as_metered(recurring, members, classes, stretches)

    def counted(metered: pl.DataFrame) -> pl.DataFrame:
        rows = pl.concat([metered, items], how="diagonal")
        return with_free(uses(rows, series, members, classes, stretches, prices), classes)

    found = counted(metered)
    coarse = found.filter("is_coarse")
    coarse = coarse.filter(classes["charge_category"][coarse["class_id"]] == "usage").select("series_id").unique()
    if coarse.height:
        finer = metered_usage(inputs.connection, details=each_instant(known, coarse), wanted=coarse, **asked)
        finer = pl.concat([metered.join(coarse, on="series_id", how="anti"), finer])
        found = counted(finer)
    return Used(classes, metered, found, prices, price_terms(prices, reference["price_tiers"]))


def uses_of(inputs: Inputs) -> pl.DataFrame:
    """What each usage record contributes to its charge.

    Reads    inputs, of as few accounts as are asked about
    Makes    series_id, at, value (the record's start and quantity; recurring items have a series of their own),
             charge_category, charge_id, rating_line_id, record_count (records alike), weight: an integer as text, of
             any size; weights of a charge compare
    Source   P8
    """
    accounts = account_terms(inputs).filter("is_open")
    terms, grants = _terms_and_grants(inputs, accounts)
    usage = used(inputs, accounts, _reaches(inputs, accounts, terms, grants), each_record=True)
    priced = usage.uses.filter(_CAN_BE_CHARGED)
    parts = line_parts(priced, usage.classes)
    costs, values = list_costs(parts, priced, usage.classes, usage.price_terms)
    items = charges(parts, costs, values, usage.classes, usage.prices)
    weighed = record_weights(priced, parts, usage.price_terms)
    keys = items.select("line_id", "segment_start", "charge_id", "rating_line_id")
    weighed = weighed.with_columns(usage.classes["charge_category"][weighed["class_id"]])
    return weighed.join(keys, on=["line_id", "segment_start"]).select(
        "series_id",
        pl.coalesce("at", "first_record_at").alias("at"),
        pl.coalesce("value", "consumed_quantity").alias("value"),
        "charge_category",
        "charge_id",
        "rating_line_id",
        "record_count",
        "weight",
    )


def account_terms(inputs: Inputs) -> pl.DataFrame:
    """The accounts of the period with what their bill depends on: `account_periods`, is_caught_up (K3).

    One that has ended lasts while it has credit: nothing is charged to it, but what is left ends, or is given back
    (K3, K5). One whose invoice stands is taxed where it was when that was made (T4).
    """
    reference = inputs.reference
    accounts = account_periods(
        reference["billing_accounts"],
        reference["sellers"],
        reference["currencies"],
        reference["billing_policies"],
        billing_period=inputs.billing_period,
        known_as_of=inputs.known_as_of,
        lasting=inputs.grants,
    )
    if not accounts["is_open"].all():
        accounts = accounts.filter(pl.col("is_open") | pl.col("billing_account_id").is_in(_holding(inputs, accounts)))
    held = pl.col("billing_account_id").is_in(inputs.held_before["billing_account_id"].implode())
    accounts = with_tax_points(accounts.with_columns(is_caught_up=~held), inputs.issue_dates)
    return with_terms(accounts, inputs.committed)


def _holding(inputs: Inputs, accounts: pl.DataFrame) -> pl.Series:
    """The accounts that have anything left of a grant: one list of billing_account_id."""
    grants = _of_accounts(_known(inputs.grants, inputs), accounts)
    left = balances(grants, inputs.grant_movements).filter(pl.col("balance_mu") > 0)
    return grants.join(left, on="grant_id", how="semi")["billing_account_id"].unique().implode()


def _terms_and_grants(inputs: Inputs, accounts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The discounts and the grants that accounts of the period have."""
    terms = discount_terms(inputs.reference["discounts"], _known(inputs.promo_discounts, inputs), accounts)
    owners = inputs.grants.select("grant_id", "billing_account_id")
    endings = inputs.endings.join(owners, on="grant_id", how="left", maintain_order="left")
    grants = with_endings(_known(inputs.grants, inputs), _known(endings, inputs))
    grants = with_positions(grants, accounts, inputs.committed)
    return terms, _of_accounts(grants, accounts)


def _of_accounts(grants: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The grants of accounts, with the exponent of their currency."""
    return grants.join(accounts.select("billing_account_id", "exponent"), on="billing_account_id")


def _known(rows: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """What had been recorded by then (L1), of a period that is paid by when it was computed (X2)."""
    return recorded(rows, _known_as_of(inputs), inputs.committed)


def _known_as_of(inputs: Inputs) -> pl.Expr:
    return pl.lit(inputs.known_as_of, dtype=Instant)


def _reaches(inputs: Inputs, accounts: pl.DataFrame, terms: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """Every window that may cut a line: those of discounts, of grants and of tax rates (P7, T1)."""
    columns = ["billing_account_id", "project_id", "window_start", "window_end", "include", "exclude"]
    return pl.concat(
        [
            terms.with_columns(project_id=pl.lit(None, dtype=pl.String)).select(columns),
            grants.with_columns(project_id=pl.col("sub_account_id")).select(columns),
            rate_boundaries(accounts, inputs.reference["tax_rates"], inputs.committed.tax_rates).select(columns),
        ]
    )


def _cutoffs(classes: pl.DataFrame, members: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Up to when usage counts, for the series of accounts whose period is not over."""
    open_accounts = accounts.filter(~pl.col("is_closing")).select("billing_account_id", "cutoff")
    open_classes = classes.select("class_id", "billing_account_id").join(open_accounts, on="billing_account_id")
    return members.join(open_classes, on="class_id").select("series_id", "cutoff")


def _periods(classes: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """The billing period of each series, where its account is; a class is its row."""
    return members.select("series_id").hstack(classes.select("period_start", "period_end")[members["class_id"]])


def _terms_of(accounts: pl.DataFrame) -> pl.DataFrame:
    """What a charge of each account depends on: its document, policies and jurisdictions."""
    terms = accounts.join(invoice_ids(accounts), on="billing_account_id")
    return terms.rename({"charge_order": "charge_order_policy"})


def _with_terms(items: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """Charges with the terms of their account."""
    known = [name for name in terms.columns if name in items.columns and name != "billing_account_id"]
    return items.join(terms.drop(known), on="billing_account_id", how="left", maintain_order="left")


def _parked(parked: pl.DataFrame, *found: pl.DataFrame) -> pl.DataFrame:
    """The accounts that are parked, each with the reason that was found first."""
    for more in found:
        parked = pl.concat([parked, _without(parked, more)])
    return parked


def _without(parked: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of accounts that are billed."""
    return rows.join(parked, on="billing_account_id", how="anti", maintain_order="left")


def _uncut(items: pl.DataFrame) -> pl.DataFrame:
    """Charges that no discount and no cap looks at: what a minimum lacks is lacking after both (P10)."""
    nothing = pl.lit(0, dtype=pl.Int64)
    return items.with_columns(discount_mu=nothing, discounted_mu="list_cost_mu", cap_mu=nothing, net_mu="list_cost_mu")


def _other_amounts(
    charged: pl.DataFrame, items: pl.DataFrame, parked: pl.DataFrame, tax_rates: pl.DataFrame
) -> pl.DataFrame:
    """What a parked account's other charges come to: those that have a price, or a tax rate where that is missing."""
    priced = charged.join(parked.filter(pl.col("reason_code") != "H_NO_TAX_RATE"), on="billing_account_id")
    untaxed = items.join(parked.filter(reason_code="H_NO_TAX_RATE"), on="billing_account_id")
    taxed = untaxed.join(tax_rates, on=RATED_BY, how="semi")
    kept = pl.concat([rows.select("billing_account_id", "list_cost_mu") for rows in (priced, taxed)])
    return kept.group_by("billing_account_id").agg(other_mu=pl.col("list_cost_mu").sum())


def _less(items: pl.DataFrame, applied: pl.DataFrame, taken: str, *, start: str, rest: str) -> pl.DataFrame:
    """Charges with what was taken from each, and what that leaves."""
    sums = applied.group_by("charge_id").agg(pl.col("amount_mu").sum().alias(taken))
    items = items.join(sums, on="charge_id", how="left", maintain_order="left")
    items = items.with_columns(pl.col(taken).fill_null(0))
    return items.with_columns((pl.col(start) - pl.col(taken)).alias(rest))


def _taxed(
    items: pl.DataFrame, bonuses: pl.DataFrame, tax_rates: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Charges with what bonuses leave to tax and their tax; the tax of each group, and its shares."""
    items = _less(items, bonuses, "grant_mu", start="net_mu", rest="taxable_mu")
    groups, shares = tax(items, tax_rates)
    return _with_tax(items, shares), groups, shares


def _with_tax(items: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Charges with their tax, its code, its rate where one component applies, and what is due with it."""
    sums = (
        shares.sort("charge_id", "component")
        .group_by("charge_id", maintain_order=True)
        .agg(
            pl.col("tax_mu").sum(),
            tax_code=pl.col("code").first(),
            tax_rate=pl.when(pl.len() == 1).then(pl.col("rate").first()),
        )
    )
    items = items.join(sums, on="charge_id", how="left", maintain_order="left")
    return items.with_columns(due_mu=pl.col("taxable_mu") + pl.col("tax_mu"))
