"""An export: what a principal may read, as files of its own that lead to nothing else (section 11).

Whoever can read the folder of a lake reads everything in it, and a database of views would need that folder. So an
export holds rows: a Parquet file per table and view, the same in `billing.duckdb`, and `manifest.json`. It is made
aside and renamed, so it is there whole or not at all; the same books give the same Parquet bytes.
"""

import json
import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

import schemas
from flows.actors import in_force
from flows.lake.audit import SMALL
from flows.lake.comments import comments
from flows.lake.journal import Lake, Snapshot
from flows.lake.named_queries import queries
from flows.lake.published import PUBLISHED, STORAGE_VERSION
from flows.lake.store import sync_file
from flows.lake.views import connect
from flows.progress import Progress, silent
from flows.readable import NO_ROW, READABLE, Reader, condition, reader_of
from flows.run import Refusal
from flows.sql import ident, literal
from rating.operation_book import Row

MANIFEST = "manifest.json"
COMPRESSION = "zstd"
_EXPORTED = "exported"
"""The name under which the new database is attached."""


@dataclass(frozen=True)
class Export:
    """What was written, and where."""

    folder: Path
    manifest: dict[str, Any]


def export(
    lake: Lake, principal_id: str, folder: Path, *, as_of: int | None = None, progress: Progress = silent
) -> Export:
    """Write all that a principal may read as of a commit into a new folder.

    Reads    the books as of the commit, and of its `principals` the rows in force when they were known
    Makes    folder: one Parquet file per table and view, billing.duckdb, manifest.json
    Errors   Refusal: a folder that holds something, a principal that nobody knows, or one without an account
    Source   section 11, S3.3, S3.4
    """
    target = _free(folder, lake)
    snapshot = lake.snapshot(as_of)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}")
    with connect(lake, snapshot, in_memory=SMALL) as connection:
        progress.step("find what may be read")
        known_as_of = _known_as_of(connection)
        rows = _rows_of(connection, principal_id, known_as_of, snapshot)
        reader = reader_of(principal_id, rows)
        if all(one.is_nothing for one in reader.reaches.values()):
            raise Refusal(_no_account(principal_id, snapshot, known_as_of))
        try:
            aside.mkdir(parents=True)
            counts = _write(connection, aside, reader, progress)
            manifest = _manifest(snapshot, known_as_of, principal_id, rows, reader, counts)
            (aside / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            _put(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return Export(folder, manifest)


def readable_relations(reader: Reader) -> dict[str, str]:
    """The tables and views of a reader's export, each with SQL for its rows; what is asked again comes last."""
    found = {name: condition(name, reader) for name in sorted(READABLE, key=lambda one: (READABLE[one].over_own, one))}
    return {name: rows for name, rows in found.items() if rows != NO_ROW}


# --- who reads --------------------------------------------------------------------------------------------------------


def _known_as_of(connection: duckdb.DuckDBPyConnection) -> datetime:
    row = connection.sql("select known_as_of from internal.head").fetchone()
    if row is None or row[0] is None:
        raise Refusal("the books hold nothing yet; land usage or operations first")
    at: datetime = row[0]
    return at


def _rows_of(connection: duckdb.DuckDBPyConnection, principal_id: str, at: datetime, snapshot: Snapshot) -> list[Row]:
    """The principal's rows that are in force."""
    principals = connection.sql("from principals").pl()
    if principal_id not in principals["principal_id"]:
        raise Refusal(
            f"{principal_id} is not in principals as of commit {snapshot.number}; add a row to the reference tables, "
            "and bill or land an operation, so that the books know it"
        )
    zones = dict(connection.sql("select billing_account_id, time_zone from internal.accounts").fetchall())
    return in_force(principals, zones, principal_id, at)


def _no_account(principal_id: str, snapshot: Snapshot, at: datetime) -> str:
    return (
        f"{principal_id} has no account as of commit {snapshot.number} ({at:%Y-%m-%d %H:%M} UTC), so there is nothing "
        "to read; see the dates and accounts of its rows in principals"
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(connection: duckdb.DuckDBPyConnection, aside: Path, reader: Reader, progress: Progress) -> dict[str, int]:
    """Every relation as a table of the new database, and as a Parquet file; gives the rows of each."""
    connection.execute(f"attach {literal(str(aside / PUBLISHED))} as {_EXPORTED} (storage_version '{STORAGE_VERSION}')")
    relations = readable_relations(reader)
    progress.step("write tables")
    connection.execute("begin")  # one transaction, as each is waited for until it is on disk
    for done, (name, rows) in enumerate(relations.items(), start=1):
        connection.execute(f"create table {_EXPORTED}.{name} as {_asked(name, rows, reader)}")
        progress.advance(done, len(relations))
    connection.execute(comments("table", _EXPORTED, relations))
    connection.execute("commit")
    connection.execute("set threads = 1")  # so that the pages of a file never depend on which thread was first
    for name in relations:
        file = literal(str(aside / f"{name}.parquet"))
        connection.execute(f"copy {_EXPORTED}.{name} to {file} (format parquet, compression {COMPRESSION})")
    counts = {name: _count(connection, name) for name in sorted(relations)}
    connection.execute(f"checkpoint {_EXPORTED}")
    connection.execute(f"detach {_EXPORTED}")
    return counts


def _asked(name: str, rows: str, reader: Reader) -> str:
    """The query of a table or view: its rows, in the order of its key."""
    readable, schema = READABLE[name], (schemas.TABLES | schemas.VIEWS)[name]
    order = ", ".join(map(ident, schema.key() or schema.columns()))
    if readable.over_own:
        return f"select * from ({_over_own(name)}) order by {order}"
    shown = {} if reader.reads_all(readable.action) else readable.shown
    columns = ", ".join(
        f"{shown[column][0](reader)} as {ident(column)}" if column in shown else ident(column)
        for column in schema.columns()
    )
    return f"select {columns} from {name} where {rows} order by {order}"


def _over_own(name: str) -> str:
    """A view's own text over the exported tables it reads."""
    view = next(one for one in queries("views") if one.name == name)
    own = [f"{one} as (from {_EXPORTED}.{one})" for one in view.reads]
    return f"with {', '.join(own)} {view.text}"


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    row = connection.sql(f"select count(*) from {_EXPORTED}.{name}").fetchone()
    return int(row[0]) if row else 0


def _manifest(
    snapshot: Snapshot, at: datetime, principal_id: str, rows: list[Row], reader: Reader, counts: dict[str, int]
) -> dict[str, Any]:
    """Who reads what, as of when."""
    roles = [{name: row[name] for name in ("role", "billing_account_id", "sub_account_id")} for row in rows]
    reaches = reader.reaches.items()
    return {
        "principal": principal_id,
        "roles": sorted(roles, key=lambda row: [str(row[name] or "") for name in row]),
        "commit": snapshot.number,
        "commit_hash": snapshot.commit.hash,
        "known_as_of": at.isoformat().replace("+00:00", "Z"),
        "may": {
            action: "every account"
            if one.everything
            else [*sorted(one.accounts), *(f"{account}/{project}" for account, project in sorted(one.projects))]
            for action, one in reaches
        },
        "rows": counts,
    }


# --- files ------------------------------------------------------------------------------------------------------------


def _free(folder: Path, lake: Lake) -> Path:
    """Where an export may be made: a folder that is new or empty, outside the lake."""
    target = folder.resolve()
    if target.is_relative_to(lake.root.resolve()):
        raise Refusal(f"{folder} is in the lake; name a folder outside it")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise Refusal(f"{folder} is there already and not an empty folder; name a new one")
    return target


def _put(aside: Path, target: Path) -> None:
    """Whole or not at all: files on disk first, then the one rename; an empty folder gives way, no other does."""
    for path in (*aside.iterdir(), aside):
        sync_file(path)
    try:
        aside.rename(target)
    except OSError as fault:
        raise Refusal(f"{target} cannot be made: {fault.strerror}; name a new folder") from None
    sync_file(target.parent)
