"""Where the books stand: the last commit, months that are open, what waits for somebody, what runs next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from flows import books
from flows.due import waiting_drafts
from flows.held import held
from flows.lake.journal import Commit, Lake, Snapshot
from flows.lake.views import connect
from flows.mandatory_fields import lacking, sellers_without_tax_number
from flows.month_report import STATES, known_exponents, waiting_rejects
from flows.reference import Reference
from flows.scheduled_runs import Schedule, schedule
from flows.show.amounts import Currency
from flows.touched import touched
from schemas.units import Count, Day, Text

MONTHS = {
    "billing_period": Text,
    "state": Text,
    "usage_rows": Count,
    "month_to_date": Count,
    "drafts": Count,
    "issued": Count,
    "due_on": Day,
    "overdue": Count,
}
CHANGED = {"billing_period": Text, "accounts": Count, "why": Text}
DONE = "done"
REASONS_SHOWN = 3
"""How many reasons of a month are named."""
RESTRICTED = "select * from current_restrictions where state <> 'ok' order by all"


@dataclass(frozen=True)
class Status:
    """The books as of an instant."""

    at: datetime
    commit: Commit
    months: pl.DataFrame
    """MONTHS: those that something is left to do about, oldest first.

    state: open (not billed yet), billed (drafts wait) or held (all but accounts on hold is issued); due_on: when the
    last draft is to be issued; overdue: drafts whose day has come.
    """
    changed: pl.DataFrame
    """CHANGED: months that a backfill would look at, oldest first; of how many accounts, and what came for them."""
    is_used: bool
    """Whether anything was ever landed or billed."""
    corrections: int
    """Drafts that correct an issued document."""
    rejects: Mapping[str, int]
    """Rows that wait to be mended, by reason."""
    holds: pl.DataFrame
    """Accounts that are parked, month by month."""
    restricted: pl.DataFrame
    """Accounts and projects at or near a limit, as a deployment gate is told."""
    lacking: pl.DataFrame
    """What drafts lack that they must have to be issued: LACKING of mandatory_fields.py."""
    without_tax_number: Sequence[str]
    """Sellers none of whose documents could be issued."""
    held: Sequence[Commit] = ()
    """Bills and a backfill that wait for approval, as the journal has them."""
    currencies: Mapping[str, Currency] = field(default_factory=dict)
    schedule: Schedule | None = field(default=None)
    """What a Prefect server runs next; None where none is configured."""

    @property
    def overdue(self) -> int:
        """Drafts whose days of grace are over."""
        return int(self.months["overdue"].sum())


def status(lake: Lake, reference: Reference, at: datetime) -> Status:
    """Read where the books stand; a Prefect server that does not answer is said, and no error.

    Reads    the head; policy `grace_days` of the reference tables; the configured Prefect server, if there is one
    """
    snapshot = lake.snapshot()
    drafts = waiting_drafts(snapshot, reference, at)
    documents = _documents(snapshot)
    holds = snapshot.read("holds").sort("billing_period", "billing_account_id", "reason_code")
    return Status(
        at=at,
        commit=snapshot.commit,
        months=_months(snapshot, documents, drafts, holds),
        changed=_changed(touched(snapshot, reference, at)),
        is_used=any(commit.added for commit in lake.commits(snapshot.number)),
        corrections=documents.filter((pl.col("document_state") == "draft") & pl.col("corrects")).height,
        rejects=waiting_rejects(snapshot),
        holds=holds,
        restricted=_restricted(snapshot),
        lacking=lacking(snapshot),
        without_tax_number=sellers_without_tax_number(reference, at),
        held=held(lake.commits(snapshot.number)),
        currencies=known_exponents(snapshot),
        schedule=schedule(),
    )


def _documents(snapshot: Snapshot) -> pl.DataFrame:
    """Every document: billing_period, document_state, corrects."""
    names = ("billing_period", "document_state", "preceding_invoice_number")
    rows = books.columns_of(snapshot.lake, snapshot.files("invoices", state=STATES), "invoices", names)
    return rows.with_columns(corrects=pl.col("preceding_invoice_number").is_not_null())


def _months(snapshot: Snapshot, documents: pl.DataFrame, drafts: pl.DataFrame, holds: pl.DataFrame) -> pl.DataFrame:
    """The months that something is left to do about: MONTHS."""
    used = _usage(snapshot)
    billed = books.billed_periods(snapshot)
    counted = {(period, state): count for period, state, count in _counted(documents).iter_rows()}
    waiting = {row["billing_period"]: row for row in _due(drafts).iter_rows(named=True)}
    held = set(holds["billing_period"])
    rows = []
    for period in sorted(used.keys() | set(documents["billing_period"]) | held):
        due = waiting.get(period, {})
        drafted = counted.get((period, "draft"), 0)
        state = "open" if period not in billed else "billed" if drafted else "held" if period in held else DONE
        rows.append(
            {
                "billing_period": period,
                "state": state,
                "usage_rows": used.get(period, 0),
                "month_to_date": counted.get((period, "month_to_date"), 0),
                "drafts": drafted,
                "issued": counted.get((period, "issued"), 0),
                "due_on": due.get("due_on"),
                "overdue": due.get("overdue", 0),
            }
        )
    return pl.DataFrame(rows, schema=MONTHS).filter(pl.col("state") != DONE)


def _changed(found: pl.DataFrame) -> pl.DataFrame:
    """What a backfill would compute again, month by month, with the first reasons by name: CHANGED."""
    reasons = pl.col("why").unique().sort()
    more = pl.col("why").n_unique().cast(Count) - REASONS_SHOWN
    first = reasons.head(REASONS_SHOWN).str.join(", ")
    and_more = pl.when(more > 0).then(pl.format(", and {} more", more)).otherwise(pl.lit(""))
    return (
        found.group_by("billing_period")
        .agg(accounts=pl.col("billing_account_id").n_unique(), why=first + and_more)
        .sort("billing_period")
        .cast(CHANGED)  # type: ignore[arg-type]
    )


def _usage(snapshot: Snapshot) -> dict[str, int]:
    """Rows of usage, and charges that were added, of each month."""
    found = dict.fromkeys(books.charges_added(snapshot)["billing_period"], 0)
    for entry in snapshot.files("usage_records"):
        period = entry.partition["billing_period"]
        found[period] = found.get(period, 0) + entry.rows
    return found


def _counted(documents: pl.DataFrame) -> pl.DataFrame:
    return documents.group_by("billing_period", "document_state").len()


def _due(drafts: pl.DataFrame) -> pl.DataFrame:
    is_overdue = pl.col("issue_date") >= pl.col("due_on")
    return drafts.group_by("billing_period").agg(
        pl.col("due_on").max(), overdue=pl.col("drafts").filter(is_overdue).sum()
    )


def _restricted(snapshot: Snapshot) -> pl.DataFrame:
    with connect(snapshot.lake, snapshot, usage_periods=(), only=["current_restrictions"]) as connection:
        return connection.sql(RESTRICTED).pl()
