"""The documents of a period as a run finds them: what is issued, what was voided, what is made anew (L4, I4)."""

from dataclasses import dataclass, replace

import polars as pl

from flows.lake.journal import Snapshot
from flows.period_tables import DOCUMENT_TABLES
from rating.chains import OWNER, chained
from rating.corrections import Documents, again
from rating.ledger_entries import KEY, document_entries
from rating.outputs import Outputs
from schemas.units import Count


def documents(snapshot: Snapshot, period: str, state: str, accounts: pl.DataFrame | None = None) -> Documents:
    """The documents of a period in a state, of all accounts or of these."""
    tables = {name: snapshot.read(name, billing_period=period, state=state) for name in DOCUMENT_TABLES}
    if accounts is not None:
        tables = {
            name: rows.join(accounts, on="billing_account_id", how="semi", maintain_order="left")
            for name, rows in tables.items()
        }
    return Documents(**tables)


@dataclass(frozen=True)
class Voided:
    """The documents of accounts that have been invoiced for a period and have no invoice of it that stands."""

    documents: Documents

    @property
    def counted(self) -> pl.DataFrame:
        """How many documents each account has: billing_account_id, billing_period, documents."""
        rows = self.documents.invoices.group_by(OWNER).agg(documents=pl.len().cast(Count))
        return rows.sort(OWNER)

    def entries(self) -> pl.DataFrame:
        """What the ledger says of them: KEY and amount; an invoice and what takes it back."""
        made = self.documents
        return document_entries(made.invoices, made.invoice_lines, made.tax_breakdown).select(*KEY, "amount")


def voided_documents(snapshot: Snapshot, period: str, accounts: pl.DataFrame) -> Voided:
    """The voided documents of a period, of accounts with no other.

    Reads    accounts: billing_account_id
    Source   I4
    """
    if not snapshot.files("invoices", billing_period=period, state="issued"):
        return Voided(Documents.nothing())
    issued = documents(snapshot, period, "issued", accounts.select("billing_account_id").unique())
    chains = chained(issued.invoices)
    standing = chains.filter(~pl.col("is_voided")).select(OWNER).unique()
    return Voided(issued.without(standing))


def anew(outputs: Outputs, voided: Voided) -> Outputs:
    """What the books should say, its documents told apart from those that were voided by ids of their own.

    Source   I4, rule book "Ids"
    """
    if voided.documents.invoices.is_empty():
        return outputs
    made = Documents(outputs.invoices, outputs.invoice_lines, outputs.tax_breakdown)
    told = again(made, voided.counted)
    ids = made.invoices.select(*OWNER, "invoice_id").join(
        told.invoices.select(*OWNER, new_id="invoice_id"), on=OWNER, how="left"
    )
    names = ids.filter(pl.col("invoice_id") != pl.col("new_id")).select(source_id="invoice_id", new_id="new_id")
    is_of_document = pl.col("source_table").is_in(["invoices", "tax_breakdown"])
    ledger = outputs.ledger.join(names, on="source_id", how="left", maintain_order="left").with_columns(
        source_id=pl.when(is_of_document).then(pl.coalesce("new_id", "source_id")).otherwise("source_id")
    )
    return replace(
        outputs,
        invoices=told.invoices,
        invoice_lines=told.invoice_lines,
        tax_breakdown=told.tax_breakdown,
        ledger=ledger.drop("new_id"),
    )
