"""`python -m tests.benchmarks [--rows 2000000] [--all]`: billfold against a plain group-by, in one run, as ratios."""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import flows  # noqa: F401 - first, as on the command line: it says how Polars keeps memory

# isort: split
from tests.benchmarks import allocation, backfill, rating
from tests.benchmarks.further import FURTHER
from tests.benchmarks.kept import RESULTS, Run, a_run, written
from tests.benchmarks.measure import Measured, measured, table, timed
from tests.benchmarks.processes import Peak
from tests.benchmarks.works import FLOOR, INGEST, INGEST_AGAIN, WORKS, Bench, Work

STAGES = "stages"
LATEST = RESULTS / "latest.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; or run one work alone and print its seconds and its peak."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of usage")
    parser.add_argument("--accounts", type=int, help="billing accounts; one per 6,666 rows when not given")
    parser.add_argument(
        "--rounds", type=int, default=3, help="runs of each work after one to warm up; medians are shown"
    )
    parser.add_argument(
        "--folder", type=Path, help="where the world and the lakes are made; a temporary folder otherwise"
    )
    parser.add_argument("--results", type=Path, default=LATEST, help="where the tables go as JSON")
    parser.add_argument("--keep", action="store_true", help="put them into reference.json too")
    parser.add_argument("--all", action="store_true", help="other worlds too, then rating, allocation and a backfill")
    parser.add_argument("--only", action="append", default=[], metavar="WORK", help="this work, and others so named")
    parser.add_argument("--once", action="store_true", help="what lands files is run once in all")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.alone:
        print(json.dumps(run_alone(given.alone, given.folder)))
        return
    accounts = given.accounts or max(20, given.rows // 6_666)
    works = _chosen(given.only) if given.only else (*WORKS, *FURTHER) if given.all else WORKS
    runs: list[Run] = []
    for run in [
        lambda rounds: stages(given.folder, given.rows, accounts, rounds, works, once=given.once),
        *(_others(given.rows, accounts) if given.all else ()),
    ]:
        runs.append(run(given.rounds))
        written(runs, given.results, is_kept=given.keep)  # after each: the next may fail
    print(given.results)


def _chosen(names: Sequence[str]) -> list[Work]:
    """The works so named, and the floor; an ingest hands its lake on by being repeated."""
    wanted = {FLOOR, *names, *([INGEST_AGAIN] if INGEST in names else [])}
    works = [work for work in (*WORKS, *FURTHER) if work.name in wanted]
    if unknown := wanted - {work.name for work in works}:
        raise SystemExit(f"no such work: {', '.join(sorted(unknown))}")
    return works


def stages(
    folder: Path | None, rows: int, accounts: int, rounds: int, works: Sequence[Work], *, once: bool = False
) -> Run:
    """Measure and print the stages on a world of so many rows."""
    with tempfile.TemporaryDirectory(prefix="billfold-bench-") as temporary:
        bench = Bench.found_or_made(folder or Path(temporary), rows, accounts)
        if INGEST not in (work.name for work in works):
            bench.make_ready()
        lines: list[Measured] = list(measured(bench, rounds, works, once=once))
    print(f"{rows:,} rows, {accounts:,} accounts, median of {rounds or 'one'}\n\n{table(lines)}\n")
    facts = {"rows": rows, "accounts": accounts, "rounds": rounds, "once": once}
    return a_run(STAGES, [asdict(line) for line in lines], **facts)


def _others(rows: int, accounts: int) -> list[Callable[[int], Run]]:
    """The benchmarks of single parts; those that have a size of their own keep it."""
    return [
        lambda rounds: rating.measured_run(None, min(rows, rating.ROWS), min(accounts, rating.ACCOUNTS), rounds),
        lambda rounds: allocation.measured_run(rounds=rounds),
        lambda rounds: backfill.measured_run(rounds=rounds),
    ]


def run_alone(name: str, folder: Path) -> tuple[float, float, float]:
    """Run one work on the lakes that are there: wall and CPU seconds, and the peak with its children."""
    (work,) = [work for work in (*WORKS, *FURTHER) if work.name == name]
    bench = Bench.reopen(folder)
    lake = work.prepare(bench)
    with Peak() as peak:
        wall, cpu = timed(lambda: work.run(bench, lake))
    return wall, cpu, peak.megabytes


if __name__ == "__main__":
    main()
