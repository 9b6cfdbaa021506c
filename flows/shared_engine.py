"""One DuckDB engine a process, for questions that take less than the opening of one: that takes ten milliseconds."""

import os

import duckdb

_ENGINES: dict[int, duckdb.DuckDBPyConnection] = {}
"""By process: one that was forked has none of its parent's threads."""


def asking() -> duckdb.DuckDBPyConnection:
    """A connection of its own to the process's engine, in UTC; what it makes has to be temporary.

    Temporary tables and views are seen by the connection alone, and go with it. Several threads may ask at once.
    """
    engine = _ENGINES.get(os.getpid()) or _ENGINES.setdefault(os.getpid(), duckdb.connect())
    connection = engine.cursor()
    connection.execute("set timezone = 'UTC'")
    return connection
