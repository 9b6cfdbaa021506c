"""`python -m tests.benchmarks.peers [--rows 2000000]`: the same month rated by others, in the same run.

Each peer reads the same files and gives the list cost of each account, compared with billfold's to the cent. Its
packages are in a virtual environment of their own, made when it is wanted; billfold needs none of them.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median

import flows  # noqa: F401 - first, as on the command line: it says how Polars keeps memory

# isort: split
import polars as pl

from flows.ingest_usage import ingest_usage
from tests.benchmarks.kept import RESULTS, Run, a_run, written
from tests.benchmarks.measure import ROOT, alone, timed
from tests.benchmarks.peers.flat import flat_world
from tests.benchmarks.works import BILL, INGEST, WORKS, Bench, bill

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".venvs"
MILLION = 1_000_000
BILLFOLD, WITH_INGEST = "billfold: bill", "billfold: ingest and bill"


@dataclass(frozen=True)
class Peer:
    """Who else rates: its module, what it needs, and how many rows it can bear."""

    name: str
    script: str
    packages: tuple[str, ...] = ()
    most_rows: int = MILLION * 100

    def python(self) -> Path:
        """The interpreter that has its packages; made on first use."""
        if not self.packages:
            return Path(sys.executable)
        folder = ENVIRONMENTS / "_".join(self.packages)
        if not (folder / "ready").exists():
            uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
            python = folder / "bin" / "python"
            subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *self.packages], check=True)
            (folder / "ready").touch()
        return folder / "bin" / "python"

    def rated(self, python: Path, world: Path, rounds: int) -> "Rated":
        """What it makes of a world, run so many times and once to warm up."""
        command = [python, "-W", "ignore", "-m", f"{__package__}.{self.script}", world, str(rounds + 1)]
        said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
        totals = {account: Decimal(total) for account, total in said["totals"].items()}
        return Rated(said["seconds"][1:] or said["seconds"], totals, said["peak_megabytes"], said["version"])


PEERS = (
    Peer("pandas", "pandas_script", ("pandas==3.1.1", "pyarrow==26.0.1")),
    Peer("plain loop in Decimal", "plain_loop"),
    Peer("CloudKitty hashmap", "cloudkitty_hashmap", ("cloudkitty==25.0.0", "pyarrow==26.0.1"), MILLION),
)


@dataclass(frozen=True)
class Rated:
    """Seconds of each run, the peak, and the list cost of each account."""

    seconds: Sequence[tuple[float, float]]
    totals: Mapping[str, Decimal]
    peak_megabytes: float
    version: str = ""

    @property
    def medians(self) -> tuple[float, float]:
        """Wall and CPU seconds."""
        return median(wall for wall, _ in self.seconds), median(cpu for _, cpu in self.seconds)


@dataclass(frozen=True)
class Compared:
    """One line of the table: what a million records take, and how far its bill is from billfold's."""

    work: str
    version: str
    rows: int
    wall_seconds: float
    cpu_seconds: float
    seconds_per_million: float
    ratio: float
    cpu_ratio: float
    against: str
    peak_megabytes: float
    accounts: int
    accounts_apart: int
    total: str
    apart: str
    """How far the accounts' list costs are from billfold's, all added up regardless of sign [EUR]."""


def billed(bench: Bench, rounds: int) -> tuple[Rated, Rated]:
    """Billfold on the world: bill alone; and from the files on."""
    bills, both = [], []
    for _ in range(rounds + 1):
        lake = bench.empty_lake()
        landed = timed(
            lambda lake=lake: ingest_usage(  # type: ignore[misc]
                lake, bench.reference, bench.usage_files, received_at=bench.received_at
            )
        )
        bench.keep_for_billing()
        lake = bench.unbilled_lake()
        bills.append(timed(lambda lake=lake: bill(bench, lake)))  # type: ignore[misc]
        both.append((landed[0] + bills[-1][0], landed[1] + bills[-1][1]))
    charges = bench.billed_lake().snapshot().read("charges", billing_period=bench.period)
    totals = dict(charges.group_by("billing_account_id").agg(pl.col("list_cost").sum()).rows())
    peaks = {work.name: alone(bench, work).peak_megabytes for work in WORKS if work.name in (BILL, INGEST)}
    return Rated(bills[1:] or bills, totals, peaks[BILL]), Rated(both[1:] or both, totals, max(peaks.values()))


def compared(name: str, found: Rated, own: Rated, rows: int) -> Compared:
    """A peer, or billfold, beside billfold's bill of the same rows."""
    (wall, cpu), (own_wall, own_cpu) = found.medians, own.medians
    nothing = Decimal(0)
    apart = [abs(found.totals.get(account, nothing) - total) for account, total in own.totals.items()]
    apart += [abs(total) for account, total in found.totals.items() if account not in own.totals]
    return Compared(
        work=name,
        version=found.version,
        rows=rows,
        wall_seconds=wall,
        cpu_seconds=cpu,
        seconds_per_million=wall * MILLION / rows,
        ratio=wall / own_wall,
        cpu_ratio=cpu / own_cpu,
        against=BILLFOLD,
        peak_megabytes=found.peak_megabytes,
        accounts=len(own.totals),
        accounts_apart=sum(1 for one in apart if one),
        total=f"{sum(found.totals.values(), nothing):.2f}",
        apart=f"{sum(apart, nothing):.2f}",
    )


def table(lines: Sequence[Compared]) -> str:
    """The table as people read it."""
    found = [
        f"{'rated by':<28}{'rows':>12}{'wall s':>9}{'CPU s':>9}{'s per M':>9}{'× bill':>9}{'peak MB':>9}   list cost"
    ]
    for line in lines:
        figures = f"{line.rows:>12,}{line.wall_seconds:>9.2f}{line.cpu_seconds:>9.2f}{line.seconds_per_million:>9.2f}"
        same = f"{line.accounts_apart} of {line.accounts} accounts differ, by {line.apart} in all"
        said = same if line.accounts_apart else "the same to the cent"
        found.append(
            f"{line.work:<28}{figures}{line.ratio:>9.2f}{line.peak_megabytes:>9,.0f}   {line.total} EUR, {said}"
        )
    return "\n".join(found)


def measured_run(
    folder: Path | None, rows: int, rounds: int, peers: Sequence[Peer] = PEERS, accounts: int | None = None
) -> Run:
    """Measure and print: a world for each number of rows that a peer can bear, billed and rated."""
    lines: list[Compared] = []
    pythons = {peer: peer.python() for peer in peers}
    with tempfile.TemporaryDirectory(prefix="billfold-peers-") as temporary:
        for size in sorted({min(rows, peer.most_rows) for peer in peers}, reverse=True):
            here = (folder or Path(temporary)) / str(size)
            shutil.rmtree(here, ignore_errors=True)
            here.mkdir(parents=True)
            bench = flat_world(here, size, accounts or max(20, size // 6_666))
            own, with_ingest = billed(bench, rounds)
            lines += [compared(BILLFOLD, own, own, size), compared(WITH_INGEST, with_ingest, own, size)]
            for peer in (peer for peer in peers if min(rows, peer.most_rows) == size):
                lines.append(compared(peer.name, peer.rated(pythons[peer], here / "world", rounds), own, size))
            shutil.rmtree(here)
    print(f"flat prices in one currency, median of {rounds or 'one'}\n\n{table(lines)}\n")
    return a_run("peers", [asdict(line) for line in lines], rows=rows, rounds=rounds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of usage, where a peer can bear them")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each after one to warm up; medians are shown")
    parser.add_argument("--folder", type=Path, help="where the worlds are made; a temporary folder otherwise")
    parser.add_argument("--only", action="append", default=[], help="this peer, and others so named")
    parser.add_argument("--results", type=Path, default=RESULTS / "peers.json", help="where the table goes as JSON")
    parser.add_argument("--keep", action="store_true", help="put it into reference.json too")
    given = parser.parse_args(arguments)
    peers = [peer for peer in PEERS if not given.only or peer.name in given.only]
    written([measured_run(given.folder, given.rows, given.rounds, peers)], given.results, is_kept=given.keep)
    print(given.results)


if __name__ == "__main__":
    main()
