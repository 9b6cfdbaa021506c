"""Which day's tax rates the drafts of a month have, where they are those of the day it is issued (T1)."""

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl

from flows.lake.journal import Commit, Snapshot
from flows.reference import Reference
from flows.standing import says, standing
from rating.dates import LAST_INSTANT
from rating.periods import add_months, first_day
from rating.policies import account_policies
from rating.tax_dates import rates_change


def is_by_issue(billing_policies: pl.DataFrame) -> bool:
    """Whether policy `tax_point` is `issue` for anyone, at any time."""
    return billing_policies.filter(policy="tax_point", value="issue").height > 0


def date_for(snapshot: Snapshot, reference: Reference, period: str, given: date | None) -> date | None:
    """The issue date that a run makes the drafts of a period with: the one it is given, else that of the run before.

    None where nobody is taxed by issue date, or no run was given one: then tax is provisional.
    """
    if not is_by_issue(reference["billing_policies"]):
        return None
    return given or date_of(snapshot.lake.commits(snapshot.number), period)


def date_of(commits: Iterable[Commit], period: str) -> date | None:
    """The issue date that a period was last billed with."""
    for commit in reversed(list(commits)):
        if says(commit, period) and commit.inputs.get("issue_date"):
            found = date.fromisoformat(str(commit.inputs["issue_date"]))
            if commit.command == "bill" or is_over(period, found):
                return found
    return None


def is_over(period: str, issue_date: date) -> bool:
    """Whether a backfill with an issue date means a period too: not one that went on after it.

    >>> is_over("2026-10", date(2026, 10, 31)), is_over("2026-11", date(2026, 11, 3))
    (True, False)
    """
    return issue_date >= add_months(first_day(period), 1) - timedelta(days=1)


def redated(snapshot: Snapshot, reference: Reference, period: str, issue_date: date) -> pl.DataFrame:
    """The accounts whose draft of a period has other tax rates than it would have on an issue date.

    Makes    billing_account_id; none whose invoice stands: that has the rates it has (T4)
    """
    if not is_by_issue(reference["billing_policies"]):
        return pl.DataFrame(schema={"billing_account_id": pl.String})
    accounts = snapshot.read("account_periods", billing_period=period)
    stands = standing(snapshot, since=period).filter(billing_period=period)
    drafts = accounts.join(stands, on="billing_account_id", how="anti", maintain_order="left").with_columns(
        last_instant=LAST_INSTANT
    )
    return rates_change(account_policies(drafts, reference["billing_policies"]), reference["tax_rates"], issue_date)
