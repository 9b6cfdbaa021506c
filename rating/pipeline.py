"""A billing period, from usage to what the books should say. The order of the stages is policy, so it is written here.

usage ─ meter ─> parts ─ price ─> rating lines ─ cut ─> charges
charges ─ discounts ─ grants before tax ─ tax ─ grants after tax ─> invoice lines, invoices
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from rating import holds as parking
from rating import rating_lines as lining
from rating.account_periods import account_periods
from rating.allocations.discounts import discount_terms, discounts
from rating.allocations.grants import spend
from rating.allocations.netting import netted
from rating.charges import charges, cuts
from rating.grant_movements import balances
from rating.invoices import invoice_ids
from rating.outputs import Outputs, Rated, outputs
from rating.scopes import with_classes
from rating.sql import query
from rating.tax_breakdown import rates, tax
from schemas.units import Instant


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
    first_billed: pl.DataFrame
    """billing_account_id, first_period: what an account was first billed for, where it was."""


def rate_period(inputs: Inputs) -> Outputs:
    """Turn one billing period's usage into invoices and what the ledger should say."""
    reference = inputs.reference
    accounts = _accounts(inputs)
    terms = discount_terms(reference["discounts"], _known(inputs.promo_discounts, inputs), accounts)
    grants = _known(inputs.grants, inputs).join(
        accounts.select("billing_account_id", "exponent"), on="billing_account_id"
    )

    # usage -> rating lines
    classes, members = lining.usage_classes(inputs.usage_series, accounts, reference["skus"], reference["sku_prices"])
    stretches = lining.stretches(
        classes,
        lining.prices_in_force(classes, reference["sku_prices"]),
        lining.factors_in_force(classes, reference["unit_conversions"]),
        cuts(classes, _reaches(terms, grants)),
    )
    metered = query(
        "metered_usage",
        inputs.connection,
        breaks=lining.breaks(stretches, members),
        cutoffs=_cutoffs(classes, members, accounts),
    )
    parts = lining.parts(metered, members, stretches, classes)
    keyed = parts.join(classes, on="class_id")
    parked = parking.impossible(keyed, accounts)
    prices, tiers = lining.price_terms(reference["sku_prices"], reference["price_tiers"])
    rows = lining.line_parts(parts.filter("has_factor"), classes, prices)
    costs = lining.list_costs(rows, tiers)

    # rating lines -> charges; accounts without a price or a tax rate are parked whole
    items = _with_terms(charges(rows, costs), accounts)
    tax_rates = rates(items, reference["tax_rates"])
    parked = pl.concat([parked, parking.untaxed(items, tax_rates).join(parked, on="billing_account_id", how="anti")])
    on_hold = pl.concat(
        [
            parking.holds(parked, _other_amounts(items, parked, tax_rates), accounts),
            parking.not_open(
                metered, inputs.usage_series, accounts, reference["billing_accounts"], inputs.billing_period
            ),
        ]
    )
    items, grants, terms = (
        table.join(parked, on="billing_account_id", how="anti", maintain_order="left")
        for table in (items, grants, terms)
    )
    items, _ = with_classes(items.drop("class_id"))

    # charges -> what is due: discounts, then grants that lower the taxable amount, then tax, then credits
    opening = balances(grants, inputs.grant_movements)
    discounted = discounts(items, terms)
    items = _less(items, discounted, "discount_mu", start="list_cost_mu", rest="net_mu")
    bonuses = spend(items, netted(items, "net_mu", across_categories=False), grants, opening, "before")
    items = _less(items, bonuses, "grant_mu", start="net_mu", rest="taxable_mu")
    tax_groups, tax_shares = tax(items, tax_rates)
    items = _with_tax(items, tax_shares)
    credits = spend(items, netted(items, "due_mu", across_categories=True), grants, opening, "after")
    items = _less(items, credits, "credit_mu", start="due_mu", rest="rest_mu")

    unpriced = keyed.filter(pl.col("sku_price_id").is_null()).join(parked, on="billing_account_id", how="anti")
    rated = Rated(items, discounted, bonuses, credits, tax_groups, tax_shares, grants, opening, on_hold, unpriced)
    return outputs(rated, accounts, inputs.expense_numbers)


def _accounts(inputs: Inputs) -> pl.DataFrame:
    reference = inputs.reference
    accounts = account_periods(
        reference["billing_accounts"],
        reference["sellers"],
        reference["currencies"],
        reference["billing_policies"],
        billing_period=inputs.billing_period,
        known_as_of=inputs.known_as_of,
    )
    first = inputs.first_billed.select("billing_account_id", "first_period")
    return (
        accounts.join(first, on="billing_account_id", how="left", maintain_order="left")
        .with_columns(is_first=pl.col("first_period").fill_null(inputs.billing_period) >= inputs.billing_period)
        .drop("first_period")
    )


def _known(rows: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """What had been recorded by then (L1)."""
    return rows.filter(pl.col("recorded_at") <= pl.lit(inputs.known_as_of, dtype=Instant))


def _reaches(terms: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """Every window that may cut a line: those of discounts and those of grants (P7)."""
    columns = ["billing_account_id", "project_id", "window_start", "window_end", "include", "exclude"]
    return pl.concat(
        [
            terms.with_columns(project_id=pl.lit(None, dtype=pl.String)).select(columns),
            grants.with_columns(project_id=pl.col("sub_account_id")).select(columns),
        ]
    )


def _cutoffs(classes: pl.DataFrame, members: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Up to when usage counts, for the series of accounts whose period is not over."""
    open_accounts = accounts.filter(~pl.col("is_closing")).select("billing_account_id", "cutoff")
    open_classes = classes.select("class_id", "billing_account_id").join(open_accounts, on="billing_account_id")
    return members.join(open_classes, on="class_id").select("series_id", "cutoff")


def _with_terms(items: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Charges with what their account's bill depends on: document, policies, jurisdictions."""
    terms = accounts.join(invoice_ids(accounts), on="billing_account_id").rename(
        {"charge_order": "charge_order_policy"}
    )
    known = [name for name in terms.columns if name in items.columns and name != "billing_account_id"]
    items = items.join(terms.drop(known), on="billing_account_id", how="left", maintain_order="left")
    return items.with_columns(cap_mu=pl.lit(0, dtype=pl.Int64))


def _other_amounts(items: pl.DataFrame, parked: pl.DataFrame, tax_rates: pl.DataFrame) -> pl.DataFrame:
    """What a parked account's other charges come to: those that have a price, or a tax rate where that is missing."""
    rows = items.join(parked, on="billing_account_id")
    taxed = rows.join(tax_rates, on=["billing_account_id", "tax_category"], how="semi")
    kept = pl.concat([rows.filter(pl.col("reason_code") != "H_NO_TAX_RATE"), taxed.filter(reason_code="H_NO_TAX_RATE")])
    return kept.group_by("billing_account_id").agg(other_mu=pl.col("list_cost_mu").sum())


def _less(items: pl.DataFrame, applied: pl.DataFrame, taken: str, *, start: str, rest: str) -> pl.DataFrame:
    """Charges with what was taken from each, and what that leaves."""
    sums = applied.group_by("charge_id").agg(pl.col("amount_mu").sum().alias(taken))
    items = items.join(sums, on="charge_id", how="left", maintain_order="left")
    items = items.with_columns(pl.col(taken).fill_null(0))
    return items.with_columns((pl.col(start) - pl.col(taken)).alias(rest))


def _with_tax(items: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Charges with their tax, its code, and what is due with it."""
    sums = (
        shares.sort("charge_id", "component")
        .group_by("charge_id", maintain_order=True)
        .agg(pl.col("tax_mu").sum(), tax_code=pl.col("code").first())
    )
    items = items.join(sums, on="charge_id", how="left", maintain_order="left")
    return items.with_columns(due_mu=pl.col("taxable_mu") + pl.col("tax_mu"))
