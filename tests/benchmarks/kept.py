"""What was measured, as JSON: of one run in `results/`, and what is referred to in `reference.json`.

Both have one form: for each run its name, its rows, when and on which machine it was, and its lines.
"""

import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
REFERENCE = Path(__file__).parent / "reference.json"
LIBRARIES = ("duckdb", "polars", "pyarrow", "numpy")

Run = dict[str, Any]


def machine() -> dict[str, Any]:
    """The machine a run was on: what of it decides how fast it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "system": f"{platform.system()} {platform.release().split('-')[0]} ({platform.machine()})",
        "python": sys.version.split()[0],
        **{name: version(name) for name in LIBRARIES},
    }


def _cpu() -> str:
    """The name of the processor, with its family and model where one name stands for several."""
    known = Path("/proc/cpuinfo")
    if not known.exists():
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in known.read_text(encoding="utf-8").splitlines())
    said = {name.strip(): value.strip() for name, _, value in lines}
    numbers = [f"{name} {said[name]}" for name in ("cpu family", "model") if name in said]
    return f"{said.get('model name', platform.machine())} ({', '.join(numbers)})" if numbers else platform.machine()


def a_run(name: str, works: Sequence[dict[str, Any]], **facts: Any) -> Run:
    """One run of a benchmark: its name, what it was of (rows first), when and on which machine, and its lines."""
    measured = {"measured_on": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}
    return {"run": name, **facts, **measured, "works": list(works)}


def written(runs: Sequence[Run], results: Path, *, is_kept: bool) -> None:
    """Write runs as JSON; what is kept goes into the reference too, in place of the same run of the same size."""
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(_text({"runs": list(runs)}), encoding="utf-8")
    if is_kept:
        keep(runs, REFERENCE)


def keep(runs: Sequence[Run], path: Path) -> None:
    """Put runs into a file in place of those of the same name and size, whatever machine these were on.

    What is compared is within a run, so that runs of several machines may stand beside each other.
    """
    before = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    names = {_name(run) for run in runs}
    kept = [run for run in before if _name(run) not in names] + list(runs)
    path.write_text(_text({"runs": sorted(kept, key=_name)}), encoding="utf-8")


def _name(run: Run) -> tuple[str, int]:
    return run["run"], run["rows"]


def _text(facts: dict[str, Any]) -> str:
    """JSON with figures to six digits: more of them say nothing, and every line of a difference would differ."""
    return json.dumps(_rounded(facts), indent=2, ensure_ascii=False) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
