"""What a schedule is to do by an instant: which months to bill, and which drafts to issue (I1).

A month is due when it is over; a draft is due when its month is over for as many days as policy `grace_days` says. Late
usage of those days is still in the first invoice.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from flows import books
from flows.issue_invoices import COMMAND, requested, why_not_issue
from flows.lake.journal import Lake, Snapshot
from flows.operations import carry_out_asked
from flows.progress import Progress, silent
from flows.reference import Reference
from flows.refunds import periods_with_notes, waiting_notes
from flows.run import NOTHING_TO_DO, Run
from rating.chains import OWNER
from rating.dates import LAST_INSTANT
from rating.periods import local_day, next_period, period_of, previous_period
from rating.policies import GRACE_DAYS, account_policies
from schemas.units import Count, Day, Text

DUE = {"billing_period": Text, "billing_account_id": Text, "due_on": Day, "issue_date": Day, "drafts": Count}


def last_month(at: datetime, zone: str) -> str:
    """The month that was the last one over at an instant, where the clock shows the time of a zone.

    >>> from datetime import UTC
    >>> last_month(datetime(2026, 11, 1, 4, 59, tzinfo=UTC), "America/Chicago")
    '2026-09'
    >>> last_month(datetime(2026, 11, 1, 5, tzinfo=UTC), "America/Chicago")
    '2026-10'
    """
    return previous_period(period_of(at, zone))


def months_to_bill(snapshot: Snapshot, period: str) -> list[str]:
    """A month, and before it those that missed runs left out, oldest first; none once a later one is billed.

    Source   K8: what a month leaves of a grant is what the next one finds
    """
    last = max(books.begun_periods(snapshot), default=None)
    if last and last >= period:
        return [period] if last == period else []
    months = [next_period(last) if last else min({period} | books.used_periods(snapshot))]
    while months[-1] < period:
        months.append(next_period(months[-1]))
    return months


def waiting_drafts(snapshot: Snapshot, reference: Reference, at: datetime) -> pl.DataFrame:
    """The drafts of invoices, each with the day from which a schedule issues it, and the day it is there at an instant.

    What a month refunds of credit that was sold is among them: its issue makes the credit note. Drafts that correct an
    issued invoice are not: whoever posts a correction says when it is issued.

    Makes    DUE; drafts is how many, credit notes of refunds counted
    Source   I1, policy `grace_days`, read at the last instant of the month
    """
    names = ("billing_period", "billing_account_id", "preceding_invoice_number")
    drafts = books.columns_of(snapshot.lake, snapshot.files("invoices", state="draft"), "invoices", names)
    drafts = drafts.filter(pl.col("preceding_invoice_number").is_null()).select(OWNER)
    drafts = pl.concat([drafts, *(_notes(snapshot, reference, one) for one in periods_with_notes(snapshot, reference))])
    periods = drafts["billing_period"].unique().sort().to_list()
    found = [pl.DataFrame(schema=DUE)]
    for period in periods:
        owners = drafts.filter(billing_period=period).group_by("billing_account_id").agg(drafts=pl.len().cast(pl.Int64))
        states = snapshot.read("account_periods", billing_period=period).join(owners, on="billing_account_id")
        asked = states.select(
            *("billing_account_id", "time_zone", "period_end", "drafts"),
            last_instant=LAST_INSTANT,
        )
        policies = account_policies(asked, reference["billing_policies"], GRACE_DAYS)
        rows = [
            {
                "billing_period": period,
                "billing_account_id": row["billing_account_id"],
                "due_on": local_day(row["period_end"], row["time_zone"]) + timedelta(days=int(row["grace_days"])),
                "issue_date": local_day(at, row["time_zone"]),
                "drafts": row["drafts"],
            }
            for row in policies.iter_rows(named=True)
        ]
        found.append(pl.DataFrame(rows, schema=DUE).sort("billing_account_id"))
    return pl.concat(found)


def due_drafts(snapshot: Snapshot, reference: Reference, at: datetime) -> pl.DataFrame:
    """The drafts whose days of grace are over at an instant: DUE."""
    return waiting_drafts(snapshot, reference, at).filter(pl.col("issue_date") >= pl.col("due_on"))


def issue_due(
    lake: Lake,
    reference: Reference,
    *,
    at: datetime,
    actor: str,
    received_at: datetime,
    progress: Progress = silent,
) -> Run:
    """Issue the drafts whose days of grace are over at an instant, dated by it, each in the time zone of its account.

    Makes    one commit, or nothing to do; report["waiting"]: what could not be issued, and what to do about it
    Errors   Refusal: a draft that could be issued a moment ago no longer can; nothing changes
    Source   I1, I2
    """
    progress.step("find drafts that are due")
    waiting: list[str] = []

    def asked(snapshot: Snapshot) -> pl.DataFrame:
        requests = []
        waiting.clear()
        for fields in _requests(snapshot, reference, due_drafts(snapshot, reference, at)):
            why_not = why_not_issue(snapshot, reference, fields)
            if why_not:
                of = f" of {fields['billing_account_id']}" if fields["billing_account_id"] else ""
                waiting.append(f"{fields['billing_period']}{of}: {why_not[0]}: {why_not[1]}")
            else:
                requests.append(fields)
        return requested(snapshot, requests, actor, received_at)

    run = carry_out_asked(lake, reference, asked, progress=progress)
    if run.status == NOTHING_TO_DO:
        return Run(NOTHING_TO_DO, COMMAND, report={"why": "no draft is due that can be issued", "waiting": waiting})
    return Run(run.status, COMMAND, run.commit, {**run.report, "waiting": waiting}, run.tables)


def _requests(snapshot: Snapshot, reference: Reference, due: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """What is to be issued: a month at once where all of it is due on one day, else account by account."""
    for (period,), rows in due.group_by(["billing_period"], maintain_order=True):
        drafts = snapshot.read("invoices", billing_period=str(period), state="draft").select(OWNER)
        concerned = pl.concat([drafts, _notes(snapshot, reference, str(period))])["billing_account_id"]
        is_whole = set(concerned) <= set(rows["billing_account_id"]) and rows["issue_date"].n_unique() == 1
        for row in rows.head(1 if is_whole else rows.height).iter_rows(named=True):
            yield _request(str(period), row["issue_date"], None if is_whole else row["billing_account_id"])


def _notes(snapshot: Snapshot, reference: Reference, period: str) -> pl.DataFrame:
    """OWNER of each document that an issue of the month would make of its refunds."""
    notes = waiting_notes(snapshot, reference, {"billing_period": period}).invoices
    return notes.select("billing_account_id", billing_period=pl.lit(period)).select(OWNER)


def _request(period: str, issue_date: date, account: str | None) -> dict[str, Any]:
    return {
        "billing_period": period,
        "issue_date": issue_date,
        "billing_account_id": account,
        "documents": None,
    }
