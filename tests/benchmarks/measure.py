"""How it is measured: wall and CPU seconds in turn, peak memory in a process of its own."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.works import WORKS, Bench, Work

ROOT = Path(__file__).resolve().parents[2]
STARTED = "start: import the flows"


@dataclass(frozen=True)
class Measured:
    """One line of the table: medians over the rounds, ratios of wall seconds."""

    work: str
    rows: int
    wall_seconds: float
    cpu_seconds: float
    ratio_to_floor: float
    against: str
    ratio: float
    peak_megabytes: float


def cpu_seconds() -> float:
    """Of this process and of the children it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    run()
    return time.perf_counter() - wall, cpu_seconds() - cpu


def in_turn(bench: Bench, rounds: int) -> dict[str, tuple[float, float]]:
    """Every work once per round, after a round to warm up; the medians."""
    times: dict[str, list[tuple[float, float]]] = {work.name: [] for work in WORKS}
    for turn in range(rounds + 1):
        for work in WORKS:
            seconds = timed_work(bench, work)
            times[work.name] += [seconds] if turn else []
    return {name: (median(wall for wall, _ in some), median(cpu for _, cpu in some)) for name, some in times.items()}


def timed_work(bench: Bench, work: Work) -> tuple[float, float]:
    """One run of a work; making its lake is not counted."""
    lake = work.prepare(bench)
    seconds = timed(lambda: work.run(bench, lake))
    work.after(bench)
    return seconds


def peak_megabytes(bench: Bench, work: Work) -> float:
    """The most memory a process needs that does nothing else."""
    command = [sys.executable, "-m", "tests.benchmarks", "--peak", work.name, "--folder", str(bench.folder)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def own_peak() -> float:
    """The peak of this process, in megabytes.

    Linux hands the peak of whoever started a process on to it in `ru_maxrss`, so there it is read from `/proc`.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)
    (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1_000


def start_up() -> tuple[float, float]:
    """What a user waits for before anything begins."""
    command = [sys.executable, "-c", "import flows.bill_period, flows.ingest_usage, flows.operations"]
    return timed(lambda: subprocess.run(command, cwd=ROOT, check=True))


def measured(bench: Bench, rounds: int) -> Iterator[Measured]:
    """The whole table."""
    wall, cpu = start_up()
    seconds = in_turn(bench, rounds)
    floor = seconds[WORKS[0].name][0]
    yield Measured(STARTED, 0, wall, cpu, wall / floor, WORKS[0].name, wall / floor, 0)
    for work in WORKS:
        wall, cpu = seconds[work.name]
        ratio = wall / seconds[work.against][0]
        peak = peak_megabytes(bench, work)
        yield Measured(work.name, bench.rows, wall, cpu, wall / floor, work.against, ratio, peak)


def table(rows: list[Measured]) -> str:
    """The table as people read it."""
    lines = [f"{'work':<26}{'rows':>12}{'wall s':>9}{'CPU s':>9}{'× F':>9}{'peak MB':>9}   ratio"]
    for row in rows:
        figures = f"{row.rows:>12,}{row.wall_seconds:>9.3f}{row.cpu_seconds:>9.3f}{row.ratio_to_floor:>9.2f}"
        memory = f"{row.peak_megabytes:>9,.0f}" if row.peak_megabytes else " " * 9
        lines.append(f"{row.work:<26}{figures}{memory}   {row.ratio:.2f} × {row.against}")
    return "\n".join(lines)


def as_json(rows: list[Measured], bench: Bench, rounds: int) -> str:
    """The table as programs read it."""
    return (
        json.dumps(
            {"rows": bench.rows, "accounts": bench.accounts, "rounds": rounds, "works": [asdict(row) for row in rows]},
            indent=2,
        )
        + "\n"
    )
