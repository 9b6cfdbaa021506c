"""Credit notes of refunds of credit that was sold with tax: what a period's issue makes of them (K5, T4)."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from flows import books
from flows.lake.journal import Snapshot
from flows.period_tables import DOCUMENT_TABLES, SOLD
from flows.reference import Reference
from rating.chains import chained
from rating.corrections import Documents
from rating.dates import LAST_INSTANT
from rating.invoices import INVOICE
from rating.ledger_entries import refunds
from rating.policies import account_policies
from rating.refunds import OF_PERIOD, SALE, refund_notes
from schemas.units import Instant, Text


def waiting_notes(
    snapshot: Snapshot,
    reference: Reference,
    operation: Mapping[str, Any],
    made: Documents | None = None,
    freed: Collection[tuple[str, str]] = (),
) -> Documents:
    """The documents that an `issue_invoices` makes of refunds: what those of sales lack of what its period refunded,
    and what those of other periods say more than these refund by now.

    Reads    operation: billing_period and billing_account_id, or null for all
             made: those that its commit has made; freed: billing_period, billing_account_id that it has voided
    Makes    drafts; none of accounts that the period was voided or is on hold for: what it refunds is not known
    Source   K5, T4
    """
    if not (periods := _periods(snapshot)):
        return Documents.nothing()
    period, account = operation["billing_period"], operation.get("billing_account_id")
    notes, sold = Documents.nothing(), _sold(snapshot, made)
    # what other periods no longer refund is taken back first: so a sale never gives back more than its price
    for one in sorted(periods, key=lambda one: (one == period, one)):
        found = _refunded(snapshot, reference, sold, one)
        voided = [owner for of_period, owner in freed if of_period == one]
        found = found.filter(~pl.col("billing_account_id").is_in(voided))
        found = found if account is None else found.filter(billing_account_id=account)
        lacking = refund_notes(Documents.together(sold, notes), found)
        if one != period:
            lacking = lacking.named(lacking.invoices.filter(document_type=INVOICE))
        notes = Documents.together(notes, lacking)
    return notes


def periods_with_notes(snapshot: Snapshot, reference: Reference) -> list[str]:
    """The billed periods with refunds, or less of them, that no document says yet."""
    sold = _sold(snapshot)
    return [
        one
        for one in _periods(snapshot)
        if refund_notes(sold, _refunded(snapshot, reference, sold, one)).invoices.height
    ]


def _sold(snapshot: Snapshot, made: Documents | None = None) -> Documents:
    """Every document of a sale."""
    parts = Documents(**{name: snapshot.read(name, state=SOLD) for name in DOCUMENT_TABLES})
    return parts if made is None else Documents.together(parts, made)


def _periods(snapshot: Snapshot) -> list[str]:
    """The billed periods that may refund anything of what was sold.

    A refund is posted no earlier than in the month it was, where the account is: a day is more than any zone.
    """
    refunds = _refunds(snapshot)
    if refunds.is_empty():
        return []
    first = f"{min(refunds['ended_at'].to_list()) - timedelta(days=1):%Y-%m}"
    return sorted(period for period in books.billed_periods(snapshot) if period >= first)


def _refunds(snapshot: Snapshot) -> pl.DataFrame:
    """The refunds of credit that was sold with tax: sold_by, ended_at."""
    if not snapshot.files("invoices", state=SOLD):
        return pl.DataFrame(schema={"sold_by": Text, "ended_at": Instant})
    sold = snapshot.read("grants").filter(tax_position="before", terminal_status="refunded")
    ended = books.grants_ended(snapshot).select("grant_id", "ended_at")
    return sold.select("grant_id", sold_by="operation_id").join(ended, on="grant_id").drop("grant_id")


def _refunded(snapshot: Snapshot, reference: Reference, sold: Documents, period: str) -> pl.DataFrame:
    """What a period gives back of the price of each sale of its accounts: `refunds` of `refund_notes`."""
    roots = sold.invoices.filter(pl.col("preceding_invoice_number").is_null()).select(SALE)
    periods = snapshot.read("account_periods", billing_period=period)
    accounts = periods.join(_without_state(snapshot, period), on="billing_account_id", how="anti")
    accounts = accounts.join(roots, on="billing_account_id", how="semi", maintain_order="left")
    accounts = accounts.with_columns(last_instant=LAST_INSTANT, cutoff_at="period_end")
    accounts = account_policies(accounts, reference["billing_policies"]).select("billing_account_id", *OF_PERIOD)
    moved = snapshot.read("grant_movements", billing_period=period, **books.MADE_BY_BILLING).filter(movement="refunded")
    grants = snapshot.read("grants").select("grant_id", "price_paid", sold_by="operation_id", face_amount="amount")
    rows = moved.join(grants, on="grant_id").join(accounts, on="billing_account_id")
    rows = rows.with_columns(service_period="billing_period", amount=-pl.col("amount"))
    given = refunds(rows.select(*SALE, "grant_id", "service_period", "amount", "face_amount", "price_paid", "exponent"))
    given = given.select(*SALE, refunded_amount="cash_amount")
    return (
        roots.join(accounts, on="billing_account_id")
        .join(given, on=SALE, how="left")
        .with_columns(pl.col("refunded_amount").fill_null(0))
    )


def _without_state(snapshot: Snapshot, period: str) -> pl.DataFrame:
    """The accounts on hold whose period has no invoice that stands: its books say nothing of them."""
    issued = chained(snapshot.read("invoices", billing_period=period, state="issued"))
    standing = issued.filter(~pl.col("is_voided"))
    holds = snapshot.read("holds", billing_period=period)
    return holds.join(standing, on="billing_account_id", how="anti").select("billing_account_id")
