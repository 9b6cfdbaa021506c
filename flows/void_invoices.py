"""What a period said of an account is taken back in the commit that voids its invoice (I4).

The invoice, what corrected it and the credit note that takes both back stay for ever; the state they were made of goes,
so its grants are free again, and the account is on hold until the period is billed again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from flows import books
from flows.lake import tables
from flows.lake.journal import FileEntry, Snapshot
from flows.period_tables import STATE_TABLES, made_by, on_hold
from rating.accounting_periods import POLICY, booked
from rating.corrections import Documents
from rating.ledger_entries import KEY, document_entries
from schemas.ledger_entries import LedgerEntries

OF_GRANTS = ("grant_applied", "grant_ended")


@dataclass(frozen=True)
class TakenBack:
    """What voiding adds and removes."""

    added: list[FileEntry] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    entries: pl.DataFrame = field(default_factory=lambda: LedgerEntries.empty().select(*KEY, "amount"))
    """KEY and amount."""


def take_back(
    snapshot: Snapshot, voids: pl.DataFrame, notes: Documents, issued: pl.DataFrame, run_id: str
) -> TakenBack:
    """Take back the state of periods whose invoices are voided, and post that.

    Reads    voids   billing_account_id, billing_period, closed_through, billing_currency: each account and period once
             notes   the full credit notes; issued: all documents that the commit issues, these among them
    Makes    files without the accounts' rows, a hold for each; entries: the mirror of what the chains said, of what
             their grants paid and lost, and of drafts that go with them
    Source   I4, B1, B2
    """
    if voids.is_empty():
        return TakenBack()
    found = TakenBack()
    for (period,), rows in voids.group_by(["billing_period"], maintain_order=True):
        _rewrite(snapshot, str(period), rows, run_id, found)
    said = document_entries(notes.invoices, notes.invoice_lines, notes.tax_breakdown)
    undone = pl.concat([_undone(snapshot, voids, issued), said.select(*KEY, "amount")])
    closed = voids.select("billing_account_id", "billing_period", POLICY).rename({"billing_period": "service_period"})
    entries = booked(undone.drop("accounting_period"), closed, ["billing_account_id", "service_period"])
    return TakenBack(found.added, found.removed, entries.select(*KEY, "amount"))


def _rewrite(snapshot: Snapshot, period: str, voids: pl.DataFrame, run_id: str, found: TakenBack) -> None:
    """The files of a period's state that hold rows of these accounts, without them; and their holds."""
    gone = voids.select("billing_account_id")

    def write(table: str, rows: pl.DataFrame, partition: Mapping[str, str]) -> None:
        label = f"{snapshot.number + 1:06}-void-{len(found.added):03}"
        found.added.append(snapshot.lake.write_table(table, rows, run_id=run_id, partition=partition, label=label))

    for entry in _state_files(snapshot, period):
        owners = books.columns_of(snapshot.lake, [entry], entry.table, ("billing_account_id",))
        if owners.join(gone, on="billing_account_id", how="semi").is_empty():
            continue
        rows = tables.read_parquet(entry.table, [snapshot.lake.path(entry)])
        rest = rows.join(gone, on="billing_account_id", how="anti", maintain_order="left")
        found.removed.append(entry.path)
        if rest.height:
            write(entry.table, rest, entry.partition)
    held = voids.with_columns(billing_period=pl.lit(period))
    write("holds", on_hold(held, "H_VOIDED"), {"billing_period": period})


def _state_files(snapshot: Snapshot, period: str) -> Iterable[FileEntry]:
    for table in STATE_TABLES:
        if table != "account_periods":
            yield from snapshot.files(table, billing_period=period, **made_by(table))


def _undone(snapshot: Snapshot, voids: pl.DataFrame, issued: pl.DataFrame) -> pl.DataFrame:
    """The mirror of what grants paid and lost, and of drafts: of all but what issued documents said.

    A full credit note may have the id of a draft that goes.
    """
    periods = voids["billing_period"].unique().to_list()
    posted = snapshot.read("ledger_entries", service_period=periods).join(
        voids.select("billing_account_id", service_period="billing_period"),
        on=["billing_account_id", "service_period"],
        how="semi",
    )
    drafts = snapshot.read("invoices", billing_period=periods, state="draft").join(
        issued.filter(~pl.col("is_void")), on="invoice_id", how="anti"
    )
    drafts = drafts.select(source_id="invoice_id")
    of_drafts = posted.filter(pl.col("transaction_kind") == "invoice").join(drafts, on="source_id", how="semi")
    of_grants = posted.filter(pl.col("transaction_kind").is_in(OF_GRANTS))
    return pl.concat([of_drafts, of_grants]).select(*KEY, -pl.col("amount"))
