"""What became of a delivery: counts per file and why rows were set aside."""

from typing import TYPE_CHECKING, Any

from flows.run import EXIT_DONE, EXIT_REJECTS
from flows.show.reports import FATES, commit_record

if TYPE_CHECKING:
    from flows.ingest_usage import IngestResult


def exit_code(result: "IngestResult") -> int:
    """0, or 3 when a row or a file was rejected."""
    is_file_rejected = any(row["fate"] == "file_rejected" for row in result.files)
    return EXIT_REJECTS if result.rejected or is_file_rejected else EXIT_DONE


def record(result: "IngestResult") -> dict[str, Any]:
    """A delivery for a program."""
    return {
        "status": result.status,
        "command": "ingest",
        "commit": commit_record(result.commit),
        "exit_code": exit_code(result),
        **{fate: sum(row[f"{fate}_count"] for row in result.files) for fate in FATES},
        "reasons": dict(result.reasons),
        "files": [
            {name: value for name, value in row.items() if name != "received_at" and value is not None}
            for row in result.files
        ],
    }
