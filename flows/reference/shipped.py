"""What billfold brings: currencies, kinds of grant, policies, units, the operator; used where a folder is silent."""

import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import polars as pl

import data
from flows.reference import boundaries, tables
from flows.reference.faults import ROW
from flows.reference.one_table import CheckedTable

# In these a folder's rows go before the shipped ones, key by key; any other table of a folder replaces the shipped one.
FILLED_IN = ("currencies", "billing_policies")

UNFINISHED = ".unfinished"
"""What lies in a folder while the shipped tables are written to it, and begins the names of those that are."""


def default_reference_folder() -> Path:
    """The folder of shipped tables, inside the installed package."""
    return Path(data.__file__).parent / "reference"


def write_default_reference(folder: Path) -> list[Path]:
    """Copy the shipped tables into a folder, each whole or not at all; a file that is there is left as it is.

    Makes    the files that were written
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for source in sorted(default_reference_folder().glob("*.csv")):
        if any((folder / f"{source.stem}{suffix}").exists() for suffix in (".csv", ".parquet")):
            continue
        target = folder / source.name
        staged = folder / f"{UNFINISHED}-{uuid4().hex}"
        shutil.copyfile(source, staged)
        try:
            staged.replace(target)
        except FileNotFoundError:
            if not target.exists():  # else another init has finished the folder meanwhile
                raise
        written.append(target)
    return written


def write_reference_where_there_is_none(folder: Path) -> bool:
    """The shipped tables for `billfold init`, whole also where an earlier one was killed while it wrote them.

    Makes    whether they were written: a folder that holds anything else is left as it is
    """
    unfinished = folder / UNFINISHED
    if folder.exists() and any(folder.iterdir()) and not unfinished.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    unfinished.touch()
    write_default_reference(folder)
    for left in folder.glob(f"{UNFINISHED}-*"):
        left.unlink(missing_ok=True)
    unfinished.unlink(missing_ok=True)
    return True


def fill_in(own: CheckedTable, shipped: CheckedTable) -> CheckedTable:
    """A folder's rows, and the shipped row of a key wherever none of its own holds.

    Reads    own, shipped: tables of `FILLED_IN`, dated, without overlaps
    Makes    own with shipped rows cut to the holes that its rows leave; a shipped row has no row number
    Source   M2: overridable by a dated row
    """
    key = list(tables.TABLES[own.name].key)
    rows = own.rows.filter(pl.col("valid_from").is_not_null())
    taken: dict[tuple[object, ...], list[tuple[str, str | None]]] = {}
    for *found, start, end in rows.select(*key, "valid_from", "valid_until").iter_rows():
        taken.setdefault(tuple(found), []).append((start, end))
    kept = [
        {**row, "valid_from": start, "valid_until": end, ROW: None}
        for row in shipped.rows.iter_rows(named=True)
        for start, end in _holes(row["valid_from"], row["valid_until"], taken.get(tuple(row[name] for name in key), []))
    ]
    added = pl.DataFrame(kept, schema=own.rows.schema)
    return CheckedTable(own.name, own.file, pl.concat([own.rows, added]), own.unsure)


def _holes(start: str, end: str | None, taken: Sequence[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """The parts of a window that no other window takes.

    >>> _holes("2000-01-01", None, [("2026-01-01", "2027-01-01")])
    [('2000-01-01', '2026-01-01'), ('2027-01-01', None)]
    >>> _holes("2000-01-01", None, [("1999-01-01", None)])
    []
    """
    if not taken:
        return [(start, end)]
    windows = sorted(taken, key=lambda window: boundaries.moment(window[0]).microseconds)
    edges = [(None, start), *windows, (end, None)]
    holes = [(before[1], after[0]) for before, after in pairwise(edges)]
    return [(first, last) for first, last in holes if first is not None and _is_before(first, last)]


def _is_before(first: str, last: str | None) -> bool:
    return boundaries.moment(first).microseconds < boundaries.end_moment(last).microseconds
