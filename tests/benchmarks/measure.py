"""How it is measured: wall and CPU seconds in turn, peak memory in a process that does nothing else."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.works import FLOOR, Bench, Work

ROOT = Path(__file__).resolve().parents[2]
STARTED, STARTED_PREFECT = "start: import the flows", "start: import Prefect's flows"
IMPORTS = {
    STARTED: "import flows.bill_period, flows.ingest_usage, flows.operations",
    STARTED_PREFECT: "import flows.orchestrated.runs",
}
"""What a user waits for before anything begins."""


@dataclass(frozen=True)
class Measured:
    """One line of the table: medians over the rounds; ratios of wall and of CPU seconds."""

    work: str
    rows: int
    wall_seconds: float
    cpu_seconds: float
    ratio_to_floor: float
    against: str
    ratio: float
    cpu_ratio: float
    peak_megabytes: float


@dataclass(frozen=True)
class Alone:
    """One run in a process that does nothing else."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    run()
    seconds = time.perf_counter() - wall
    return seconds, cpu_seconds() - cpu


def in_turn(bench: Bench, rounds: int, works: Sequence[Work], *, once: bool) -> dict[str, tuple[float, float, float]]:
    """Every work once per round, after a round to warm up: medians, and the peak; of no rounds, that first one.

    With `once` a work that lands files is run once in all, in the process that gives its peak.
    """
    times: dict[str, list[tuple[float, float]]] = {work.name: [] for work in works}
    peaks: dict[str, float] = {}
    for turn in range(rounds + 1):
        for work in works:
            if not (once and work.is_long):
                seconds = timed_work(bench, work)
                times[work.name] += [seconds] if turn or not rounds else []
            elif not turn:
                one = alone(bench, work)
                times[work.name], peaks[work.name] = [(one.wall_seconds, one.cpu_seconds)], one.peak_megabytes
                work.after(bench)
    for work in works:
        if work.name not in peaks:
            peaks[work.name] = alone(bench, work).peak_megabytes
    return {
        name: (median(wall for wall, _ in some), median(cpu for _, cpu in some), peaks[name])
        for name, some in times.items()
    }


def timed_work(bench: Bench, work: Work) -> tuple[float, float]:
    """One run of a work; making its lake is not counted."""
    lake = work.prepare(bench)
    seconds = timed(lambda: work.run(bench, lake))
    work.after(bench)
    return seconds


def alone(bench: Bench, work: Work) -> Alone:
    """One run in a process that does nothing else: the most memory it needs."""
    command = [sys.executable, "-m", "tests.benchmarks", "--alone", work.name, "--folder", str(bench.folder)]
    return Alone(*json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout))


def started(statement: str) -> tuple[float, float]:
    """Wall and CPU seconds of importing in a new process."""
    command = [sys.executable, "-c", statement]
    return timed(lambda: subprocess.run(command, cwd=ROOT, check=True))


def measured(bench: Bench, rounds: int, works: Sequence[Work], *, once: bool = False) -> Iterator[Measured]:
    """The whole table: a ratio to what is not among the works is a ratio to the floor."""
    starts = {name: started(statement) for name, statement in IMPORTS.items()}
    figures = in_turn(bench, rounds, works, once=once)
    floor_wall, floor_cpu, _ = figures[FLOOR]
    for name, (wall, cpu) in starts.items():
        yield Measured(name, 0, wall, cpu, wall / floor_wall, FLOOR, wall / floor_wall, cpu / floor_cpu, 0)
    for work in works:
        wall, cpu, peak = figures[work.name]
        against = work.against if work.against in figures else FLOOR
        of_wall, of_cpu, _ = figures[against]
        to_floor = wall / floor_wall
        rows = bench.rows // work.share
        yield Measured(work.name, rows, wall, cpu, to_floor, against, wall / of_wall, cpu / of_cpu, peak)


def table(rows: Sequence[Measured]) -> str:
    """The table as people read it."""
    lines = [f"{'work':<30}{'rows':>12}{'wall s':>9}{'CPU s':>9}{'× F':>9}{'peak MB':>9}   ratio (of CPU)"]
    for row in rows:
        figures = f"{row.rows:>12,}{row.wall_seconds:>9.3f}{row.cpu_seconds:>9.3f}{row.ratio_to_floor:>9.2f}"
        memory = f"{row.peak_megabytes:>9,.0f}" if row.peak_megabytes else " " * 9
        lines.append(f"{row.work:<30}{figures}{memory}   {row.ratio:.2f} ({row.cpu_ratio:.2f}) × {row.against}")
    return "\n".join(lines)
