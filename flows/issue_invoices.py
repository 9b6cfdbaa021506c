"""Drafts to numbered, immutable documents, in the commit that accepts `issue_invoices` (I1, I2, I6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from flows.lake.journal import FileEntry, Lake, Snapshot
from flows.progress import Progress, silent
from flows.reference import Reference
from flows.run import REFUSED, Refusal, Run
from rating.account_periods import account_periods
from rating.issuing import missing_fields, numbered
from rating.operations import ACCEPTED
from rating.payable import TERMS
from rating.periods import period_bounds
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices

COMMAND = "issue"


@dataclass(frozen=True)
class Issue:
    """What issuing changes: files, numbers, documents."""

    added: list[FileEntry] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    invoices: pl.DataFrame = field(default_factory=Invoices.empty)


def issue_invoices(
    lake: Lake,
    reference: Reference,
    *,
    period: str,
    issue_date: date,
    actor: str,
    received_at: datetime,
    billing_account_id: str | None = None,
    progress: Progress = silent,
) -> Run:
    """Issue the drafts of a period, of one account or of all: the operation `issue_invoices`, made and carried out.

    Errors   Refusal: there is nothing to issue, or a draft is out of date or lacks a mandatory field; nothing changes
    """
    from flows.operations import carry_out, operation_row

    snapshot = lake.snapshot()
    fields = {"billing_period": period, "issue_date": issue_date, "billing_account_id": billing_account_id}
    why_not = why_not_issue(snapshot, reference, fields)
    if why_not:
        raise Refusal(f"{why_not[0]}: {why_not[1]}")
    before = snapshot.read("operations").filter(
        (pl.col("operation") == "issue_invoices") & (pl.col("billing_period") == period)
    )
    operation = operation_row(
        received_at=received_at,
        operation_id=f"issue-{period}-{before.height + 1}",
        operation="issue_invoices",
        actor=actor,
        **fields,
    )
    run = carry_out(lake, reference, operation, progress=progress)
    decided = run.tables["operations"].row(0, named=True)
    if decided["status"] != ACCEPTED:
        return Run(REFUSED, COMMAND, run.commit, {**run.report, "reason": decided["reason"]}, run.tables)
    return Run(run.status, COMMAND, run.commit, run.report, run.tables)


def why_not_issue(snapshot: Snapshot, reference: Reference, operation: Mapping[str, Any]) -> tuple[str, str] | None:
    """The reason against issuing, if there is one: a code and what it is about."""
    from flows.bill_period import plan_bill

    period, account = operation["billing_period"], operation["billing_account_id"]
    drafts = _of(snapshot.read("invoices", billing_period=period, state="draft"), account)
    if drafts.is_empty():
        issued = _of(snapshot.read("invoices", billing_period=period, state="issued"), account)
        if issued.height:
            return "O_ALREADY_ISSUED", f"{issued.height} of {period} have been issued"
        return (
            "O_NOTHING_TO_ISSUE",
            f"{period} has no draft{f' of {account}' if account else ''}; run: billfold bill --period {period}",
        )
    missing = missing_fields(drafts)
    if missing.height:
        return "O_MANDATORY_FIELD", "; ".join(f"{one}: {what}" for one, what in missing.head(10).iter_rows())
    if _is_stale(plan_bill, snapshot, reference, period):
        return (
            "O_STALE_DRAFT",
            f"usage, operations or reference tables have changed; run: billfold bill --period {period}",
        )
    return None


def _is_stale(plan_bill: Any, snapshot: Snapshot, reference: Reference, period: str) -> bool:
    try:
        return plan_bill(snapshot.lake, reference, period=period) is not None
    except Refusal:
        return False  # a later period is billed: what the draft says is what it was billed on


def _of(invoices: pl.DataFrame, account: str | None) -> pl.DataFrame:
    return invoices if account is None else invoices.filter(pl.col("billing_account_id") == account)


@dataclass(frozen=True)
class Numbered:
    """What the accepted `issue_invoices` of a commit give a number, before anything pays it."""

    documents: pl.DataFrame
    """Invoices with payable TERMS and `issued_by`, the operation."""
    drafts: Mapping[str, pl.DataFrame]
    """What is left of the drafts of each period that something is issued of."""


def number_documents(snapshot: Snapshot, reference: Reference, accepted: pl.DataFrame) -> Numbered:
    """Number the documents that the accepted `issue_invoices` of a commit ask for, in their order.

    Source   I1, I2
    """
    requests = accepted.filter(pl.col("operation") == "issue_invoices")
    drafts = {
        period: snapshot.read("invoices", billing_period=period, state="draft") for period in requests["billing_period"]
    }
    issued = snapshot.read("invoices", state="issued")
    done = with_terms(Invoices.empty())
    for request in requests.iter_rows(named=True):
        period = request["billing_period"]
        chosen = _of(drafts[period], request["billing_account_id"])
        if chosen.is_empty():
            continue
        terms, known = _terms(reference, period), pl.concat([issued, Invoices.conform(done)])
        documents = numbered(chosen, terms, known, request["issue_date"])
        done = pl.concat([done, with_terms(documents, terms, request["operation_id"])])
        drafts[period] = drafts[period].join(chosen, on="invoice_id", how="anti")
    return Numbered(done, drafts)


def with_terms(
    documents: pl.DataFrame, terms: pl.DataFrame | None = None, issued_by: str | None = None
) -> pl.DataFrame:
    """Documents as `settle` takes them: those issued before are issued by nobody now, and are rounded no more."""
    if terms is None:
        nothing = {"exponent": pl.Int64, "payable_increment": pl.String, "rounding_charges": pl.String}
        rows = documents.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in nothing.items())
    else:
        rows = documents.join(
            terms.select("billing_account_id", *TERMS), on="billing_account_id", how="left", maintain_order="left"
        )
    return rows.with_columns(issued_by=pl.lit(issued_by, dtype=pl.String))


def issue_documents(
    snapshot: Snapshot, documents: pl.DataFrame, drafts: Mapping[str, pl.DataFrame], run_id: str
) -> Issue:
    """Write what is issued: numbered documents with what paid them at issue, and their lines; the drafts left, anew.

    Source   I1, L4
    """
    return Issue() if documents.is_empty() else _written(snapshot, run_id, documents, drafts)


def _terms(reference: Reference, period: str) -> pl.DataFrame:
    """Payment terms of the accounts and number patterns of their sellers, as of the period's last instant."""
    zones = reference["billing_accounts"]["time_zone"].unique()
    accounts = account_periods(
        reference["billing_accounts"],
        reference["sellers"],
        reference["currencies"],
        reference["billing_policies"],
        billing_period=period,
        known_as_of=max(period_bounds(period, zone)[1] for zone in zones),
    )
    return accounts.select(
        "billing_account_id",
        "payment_terms_days",
        "accounting_year_start",
        "invoice_number_pattern",
        "credit_note_number_pattern",
        *TERMS,
    )


def _written(snapshot: Snapshot, run_id: str, done: pl.DataFrame, drafts: Mapping[str, pl.DataFrame]) -> Issue:
    added: list[FileEntry] = []
    removed: list[str] = []
    for period, rest in drafts.items():
        lines = snapshot.read("invoice_lines", billing_period=period, state="draft")
        removed += [
            entry.path
            for name in ("invoices", "invoice_lines")
            for entry in snapshot.files(name, billing_period=period, state="draft")
        ]
        of_period = done.filter(pl.col("billing_period") == period)
        for state, documents in (("issued", of_period), ("draft", rest)):
            own = lines.join(documents.select("invoice_id"), on="invoice_id", how="semi", maintain_order="left")
            for table, rows in (("invoices", documents), ("invoice_lines", InvoiceLines.conform(own))):
                if rows.height:
                    partition = {"billing_period": period, "state": state}
                    added.append(
                        snapshot.lake.write_table(
                            table, rows, run_id=run_id, partition=partition, label=f"{snapshot.number + 1:06}"
                        )
                    )
    series = done.group_by("seller_id", "document_type", "accounting_year", maintain_order=True).agg(
        first=pl.col("invoice_number").first(), last=pl.col("invoice_number").last(), count=pl.len()
    )
    numbers = {
        f"{row['seller_id']}/{row['document_type']}/{row['accounting_year']}": {
            "first": row["first"],
            "last": row["last"],
            "count": row["count"],
        }
        for row in series.iter_rows(named=True)
    }
    return Issue(added, removed, numbers, done)
