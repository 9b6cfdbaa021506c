"""Periods whose invoice is issued, and where policy wants usage of theirs that comes later (X4)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.lake.journal import Snapshot
from flows.period_policies import policy_of_periods
from flows.standing import standing
from rating.chains import OWNER
from rating.periods import next_period, period_bounds
from schemas.units import Instant, Text

if TYPE_CHECKING:
    from flows.reference import Reference

ELSEWHERE = ("reject", "next_invoice")
"""The values of policy `late_usage` under which an issued period takes no more usage."""
_COLUMNS = {**dict.fromkeys((*OWNER, "counts_in"), Text), "counted_at": Instant, "counted_until": Instant}


def periods_that_take_no_usage(snapshot: Snapshot, reference: Reference) -> pl.DataFrame:
    """The periods of accounts whose invoice stands, where policy `late_usage` is not `correct` at their last instant.

    An invoice that was voided stands no more, so the period takes usage again.

    Makes    billing_account_id, billing_period
             counts_in, counted_at, counted_until: under `next_invoice` the account's first period after it whose
             invoice does not stand, and its bounds; null under `reject`
    Source   X4, policy `late_usage`
    """
    policies = reference["billing_policies"]
    if policies.filter((pl.col("policy") == "late_usage") & pl.col("value").is_in(ELSEWHERE)).is_empty():
        return pl.DataFrame(schema=_COLUMNS)
    stands = standing(snapshot, since="")
    if stands.is_empty():
        return pl.DataFrame(schema=_COLUMNS)
    issued = set(stands.select(OWNER).iter_rows())
    rows: list[tuple[Any, ...]] = []
    said = policy_of_periods(snapshot, stands, policies, "late_usage")
    for account, period, zone, late_usage in said.iter_rows():
        if late_usage == "next_invoice":
            counts_in = _next_open(account, period, issued)
            rows.append((account, period, counts_in, *period_bounds(counts_in, zone)))
        elif late_usage == "reject":
            rows.append((account, period, None, None, None))
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def _next_open(account: str, period: str, issued: Collection[tuple[str, str]]) -> str:
    """The first period after one whose invoice does not stand."""
    later = next_period(period)
    while (account, later) in issued:
        later = next_period(later)
    return later
