"""The page of what was measured: `docs/PERFORMANCE.md`, printed from `reference.json` and the goals."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.goals import GOALS, GROWTH, UNITS, Goal, Line, Run

REFERENCE = Path(__file__).parent / "reference.json"

INTRODUCTION = """\
Printed from `tests/benchmarks/reference.json`, which `make bench KEEP=1` writes, and from the goals in
`tests/benchmarks/goals.py`. A ratio is of two works that took turns in one run on one machine: it is what to compare.
Where runs were on several machines, each says which.
F, the floor of billing, is one plain DuckDB group-by over the landed files: nobody can bill usage without reading it
once. What each line runs is in [tests/benchmarks](../tests/benchmarks/README.md). Seconds are medians; CPU seconds are
of all threads. Peak memory is of a process that does nothing else, interpreter and libraries included."""

NOTHING = "Nothing has been kept yet: `make bench KEEP=1`."

NAMES = {
    "cpu": "processor",
    "cores": "cores",
    "memory_gib": "memory, GiB",
    "system": "system",
    "python": "Python",
    "duckdb": "DuckDB",
    "polars": "Polars",
    "pyarrow": "PyArrow",
    "numpy": "NumPy",
}

RUNS = {
    "stages": "The stages",
    "rating": "Rating alone",
    "allocation": "Allocation alone",
    "backfill": "A backfill",
}

PEERS = """\
The same month rated by others, in the same run. Its prices are flat and in one currency, which the simplest of them can
do; each peer gives the list cost of each account, from the same Parquet files, and is held against billfold's to the
cent. None of them does more. Billfold's lines are whole bills: discounts, grants, tax, invoices and ledger, every
invariant asked, all committed at once; *ingest and bill* starts from the same files as the peers and also checks every
row.

- **pandas**: read, group, merge, multiply, round, in floats, all rows in memory.
- **plain loop in Decimal**: one record at a time.
- **CloudKitty hashmap**: the rating module of OpenStack's CloudKitty, `HashMap.process` over a frame of points per
  hour, its rules in a database in memory. Its collectors, storage, message bus and API are not run, and the points are
  made before the clock starts."""


def page(printed: str, path: Path = REFERENCE, goals: Sequence[Goal] = GOALS) -> str:
    """The page: goals first, then every line, then the peers; `printed` is the mark of printed pages."""
    parts = ["# Performance", printed, INTRODUCTION]
    if not path.exists():
        return _joined([*parts, NOTHING])
    kept = json.loads(path.read_text(encoding="utf-8"))
    runs = kept["runs"]
    machines = list({str(run["machine"]): run["machine"] for run in runs}.values())
    title = "The machine" if len(machines) == 1 else "The machines"
    parts += [f"## {title}", _machines(machines), "## Goals", *_goals(goals, runs), "## What was measured"]
    for run in (run for name in RUNS for run in runs if run["run"] == name):
        parts += [f"### {RUNS[run['run']]}: {_of(run, machines)}", _lines(run["works"])]
    for run in (run for run in runs if run["run"] == "peers"):
        parts += [f"## Peers: {_of(run, machines)}", PEERS, *_peers(run["works"])]
    return _joined(parts)


def _machines(machines: Sequence[Mapping[str, Any]]) -> str:
    """A column for each machine, by its number where they are several."""
    header = ["", *(str(number) if len(machines) > 1 else "" for number, _ in enumerate(machines, 1))]
    rows = ((shown, *(str(machine.get(name, "")) for machine in machines)) for name, shown in NAMES.items())
    return _table(header, rows)


def _of(run: Run, machines: Sequence[Mapping[str, Any]]) -> str:
    """What a run was of: its sizes, how often, when, and on which of several machines."""
    counted = {"rows": "charges" if run["run"] == "allocation" else "rows", "accounts": "accounts", "months": "months"}
    sizes = [f"{run[name]:,} {word}" for name, word in counted.items() if name in run]
    how_often = f"median of {run['rounds']}" if run["rounds"] else "one run"
    once = ["what lands files once"] if run.get("once") else []
    where = [f"machine {machines.index(run['machine']) + 1}"] if len(machines) > 1 else []
    return ", ".join([*sizes, how_often, *once, run["measured_on"], *where])


def _goals(goals: Iterable[Goal], runs: Sequence[Run]) -> list[str]:
    goals = list(goals)
    rows = [
        (
            goal.says,
            f"{_rows(goal, runs):,}",
            f"≤ {goal.at_most:g} {_unit(goal, runs)}",
            _reached(goal, runs),
            _verdict(goal, runs),
        )
        for goal in goals
    ]
    reasons = [f"- {goal.says}: {goal.reason}" for goal in goals if goal.is_missed(runs) and goal.reason]
    shown = [_table(("work", "rows", "goal", "reached", ""), rows)]
    return [*shown, "Where a goal is missed:", "\n".join(reasons)] if reasons else shown


def _rows(goal: Goal, runs: Sequence[Run]) -> int:
    """What it is of: the rows of its line, or of the whole run where a part is what it has grown from."""
    line = goal.line(runs)
    return goal.rows if line is None or goal.figure == GROWTH else line.get("rows", goal.rows)


def _unit(goal: Goal, runs: Sequence[Run]) -> str:
    """Seconds, megabytes, or times what."""
    line = goal.line(runs)
    if goal.figure == GROWTH:
        return "× a tenth of the rows"
    if UNITS[goal.figure] != "×" or line is None:
        return UNITS[goal.figure]
    return f"× {_against(line)}"


def _against(line: Line) -> str:
    return "F" if line["against"].startswith("floor F") else str(line["against"])


def _reached(goal: Goal, runs: Sequence[Run]) -> str:
    reached = goal.reached(runs)
    return "" if reached is None else f"{_figure(reached)} {UNITS[goal.figure]}"


def _verdict(goal: Goal, runs: Sequence[Run]) -> str:
    if goal.reached(runs) is None:
        return "not measured"
    return "missed" if goal.is_missed(runs) else "met"


def _lines(lines: Iterable[Line]) -> str:
    header = ("work", "rows", "ratio", "against", "wall s", "CPU s", "ratio of CPU", "peak MB")
    return _table(header, map(_line, lines))


def _line(line: Line) -> tuple[str, ...]:
    seconds = (_figure(line["wall_seconds"]), _figure(line["cpu_seconds"]), _figure(line["cpu_ratio"]))
    rows, peak = line.get("rows"), line.get("peak_megabytes")
    return (
        line["work"],
        f"{rows:,}" if rows else "",
        _figure(line["ratio"]),
        _against(line),
        *seconds,
        _figure(peak) if peak else "",
    )


def _peers(lines: Sequence[Line]) -> list[str]:
    header = ("rated by", "rows", "s per million", "× bill", "wall s", "CPU s", "peak MB", "list cost, EUR", "apart")
    rows = [
        (
            " ".join([line["work"], f"({line['version']})" if line["version"] else ""]).strip(),
            f"{line['rows']:,}",
            _figure(line["seconds_per_million"]),
            _figure(line["ratio"]),
            _figure(line["wall_seconds"]),
            _figure(line["cpu_seconds"]),
            _figure(line["peak_megabytes"]),
            line["total"],
            _apart(line),
        )
        for line in lines
    ]
    return [_table(header, rows)]


def _apart(line: Line) -> str:
    """How far the list costs of the accounts are from billfold's."""
    if not line["accounts_apart"]:
        return "0"
    return f"{line['apart']} in {line['accounts_apart']:,} of {line['accounts']:,} accounts"


def _figure(value: float) -> str:
    """Three digits, or all before the point.

    >>> _figure(0.012345), _figure(1.5), _figure(12.3456), _figure(1234.5)
    ('0.0123', '1.50', '12.3', '1,234')
    """
    if value >= 100:
        return f"{value:,.0f}"
    decimals = 1 if value >= 10 else 2 if value >= 1 else 3 if value >= 0.1 else 4
    return f"{value:.{decimals}f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---" for _ in header], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"
