"""The Prefect flows that schedules start: `bill-month`, `draft-month`, `ingest-landing`, `issue-due`, `audit-books`.

What month a run is about follows from the instant it was scheduled for, never from the clock: a run that is late, tried
again or started by hand for an earlier instant does what it would have done in time. Each begins with what a run before
it left out, so that nothing depends on every run having happened, or on their order.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from prefect import flow, task
from prefect.runtime import flow_run
from pydantic import AfterValidator, Field

from flows import due
from flows.bill_period import COMMAND as BILL
from flows.ingest_usage import NOTHING, IngestResult
from flows.lake import audit as auditing
from flows.lake.journal import Lake
from flows.lake.named_queries import queries
from flows.orchestrated.runs import (
    LAKE,
    OPTIONS,
    PLAIN,
    THREADS,
    Groups,
    Month,
    billed,
    ended,
    finished,
    land_usage,
    swept,
    tables_of,
)
from flows.orchestrated.shown import page, showing
from flows.orchestrated.summaries import audit_summary, ingest_summary, run_summary
from flows.run import HELD, NOTHING_TO_DO, Refusal, Run
from flows.runners import RunnerName
from flows.tax_dates import is_by_issue
from rating.periods import period_bounds, period_of


def _is_zone(name: str) -> str:
    ZoneInfo(name)
    return name


Zone = Annotated[str, AfterValidator(_is_zone), Field(examples=["Europe/Berlin"])]
Seconds = Annotated[int, Field(ge=0)]


@flow(name="bill-month", task_runner=THREADS, **OPTIONS)
def bill_month(
    time_zone: Zone = "UTC",
    period: Month | None = None,
    lake: str = LAKE,
    reference: str | None = None,
    groups: Groups | None = None,
    runner: RunnerName = "threads",
    address: str | None = None,
) -> list[Run]:
    """Bill the month that was the last one over when the run was scheduled, and before it those that were missed.

    A run bills every account. Where accounts live in several time zones each group of zones has a run when its month is
    over: the first makes the drafts, each later one brings those of its own zones to what landed since.

    Args:
        time_zone: Whose month must be over: that of the schedule.
        period: Another month than the one the schedule means, like 2026-10.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        groups: Into how many tasks the buckets are gathered; as many as the usage asks for if left out.
        runner: Where the groups are computed: threads of the worker, or dask.
        address: The scheduler of a Dask cluster, like tcp://10.0.0.1:8786; processes of one machine if left out.
    """
    swept(lake)
    month = period or due.last_month(scheduled_at(), time_zone)
    months = due.months_to_bill(Lake.open(Path(lake)).snapshot(), month)
    if not months:
        why = f"a later month than {month} is billed; what changed about {month} is posted by a backfill"
        runs = [Run(NOTHING_TO_DO, BILL, report={"billing_period": month, "why": why})]
    else:
        runs = _up_to_held(lake, reference, months, groups=groups, runner=runner, address=address)
    _finished(lake, "bill-month", runs, months or [month])
    return ended(runs, runs)


def _up_to_held(lake: str, reference: str | None, months: Sequence[str], **how: Any) -> list[Run]:
    """Bill months, the oldest first; where one is held, those after it wait: they are billed on what it leaves (K8)."""
    runs: list[Run] = []
    for month in months:
        runs.append(billed(lake, reference, month, **how))
        if runs[-1].status == HELD:
            break
    return runs


@flow(name="draft-month", task_runner=THREADS, **OPTIONS)
def draft_month(
    time_zone: Zone = "UTC",
    until: datetime | None = None,
    lake: str = LAKE,
    reference: str | None = None,
    groups: Groups | None = None,
    runner: RunnerName = "threads",
    address: str | None = None,
) -> Run:
    """Show the month to date: drafts without numbers, limits of cost policies, and what of credit limits is used.

    Args:
        time_zone: Whose month: that of the schedule.
        until: Up to this instant; up to when the run was scheduled if left out.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        groups: Into how many tasks the buckets are gathered; as many as the usage asks for if left out.
        runner: Where the groups are computed: threads of the worker, or dask.
        address: The scheduler of a Dask cluster, like tcp://10.0.0.1:8786; processes of one machine if left out.
    """
    swept(lake)
    at = until or scheduled_at()
    month = period_of(at, time_zone)
    why = _why_no_draft(lake, reference, month, at)
    if why:
        run = Run(NOTHING_TO_DO, BILL, report={"billing_period": month, "why": why})
    else:
        run = billed(lake, reference, month, until=at, groups=groups, runner=runner, address=address)
    _finished(lake, "draft-month", [run], [month])
    return run


def _why_no_draft(lake: str, reference: str | None, month: str, at: datetime) -> str | None:
    """Why a month is not shown to date: it is billed, or has not begun for anybody."""
    if not due.months_to_bill(Lake.open(Path(lake)).snapshot(), month) or _is_billed(lake, month):
        return f"{month} or a later month is billed"
    zones = tables_of(lake, reference)["billing_accounts"]["time_zone"].unique().to_list()
    if not zones:
        return "there are no accounts"
    begins = min(period_bounds(month, zone)[0] for zone in zones)
    return f"{month} has begun for no account yet" if at <= begins else None


def _is_billed(lake: str, month: str) -> bool:
    return bool(Lake.open(Path(lake)).snapshot().files("account_periods", billing_period=month))


@flow(name="ingest-landing", **OPTIONS)
def ingest_landing(
    landing: str = "landing",
    mapping: str | None = None,
    settle_seconds: Seconds = 60,
    retry_rejects: bool = False,
    received_at: datetime | None = None,
    lake: str = LAKE,
    reference: str | None = None,
    actor: str = "operator",
) -> IngestResult:
    """Land what is new in a folder. What was read before is known by its content and may stay or be taken away.

    Args:
        landing: The folder; it is made where it is not there. Hidden files are left alone.
        mapping: A column mapping for foreign files.
        settle_seconds: A file that was written less than so many seconds ago waits for the next run.
        retry_rejects: Land waiting rejects again too, once their cause is mended.
        received_at: When the files were received; now if left out.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        actor: Who does it: a principal of the reference tables.
    """
    swept(lake)
    files = settled_files(Path(landing), datetime.now(UTC), settle_seconds)
    if files or retry_rejects:
        landing_all = land_usage.with_options(task_run_name=f"land {len(files)} file{'' if len(files) == 1 else 's'}")
        at = received_at or datetime.now(UTC)
        result = landing_all(lake, reference, [str(file) for file in files], mapping, at, retry_rejects, actor)
    else:
        result = IngestResult(None, [], 0, 0, 0, 0, NOTHING)
    finished(lake, "ingest-landing", result.commit, ingest_summary(result))
    return result


def settled_files(folder: Path, now: datetime, settle_seconds: int) -> list[Path]:
    """The files of a folder that were not written to just now, in order of path; hidden ones are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    newest = (now - timedelta(seconds=settle_seconds)).timestamp()
    found = [path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder))]
    return sorted(path for path in found if path.stat().st_mtime <= newest)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


@flow(name="issue-due", task_runner=THREADS, **OPTIONS)
def issue_due(
    at: datetime | None = None,
    received_at: datetime | None = None,
    lake: str = LAKE,
    reference: str | None = None,
    actor: str = "operator",
) -> Run:
    """Issue the drafts whose days of grace (policy grace_days) were over when the run was scheduled.

    What is over is billed once more before: what landed in those days is in the first invoice, and a month whose own
    run was missed is billed at last. Where that bill is held, nothing is issued. Drafts that correct an issued invoice
    are left to whoever posted the correction.

    Args:
        at: As if it had been scheduled for this instant.
        received_at: When it was asked for; now if left out.
        lake: The lake, as seen by the worker.
        reference: The folder of reference tables; `reference` beside the lake if left out.
        actor: Who does it: a principal of the reference tables.
    """
    swept(lake)
    at = (at or scheduled_at()).astimezone(UTC)
    months, runs = _billed_again(lake, reference, at)
    if any(run.status == HELD for run in runs):
        _finished(lake, "issue-due", runs, months)
        return ended(runs, runs[-1])
    run = issue_what_is_due(lake, reference, at, received_at or datetime.now(UTC), actor)
    _finished(lake, "issue-due", [run], months)
    if run.report.get("waiting"):
        raise Refusal("not issued: " + "; ".join(run.report["waiting"]))
    return run


def _billed_again(lake: str, reference: str | None, at: datetime) -> tuple[list[str], list[Run]]:
    """Bill what is over everywhere, by the tax rates of the day it is issued where policy tax_point is issue.

    Makes    the months that are due, and the runs
    """
    tables = tables_of(lake, reference)
    zones = tables["billing_accounts"]["time_zone"].unique().to_list()
    if not zones:
        return [], []
    over = min(due.last_month(at, zone) for zone in zones)
    runs = _up_to_held(lake, reference, due.months_to_bill(Lake.open(Path(lake)).snapshot(), over))
    if runs and runs[-1].status == HELD:
        return [runs[-1].report["billing_period"]], runs
    found = due.due_drafts(Lake.open(Path(lake)).snapshot(), tables, at)
    last = found.filter(billing_period=over)
    if last.height and is_by_issue(tables["billing_policies"]):
        runs.append(billed(lake, reference, over, issue_date=max(last["issue_date"])))
    return sorted(set(found["billing_period"])), runs


@task(name="issue what is due", **PLAIN)
def issue_what_is_due(lake: str, reference: str | None, at: datetime, received_at: datetime, actor: str) -> Run:
    """Number the drafts that are due and commit them as issued."""
    tables, books = tables_of(lake, reference), Lake.open(Path(lake))
    with showing("issue") as progress:
        return due.issue_due(books, tables, at=at, actor=actor, received_at=received_at, progress=progress)


@flow(name="audit-books", **OPTIONS)
def audit_books(verify: bool = True, lake: str = LAKE) -> int:
    """Ask every invariant of the books, and read every byte again; a run that finds a fault fails.

    Args:
        verify: Read every file again and compare it with what was committed.
        lake: The lake, as seen by the worker.
    """
    removed = swept(lake)
    faults = read_again(lake) if verify else []
    faults = faults or ask_invariants(lake)
    head, asked = Lake.open(Path(lake)).head(), len(queries("invariants"))
    page("billfold-audit-books", audit_summary(head, asked, faults, verify, removed), "Whether the books hold")
    if faults:
        raise Refusal(
            f"the books do not hold: {'; '.join(faults)}; commit nothing on them, and restore the lake from a copy"
        )
    return asked


@task(name="read every byte again", **PLAIN)
def read_again(lake: str) -> list[str]:
    """What differs from what was committed."""
    return auditing.verify(Lake.open(Path(lake)))


@task(name="ask every invariant", **PLAIN)
def ask_invariants(lake: str) -> list[str]:
    """What does not hold."""
    return [str(breach) for breach in auditing.audit_of(Lake.open(Path(lake)))]


def scheduled_at() -> datetime:
    """The instant this run was scheduled for; it stays when the run waits, is late or is tried again."""
    at: datetime = flow_run.scheduled_start_time
    return at.astimezone(UTC)


def _finished(lake: str, flow_name: str, runs: Sequence[Run], months: Sequence[str]) -> None:
    """Publish, and leave a page about every run of a flow."""
    commit = next((run.commit for run in reversed(runs) if run.commit), None)
    finished(lake, flow_name, commit, "\n\n".join(map(run_summary, runs)), months)
