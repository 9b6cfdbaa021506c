"""Operations that were accepted after a period was billed, and from which period on each touches its account (X2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl

from flows import books
from flows.changes.baselines import History, named, nobody
from flows.lake import tables
from flows.lake.journal import Snapshot
from rating.operations import ACCEPTED, ENDED_AS
from rating.periods import period_bounds
from schemas.units import Instant, Text

SPANS = {"billing_account_id": Text, "starts": Instant, "ends": Instant, "why": Text, "commit": pl.Int64}
"""From when until when [half-open; null is for ever] an account is touched, by an operation of which commit."""
PERIODS = {"billing_account_id": Text, "billing_period": Text, "why": Text, "commit": pl.Int64}
"""One period that an operation touches."""
_INSTANT = "%Y-%m-%dT%H:%M:%S%.6fZ"


@dataclass(frozen=True)
class Landed:
    """The operations that a commit later than some baseline accepted, and the grants that these brought."""

    snapshot: Snapshot
    operations: pl.DataFrame
    """Operations, each with its `commit` and `why`: its name and id."""
    new_grants: pl.DataFrame
    """Grants that came with them."""

    def of(self, *names: str) -> pl.DataFrame:
        """The operations of some names."""
        return self.operations.filter(pl.col("operation").is_in(names))

    @cached_property
    def reopened(self) -> pl.DataFrame:
        """The periods whose invoice was voided, or is no longer paid: PERIODS."""
        return pl.concat([_as(PERIODS, find(self)) for find in (_unpaid, _voided)])


def accepted_since(history: History, reference: Mapping[str, pl.DataFrame], known_as_of: datetime) -> pl.DataFrame:
    """The accounts and periods that operations touch which were committed after a period's baseline.

    What every run counts is all that was committed before it (L1), so an operation is new to a period if its commit is.

    Reads    known_as_of: what is recorded later is not known yet
    Makes    NAMED; why is the operation and its id, or "payment reversed", "voided"
    """
    operations = _accepted(history, known_as_of)
    if operations.is_empty():
        return nobody()
    landed = Landed(history.snapshot, operations, _new_grants(history, operations))
    spans = pl.concat([pl.DataFrame(schema=SPANS), *(_as(SPANS, find(landed)) for find in OVER_TIME)])
    of_one = pl.concat([pl.DataFrame(schema=PERIODS), *(_as(PERIODS, find(landed)) for find in OF_ONE_PERIOD)])
    spans = _from_the_instant_before(spans) if _looks_at_ends(reference["billing_policies"]) else spans
    found = pl.concat([_in_periods(spans, history.periods, reference["billing_accounts"]), of_one])
    known = history.periods.select("billing_period", "baseline")
    return named(found.join(known, on="billing_period").filter(pl.col("commit") > pl.col("baseline")))


def _accepted(history: History, known_as_of: datetime) -> pl.DataFrame:
    """The accepted operations that came since the oldest baseline, with `commit` and `why`; no other file is read."""
    known = pl.lit(known_as_of, dtype=Instant)
    rows = _brought(history, "operations").filter((pl.col("status") == ACCEPTED) & (pl.col("recorded_at") <= known))
    return rows.with_columns(why=pl.concat_str("operation", "operation_id", separator=" "))


def _new_grants(history: History, operations: pl.DataFrame) -> pl.DataFrame:
    """The grants that operations brought, with their `commit` and `why`."""
    grants = _brought(history, "grants").drop("commit")
    return grants.join(operations.select("operation_id", "why", "commit"), on="operation_id")


def _brought(history: History, table: str) -> pl.DataFrame:
    """The rows of a table that commits brought since the oldest baseline, each with its `commit`."""
    lake = history.snapshot.lake
    parts = [
        tables.read_parquet(table, lake.paths(entries)).with_columns(commit=pl.lit(number, dtype=pl.Int64))
        for number, entries in history.brought(table).items()
    ]
    return pl.concat([tables.read_parquet(table, []).with_columns(commit=pl.lit(0, dtype=pl.Int64)), *parts])


def _as(schema: Mapping[str, Any], rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


# --- over time: SPANS ------------------------------------------------------------


def _given(landed: Landed) -> pl.DataFrame:
    """A new grant may pay what was incurred in its window, and ends with it (G3, K3); wherever it came from."""
    return landed.new_grants.rename({"window_start": "starts", "window_end": "ends"})


def _taken(landed: Landed) -> pl.DataFrame:
    """What a transfer or an allocation takes, no period has of the grant; also its switch counts there (K8, W4)."""
    return _with_windows(landed.of("transfer_credit", "allocate_to_project"), landed.snapshot)


def _ended(landed: Landed) -> pl.DataFrame:
    """A grant that was recovered or refunded pays nothing that was incurred since; its rest ends with it (K5).

    That its window ends sooner gives it another place among the grants from its start on (G4). It counts for a period
    that ends at that very instant too: where its window has not begun, the rest is posted there.
    """
    rows = _with_windows(landed.of(*ENDED_AS), landed.snapshot)
    has_begun = pl.col("occurred_at") > pl.col("starts")
    return pl.concat([rows.filter(has_begun), _from_the_instant_before(rows.filter(~has_begun))])


def _with_windows(operations: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """Operations with the window of the grant that each acts on."""
    if operations.is_empty():
        return operations.with_columns(pl.lit(None, Instant).alias(name) for name in ("starts", "ends"))
    windows = snapshot.read("grants").select("grant_id", starts="window_start", ends="window_end")
    return operations.join(windows, on="grant_id")


def _accepted_codes(landed: Landed) -> pl.DataFrame:
    """A code opens a window for its discount (K7); it was written down when the code was accepted."""
    return landed.of("accept_promo_code").with_columns(
        pl.col(side).str.to_datetime(_INSTANT, time_unit="us", time_zone="UTC").alias(name)
        for side, name in (("window_start", "starts"), ("window_end", "ends"))
    )


def _released(landed: Landed) -> pl.DataFrame:
    """What a paid period kept of grants, earlier ones may have once it is voided or open again (X2)."""
    if landed.reopened.is_empty():
        return pl.DataFrame(schema=SPANS)
    first = landed.snapshot.read("grants").group_by("billing_account_id").agg(starts=pl.col("window_start").min())
    begins = pl.col("billing_period").str.to_datetime("%Y-%m", time_unit="us", time_zone="UTC")
    why = pl.format("{} keeps something else", "billing_period")
    return landed.reopened.join(first, on="billing_account_id").with_columns(ends=begins, why=why)


OVER_TIME: tuple[Callable[[Landed], pl.DataFrame], ...] = (_given, _taken, _ended, _accepted_codes, _released)


# --- of one period: PERIODS ------------------------------------------------------------


def _added(landed: Landed) -> pl.DataFrame:
    """A charge is in the period that it was added to."""
    return landed.of("add_charge")


def _unpaid(landed: Landed) -> pl.DataFrame:
    """A period whose invoice a payment had paid is open again, once that is taken back (X2)."""
    reversals = landed.of("reverse_payment").with_columns(why=pl.lit("payment reversed"))
    paid = ["billing_account_id", "reverses_operation_id", "invoice_number"]
    if reversals.is_empty():
        return reversals
    applications = landed.snapshot.read("payment_applications").rename({"operation_id": "reverses_operation_id"})
    numbered = reversals.drop("invoice_number").join(applications.select(paid).unique(), on=paid[:2])
    return _of_invoices(numbered, landed.snapshot)


def _voided(landed: Landed) -> pl.DataFrame:
    """A period whose invoice was voided is to be billed again (I4)."""
    return _of_invoices(landed.of("void_invoice").with_columns(why=pl.lit("voided")), landed.snapshot)


def _of_invoices(operations: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """Operations that name an issued invoice, each with its period."""
    if operations.is_empty():
        return operations
    files = snapshot.files("invoices", state="issued")
    columns = ("billing_account_id", "invoice_number", "billing_period")
    issued = books.columns_of(snapshot.lake, files, "invoices", columns)
    return operations.drop("billing_period").join(issued, on=columns[:2])


def _reopened(landed: Landed) -> pl.DataFrame:
    """What was billed is to be billed again, or to be changed."""
    return landed.reopened


OF_ONE_PERIOD: tuple[Callable[[Landed], pl.DataFrame], ...] = (_added, _reopened)


# --- the periods of a span ------------------------------------------------------------


def _in_periods(spans: pl.DataFrame, periods: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The billed periods of a span: from the one that holds its start to the one at whose end it is over.

    What is left of a grant ends with the first billed period that ends at or after its window (K3); periods are those
    of the account's own time zone.

    Makes    PERIODS
    """
    zones = accounts.select("billing_account_id", "time_zone").unique()
    placed = spans.unique().with_row_index("span").join(zones, on="billing_account_id", how="left")
    placed = placed.with_columns(pl.col("time_zone").fill_null("UTC"))
    bounds = _bounds(periods["billing_period"].to_list(), placed["time_zone"].unique().to_list())
    found = placed.join(bounds, on="time_zone").filter(pl.col("period_end") > pl.col("starts"))
    is_over = pl.col("ends").is_not_null() & (pl.col("period_end") >= pl.col("ends"))
    last = pl.col("period_end").filter(is_over).min().over("span", "time_zone")
    return found.filter(last.is_null() | (pl.col("period_end") <= last)).select(*PERIODS)


def _from_the_instant_before(spans: pl.DataFrame) -> pl.DataFrame:
    """Spans that touch a period which ends at the very instant they start."""
    return spans.with_columns(starts=pl.col("starts") - pl.duration(microseconds=1))


def _looks_at_ends(policies: pl.DataFrame) -> bool:
    """Whether a grant's window may be asked for the end of a period, when it is invoiced first (G3)."""
    return "invoice_time" in policies.filter(pl.col("policy") == "eligibility")["value"]


def _bounds(periods: list[str], zones: list[str]) -> pl.DataFrame:
    """When each period ends in each zone: time_zone, billing_period, period_end."""
    rows = [(zone, period, period_bounds(period, zone)[1]) for zone in zones for period in periods]
    return pl.DataFrame(rows, schema={"time_zone": Text, "billing_period": Text, "period_end": Instant}, orient="row")
