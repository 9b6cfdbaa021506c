"""What a lake says, whatever files say it: every table and view, sorted, without where a row came from."""

from __future__ import annotations

from typing import Any

import schemas
from flows.lake.journal import Lake
from flows.lake.views import connect

PROVENANCE: dict[str, tuple[str, ...]] = {
    "landed_files": ("delivery_id", "file_digest", "mapping_digest", "file_name", "format"),
    "rejects": ("reject_id", "delivery_id", "file_digest", "file_name", "row_number", "reason", "original"),
    "operations": ("original",),
}
"""Columns that say where a row came from, or how it stood there."""

OF_FILES = frozenset({"runs"})
"""Views that tell of runs and their files; how many files there are is no content."""

Content = dict[str, list[tuple[Any, ...]]]


def content(lake: Lake) -> Content:
    """The rows of every table and view, sorted; of landed files their sums, as rows may lie in any file."""
    found: Content = {}
    with connect(lake) as connection:
        for name in sorted({*schemas.TABLES, *schemas.VIEWS} - OF_FILES):
            hidden = PROVENANCE.get(name, ())
            table = f"(select * exclude ({', '.join(hidden)}) from {name})" if hidden else name
            if name == "landed_files":
                table = f"(select fate, received_at, {COUNTED} from landed_files group by all)"
            found[name] = sorted(connection.sql(f"select * from {table} as one").fetchall(), key=repr)
    return found


COUNTED = ", ".join(
    f"sum({fate}_{what}) as {fate}_{what}"
    for fate in ("landed", "accepted", "duplicate", "superseded", "rejected")
    for what in ("count", "quantity")
)


def refuse_other(found: Content, wanted: Content, what: str) -> None:
    """Fail by the first table that says something else."""
    assert found.keys() == wanted.keys()
    for name, rows in wanted.items():
        if found[name] != rows:
            more = [row for row in found[name] if row not in rows][:3]
            fewer = [row for row in rows if row not in found[name]][:3]
            raise AssertionError(f"{what}: {name} has {more} and lacks {fewer}")
