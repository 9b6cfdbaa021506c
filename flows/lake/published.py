"""The database people open, `billing.duckdb`: views over the files of the head, made anew after each commit."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

import schemas
from flows.lake.comments import comments
from flows.lake.journal import Lake, LakeError, Snapshot
from flows.lake.views import define, set_up, share
from flows.machine import told
from flows.sql import literal

PUBLISHED = "billing.duckdb"
STORAGE_VERSION = "v1.2.0"
"""The oldest layout this DuckDB writes without loss; every DuckDB since 1.2 opens it, so also 1.4."""
PATIENCE = 60
"""How many seconds a run waits for others to publish before it."""


class NotPublished(LakeError):  # noqa: N818 (a sentence, as callers read it)
    """The published database does not show the head; the commit is made all the same."""


class Publishing(NotPublished):
    """Another process is publishing, and took too long to wait for."""


def publish(lake: Lake, snapshot: Snapshot | None = None, *, seconds: float = PATIENCE) -> Path:
    """Write `billing.duckdb` beside the journal: views only, built aside and renamed into place.

    Of a lake that is not here it lies in its folder of this machine, over copies of every file that is visible.

    Whoever has the old one open keeps it; whoever opens it next sees the new one. It is a cache: it names the lake's
    files by their full path, so a lake that was copied or moved is published again. Of several who publish at once each
    reads the head in its turn, so that what is published never goes back to an earlier commit.

    Errors   Publishing: another process has been at it for so many seconds; NotPublished: the machine would not do it
    """
    try:
        with lake.store.in_turn(seconds) as is_mine:
            if not is_mine:
                raise Publishing(
                    f"what is committed stays, but {PUBLISHED} may not show it yet: another process has been writing "
                    f"{PUBLISHED} for {seconds:g} s; when it is done or ended, run: billfold views"
                )
            aside = lake.store.here.staging(f"{uuid.uuid4().hex}.duckdb")
            _build(aside, lake, snapshot or lake.snapshot())
            lake.store.here.replace(aside, PUBLISHED)
    except (OSError, duckdb.Error) as fault:
        if (what := told(fault)) is None:
            raise
        raise NotPublished(
            f"what is committed stays, but {PUBLISHED} does not show it: {what}; mend that and run: billfold views"
        ) from fault
    return lake.store.here.local(PUBLISHED)


def published_hash(lake: Lake) -> str | None:
    """The hash of the commit that `billing.duckdb` shows; none where it cannot be read, or shows another lake."""
    is_ours = f"(select folder from internal.place) = {literal(_place(lake))}"
    return _told(lake, f"select max_by(commit_hash, commit_number) from internal.journal where {is_ours}")


def shown_elsewhere(lake: Lake) -> str | None:
    """The folder whose files `billing.duckdb` shows, where that is not this lake.

    In a copy it still shows the files it was copied from: DuckDB takes a path that is not full from wherever it was
    started, so no view can name a file by where the view itself lies.
    """
    folder = _told(lake, "select folder from internal.place")
    return None if folder == _place(lake) else folder


def _place(lake: Lake) -> str:
    return str(lake.store.here.root)


def _told(lake: Lake, question: str) -> str | None:
    """What the published database says of itself."""
    published = lake.store.here.local(PUBLISHED)
    if not published.is_file():
        return None
    try:
        with duckdb.connect(published, read_only=True) as connection:
            found = connection.sql(question).fetchone()
    except duckdb.Error:
        return None
    return found[0] if found else None


def _build(file: Path, lake: Lake, snapshot: Snapshot) -> None:
    """A new DuckDB database of every view; what each is, and each of its columns, it says itself."""
    with _openable(file) as path, duckdb.connect() as connection:
        set_up(connection, snapshot.visible.values())
        connection.execute(f"attach {literal(str(path))} as billing (storage_version {literal(STORAGE_VERSION)})")
        connection.execute("use billing")
        connection.execute("begin")  # or every view is written to the disk by itself
        share(connection)
        define(connection, lake, snapshot)
        connection.execute(f"create view internal.place as select {literal(_place(lake))} as folder")
        connection.execute(comments("view", "billing.main", schemas.TABLES | schemas.VIEWS))
        connection.execute("commit")
        connection.execute("checkpoint billing")
        connection.execute("use memory")
        connection.execute("detach billing")


@contextmanager
def _openable(file: Path) -> Iterator[Path]:
    """Where DuckDB writes a file: aside, where a ? lies in its path, which it takes for the end of a name."""
    if "?" not in str(file):
        yield file
        return
    with TemporaryDirectory(prefix="billfold-") as folder:
        yield Path(folder) / file.name
        shutil.copyfile(Path(folder) / file.name, file)
