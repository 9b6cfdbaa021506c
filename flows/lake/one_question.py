"""One question on the books, from anybody, and what keeps it to asking: what may be written, what may be opened, how
long and how large it is.

The text is parsed before it runs, as a read-only connection could still write files and read any that the user can.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import polars as pl

import schemas
from flows.lake.comments import comments
from flows.lake.held_types import held
from flows.lake.journal import Lake, LakeError
from flows.lake.named_queries import read_by, relations_in
from flows.lake.views import connect, files_of
from flows.sql import literal

SECONDS = 300.0
"""How long a question may take, unless more is asked for."""

_FIRST_WORD = re.compile(r"^[\s(]*([a-z]+)", re.IGNORECASE)
_QUESTIONS = frozenset({"select", "with", "from", "values", "describe", "summarize", "show"})
_NO_QUESTIONS = re.compile(
    r"\b(query|json_execute_serialized_sql|enable_logging|disable_logging|truncate_duckdb_logs|write_log"
    r"|enable_profiling|disable_profiling|checkpoint|force_checkpoint)\s*\(",
    re.IGNORECASE,
)
"""Functions that run a text, or do something besides answering. They are looked for in quoted texts, too."""
_CATALOGUE = re.compile(r"\b(duckdb_\w+|information_schema|pg_\w+|sqlite_\w+|show|describe)\b", re.IGNORECASE)


class QueryRefused(LakeError):  # noqa: N818 (a sentence, as callers read it)
    """The text is not one question; nothing was run."""


def safe_query(lake: Lake, sql: str, *, as_of: int | None = None, seconds: float = SECONDS) -> pl.DataFrame:
    """Answer one question about the lake as of a commit; anything that is not one question is refused unrun.

    The text is parsed before it runs: a read-only connection could still write files and read any the user can. While
    it runs, only the commit's own files can be opened, and no setting can be changed; after `seconds` it is stopped.
    """
    snapshot = lake.snapshot(as_of)
    only = read_by(relations_in(sql)) if _names_all_it_reads(sql) else None
    with connect(lake, snapshot, only=only) as connection:
        why_not = why_no_question(connection, sql)
        if why_not:
            raise QueryRefused(why_not)
        if only is None:  # the catalogue may be asked
            connection.execute(comments("view", "main", schemas.TABLES | schemas.VIEWS))
        lock(connection, lake.paths(files_of(snapshot, only)))
        try:
            with in_time(connection, seconds):
                answer = held(connection.sql(sql)).pl()
        except duckdb.InterruptException:
            raise QueryRefused(f"no answer within {seconds:g} s; ask for less, or allow it more time") from None
        except duckdb.CatalogException as fault:
            raise QueryRefused(f"{fault}\nwhat can be asked is listed by: billfold views") from None
        except (duckdb.Error, MemoryError) as fault:
            raise QueryRefused(str(fault) or "the answer does not fit into memory") from None
        if why_not := why_not_shown(answer):
            raise QueryRefused(why_not)
        return answer


def _names_all_it_reads(sql: str) -> bool:
    """Whether a question names relations and no catalogue, in which all of them would have to stand.

    >>> _names_all_it_reads("from invoices"), _names_all_it_reads("show tables")
    (True, False)
    """
    return bool(relations_in(sql)) and not _CATALOGUE.search(sql)


def why_no_question(connection: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    """Why a text is not one question; None where it is one. Nothing of it is run."""
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as fault:
        return f"this is no SQL: {fault}"
    if len(statements) != 1:
        return f"one SELECT at a time, please; this is {len(statements)} statements"
    # the parser calls some PRAGMAs a SELECT, so the word the text begins with counts too
    word = _FIRST_WORD.match(_without_comments(sql))
    if statements[0].type != duckdb.StatementType.SELECT or not word or word[1].lower() not in _QUESTIONS:
        return f"only SELECT is answered here, not {word[1].upper() if word else 'this'}"
    called = _NO_QUESTIONS.search(sql)
    return f"{called[1]}() does something besides answering; leave it out" if called else None


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)


def lock(connection: duckdb.DuckDBPyConnection, files: Collection[Path]) -> None:
    """From here on a connection opens these files and no other, loads nothing, sees no variable of Python, and keeps
    what it holds in at most half of the machine's memory; none of that can be undone.
    """
    allowed = ", ".join(literal(os.fspath(path)) for path in files)
    for setting in (
        "python_enable_replacements = false",
        "autoload_known_extensions = false",
        "autoinstall_known_extensions = false",
        f"memory_limit = '{half_of_memory() // 2**20}MiB'",
        "temp_directory = ''",
        f"allowed_paths = [{allowed}]",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"set {setting}")


DAYS = (-719_162 + 1, 2_932_896)
"""From 1970 to the second day of year 1 and the last of year 9999: what lies between has a date in any zone."""

MOST = 10**38 - 1
"""The largest number of 38 digits. The sum of integers may have one more, which no decimal has."""

TICKS_OF_A_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def why_not_shown(answer: pl.DataFrame) -> str | None:
    """Which column of an answer has a value that only the engine can show, and what to do; None where none has.

    >>> from datetime import date
    >>> why_not_shown(pl.DataFrame({"a": [date(2026, 10, 1), None], "b": [0, 1]}))
    """
    for column in answer:
        if any(_is_beyond_the_calendar(part) for part in _parts(column)):
            return f"{column.name} holds a day before year 1 or after 9999; ask for it ::varchar"
        if isinstance(column.dtype, pl.Decimal) and not _lies_in(column, -MOST, MOST):
            return f"{column.name} holds a number of more than 38 digits; ask for it ::varchar"
    return None


def _parts(column: pl.Series) -> Iterator[pl.Series]:
    """A column without what is within it, or else that: what its lists, maps and structs hold."""
    if isinstance(column.dtype, pl.Struct):
        for name in column.struct.fields:
            yield from _parts(column.struct.field(name))
    elif isinstance(column.dtype, pl.Map):
        yield from _parts(column.map.values())
    elif isinstance(column.dtype, pl.List | pl.Array):
        yield from _parts(column.explode())
    else:
        yield column


def _is_beyond_the_calendar(column: pl.Series) -> bool:
    """Whether it has a day or an instant of year 10000, or infinity."""
    if not isinstance(column.dtype, pl.Date | pl.Datetime):
        return False
    ticks = TICKS_OF_A_DAY[column.dtype.time_unit] if isinstance(column.dtype, pl.Datetime) else 1
    first, end = (day * ticks for day in DAYS)
    return not _lies_in(column, first, end - 1)


def _lies_in(column: pl.Series, least: int, most: int) -> bool:
    """Whether all that a column has, as the integers it is stored in, is between two."""
    found = column.to_physical()
    low, high = found.min(), found.max()
    return not (isinstance(low, int) and isinstance(high, int)) or least <= low <= high <= most


def half_of_memory() -> int:
    """Half of what the machine has, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


@contextmanager
def in_time(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """While the context lasts, a question that takes longer is interrupted."""
    clock = threading.Timer(seconds, connection.interrupt)
    clock.daemon = True
    clock.start()
    try:
        yield
    finally:
        clock.cancel()


def keep_small() -> None:
    """Let this process grow by half of the machine's memory at most: a text of a billion letters is in no engine's own
    account. For a process that does nothing but ask; where the system knows no such limit, nothing is done.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + half_of_memory()
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
