"""Which accounts and periods a backfill has to compute again, and why (X1)."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from flows import books
from flows.changes.baselines import NAMED, History, named, nobody
from flows.changes.operations import accepted_since
from flows.changes.reference import changed_terms
from flows.changes.usage import late_usage
from flows.lake.journal import Snapshot
from flows.reference import Reference
from rating.rejects import OF_ISSUED


def touched(snapshot: Snapshot, reference: Reference, known_as_of: datetime) -> pl.DataFrame:
    """The accounts and periods for which something has changed since the books of the period were complete.

    A period's books are complete for what was there when it was billed or backfilled last; those of an account whose
    invoice is issued, when that was done last before the issue, or by a backfill. What was committed since, and
    reference tables that say something else, name those whom they may concern; it may be more of them than come out
    otherwise, never fewer. What a grant leaves for later periods is not followed here. A month that was never billed
    and lies before one that was is for a backfill too, once there is something to bill.

    Reads    snapshot: what is committed; reference: the tables of today
             known_as_of: what is recorded later is not known yet
    Makes    billing_account_id, billing_period, why, one row per reason; in the order of period, account, reason
    Source   X1, X2, X4, T4
    """
    history = History(snapshot)
    if not history.baselines:
        return pl.DataFrame(schema=NAMED)
    of_issued = _issued(snapshot, _changed(History(snapshot, of_issued=True), reference, known_as_of))
    found = pl.concat([_changed(history, reference, known_as_of), of_issued])
    found = pl.concat([found, _passed_over(snapshot, history, reference)])
    found = pl.concat([found, _after_holds(snapshot, history, found), _added_up(history, reference.tables, found)])
    return found.unique().sort("billing_period", "billing_account_id", "why")


def _changed(history: History, reference: Reference, known_as_of: datetime) -> pl.DataFrame:
    """Whom anything names that came since the baselines."""
    if not history.baselines:
        return nobody()
    return pl.concat(
        [
            late_usage(history, reference.tables),
            accepted_since(history, reference.tables, known_as_of),
            changed_terms(history, reference),
        ]
    )


def _passed_over(snapshot: Snapshot, history: History, reference: Reference) -> pl.DataFrame:
    """Months with usage or charges that nothing billed, before one that is billed: of everybody, as in a bill (L3)."""
    billed = {one.billing_period for one in history.baselines}
    unbilled = books.used_periods(snapshot) - billed
    passed = pl.Series("billing_period", [one for one in unbilled if one < max(billed)], dtype=pl.String)
    accounts = reference["billing_accounts"].select("billing_account_id").unique()
    return named(accounts.join(passed.to_frame(), how="cross"), "never billed")


def _issued(snapshot: Snapshot, found: pl.DataFrame) -> pl.DataFrame:
    """Those of whose period something is issued."""
    if found.is_empty():
        return found
    files = snapshot.files("invoices", state="issued")
    issued = books.columns_of(snapshot.lake, files, "invoices", ("billing_account_id", "billing_period"))
    return found.join(issued, on=["billing_account_id", "billing_period"], how="semi")


def _after_holds(snapshot: Snapshot, history: History, found: pl.DataFrame) -> pl.DataFrame:
    """Periods after one that is on hold and touched: once that is billed, what is over may end in them (K3)."""
    if found.is_empty():
        return found
    holds = snapshot.read("holds", billing_period=found["billing_period"].unique().to_list())
    holds = holds.filter(~pl.col("reason_code").is_in(OF_ISSUED))
    held = found.join(holds, on=["billing_account_id", "billing_period"], how="semi")
    return _later(held, history, "on hold before")


def _added_up(history: History, reference: Mapping[str, pl.DataFrame], found: pl.DataFrame) -> pl.DataFrame:
    """Periods after a touched one of accounts whose costs are added up over periods (W5)."""
    policies = reference["cost_policies"].filter(pl.col("period") == "total")
    return _later(found.join(policies, on="billing_account_id", how="semi"), history, "costs of earlier periods")


def _later(rows: pl.DataFrame, history: History, why: str) -> pl.DataFrame:
    """The billed periods after the first of each account."""
    first = rows.group_by("billing_account_id").agg(first_period=pl.col("billing_period").min())
    later = first.join(history.periods.select("billing_period"), how="cross")
    return named(later.filter(pl.col("billing_period") > pl.col("first_period")), why)
