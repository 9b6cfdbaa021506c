"""A folder to reference tables that can be trusted, or to everything that is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import polars as pl

import schemas
from flows.reference.across import check_across
from flows.reference.canonical import canonical, digest
from flows.reference.faults import ROW, Fault, ReferenceFaults
from flows.reference.one_table import CheckedTable, check_table, empty_table
from flows.reference.reading import read_folder, read_sheet
from flows.reference.shipped import FILLED_IN, default_reference_folder, fill_in
from flows.reference.tables import TABLES
from rating.one_thread import on_one_thread

POLICIES = "billing_policies"
KEPT = 8
"""How many folders' tables a process keeps."""


@dataclass(frozen=True)
class Reference:
    """Every reference table, typed, checked, defaults filled, in canonical order; and the digest of what they say."""

    tables: Mapping[str, pl.DataFrame]
    digest: str

    def __getitem__(self, table: str) -> pl.DataFrame:
        """One table."""
        return self.tables[table]


def load_reference(folder: Path) -> Reference:
    """The reference tables of a folder, completed by the shipped ones.

    Reads    `<table>.csv` or `<table>.parquet` of each table; a table without a file is the shipped one, or empty
    Makes    every reference table
    Rejects  with `ReferenceFaults`, which holds every fault of every file
    Source   rule 1.2

    A process that loads the same files again gets what it got, wherever they lie.
    """
    files = _fingerprint(folder)
    if files is not None and files in _LOADED:
        return _LOADED[files]
    found = _load(folder)
    if files is None or _fingerprint(folder) != files:
        return _load(folder)  # it was edited while it was read: what was read is nobody's to keep
    _LOADED[files] = found
    for oldest in list(_LOADED)[:-KEPT]:
        _LOADED.pop(oldest, None)
    return found


def load_reference_with(folder: Path, policies: Path) -> Reference:
    """The reference tables of a folder, as they would be if a file of policies came before its `billing_policies`.

    Reads    the folder; `policies`: CSV or Parquet with the columns of `billing_policies`. Where a row of it holds, the
             folder's rows of the same account and policy do not; before and after they do
    Rejects  with `ReferenceFaults`: every fault of the folder, of the file, and of both together
    Source   X5
    """
    sheet, faults = read_sheet(POLICIES, policies)
    if sheet is None:
        raise ReferenceFaults(faults)
    table, faults = check_table(sheet)
    if faults:
        raise ReferenceFaults(faults)
    return _load(folder, table)


_Files = tuple[tuple[str, str], ...]
_LOADED: dict[_Files, Reference] = {}


def _fingerprint(folder: Path) -> _Files | None:
    """The names and contents of the folder's files; none where they cannot be read, which loading then says."""
    try:
        return tuple((path.name, sha256(path.read_bytes()).hexdigest()) for path in sorted(folder.iterdir()))
    except OSError:
        return None


@on_one_thread
def _load(folder: Path, policies: CheckedTable | None = None) -> Reference:
    tables, unreadable, faults = _read(folder)
    shipped, shipped_faults = _shipped()
    faults += shipped_faults
    complete = {name: _completed(name, tables, shipped) for name in TABLES}
    if policies is not None:
        complete[POLICIES] = fill_in(policies, complete[POLICIES])
    faults += check_across(complete, frozenset(unreadable))
    if faults:
        raise ReferenceFaults(faults)
    return _reference({name: table.rows.drop(ROW) for name, table in complete.items()})


def _read(folder: Path) -> tuple[dict[str, CheckedTable], set[str], list[Fault]]:
    sheets, unreadable, faults = read_folder(folder, list(TABLES))
    tables: dict[str, CheckedTable] = {}
    for name, sheet in sheets.items():
        tables[name], found = check_table(sheet)
        faults += found
    return tables, unreadable, faults


@cache
def _shipped() -> tuple[Mapping[str, CheckedTable], Sequence[Fault]]:
    """The shipped tables, read once: they are part of the program."""
    tables, _, faults = _read(default_reference_folder())
    return tables, faults


def _completed(name: str, own: Mapping[str, CheckedTable], shipped: Mapping[str, CheckedTable]) -> CheckedTable:
    if name not in shipped:
        return own.get(name, empty_table(name))
    if name not in own:
        return shipped[name]
    return fill_in(own[name], shipped[name]) if name in FILLED_IN else own[name]


def _reference(rows: Mapping[str, pl.DataFrame]) -> Reference:
    """Sorted and digested; checked against the schemas once more, as a breach here would be our own mistake."""
    tables = {name: canonical(frame, schemas.TABLES[name].key()) for name, frame in rows.items()}
    for name, table in tables.items():
        if table.height:
            schemas.TABLES[name].check(table)
    return Reference(tables, digest(tables))
