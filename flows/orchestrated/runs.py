"""The Prefect flows `ingest-usage`, `operations`, `bill-period`, `issue-invoices`, `backfill`, and what all runs share.

A flow takes paths, days and words, so that a form or a schedule can start it; its tasks are stages and groups of
buckets, and hand on plans and file entries, never rows. Planning writes nothing that is visible and a group of buckets
is pure, so both may be tried again; what commits may not, except that billing plans anew when another run was first.

What the docstrings say of arguments is what Prefect's forms show.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.utilities.annotations import quote
from pydantic import Field

from flows import backfill as backfilling
from flows import bill_period as billing
from flows import ingest_usage as ingesting
from flows import issue_invoices as issuing
from flows import left_behind
from flows import operations as operating
from flows.actors import refuse_stranger
from flows.bill_period import BillPlan, GroupResult
from flows.held import BACKFILL, SHORT, Approval, approval, command_of
from flows.ingest_usage import IngestResult
from flows.lake.addresses import reference_beside
from flows.lake.journal import Lake
from flows.lake.published import publish
from flows.month_report import month_report
from flows.on_the_head import on_the_head
from flows.orchestrated import shown
from flows.orchestrated.shown import Shower
from flows.orchestrated.summaries import against_last_month, ingest_summary, month_summary, run_summary
from flows.reference import Reference, load_reference
from flows.run import HELD, NOTHING_TO_DO, Refusal, Run
from flows.runners import RunnerName
from flows.show.held_page import sentence

if TYPE_CHECKING:
    from flows.dask_cluster import Sealed

Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", examples=["2026-10"])]
Groups = Annotated[int, Field(ge=1)]

LAKE = "lake"
"""Where `billfold init` makes a lake; a deployment runs in the folder it was registered from."""

PLAIN: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
"""Nothing is kept in Prefect: results are in the lake, and the run id says whether they are there already."""

HELD_STATE = "Held"
"""What the state of a flow is called that met a bill which waits for approval."""

GROUP_RETRIES = 2
PLAN_RETRIES = 2

Value = TypeVar("Value")

THREADS = cast(TaskRunner[PrefectFuture[Any]], ThreadPoolTaskRunner(max_workers=cpu_count() or 1))


# --- what every run does ----------------------------------------------------------------------------------------------


def reference_folder(lake: str, reference: str | None) -> Path:
    """The reference folder of a lake: the one that is named, or `reference` beside it."""
    return Path(reference) if reference else reference_beside(lake)


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
        return left_behind.clear_up(found)
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
    manifest: str | None = None,
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
        manifest: What the sender says the files hold.
    """
    swept(lake)
    landing = land_usage.with_options(task_run_name=f"land {len(files)} file{'' if len(files) == 1 else 's'}")
    result = landing(lake, reference, files, mapping, received_at or datetime.now(UTC), retry_rejects, actor, manifest)
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
    runner: RunnerName = "threads",
    address: str | None = None,
    approve: bool | str = False,
    actor: str = "operator",
) -> Run:
    """Bill a month: plan, bill each group of buckets, audit and commit; or hold it, where it is out of bounds.

    Args:
        period: The month, like 2026-10.
        until: Month to date: up to this instant. The whole month if left out.
        issue_date: Tax by the rates of this day, where policy tax_point is issue.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        groups: Into how many tasks the buckets are gathered; as many as the usage asks for if left out.
        runner: Where the groups are computed: threads of the worker, or dask.
        address: The scheduler of a Dask cluster, like tcp://10.0.0.1:8786; processes of one machine if left out.
        approve: Commit the bill that was held; with its id, only if that is the one that waits.
        actor: Who does it, or approves it: a principal of the reference tables.
    """
    swept(lake)
    refuse_stranger(tables_of(lake, reference), actor)
    approved = approval_of(lake, reference, period, approve, actor) if approve else None
    run = billed(lake, reference, period, until, groups, issue_date, runner, address, approved)
    finished(lake, "bill-period", run.commit, run_summary(run), months=[period])
    return ended([run], run)


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
    approve: bool | str = False,
) -> Run:
    """Post what changed about billed months: the difference, and correcting documents for what was issued.

    It is held where it is out of bounds.

    Args:
        issue_date: Issue the correcting documents with this date; without it they stay drafts.
        received_at: When it was asked for; now if left out.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        actor: Who does it: a principal of the reference tables.
        approve: Commit the backfill that was held; with its id, only if that is the one that waits.
    """
    swept(lake)
    refuse_stranger(tables_of(lake, reference), actor)
    approved = approval_of(lake, reference, BACKFILL, approve, actor) if approve else None
    run = post_difference(lake, reference, issue_date, received_at or datetime.now(UTC), actor, approved)
    months = sorted(set(run.tables["changes"]["billing_period"]))
    finished(lake, "backfill", run.commit, run_summary(run), months)
    return ended([run], run)


class HeldRun(Refusal):
    """A bill or a backfill that waits for approval: the flow has not done what it was asked for."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.run = run

    def __str__(self) -> str:
        """What is out of bounds, and how to go on."""
        report = self.run.report
        found = "; ".join(sentence(one, {}) for one in report["out_of_bounds"])
        what = report.get("billing_period", BACKFILL)
        return f"{what} is held for approval ({report['hold'][:SHORT]}): {found}; look at it: {command_of(what)}"


def ended(runs: Sequence[Run], result: Value) -> Value:
    """What a flow gives back. Where a run is held, the flow ends as failed, in a state that is called Held."""
    held = next((run for run in runs if run.status == HELD), None)
    if held is None:
        return result
    fault = HeldRun(held)
    return cast(Value, Failed(name=HELD_STATE, message=str(fault), data=fault))


def approval_of(lake: str, reference: str | None, what: str, approve: bool | str, actor: str) -> Approval:
    """The approval of what waits, a month or a backfill, or of the hold that is named."""
    return approval(Lake.open(Path(lake)), tables_of(lake, reference), what, approve, actor, datetime.now(UTC))


def billed(
    lake: str,
    reference: str | None,
    period: str,
    until: datetime | None = None,
    groups: int | None = None,
    issue_date: date | None = None,
    runner: RunnerName = "threads",
    address: str | None = None,
    approved: Approval | None = None,
) -> Run:
    """Plan, bill, commit or hold; again on the new head when another run was first."""

    def once() -> Run:
        planning = plan_period.with_options(task_run_name=f"plan {period}")
        plan = planning(lake, reference, period, until, groups, issue_date, approved)
        if plan is None:
            return Run(NOTHING_TO_DO, billing.COMMAND, report={"billing_period": period})
        results = _bill_groups(plan, runner, address)
        return audit_and_commit(_as_is(plan), _as_is(results))

    return on_the_head(once, f"{period} was billed")


def _bill_groups(plan: BillPlan, runner: RunnerName, address: str | None) -> list[GroupResult]:
    """Every group of buckets as a task, as many at once as there is room for; results in the order of the plan."""
    progress = Shower(f"billfold-bill-{plan.period}", f"{len(plan.groups)} groups of buckets of {plan.period}")
    with _on_threads(plan) if runner == "threads" else _on_workers(plan, address) as submit:
        futures = [submit(buckets) for buckets in plan.groups]
        for done, _ in enumerate(as_completed(futures), start=1):
            progress.advance(done, len(futures))
        return [future.result() for future in futures]


Submit = Callable[[tuple[int, ...]], PrefectFuture[GroupResult]]


@contextmanager
def _on_threads(plan: BillPlan) -> Iterator[Submit]:
    """A group as a task on a thread of the flow."""
    yield lambda buckets: bill_buckets.with_options(task_run_name=_name(buckets)).submit(_as_is(plan), buckets)


@contextmanager
def _on_workers(plan: BillPlan, address: str | None) -> Iterator[Submit]:
    """A group as a task on a worker of a Dask cluster."""
    from flows.dask_cluster import cluster, of_the_extra, sent_to, told_plainly

    with of_the_extra():
        from prefect_dask.task_runners import DaskTaskRunner
    with cluster(address) as client:
        sent = sent_to(client, plan)
        scheduler, how = client.scheduler_info()["address"], {"security": client.security}
        with told_plainly(), DaskTaskRunner(address=scheduler, client_kwargs=how) as workers:

            def submit(buckets: tuple[int, ...]) -> PrefectFuture[GroupResult]:
                billing_there = bill_buckets_sent.with_options(task_run_name=_name(buckets))
                future: PrefectFuture[GroupResult] = workers.submit(billing_there, {"sent": sent, "buckets": buckets})
                return future

            yield submit


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
    manifest: str | None = None,
) -> IngestResult:
    """Read, judge and commit a delivery."""
    tables = tables_of(lake, reference)
    refuse_stranger(tables, actor)
    with shown.showing("ingest") as progress:
        return ingesting.ingest_usage(
            Lake.open(Path(lake)),
            tables,
            [Path(file) for file in files],
            mapping=Path(mapping) if mapping else None,
            manifest=Path(manifest) if manifest else None,
            received_at=received_at,
            retry_rejects=retry_rejects,
            actor=actor,
            progress=progress,
        )


@task(name="decide and carry out operations", **PLAIN)
def decide_operations(lake: str, reference: str | None, files: list[str], received_at: datetime, actor: str) -> Run:
    """Read, decide and commit operations."""
    with shown.showing("operations") as progress:
        return operating.land_operations(
            Lake.open(Path(lake)),
            tables_of(lake, reference),
            [Path(file) for file in files],
            received_at=received_at,
            actor=actor,
            progress=progress,
        )


@task(name="plan", retries=PLAN_RETRIES, retry_delay_seconds=1, retry_condition_fn=_is_passing, **PLAIN)
def plan_period(
    lake: str,
    reference: str | None,
    period: str,
    until: datetime | None,
    groups: int | None,
    issue_date: date | None,
    approved: Approval | None,
) -> BillPlan | None:
    """What there is to do: paths and digests."""
    return billing.plan_bill(
        Lake.open(Path(lake)),
        tables_of(lake, reference),
        period=period,
        until=until,
        groups=groups,
        issue_date=issue_date,
        approval=approved,
    )


@task(name="bill buckets", retries=GROUP_RETRIES, retry_delay_seconds=1, **PLAIN)
def bill_buckets(plan: BillPlan, buckets: tuple[int, ...]) -> GroupResult:
    """Bill the accounts of some buckets: pure, the same files each time, so it may be tried again."""
    return billing.bill_group(plan, buckets)


@task(name="bill buckets", retries=GROUP_RETRIES, retry_delay_seconds=1, **PLAIN)
def bill_buckets_sent(sent: "Sealed", buckets: tuple[int, ...]) -> GroupResult:
    """The same on a worker of a Dask cluster, which opens the plan there."""
    from flows.dask_cluster import compute

    return compute(billing.bill_group, sent, buckets)


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
    with shown.showing("issue") as progress:
        return issuing.issue_invoices(
            Lake.open(Path(lake)),
            tables_of(lake, reference),
            period=period,
            issue_date=issue_date,
            actor=actor,
            received_at=received_at,
            billing_account_id=billing_account_id,
            progress=progress,
        )


@task(name="post the difference", **PLAIN)
def post_difference(
    lake: str,
    reference: str | None,
    issue_date: date | None,
    received_at: datetime,
    actor: str,
    approved: Approval | None,
) -> Run:
    """Recompute what was touched, oldest month first, audit and commit, or hold."""
    with shown.showing("backfill") as progress:
        return backfilling.backfill(
            Lake.open(Path(lake)),
            tables_of(lake, reference),
            received_at=received_at,
            issue_date=issue_date,
            actor=actor,
            approval=approved,
            progress=progress,
        )


@task(name="publish views", retries=2, retry_delay_seconds=1, **PLAIN)
def publish_views(lake: str) -> None:
    """Let analysts see the commit."""
    found = Lake.open(Path(lake))
    if found.is_here:
        publish(found)


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
