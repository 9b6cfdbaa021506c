"""Operations: what people did, landed, decided and carried out in one commit (1.3, O1 to O3).

A file is CSV or JSON Lines. Every line becomes a row of `operations`, accepted or rejected with a reason; the same id
again is a no-op. Grants are credited, payments applied and documents issued in the commit that accepts them.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl

from flows import books
from flows.bill_period import TRIES, refuse_breaches
from flows.issue_invoices import Issue, issue_documents, why_not_issue
from flows.lake.journal import FileEntry, HeadMoved, Lake, Snapshot
from flows.progress import Progress, silent
from flows.reference import Reference, boundaries
from flows.run import COMMITTED, NOTHING_TO_DO, Refusal, Run
from rating.dues import apply_payments, open_documents, open_payments
from rating.ledger_entries import KEY, post, summed, transactions
from rating.operations import ACCEPTED, Book, Decisions, decide
from rating.periods import period_of
from rating.sql import content_ids
from schemas.grant_movements import GrantMovements
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.units import NotOfTypeError, parse

COMMAND = "operations"
TYPES = Operations.columns()
DECIDED_HERE = ("received_at", "status", "reason_code", "reason", "original")
FIELDS = tuple(name for name in TYPES if name not in DECIDED_HERE)
PAYMENT_EVENTS = {
    "money": ("money received for invoices", "money received on account"),
    "withheld_tax": ("tax withheld from invoices", "tax withheld on account"),
    "write_off": ("invoices written off", "written off on account"),
}


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

    Reads    CSV or JSON Lines; `actor` is who did what names nobody
    Makes    one commit; tables["operations"] of the run: what was decided
    Errors   Refusal: a file that is neither, or an unreadable one
    Source   O1, O2, O3
    """
    progress.step("read operations")
    rows = [row for file in files for row in read_operations(file, received_at=received_at, actor=actor)]
    return carry_out(lake, reference, _frame(rows), progress=progress)


def carry_out(lake: Lake, reference: Reference, landed: pl.DataFrame, *, progress: Progress = silent) -> Run:
    """Decide operations, carry out the accepted ones, commit; again on the new head when another run was first."""
    for _ in range(TRIES):
        snapshot = lake.snapshot()
        progress.step("decide")
        decisions = _decide(snapshot, reference, landed)
        if decisions.operations.is_empty():
            return Run(NOTHING_TO_DO, COMMAND, report={"operations": landed.height, "known": landed.height})
        progress.step("carry out and commit")
        try:
            return _commit(snapshot, reference, decisions, landed.height)
        except HeadMoved:
            continue
    raise Refusal(f"other runs committed {TRIES} times meanwhile; land the operations again when they are done")


def _decide(snapshot: Snapshot, reference: Reference, landed: pl.DataFrame) -> Decisions:
    """Judge against the head: its operations, its grants, its documents."""
    issued = snapshot.read("invoices", state="issued")
    book = Book(
        reference.tables,
        _first_billed(snapshot, reference),
        invoices=frozenset(issued.select("billing_account_id", "invoice_number").iter_rows()),
        cannot_issue=lambda operation: why_not_issue(snapshot, reference, operation),
    )
    return decide(landed, book, snapshot.read("operations"), snapshot.read("grants"))


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
    movements = _credited(decisions.grants, reference)
    for (period,), rows in movements.group_by(["billing_period"], maintain_order=True):
        write("grant_movements", rows, billing_period=str(period), **books.MADE_BY_OPERATIONS)
    changes.entries.append(_grant_entries(movements, decisions.grants))

    issue = issue_documents(snapshot, reference, accepted, run_id)
    changes.added += issue.added
    changes.removed += issue.removed
    changes.numbers = issue.numbers
    applications = _applied(snapshot, reference, accepted, issue)
    write("payment_applications", applications)
    changes.entries += [_payment_entries(accepted, applications, reference), issue.entries]

    entries = transactions(summed(pl.concat(changes.entries)), snapshot.read("ledger_entries"))
    for (period,), rows in entries.group_by(["service_period"], maintain_order=True):
        write("ledger_entries", rows, service_period=str(period))
    changes.added += lake.write_reference(reference.tables, reference.digest, run_id=run_id, snapshot=snapshot)

    candidate = snapshot.with_changes(changes.added, changes.removed, reference_digest=reference.digest)
    refuse_breaches(candidate, set(), {entry.table for entry in changes.added})
    report = _report(decisions, landed, issue)
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
    return Run(COMMITTED, COMMAND, commit, report, {"operations": decisions.operations, "invoices": issue.invoices})


def _report(decisions: Decisions, landed: int, issue: Issue) -> dict[str, Any]:
    counts = decisions.operations.group_by("status").len()
    by_status = dict(counts.iter_rows())
    rejected = decisions.operations.filter(pl.col("status") != ACCEPTED)
    reasons = rejected.group_by("reason_code").len().sort("reason_code")
    return {
        "operations": landed,
        "known": landed - decisions.operations.height,
        "accepted": by_status.get(ACCEPTED, 0),
        "rejected": rejected.height,
        "reasons": dict(reasons.iter_rows()),
        "issued": issue.invoices.height,
    }


def _zones(reference: Reference) -> dict[str, str]:
    return dict(reference["billing_accounts"].select("billing_account_id", "time_zone").iter_rows())


def _credited(grants: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """The movement every new grant begins with (B3 `credited`)."""
    zones = _zones(reference)
    periods = [
        period_of(at, zones[account]) for account, at in grants.select("billing_account_id", "occurred_at").iter_rows()
    ]
    rows = grants.with_columns(
        pl.Series("billing_period", periods, dtype=pl.String),
        movement=pl.lit("credited"),
        nothing=pl.lit(None, dtype=pl.String),
    )
    rows = rows.with_columns(movement_id=content_ids(rows, "grant_id", "movement", "billing_period", "nothing"))
    return GrantMovements.conform(rows.select([name for name in GrantMovements.columns() if name in rows.columns]))


def _grant_entries(movements: pl.DataFrame, grants: pl.DataFrame) -> pl.DataFrame:
    """Free kinds are a commitment until they are used (B1)."""
    rows = movements.join(grants.select("grant_id", "kind"), on="grant_id").with_columns(
        service_period="billing_period", source_table=pl.lit("grant_movements"), source_id=pl.col("grant_id")
    )
    return post("free grant credited", rows)


def _exponents(reference: Reference) -> pl.DataFrame:
    """Each currency's digits, by its latest row."""
    rows = reference["currencies"].sort("billing_currency", "valid_from")
    return rows.unique("billing_currency", keep="last", maintain_order=True).select("billing_currency", "exponent")


def _applied(snapshot: Snapshot, reference: Reference, accepted: pl.DataFrame, issue: Issue) -> pl.DataFrame:
    """New payments pay what is open; the account balance has paid its part of what is issued in this commit."""
    before = snapshot.read("payment_applications")
    known = pl.concat([before, issue.applications])
    payments = open_payments(accepted.filter(pl.col("operation") == "record_payment"), known)
    documents = open_documents(pl.concat([snapshot.read("invoices", state="issued"), issue.invoices]), known)
    return pl.concat(
        [issue.applications, apply_payments(payments, documents, _exponents(reference), is_at_issue=False)]
    )


def _payment_entries(accepted: pl.DataFrame, applications: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """What a payment pays lowers the receivable; the rest is the account's balance."""
    zones = _zones(reference)
    payments = accepted.filter(pl.col("operation") == "record_payment").with_columns(
        pl.col("amount").cast(applications.schema["amount"])
    )
    periods = [
        period_of(at, zones[account])
        for account, at in payments.select("billing_account_id", "occurred_at").iter_rows()
    ]
    currencies = (
        reference["billing_accounts"]
        .select("billing_account_id", account_currency="billing_currency")
        .unique("billing_account_id", keep="last", maintain_order=True)
    )
    used = applications.group_by("operation_id").agg(used_amount=pl.col("amount").sum())
    rows = (
        payments.with_columns(
            pl.Series("service_period", periods, dtype=pl.String),
            source_table=pl.lit("operations"),
            source_id=pl.col("operation_id"),
            payment_kind=pl.col("payment_kind").fill_null("money"),
        )
        .join(used, on="operation_id", how="left")
        .join(currencies, on="billing_account_id", how="left")
        .with_columns(
            billing_currency=pl.coalesce("billing_currency", "account_currency"),
            used_amount=pl.col("used_amount").fill_null(0),
        )
    )
    found = []
    for kind, (on_invoices, on_account) in PAYMENT_EVENTS.items():
        of_kind = rows.filter(pl.col("payment_kind") == kind)
        found.append(post(on_invoices, of_kind.with_columns(amount=pl.col("used_amount"))))
        found.append(post(on_account, of_kind.with_columns(amount=pl.col("amount") - pl.col("used_amount"))))
    return pl.concat(found).select(*KEY, "amount")


# --- reading ------------------------------------------------------------


def read_operations(file: Path, *, received_at: datetime, actor: str | None) -> Iterator[dict[str, Any]]:
    """The rows of a file, each with the columns of Operations; a field that cannot be read leaves its reason.

    Errors   Refusal: the file cannot be opened, is not UTF-8, or has no header
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise Refusal(f"{file}: cannot be read as UTF-8 text: {fault}") from None
    lines = _csv_rows(file, text) if file.suffix.lower() == ".csv" else _json_rows(text)
    for number, (raw, original) in enumerate(lines, start=1):
        yield _row(raw, original, f"{file.name} row {number}", received_at, actor)


def _csv_rows(file: Path, text: str) -> Iterator[tuple[Mapping[str, Any] | str, str]]:
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)
    unknown = [name for name in reader.fieldnames or [] if name not in FIELDS]
    if not reader.fieldnames or unknown:
        raise Refusal(
            f"{file}: no such columns: {', '.join(unknown) or 'the header is missing'}; known: {', '.join(FIELDS)}"
        )
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
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        except ValueError as fault:
            yield f"the line is not JSON: {fault}", line
            continue
        yield (row if isinstance(row, dict) else "the line is not a JSON object"), line


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
    for name, value in raw.items():
        if value is None:
            continue
        if name not in FIELDS:
            faults.append(("O_BAD_FIELD", f"{place}: there is no field {name}"))
            continue
        try:
            row[name] = _value(name, value)
        except NotOfTypeError as fault:
            faults.append(("O_PRECISE" if "decimals" in str(fault) else "O_BAD_FIELD", f"{place}: {name}: {fault}"))
    for name in ("operation_id", "operation", "occurred_at"):
        if raw.get(name) is None:
            faults.append(("O_MISSING_FIELD", f"{place}: {name}"))
    if faults:
        row |= {"reason_code": faults[0][0], "reason": "; ".join(said for _, said in faults)}
    return row


def _value(name: str, value: Any) -> Any:
    """A field as its column's type: exact, by the grammar of its type."""
    if name in ("window_start", "window_end"):
        known: Callable[[str], str | None] = boundaries.start if name == "window_start" else boundaries.end
        found = known(value) if isinstance(value, str) else None
        if found is None:
            raise NotOfTypeError(f"{value!r} is neither a day (2026-10-01) nor an instant with an offset")
        return found
    dtype = TYPES[name]
    if isinstance(value, (list, bool)):
        value = json.dumps(value)
    text = f"{value:f}" if isinstance(value, Decimal) else value
    if not isinstance(text, str):
        raise NotOfTypeError(f"{value!r} is not text")
    if isinstance(dtype, pl.Decimal) and not _is_number(text):
        raise NotOfTypeError(f"{text!r} is not a number like 12.50")
    found = parse(text, dtype)
    if isinstance(found, list) and not all(isinstance(term, str) for term in found):
        raise NotOfTypeError(f"{text!r} is not a list of texts")
    return found


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
