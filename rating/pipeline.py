"""A billing period, from usage to what the books should say. The order of the stages is policy, so it is written here.

usage ─ meter ─> parts ─ price ─> rating lines ─ cut ─> charges
charges ─ discounts ─ grants before tax ─ tax ─ grants after tax ─> invoice lines, invoices
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
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
from rating.expense_numbers import expense_numbers
from rating.grant_movements import balances, grant_movements
from rating.invoices import invoice_ids, invoice_lines, invoices
from rating.ledger_entries import period_entries
from rating.money import to_money
from rating.scopes import with_classes
from rating.sql import query
from rating.tax_breakdown import rates, tax
from schemas.account_periods import AccountPeriods
from schemas.allocations import Allocations
from schemas.charges import Charges
from schemas.rating_lines import RatingLines
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_shares import TaxShares
from schemas.units import Instant
from schemas.unpriced_usage import UnpricedUsage


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


@dataclass(frozen=True)
class Outputs:
    """What the books should say about the period, one table each."""

    account_periods: pl.DataFrame
    rating_lines: pl.DataFrame
    charges: pl.DataFrame
    expense_numbers: pl.DataFrame
    allocations: pl.DataFrame
    tax_breakdown: pl.DataFrame
    tax_shares: pl.DataFrame
    grant_movements: pl.DataFrame
    invoices: pl.DataFrame
    invoice_lines: pl.DataFrame
    holds: pl.DataFrame
    unpriced_usage: pl.DataFrame
    ledger: pl.DataFrame
    """Ledger entries before they are numbered into transactions: the desired state (L1)."""

    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


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
    on_hold = parking.holds(parked, _other_amounts(items, parked, tax_rates), accounts)
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
    rated = _Rated(items, discounted, bonuses, credits, tax_groups, tax_shares, grants, opening, on_hold, unpriced)
    return _outputs(inputs, accounts, rated)


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


def _outputs(inputs: Inputs, accounts: pl.DataFrame, rated: "_Rated") -> Outputs:
    """The stages' results as tables, in the currency's own digits."""
    items = rated.items
    numbers = expense_numbers(items, inputs.expense_numbers)
    items = items.join(
        pl.concat([numbers, inputs.expense_numbers]).select("charge_id", "expense_number"),
        on="charge_id",
        how="left",
        maintain_order="left",
    )
    applications = pl.concat([rated.bonuses, rated.credits]).join(
        items.select("charge_id", "charge_period_end", "expense_number"), on="charge_id"
    )
    movements = grant_movements(applications, rated.grants, rated.opening, accounts)
    lines = invoice_lines(items)
    breakdown = _tax_breakdown(rated.tax_groups, accounts)
    closing = accounts.filter("is_closing").select("billing_account_id")
    return Outputs(
        account_periods=AccountPeriods.conform(accounts.drop_nulls(["exponent", "seller_jurisdiction"])),
        rating_lines=_rating_lines(items),
        charges=Charges.conform(_money(items, list_cost="list_cost_mu")),
        expense_numbers=numbers,
        allocations=_allocations(items, rated),
        tax_breakdown=breakdown,
        tax_shares=TaxShares.conform(
            _money(
                _of_charges(rated.tax_shares.drop("billing_account_id"), items),
                taxable_amount="taxable_mu",
                tax_amount="tax_mu",
            ).sort("charge_id", "component")
        ),
        grant_movements=movements,
        invoices=invoices(items, accounts),
        invoice_lines=lines,
        holds=rated.holds,
        unpriced_usage=_unpriced_usage(rated),
        ledger=period_entries(
            lines.join(closing, on="billing_account_id", how="semi"),
            breakdown.join(closing, on="billing_account_id", how="semi"),
            movements.join(closing, on="billing_account_id", how="semi"),
            rated.grants,
        ),
    )


def _money(rows: pl.DataFrame, **columns: str) -> pl.DataFrame:
    return rows.drop([name for name in columns if name in rows.columns]).with_columns(
        to_money(mu).alias(name) for name, mu in columns.items()
    )


def _of_charges(rows: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    keys = items.select("charge_id", "billing_account_id", "billing_period", "billing_currency", "exponent")
    return rows.join(keys, on="charge_id", maintain_order="left")


def _allocations(items: pl.DataFrame, rated: "_Rated") -> pl.DataFrame:
    """Discounts, bonuses and credits as rows of one shape."""
    kinds = [
        (rated.discounted, "discount", "before", "discount_id", "discount_order"),
        (rated.bonuses, "grant", "before", "grant_id", "allocation_order"),
        (rated.credits, "grant", "after", "grant_id", "allocation_order"),
    ]
    rows = [
        applied.select(
            "charge_id",
            "amount_mu",
            allocation_kind=pl.lit(kind),
            tax_position=pl.lit(position),
            source_id=pl.col(source),
            allocation_order=pl.col(order),
        )
        for applied, kind, position, source, order in kinds
    ]
    found = _money(_of_charges(pl.concat(rows), items), amount="amount_mu")
    return Allocations.conform(found.sort("charge_id", "allocation_kind", "tax_position", "allocation_order"))


def _tax_breakdown(groups: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    rows = groups.join(accounts, on="billing_account_id", maintain_order="left").join(
        invoice_ids(accounts), on="billing_account_id", maintain_order="left"
    )
    found = _money(rows, taxable_amount="taxable_mu", tax_amount="tax_mu")
    return TaxBreakdown.conform(found.sort("billing_account_id", "code", "rate", "component"))


def _rating_lines(items: pl.DataFrame) -> pl.DataFrame:
    """Rating lines are their charges together (P7)."""
    lines = items.group_by("rating_line_id", maintain_order=True).agg(
        pl.col("list_cost_mu", "record_count").sum(),
        pl.col("pricing_quantity").sum(),
        *(
            pl.col(name).first()
            for name in [*RatingLines.columns(), "exponent"]
            if name in items.columns and name not in ("rating_line_id", "record_count", "pricing_quantity", "list_cost")
        ),
    )
    return RatingLines.conform(_money(lines, list_cost="list_cost_mu").sort("rating_line_id"))


def _unpriced_usage(rated: "_Rated") -> pl.DataFrame:
    """Usage without a price, of accounts whose policy is to skip it (P4)."""
    key = ["billing_period", "billing_account_id", "sub_account_id", "sku_id", "region_id", "consumed_unit"]
    rows = rated.unpriced.group_by(key).agg(
        pl.col("consumed_quantity", "record_count").sum(), pl.col("first_record_at").min()
    )
    return UnpricedUsage.conform(rows.sort(key, nulls_last=True))


@dataclass(frozen=True)
class _Rated:
    """What the stages hand to `_outputs`."""

    items: pl.DataFrame
    discounted: pl.DataFrame
    bonuses: pl.DataFrame
    credits: pl.DataFrame
    tax_groups: pl.DataFrame
    tax_shares: pl.DataFrame
    grants: pl.DataFrame
    opening: pl.DataFrame
    holds: pl.DataFrame
    unpriced: pl.DataFrame
