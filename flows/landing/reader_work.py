"""What a reader does, in its own process: whatever touches the bytes of a stranger's file.

Orders come from the program and are pickles. Answers are JSON: a process that has read a stranger's file is not
believed more than the file.
"""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import duckdb

from flows.landing.landed import ALL_TEXTS, Landed, Plan, land, plan, quantities_alike
from flows.landing.limits import Limits
from flows.landing.workspace import Workspace, engine
from flows.mapping import ColumnMapping
from flows.sources import FileFault
from flows.sources.content import content_of
from flows.sql import parquet


@dataclass
class _Bench:
    desk: Workspace
    planned: dict[int, Plan] = field(default_factory=dict)


def serve(own: int) -> None:
    """Take orders until no more come. The first says where the workspace is."""
    orders = Connection(own)
    bench: _Bench | None = None
    while True:
        try:
            name, said = pickle.loads(orders.recv_bytes())
        except EOFError:
            return
        try:
            if bench is None:
                bench = _opened(**said)
                answer: dict[str, Any] = {"done": None}
            else:
                answer = {"done": WORKS[name](bench, **said)}
        except BaseException as fault:
            answer = _told(fault)
        orders.send_bytes(json.dumps(answer).encode("utf-8", "surrogatepass"))


def _opened(folder: Path, memory_limit: str, received_at: str, limits: Limits) -> _Bench:
    return _Bench(Workspace(folder, engine(folder / "spilled-by-reader", memory_limit, received_at), limits))


def _look(bench: _Bench, number: int, mapping: ColumnMapping | None) -> dict[str, Any]:
    """Unpack a file and know what it is: how many bytes are to be read, under which mapping."""
    desk = bench.desk
    content = content_of(source_path(desk.folder, number), desk.path("unpacked", f"{number:06}"), desk.limits)
    bench.planned[number] = planned = plan(content, mapping)
    return {"size": content.size, "mapping_digest": planned.mapping_digest}


def _land(bench: _Bench, number: int, mapping: ColumnMapping | None, name: str, is_doubtful: bool) -> dict[str, Any]:
    """Make a file's rows at hand, and write what it has of each series."""
    if number not in bench.planned:
        _look(bench, number, mapping)
    return asdict(land(bench.planned[number], number, name, bench.desk, is_doubtful=is_doubtful))


def _alike(bench: _Bench, files: Sequence[Landed]) -> str:
    return quantities_alike(files, bench.desk)


def _longest_row(bench: _Bench, landed: Landed) -> int:
    """The bytes of the longest row, all its texts together."""
    row = bench.desk.connection.sql(
        f"select max(coalesce(strlen(concat({', '.join(ALL_TEXTS)})), 0)) from ({landed.sql})"
    ).fetchone()
    return int(row[0] or 0) if row else 0


def _execute(bench: _Bench, statements: Sequence[str]) -> None:
    for statement in statements:
        bench.desk.connection.execute(statement)


def _read_whole(bench: _Bench, path: Path) -> str:
    """What the engine says of a Parquet file when it reads all of it; nothing when it can."""
    try:
        bench.desk.connection.execute(f"select hash(columns(*)) from {parquet(path)}")
        while bench.desk.connection.fetchmany(100_000):
            pass
    except duckdb.Error as fault:
        return str(fault).splitlines()[0]
    return ""


WORKS: dict[str, Callable[..., Any]] = {
    "look": _look,
    "land": _land,
    "alike": _alike,
    "execute": _execute,
    "longest_row": _longest_row,
    "read_whole": _read_whole,
}


def source_path(folder: Path, number: int) -> Path:
    """Where a file of the delivery lies in the workspace, under a plain name: a link."""
    return folder / "in" / f"{number:06}"


def _told(fault: BaseException) -> dict[str, Any]:
    if isinstance(fault, FileFault):
        return {"fault": [fault.code, fault.found, fault.wanted]}
    if isinstance(fault, duckdb.Error):
        return {"engine": [type(fault).__name__, str(fault)]}
    if isinstance(fault, MemoryError):
        return {"fault": ["F_EXPANSION_LIMIT", "more than there is memory for", ""]}
    if isinstance(fault, OSError) and fault.errno:
        return {"system": [fault.errno, fault.strerror, fault.filename and str(fault.filename)]}
    return {"bug": "".join(traceback.format_exception(fault))}
