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
from rating.dues import apply_payments, open_documents, open_payments
from rating.issuing import missing_fields, numbered
from rating.ledger_entries import KEY, post
from rating.operations import ACCEPTED
from rating.periods import period_bounds
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.ledger_entries import LedgerEntries
from schemas.payment_applications import PaymentApplications

COMMAND = "issue"


@dataclass(frozen=True)
class Issue:
    """What issuing changes: files, numbers, documents, and what the account balance paid of them."""

    added: list[FileEntry] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    invoices: pl.DataFrame = field(default_factory=Invoices.empty)
    applications: pl.DataFrame = field(default_factory=PaymentApplications.empty)
    entries: pl.DataFrame = field(default_factory=lambda: LedgerEntries.empty().select(*KEY, "amount"))


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


def issue_documents(snapshot: Snapshot, reference: Reference, accepted: pl.DataFrame, run_id: str) -> Issue:
    """Carry out the accepted `issue_invoices` of a commit, in their order.

    Writes   the numbered documents and their lines, once; the drafts that are left, anew
    Source   I1, I2, L4
    """
    requests = accepted.filter(pl.col("operation") == "issue_invoices")
    drafts = {
        period: snapshot.read("invoices", billing_period=period, state="draft") for period in requests["billing_period"]
    }
    issued = snapshot.read("invoices", state="issued")
    done = Invoices.empty()
    for request in requests.iter_rows(named=True):
        period = request["billing_period"]
        chosen = _of(drafts[period], request["billing_account_id"])
        if chosen.is_empty():
            continue
        documents = numbered(chosen, _terms(reference, period), pl.concat([issued, done]), request["issue_date"])
        done = pl.concat([done, documents])
        drafts[period] = drafts[period].join(chosen, on="invoice_id", how="anti")
    if done.is_empty():
        return Issue()
    done, applications = _paid_from_balance(snapshot, reference, done)
    return _written(snapshot, run_id, done, drafts, applications)


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
    )


def _paid_from_balance(
    snapshot: Snapshot, reference: Reference, done: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What an account has paid in advance pays its new documents, and is on them as paid (I6, BT-113)."""
    payments = snapshot.read("operations").filter(
        (pl.col("operation") == "record_payment") & (pl.col("status") == ACCEPTED)
    )
    before = snapshot.read("payment_applications")
    applications = apply_payments(
        open_payments(payments, before),
        open_documents(done, before),
        reference["currencies"]
        .unique("billing_currency", keep="last", maintain_order=True)
        .select("billing_currency", "exponent"),
        is_at_issue=True,
    )
    paid = applications.group_by("invoice_number").agg(balance_amount=pl.col("amount").sum())
    done = done.join(paid, on="invoice_number", how="left", maintain_order="left").with_columns(
        paid_amount=pl.col("paid_amount") + pl.col("balance_amount").fill_null(0),
        amount_due=pl.col("amount_due") - pl.col("balance_amount").fill_null(0),
    )
    return Invoices.conform(done), applications


def _written(
    snapshot: Snapshot, run_id: str, done: pl.DataFrame, drafts: Mapping[str, pl.DataFrame], applications: pl.DataFrame
) -> Issue:
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
    return Issue(added, removed, numbers, done, applications, _balance_entries(applications, done))


def _balance_entries(applications: pl.DataFrame, done: pl.DataFrame) -> pl.DataFrame:
    rows = applications.join(done.select("invoice_number", "invoice_id", "billing_period"), on="invoice_number")
    rows = rows.with_columns(
        service_period="billing_period", source_table=pl.lit("payment_applications"), source_id=pl.col("operation_id")
    )
    return post("account balance pays an invoice", rows)
