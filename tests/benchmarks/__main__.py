"""`python -m tests.benchmarks [--rows 2000000]`: billfold against a plain group-by, in one run, as ratios."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.measure import Measured, as_json, measured, own_peak, table
from tests.benchmarks.works import WORKS, Bench

RESULTS = Path(__file__).parent / "results" / "latest.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; or, for the peak of one work, run it alone and print that."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of usage")
    parser.add_argument("--accounts", type=int, help="billing accounts; one per 6,666 rows when not given")
    parser.add_argument(
        "--rounds", type=int, default=3, help="runs of each work after one to warm up; medians are shown"
    )
    parser.add_argument(
        "--folder", type=Path, help="where the world and the lakes are made; a temporary folder otherwise"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the table goes as JSON")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    accounts = given.accounts or max(20, given.rows // 6_666)
    if given.peak:
        print(peak_of(given.peak, given.folder))
        return
    with tempfile.TemporaryDirectory(prefix="billfold-bench-") as temporary:
        bench = Bench.make(given.folder or Path(temporary), given.rows, accounts)
        rows = measure(bench, given.rounds, given.results)
    print(f"{given.rows:,} rows, {accounts:,} accounts, median of {given.rounds}\n\n{table(rows)}\n\n{given.results}")


def measure(bench: Bench, rounds: int, results: Path) -> list[Measured]:
    """The table, kept as JSON."""
    rows = list(measured(bench, rounds))
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(as_json(rows, bench, rounds), encoding="utf-8")
    return rows


def peak_of(name: str, folder: Path) -> float:
    """Run one work alone, on the lakes that are there."""
    (work,) = [work for work in WORKS if work.name == name]
    bench = Bench.reopen(folder)
    lake = work.prepare(bench)
    work.run(bench, lake)
    return own_peak()


if __name__ == "__main__":
    main()
