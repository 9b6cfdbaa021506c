"""Where the books stand, on a page and for a program."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flows.held import SHORT, command_of, what_waits
from flows.show.console import grid, styled, unfolded
from flows.show.held_page import sentence
from flows.show.listing import as_table, records
from flows.show.reports import commit_record, lacking_table, reasons_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.scheduled_runs import Deployment, Schedule
    from flows.status import Status

FIRST = 10
"""How many accounts that are parked or restricted a terminal gets."""


def status_page(found: "Status", options: str = "") -> Iterator["RenderableType"]:
    """The parts of the page; what there is none of is left out, but for one line that says all is well.

    Reads    options: what a command needs to find the same books
    """
    commit = found.commit
    yield styled(f"commit {commit.number}, made by {commit.command}", "bold")
    yield styled(f"{commit.hash} (noted elsewhere, it proves this history: billfold audit --verify --expect)", "dim")
    yield from _held(found, options)
    yield from _months(found, options)
    yield from _changed(found, options)
    yield from _lacking(found)
    yield from _waiting(found, options)
    yield from _accounts(found, options)
    yield from _schedule(found.schedule)


def _months(found: "Status", options: str) -> Iterator["RenderableType"]:
    """The months that are open, and what of them should have been issued."""
    if not found.is_used:
        yield unfolded(f"nothing has come in yet; land usage: billfold ingest FILES{options}")
        return
    if found.months.is_empty():
        yield styled("no month is open: all that is billed is issued")
        return
    yield styled("\nMonths that are open", "bold")
    hidden = {name for name in ("month_to_date", "issued", "overdue") if not found.months[name].sum()}
    yield as_table(found.months, {}, hidden=frozenset(hidden))
    for row in found.months.filter(found.months["overdue"] > 0).iter_rows(named=True):
        period = row["billing_period"]
        yield unfolded(
            f"the day of {row['overdue']:,} draft(s) of {period} has come; issue them: "
            f"billfold issue --period {period} --issue-date DATE{options}"
        )
    if found.corrections:
        yield unfolded(
            f"{found.corrections:,} correcting draft(s) wait for: billfold backfill --issue-date DATE{options}"
        )


def _changed(found: "Status", options: str) -> Iterator["RenderableType"]:
    """What a backfill would take up: months that are billed, and what came for them since."""
    if found.changed.height:
        yield styled("\nChanged since it was billed", "bold")
        yield as_table(found.changed, {})
        yield unfolded(f"what it comes to: billfold backfill --dry-run{options}", "dim")


def _held(found: "Status", options: str) -> Iterator["RenderableType"]:
    """Bills and a backfill that wait for somebody to approve them."""
    for commit in found.held:
        what = what_waits(commit)
        yield styled(f"\nHeld for approval: {what}, {commit.run_id[:SHORT]}", "bold")
        for one in commit.summary["out_of_bounds"]:
            yield styled(sentence(one, found.currencies))
        yield unfolded(f"look at it: {command_of(what)}{options}", "dim")


def _lacking(found: "Status") -> Iterator["RenderableType"]:
    """What keeps documents from being issued, before anybody tries."""
    if found.lacking.height:
        yield styled("\nDrafts that cannot be issued yet", "bold")
        yield lacking_table(found.lacking)
        yield styled("mend sellers or billing_accounts, and bill the month again", "dim")
    elif found.without_tax_number:
        yield styled(
            f"no tax number (tax_ids in sellers): {', '.join(found.without_tax_number)}; nothing can be issued"
        )


def _waiting(found: "Status", options: str) -> Iterator["RenderableType"]:
    if found.rejects:
        yield styled(f"\nRows set aside, {sum(found.rejects.values()):,}", "bold")
        yield reasons_table(found.rejects)
        yield unfolded(f"what they are worth: billfold show rejects{options}", "dim")


def _accounts(found: "Status", options: str) -> Iterator["RenderableType"]:
    """Who is parked, and who is restricted or near it."""
    for title, rows, name in (
        ("On hold", found.holds, "holds"),
        ("At or near a limit", found.restricted, "restrictions"),
    ):
        if rows.height:
            yield styled(f"\n{title}, {rows.height:,}", "bold")
            yield as_table(rows.head(FIRST), found.currencies)
            if rows.height > FIRST:
                yield unfolded(f"all of them: billfold show {name}{options}", "dim")


def _schedule(schedule: "Schedule | None") -> Iterator["RenderableType"]:
    if schedule is None:
        return
    yield styled("\nNext runs", "bold")
    if schedule.fault:
        yield styled(f"the Prefect server at {schedule.address} does not answer: {schedule.fault}")
    elif not schedule.deployments:
        yield styled(
            f"the Prefect server at {schedule.address} has no deployments of billfold; register them: make deploy"
        )
    else:
        table = grid("deployment", "!next, UTC", ">late", "last run", "!ended, UTC")
        for one in schedule.deployments:
            table.add_row(*(styled(text) for text in _texts(one)))
        yield table


def _texts(one: "Deployment") -> tuple[str, ...]:
    instants = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (one.next_at, one.last_at)]
    return one.name, instants[0] or "on demand", str(one.late or ""), one.last_state or "", instants[1]


def status_record(found: "Status") -> dict[str, Any]:
    """The same for a program."""
    return {
        "at": found.at,
        "commit": {**(commit_record(found.commit) or {}), "command": found.commit.command},
        "months": list(records(found.months, {})),
        "changed": list(records(found.changed, {})),
        "overdue": found.overdue,
        "held": [
            {"billing_period": one.inputs.get("billing_period"), "hold": one.run_id, **one.summary}
            for one in found.held
        ],
        "corrections": found.corrections,
        "lacking": list(records(found.lacking, {})),
        "sellers_without_tax_number": list(found.without_tax_number),
        "rejects": dict(found.rejects),
        "holds": list(records(found.holds, found.currencies)),
        "restricted": list(records(found.restricted, found.currencies)),
        "schedule": _schedule_record(found.schedule),
    }


def _schedule_record(schedule: "Schedule | None") -> dict[str, Any] | None:
    if schedule is None:
        return None
    names = ("name", "next_at", "late", "last_state", "last_at")
    deployments = [{name: getattr(one, name) for name in names} for one in schedule.deployments]
    return {"address": schedule.address, "fault": schedule.fault, "deployments": deployments}
