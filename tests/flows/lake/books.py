"""Small lakes made by hand: rows as text, columns that do not matter filled from the schemas' examples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl

from flows.lake.journal import FileEntry, Lake
from flows.lake.views import connect
from schemas import REFERENCE, TABLES
from tests.tables import read, unmentioned

Rows = list[dict[str, str | None]]
World = dict[str, Rows]


def rows(text: str) -> Rows:
    """Rows of a table drawn with `|`; a blank cell is null."""
    return read(text)[1]


def frame(table: str, drawn: Rows) -> pl.DataFrame:
    """A typed table: what is not drawn is null where it may be, else the schema's example."""
    schema = TABLES[table]
    unknown = {name for row in drawn for name in row} - set(schema.columns())
    assert not unknown, f"{table} has no column {unknown}"
    filled = [unmentioned(schema, number) | row for number, row in enumerate(drawn, start=1)]
    return pl.concat([schema.empty(), *(schema.row(row) for row in filled)])


def partition(table: str, row: Mapping[str, str | None]) -> dict[str, str]:
    """Where the row lies in a lake; only what the views look at."""
    if table in REFERENCE:
        return {"reference": "d1"}
    if table == "stored_usage":
        return {"billing_period": "2026-10", "bucket": "00"}
    if table == "account_periods":
        return {"billing_period": row.get("billing_period") or "2026-10"}
    return {}


def stored(lake: Lake, run_id: str, world: World) -> list[FileEntry]:
    """One file per table that has rows."""
    return [
        lake.write_table(table, frame(table, drawn), run_id=run_id, partition=partition(table, drawn[0]))
        for table, drawn in world.items()
        if drawn
    ]


def lake_of(folder: Path, world: World, *, known_as_of: str = "2026-11-01T00:00:00Z") -> Lake:
    """A lake whose first commit holds the world."""
    lake = Lake.create(folder / "lake", buckets=1)
    lake.commit(
        lake.head(),
        run_id="r1",
        command="bill",
        inputs={"billing_period": "2026-10", "known_as_of": known_as_of, "reference_digest": "d1"},
        added=stored(lake, "r1", world),
    )
    return lake


def view(lake: Lake, query: str) -> list[tuple[object, ...]]:
    """The answer to a question, rows as tuples, decimals and days as text."""
    with connect(lake) as connection:
        return told(connection.sql(query))


def told(relation: duckdb.DuckDBPyRelation) -> list[tuple[object, ...]]:
    """Rows as tuples; what is not a number or a flag is text."""
    return [
        tuple(one if isinstance(one, (int, type(None))) else str(one) for one in row) for row in relation.fetchall()
    ]


ACME = rows(
    """
    billing_account_id | billing_currency | time_zone | credit_limit | valid_from
    acme               | EUR              | UTC       |              | 2026-01-01
    """
)
