"""Operations: what people did, landed, decided and carried out in one commit (1.3, O1 to O3).

A file is CSV or JSON Lines. Every line becomes a row of `operations`, accepted or rejected with a reason; the same id
again is a no-op. Grants are credited, payments applied and documents issued in the commit that accepts them.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl

from flows import books
from flows.actors import is_staff, refuse_stranger
from flows.before_commit import checked_or_refused
from flows.issue_invoices import (
    Numbered,
    issue_documents,
    number_documents,
    number_sales,
    numbers_of,
    why_not_issue,
    why_not_void,
    with_terms,
    write_sales,
)
from flows.kept_reference import keep_reference
from flows.lake.journal import FileEntry, Lake, Snapshot
from flows.on_the_head import on_the_head
from flows.period_tables import SOLD
from flows.printable import is_printable
from flows.progress import Progress, silent
from flows.reference import Reference, boundaries
from flows.run import COMMITTED, NOTHING_TO_DO, Refusal, Run
from flows.sources.content import check_file, common_folder, names_below_common_folder
from flows.sources.faults import FileFault
from flows.void_invoices import take_back
from rating.accounting_periods import BOOKED_BY, NOTHING_CLOSED, POLICY, booked, closed_through
from rating.chains import chained, standings
from rating.corrections import Documents
from rating.given_credit import entries_of, movements_of, refund_entries, sale_entries
from rating.ledger_entries import rounding_entries, summed, transactions
from rating.one_thread import on_one_thread
from rating.operation_book import Book, Row
from rating.operations import ACCEPTED, Decisions, decide
from rating.payment_entries import payment_entries
from rating.rejects import said
from rating.settlement import Settled, settle
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.units import NotOfTypeError, parse, written_out

COMMAND = "operations"
TYPES = Operations.columns()
DECIDED_HERE = ("received_at", "status", "reason_code", "reason", "original")
NEEDED = ("operation_id", "operation", "occurred_at")
"""What no operation goes without; blanks are nothing."""
LONGEST_ID = 512
FIELDS = tuple(name for name in TYPES if name not in DECIDED_HERE)


def land_operations(
    lake: Lake,
    reference: Reference,
    files: Sequence[Path],
    *,
    received_at: datetime,
    actor: str | None = None,
    progress: Progress = silent,
) -> Run:
    """Land files of operations: decide each line, carry out what is accepted, commit.

    Reads    CSV or JSON Lines; `actor` is who lands them: only staff may land what another did
    Makes    one commit; tables["operations"]: what was decided; report["conflicts"]: ids that came again, changed
    Errors   Refusal: a file that is neither, an unreadable or empty one, no plain file of the delivery, or an actor
             that nobody knows
    Source   O1, O2, O3, section 11
    """
    progress.step("read operations")
    if actor is not None:
        refuse_stranger(reference, actor)
    alone = actor is not None and not is_staff(reference, actor, received_at)
    read = partial(read_operations, received_at=received_at, actor=actor, alone=alone)
    _refuse_what_is_no_file(files)
    rows = [row for file in files for row in read(file)]
    return carry_out(lake, reference, _frame(rows), progress=progress)


def carry_out(lake: Lake, reference: Reference, landed: pl.DataFrame, *, progress: Progress = silent) -> Run:
    """Decide operations, carry out the accepted ones, commit; again on the new head when another run was first."""
    return carry_out_asked(lake, reference, lambda _: landed, progress=progress)


def carry_out_asked(
    lake: Lake, reference: Reference, asked: Callable[[Snapshot], pl.DataFrame], *, progress: Progress = silent
) -> Run:
    """The same with operations that depend on the head: they are made anew on each head that they are decided on."""

    @on_one_thread
    def once() -> Run:
        snapshot = lake.snapshot()
        progress.step("decide")
        landed = asked(snapshot)
        decisions = _decide(snapshot, reference, landed)
        if decisions.operations.is_empty():
            return Run(NOTHING_TO_DO, COMMAND, report=_nothing(landed.height, decisions.conflicts))
        progress.step("carry out and commit")
        return _commit(snapshot, reference, decisions, landed.height)

    return on_the_head(once, "operations were decided")


def _decide(snapshot: Snapshot, reference: Reference, landed: pl.DataFrame) -> Decisions:
    """Judge against the head: its operations, its grants and what periods took of them, its documents."""
    issued = chained(snapshot.read("invoices", state="issued"))
    waiting = snapshot.read("invoices", state="draft")
    owner, name = ["billing_account_id", "billing_period"], ["billing_account_id", "invoice_number"]
    roots = issued.filter(pl.col("preceding_invoice_number").is_null())
    book = Book(
        reference.tables,
        _first_billed(snapshot, reference),
        invoices=frozenset(issued.select(name).iter_rows()),
        cannot_issue=lambda operation: why_not_issue(snapshot, reference, operation),
        draws=books.draws(snapshot.lake, snapshot),
        drafts=frozenset(waiting.select(owner).iter_rows()),
        corrections=frozenset(waiting.drop_nulls("preceding_invoice_number").select(owner).iter_rows()),
        issued_documents=set(issued.filter(~pl.col("is_voided")).select(owner).iter_rows()),
        roots={
            (account, number): period for account, number, period in roots.select(*name, "billing_period").iter_rows()
        },
        sold=frozenset(snapshot.read("invoices", state=SOLD).select(name).iter_rows()),
        voided=set(roots.filter("is_voided").select(name).iter_rows()),
        cannot_void=lambda operation: why_not_void(snapshot, reference, operation),
        paid_of=lambda operation, accepted: _paid_of(snapshot, reference, operation, accepted),
    )
    return decide(landed, book, snapshot.read("operations"), snapshot.read("grants"))


def _paid_of(snapshot: Snapshot, reference: Reference, operation: Row, accepted: Sequence[Row]) -> Decimal:
    """What paid an invoice and its corrections from elsewhere, after what was accepted before it (I4, O3)."""
    account = operation["billing_account_id"]
    before = [row for row in accepted if row["billing_account_id"] in (None, account)]
    now = _frame(before)
    numbered = number_documents(snapshot, reference, now)
    settled = _settled(snapshot, reference, now, numbered.documents)
    documents = pl.concat([snapshot.read("invoices", state="issued"), settled.issued])
    applications = pl.concat([snapshot.read("payment_applications"), settled.applications])
    own = [rows.filter(billing_account_id=account) for rows in (documents, applications)]
    paid = standings(*own).filter(root_number=operation["invoice_number"])["paid_amount"]
    return Decimal(paid.item())


def _first_billed(snapshot: Snapshot, reference: Reference) -> dict[str, str]:
    """The first period of each account: billed, or else the first with usage in the lake in which it existed."""
    billed = dict(books.first_billed(snapshot.lake, snapshot).iter_rows())
    used = min(books.usage_periods(snapshot), default=None)
    if used is None:
        return billed
    since = reference["billing_accounts"].group_by("billing_account_id").agg(pl.col("valid_from").min())
    return {account: billed.get(account) or max(used, began[:7]) for account, began in since.iter_rows()}


# --- carrying out ------------------------------------------------------------


@dataclass
class _Changes:
    """What a commit adds and removes."""

    added: list[FileEntry] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    entries: list[pl.DataFrame] = field(default_factory=list)


def _commit(snapshot: Snapshot, reference: Reference, decisions: Decisions, landed: int) -> Run:
    lake = snapshot.lake
    accepted = decisions.operations.filter(pl.col("status") == ACCEPTED)
    run_id = sha256(
        (snapshot.commit.hash + decisions.operations.drop("received_at").write_json()).encode()
    ).hexdigest()[:32]
    changes = _Changes()

    def write(table: str, rows: pl.DataFrame, label: str = "", **partition: str) -> None:
        if rows.height:
            changes.added.append(lake.write_table(table, rows, run_id=run_id, partition=partition, label=label))

    write("operations", Operations.conform(decisions.operations))
    write("grants", Grants.conform(decisions.grants))
    known = pl.concat([snapshot.read("grants"), Grants.conform(decisions.grants)])
    movements = movements_of(Grants.conform(decisions.grants), known, _zones(reference))
    for (period,), rows in movements.group_by(["billing_period"], maintain_order=True):
        write("grant_movements", rows, billing_period=str(period), **books.MADE_BY_OPERATIONS)

    sold = number_sales(snapshot, decisions.sales)
    numbered = number_documents(snapshot, reference, accepted, sold.invoices)
    changes.added += write_sales(snapshot, Documents.together(sold, numbered.refunds), run_id)
    closed = _closed(reference, accepted, numbered)
    changes.entries.append(entries_of(movements, known, closed))
    changes.entries.append(sale_entries(sold.tax_breakdown, _sold_by(sold), closed))
    changes.entries.append(refund_entries(numbered.refunds.tax_breakdown, numbered.refunded_by, closed))
    settled = _settled(snapshot, reference, accepted, numbered.documents)
    issue = issue_documents(snapshot, settled.issued, numbered, run_id)
    changes.added += issue.added
    changes.removed += issue.removed
    invoices = pl.concat([sold.invoices, numbered.refunds.invoices, issue.invoices])
    changes.numbers = numbers_of(invoices)
    write("payment_applications", settled.applications)
    changes.entries.append(_payment_entries(snapshot, reference, accepted, numbered, settled, closed))
    voids = _voids(accepted, numbered, closed)
    undone = take_back(snapshot, voids, numbered.voids, settled.issued, run_id)
    changes.added += undone.added
    changes.removed += undone.removed
    changes.entries.append(undone.entries)

    entries = transactions(summed(pl.concat(changes.entries)), snapshot.read("ledger_entries"))
    for (period,), rows in entries.group_by(["service_period"], maintain_order=True):
        write("ledger_entries", rows, service_period=str(period))
    changes.added += keep_reference(snapshot, reference, run_id)

    candidate = snapshot.with_changes(changes.added, changes.removed, reference_digest=reference.digest)
    changes.added += checked_or_refused(candidate, run_id, usage_periods=set(voids["billing_period"]))
    report = _report(decisions, landed, invoices)
    commit = lake.commit(
        snapshot.commit,
        run_id=run_id,
        command=COMMAND,
        inputs={"reference_digest": reference.digest},
        added=changes.added,
        removed=changes.removed,
        numbers=changes.numbers,
        summary=report,
    )
    return Run(COMMITTED, COMMAND, commit, report, {"operations": decisions.operations, "invoices": invoices})


def _nothing(landed: int, conflicts: Sequence[str]) -> dict[str, Any]:
    """The report of a run that decides nothing."""
    report = {"operations": landed, "known": landed - len(conflicts), "conflicts": list(conflicts)}
    if conflicts:
        return report | {"why": "what was landed before stays"}
    return report if landed else report | {"why": "there is no operation to land"}


def _report(decisions: Decisions, landed: int, issued: pl.DataFrame) -> dict[str, Any]:
    counts = decisions.operations.group_by("status").len()
    by_status = dict(counts.iter_rows())
    rejected = decisions.operations.filter(pl.col("status") != ACCEPTED)
    reasons = rejected.group_by("reason_code").len().sort("reason_code")
    return {
        "operations": landed,
        "known": landed - decisions.operations.height - len(decisions.conflicts),
        "conflicts": list(decisions.conflicts),
        "accepted": by_status.get(ACCEPTED, 0),
        "rejected": rejected.height,
        "reasons": dict(reasons.iter_rows()),
        "issued": issued.height,
    }


def _sold_by(sold: Documents) -> pl.DataFrame:
    """The operation that each invoice of sold credit is of: invoice_id, operation_id."""
    return sold.invoices.select("invoice_id", operation_id="sold_by")


def _zones(reference: Reference) -> dict[str, str]:
    return dict(reference["billing_accounts"].select("billing_account_id", "time_zone").iter_rows())


def _exponents(reference: Reference) -> pl.DataFrame:
    """Each currency's digits, the most it ever had: what was paid and invoiced under any of its rows is exact (M2)."""
    return reference["currencies"].group_by("billing_currency").agg(pl.col("exponent").max()).sort("billing_currency")


def _settled(snapshot: Snapshot, reference: Reference, accepted: pl.DataFrame, new: pl.DataFrame) -> Settled:
    """Payments, reversals, issues and voids of a commit, in their order, on what was open before it.

    Reads    accepted Operations; the documents they issue, as `settle` takes them
    """
    documents = pl.concat([with_terms(snapshot.read("invoices", state="issued")), new])
    before = snapshot.read("operations").filter(pl.col("status") == ACCEPTED)
    applications = snapshot.read("payment_applications")
    return settle(accepted, before, documents, applications, _accounts(reference), _exponents(reference))


def _accounts(reference: Reference) -> pl.DataFrame:
    """Each account's zone and currency, by its latest row."""
    rows = reference["billing_accounts"].unique("billing_account_id", keep="last", maintain_order=True)
    return rows.select("billing_account_id", "time_zone", account_currency="billing_currency")


def _payment_entries(
    snapshot: Snapshot,
    reference: Reference,
    accepted: pl.DataFrame,
    numbered: Numbered,
    settled: Settled,
    closed: pl.DataFrame,
) -> pl.DataFrame:
    """What the ledger says of what was settled; what is left of a document paid in part at issue is rounded anew."""
    new = numbered.documents
    before = snapshot.read("operations").filter(pl.col("status") == ACCEPTED)
    payments = pl.concat([before, accepted]).filter(pl.col("operation") == "record_payment")
    documents = pl.concat([with_terms(snapshot.read("invoices", state="issued")), new])
    entries = payment_entries(accepted, payments, settled.applications, documents, _accounts(reference), closed)
    booked_in = booked(
        new.select("invoice_id", "billing_account_id", service_period="billing_period", operation_id="issued_by"),
        closed,
        BOOKED_BY,
    ).select("invoice_id", "accounting_period")
    before_paid = new.select(settled.issued.columns).with_columns(rounding_amount=-pl.col("rounding_amount"))
    rounded = pl.concat([before_paid, settled.issued]).join(booked_in, on="invoice_id", maintain_order="left")
    return pl.concat([entries, rounding_entries(rounded)])


def _closed(reference: Reference, accepted: pl.DataFrame, numbered: Numbered) -> pl.DataFrame:
    """The last closed month of each account that an operation books for, as of when that was recorded (B1).

    Makes    billing_account_id, operation_id, closed_through
    """
    if not (reference["billing_policies"]["policy"] == POLICY).any():
        return NOTHING_CLOSED
    recorded = accepted.select("operation_id", at="recorded_at")
    named = accepted.drop_nulls("billing_account_id").select(BOOKED_BY)
    issued = numbered.documents.select("billing_account_id", operation_id="issued_by")
    refunds = numbered.refunds.invoices.join(numbered.refunded_by, on="invoice_id").select(BOOKED_BY)
    zones = _accounts(reference).select("billing_account_id", "time_zone")
    asked = (
        pl.concat([named, issued, refunds])
        .unique()
        .join(recorded, on="operation_id")
        .join(zones, on="billing_account_id")
    )
    return closed_through(asked, reference["billing_policies"]).select(*BOOKED_BY, POLICY)


def _voids(accepted: pl.DataFrame, numbered: Numbered, closed: pl.DataFrame) -> pl.DataFrame:
    """The accounts and periods whose invoices are voided: with closed_through and billing_currency."""
    rows = accepted.filter(pl.col("operation") == "void_invoice").select(*BOOKED_BY, "billing_period")
    currencies = numbered.voids.invoices.select("billing_account_id", "billing_period", "billing_currency")
    return (
        rows.join(closed, on=BOOKED_BY, how="left", maintain_order="left")
        .drop("operation_id")
        .join(currencies, on=["billing_account_id", "billing_period"], maintain_order="left")
    )


# --- reading ------------------------------------------------------------


def read_operations(
    file: Path, *, received_at: datetime, actor: str | None, alone: bool = False
) -> Iterator[dict[str, Any]]:
    """The rows of a file, each with the columns of Operations; a field that cannot be read leaves its reason.

    Reads    `alone`: the actor may only land what is their own
    Errors   Refusal: the file cannot be opened, is not UTF-8, is empty, or has columns that nobody knows
    """
    text = _text(file)
    lines = _csv_rows(file, text) if file.suffix.lower() == ".csv" else _json_rows(text)
    for number, (raw, original) in enumerate(lines, start=1):
        row = _row(raw, original, f"{file.name} row {number}", received_at, actor)
        yield _set_aside(row, actor) if alone and row["actor"] != actor else row


def _set_aside(row: dict[str, Any], actor: str | None) -> dict[str, Any]:
    """What somebody lands for another: kept under an id that is made for it, so that the other's id stays free."""
    name = sha256(f"{actor} {row['original']}".encode()).hexdigest()[:16]
    why = f"{row['operation_id']}: {actor} may not act as {row['actor'] or 'nobody'}"
    return row | {"operation_id": f"forbidden-{name}", "reason_code": "O_FORBIDDEN", "reason": why}


def _refuse_what_is_no_file(files: Sequence[Path]) -> None:
    """Read nothing through a link out of the delivery, nor from a pipe that nobody may ever write to."""
    names = names_below_common_folder(files)
    for path, name in names.items():
        try:
            check_file(path, common_folder(names))
        except FileFault as fault:
            raise Refusal(f"{name}: {fault.reason}") from None


def _text(file: Path) -> str:
    """The text of a file, if it has any."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise Refusal(f"{file}: {said('F_UNREADABLE', fault.strerror or '')}") from None
    except UnicodeDecodeError as fault:
        raise Refusal(f"{file}: {said('F_ENCODING', f'byte {fault.start + 1}')}") from None
    if not text.strip():
        raise Refusal(f"{file}: the file is empty; leave it out, or land the one that holds the operations")
    return text


def _csv_rows(file: Path, text: str) -> Iterator[tuple[Mapping[str, Any] | str, str]]:
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)
    unknown = [name for name in reader.fieldnames or [] if name not in FIELDS]
    if not reader.fieldnames or unknown:
        raise Refusal(
            f"{file}: no such columns: {', '.join(unknown) or 'the header is missing'}; known: {', '.join(FIELDS)}"
        )
    twice = sorted(name for name, count in Counter(reader.fieldnames).items() if count > 1)
    if twice:
        raise Refusal(f"{file}: {said('F_SCHEMA_AMBIGUOUS', ', '.join(twice))}")
    for row in _whole_rows(file, reader):
        original = json.dumps(row, ensure_ascii=False)
        if None in row or None in row.values():
            yield "the row has another number of fields than the header", original
        else:
            yield {name: value for name, value in row.items() if value != ""}, original


def _whole_rows(file: Path, reader: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of a CSV file; quotes that do not close refuse the file, as no row after them can be trusted."""
    try:
        yield from reader
    except csv.Error as fault:
        raise Refusal(f"{file}: not CSV: {fault}; close the quotes and land the file again") from None


def _json_rows(text: str) -> Iterator[tuple[Mapping[str, Any] | str, str]]:
    for line in text.split("\n"):  # a text may hold other characters that break lines
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=_once_each)
        except _TwiceError as fault:
            yield f"the line says {fault} twice", line
            continue
        except ValueError as fault:
            yield f"the line is not JSON{_from(fault)}", line
            continue
        except RecursionError:
            yield "the line is nested too deep", line
            continue
        yield (row if isinstance(row, dict) else "the line is not a JSON object"), line


class _TwiceError(ValueError):
    """A field that stands twice in a line, by name."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; refused where it says a field twice, as nobody knows which is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


def _from(fault: ValueError) -> str:
    """Where a line stops being JSON."""
    return f" from character {fault.pos + 1} on" if isinstance(fault, json.JSONDecodeError) else ""


def _row(
    raw: Mapping[str, Any] | str, original: str, place: str, received_at: datetime, actor: str | None
) -> dict[str, Any]:
    """One operation; what cannot be read is kept as it stood and rejected by name."""
    nameless = f"unreadable-{sha256(original.encode()).hexdigest()[:16]}"
    row: dict[str, Any] = dict.fromkeys(TYPES)
    row |= {"operation_id": nameless, "operation": "", "actor": actor or "", "occurred_at": received_at}
    row |= {"recorded_at": received_at, "received_at": received_at, "original": original, "status": ACCEPTED}
    if isinstance(raw, str):
        return row | {"reason_code": "O_BAD_FIELD", "reason": f"{place}: {raw}"}
    faults: list[tuple[str, str]] = []
    missing = [name for name in NEEDED if _is_blank(raw.get(name))]
    if not _is_id(raw.get("operation_id")):
        faults.append(("O_BAD_FIELD", f"{place}: operation_id: an id is 1 to {LONGEST_ID} printable characters"))
        raw = {name: value for name, value in raw.items() if name != "operation_id"}
    for name, value in raw.items():
        if value is None or name in missing:
            continue
        if name not in FIELDS:
            faults.append(("O_BAD_FIELD", f"{place}: there is no field {name}"))
            continue
        try:
            row[name] = _value(name, value)
        except NotOfTypeError as fault:
            faults.append(("O_PRECISE" if "decimals" in str(fault) else "O_BAD_FIELD", f"{place}: {name}: {fault}"))
    faults += [("O_MISSING_FIELD", f"{place}: {name}") for name in missing]
    if faults:
        row |= {"reason_code": faults[0][0], "reason": "; ".join(about for _, about in faults)}
    return row


def _is_id(value: Any) -> bool:
    """Whether an id can be kept as it is written; what is blank or no text has a reason of its own."""
    return _is_blank(value) or not isinstance(value, str) or (is_printable(value) and len(value) <= LONGEST_ID)


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _value(name: str, value: Any) -> Any:
    """A field as its column's type: exact, by the grammar of its type."""
    if name in ("window_start", "window_end"):
        known: Callable[[str], str | None] = boundaries.start if name == "window_start" else boundaries.end
        found = known(value) if isinstance(value, str) else None
        if found is None:
            raise NotOfTypeError(f"{value!r} is neither a day (2026-10-01) nor an instant with an offset")
        return found
    dtype = TYPES[name]
    if isinstance(dtype, pl.Datetime):
        return _instant(value)
    if isinstance(value, dict) or (isinstance(value, list) and not all(isinstance(term, str) for term in value)):
        raise NotOfTypeError("it holds more than texts")
    text = written_out(value) if isinstance(value, Decimal) else value if isinstance(value, str) else json.dumps(value)
    if isinstance(dtype, pl.Decimal) and not _is_number(text):
        raise NotOfTypeError(f"{text!r} is not a number like 12.50")
    found = parse(text, dtype)
    if isinstance(found, list) and not all(isinstance(term, str) for term in found):
        raise NotOfTypeError(f"{text!r} is not a list of texts")
    return found


def _instant(value: Any) -> datetime:
    """An instant by the grammar of boundaries, in a year that has months before and after it."""
    found = boundaries.start(value) if isinstance(value, str) else None
    if found is None or boundaries.DAY.fullmatch(found):
        raise NotOfTypeError(f"{value!r} cannot be read as an instant with its offset, like 2026-10-01T09:00:00Z")
    return datetime.fromisoformat(found)


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-").replace(".", "", 1)
    return digits.isascii() and digits.isdigit() and not text.endswith(".") and not text.lstrip("-").startswith(".")


def _frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([dict(row) for row in rows], schema=TYPES, orient="row")


def operation_row(*, received_at: datetime, **fields: Any) -> pl.DataFrame:
    """One operation made by a command rather than a file."""
    row = {
        "occurred_at": received_at,
        "recorded_at": received_at,
        "received_at": received_at,
        "status": ACCEPTED,
    } | fields
    row["original"] = json.dumps({name: str(value) for name, value in fields.items() if value is not None})
    return Operations.conform(_frame([{name: row.get(name) for name in TYPES}]))


def now() -> datetime:
    """The only clock: when a delivery was received, if nobody says (L1)."""
    return datetime.now(UTC)
