"""The waterfall: dues and balances in, applications out. All "who pays for what, in order" is this one primitive.

Two techniques make the same applications. A loop over ranks lets the n-th payer of every account pay in the n-th step,
all accounts at once: a running sum of what is due says where each payer ends. An account with many payers is walked
instead: every step uses up a due or a payer, so the walk is as long as the two together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rating.allocations.eligibility import Dues, Eligibility
from rating.money import OutOfBoundsError, share, split_lines

SUM_BOUND = 2**62
"""No account's dues may sum to this; checked before any sum is taken, because integers wrap."""

Integers = NDArray[np.int64]

Part = tuple[Integers, Integers, Integers]
"""Dues, payers and amounts of some applications."""

STEP, ROW, WALKED = 60_000, 25, 1_000
"""Nanoseconds, measured: a step of the loop, each due in it, and each due or payer of a walk. They choose a technique;
no amount depends on them."""


@dataclass(frozen=True)
class Applications:
    """Who paid what: arrays of one length, in no particular order."""

    due: Integers
    """Place among the dues."""
    payer: Integers
    """Place among the payers."""
    amount_mu: Integers
    """Positive."""

    @classmethod
    def of(cls, parts: list[Part]) -> "Applications":
        """Several sets of applications as one."""
        nothing = np.zeros(0, dtype=np.int64)
        columns = (
            [np.concatenate([nothing, *column]) for column in zip(*parts, strict=True)] if parts else [nothing] * 3
        )
        return cls(*columns)


def waterfall(rules: Eligibility, *, proportional: NDArray[np.bool_] | None = None) -> Applications:
    """Let each payer pay what is due, in order, until it or the dues are used up.

    Reads    rules         dues and payers of each account, in the order they are paid in and pay in
             proportional  of each account whether a payer spreads over all that is due instead (G5); none does if None
    Makes    Applications
    Errors   OutOfBoundsError where a running sum could wrap
    Source   G4, G5, G6
    """
    dues, payers = rules.dues, rules.payers
    if not len(dues.account) or not len(payers.account):
        return Applications.of([])
    _refuse_sums(dues)
    accounts = np.arange(max(dues.account[-1], payers.account[-1]) + 1)
    edges = np.append(accounts, len(accounts))
    spans = _Spans(np.searchsorted(dues.account, edges), np.searchsorted(payers.account, edges))
    accounts = accounts[(spans.dues > 0) & (spans.payers > 0)]
    rests = dues.amount_mu.copy()
    found = []
    if proportional is not None and proportional[accounts].any():
        found += _by_ranks(rules, spans, accounts[proportional[accounts]], rests, _proportionally)
        accounts = accounts[~proportional[accounts]]
    walked = _walked(spans.dues[accounts], spans.payers[accounts])
    found += _by_ranks(rules, spans, accounts[~walked], rests, _in_turn)
    found += [_walk(rules, spans, account, rests) for account in accounts[walked]]
    return Applications.of(found)


def _refuse_sums(dues: Dues) -> None:
    first = np.flatnonzero(np.diff(dues.account, prepend=-1))
    if np.add.reduceat(dues.amount_mu.astype(np.float64), first).max() >= SUM_BOUND:
        raise OutOfBoundsError("the dues of an account sum to 2**62 minor units or more; mend its prices or quantities")


class _Spans:
    """Where the dues and the payers of each account lie, and how many there are."""

    def __init__(self, due_edges: Integers, payer_edges: Integers) -> None:
        self.first_due, self.first_payer = due_edges[:-1], payer_edges[:-1]
        self.dues, self.payers = np.diff(due_edges), np.diff(payer_edges)


def _walked(dues: Integers, payers: Integers) -> NDArray[np.bool_]:
    """Which accounts are walked: those with more payers than the number from which on that is cheaper for all.

    With a limit of n payers the loop has n steps, and in each the dues of the accounts that still have a payer.
    """
    if not len(payers):
        return np.zeros(0, dtype=np.bool_)
    order = np.argsort(payers, kind="stable")
    limits = payers[order]
    looped = STEP * limits + ROW * np.cumsum(dues[order] * limits)
    walks = WALKED * (dues + payers)[order]
    walked = walks.sum() - np.cumsum(walks)
    best = int(np.argmin(looped + walked))
    limit = limits[best] if looped[best] + walked[best] < walks.sum() else 0
    return payers > limit


# --- the loop over ranks ------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """The dues of one step, what of each its account's payer may pay, and where each account begins."""

    rules: Eligibility
    rows: Integers
    payer: Integers
    due: Integers
    first: Integers
    counts: Integers

    @property
    def balance(self) -> Integers:
        """What the payer of each due has."""
        return self.rules.payers.balance_mu[self.payer]


def _by_ranks(
    rules: Eligibility, spans: _Spans, accounts: Integers, rests: Integers, pay: Callable[["_Step"], Integers]
) -> list[Part]:
    """One step per rank; accounts with many payers stand first, so that those still paying are a beginning."""
    if not len(accounts):
        return []
    accounts = accounts[np.argsort(-spans.payers[accounts], kind="stable")]
    counts, payers = spans.dues[accounts], spans.payers[accounts]
    ends = np.cumsum(counts)
    rows = np.repeat(spans.first_due[accounts] - (ends - counts), counts) + np.arange(ends[-1])
    found = []
    for rank in range(int(payers[0])):
        paying = int(np.searchsorted(-payers, -rank))
        here = slice(0, int(ends[paying - 1]))
        payer = np.repeat(spans.first_payer[accounts[:paying]] + rank, counts[:paying])
        due = np.where(rules.may_pay(payer, rows[here]), rests[rows[here]], 0)
        step = _Step(rules, rows[here], payer, due, (ends - counts)[:paying], counts[:paying])
        paid = pay(step)
        rests[rows[here]] -= paid
        hit = np.flatnonzero(paid)
        found.append((rows[here][hit], payer[hit], paid[hit]))
    return found


def _in_turn(step: _Step) -> Integers:
    """Earlier dues first: a due gets what the balance still has after those before it.

    The running sum goes on over all accounts and may wrap; the difference of two of one account's does not.
    """
    running = np.cumsum(step.due)
    before_account = (running - step.due)[step.first]
    before = running - step.due - np.repeat(before_account, step.counts)
    return np.minimum(step.due, np.maximum(step.balance - before, 0))


def _proportionally(step: _Step) -> Integers:
    """In proportion to what is due: the balance, or all that is due where that is less, split by M1."""
    dues = step.rules.dues
    rows = pl.DataFrame(
        {
            "payer": step.payer,
            "due_mu": step.due,
            "balance_mu": step.balance,
            "line": dues.line[step.rows],
            "line_place": dues.line_place[step.rows],
            "charge_place": dues.charge_place[step.rows],
            "mode": dues.mode.gather(step.rows),
        }
    ).with_row_index("row")
    rows = rows.filter(pl.col("due_mu") > 0).with_columns(whole_mu=pl.col("due_mu").sum().over("payer"))
    rows = rows.with_columns(total_mu=pl.min_horizontal("balance_mu", "whole_mu"))
    lines = (
        rows.group_by("payer", "line")
        .agg(pl.col("due_mu").sum(), pl.col("total_mu").first(), pl.col("line_place").min())
        .sort("payer", "line_place")
    )
    lines = lines.with_columns(line_mu=share(lines, "total_mu", "due_mu", "payer")).with_row_index("payer_line")
    split = rows.join(lines.select("payer", "line", "line_mu", "payer_line"), on=["payer", "line"]).sort(
        "payer_line", "charge_place"
    )
    split = split.with_columns(paid_mu=split_lines(split, "line_mu", "due_mu", "payer_line", "mode"))
    paid = np.zeros(len(step.due), dtype=np.int64)
    paid[split["row"].to_numpy()] = split["paid_mu"].to_numpy()
    return paid


# --- the walk ------------------------------------------------------------


def _walk(rules: Eligibility, spans: _Spans, account: int, rests: Integers) -> Part:
    """One account with many payers, whose dues stand in queues: those that the same payers may pay stand in one.

    A payer takes the earliest due at the head of the queues open to it. Payers with the same terms share what they know
    of the heads; a head that another has moved on is looked up again when it is met.
    """
    first = int(spans.first_due[account])
    queues = rules.queues(first, first + int(spans.dues[account]))
    samples = np.array([queue[0] for queue in queues])
    at, known = [0] * len(queues), dict[tuple[int, ...], list[tuple[int, int]]]()
    found: tuple[list[int], list[int], list[int]] = [], [], []
    left = rests[first : first + int(spans.dues[account])].tolist()
    begin = int(spans.first_payer[account])
    for payer in range(begin, begin + int(spans.payers[account])):
        balance, terms = int(rules.payers.balance_mu[payer]), rules.terms(payer)
        heads = known.get(terms)
        if heads is None:
            open_to = np.flatnonzero(rules.may_pay(np.int64(payer), samples)).tolist()
            heads = known[terms] = [(queues[one][at[one]], one) for one in open_to if at[one] < len(queues[one])]
            heapify(heads)
        while balance and heads:
            row, one = heads[0]
            queue, place = queues[one], at[one]
            if place == len(queue):
                heappop(heads)
            elif queue[place] != row:
                heapreplace(heads, (queue[place], one))
            else:
                due = left[row - first]
                paid = min(due, balance)
                balance -= paid
                left[row - first] = due - paid
                at[one] = place + (paid == due)
                for column, value in zip(found, (row, payer, paid), strict=True):
                    column.append(value)
    rows, payers, amounts = (np.array(column, dtype=np.int64) for column in found)
    return rows, payers, amounts
