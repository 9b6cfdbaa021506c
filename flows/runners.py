"""Where the groups of a bill are computed: on threads of this process, or by the workers of a Dask cluster.

A group of buckets is a pure function of its plan, so that the files and the commit are the same bytes wherever, in
whatever order and however often groups are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import cpu_count
from typing import TYPE_CHECKING, Literal, Protocol

from flows.progress import Progress, silent

if TYPE_CHECKING:
    from flows.bill_period import BillPlan, GroupResult

RunnerName = Literal["threads", "dask"]
Work = Callable[["BillPlan", tuple[int, ...]], "GroupResult"]
"""What is done with a group of buckets: `bill_group`."""


class Runner(Protocol):
    """A place where groups are computed."""

    def map(self, work: Work, plan: BillPlan, progress: Progress) -> list[GroupResult]:
        """The results of the plan's groups, in their order; progress is told as they are done."""


class Threads:
    """As many threads of this process as there are cores."""

    def map(self, work: Work, plan: BillPlan, progress: Progress) -> list[GroupResult]:
        """The results of the plan's groups, in their order."""
        results: list[GroupResult] = []
        with ThreadPoolExecutor(max_workers=cpu_count() or 1) as pool:
            for result in pool.map(lambda buckets: work(plan, buckets), plan.groups):
                results.append(result)
                progress.advance(len(results), len(plan.groups))
        return results


@contextmanager
def runner(name: RunnerName = "threads", address: str | None = None, progress: Progress = silent) -> Iterator[Runner]:
    """The runner of a name, for as long as the context lasts.

    Reads    address: of a Dask scheduler; without one `dask` is a cluster of processes on this machine for this while
    Errors   Refusal: the extra is not installed, or nobody answers at the address
    """
    if name == "threads":
        yield Threads()
        return
    from flows.dask_cluster import Workers, cluster

    progress.step("find workers")
    with cluster(address) as client:
        yield Workers(client)
