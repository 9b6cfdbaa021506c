"""Whether a month that is about to be committed is out of proportion, so that a person looks at it first.

A wrong price book, a delivery that is missing or a unit that was mistaken breaks no invariant: the books add up, and
every bill is wrong. It shows in the sums. What a month comes to is compared with the median of the months before it,
what was set aside of it with what landed; how far is too far is said by policies (`bound_…`). A month that a backfill
corrects may also be what it was, as far from it as from that median.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from flows import books
from flows.lake.journal import Snapshot
from flows.lake.views import connect
from rating.money import EXACT
from rating.periods import period_bounds
from rating.policies import BOUNDS, account_policies

FIGURES = {"total_with_tax": "total with tax", "payable_amount": "total with tax less credit"}
"""What is compared: what was charged, and what of it credit leaves to pay. Each hides faults that the other shows."""

REJECTS = "rejects"
KEY = ("billing_period", "billing_currency")
STATES = ("draft", "issued")
"""The documents that say what a month comes to; credit that was sold in it is no charge of it."""

LEAST_MONTHS = 3
"""One or two months are no measure of a third: customers come in the middle of them."""

LARGEST = 5
"""How many accounts are named."""

Finding = Mapping[str, Any]
"""A figure that is out of bounds, as a commit record and a page say it: names and texts, amounts as text."""


@dataclass(frozen=True)
class Bounds:
    """The policies of a run. None is no bound."""

    above: Decimal | None
    below: Decimal | None
    documents: int
    months: int
    rejects: Decimal | None
    rejects_rows: int


def out_of_bounds(candidate: Snapshot, period: str) -> list[Finding]:
    """What of a month that would be visible is out of proportion; empty where nothing is.

    Reads    candidate: the books as they would be: documents of the month and of billed months before it, rows set
             aside, policies `bound_…` in force at the month's last instant, in UTC
    Makes    a Finding per figure and currency, then one of rejects
    Source   reliability, Fates
    """
    bounds = _bounds(candidate, period)
    return [*_amounts(candidate, period, bounds), *_rejects(candidate, period, bounds)]


def corrections_out_of_bounds(candidate: Snapshot, committed: Snapshot, periods: Iterable[str]) -> list[Finding]:
    """What of months that a backfill changes would be out of proportion; empty where nothing is.

    A month is compared with the median of those before it as they are committed, for a price that is mistaken may
    change them all, and with what it came to itself: who approved a month that stands out is not asked again for each
    correction of it, and one that comes back to what is usual is not held. Rows set aside are in no correction.

    Reads    candidate, as `out_of_bounds` does; committed: the books as they are
    Makes    a Finding per month, figure and currency, with billing_period and what it `was`
    Source   reliability, Fates; X1
    """
    return [
        {"billing_period": period, **finding}
        for period in sorted(periods)
        for finding in _amounts(candidate, period, _bounds(candidate, period), committed)
    ]


def _bounds(candidate: Snapshot, period: str) -> Bounds:
    last = period_bounds(period, "UTC")[1] - timedelta(microseconds=1)
    run = pl.DataFrame({"billing_account_id": [None], "time_zone": ["UTC"], "last_instant": [last]})
    run = run.cast({"billing_account_id": pl.String})
    said = account_policies(run, candidate.read("billing_policies"), BOUNDS).row(0, named=True)

    def number(name: str) -> Decimal | None:
        return None if said[name] == "none" else Decimal(said[name])

    return Bounds(
        above=number("bound_payable_above"),
        below=number("bound_payable_below"),
        documents=int(said["bound_payable_documents"]),
        months=int(said["bound_payable_months"]),
        rejects=number("bound_rejects"),
        rejects_rows=int(said["bound_rejects_rows"]),
    )


# --- amounts ------------------------------------------------------------


def _amounts(candidate: Snapshot, period: str, bounds: Bounds, committed: Snapshot | None = None) -> Iterator[Finding]:
    """The currencies whose sums lie too far from the median of the months before, and from what the month was.

    A currency that neither the month nor the last one before it was billed in is not missed any more.

    Reads    committed: the books before a backfill; None for a bill, whose month is compared with others only
    """
    known = candidate if committed is None else committed
    before = sorted(one for one in books.billed_periods(known) if one < period)[-bounds.months :]
    if (committed is None and not before) or (bounds.above is None and bounds.below is None):
        return
    earlier, now = _accounts(known, before), _accounts(candidate, [period])
    beside = earlier.filter(billing_period=before[-1]) if committed is None else _accounts(committed, [period])
    for currency in pl.concat([beside, now])["billing_currency"].unique().sort():
        own, was, then = (rows.filter(billing_currency=currency) for rows in (now, beside, earlier))
        history = then.group_by("billing_period").agg(pl.col("documents", *FIGURES).sum()).sort("billing_period")
        for name in FIGURES:
            value = _sum(own[name])
            wrong = _beyond(value, _measures(history, None if committed is None else was, name, bounds), bounds)
            if wrong:
                yield {
                    "figure": name,
                    "billing_currency": currency,
                    "value": f"{value:f}",
                    **wrong,
                    **({} if committed is None else {"was": f"{_sum(was[name]):f}"}),
                    "before": [
                        {"billing_period": one, "value": f"{came_to:f}"}
                        for one, came_to in history.select("billing_period", name).iter_rows()
                    ],
                    "accounts": _largest(was, own, name),
                }


def _measures(history: pl.DataFrame, was: pl.DataFrame | None, figure: str, bounds: Bounds) -> dict[str, Decimal]:
    """What a figure is compared with: the median of the months before, and what the month was, if either is a measure.

    Reads    history: documents, FIGURES per month before; was: the same per account of the month, of a backfill
    """
    found = {}
    enough = history.height >= min(LEAST_MONTHS, bounds.months)
    if enough and _median(history["documents"]) >= bounds.documents:
        found["median"] = _median(history[figure])
    if was is not None and (found or was["documents"].sum() >= bounds.documents):
        found["was"] = _sum(was[figure])
    return found


def _beyond(value: Decimal, measures: Mapping[str, Decimal], bounds: Bounds) -> dict[str, str]:
    """The bound that a figure is beyond, of every measure; months that came to nothing are no measure.

    >>> bounds, usual = Bounds(Decimal(3), Decimal("0.25"), 10, 6, None, 1000), {"median": Decimal(100)}
    >>> _beyond(Decimal("300.01"), usual, bounds)
    {'is': 'above', 'times': '3', 'limit': '300', 'median': '100'}
    >>> _beyond(Decimal(300), usual, bounds), _beyond(Decimal(25), usual, bounds)
    ({}, {})
    >>> _beyond(Decimal("24.99"), usual, bounds)["limit"]
    '25.00'
    >>> _beyond(Decimal(1201), {**usual, "was": Decimal(400)}, bounds)
    {'is': 'above', 'times': '3', 'limit': '1200', 'was': '400'}
    >>> _beyond(Decimal(24), {**usual, "was": Decimal(0)}, bounds), _beyond(Decimal(24), {}, bounds)
    ({}, {})
    """
    for side, times, sign in (("above", bounds.above, 1), ("below", bounds.below, -1)):
        if times is None or not measures:
            continue
        name, measure = max(measures.items(), key=lambda one: sign * one[1])
        limit = EXACT.multiply(measure, times)
        if measure > 0 and sign * value > sign * limit:
            return {"is": side, "times": f"{times:f}", "limit": f"{limit:f}", name: f"{measure:f}"}
    return {}


def _sum(amounts: pl.Series) -> Decimal:
    return sum(amounts, Decimal(0))


def _median(values: Iterable[Any]) -> Decimal:
    """The value in the middle, or half of the sum of the two that are.

    >>> _median([5, 1, 3]), _median([Decimal("1.01"), Decimal("2.00")])
    (Decimal('3'), Decimal('1.505'))
    """
    ordered = sorted(map(Decimal, values))
    upper = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[upper]
    return EXACT.multiply(EXACT.add(ordered[upper - 1], ordered[upper]), Decimal("0.5"))


def _accounts(candidate: Snapshot, periods: Sequence[str]) -> pl.DataFrame:
    """What the documents of months come to: KEY, billing_account_id, documents, FIGURES."""
    files = candidate.files("invoices", billing_period=periods, state=STATES)
    names = (*KEY, "billing_account_id", "total_with_tax", "credit_amount")
    documents = books.columns_of(candidate.lake, files, "invoices", names)
    return documents.group_by(*KEY, "billing_account_id").agg(
        pl.len().cast(pl.Int64).alias("documents"),
        pl.col("total_with_tax").sum(),
        payable_amount=pl.col("total_with_tax").sum() - pl.col("credit_amount").sum(),
    )


def _largest(before: pl.DataFrame, after: pl.DataFrame, figure: str) -> list[dict[str, str]]:
    """The accounts that changed most, the largest change first."""
    was, now = (
        rows.select("billing_account_id", pl.col(figure).alias(name))
        for rows, name in ((before, "before"), (after, "value"))
    )
    both = was.join(now, on="billing_account_id", how="full", coalesce=True).with_columns(
        pl.col("before", "value").fill_null(0)
    )
    changed = both.with_columns(size=(pl.col("value") - pl.col("before")).abs())
    rows = changed.sort("size", "billing_account_id", descending=[True, False]).head(LARGEST).drop("size")
    return [
        {name: one if isinstance(one, str) else f"{one:f}" for name, one in row.items()}
        for row in rows.iter_rows(named=True)
    ]


# --- rows set aside ------------------------------------------------------------

WAITING = """
select reason_code, count(*) as rows
from rejects
where status = 'waiting'
  and (billing_period = $period or (billing_period is null and delivery_id in (select unnest($deliveries::varchar[]))))
group by all
order by rows desc, reason_code
"""


def _rejects(candidate: Snapshot, period: str, bounds: Bounds) -> Iterator[Finding]:
    """Rows of the month that wait to be mended, where they are too large a share of all its rows.

    A row whose month cannot be told counts for every month that its delivery brought usage of.
    """
    if bounds.rejects is None or not candidate.files(REJECTS):
        return
    usage = candidate.files("usage_records", billing_period=period)
    named = {entry.path for entry in usage}
    deliveries = [
        commit.run_id
        for commit in candidate.lake.commits(candidate.number)
        if any(entry.path in named for entry in commit.added)
    ]
    with connect(candidate.lake, candidate, usage_periods=(), only=[REJECTS]) as connection:
        reasons = connection.execute(WAITING, {"period": period, "deliveries": deliveries}).fetchall()
    waiting = sum(rows for _, rows in reasons)
    landed = waiting + sum(entry.rows for entry in usage)
    if landed >= bounds.rejects_rows and waiting > EXACT.multiply(bounds.rejects, Decimal(landed)):
        yield {
            "figure": REJECTS,
            "is": "above",
            "value": str(waiting),
            "times": f"{bounds.rejects:f}",
            "landed": str(landed),
            "reasons": {code: str(rows) for code, rows in reasons},
        }
