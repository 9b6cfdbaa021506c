"""An example's page, walked: what its commands print, and the books they leave."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from flows.lake.journal import Lake
from flows.lake.one_question import safe_query
from flows.walkthrough import walk

EXAMPLES = Path(__file__).resolve().parents[2] / "data" / "examples"


@dataclass(frozen=True)
class Told:
    """A page that was walked in a folder of its own."""

    page: Path
    folder: Path
    says: str
    """The page with what its commands print now."""

    @property
    def lake(self) -> Lake:
        """The books at the end of the page; to change them, walk another."""
        return Lake.open(self.folder / "lake")

    def frame(self, sql: str, *, as_of: int | None = None) -> pl.DataFrame:
        """The answer to a question, as `billfold sql` gives it."""
        return safe_query(self.lake, sql, as_of=as_of)

    def rows(self, sql: str, *, as_of: int | None = None) -> list[tuple[Any, ...]]:
        """The same, row by row."""
        return self.frame(sql, as_of=as_of).rows()


def told(system: str, folder: Path) -> Told:
    """Walk the page of an example in a new folder."""
    page = EXAMPLES / system / "README.md"
    return Told(page, folder, walk(page, folder))
