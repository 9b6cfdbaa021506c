"""What would change: flows are run on an overlay of the lake, and its books are compared with those before (X5).

Nothing is committed to the lake: the overlay lies in a folder of its own, which is gone afterwards.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl

from flows.lake.journal import Commit, Lake, Snapshot
from flows.lake.overlay import overlay
from flows.lake.views import connect
from flows.operations import land_operations
from flows.progress import Progress, silent
from flows.reference import Reference
from flows.run import EXIT_DONE, EXIT_REJECTS, Run
from flows.show.questions import text_of
from rating.sql import keep
from schemas.units import TextList

REASONS = ("billing_account_id", "billing_period", "why")
"""The columns of a run's table `touched`: whom it looked at, and what for; one row per reason."""
FOLLOWS = "an earlier month changed"
"""Why an account's month changes that no reason was given for."""


@dataclass(frozen=True)
class Compared:
    """How one kind of sums is compared: what a row is of, what is summed, and the sum that counts most."""

    name: str
    keys: tuple[str, ...]
    sums: tuple[str, ...]
    most: str
    reads: tuple[str, ...]


COMPARED = (
    Compared(
        "accounts",
        ("billing_account_id", "billing_period", "billing_currency"),
        (
            *("list_cost", "discount_amount", "cap_amount", "grant_amount"),
            *("total_tax", "total_with_tax", "credit_amount", "amount_due"),
        ),
        "amount_due",
        ("invoices",),
    ),
    Compared(
        "services",
        ("billing_account_id", "billing_period", "service", "billing_currency"),
        (
            *("list_cost", "discount_amount", "cap_amount", "grant_amount"),
            *("line_amount", "tax_amount", "credit_amount"),
        ),
        "line_amount",
        ("invoice_lines",),
    ),
    Compared(
        "taxes",
        (
            *("billing_account_id", "billing_period", "seller_jurisdiction"),
            *("code", "component", "rate", "billing_currency"),
        ),
        ("taxable_amount", "tax_amount"),
        "tax_amount",
        ("tax_breakdown",),
    ),
    Compared(
        "grants",
        ("grant_id", "billing_account_id", "kind", "name", "billing_currency"),
        ("granted_amount", "used_amount", "expired_amount", "minimum_consumption_amount", "balance"),
        "balance",
        ("internal.grant_states",),
    ),
)


@dataclass(frozen=True)
class Differences:
    """The books of one commit less those of another, wherever they differ; the largest first, per currency.

    A row has the keys of its kind, the sum that counts most as `…_before` and `…_after`, of every sum its `…_change`.
    """

    accounts: pl.DataFrame
    """By account and period; `why`: what was changed, as far as the run says."""
    services: pl.DataFrame
    taxes: pl.DataFrame
    grants: pl.DataFrame
    holds: pl.DataFrame
    """billing_account_id, billing_period, reason_code, reason, is_new: accounts newly on hold, or no longer."""

    @property
    def is_empty(self) -> bool:
        """Whether the books say the same."""
        parts = (self.accounts, self.services, self.taxes, self.grants, self.holds)
        return all(rows.is_empty() for rows in parts)


@dataclass(frozen=True)
class WhatIf:
    """What runs would change that were not made."""

    base: Commit
    """The commit they would follow."""
    runs: tuple[Run, ...]
    differences: Differences
    touched: pl.DataFrame
    """REASONS, of all runs."""

    @property
    def exit_code(self) -> int:
        """0, or 3 where an operation would be rejected or an account be newly on hold."""
        is_smooth = all(run.exit_code == EXIT_DONE for run in self.runs) and not self.differences.holds["is_new"].any()
        return EXIT_DONE if is_smooth else EXIT_REJECTS


def what_if(
    lake: Lake,
    reference: Reference,
    *,
    received_at: datetime,
    actor: str = "operator",
    operations: Sequence[Path] = (),
    progress: Progress = silent,
) -> WhatIf:
    """What would be if these were the reference tables, these operations had been landed, and all were backfilled.

    Reads    the lake's head; `reference`: today's, or changed; files of operations, as `land_operations` takes them
    Makes    the differences between the lake's books and those after the backfill; corrections stay drafts there
    Writes   nothing to the lake
    Errors   Refusal: what landing the operations or the backfill refuses
    Source   X5, X1
    """
    from flows.backfill import backfill

    def changes(above: Lake) -> Iterator[Run]:
        if operations:
            yield land_operations(above, reference, operations, received_at=received_at, actor=actor, progress=progress)
        yield backfill(above, reference, received_at=received_at, actor=actor, is_asked=True, progress=progress)

    return dry_run(lake, changes, progress=progress)


def dry_run(lake: Lake, changes: Callable[[Lake], Iterator[Run]], *, progress: Progress = silent) -> WhatIf:
    """What flows would change: they are run on an overlay of the lake's head, one after another.

    Reads    `changes`: runs flows on the lake it is given, and gives how each ended
    Writes   nothing to the lake; the overlay lies among the temporary files and is gone afterwards
    Source   X5
    """
    before = lake.snapshot()
    with _above(lake, before.number) as over:
        runs = tuple(changes(over))
        progress.step("compare")
        touched = _touched(runs)
        return WhatIf(before.commit, runs, differences(before, over.snapshot(), touched), touched)


@contextmanager
def _above(lake: Lake, number: int) -> Iterator[Lake]:
    """An overlay for as long as the context lasts."""
    with TemporaryDirectory(prefix="billfold-what-if-") as folder:
        over = overlay(lake, Path(folder), number)
        try:
            yield over
        finally:
            over.close()


def _touched(runs: Sequence[Run]) -> pl.DataFrame:
    """Whom the runs looked at, and why."""
    nobody = pl.DataFrame(schema=dict.fromkeys(REASONS, pl.String))
    said = [run.tables["touched"].select(REASONS) for run in runs if "touched" in run.tables]
    return pl.concat([nobody, *said]).unique().sort(REASONS)


# --- comparing ------------------------------------------------------------


def differences(before: Snapshot, after: Snapshot, touched: pl.DataFrame) -> Differences:
    """What the books of two snapshots differ in, of all accounts at once.

    Reads    touched: REASONS
    """
    was, now = _sums(before), _sums(after)
    with duckdb.connect() as connection:
        found = {one.name: _changed(connection, one, was[one.name], now[one.name]) for one in COMPARED}
    found["accounts"] = _with_reasons(found["accounts"], touched)
    return Differences(**found, holds=_holds(was["holds"], now["holds"]))


def _sums(snapshot: Snapshot) -> dict[str, pl.DataFrame]:
    """Every kind of sums as of a snapshot; usage is not looked at."""
    read = {name for one in COMPARED for name in one.reads} | {"holds"}
    with connect(snapshot.lake, snapshot, usage_periods=(), only=read) as connection:
        return {
            name: connection.sql(text_of("what_if", name)).pl() for name in (*(one.name for one in COMPARED), "holds")
        }


def _changed(
    connection: duckdb.DuckDBPyConnection, compared: Compared, before: pl.DataFrame, after: pl.DataFrame
) -> pl.DataFrame:
    """The rows of which any sum differs: keys, the most telling sum before and after, every change."""
    keep(connection, "before", before)
    keep(connection, "after", after)
    return connection.sql(_changes(compared)).pl()


def _changes(compared: Compared) -> str:
    """The question for what two tables of sums differ in; rows of a currency by the size of their change."""
    keys = ", ".join(compared.keys)
    most = compared.most

    def side(name: str, *, is_after: bool) -> str:
        return f"coalesce(sum({name}) filter (where {'' if is_after else 'not '}is_after), 0)::decimal(38, 4)"

    changes = {name: f"({side(name, is_after=True)} - {side(name, is_after=False)})" for name in compared.sums}
    columns = [
        f"{side(most, is_after=False)} as {most}_before",
        f"{side(most, is_after=True)} as {most}_after",
        *(f"{change}::decimal(38, 4) as {name}_change" for name, change in changes.items()),
    ]
    return f"""
        with
          both_sides as (select *, false as is_after from before union all select *, true from after),
          changed as (
            select {keys}, {", ".join(columns)} from both_sides group by {keys}
            having {" or ".join(f"{change} <> 0" for change in changes.values())}
          )
        select * from changed
        order by
          row_number() over (partition by billing_currency order by abs({most}_change) desc, {keys}), billing_currency
    """


def _with_reasons(accounts: pl.DataFrame, touched: pl.DataFrame) -> pl.DataFrame:
    """The accounts with what was changed for them, where the run says so; a month that only follows from another."""
    reasons = touched.group_by("billing_account_id", "billing_period").agg(pl.col("why").unique().sort())
    found = accounts.join(reasons, on=["billing_account_id", "billing_period"], how="left", maintain_order="left")
    otherwise = [FOLLOWS] if touched.height else []
    return found.with_columns(pl.col("why").fill_null(pl.lit(otherwise, dtype=TextList)))


def _holds(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Accounts that are on hold afterwards and were not, or the other way round."""
    keys = ["billing_account_id", "billing_period", "reason_code"]
    new = after.join(before, on=keys, how="anti").with_columns(is_new=pl.lit(True))
    gone = before.join(after, on=keys, how="anti").with_columns(is_new=pl.lit(False))
    return pl.concat([new, gone]).sort(*keys)


# --- adding up ------------------------------------------------------------


def totals(found: Differences) -> pl.DataFrame:
    """The changes per currency: of how many accounts, and how much of each sum.

    Makes    billing_currency, account_count, amount_due_before, amount_due_after, …_change
    """
    return _added_up(
        found.accounts, ["billing_currency"], pl.col("billing_account_id").n_unique().alias("account_count")
    )


def by_service(found: Differences) -> pl.DataFrame:
    """The changes per service and currency, of all accounts together; the largest first."""
    return _largest(_added_up(found.services, ["service", "billing_currency"]), "line_amount_change")


def by_tax(found: Differences) -> pl.DataFrame:
    """The changes per tax code, component, rate and currency, of all accounts together; the largest first."""
    keys = ["seller_jurisdiction", "code", "component", "rate", "billing_currency"]
    return _largest(_added_up(found.taxes, keys), "tax_amount_change")


def _added_up(rows: pl.DataFrame, keys: Sequence[str], *more: pl.Expr) -> pl.DataFrame:
    amounts = [name for name in rows.columns if name.endswith(("_before", "_after", "_change"))]
    return rows.group_by(keys).agg(*more, pl.col(amounts).sum()).sort(keys)


def _largest(rows: pl.DataFrame, change: str) -> pl.DataFrame:
    keys = [name for name, dtype in rows.schema.items() if not isinstance(dtype, pl.Decimal)]
    return rows.sort(pl.col(change).abs(), *keys, descending=[True, *(False for _ in keys)], maintain_order=True)
