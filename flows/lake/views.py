"""What people read: every table of a commit and the views over them, as one DuckDB database of queries without data.

Files are named one by one, as the commit names them; column types come from the schemas. The schema `internal` holds
what the views share.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from functools import partial
from importlib import resources
from typing import TypeVar

import duckdb

import schemas
from flows.lake import tables
from flows.lake.journal import REFERENCE, Commit, FileEntry, Lake, Snapshot, canonical, sha256_of_bytes
from flows.lake.named_queries import BY_COMMIT, BY_REFERENCE, Query, named, queries, read_by, relation_names
from flows.sql import literal, parquet

LITTLE = 4 * 2**20
"""Up to how many bytes of files a lake is asked by one thread: waking others takes a tenth more than it gives.

Many questions of what is held in memory take half as much again on two threads, and hardly less time.
"""

Types = Mapping[str, str]
Key = TypeVar("Key", bound=Hashable)

_MAP = "MAP(VARCHAR, VARCHAR)"


def connect(
    lake: Lake,
    snapshot: Snapshot | None = None,
    *,
    usage_periods: Collection[str] | None = None,
    only: Collection[str] | None = None,
    in_memory: int = 0,
    asked: Collection[Query] = (),
) -> duckdb.DuckDBPyConnection:
    """An in-memory database of views over exactly the files of a snapshot (the head's by default).

    `usage_periods` leaves out the usage of other billing periods, so that the audit of one month reads one month.
    `only` names relations: then there are those, and what they read, as their headers say.
    `in_memory`: up to how many bytes of files, the smallest relations first, each relation is read and worked out once
    and held as a table: many questions cost mostly the opening of files.
    `asked`: all that will be asked; then what is held has only the columns that these name, as each column of each file
    costs as much as a thousand rows.
    """
    connection = duckdb.connect()
    snapshot = snapshot or lake.snapshot()
    names = None if only is None else read_by(only)
    read = None if names is None else names | read_by([name for query in asked for name in query.reads])
    entries = _entries_of(snapshot, _tables_of(read), usage_periods)
    if asked:  # usage is added up once, and what is held is small
        set_up(connection, (one for one in entries if one.table != tables.USAGE), max(LITTLE, in_memory))
    else:
        set_up(connection, entries)
    share(connection)
    define(connection, lake, snapshot, usage_periods=usage_periods, only=names, in_memory=in_memory, asked=asked)
    return connection


def define(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    snapshot: Snapshot,
    *,
    usage_periods: Collection[str] | None = None,
    only: set[str] | None = None,
    in_memory: int = 0,
    asked: Collection[Query] = (),
) -> None:
    """Add relations to a connection of `connect` that it does not have yet; what they read is there, or among them.

    All of them, or those that are named: tables first, then what reads them; held in memory as `connect` says.
    """
    usage = _usage(snapshot, usage_periods)
    held = _held(snapshot, usage, only, in_memory) if in_memory else set()
    held -= _read_once(asked) if asked else set()

    def view(name: str, text: Callable[[], str]) -> None:
        if only is None or name in only:
            connection.execute(f"create {'table' if name in held else 'view'} {name} as {text()}")

    def table(name: str, text: Callable[[Types], str]) -> None:
        types = _view_types(name.removeprefix("internal."))
        view(name, lambda: text(_narrowed(name, types, asked) if name in held else types))

    lake.paths(_entries_of(snapshot, _tables_of(only), usage_periods))
    commits = lake.commits(snapshot.number)
    view("internal.journal", lambda: _journal(commits))
    view("internal.candidate", lambda: _candidate(snapshot))
    view("internal.files", lambda: _files(lake, snapshot, commits))
    view("internal.usage_totals", lambda: _usage_totals(lake, usage, _commit_numbers(snapshot, commits)))
    table("stored_usage", partial(_table, lake, usage))
    for name in BY_COMMIT:
        table(f"internal.{name}", partial(_by_commit, lake, snapshot, commits, name))
    views = queries("views")
    read_already = {name for name in BY_COMMIT if asked and f"internal.{name}" in held & (only or held)}
    held -= read_already
    for name in sorted(schemas.TABLES.keys() - {"stored_usage"} - {query.name for query in views}):
        if name in read_already:
            view(name, partial(str, f"select * exclude (commit_number) from internal.{name}"))
        else:
            table(name, partial(_table, lake, snapshot.files(name)))
    for name in BY_REFERENCE:
        table(f"internal.{name}", partial(_by_reference, lake, snapshot, name))
    for query in views:
        view(query.name, partial(str, query.text))


def _held(snapshot: Snapshot, usage: Iterable[FileEntry], names: set[str] | None, most: int) -> set[str]:
    """The relations whose files together come to no more bytes, the smallest first, and views that read only them."""
    views = {query.name for query in named("views")}
    names = None if names is None else read_by(names)  # some may be there already
    sizes = Counter[str]()
    for entry in snapshot.visible.values():
        sizes[entry.table] += entry.bytes
    sizes["stored_usage"] = sizes["usage_totals"] = sum(entry.bytes for entry in usage)
    wanted = (relation_names() if names is None else names) - views
    held, total = set[str](), 0
    for name in sorted(wanted, key=lambda name: (sizes[name.removeprefix("internal.")], name)):
        total += sizes[name.removeprefix("internal.")]
        if total > most:
            break
        held.add(name)
    return held | {view for view in views if read_by([view]) - views <= held}


def _usage(snapshot: Snapshot, periods: Collection[str] | None) -> list[FileEntry]:
    """The files of usage, or those of some billing periods."""
    return snapshot.files(tables.USAGE, **({} if periods is None else {"billing_period": periods}))


def _narrowed(relation: str, types: Types, asked: Collection[Query]) -> Types:
    """The columns of a table alone that are named by whatever is asked of it; all, where nobody says what is asked."""
    if not asked:
        return types
    name, readers = relation.removeprefix("internal."), _readers(asked)
    words = _words(_macros()) | _words_of(name, readers) | _words_of(f"internal.{name}", readers)
    return {column: kind for column, kind in types.items() if column in words} or types


def _read_once(asked: Collection[Query]) -> set[str]:
    """The views that one question alone reads: nothing is gained by working them out apart from it."""
    times = Counter(name for query in _readers(asked) for name in query.reads)
    return {query.name for query in named("views") if times[query.name] == 1}


def _readers(asked: Collection[Query]) -> list[Query]:
    """All that is asked, and the views that it reads, directly or through others."""
    views = read_by([name for query in asked for name in query.reads])
    return [*asked, *(query for query in named("views") if query.name in views)]


def _words_of(relation: str, readers: Collection[Query]) -> set[str]:
    """The words of all that reads a relation; where that passes on whatever columns there are, of what reads it too."""
    found = set[str]()
    for query in readers:
        if relation in query.reads:
            found |= _words(query.text)
            found |= _words_of(query.name, readers) if "*" in query.text.replace("count(*)", "") else set()
    return found


@functools.cache
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def files_of(snapshot: Snapshot, only: Collection[str] | None) -> list[FileEntry]:
    """The files that relations are made of, or all relations."""
    return _entries_of(snapshot, _tables_of(only), None)


# --- defining -------------------------------------------------------------------------------------------------------


def set_up(connection: duckdb.DuckDBPyConnection, entries: Iterable[FileEntry], little: int = LITTLE) -> None:
    """UTC, and one thread where there is little to read."""
    connection.execute("set timezone = 'UTC'")
    if sum(entry.bytes for entry in entries) <= little:
        connection.execute("set threads = 1")


def share(connection: duckdb.DuckDBPyConnection) -> None:
    """What every relation needs: the schema of what they share, and the macros."""
    connection.execute("create schema internal")
    for statement in connection.extract_statements(_macros()):
        connection.execute(statement)


def _tables_of(only: Collection[str] | None) -> set[str] | None:
    return None if only is None else {name.removeprefix("internal.") for name in only}


def _entries_of(
    snapshot: Snapshot, wanted: Collection[str] | None, usage_periods: Collection[str] | None
) -> list[FileEntry]:
    """The files of relations, or of all: so that a store is asked for them together."""
    has_usage = wanted is None or not {"stored_usage", "usage_totals"}.isdisjoint(wanted)
    usage = _usage(snapshot, usage_periods) if has_usage else []
    others = [
        entry
        for entry in snapshot.visible.values()
        if entry.table != tables.USAGE and (wanted is None or entry.table in wanted)
    ]
    latest = snapshot.reference_digest
    in_use = (one for one in others if one.partition.get(REFERENCE, latest) == latest or one.table in BY_REFERENCE)
    return [*usage, *in_use]


@functools.cache
def _macros() -> str:
    return (resources.files("flows.lake") / "macros.sql").read_text(encoding="utf-8")


def _table(lake: Lake, entries: Iterable[FileEntry], columns: Types, *first: str) -> str:
    """A table as its files hold it: one sub-query per set of types, so that nothing is matched by guess."""
    parts = [
        _select([*first, *_columns(columns, dict(types))], _from(lake, same))
        for types, same in _grouped(entries, lambda entry: tuple(entry.types.items()))
    ]
    return " union all ".join(parts) or _nothing(columns)


def _by_commit(lake: Lake, snapshot: Snapshot, commits: Sequence[Commit], table: str, columns: Types) -> str:
    """A table with the commit that wrote each row: where later rows replace earlier ones, or wait for a later run."""
    parts = [
        _table(lake, same, columns, f"{number} as commit_number")
        for number, same in _grouped(snapshot.files(table), _commit_numbers(snapshot, commits))
    ]
    return " union all ".join(parts) or _nothing({"commit_number": "BIGINT", **columns})


def _by_reference(lake: Lake, snapshot: Snapshot, table: str, columns: Types) -> str:
    """A reference table as each run knew it: every version, with the digest of the tables that it is one of."""
    entries = [entry for entry in snapshot.visible.values() if entry.table == table]
    parts = [
        _table(lake, same, columns, f"{literal(digest)} as reference_digest")
        for digest, same in _grouped(entries, lambda entry: entry.partition[REFERENCE])
    ]
    return " union all ".join(parts) or _nothing({"reference_digest": "VARCHAR", **columns})


def _usage_totals(lake: Lake, entries: Iterable[FileEntry], commit_of: Callable[[FileEntry], int]) -> str:
    """Usage added up per period, commit and series before any join: a quarter of the cost of joining first."""
    quantity = _view_types("stored_usage")["consumed_quantity"]
    totals = f"series_id, sum(consumed_quantity)::{quantity} as consumed_quantity, count(*) as record_count"
    parts = [
        f"select {literal(period)} as billing_period, {number}::bigint as commit_number, {totals} "
        f"from {_from(lake, same)} group by series_id"
        for (period, number, _), same in _grouped(
            entries, lambda entry: (entry.partition["billing_period"], commit_of(entry), tuple(entry.types.items()))
        )
    ]
    columns = {
        "billing_period": "VARCHAR",
        "commit_number": "BIGINT",
        "series_id": "UBIGINT",
        "consumed_quantity": quantity,
        "record_count": "BIGINT",
    }
    return " union all ".join(parts) or _nothing(columns)


def _journal(commits: Sequence[Commit]) -> str:
    types = {name: tables.sql_type(dtype) for name, dtype in tables.instances(schemas.VIEWS["runs"].columns()).items()}
    types["periods"] = "VARCHAR[]"
    rows = [
        {
            "commit_number": str(commit.number),
            "run_id": commit.run_id,
            "command": commit.command,
            "billing_period": commit.inputs.get("billing_period"),
            "known_as_of": commit.inputs.get("known_as_of"),
            "input_digest": commit.inputs.get("input_digest") or sha256_of_bytes(canonical(commit.inputs)),
            "reference_digest": commit.inputs.get("reference_digest"),
            "approved_by": commit.inputs.get("approval", {}).get("actor"),
            "rows_added": str(sum(entry.rows for entry in commit.added)),
            "files_added": str(len(commit.added)),
            "summary": canonical(commit.summary).decode(),
            "commit_hash": commit.hash,
            "periods": "[{}]".format(", ".join(commit.inputs.get("periods", []))),
        }
        for commit in commits
    ]
    return _literal(types, rows)


def _candidate(snapshot: Snapshot) -> str:
    """What the run that is being audited will say of itself in the journal, and the reference tables in use."""
    known = snapshot.known_as_of.isoformat() if snapshot.known_as_of else None
    types = {"known_as_of": "TIMESTAMP WITH TIME ZONE", "reference_digest": "VARCHAR"}
    return _literal(types, [{"known_as_of": known, "reference_digest": snapshot.reference_digest}])


def _files(lake: Lake, snapshot: Snapshot, commits: Sequence[Commit]) -> str:
    number_of = _commit_numbers(snapshot, commits)
    rows = [
        {
            "location": lake.store.location(entry.path),
            "table_name": entry.table,
            "billing_period": entry.partition.get("billing_period"),
            "commit_number": str(number_of(entry)),
            "row_count": str(entry.rows),
        }
        for entry in snapshot.visible.values()
    ]
    types = {
        "location": "VARCHAR",
        "table_name": "VARCHAR",
        "billing_period": "VARCHAR",
        "commit_number": "BIGINT",
        "row_count": "BIGINT",
    }
    return _literal(types, rows)


@functools.cache
def _view_types(table: str) -> Types:
    """The column types people see; tags are a map."""
    types = {name: tables.sql_type(dtype) for name, dtype in tables.columns_of(table).items()}
    return {name: _MAP if kind.startswith("STRUCT") else kind for name, kind in types.items()}


def _columns(wanted: Types, stored: Types) -> list[str]:
    return [_column(name, kind, stored.get(name)) for name, kind in wanted.items()]


def _column(name: str, wanted: str, stored: str | None) -> str:
    if stored is None:
        return f'null::{wanted} as "{name}"'
    if wanted == _MAP and stored != _MAP:
        return f'map_from_entries("{name}") as "{name}"'
    return f'"{name}"' if stored == wanted else f'"{name}"::{wanted} as "{name}"'


def _select(columns: Iterable[str], source: str) -> str:
    return f"select {', '.join(columns)} from {source}"


def _from(lake: Lake, entries: Iterable[FileEntry]) -> str:
    """Exactly these files: no folder is searched, and no column comes from a folder's name."""
    return parquet(*lake.paths(entries), options=", filename = false")


def _nothing(columns: Types) -> str:
    return _select([f'null::{kind} as "{name}"' for name, kind in columns.items()], "(values (1)) where false")


def _literal(types: Types, rows: Sequence[Mapping[str, str | None]]) -> str:
    if not rows:
        return _nothing(types)
    listed = ", ".join("({})".format(", ".join(literal(row[name]) for name in types)) for row in rows)
    columns = [f'"{name}"::{kind} as "{name}"' for name, kind in types.items()]
    return _select(columns, f"(values {listed}) as listed({', '.join(types)})")


def _commit_numbers(snapshot: Snapshot, commits: Sequence[Commit]) -> Callable[[FileEntry], int]:
    """The commit that brought a file; a candidate's own files belong to the next one."""
    numbers = {entry.path: commit.number for commit in commits for entry in commit.added}
    return lambda entry: numbers.get(entry.path, snapshot.number + 1)


def _grouped(entries: Iterable[FileEntry], key: Callable[[FileEntry], Key]) -> list[tuple[Key, list[FileEntry]]]:
    """Entries by a key, the groups in order of first appearance."""
    found: dict[Key, list[FileEntry]] = {}
    for entry in entries:
        found.setdefault(key(entry), []).append(entry)
    return list(found.items())
