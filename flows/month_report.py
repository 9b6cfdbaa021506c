"""What a month came to, for whoever watches the runs: totals, rejects, holds, and what changed since before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flows.lake.journal import Commit, Lake, Snapshot, record_name
from flows.lake.published import PUBLISHED
from flows.lake.views import connect
from flows.show.amounts import Currency, currencies
from rating.periods import previous_period

AMOUNTS = (
    "list_cost",
    "discount_amount",
    "cap_amount",
    "grant_amount",
    "total_without_tax",
    "total_tax",
    "total_with_tax",
    "credit_amount",
    "paid_amount",
    "amount_due",
)
WAITING = """
    select reason_code, count(*) from rejects
    where status = 'waiting' and ($1::varchar is null or billing_period is null or billing_period = $1::varchar)
    group by all order by count(*) desc, reason_code
"""
STATES = ("month_to_date", "draft", "issued")
"""What is said of a month; credit that was sold in it is no charge of it."""

KEY = ["billing_account_id", "billing_currency"]


@dataclass(frozen=True)
class MonthReport:
    """A month as of a commit. Amounts are Decimals in the currency that stands beside them."""

    period: str
    commit: Commit
    totals: pl.DataFrame
    """billing_currency, documents and AMOUNTS."""
    changes: pl.DataFrame
    """The same since the commit before; only currencies in which something changed."""
    changed_accounts: int
    usage_rows: int
    rejects: Mapping[str, int]
    """Rows set aside of the month, or of none that can be told, that wait to be mended, by reason."""
    holds: pl.DataFrame
    against_last_month: pl.DataFrame
    """KEY, last_month, this_month, change: what each account is charged without tax, the largest changes first."""
    currencies: Mapping[str, Currency]
    files: Mapping[str, Path]
    """What there is to open on this machine: the commit record and the database of a lake that lies here."""


def month_report(lake: Lake, period: str, commit: Commit) -> MonthReport:
    """Read a month as of a commit, and as it was before it and in the month before.

    Reads    every document of the month: issued, corrections, drafts; month-to-date drafts where it is not over
    """
    snapshot, before = lake.snapshot(commit.number), lake.snapshot(max(commit.number - 1, 0))
    now, was = _of_accounts(snapshot, period), _of_accounts(before, period)
    last = _of_accounts(snapshot, previous_period(period))
    return MonthReport(
        period=period,
        commit=commit,
        totals=_totals(now),
        changes=_differences(_totals(now), _totals(was), ["billing_currency"]),
        changed_accounts=_differences(now, was, KEY).height,
        usage_rows=sum(entry.rows for entry in snapshot.files("usage_records", billing_period=period)),
        rejects=waiting_rejects(snapshot, period),
        holds=snapshot.read("holds", billing_period=period).sort("billing_account_id", "reason_code"),
        against_last_month=_against(now, last),
        currencies=known_exponents(snapshot),
        files={"commit record": lake.path(record_name(commit.number)), "database": lake.path(PUBLISHED)}
        if lake.is_here
        else {},
    )


def waiting_rejects(snapshot: Snapshot, period: str | None = None) -> dict[str, int]:
    """Rows set aside that wait, by reason: all, or those of a month and those whose month cannot be told."""
    if not snapshot.files("rejects"):
        return {}
    with connect(snapshot.lake, snapshot, usage_periods=(), only=["rejects"]) as connection:
        return dict(connection.execute(WAITING, [period]).fetchall())


def known_exponents(snapshot: Snapshot) -> Mapping[str, Currency]:
    """Every currency with its digits, as the reference tables last say."""
    rows = snapshot.read("currencies").sort("valid_from").unique("billing_currency", keep="last")
    return currencies(dict(rows.select("billing_currency", "exponent").iter_rows()))


def _of_accounts(snapshot: Snapshot, period: str) -> pl.DataFrame:
    """What each account's documents of a month add up to: KEY, documents, AMOUNTS."""
    documents = snapshot.read("invoices", billing_period=period, state=STATES)
    return documents.group_by(KEY).agg(pl.len().cast(pl.Int64).alias("documents"), pl.col(AMOUNTS).sum()).sort(KEY)


def _totals(accounts: pl.DataFrame) -> pl.DataFrame:
    return accounts.group_by("billing_currency").agg(pl.col("documents", *AMOUNTS).sum()).sort("billing_currency")


def _differences(now: pl.DataFrame, was: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Now less before, where anything differs; what is on one side only is compared with nothing."""
    both = now.join(was, on=key, how="full", coalesce=True, suffix="_before")
    names = ["documents", *AMOUNTS]
    less = both.select(*key, *(pl.col(name).fill_null(0) - pl.col(f"{name}_before").fill_null(0) for name in names))
    return less.filter(pl.any_horizontal(pl.col(name) != 0 for name in names)).sort(key)


def _against(now: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """What each account is charged without tax, this month and the one before, the largest changes first."""
    amount = "total_without_tax"
    both = now.select(*KEY, this_month=amount).join(
        last.select(*KEY, last_month=amount), on=KEY, how="full", coalesce=True
    )
    known = both.with_columns(pl.col("this_month", "last_month").fill_null(0))
    changes = known.with_columns(change=pl.col("this_month") - pl.col("last_month")).filter(pl.col("change") != 0)
    order = changes.with_columns(size=pl.col("change").abs()).sort(
        "size", *KEY, descending=[True, False, False], maintain_order=True
    )
    return order.select(*KEY, "last_month", "this_month", "change")
