"""The journal of commits, for people."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Instant, Text


class Runs(Table):
    """One row per commit."""

    commit_number: Count = column("place in the journal", source="B2", example="2", ge=0)
    run_id: Text = column("hash of what went in", source="L2", example="run-1")
    command: Text = column("what was asked", source="architecture, Journal", example="bill")
    billing_period: Text = columns.billing_period(nullable=True)
    known_as_of: Instant = columns.known_as_of(nullable=True)
    input_digest: Text = column("digest of the named inputs", source="L1", example="2c26b46b68ffc68f")
    reference_digest: Text = column(
        "digest of the reference tables", source="L1", example="fcde2b2edba56bf4", nullable=True
    )
    approved_by: Text = column(
        "who approved it, where it was held before", source="reliability, Fates", example="operator", nullable=True
    )
    rows_added: Count = column(
        "rows in the files it added", unit="rows", source="architecture, Journal", example="120", ge=0
    )
    files_added: Count = column("files it added", unit="files", source="architecture, Journal", example="8", ge=0)
    summary: Text = column("what it did, as JSON", source="architecture, Journal", example='{"invoices": 3}')
    commit_hash: Text = column("hash of the commit, chained to the one before", source="B2", example="9b74c9897bac770f")

    class Config:
        unique = ("commit_number",)
