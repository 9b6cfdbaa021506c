"""The Prefect flows `ingest-usage`, `operations`, `bill-period`, `issue-invoices`, `backfill`, and what all runs share.

A flow takes paths, days and words, so that a form or a schedule can start it; its tasks are stages and groups of
buckets, and hand on plans and file entries, never rows. Planning writes nothing that is visible and a group of buckets
is pure, so both may be tried again; what commits may not, except that billing plans anew when another run was first.

What the docstrings say of arguments is what Prefect's forms show.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from os import cpu_count
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.utilities.annotations import quote
from pydantic import Field

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
from flows.landing.workspace import sweep
from flows.month_report import month_report
from flows.orchestrated import shown
from flows.orchestrated.shown import Shower
from flows.orchestrated.summaries import against_last_month, ingest_summary, month_summary, run_summary
from flows.reference import Reference, load_reference
from flows.run import NOTHING_TO_DO, Refusal, Run

Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", examples=["2026-10"])]
Groups = Annotated[int, Field(ge=1)]

LAKE = "lake"
"""Where `billfold init` makes a lake; a deployment runs in the folder it was registered from."""

PLAIN: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
"""Nothing is kept in Prefect: results are in the lake, and the run id says whether they are there already."""

GROUP_RETRIES = 2
PLAN_RETRIES = 2

Value = TypeVar("Value")

THREADS = cast(TaskRunner[PrefectFuture[Any]], ThreadPoolTaskRunner(max_workers=cpu_count() or 1))


# --- what every run does ----------------------------------------------------------------------------------------------


def reference_folder(lake: str, reference: str | None) -> Path:
    """The reference folder of a lake: the one that is named, or `reference` beside it."""
    return Path(reference) if reference else Path(lake).absolute().parent / "reference"


def tables_of(lake: str, reference: str | None) -> Reference:
    """The reference tables of a lake, all checked."""
    return load_reference(reference_folder(lake, reference))


def clear_up(flow: Any, flow_run: Any, state: Any) -> None:  # noqa: ARG001 (Prefect calls it by these names)
    """Remove what a run left that was cancelled or crashed; nothing while another writes, whose next run does it."""
    with suppress(Exception):  # the state of the run is told whatever becomes of this
        swept(str((flow_run.parameters or {}).get("lake") or LAKE))


def swept(lake: str) -> int:
    """Remove what dead runs left behind in a lake; gives how many files there were."""
    found = Lake.open(Path(lake))
    try:
        sweep(found)
        return len(found.sweep())
    finally:
        found.close()


OPTIONS: dict[str, Any] = {
    "validate_parameters": True,
    "persist_result": False,
    "on_cancellation": [clear_up],
    "on_crashed": [clear_up],
}


# --- flows ------------------------------------------------------------------------------------------------------------


@flow(name="ingest-usage", **OPTIONS)
def ingest_usage(
    files: list[str],
    mapping: str | None = None,
    received_at: datetime | None = None,
    retry_rejects: bool = False,
    lake: str = LAKE,
    reference: str | None = None,
    actor: str = "operator",
) -> IngestResult:
    """Land usage: every row accepted, a duplicate, superseded, or rejected with a reason.

    Args:
        files: Usage files: Parquet, CSV or JSON Lines, plain, gzip or zstd.
        mapping: A column mapping for foreign files.
        received_at: When they were received; now if left out.
        retry_rejects: Land waiting rejects again too, once their cause is mended.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        actor: Who does it: a principal of the reference tables.
    """
    swept(lake)
    landing = land_usage.with_options(task_run_name=f"land {len(files)} file{'' if len(files) == 1 else 's'}")
    result = landing(lake, reference, files, mapping, received_at or datetime.now(UTC), retry_rejects, actor)
    finished(lake, "ingest-usage", result.commit, ingest_summary(result))
    return result


@flow(name="operations", **OPTIONS)
def operations(
    files: list[str],
    received_at: datetime | None = None,
    lake: str = LAKE,
    reference: str | None = None,
    actor: str = "operator",
) -> Run:
    """Land what people did: each accepted or rejected with a reason.

    Args:
        files: CSV or JSON Lines files of operations.
        received_at: When they were received; now if left out.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        actor: Who does it: a principal of the reference tables.
    """
    swept(lake)
    run = decide_operations(lake, reference, files, received_at or datetime.now(UTC), actor)
    finished(lake, "operations", run.commit, run_summary(run))
    return run


@flow(name="bill-period", task_runner=THREADS, **OPTIONS)
def bill_period(
    period: Month,
    until: datetime | None = None,
    issue_date: date | None = None,
    lake: str = LAKE,
    reference: str | None = None,
    groups: Groups | None = None,
) -> Run:
    """Bill a month: plan, bill each group of buckets, audit and commit.

    Args:
        period: The month, like 2026-10.
        until: Month to date: up to this instant. The whole month if left out.
        issue_date: Tax by the rates of this day, where policy tax_point is issue.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        groups: Into how many tasks the buckets are gathered; as many as the usage asks for if left out.
    """
    swept(lake)
    run = billed(lake, reference, period, until, groups, issue_date)
    finished(lake, "bill-period", run.commit, run_summary(run), months=[period])
    return run


@flow(name="issue-invoices", **OPTIONS)
def issue_invoices(
    period: Month,
    issue_date: date,
    billing_account_id: str | None = None,
    received_at: datetime | None = None,
    lake: str = LAKE,
    reference: str | None = None,
    actor: str = "operator",
) -> Run:
    """Issue a month's drafts: numbers without gaps, and from then on nothing in them changes.

    Args:
        period: The month, like 2026-10.
        issue_date: The date on the invoices.
        billing_account_id: Only this billing account; all if left out.
        received_at: When it was asked for; now if left out.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        actor: Who does it: a principal of the reference tables.
    """
    swept(lake)
    issuing_one = number_documents.with_options(task_run_name=f"number and commit {period}")
    at = received_at or datetime.now(UTC)
    run = issuing_one(lake, reference, period, issue_date, actor, at, billing_account_id)
    finished(lake, "issue-invoices", run.commit, run_summary(run), months=[period])
    return run


@flow(name="backfill", **OPTIONS)
def backfill(
    issue_date: date | None = None,
    received_at: datetime | None = None,
    lake: str = LAKE,
    reference: str | None = None,
    actor: str = "operator",
) -> Run:
    """Post what changed about billed months: the difference, and correcting documents for what was issued.

    Args:
        issue_date: Issue the correcting documents with this date; without it they stay drafts.
        received_at: When it was asked for; now if left out.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        actor: Who does it: a principal of the reference tables.
    """
    swept(lake)
    run = post_difference(lake, reference, issue_date, received_at or datetime.now(UTC), actor)
    months = sorted(set(run.tables["changes"]["billing_period"]))
    finished(lake, "backfill", run.commit, run_summary(run), months)
    return run


def billed(
    lake: str,
    reference: str | None,
    period: str,
    until: datetime | None = None,
    groups: int | None = None,
    issue_date: date | None = None,
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
    progress = Shower(f"billfold-bill-{plan.period}", f"{len(plan.groups)} groups of buckets of {plan.period}")
    futures: list[PrefectFuture[GroupResult]] = [
        bill_buckets.with_options(task_run_name=_name(buckets)).submit(_as_is(plan), buckets) for buckets in plan.groups
    ]
    for done, _ in enumerate(as_completed(futures), start=1):
        progress.advance(done, len(futures))
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


def _is_passing(_task: Any, _run: Any, state: Any) -> bool:
    """Whether a fault may be gone at the next try: of the machine, and not what a person has to decide."""
    return isinstance(state.result(raise_on_failure=False), OSError)


# --- tasks ------------------------------------------------------------------------------------------------------------


@task(name="land usage", **PLAIN)
def land_usage(
    lake: str,
    reference: str | None,
    files: list[str],
    mapping: str | None,
    received_at: datetime,
    retry_rejects: bool,
    actor: str,
) -> IngestResult:
    """Read, judge and commit a delivery."""
    tables = tables_of(lake, reference)
    refuse_stranger(tables, actor)
    progress = Shower("billfold-progress-ingest", "begins")
    done = ingesting.ingest_usage(
        Lake.open(Path(lake)),
        tables,
        [Path(file) for file in files],
        mapping=Path(mapping) if mapping else None,
        received_at=received_at,
        retry_rejects=retry_rejects,
        actor=actor,
        progress=progress,
    )
    progress.finish()
    return done


@task(name="decide and carry out operations", **PLAIN)
def decide_operations(lake: str, reference: str | None, files: list[str], received_at: datetime, actor: str) -> Run:
    """Read, decide and commit operations."""
    progress = Shower("billfold-progress-operations", "begins")
    done = operating.land_operations(
        Lake.open(Path(lake)),
        tables_of(lake, reference),
        [Path(file) for file in files],
        received_at=received_at,
        actor=actor,
        progress=progress,
    )
    progress.finish()
    return done


@task(name="plan", retries=PLAN_RETRIES, retry_delay_seconds=1, retry_condition_fn=_is_passing, **PLAIN)
def plan_period(
    lake: str, reference: str | None, period: str, until: datetime | None, groups: int | None, issue_date: date | None
) -> BillPlan | None:
    """What there is to do: paths and digests."""
    return billing.plan_bill(
        Lake.open(Path(lake)),
        tables_of(lake, reference),
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
    reference: str | None,
    period: str,
    issue_date: date,
    actor: str,
    received_at: datetime,
    billing_account_id: str | None,
) -> Run:
    """Number the drafts and commit them as issued."""
    progress = Shower("billfold-progress-issue", "begins")
    done = issuing.issue_invoices(
        Lake.open(Path(lake)),
        tables_of(lake, reference),
        period=period,
        issue_date=issue_date,
        actor=actor,
        received_at=received_at,
        billing_account_id=billing_account_id,
        progress=progress,
    )
    progress.finish()
    return done


@task(name="post the difference", **PLAIN)
def post_difference(
    lake: str, reference: str | None, issue_date: date | None, received_at: datetime, actor: str
) -> Run:
    """Recompute what was touched, oldest month first, audit and commit."""
    progress = Shower("billfold-progress-backfill", "begins")
    done = backfilling.backfill(
        Lake.open(Path(lake)),
        tables_of(lake, reference),
        received_at=received_at,
        issue_date=issue_date,
        actor=actor,
        progress=progress,
    )
    progress.finish()
    return done


@task(name="publish views", retries=2, retry_delay_seconds=1, **PLAIN)
def publish_views(lake: str) -> None:
    """Let analysts see the commit."""
    publish(Lake.open(Path(lake)))


# --- what Prefect shows -----------------------------------------------------------------------------------------------


def finished(lake: str, flow_name: str, commit: object, summary: str, months: Sequence[str] = ()) -> None:
    """Publish what was committed, and leave a page about it in Prefect, with each month it was about."""
    if commit is not None:
        publish_views(lake)
    reports = [shown.shown(lambda month=month: _month(lake, month)) for month in months]  # type: ignore[misc]
    text = "\n\n".join([summary, *filter(None, reports)])
    shown.page(f"billfold-{flow_name}", text, f"What {flow_name} did")


def _month(lake: str, period: str) -> str:
    """A month as of the head, in words; its largest changes and its files are left beside the page."""
    found = Lake.open(Path(lake))
    report = month_report(found, period, found.head())
    about = f"{period} against the month before: what accounts are charged without tax, the largest changes first"
    shown.table(f"billfold-changes-{period}", against_last_month(report), about)
    for name, path in report.files.items():
        shown.link(f"billfold-{name.replace(' ', '-')}", path, f"The {name}, on the machine of the worker")
    return month_summary(report)
