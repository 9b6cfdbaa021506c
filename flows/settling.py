"""Periods that a run finds paid: what was due then is written down, and they stay so while that much is paid (X2)."""

import polars as pl

from flows import books
from flows.changes.baselines import named, nobody
from flows.lake.journal import Snapshot
from flows.reference import Reference
from flows.standing import binding
from rating.chains import OWNER, PAID

WHY = "paid, with a correction that waits"


def found_paid(account_periods: pl.DataFrame, stands: pl.DataFrame) -> pl.DataFrame:
    """Account periods, those that are paid with what was due of them, the least that any run found.

    Reads    AccountPeriods of one billing period; stands: `binding` of it
    Makes    AccountPeriods
    Source   X2
    """
    whole = pl.when(pl.col("due_amount") <= pl.col("paid_amount")).then("due_amount")
    paid = stands.filter(standing=PAID).select("billing_account_id", whole.alias("due_amount"))
    rows = account_periods.join(paid, on="billing_account_id", how="left", maintain_order="left")
    settled = pl.min_horizontal("settled_amount", "due_amount")
    return rows.with_columns(settled_amount=settled).select(account_periods.columns)


def to_settle(snapshot: Snapshot, reference: Reference) -> pl.DataFrame:
    """The periods whose `settled_amount` a backfill writes down though nothing of theirs has changed.

    A period that a backfill finds paid stays so, whatever is invoiced of it next (`standing`); of one that a bill finds
    paid nothing waits. Where nothing is to be invoiced, that may wait until it is computed again for another reason. A
    correction that waits since the period was not paid is issued without that: it is found paid before, so that it is
    by what is due and paid, not by what else a backfill looks at, that a period is frozen.

    Makes    billing_account_id, billing_period, why; none that is on hold, which keeps what it says
    Source   X2, L1
    """
    files = snapshot.files("invoices", state="draft")
    drafts = books.columns_of(snapshot.lake, files, "invoices", (*OWNER, "preceding_invoice_number"))
    waiting = drafts.drop_nulls("preceding_invoice_number").select(OWNER).unique()
    if waiting.is_empty():
        return nobody()
    stands = binding(snapshot, reference["billing_policies"], since=str(waiting["billing_period"].min()))
    is_paid = (pl.col("standing") == PAID) & (pl.col("due_amount") <= pl.col("paid_amount"))
    paid = stands.filter(is_paid).join(waiting, on=OWNER, how="semi")
    states = snapshot.read("account_periods", billing_period=paid["billing_period"].unique().to_list())
    settled = states.select(*OWNER, "settled_amount")
    is_new = pl.col("settled_amount").is_null() | (pl.col("settled_amount") > pl.col("due_amount"))
    found = paid.join(settled, on=OWNER).filter(is_new).join(snapshot.read("holds"), on=OWNER, how="anti")
    return named(found, WHY)
