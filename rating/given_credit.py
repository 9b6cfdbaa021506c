"""What operations do to balances at once: credit that is given, bought, sent and allocated (B1, B3, K4, W3).

What periods do to them afterwards is in `grant_movements.py`.
"""

from collections.abc import Mapping

import polars as pl

from rating.accounting_periods import BOOKED_BY, NOTHING_CLOSED, booked
from rating.ledger_entries import KEY, post
from rating.periods import period_of
from rating.sql import content_ids
from schemas.grant_movements import GrantMovements

SENT = {"transfer_accumulation": "transfer_deduction", "credited": "allocated"}
"""How value comes onto a grant that was made from another, and how it left that one."""


def movements_of(grants: pl.DataFrame, known: pl.DataFrame, zones: Mapping[str, str]) -> pl.DataFrame:
    """The movements that new grants begin with: what came onto each, and what left the grant it was made from.

    Reads    grants  Grants that operations have just made
             known   Grants, those and all before; zones  of each account, for the period of the instant
    Makes    GrantMovements of the operations, occurred when they did; the two of a transfer or an allocation name each
             other
    Source   B3, K4, W3
    """
    sources = known.select(from_grant_id="grant_id", from_account_id="billing_account_id", from_kind="kind")
    made = grants.join(sources, on="from_grant_id", how="left", maintain_order="left").with_columns(
        movement=pl.when(pl.col("from_account_id") != pl.col("billing_account_id"))
        .then(pl.lit("transfer_accumulation"))
        .otherwise(pl.lit("credited")),
        counter_grant_id=pl.col("from_grant_id"),
        causes=pl.lit(None, dtype=pl.String),
    )
    left = made.filter(pl.col("from_grant_id").is_not_null()).with_columns(
        grant_id=pl.col("from_grant_id"),
        billing_account_id=pl.col("from_account_id"),
        movement=pl.col("movement").replace_strict(SENT, return_dtype=pl.String),
        amount=-pl.col("amount"),
        counter_grant_id=pl.col("grant_id"),
        causes=pl.col("operation_id"),
    )
    rows = pl.concat([made, left])
    periods = [
        period_of(at, zones[account]) for account, at in rows.select("billing_account_id", "occurred_at").iter_rows()
    ]
    rows = rows.with_columns(pl.Series("billing_period", periods, dtype=pl.String))
    rows = rows.with_columns(movement_id=content_ids(rows, "grant_id", "movement", "billing_period", "causes"))
    return GrantMovements.conform(rows.select([name for name in GrantMovements.columns() if name in rows.columns]))


def sale_entries(tax_breakdown: pl.DataFrame, made_by: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    """What the ledger says of the tax that credit was sold with: it came in with the price, and is owed on.

    Reads    TaxBreakdown of sale invoices; made_by: invoice_id, operation_id; closed: as `payment_entries` takes it
    Makes    KEY and amount
    Source   B1, G2
    """
    return post("tax of credit sold", _taxes(tax_breakdown, made_by, closed)).select(*KEY, "amount")


def refund_entries(tax_breakdown: pl.DataFrame, made_by: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    """What the ledger says of the tax that goes back with a refund: paid out, and owed no more; of documents that take
    some of it back, the other way round.

    Reads    TaxBreakdown of what corrects sale invoices; made_by: invoice_id, operation_id, by which they are issued
    Makes    KEY and amount
    Source   B1, K5
    """
    rows = _taxes(tax_breakdown, made_by, closed).with_columns(amount=-pl.col("amount"))
    return post("tax of refunded credit", rows).select(*KEY, "amount")


def _taxes(tax_breakdown: pl.DataFrame, made_by: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    """Tax groups as rows of an event, booked where the operation that made their document says."""
    rows = tax_breakdown.join(made_by, on="invoice_id", maintain_order="left").with_columns(
        service_period="billing_period",
        source_table=pl.lit("tax_breakdown"),
        source_id="invoice_id",
        jurisdiction="seller_jurisdiction",
        amount="tax_amount",
    )
    return booked(rows, closed, BOOKED_BY)


def entries_of(movements: pl.DataFrame, known: pl.DataFrame, closed: pl.DataFrame | None = None) -> pl.DataFrame:
    """What the ledger says of such movements: a commitment, a sale, or one liability for another.

    The transaction of a transfer is the sender's, both its sides, so that it sums to zero.

    Reads    GrantMovements of operations; Grants they are about; closed: as `payment_entries` takes it
    Makes    KEY and amount
    Source   B1
    """
    of_grant = known.select("grant_id", "kind", "terminal_status", "price_paid", "from_grant_id")
    counters = known.select(counter_grant_id="grant_id", counter_kind="kind")
    rows = (
        movements.join(of_grant, on="grant_id", maintain_order="left")
        .join(counters, on="counter_grant_id", how="left", maintain_order="left")
        .with_columns(
            service_period="billing_period", source_table=pl.lit("grant_movements"), source_id=pl.col("grant_id")
        )
    )
    rows = booked(rows, NOTHING_CLOSED if closed is None else closed, BOOKED_BY)
    new = rows.filter((pl.col("movement") == "credited") & pl.col("from_grant_id").is_null())
    is_paid = pl.col("terminal_status") == "refunded"
    free, paid = new.filter(~is_paid), new.filter(is_paid).with_columns(price=pl.col("price_paid").fill_null(0))
    gone = rows.with_columns(amount=-pl.col("amount"))
    entries = [
        post("free grant credited", free),
        post("paid grant bought", paid.with_columns(amount=pl.col("price"))),
        post("face value above the price", paid.with_columns(amount=pl.col("amount") - pl.col("price"))),
        post("credit sent to another account", gone.filter(movement="transfer_deduction")),
        post("credit allocated to a project", gone.filter(movement="allocated")),
    ]
    return pl.concat(entries).select(*KEY, "amount")
