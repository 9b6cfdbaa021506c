"""What a run did, as a Markdown page for Prefect's pages: rows, rejects by reason, totals, holds, commit."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from flows.run import Run
from flows.show.reports import FATES, TOTALS
from flows.show.texts import markdown_cell

if TYPE_CHECKING:
    from flows.ingest_usage import IngestResult
    from flows.lake.journal import Commit


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
        _section("Rows", ["table", "rows"], rows),
        _section("Totals", ["currency", "invoices", *TOTALS], totals),
        _reasons("Rejected", report.get("reasons", {})),
        _section("On hold", ["account", "reason", "what"], holds),
    )


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
