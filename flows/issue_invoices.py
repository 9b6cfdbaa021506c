"""Drafts to numbered, immutable documents, in the commit that accepts `issue_invoices` (I1, I2, I6).

Full credit notes of what `void_invoice` takes back are numbered among them (I4).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from flows import books
from flows.documents import documents
from flows.lake.journal import FileEntry, Lake, Snapshot
from flows.period_tables import DOCUMENT_TABLES, SOLD
from flows.progress import Progress, silent
from flows.reference import Reference
from flows.refunds import waiting_notes
from flows.run import NOTHING_TO_DO, REFUSED, Refusal, Run
from flows.standing import says
from flows.tax_dates import is_over, redated
from rating.account_periods import account_periods
from rating.chains import chained
from rating.corrections import Documents, full_credit_note
from rating.issuing import missing_fields, numbered
from rating.operation_book import CORRECTIONS
from rating.operations import ACCEPTED
from rating.payable import TERMS
from rating.periods import local_day, period_bounds
from rating.sales import NUMBERED_BY, Sale
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.units import Text

COMMAND = "issue"


@dataclass(frozen=True)
class Issue:
    """What issuing changes: files, documents."""

    added: list[FileEntry] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
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
    documents: str | None = None,
    progress: Progress = silent,
) -> Run:
    """Issue the drafts of a period, of one account or of all: the operation `issue_invoices`, made and carried out.

    Reads    documents: `corrections` for drafts that correct an issued invoice alone; else every draft
    Errors   Refusal: there is nothing to issue, or a draft is out of date or lacks a mandatory field; nothing changes
    """
    fields = {
        "billing_period": period,
        "issue_date": issue_date,
        "billing_account_id": billing_account_id,
        "documents": documents,
    }

    def asked(snapshot: Snapshot) -> pl.DataFrame:
        _refuse(why_not_issue(snapshot, reference, fields))
        return requested(snapshot, [fields], actor, received_at)

    return _carried_out(lake, reference, asked, progress)


def issue_corrections(
    lake: Lake,
    reference: Reference,
    *,
    periods: Collection[str],
    issue_date: date,
    actor: str,
    received_at: datetime,
    progress: Progress = silent,
) -> Run:
    """Issue the drafts of these periods that correct issued invoices: an operation for each period, in one commit.

    Makes    one commit, or nothing to do where no period has such a draft
    Errors   Refusal: a draft is out of date or lacks a mandatory field; nothing changes
    Source   X1, I2
    """

    def asked(snapshot: Snapshot) -> pl.DataFrame:
        requests = []
        for period in sorted(periods):
            fields = {"billing_period": period, "issue_date": issue_date, "documents": CORRECTIONS}
            drafts = _chosen(snapshot.read("invoices", billing_period=period, state="draft"), fields)
            if drafts.height or waiting_notes(snapshot, reference, fields).invoices.height:
                _refuse(why_not_issue(snapshot, reference, fields))
                requests.append(fields)
        return requested(snapshot, requests, actor, received_at)

    run = _carried_out(lake, reference, asked, progress)
    if run.status == NOTHING_TO_DO:
        return Run(NOTHING_TO_DO, COMMAND, report={"why": "no issued invoice has a correction that waits"})
    return run


def _refuse(why_not: tuple[str, str] | None) -> None:
    """Refuse a run for a reason against it, if there is one."""
    if why_not:
        raise Refusal(f"{why_not[0]}: {why_not[1]}")


def requested(
    snapshot: Snapshot, asked: Iterable[Mapping[str, Any]], actor: str, received_at: datetime
) -> pl.DataFrame:
    """The operations `issue_invoices` that a command asks for, each with an id that tells which of its month it is.

    Two commands at once count from one head and would have one id, so this is asked again on each head.
    """
    from flows.operations import operation_row

    known = snapshot.read("operations")
    counted = Counter(known.filter(operation="issue_invoices")["billing_period"].to_list())
    taken = set(known["operation_id"])
    found = [Operations.empty()]
    for fields in asked:
        period = fields["billing_period"]
        counted[period] += 1
        while f"issue-{period}-{counted[period]}" in taken:
            counted[period] += 1
        identified = {"operation_id": f"issue-{period}-{counted[period]}", "operation": "issue_invoices"}
        found.append(operation_row(received_at=received_at, actor=actor, **identified, **fields))
    return pl.concat(found)


def _carried_out(
    lake: Lake, reference: Reference, asked: Callable[[Snapshot], pl.DataFrame], progress: Progress
) -> Run:
    from flows.operations import carry_out_asked

    run = carry_out_asked(lake, reference, asked, progress=progress)
    if run.status == NOTHING_TO_DO:
        return run
    refused = run.tables["operations"].filter(pl.col("status") != ACCEPTED)
    if refused.height:
        return Run(REFUSED, COMMAND, run.commit, {**run.report, "reason": refused["reason"][0]}, run.tables)
    return Run(run.status, COMMAND, run.commit, run.report, run.tables)


# --- reasons against it ------------------------------------------------------------


def why_not_issue(snapshot: Snapshot, reference: Reference, operation: Mapping[str, Any]) -> tuple[str, str] | None:
    """The reason against issuing, if there is one: a code and what it is about."""
    period = operation["billing_period"]
    drafts = _chosen(snapshot.read("invoices", billing_period=period, state="draft"), operation)
    has_drafts = not drafts.is_empty()
    if not has_drafts and waiting_notes(snapshot, reference, operation).invoices.is_empty():
        return _why_nothing(snapshot, operation)
    too_early = _why_not_on(snapshot, operation, drafts)
    if too_early:
        return "O_ISSUE_DATE", too_early
    if not has_drafts:
        return None
    missing = missing_fields(drafts)
    if missing.height:
        named = "; ".join(f"{one}: {what}" for one, what in missing.head(10).iter_rows())
        return (
            "O_MANDATORY_FIELD",
            f"{named}; mend sellers or billing_accounts, then run: billfold bill --period {period}",
        )
    run = _why_stale(snapshot, reference, period, drafts)
    if run:
        return "O_STALE_DRAFT", f"usage, operations or reference tables have changed; run: billfold {run}"
    return _why_redated(snapshot, reference, operation, drafts)


LATEST = date(9000, 12, 31)
"""Up to when an issue date has a due date, whatever the payment terms."""


def _why_not_on(snapshot: Snapshot, operation: Mapping[str, Any], documents: pl.DataFrame) -> str | None:
    """Why documents of a period cannot be dated as an operation says, if there is a reason.

    Reads    documents: those that it would date, some of which may correct others
    Source   I1, I2, rule book "Intervals"
    """
    period, on = operation["billing_period"], operation["issue_date"]
    if on > LATEST:
        return f"{on} has no due date; name the day that it is issued"
    if not is_over(period, on):
        return f"{period} goes on after {on}; issue it on its last day or later, until then its drafts can be read"
    named = documents.select("billing_account_id", invoice_number="preceding_invoice_number").drop_nulls()
    issued = snapshot.read("invoices", billing_period=period, state="issued").filter(pl.col("issue_date") > on)
    later = issued.join(named, on=["billing_account_id", "invoice_number"], how="semi").sort("issue_date")
    for number, of_day in later.select("invoice_number", "issue_date").tail(1).iter_rows():
        return f"{number}, which it corrects, is of {of_day}; issue it on that day or later"
    return None


def _why_redated(
    snapshot: Snapshot, reference: Reference, operation: Mapping[str, Any], drafts: pl.DataFrame
) -> tuple[str, str] | None:
    """Drafts that are taxed by issue date and have other rates than those of the day they are to be issued (T1)."""
    period, on = operation["billing_period"], operation["issue_date"]
    found = drafts.join(redated(snapshot, reference, period, on), on="billing_account_id", how="semi")
    if found.is_empty():
        return None
    if period == max(books.billed_periods(snapshot)):
        what_to_do = f"run: billfold bill --period {period} --issue-date {on}"
    elif is_over(period, on):
        what_to_do = f"run: billfold backfill --issue-date {on} (it issues the corrections that wait, too)"
    else:
        what_to_do = "issue it on a day when its month is over"
    accounts = ", ".join(found["billing_account_id"].unique().sort().head(3))
    return "O_STALE_DRAFT", f"{accounts}: the draft has other tax rates than those of {on}; {what_to_do}"


def _why_stale(snapshot: Snapshot, reference: Reference, period: str, drafts: pl.DataFrame) -> str | None:
    """The command that makes drafts anew which are out of date: what `bill` says counts, where it may say it.

    Drafts that correct an invoice, and those of months before the last one that was billed, are made by a backfill.
    """
    by_bill = drafts.filter(pl.col("preceding_invoice_number").is_null() & _is_bill_enough(snapshot, period))
    if by_bill.height and _would_bill(snapshot, reference, period):
        return f"bill --period {period}"
    by_backfill = drafts.join(by_bill, on="invoice_id", how="anti")
    return "backfill" if by_backfill.height and _is_touched(snapshot, reference, period, by_backfill) else None


def _why_nothing(snapshot: Snapshot, operation: Mapping[str, Any]) -> tuple[str, str]:
    """Why there is no draft: its invoice has been issued, or it was never billed, or it was voided."""
    period, account = operation["billing_period"], operation["billing_account_id"]
    of = f" of {account}" if account else ""
    if operation["documents"] == CORRECTIONS:
        return (
            "O_NOTHING_TO_ISSUE",
            f"{period} has no draft{of} that corrects an issued invoice; run: billfold backfill",
        )
    chains = chained(_of(snapshot.read("invoices", billing_period=period, state="issued"), account))
    issued = chains.filter(~pl.col("is_voided"))
    if issued.height:
        return "O_ALREADY_ISSUED", f"{issued.height} of {period} have been issued"
    run = f"bill --period {period}" if _is_bill_enough(snapshot, period) else "backfill"
    return "O_NOTHING_TO_ISSUE", f"{period} has no draft{of}; run: billfold {run}"


def _is_bill_enough(snapshot: Snapshot, period: str) -> bool:
    """Whether `bill` may say anew what the period is, and was the last to say it; else that is for a backfill."""
    if any(later > period for later in books.billed_periods(snapshot)):
        return False
    commits = snapshot.lake.commits(snapshot.number)
    last = next((commit.command for commit in reversed(commits) if says(commit, period)), "bill")
    return last == "bill"


def _would_bill(snapshot: Snapshot, reference: Reference, period: str) -> bool:
    """Whether another bill of the period would say anything else than the last one."""
    from flows.bill_period import plan_bill

    try:
        return plan_bill(snapshot.lake, reference, period=period) is not None
    except Refusal:
        return False  # it cannot be billed again: what the draft says is what it was billed on


def _is_touched(snapshot: Snapshot, reference: Reference, period: str, drafts: pl.DataFrame) -> bool:
    """Whether anything has changed that a backfill would carry into one of these drafts (X1)."""
    from flows.touched import touched

    ends = drafts["period_end"].max()
    latest = books.latest_recording(snapshot)
    known_as_of = max(one for one in (ends, latest) if isinstance(one, datetime))
    found = touched(snapshot, reference, known_as_of).filter(billing_period=period)
    return found.join(drafts, on="billing_account_id", how="semi").height > 0


def _chosen(drafts: pl.DataFrame, operation: Mapping[str, Any]) -> pl.DataFrame:
    """The drafts that an operation issues: of one account or of all, every one or corrections alone."""
    own = _of(drafts, operation.get("billing_account_id"))
    return own.drop_nulls("preceding_invoice_number") if operation["documents"] == CORRECTIONS else own


def _of(invoices: pl.DataFrame, account: str | None) -> pl.DataFrame:
    return invoices if account is None else invoices.filter(pl.col("billing_account_id") == account)


def why_not_void(snapshot: Snapshot, reference: Reference, operation: Mapping[str, Any]) -> tuple[str, str] | None:
    """The reason against voiding that only numbering knows: the account or who invoiced it is in no table any more."""
    period, account = operation["billing_period"], operation["billing_account_id"]
    issued = _of(snapshot.read("invoices", billing_period=period, state="issued"), account)
    invoice = issued.filter(invoice_number=operation["invoice_number"])
    too_early = _why_not_on(snapshot, operation, invoice.with_columns(preceding_invoice_number="invoice_number"))
    if too_early:
        return "O_ISSUE_DATE", too_early
    terms, gone = _known_terms(reference, period, invoice)
    if gone:
        return "O_MANDATORY_FIELD", f"seller_id {gone!r} is not in sellers; give it its row back"
    if _of(terms, account).drop_nulls("credit_note_number_pattern").height:
        return None
    return (
        "O_MANDATORY_FIELD",
        f"{account} and its seller have no row in {period}; mend billing_accounts or sellers",
    )


# --- numbering ------------------------------------------------------------


@dataclass(frozen=True)
class Numbered:
    """What the accepted operations of a commit give a number, before anything pays it."""

    documents: pl.DataFrame
    """Invoices with payable TERMS and `issued_by`, the operation."""
    drafts: Mapping[str, pl.DataFrame]
    """What is left of the drafts of each period that something is issued or voided of."""
    voids: Documents
    """The full credit notes among them, without numbers, with their lines and tax."""
    refunds: Documents
    """What corrects invoices of sold credit, numbered; these lie apart, and nothing pays them."""
    refunded_by: pl.DataFrame
    """The operation that issues each of those: invoice_id, operation_id."""


def number_documents(
    snapshot: Snapshot, reference: Reference, accepted: pl.DataFrame, sold: pl.DataFrame | None = None
) -> Numbered:
    """Number the documents that the accepted operations of a commit ask for, in their order.

    What is voided takes the draft that would correct it along.

    Reads    accepted Operations, of which `issue_invoices` and `void_invoice` count
             sold: the Invoices that the commit has numbered before them
    Source   I1, I2, I4
    """
    requests = accepted.filter(pl.col("operation").is_in(["issue_invoices", "void_invoice"]))
    drafts = {
        period: snapshot.read("invoices", billing_period=period, state="draft")
        for period in requests["billing_period"].unique(maintain_order=True)
    }
    issued = snapshot.read("invoices", state=("issued", SOLD))
    issued = issued if sold is None else pl.concat([issued, sold])
    done, voids, refunds = with_terms(Invoices.empty()), Documents.nothing(), Documents.nothing()
    freed, refunded_by = set[tuple[str, str]](), [pl.DataFrame(schema={"invoice_id": Text, "operation_id": Text})]
    for request in requests.iter_rows(named=True):
        period = request["billing_period"]
        if request["operation"] == "void_invoice":
            notes = _full_credit_note(snapshot, request, done)
            voids = Documents.together(voids, notes)
            chosen, gone = notes.invoices, _of(drafts[period], request["billing_account_id"])
            freed.add((period, request["billing_account_id"]))
        else:
            chosen = gone = _chosen(drafts[period], request)
            of_refunds = waiting_notes(snapshot, reference, request, refunds, freed)
            known = pl.concat([issued, Invoices.conform(done), refunds.invoices])
            refunds = Documents.together(refunds, _numbered_refunds(of_refunds, reference, known, request))
            refunded_by.append(of_refunds.invoices.select("invoice_id", operation_id=pl.lit(request["operation_id"])))
        if chosen.is_empty():
            continue
        terms, known = _terms(reference, period, chosen), pl.concat([issued, Invoices.conform(done), refunds.invoices])
        made = numbered(chosen, terms, known, request["issue_date"])
        done = pl.concat([done, with_terms(made, terms, request["operation_id"])])
        drafts[period] = drafts[period].join(gone, on="invoice_id", how="anti", maintain_order="left")
    return Numbered(done, drafts, voids, refunds, pl.concat(refunded_by))


def _numbered_refunds(
    notes: Documents, reference: Reference, known: pl.DataFrame, request: Mapping[str, Any]
) -> Documents:
    """Corrections of sales with their numbers, before the documents of the period; due, as paid, on their issue.

    They are of the seller that sold, by its latest patterns, whoever bills the account now.
    """
    latest = _latest_patterns(reference)
    made = [notes.invoices.clear()]
    for (seller_id,), own in notes.invoices.group_by(["seller_id"], maintain_order=True):
        owners = own.select("billing_account_id").unique()
        patterns = latest.filter(seller_id=seller_id).select(*NUMBERED_BY, payment_terms_days=pl.lit(0, dtype=pl.Int64))
        made.append(numbered(own, owners.join(patterns, how="cross"), known, request["issue_date"]))
    return Documents(pl.concat(made), notes.invoice_lines, notes.tax_breakdown)


def _full_credit_note(snapshot: Snapshot, request: Mapping[str, Any], done: pl.DataFrame) -> Documents:
    """What takes back an invoice and all that was issued to correct it, in this commit too."""
    period, owner = request["billing_period"], pl.DataFrame({"billing_account_id": [request["billing_account_id"]]})
    now = Invoices.conform(done.filter(pl.col("billing_period") == period).join(owner, on="billing_account_id"))
    drafted = documents(snapshot, period, "draft", owner).named(now)
    made = Documents(now, drafted.invoice_lines, drafted.tax_breakdown)
    before = documents(snapshot, period, "issued", owner)
    return full_credit_note(Documents.together(before, made), request["recorded_at"])


def number_sales(snapshot: Snapshot, sales: Sequence[Sale]) -> Documents:
    """Number the invoices of credit that a commit sells, in their order, on the days it was sold.

    They count in the series of all invoices, and come before what else the commit issues.

    Source   G2, I2
    """
    known, made = snapshot.read("invoices", state=("issued", SOLD)), Documents.nothing()
    for sale in sales:
        day = local_day(sale.operation["occurred_at"], sale.time_zone)
        invoice = numbered(sale.documents.invoices, sale.terms, pl.concat([known, made.invoices]), day)
        lines, taxes = sale.documents.invoice_lines, sale.documents.tax_breakdown
        made = Documents.together(made, Documents(invoice, lines, taxes))
    return made


def write_sales(snapshot: Snapshot, sold: Documents, run_id: str) -> list[FileEntry]:
    """The files of invoices of credit that was sold: a part of their own, which nothing rewrites (L4)."""
    added = []
    for period in sold.invoices["billing_period"].unique().sort():
        for table, rows in zip(DOCUMENT_TABLES, sold.tables, strict=True):
            partition, label = {"billing_period": period, "state": SOLD}, f"{snapshot.number + 1:06}"
            own = rows.filter(billing_period=period)
            added.append(snapshot.lake.write_table(table, own, run_id=run_id, partition=partition, label=label))
    return added


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


def _terms(reference: Reference, period: str, documents: pl.DataFrame) -> pl.DataFrame:
    """Payment terms of the accounts of documents, and how their sellers number: `_known_terms`.

    Errors   Refusal: a document is of a seller that is no longer there
    """
    terms, gone = _known_terms(reference, period, documents)
    if gone:
        raise Refusal(
            f"documents of seller_id {gone!r} are to be numbered, which is not in sellers; give it its row back"
        )
    return terms


def _known_terms(reference: Reference, period: str, documents: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    """Payment terms of the accounts and number patterns of their sellers, as of the period's last instant.

    What corrects an invoice is of the seller that invoiced; where another bills the account now, its latest patterns
    count.

    Makes    the terms of every account, and the first seller of these documents that is no longer there, if one is not
    """
    zones = reference["billing_accounts"]["time_zone"].unique()
    accounts = account_periods(
        reference["billing_accounts"],
        reference["sellers"],
        reference["currencies"],
        reference["billing_policies"],
        billing_period=period,
        known_as_of=max(period_bounds(period, zone)[1] for zone in zones),
        lasting=documents,
    )
    terms = accounts.select("billing_account_id", "seller_id", "payment_terms_days", *NUMBERED_BY, *TERMS)
    named = ["billing_account_id", "seller_id"]
    of_others = documents.select(named).unique().join(terms, on=named, how="anti")
    patterns = of_others.join(_latest_patterns(reference), on="seller_id")
    gone = of_others.join(patterns, on=named, how="anti")["seller_id"].unique().sort().to_list()
    return terms.drop("seller_id").update(patterns.drop("seller_id"), on="billing_account_id"), next(iter(gone), None)


def _latest_patterns(reference: Reference) -> pl.DataFrame:
    """The patterns by which each seller numbers, as of its latest row: seller_id, NUMBERED_BY."""
    latest = reference["sellers"].sort("seller_id", "valid_from").unique("seller_id", keep="last")
    return latest.select("seller_id", *NUMBERED_BY)


def issue_documents(snapshot: Snapshot, issued: pl.DataFrame, numbered: Numbered, run_id: str) -> Issue:
    """Write what is issued: numbered documents with what paid them at issue, their lines and tax; the drafts left anew.

    Reads    issued: the numbered Invoices, with what paid them
    Source   I1, L4
    """
    if issued.is_empty():
        return Issue()
    added: list[FileEntry] = []
    removed: list[str] = []
    for period, rest in numbered.drafts.items():
        removed += [
            entry.path
            for name in DOCUMENT_TABLES
            for entry in snapshot.files(name, billing_period=period, state="draft")
        ]
        drafts = documents(snapshot, period, "draft")
        of_period = issued.filter(pl.col("billing_period") == period)
        for state, invoices in (("issued", of_period), ("draft", rest)):
            # a full credit note may have the id of a draft that went with what it takes back
            own = Documents.together(
                drafts.named(invoices.filter(~pl.col("is_void"))), numbered.voids.named(invoices.filter("is_void"))
            )
            for table, rows in zip(DOCUMENT_TABLES, (invoices, own.invoice_lines, own.tax_breakdown), strict=True):
                if rows.height:
                    partition = {"billing_period": period, "state": state}
                    added.append(
                        snapshot.lake.write_table(
                            table, rows, run_id=run_id, partition=partition, label=f"{snapshot.number + 1:06}"
                        )
                    )
    return Issue(added, removed, issued)


def numbers_of(issued: pl.DataFrame) -> dict[str, Any]:
    """The first and the last number of each series, and how many."""
    series = issued.group_by("seller_id", "document_type", "accounting_year", maintain_order=True).agg(
        first=pl.col("invoice_number").first(), last=pl.col("invoice_number").last(), count=pl.len()
    )
    return {
        f"{row['seller_id']}/{row['document_type']}/{row['accounting_year']}": {
            "first": row["first"],
            "last": row["last"],
            "count": row["count"],
        }
        for row in series.iter_rows(named=True)
    }
