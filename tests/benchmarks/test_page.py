"""The page of figures says what was kept, and judges it by the goals."""

import json
from pathlib import Path

import pytest

from tests.benchmarks import kept
from tests.benchmarks.further import FURTHER
from tests.benchmarks.goals import GOALS, GROWTH, MEGABYTES, RATIO, SMALL, Goal
from tests.benchmarks.kept import a_run, keep
from tests.benchmarks.page import NOTHING, page
from tests.benchmarks.works import WORKS

LINE = {"wall_seconds": 2.0, "cpu_seconds": 3.0, "cpu_ratio": 1.5, "rows": 100, "peak_megabytes": 812.4}


def line(work: str, ratio: float, against: str = "floor F: group by") -> dict[str, object]:
    return {**LINE, "work": work, "ratio": ratio, "against": against}


def stages(*lines: dict[str, object], rows: int = 100) -> dict[str, object]:
    return a_run("stages", lines, rows=rows, accounts=7, rounds=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reference.json"


def rows_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_a_goal_is_met_or_missed_by_the_figure_that_was_kept(path: Path):
    """2.5 F of at most 2.75 F is met; 812 MB of at most 800 missed; a tenth at 0.08 is a growth of 1 ÷ 0.08 = 12.5."""
    keep([stages(line("bill", 2.5), line("a tenth", 0.08, "bill"))], path)
    goals = (
        Goal("bill", "stages", 100, "bill", RATIO, 2.75, "never shown"),
        Goal("memory", "stages", 100, "bill", MEGABYTES, 800, "The frames are wide."),
        Goal("growth", "stages", 100, "a tenth", GROWTH, 10.5),
        Goal("more rows", "stages", 1_000, "bill", RATIO, 1.75),
    )
    text = page("printed", path, goals)
    rows = rows_of(text)
    assert ["bill", "100", "≤ 2.75 × F", "2.50 ×", "met"] in rows
    assert ["memory", "100", "≤ 800 MB", "812 MB", "missed"] in rows
    assert ["growth", "100", "≤ 10.5 × a tenth of the rows", "12.5 ×", "missed"] in rows
    assert ["more rows", "1,000", "≤ 1.75 ×", "", "not measured"] in rows
    assert "- memory: The frames are wide." in text
    assert "never shown" not in text


def test_the_page_has_every_line_that_was_kept_and_the_machine(path: Path):
    keep([stages(line("bill", 2.5)), a_run("rating", [line("metering", 1.25)], rows=100, accounts=7, rounds=5)], path)
    rows = rows_of(page("printed", path, ()))
    assert ["bill", "100", "2.50", "F", "2.00", "3.00", "1.50", "812"] in rows
    assert ["metering", "100", "1.25", "F", "2.00", "3.00", "1.50", "812"] in rows
    assert ["cores", str(kept.machine()["cores"])] in rows


def test_a_page_of_nothing_says_so(path: Path):
    assert page("printed", path).endswith(f"{NOTHING}\n")


def test_a_run_of_the_same_name_and_size_is_replaced_and_others_stay(path: Path):
    keep([stages(line("bill", 2.5)), stages(line("bill", 1.5), rows=1_000)], path)
    keep([stages(line("bill", 2.0))], path)
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    assert [(run["rows"], run["works"][0]["ratio"]) for run in runs] == [(100, 2.0), (1_000, 1.5)]


def test_runs_of_several_machines_stand_beside_each_other_and_say_which(path: Path):
    there = stages(line("bill", 2.5))
    keep([{**there, "machine": {**kept.machine(), "cores": 64}}], path)
    keep([stages(line("bill", 2.0), rows=1_000)], path)
    text = page("printed", path, ())
    assert ["", "1", "2"] in rows_of(text)
    assert ["cores", "64", str(kept.machine()["cores"])] in rows_of(text)
    headings = [heading for heading in text.splitlines() if heading.startswith("### ")]
    assert [heading.rpartition(", ")[2] for heading in headings] == ["machine 1", "machine 2"]


def test_a_run_replaces_the_one_of_its_name_and_size_on_another_machine(path: Path):
    there = stages(line("bill", 2.5))
    keep([{**there, "machine": {**kept.machine(), "cores": 64}}], path)
    keep([stages(line("bill", 2.0))], path)
    (run,) = json.loads(path.read_text(encoding="utf-8"))["runs"]
    assert (run["machine"], run["works"][0]["ratio"]) == (kept.machine(), 2.0)


def test_every_goal_of_the_stages_is_read_from_a_work_that_there_is():
    known = {work.name for work in (*WORKS, *FURTHER)}
    assert {goal.work for goal in GOALS if goal.run == "stages"} <= known
    assert {goal.rows for goal in GOALS if goal.run == "stages"} == {SMALL, 5 * SMALL}


def test_each_goal_that_the_reference_misses_has_a_measured_reason():
    if not kept.REFERENCE.exists():
        pytest.skip(f"there is no {kept.REFERENCE.name} yet: make bench KEEP=1")
    runs = json.loads(kept.REFERENCE.read_text(encoding="utf-8"))["runs"]
    assert [goal.says for goal in GOALS if goal.is_missed(runs) and not goal.reason] == []
