"""The same flows under Prefect: watched, retried where that is safe, and with the same commit as without it.

This module sets what Prefect reads from the environment before anything imports Prefect, which takes two seconds; what
a user has set stays. Without PREFECT_API_URL Prefect starts an embedded server for the run.
"""

import os
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.ingest_usage import IngestResult
    from flows.lake.journal import Lake
    from flows.run import Run
    from flows.runners import RunnerName

SETTINGS = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",  # whatever profile is active
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # it takes 10 to 19 s on a quiet machine
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}
QUIET = {
    # the console is billfold's; Prefect's own log of the run goes to its server, where it can be read
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_CLI_COLORS": "false",
}

for _name, _value in {**SETTINGS, **({} if os.environ.get("BILLFOLD_DEBUG") else QUIET)}.items():
    os.environ.setdefault(_name, _value)


def ingest(
    lake: "Lake",
    reference: Path,
    files: Sequence[Path],
    mapping: Path | None,
    received_at: datetime,
    retry_rejects: bool,
    actor: str,
    manifest: Path | None = None,
) -> "IngestResult":
    """Land usage as the flow `ingest-usage`."""
    from flows.orchestrated.runs import ingest_usage

    named = [str(file.absolute()) for file in files]
    how = str(mapping.absolute()) if mapping else None
    said = str(manifest.absolute()) if manifest else None
    where = {"lake": lake.address, "reference": str(reference), "actor": actor}
    return ingest_usage(named, how, received_at, retry_rejects, **where, manifest=said)


def operations(lake: "Lake", reference: Path, files: Sequence[Path], received_at: datetime, actor: str) -> "Run":
    """Land operations as the flow `operations`."""
    from flows.orchestrated.runs import operations as flow

    named = [str(file.absolute()) for file in files]
    return flow(named, received_at, lake=lake.address, reference=str(reference), actor=actor)


def bill(
    lake: "Lake",
    reference: Path,
    period: str,
    until: datetime | None,
    groups: int | None,
    issue_date: date | None = None,
    approve: bool | str = False,
    actor: str = "operator",
    runner: "RunnerName" = "threads",
    address: str | None = None,
) -> "Run":
    """Bill a period as the flow `bill-period`."""
    from flows.orchestrated.runs import bill_period

    where = {"lake": lake.address, "reference": str(reference), "actor": actor}
    how: dict[str, Any] = {**where, "groups": groups, "approve": approve, "runner": runner, "address": address}
    return _also_held(lambda: bill_period(period, until, issue_date, **how))


def issue(
    lake: "Lake",
    reference: Path,
    period: str,
    issue_date: date,
    actor: str,
    received_at: datetime,
    billing_account_id: str | None,
) -> "Run":
    """Issue a period's drafts as the flow `issue-invoices`."""
    from flows.orchestrated.runs import issue_invoices

    where = {"lake": lake.address, "reference": str(reference), "actor": actor}
    return issue_invoices(period, issue_date, billing_account_id, received_at, **where)


def backfill(
    lake: "Lake",
    reference: Path,
    issue_date: date | None,
    received_at: datetime,
    actor: str,
    approve: bool | str = False,
) -> "Run":
    """Post what changed about billed periods as the flow `backfill`."""
    from flows.orchestrated.runs import backfill as flow

    where: dict[str, Any] = {"lake": lake.address, "reference": str(reference), "actor": actor}
    return _also_held(lambda: flow(issue_date, received_at, **where, approve=approve))


def _also_held(flow: Callable[[], "Run"]) -> "Run":
    """What a flow came to; one that is held has failed as a flow, and is a run like any other."""
    from flows.orchestrated.runs import HeldRun

    try:
        return flow()
    except HeldRun as held:
        return held.run
