"""Whatever worlds the dice give, their books keep every invariant, in a lake and through its commands (rule book 13).

What the oracle agrees with is right; an invariant that refused it would stop an operator's month. Many worlds are
accounts of one lake: their months are billed, some issued, and a backfill takes up what comes late.
`BILLFOLD_EXAMPLES=3000 pytest tests/properties/test_invariants_hold.py` is the long mode.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import polars as pl
import pytest

from flows.backfill import backfill
from flows.bill_period import bill_period
from flows.held import BACKFILL, approval
from flows.ingest_usage import ingest_usage
from flows.issue_invoices import issue_invoices
from flows.lake import audit
from flows.lake.audit import audit_of
from flows.lake.journal import Lake
from flows.operations import carry_out
from flows.reference import Reference
from flows.reference.canonical import canonical, digest
from flows.run import HELD, NOTHING_TO_DO, Run
from rating.periods import next_period, period_of
from schemas import REFERENCE, TABLES
from tests.together import tables_together
from tests.worlds import PERIODS, a_world

WORLDS = 25
"""In one lake."""
LAKES = max(1, int(os.environ.get("BILLFOLD_EXAMPLES", "0")) // WORLDS)


@pytest.mark.parametrize("place", range(LAKES))
def test_the_books_of_drawn_worlds_keep_every_invariant(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MUCH", 0)  # before commits each month is asked by itself, as in a large lake
    seed = secrets.randbits(32) if "BILLFOLD_EXAMPLES" in os.environ else place
    print(f"drawn with Random({seed})")
    draws = Random(seed)
    period = draws.choice(sorted(set(PERIODS)))
    worlds = [a_world(draws, period=period) for _ in range(WORLDS)]
    books = Books(tables_together(worlds), tmp_path, max(world["known_as_of"] for world in worlds))
    books.land(0)
    for month in books.months_up_to(period):
        books.bill(month)
        if draws.random() < 0.6:
            books.issue(month)
    books.land(1)
    books.backfill()
    books.bill(next_period(period))
    assert books.backfill() == NOTHING_TO_DO
    assert audit_of(books.lake) == []
    assert books.lake.snapshot().read("invoices").height > WORLDS


class Books:
    """A lake that is told four fifths of what there is to tell, and the rest three days later.

    Every command asks all invariants of what it is about to commit, and is refused where one does not hold.
    """

    def __init__(self, tables: dict[str, pl.DataFrame], folder: Path, at: datetime) -> None:
        reference = {name: canonical(tables[name], TABLES[name].key()) for name in sorted(REFERENCE)}
        self.reference = Reference(reference, digest(reference))
        self.usage, self.operations = tables["usage_records"], tables["operations"]
        self.folder, self.at = folder, at
        self.lake = Lake.create(folder / "lake", buckets=4)

    def land(self, turn: int) -> None:
        self.at += timedelta(days=3 * turn)
        usage, operations = (_some(rows, turn) for rows in (self.usage, self.operations))
        path = self.folder / f"usage-{turn}.parquet"
        usage.write_parquet(path)
        assert ingest_usage(self.lake, self.reference, [path], received_at=self.at).rejected == 0
        said = operations.schema["recorded_at"]
        late = operations.with_columns(recorded_at=pl.lit(self.at).cast(said)) if turn else operations
        carry_out(self.lake, self.reference, late)

    def months_up_to(self, period: str) -> list[str]:
        """From the first month of use anywhere."""
        first = period_of(self.usage["charge_period_start"].min(), "Etc/GMT+12")  # type: ignore[arg-type]
        months = [first]
        while months[-1] < period:
            months.append(next_period(months[-1]))
        return months

    def bill(self, period: str) -> None:
        self._approved(period, partial(bill_period, self.lake, self.reference, period=period))

    def issue(self, period: str) -> None:
        if self.lake.snapshot().read("invoices", billing_period=period).height:
            said = {"issue_date": self.at.date(), "actor": "operator", "received_at": self.at}
            issue_invoices(self.lake, self.reference, period=period, **said)

    def backfill(self) -> str:
        run = partial(backfill, self.lake, self.reference, received_at=self.at, issue_date=self.at.date())
        return self._approved(BACKFILL, run)

    def _approved(self, what: str, run: Callable[..., Run]) -> str:
        """Do it, and where it is out of bounds, do it nevertheless."""
        done = run()
        if done.status == HELD:
            done = run(approval=approval(self.lake, self.reference, what, None, "operator", self.at))
        return done.status


def _some(rows: pl.DataFrame, turn: int) -> pl.DataFrame:
    """The first four of five rows, or every fifth."""
    is_late = pl.int_range(pl.len()) % 5 == 4
    return rows.filter(is_late if turn else ~is_late)
