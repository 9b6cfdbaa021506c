"""The Prefect flows: `ingest-usage`, `operations`, `bill-period`, `issue-invoices`, `backfill`.

A flow takes paths, days and words, so that a schedule can start it; its tasks are stages and groups of buckets, and
hand on plans and file entries, never rows. A group of buckets is pure and may be tried again; what commits may not,
except that billing plans anew when another run was first.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from os import cpu_count
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from flows import backfill as backfilling
from flows import bill_period as billing
from flows import ingest_usage as ingesting
from flows import issue_invoices as issuing
from flows import operations as operating
from flows.actors import refuse_stranger
from flows.bill_period import BillPlan, GroupResult
from flows.ingest_usage import IngestResult
from flows.lake.journal import HeadMoved, Lake
from flows.lake.views import publish
from flows.orchestrated.summaries import ingest_summary, run_summary
from flows.reference import load_reference
from flows.run import NOTHING_TO_DO, Refusal, Run

OPTIONS: dict[str, Any] = {"validate_parameters": True, "persist_result": False}
PLAIN: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
"""Nothing is kept in Prefect: results are in the lake, and the run id says whether they are there already."""

GROUP_RETRIES = 2

Value = TypeVar("Value")

THREADS = cast(TaskRunner[PrefectFuture[Any]], ThreadPoolTaskRunner(max_workers=cpu_count() or 1))


# --- flows ------------------------------------------------------------------------------------------------------------


@flow(name="ingest-usage", **OPTIONS)
def ingest_usage(
    lake: str,
    reference: str,
    files: list[str],
    mapping: str | None,
    received_at: datetime,
    retry_rejects: bool = False,
    actor: str = "operator",
) -> IngestResult:
    """Land usage: every row accepted, a duplicate, superseded, or rejected with a reason."""
    landing = land_usage.with_options(task_run_name=f"land {len(files)} file{'' if len(files) == 1 else 's'}")
    result = landing(lake, reference, files, mapping, received_at, retry_rejects, actor)
    _finished(lake, "ingest-usage", result.commit, ingest_summary(result))
    return result


@flow(name="operations", **OPTIONS)
def operations(lake: str, reference: str, files: list[str], received_at: datetime, actor: str = "operator") -> Run:
    """Land what people did: each accepted or rejected with a reason."""
    run = decide_operations(lake, reference, files, received_at, actor)
    _finished(lake, "operations", run.commit, run_summary(run))
    return run


@flow(name="bill-period", task_runner=THREADS, **OPTIONS)
def bill_period(
    lake: str,
    reference: str,
    period: str,
    until: datetime | None = None,
    groups: int | None = None,
    issue_date: date | None = None,
) -> Run:
    """Bill a month: plan, bill each group of buckets, audit and commit."""
    run = _billed(lake, reference, period, until, groups, issue_date)
    _finished(lake, "bill-period", run.commit, run_summary(run))
    return run


@flow(name="issue-invoices", **OPTIONS)
def issue_invoices(
    lake: str,
    reference: str,
    period: str,
    issue_date: date,
    actor: str,
    received_at: datetime,
    billing_account_id: str | None = None,
) -> Run:
    """Issue a month's drafts: numbers without gaps."""
    issuing_one = number_documents.with_options(task_run_name=f"number and commit {period}")
    run = issuing_one(lake, reference, period, issue_date, actor, received_at, billing_account_id)
    _finished(lake, "issue-invoices", run.commit, run_summary(run))
    return run


@flow(name="backfill", **OPTIONS)
def backfill(lake: str, reference: str, issue_date: date | None, received_at: datetime, actor: str = "operator") -> Run:
    """Post what changed about billed months: the difference, and correcting documents for what was issued."""
    run = post_difference(lake, reference, issue_date, received_at, actor)
    _finished(lake, "backfill", run.commit, run_summary(run))
    return run


def _billed(
    lake: str, reference: str, period: str, until: datetime | None, groups: int | None, issue_date: date | None
) -> Run:
    """Plan, bill, commit; again on the new head when another run was first."""
    for _ in range(billing.TRIES):
        planning = plan_period.with_options(task_run_name=f"plan {period}")
        plan = planning(lake, reference, period, until, groups, issue_date)
        if plan is None:
            return Run(NOTHING_TO_DO, billing.COMMAND, report={"billing_period": period})
        results = _bill_groups(plan)
        with suppress(HeadMoved):
            return audit_and_commit(_as_is(plan), _as_is(results))
    raise Refusal(
        f"other runs committed {billing.TRIES} times while {period} was billed; run it again when they are done"
    )


def _bill_groups(plan: BillPlan) -> list[GroupResult]:
    """Every group of buckets as a task, at once as far as there are threads; results in the order of the plan."""
    shown = _progress_begins(plan)
    futures: list[PrefectFuture[GroupResult]] = [
        bill_buckets.with_options(task_run_name=_name(buckets)).submit(_as_is(plan), buckets) for buckets in plan.groups
    ]
    for done, _ in enumerate(as_completed(futures), start=1):
        _progress_is(shown, done, len(futures))
    return [future.result() for future in futures]


def _as_is(value: Value) -> Value:
    """What Prefect is to hand on without looking into it for other tasks' results."""
    return cast(Value, quote(value))


def _name(buckets: Sequence[int]) -> str:
    """The name of a group's task.

    >>> _name((0, 1, 2, 3)), _name((7,))
    ('bill buckets 00-03', 'bill bucket 07')
    """
    first, last = buckets[0], buckets[-1]
    return f"bill bucket {first:02}" if first == last else f"bill buckets {first:02}-{last:02}"


# --- tasks ------------------------------------------------------------------------------------------------------------


@task(name="land usage", **PLAIN)
def land_usage(
    lake: str,
    reference: str,
    files: list[str],
    mapping: str | None,
    received_at: datetime,
    retry_rejects: bool,
    actor: str,
) -> IngestResult:
    """Read, judge and commit a delivery."""
    tables = load_reference(Path(reference))
    refuse_stranger(tables, actor)
    return ingesting.ingest_usage(
        Lake.open(Path(lake)),
        tables,
        [Path(file) for file in files],
        mapping=Path(mapping) if mapping else None,
        received_at=received_at,
        retry_rejects=retry_rejects,
        actor=actor,
    )


@task(name="decide and carry out operations", **PLAIN)
def decide_operations(lake: str, reference: str, files: list[str], received_at: datetime, actor: str) -> Run:
    """Read, decide and commit operations."""
    return operating.land_operations(
        Lake.open(Path(lake)),
        load_reference(Path(reference)),
        [Path(file) for file in files],
        received_at=received_at,
        actor=actor,
    )


@task(name="plan", **PLAIN)
def plan_period(
    lake: str, reference: str, period: str, until: datetime | None, groups: int | None, issue_date: date | None
) -> BillPlan | None:
    """What there is to do: paths and digests."""
    return billing.plan_bill(
        Lake.open(Path(lake)),
        load_reference(Path(reference)),
        period=period,
        until=until,
        groups=groups,
        issue_date=issue_date,
    )


@task(name="bill buckets", retries=GROUP_RETRIES, retry_delay_seconds=1, **PLAIN)
def bill_buckets(plan: BillPlan, buckets: tuple[int, ...]) -> GroupResult:
    """Bill the accounts of some buckets: pure, the same files each time, so it may be tried again."""
    return billing.bill_group(plan, buckets)


@task(name="audit and commit", **PLAIN)
def audit_and_commit(plan: BillPlan, results: list[GroupResult]) -> Run:
    """Ask the invariants over what is about to be visible, and commit it."""
    return billing.finish_bill(plan, results)


@task(name="number and commit", **PLAIN)
def number_documents(
    lake: str,
    reference: str,
    period: str,
    issue_date: date,
    actor: str,
    received_at: datetime,
    billing_account_id: str | None,
) -> Run:
    """Number the drafts and commit them as issued."""
    return issuing.issue_invoices(
        Lake.open(Path(lake)),
        load_reference(Path(reference)),
        period=period,
        issue_date=issue_date,
        actor=actor,
        received_at=received_at,
        billing_account_id=billing_account_id,
    )


@task(name="post the difference", **PLAIN)
def post_difference(lake: str, reference: str, issue_date: date | None, received_at: datetime, actor: str) -> Run:
    """Recompute what was touched, oldest month first, audit and commit."""
    return backfilling.backfill(
        Lake.open(Path(lake)),
        load_reference(Path(reference)),
        received_at=received_at,
        issue_date=issue_date,
        actor=actor,
    )


@task(name="publish views", retries=2, retry_delay_seconds=1, **PLAIN)
def publish_views(lake: str) -> None:
    """Let analysts see the commit."""
    publish(Lake.open(Path(lake)))


# --- what Prefect shows -----------------------------------------------------------------------------------------------


def _finished(lake: str, flow_name: str, commit: object, summary: str) -> None:
    """Publish what was committed, and leave a page about it in Prefect."""
    if commit is not None:
        publish_views(lake)
    _shown(lambda: create_markdown_artifact(summary, key=f"billfold-{flow_name}", description=f"What {flow_name} did"))


def _progress_begins(plan: BillPlan) -> UUID | None:
    about = f"{len(plan.groups)} groups of buckets of {plan.period}"
    key = f"billfold-bill-{plan.period}"
    found = _shown(lambda: create_progress_artifact(0.0, key=key, description=about))
    return found if isinstance(found, UUID) else None


def _progress_is(artifact: UUID | None, done: int, total: int) -> None:
    if artifact is not None:
        _shown(lambda: update_progress_artifact(artifact, 100.0 * done / total))


def _shown(show: Callable[[], object]) -> object:
    """What Prefect shows is a courtesy: a server that is gone keeps no bill from being made."""
    try:
        return show()
    except Exception as fault:
        get_run_logger().warning("not shown in Prefect: %s", fault)
        return None
