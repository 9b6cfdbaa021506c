"""Work as workers of a cluster are given it, and that goes wrong there. Imported by name in worker processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flows import dask_cluster
from flows.bill_period import BillPlan, GroupResult, bill_group
from flows.lake.journal import FileEntry, Lake

KILLED, AT_WORK = "killed", "at-work"
"""Files beside the lake: the process that killed itself; folder of the processes that bill."""


def dies_once(plan: BillPlan, buckets: tuple[int, ...]) -> GroupResult:
    """Bill a group; the first process that has placed a file and written another kills itself, as `kill -9` would."""
    mark = plan.lake.root.parent / KILLED
    placed: list[FileEntry] = []
    place = Lake._place

    def placing(lake: Lake, staged: Path, entry: FileEntry) -> FileEntry:
        if placed and _made(mark):
            os.kill(os.getpid(), signal.SIGKILL)
        placed.append(place(lake, staged, entry))
        return placed[-1]

    with patch.object(Lake, "_place", placing):
        return bill_group(plan, buckets)


def _made(mark: Path) -> bool:
    """Leave the mark with this process's id, unless it is there; tell whether it was not."""
    try:
        handle = os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as file:
        file.write(str(os.getpid()))
    return True


def waits(plan: BillPlan, buckets: tuple[int, ...]) -> GroupResult:
    """Say that a group is being billed, and never be done with it."""
    (plan.lake.root.parent / AT_WORK).mkdir(exist_ok=True)
    (plan.lake.root.parent / AT_WORK / str(os.getpid())).touch()
    while True:
        time.sleep(0.1)


def pretend(**versions: str) -> int:
    """Make this process one with other versions of what computes."""
    other: dict[str, Any] = {**dask_cluster.program(), **versions}
    dask_cluster.program = lambda: other  # type: ignore[assignment]
    return os.getpid()


def pretend_no_more() -> None:
    """Make it what it is again."""
    dask_cluster.program = _PROGRAM


_PROGRAM = dask_cluster.program


def told(**environment: str) -> int:
    """Have variables in this process's environment; those without a value are not there. Tells the process's id."""
    for name, value in environment.items():
        os.environ.pop(name, None) if not value else os.environ.update({name: value})
    return os.getpid()
