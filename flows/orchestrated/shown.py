"""What Prefect's pages show of a run: how far it is, what came of it, what to open. All of it is a courtesy.

A server that is gone keeps no bill from being made: what cannot be shown is logged, and the run goes on.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

EVERY_SECONDS = 1.0
"""How often a run tells how far it is, at most."""

Shown = TypeVar("Shown")


class Shower:
    """Shows how far a run is, as `flows.progress.Progress` wants to be told: a line of the log per step, and a bar."""

    def __init__(self, key: str, about: str) -> None:
        self._log = _log()
        self._about = about
        self._told = monotonic()
        found = shown(lambda: create_progress_artifact(0.0, key=key, description=about))
        self._artifact = found if isinstance(found, UUID) else None

    def step(self, name: str) -> None:
        """A new step begins."""
        self._about = name
        self._log.info("%s", name)

    def advance(self, done: int, total: int) -> None:
        """So much of the present step is done; told now and then, and when it is all."""
        if done < total and monotonic() - self._told < EVERY_SECONDS:
            return
        self._told = monotonic()
        self._is(100.0 * done / max(total, 1))

    def finish(self) -> None:
        """The run is over."""
        self._about = "done"
        self._is(100.0)

    def _is(self, percent: float) -> None:
        if self._artifact is not None:
            artifact, about = self._artifact, self._about
            shown(lambda: update_progress_artifact(artifact, percent, about))


@contextmanager
def showing(what: str) -> Iterator[Shower]:
    """Show how far a run is; one that ends in a fault stays where it was."""
    progress = Shower(f"billfold-progress-{what}", "begins")
    yield progress
    progress.finish()


def page(key: str, markdown: str, about: str) -> None:
    """Leave a page of Markdown."""
    shown(lambda: create_markdown_artifact(markdown, key=key, description=about))


def table(key: str, rows: Sequence[Mapping[str, Any]], about: str) -> None:
    """Leave a table; none where it has no rows."""
    if rows:
        shown(lambda: create_table_artifact([dict(row) for row in rows], key=key, description=about))


def link(key: str, path: Path, about: str) -> None:
    """Leave a link to a file."""
    shown(lambda: create_link_artifact(path.absolute().as_uri(), link_text=path.name, key=key, description=about))


def shown(show: Callable[[], Shown]) -> Shown | None:
    """What there is to show, shown if that can be."""
    try:
        return show()
    except Exception as fault:
        _log().warning("not shown in Prefect: %s", fault)
        return None


def _log() -> Any:
    with suppress(Exception):  # outside of a run, as in a thread of its own
        return get_run_logger()
    return logging.getLogger(__name__)
