"""What every test run needs: a Prefect home of its own, so that it neither finds nor leaves anything in the user's.

The suite draws the same examples each time, so that it says something of the change it is run on; BILLFOLD_EXAMPLES has
them drawn anew.
"""

import gc
import os
import shutil
import tempfile
from functools import partial

import duckdb
import pytest
from _pytest.nodeid import coerce_node_id
from hypothesis import settings

settings.register_profile("suite", derandomize=True)
if "BILLFOLD_EXAMPLES" not in os.environ:
    settings.load_profile("suite")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each processor has a worker or two, so more threads in each only wait for one another, which costs a fifth of
    # the suite. What threads could change is asked by tests/determinism, in processes of its own.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    duckdb.connect = partial(duckdb.connect, config={"threads": 1})

_PREFECT_HOME = tempfile.mkdtemp(prefix="billfold-prefect-")
os.environ["PREFECT_HOME"] = _PREFECT_HOME  # before anything imports Prefect, which reads it once

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `billfold` has it; before anything imports numpy
gc.disable()  # all that is collected stays: to look for garbage among it takes a third of the time of collecting


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_PREFECT_HOME, ignore_errors=True)


FIRST = ("prefect-server", "crash", "prefect", "properties/test_chronicles", "properties/test_pipeline_equals_oracle")
"""Groups that take longest, or wait most: begun first, none of them keeps the others waiting at the end."""
APART = ("properties/test_chronicles", "properties/test_pipeline_equals_oracle")
"""Files whose tests share nothing, and each of which takes long: they run side by side."""

TOGETHER = ("roles", "sample")
"""Folders whose files share what takes long to make."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep tests of a group on one worker, and those of a file, which share what its fixtures make.

    xdist 3.8 says the group where pytest 9.2 no longer looks for it.
    """
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        group = group_of(item)
        if group not in APART and "@" not in item.nodeid.rpartition("]")[2]:
            item._id = coerce_node_id(f"{item.nodeid}@{group}")  # type: ignore[attr-defined]
    order = {group: place for place, group in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(group_of(item), len(order)))


def group_of(item: pytest.Item) -> str:
    """The group that a test says it is of, else its folder and file, or only the folder."""
    named = sorted(str(mark.args[0]) for mark in item.iter_markers("xdist_group"))
    folder = item.path.parent.name
    return "_".join(named) or (folder if folder in TOGETHER else f"{folder}/{item.path.stem}")
