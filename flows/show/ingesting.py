"""What became of a delivery: counts per file, why rows were set aside, and what those would be worth."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flows.run import EXIT_DONE, EXIT_REJECTS
from flows.show.console import styled
from flows.show.listing import as_table, asked, known_currencies, listings, opened, records
from flows.show.reports import FATES, commit_record

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType

    from flows.ingest_usage import IngestResult
    from flows.lake.journal import Lake
    from flows.show.amounts import Currency


def exit_code(result: "IngestResult") -> int:
    """0, or 3 when a row or a file was rejected."""
    is_file_rejected = any(row["fate"] == "file_rejected" for row in result.files)
    return EXIT_REJECTS if result.rejected or is_file_rejected else EXIT_DONE


def worth(lake: "Lake", result: "IngestResult") -> Iterator["RenderableType"]:
    """What the rows set aside would be worth at list price, and the drafts they would touch (U6)."""
    rejects, currencies = _rejects(lake, result)
    if rejects is not None and rejects.height:
        yield styled("\nat list price, before what lowers it:")
        yield as_table(rejects, currencies, hidden=listings()["rejects"].wide)


def record(lake: "Lake", result: "IngestResult") -> dict[str, Any]:
    """A delivery for a program."""
    rejects, currencies = _rejects(lake, result)
    return {
        "status": result.status,
        "command": "ingest",
        "commit": commit_record(result.commit),
        "exit_code": exit_code(result),
        **{fate: sum(row[f"{fate}_count"] for row in result.files) for fate in FATES},
        "reasons": dict(result.reasons),
        "rejects": [] if rejects is None else list(records(rejects, currencies)),
        "files": [
            {name: value for name, value in row.items() if name != "received_at" and value is not None}
            for row in result.files
        ],
    }


def _rejects(lake: "Lake", result: "IngestResult") -> "tuple[pl.DataFrame | None, Mapping[str, Currency]]":
    """The new rejects of a delivery, as `show rejects` groups them."""
    from flows.show.reject_values import value_rejects

    if result.commit is None or not result.rejected:
        return None, {}
    with opened(lake, result.commit.number, whole=True) as connection:
        value_rejects(connection, delivery_id=result.commit.run_id)
        return asked(connection, listings()["rejects"]), known_currencies(connection)
