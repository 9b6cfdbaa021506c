"""The same bytes of every committed file, and so the same hash of the head, whatever surrounds the process: threads,
time zone, locale, hash seed, working directory, umask.

Each cell of `CELLS` is a process of its own that bills the world from nothing. Each two values of two columns meet in
some cell, but each number of threads has a zone of its own. BILLFOLD_DETERMINISM=1 has every combination of threads,
zone, locale and seed.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.determinism.world import Files, write_world

ROOT = Path(__file__).resolve().parents[2]
LONG = "BILLFOLD_DETERMINISM" in os.environ
THREADS = ("1", "2", "8")
ZONES = ("UTC", "Asia/Kolkata", "America/St_Johns")
PLAIN, COMMA = "C", "de_DE.UTF-8"
"""In the plain one Python takes every text without a declared encoding for ASCII."""
SEEDS = ("0", "12345")
UMASKS = ("022", "077")


@dataclass(frozen=True)
class Cell:
    """What surrounds a process."""

    threads: str
    zone: str
    locale: str
    seed: str
    umask: str = UMASKS[0]
    is_elsewhere: bool = False

    def __str__(self) -> str:
        folder = "elsewhere" if self.is_elsewhere else "at home"
        return f"{self.threads} threads, {self.zone}, {self.locale}, seed {self.seed}, umask {self.umask}, {folder}"


FIRST = Cell("2", "UTC", PLAIN, "0")
CELLS = (
    Cell("2", "UTC", COMMA, "12345", "077", True),
    Cell("1", "Asia/Kolkata", PLAIN, "0", "077", True),
    Cell("1", "Asia/Kolkata", COMMA, "12345", "022"),
    Cell("8", "America/St_Johns", COMMA, "0", "022", True),
    Cell("8", "America/St_Johns", PLAIN, "12345", "077"),
)

ALL = tuple(
    Cell(threads, zone, where, seed, umask, is_elsewhere)
    for (threads, zone, where, seed), (umask, is_elsewhere) in zip(
        itertools.product(THREADS, ZONES, (PLAIN, COMMA), SEEDS),
        itertools.cycle(itertools.product(UMASKS, (False, True))),
        strict=False,
    )
)


def test_every_two_values_meet_in_a_cell() -> None:
    """But threads and zones, which meet in the long mode."""
    cells = [(one.threads, one.zone, one.locale, one.seed, one.umask, one.is_elsewhere) for one in (FIRST, *CELLS)]
    values = (THREADS, ZONES, (PLAIN, COMMA), SEEDS, UMASKS, (False, True))
    pairs = [pair for pair in itertools.combinations(range(len(values)), 2) if pair != (0, 1)]
    for left, right in pairs:
        met = {(cell[left], cell[right]) for cell in cells}
        assert met == set(itertools.product(values[left], values[right])), (left, right)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_world(tmp_path_factory.mktemp("cells") / "world")


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A folder with a locale whose numbers have a comma, compiled here; none where the machine has no sources."""
    folder = tmp_path_factory.mktemp("locales")
    compiler = shutil.which("localedef")
    if compiler is None:
        return None
    words = [compiler, "-i", COMMA.partition(".")[0], "-f", "UTF-8", str(folder / COMMA)]
    return folder if subprocess.run(words, capture_output=True, check=False).returncode == 0 else None


@pytest.fixture(scope="module")
def first(world: Files, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return billed(FIRST, world, tmp_path_factory.mktemp("first"), None)["files"]


def billed(cell: Cell, world: Files, folder: Path, locales: Path | None) -> dict[str, Any]:
    """What a cell says: the digests of its files, and what it took its surroundings for."""
    elsewhere = folder / "some where" / "else"
    elsewhere.mkdir(parents=True)
    lake = "../../the lake" if cell.is_elsewhere else str(folder / "lake")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "PYTHON", "BILLFOLD_"))}
    environment = {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": cell.seed,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "POLARS_MAX_THREADS": cell.threads,
        "BILLFOLD_TEST_THREADS": cell.threads,
        "BILLFOLD_TEST_UMASK": cell.umask,
        "TZ": cell.zone,
        "LANG": cell.locale,
        "LC_ALL": cell.locale,
        **({"LOCPATH": str(locales)} if cell.locale == COMMA and locales else {}),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "tests.determinism.cell", str(world.folder), lake, str(folder / "told.json")],
        cwd=elsewhere if cell.is_elsewhere else ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{cell}:\n{ran.stdout}{ran.stderr}"
    found: dict[str, Any] = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    return found


def test_the_world_is_in_many_files_of_many_commits(first: dict[str, str]) -> None:
    assert len([name for name in first if name.startswith("journal/0")]) == 10
    assert len({name.partition("/")[0] for name in first}) > 25


@pytest.mark.parametrize("cell", ALL if LONG else CELLS, ids=str)
def test_the_same_bytes_whatever_surrounds_the_process(
    cell: Cell, world: Files, locales: Path | None, first: dict[str, str], tmp_path: Path
) -> None:
    if cell.locale == COMMA and locales is None:
        pytest.skip(f"localedef cannot make {COMMA} here: its sources are Debian's package locales")
    said = billed(cell, world, tmp_path, locales)
    assert said["decimal_point"] == ("," if cell.locale == COMMA else ".")
    changed = sorted(name for name in first.keys() | said["files"].keys() if first.get(name) != said["files"].get(name))
    assert changed == [], f"{cell}: {len(changed)} files are others"
