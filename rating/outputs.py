"""The tables a period comes to: from the stages' frames in minor units to what is stored and read."""

from dataclasses import dataclass, fields

import polars as pl

from rating.cost_policies import events
from rating.expense_numbers import expense_numbers
from rating.grant_movements import grant_movements
from rating.invoices import invoice_ids, invoice_lines, invoices
from rating.ledger_entries import period_entries
from rating.money import to_money
from schemas.account_periods import AccountPeriods
from schemas.allocations import Allocations
from schemas.charges import Charges
from schemas.rating_lines import RatingLines
from schemas.tax_breakdown import TaxBreakdown
from schemas.tax_shares import TaxShares
from schemas.unpriced_usage import UnpricedUsage


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
    cost_policy_measures: pl.DataFrame
    cost_policy_events: pl.DataFrame
    ledger: pl.DataFrame
    """Ledger entries before they are numbered into transactions: the desired state (L1)."""

    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Rated:
    """What the stages of a period made, in minor units."""

    items: pl.DataFrame
    discounted: pl.DataFrame
    capped: pl.DataFrame
    bonuses: pl.DataFrame
    credits: pl.DataFrame
    tax_groups: pl.DataFrame
    tax_shares: pl.DataFrame
    grants: pl.DataFrame
    opening: pl.DataFrame
    floors: pl.DataFrame
    """What a month draws of grants beyond their use: grant_id, amount_mu."""
    holds: pl.DataFrame
    unpriced: pl.DataFrame
    watched: pl.DataFrame
    """What the cost policies in force come to: CostPolicyMeasures."""
    terms: pl.DataFrame
    """The discounts of the accounts that are billed."""
    stopped: pl.DataFrame
    """The charges that organization credit may not pay: charge_id."""


def outputs(rated: Rated, accounts: pl.DataFrame, known_numbers: pl.DataFrame) -> Outputs:
    """The stages' results as tables: amounts as Money, every table sorted by its key.

    Reads    rated, account periods, ExpenseNumbers already given
    Makes    Outputs
    """
    items = rated.items
    numbers = expense_numbers(items, known_numbers)
    items = items.join(
        pl.concat([numbers, known_numbers]).select("charge_id", "expense_number"),
        on="charge_id",
        how="left",
        maintain_order="left",
    )
    applications = pl.concat([rated.bonuses, rated.credits]).join(
        items.select("charge_id", "charge_period_end", "expense_number"), on="charge_id"
    )
    movements = grant_movements(applications, rated.floors, rated.grants, rated.opening, accounts)
    documents, lines = invoices(items, accounts), invoice_lines(items)
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
        invoices=documents,
        invoice_lines=lines,
        holds=rated.holds,
        unpriced_usage=_unpriced_usage(rated),
        cost_policy_measures=rated.watched,
        cost_policy_events=events(rated.watched),
        ledger=period_entries(
            documents.join(closing, on="billing_account_id", how="semi"),
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


def _allocations(items: pl.DataFrame, rated: Rated) -> pl.DataFrame:
    """Discounts, caps, bonuses and credits as rows of one shape."""
    kinds = [
        (rated.discounted, "discount", "before", "discount_id", "discount_order"),
        (rated.capped, "cap", "before", "spend_limit_id", "cap_order"),
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


def _unpriced_usage(rated: Rated) -> pl.DataFrame:
    """Usage without a price, of accounts whose policy is to skip it (P4)."""
    key = ["billing_period", "billing_account_id", "sub_account_id", "sku_id", "region_id", "consumed_unit"]
    rows = rated.unpriced.group_by(key).agg(
        pl.col("consumed_quantity", "record_count").sum(), pl.col("first_record_at").min()
    )
    return UnpricedUsage.conform(rows.sort(key, nulls_last=True))
