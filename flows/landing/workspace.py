"""The folder and the engine of one ingest run.

Both are gone when it ends, and swept by the next run if it was killed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb

from flows.landing.limits import LIMITS, Limits
from flows.landing.sql import grammar
from flows.sql import literal

if TYPE_CHECKING:
    from flows.lake.journal import Lake
    from flows.landing.reader import Reader

MEMORY_LIMIT = "1750MB"
"""What DuckDB may hold before it spills. The rest of a run is small, whatever its rows."""

AT_ONCE = 2
"""Pieces of work beside each other; each may hold a bucket in memory."""

_HINT = "ingest"

Item = TypeVar("Item")
Result = TypeVar("Result")


class NotConserved(Exception):  # noqa: N818 (a sentence, as callers read it)
    """Rows or quantity of a file are not all accounted for: a fault of billfold, and nothing is committed."""


@dataclass(frozen=True)
class Workspace:
    """A scratch folder inside the lake's file system and a DuckDB without a file, whose clock is UTC."""

    folder: Path
    connection: duckdb.DuckDBPyConnection
    limits: Limits = LIMITS
    reader_of_files: Reader | None = None

    @property
    def reader(self) -> Reader:
        """Who reads the files of strangers, in a process of its own; that process has no other."""
        assert self.reader_of_files
        return self.reader_of_files

    def at_once(self, work: Callable[[Workspace, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Do a piece of work for each item, a few at a time, each with a connection of its own; results in order.

        The engine uses all processors by itself, but not all of the time: a sort and a file end on one of them.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(lambda item: work(replace(self, connection=self.connection.cursor()), item), items)

    def path(self, kind: str, name: str) -> Path:
        """A path in a sub-folder of the scratch folder."""
        folder = self.folder / kind
        folder.mkdir(exist_ok=True)  # more than one thread may
        return folder / name

    def new_folder(self, name: str) -> Path:
        """The path of a sub-folder that is not there, whatever was."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder


@contextmanager
def workspace(
    lake: Lake, received_at: datetime, *, memory_limit: str = MEMORY_LIMIT, limits: Limits = LIMITS
) -> Iterator[Workspace]:
    """A fresh workspace; what dead runs left behind is removed first."""
    from flows.landing.reader import Reader

    sweep(lake)
    folder = lake.staging_path(_HINT)
    folder.mkdir(parents=True)
    connection = engine(folder / "spilled", memory_limit, received_at.isoformat())
    reader = Reader(folder, memory_limit, received_at, limits)
    try:
        yield Workspace(folder, connection, limits, reader)
    finally:
        reader.close()
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)


def engine(spills_to: Path, memory_limit: str, received_at: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB without a file, whose clock is UTC and that knows the grammar of untrusted text."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    # a scratch file may be written again under its name, within a tick of the clock that its old bytes are kept by
    connection.execute("set enable_external_file_cache = false")
    connection.execute(f"set memory_limit = {literal(memory_limit)}")
    connection.execute(f"set temp_directory = {literal(str(spills_to))}")
    connection.execute(f"set variable received_at = {literal(received_at)}::timestamptz")
    connection.execute(grammar())
    return connection


def sweep(lake: Lake) -> None:
    """Remove the scratch folders of runs that died; nothing while another process writes."""
    left = list(lake.staging_path(_HINT).parent.glob(f"*-{_HINT}"))
    if not left:
        return
    with lake.store.alone() as is_alone:
        for folder in left if is_alone else []:
            shutil.rmtree(folder, ignore_errors=True)
