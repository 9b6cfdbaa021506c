"""Groups of buckets on the workers of a Dask cluster, with the same bytes as on threads of one process.

Workers share the lake with this process, and nothing else. A plan travels as bytes that only a worker opens, so that
the scheduler need not see the lake; what comes back are the entries of files that lie in it, and counts. A group whose
worker dies is computed again by another one: the same name and the same bytes, which the lake takes as one file.

Before anything is computed, and again before each group, a worker is asked whether it is like this process in all that
decides the bytes: the versions of what computes, billfold's own files, the offsets of time zones, the head of the lake.
"""

from __future__ import annotations

import logging
import pickle
import sys
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from flows import books
from flows.lake.addresses import in_object_store
from flows.lake.errors import LakeError
from flows.progress import Progress
from flows.run import Refusal, software

if TYPE_CHECKING:
    from distributed import Client

    from flows.bill_period import BillPlan, GroupResult
    from flows.runners import Work

MISSING = "--runner dask needs what is not installed here ({fault}); run: pip install 'billfold[dask]'"
CONNECT_SECONDS = 10
"""How long a scheduler may take to answer."""

WORKER_SECONDS = 30
"""How long a cluster may be without any worker before a run is refused."""

COMPUTING = ("polars", "duckdb", "pyarrow", "numpy")
"""Of these another version may write other bytes."""

OWN = ("flows", "rating", "schemas")
ZONE_YEARS = range(2000, 2041)
DEAF_TO_INTERRUPTS = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
"""Ctrl-C reaches every process of a terminal; workers are ended by the one that started them."""


NO_PAGES: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
"""Nothing to be read from the web servers of a cluster of one run."""


# --- the cluster ------------------------------------------------------------


@contextmanager
def of_the_extra() -> Iterator[None]:
    """Imports of what only the extra `dask` installs."""
    try:
        yield
    except ModuleNotFoundError as fault:
        raise Refusal(MISSING.format(fault=fault)) from None


@contextmanager
def cluster(address: str | None) -> Iterator[Client]:
    """A client of the cluster whose scheduler has this address, or of one of this machine for as long as it lasts.

    Errors   Refusal: the extra is not installed, nobody answers, or the cluster has no worker
    """
    with of_the_extra():
        import distributed
    if address is None:
        with processes(cpu_count() or 1) as client:
            yield client
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ: those that matter are asked for by `seen`
            client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as fault:
        raise Refusal(
            f"no Dask scheduler answers at {address} ({_line(fault)}); start one there (dask scheduler), or leave out "
            "--address for processes of this machine"
        ) from None
    with client:
        _await_worker(client, address)
        yield client


@contextmanager
def processes(count: int) -> Iterator[Client]:
    """A cluster on this machine that only this process can use: its sockets ask for a certificate made just now."""
    import dask
    import distributed

    with (
        dask.config.set(NO_PAGES),
        distributed.LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # its web server starts all the same, else on 8787
            memory_limit=0,  # a worker that is over a share of memory would be paused for good
            security=True,
            silence_logs=logging.CRITICAL,
            preload=DEAF_TO_INTERRUPTS,
        ) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        yield client


def _await_worker(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError:
        raise Refusal(
            f"the Dask scheduler at {address} has had no worker for {WORKER_SECONDS} s; "
            f"start one: dask worker {address}"
        ) from None


# --- a plan on its way ------------------------------------------------------------


@dataclass(frozen=True)
class Sealed:
    """A plan as it travels: bytes, and what a worker must be like that opens them."""

    plan: bytes
    address: str
    program: Mapping[str, str]
    lake: Mapping[str, str]


class Unlike(Refusal):
    """A worker would compute other bytes; the message says in what it differs."""


def sealed(plan: BillPlan) -> Sealed:
    """A plan to send, with what this process is like."""
    return Sealed(pickle.dumps(plan), plan.lake.address, program(), seen(plan))


@contextmanager
def opened(sent: Sealed) -> Iterator[BillPlan]:
    """A plan that was sent, while it is worked on; its lake's lock goes with the context, also where the process stays.

    Errors   Unlike: this process is unlike the one that sent it, or does not see the lake
    """
    _refuse_differences(sent.program, program())  # first: another version may not know the plan
    try:
        plan: BillPlan = pickle.loads(sent.plan)
        found = seen(plan)
    except (LakeError, OSError) as fault:
        what, _, _ = _line(fault).partition("; ")  # what is to be done is said of this process, by who started the run
        raise Unlike(f"it does not see the lake {sent.address}: {what}") from None
    try:
        _refuse_differences(sent.lake, found)
        yield plan
    finally:
        plan.lake.close()


@cache
def program() -> Mapping[str, str]:
    """What computes here, as it was when it was first asked for: a package that is replaced later is loaded already."""
    found = {"Python": f"{sys.version_info.major}.{sys.version_info.minor}", "billfold": software()}
    return found | {name: version(name) for name in COMPUTING} | {"the files of billfold": _own_files()}


def _own_files() -> str:
    """The digest of billfold's code and SQL."""
    hashed = sha256()
    for package in OWN:
        folder = Path(str(import_module(package).__file__)).parent
        for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".sql")):
            content = path.read_bytes()
            hashed.update(f"{package}/{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return hashed.hexdigest()[:16]


def seen(plan: BillPlan) -> Mapping[str, str]:
    """What is seen from here of the lake that a plan is for, and how the time zones of its accounts lie."""
    reference = books.reference_tables(plan.lake, plan.reference_files)
    zones = tuple(reference["billing_accounts"]["time_zone"].unique().sort())
    return {
        f"commit {plan.head} of the lake {plan.lake.address}": plan.lake.commits(plan.head)[-1].hash[:16],
        "the time zones of accounts": _offsets(zones),
    }


@cache
def _offsets(zones: tuple[str, ...]) -> str:
    """The digest of what each zone is off UTC at the beginning of every month; a process loads each zone once."""
    months = [datetime(year, month, 1) for year in ZONE_YEARS for month in range(1, 13)]  # noqa: DTZ001 (wall times)
    offsets = [
        f"{zone} {month:%Y-%m} {month.replace(tzinfo=ZoneInfo(zone)).utcoffset()}" for zone in zones for month in months
    ]
    return sha256("\n".join(offsets).encode()).hexdigest()[:16]


def _refuse_differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    told = [f"{name}: {found.get(name)} here, {one} where the run was started" for name, one in wanted.items()]
    unlike = [text for text, name in zip(told, wanted, strict=True) if found.get(name) != wanted[name]]
    if unlike:
        raise Unlike("; ".join(unlike))


# --- on workers ------------------------------------------------------------


def compute(work: Work, sent: Sealed, buckets: tuple[int, ...]) -> GroupResult:
    """One group, on a worker."""
    with opened(sent) as plan:
        return work(plan, buckets)


def looked_at(sent: Sealed) -> str:
    """What keeps this process from working on a plan; nothing when it may."""
    try:
        with opened(sent):
            return ""
    except (Refusal, LakeError, OSError) as fault:
        return _line(fault)


# --- from here ------------------------------------------------------------


def sent_to(client: Client, plan: BillPlan) -> Sealed:
    """A plan for the workers of a cluster, once all of them have been asked whether they are like this process."""
    sent = sealed(plan)
    refuse_unlike(client, sent)
    return sent


def refuse_unlike(client: Client, sent: Sealed) -> None:
    """Ask every worker there is whether it would compute what this process would, before anything is computed.

    Errors   Refusal: one of them would not, or does not see the lake
    """
    answers = client.run(looked_at, sent, on_error="return")
    unlike = [f"  {worker}: {answer or _line(answer)}" for worker, answer in sorted(answers.items()) if answer != ""]
    if unlike:
        told = "\n".join(unlike)
        raise Refusal(
            f"nothing is computed, because workers do not have the same program or the same lake:\n{told}\n"
            f"install the same there, {_shared(sent.address)}, and run it again"
        )


def _shared(address: str) -> str:
    """What lets workers see a lake."""
    if not in_object_store(address):
        return "mount the lake at the same path"
    from flows.lake.bucket import endpoint

    where = f"AWS_ENDPOINT_URL={endpoint()} and " if endpoint() else ""
    return f"start workers with {where}credentials of their own that reach {address}"


@dataclass(frozen=True)
class Workers:
    """The workers of a Dask cluster."""

    client: Client

    def map(self, work: Work, plan: BillPlan, progress: Progress) -> list[GroupResult]:
        """The results of the plan's groups, in their order; what is not done is cancelled when the run ends early."""
        from distributed import as_completed

        sent = sent_to(self.client, plan)
        run = uuid4().hex  # else a scheduler would answer with what another run of the same plan came to
        futures = [
            self.client.submit(compute, work, sent, buckets, key=f"bill-{plan.period}-{buckets[0]:02}-{run}")
            for buckets in plan.groups
        ]
        results: dict[Any, GroupResult] = {}
        try:
            with told_plainly():
                for future in as_completed(futures, loop=self.client.loop):
                    results[future.key] = future.result()
                    progress.advance(len(results), len(futures))
        finally:
            with suppress(Exception):  # the cluster may be gone
                self.client.cancel(futures, force=True)
        return [results[future.key] for future in futures]


@contextmanager
def told_plainly() -> Iterator[None]:
    """What goes wrong with a cluster, as a person has to know it."""
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        yield
    except Unlike as fault:
        raise Refusal(
            f"a worker that came later does not have the same program or the same lake: {fault}; nothing is committed"
        ) from None
    except KilledWorker as fault:
        raise Refusal(
            f"{fault.allowed_failures + 1} workers died of one group of buckets ({_line(fault)}); it may need more "
            "memory than a worker has: bill with more --groups"
        ) from None
    except (CancelledError, CommClosedError) as fault:
        raise Refusal(
            f"the Dask cluster is gone ({_line(fault)}); nothing is committed: run it again when it is back"
        ) from None


def _line(fault: object) -> str:
    """A fault in one line."""
    text = str(fault).strip()
    name = type(fault).__name__
    said = text.splitlines()[0] if text else name
    return said if isinstance(fault, Refusal | LakeError) else f"{name}: {said}" if text else name
