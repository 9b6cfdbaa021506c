"""`python -m tests.benchmarks.backfill [--rows 1000000] [--accounts 150]`: a backfill against the month it corrects.

Twelve months of the same customers are billed and issued. One of a hundred accounts then gets a bonus from the tenth
month on: three months of these accounts are recomputed. Measured against billing a whole month, in the same run, and
beside what it takes to land that month's usage too.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

from flows.backfill import backfill
from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.issue_invoices import issue_invoices
from flows.lake.journal import Lake
from flows.operations import land_operations
from flows.reference import Reference, load_reference
from flows.run import COMMITTED, NOTHING_TO_DO
from flows.sample import sample
from rating.periods import next_period, period_bounds
from tests.benchmarks.kept import RESULTS, Run, a_run, written
from tests.benchmarks.measure import timed

FIRST, MONTHS, TOUCHED_MONTHS = "2026-01", 12, 3
ROWS, ACCOUNTS = 1_000_000, 150
MONTH, BACKFILL, AGAIN, BILL_AGAIN = "bill a month", "backfill", "backfill again", "bill again"
FROM_FILES = "land and bill a month"


@dataclass(frozen=True)
class Year:
    """A year of a sample world in lakes: one with a bonus landed and nothing recomputed, one whose last month is not
    billed, one to which that month's usage has not come.
    """

    folder: Path
    reference: Reference
    accounts: int
    touched: int
    last_files: tuple[Path, ...]
    """The usage of the last month."""
    last_received_at: datetime

    @classmethod
    def make(cls, folder: Path, rows: int, accounts: int) -> "Year":
        """Sample, ingest, bill and issue twelve months; the last is billed in a lake of its own."""
        lake, period, reference = Lake.create(folder / "short"), FIRST, None
        for _ in range(MONTHS):
            world = sample(folder / "world", accounts=accounts, rows=rows, clean=True, period=period, begins=FIRST)
            reference = reference or load_reference(world.reference_folder)
            at = period_bounds(period, "UTC")[1] + timedelta(days=1)
            if period == _last():
                _copied(folder, "short", "before")
            landed = ingest_usage(lake, reference, world.usage_files, received_at=at)
            _expect(landed.accepted, rows)
            if period == FIRST:
                land_operations(lake, reference, [world.operations_file], received_at=at)
            if period != _last():
                shutil.rmtree(folder / "world")
                _billed(lake, reference, period, at)
            period = next_period(period)
        assert reference is not None
        _copied(folder, "short", "whole")
        whole = Lake.open(folder / "whole")
        _billed(whole, reference, _last(), at)
        touched = _bonuses(whole, reference, folder, at)
        return cls(folder, reference, accounts, touched, tuple(world.usage_files), at)

    def month(self) -> Callable[[], None]:
        """Billing a whole month."""
        lake = _copied(self.folder, "short", "run")
        return lambda: _expect(bill_period(lake, self.reference, period=_last()).status, COMMITTED)

    def month_from_files(self) -> Callable[[], None]:
        """Landing the usage of a month, and billing it."""
        lake = _copied(self.folder, "before", "run")

        def run() -> None:
            ingest_usage(lake, self.reference, self.last_files, received_at=self.last_received_at)
            _expect(bill_period(lake, self.reference, period=_last()).status, COMMITTED)

        return run

    def correct(self) -> Callable[[], None]:
        """Recomputing what the bonuses touch."""
        lake = _copied(self.folder, "whole", "run")

        def run() -> None:
            found = backfill(lake, self.reference, received_at=datetime(2027, 2, 1, tzinfo=UTC))
            _expect(found.status, COMMITTED)
            _expect(found.report["touched"], self.touched * TOUCHED_MONTHS)

        return run

    def again(self) -> Callable[[], None]:
        """Looking for something to do, right after."""
        lake = Lake.open(self.folder / "run")
        at = datetime(2027, 2, 1, tzinfo=UTC)
        return lambda: _expect(backfill(lake, self.reference, received_at=at).status, NOTHING_TO_DO)

    def bill_again(self) -> Callable[[], None]:
        """Billing the last month once more, right after."""
        lake = Lake.open(self.folder / "run")
        return lambda: _expect(bill_period(lake, self.reference, period=_last()).status, NOTHING_TO_DO)


def _last() -> str:
    period = FIRST
    for _ in range(MONTHS - 1):
        period = next_period(period)
    return period


def _billed(lake: Lake, reference: Reference, period: str, at: datetime) -> None:
    """Bill a month and issue its invoices."""
    _expect(bill_period(lake, reference, period=period).status, COMMITTED)
    day: date = at.date()
    issue_invoices(lake, reference, period=period, issue_date=day, actor="operator", received_at=at)


def _bonuses(lake: Lake, reference: Reference, folder: Path, at: datetime) -> int:
    """Land a bonus for each hundredth account, from the tenth month on; gives how many."""
    begins = FIRST
    for _ in range(MONTHS - TOUCHED_MONTHS):
        begins = next_period(begins)
    named = sorted(set(reference["billing_accounts"]["billing_account_id"]))[::100]
    rows = [
        {
            "operation_id": f"bonus-{account}",
            "operation": "grant_credit",
            "actor": "operator",
            "occurred_at": (at + timedelta(days=1)).isoformat(),
            "billing_account_id": account,
            "kind": "bonus",
            "amount": "10",
            "window_start": f"{begins}-01",
        }
        for account in named
    ]
    file = folder / "bonuses.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    run = land_operations(lake, reference, [file], received_at=at + timedelta(days=1))
    _expect(run.report["accepted"], len(named))
    return len(named)


def _copied(folder: Path, source: str, target: str) -> Lake:
    """A lake of hard links, as no file of a lake ever changes."""
    shutil.rmtree(folder / target, ignore_errors=True)
    shutil.copytree(folder / source, folder / target, copy_function=os.link)
    return Lake.open(folder / target)


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise ValueError(f"{found!r} instead of {wanted!r}: what is measured is not what is meant")


WORKS: tuple[tuple[str, Callable[[Year], Callable[[], None]], str], ...] = (
    (FROM_FILES, Year.month_from_files, MONTH),
    (MONTH, Year.month, MONTH),
    (BACKFILL, Year.correct, MONTH),
    (AGAIN, Year.again, BACKFILL),
    (BILL_AGAIN, Year.bill_again, MONTH),
)
"""In the order in which they are run in turn, each with what it is a ratio of."""

GOALS = {BACKFILL: 0.1, AGAIN: 0.1, BILL_AGAIN: 0.1}
"""What a work may cost of what it is compared with: one account in a hundred over three of twelve months, of one
whole month; a run with nothing new, of its first run."""


@dataclass(frozen=True)
class Compared:
    """One line of the table: medians over the rounds, and the ratios beside the goal."""

    work: str
    wall_seconds: float
    cpu_seconds: float
    against: str
    ratio: float
    cpu_ratio: float
    goal: float | None

    @property
    def verdict(self) -> str:
        """The goal, and by how much it is missed; machines that others use too are judged by CPU seconds."""
        if self.goal is None:
            return ""
        missed = "met" if self.cpu_ratio <= self.goal else f"missed {self.cpu_ratio / self.goal:.1f} times"
        return f"<= {self.goal:.2f}  {missed}"


def measure(year: Year, rounds: int) -> list[Compared]:
    """Every work once to warm up, then in turn; medians of wall and CPU seconds."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in WORKS}
    for turn in range(rounds + 1):
        for name, prepare, _ in WORKS:
            seconds = timed(prepare(year))
            times[name] += [seconds] if turn or not rounds else []
    wall = {name: median(one for one, _ in some) for name, some in times.items()}
    cpu = {name: median(one for _, one in some) for name, some in times.items()}
    return [
        Compared(
            work=name,
            wall_seconds=wall[name],
            cpu_seconds=cpu[name],
            against=against,
            ratio=wall[name] / wall[against],
            cpu_ratio=cpu[name] / cpu[against],
            goal=GOALS.get(name),
        )
        for name, _, against in WORKS
    ]


def table(rows: Sequence[Compared]) -> str:
    """The table as people read it."""
    lines = [f"{'work':<23}{'wall s':>9}{'CPU s':>9}{'× wall':>9}{'× CPU':>9}   {'of':<14}goal"]
    for row in rows:
        figures = f"{row.wall_seconds:>9.3f}{row.cpu_seconds:>9.3f}{row.ratio:>9.2f}{row.cpu_ratio:>9.2f}"
        lines.append(f"{row.work:<23}{figures}   {row.against:<14}{row.verdict}".rstrip())
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.backfill", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of usage of each month")
    parser.add_argument("--accounts", type=int, help="billing accounts; one per 6,666 rows when not given")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each work after one to warm up")
    parser.add_argument("--results", type=Path, default=RESULTS / "backfill.json", help="where the table goes as JSON")
    parser.add_argument("--keep", action="store_true", help="put it into reference.json too")
    given = parser.parse_args(arguments)
    accounts = given.accounts or max(20, given.rows // 6_666)
    written([measured_run(given.rows, accounts, given.rounds)], given.results, is_kept=given.keep)
    print(given.results)


def measured_run(rows: int = ROWS, accounts: int = ACCOUNTS, rounds: int = 3) -> Run:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="billfold-bench-") as temporary:
        year = Year.make(Path(temporary), rows, accounts)
        lines = measure(year, rounds)
    said = f"{MONTHS} months of {rows:,} rows, {accounts:,} accounts; {year.touched:,} touched in {TOUCHED_MONTHS}"
    print(f"{said} months; median of {rounds or 'one'}\n\n{table(lines)}\n")
    facts = {"rows": rows, "accounts": accounts, "months": MONTHS, "touched": year.touched, "rounds": rounds}
    return a_run("backfill", [asdict(line) for line in lines], **facts)


if __name__ == "__main__":
    main()
