"""What a source hands on: rows as the file has them, named and numbered, not yet understood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flows.landing.workspace import Workspace
from flows.mapping import ColumnMapping
from flows.sources.content import Content

FAULT, RAW = "_fault", "_raw"
"""Columns of rows that could not be read: a reason code, and the line or fields as they stood."""


@dataclass(frozen=True)
class Relation:
    """An SQL source of input rows in file order.

    `columns` are the columns and their DuckDB types; `row_number` is SQL for the place in the file, from 1, or empty
    where it is the place in what the source gives; `has_faults` says that there are `_fault` and `_raw`. `checks` are
    sums over the rows that `is_whole` looks at: a reader that lost a byte is not believed.
    """

    sql: str
    columns: Mapping[str, str]
    row_number: str = ""
    has_faults: bool = False
    checks: Mapping[str, str] = field(default_factory=dict)
    is_whole: Callable[[Mapping[str, int]], bool] = lambda _: True


Attempt = Callable[[], Relation]
"""One way to read a file; the next is tried when it fails."""


class Source(Protocol):
    """A format usage comes in."""

    name: str

    def recognises(self, content: Content) -> bool:
        """Is this content of the format? Asked in the order of SOURCES."""

    def columns(self, content: Content, mapping: ColumnMapping, /) -> list[str]:
        """The column names of the file; for a format without a header, those that would be looked for."""

    def attempts(self, content: Content, number: int, mapping: ColumnMapping, desk: Workspace, /) -> list[Attempt]:
        """Ways to read the file, the fastest first; the last may be slow but knows what is wrong with each row."""
