"""What a run did, as a Markdown page for Prefect's pages: rows, rejects by reason, totals, holds, commit."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flows.month_report import AMOUNTS, MonthReport
from flows.run import Run
from flows.show.amounts import Currency
from flows.show.held_page import sentence
from flows.show.reports import FATES, LABELS, TOTALS
from flows.show.texts import markdown_cell

if TYPE_CHECKING:
    from flows.ingest_usage import IngestResult
    from flows.lake.journal import Commit


HOLD = ("billing_account_id", "reason_code", "reason")
WORDS = {
    **LABELS,
    "list_cost": "charges at list price",
    "cap_amount": "over a maximum spend",
    "grant_amount": "bonuses and other credit before tax",
}
HOLDS = 20
"""How many accounts on hold a page lists."""

LARGEST = 25
"""How many of the largest changes against last month a table lists."""


def ingest_summary(result: "IngestResult") -> str:
    """A delivery: each file, then rejects by reason."""
    files = [[row["file_name"], row["fate"], *(row[f"{fate}_count"] for fate in FATES)] for row in result.files]
    return _page(
        "Ingest",
        result.status,
        result.commit,
        _table(["file", "fate", *FATES], files),
        _reasons("Rejects", result.reasons),
    )


def run_summary(run: Run) -> str:
    """Operations, billing or issuing: counts, totals per currency, rejects by reason, holds."""
    report = run.report
    counts = [[name.replace("_", " "), value] for name, value in report.items() if isinstance(value, str | int)]
    waiting = report.get("waiting", ())
    rows = [[name.replace("_", " "), count] for name, count in report.get("rows", {}).items()]
    totals = [
        [row["billing_currency"], row["invoices"], *(row[name] for name in TOTALS)] for row in _rows(report, "totals")
    ]
    holds = [[row[name] for name in ("billing_account_id", "reason_code", "reason")] for row in _rows(report, "holds")]
    return _page(
        run.command.capitalize(),
        run.status,
        run.commit,
        _table(["what", "value"], counts),
        _section("Out of bounds", ["what"], [[sentence(one, {})] for one in _rows(report, "out_of_bounds")]),
        _section("Rows", ["table", "rows"], rows),
        _section("Totals", ["currency", "invoices", *TOTALS], totals),
        _reasons("Rejected", report.get("reasons", {})),
        _section("On hold", ["account", "reason", "what"], holds),
        _section("Not issued", ["what, and what to do"], [[one] for one in waiting]),
    )


def month_summary(month: MonthReport) -> str:
    """A month as it stands: totals per currency, what changed since the last run, rejects, holds, files."""
    words = {name: WORDS.get(name, name).replace("_", " ") for name in AMOUNTS}
    now = [["documents", *map(str, month.totals["documents"])]] if month.totals.height else []
    for name in AMOUNTS if month.totals.height else ():
        now.append([words[name], *(_amount(month, row, name) for row in month.totals.iter_rows(named=True))])
    changed: list[Sequence[object]] = [
        [words[name], row["billing_currency"], _amount(month, row, name)]
        for row in month.changes.iter_rows(named=True)
        for name in AMOUNTS
        if row[name]
    ]
    holds = [[row[name] for name in HOLD] for row in month.holds.head(HOLDS).iter_rows(named=True)]
    files = [[name, str(path)] for name, path in month.files.items()]
    since = f"{month.changed_accounts:,} accounts changed with commit {month.commit.number}."
    parts = [
        f"# {month.period} as of commit {month.commit.number}",
        f"commit `{month.commit.hash}`; {month.usage_rows:,} rows of usage",
        _section("Documents", ["", *month.totals["billing_currency"]], now),
        f"## What changed since the commit before\n\n{since}",
        _table(["what", "currency", "by"], changed) if changed else "",
        _reasons("Rows set aside that wait", month.rejects),
        _section(f"Accounts on hold: {month.holds.height:,}", ["account", "reason", "what"], holds),
        _section("Files", ["what", "where"], files),
    ]
    return "\n\n".join(part for part in parts if part)


def against_last_month(month: MonthReport) -> list[dict[str, Any]]:
    """The largest changes against the month before, as rows of a table."""
    return [
        {
            "account": row["billing_account_id"],
            "currency": row["billing_currency"],
            **{name.replace("_", " "): _amount(month, row, name) for name in ("last_month", "this_month", "change")},
        }
        for row in month.against_last_month.head(LARGEST).iter_rows(named=True)
    ]


def audit_summary(commit: "Commit", asked: int, faults: Sequence[str], verified: bool, swept: int) -> str:
    """An audit: whether the books hold, and what does not."""
    status = "the books do not hold" if faults else "the books hold"
    how = "every byte and record was read again" if verified else "files were not read again"
    counts: list[Sequence[object]] = [
        ["invariants asked", asked],
        ["files of dead runs removed", swept],
        ["bytes", how],
    ]
    broken = _section("Broken", ["what"], [[fault] for fault in faults])
    return _page("Audit", status, commit, _table(["what", "value"], counts), broken)


def _amount(month: MonthReport, row: Mapping[str, Any], name: str) -> str:
    code = row["billing_currency"]
    return month.currencies.get(code, Currency(code)).amount(row[name])


def _rows(report: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    found = report.get(name, ())
    return found if isinstance(found, list) else ()


def _page(title: str, status: str, commit: "Commit | None", *parts: str) -> str:
    about = f"commit {commit.number}, `{commit.hash}`" if commit else status
    return "\n\n".join(part for part in (f"# {title}: {status}", about, *parts) if part)


def _reasons(title: str, reasons: Mapping[str, int]) -> str:
    rows = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return _section(title, ["reason", "count"], rows)


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return f"## {title}\n\n{_table(columns, rows)}" if rows else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [list(columns), ["---"] * len(columns), *([markdown_cell(str(value)) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
