"""What a run gives back, and what keeps one from happening."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polars as pl

from flows.lake.journal import Commit

COMMITTED, NOTHING_TO_DO, HELD, REFUSED = "committed", "nothing to do", "held", "refused"

EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_REJECTS, EXIT_HELD = 0, 1, 2, 3, 4


class Refusal(Exception):  # noqa: N818 (a sentence, as callers read it)
    """A run that must not happen; the message says why and what to do."""


@dataclass(frozen=True)
class Run:
    """How a run ended."""

    status: str
    command: str
    commit: Commit | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    """Counts, totals per currency, holds: what a program may read."""
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """Small tables to show."""

    @property
    def exit_code(self) -> int:
        """0 done · 3 done, with rejects, conflicts or parked accounts · 4 held for approval · 1 refused."""
        if self.status == REFUSED:
            return EXIT_REFUSED
        if self.status == HELD:
            return EXIT_HELD
        return EXIT_REJECTS if any(self.report.get(name) for name in ("rejected", "conflicts", "parked")) else EXIT_DONE


def software() -> str:
    """The version that computed a run: part of what went into it."""
    try:
        return version("billfold")
    except PackageNotFoundError:
        return "unreleased"
