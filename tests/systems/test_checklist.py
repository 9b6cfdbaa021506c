"""One engine for four systems: every behaviour is shown, and no code knows whose it is."""

import re
import subprocess
from pathlib import Path

from flows import checklist

ROOT = Path(__file__).resolve().parents[2]
NAMES = re.compile(r"gcore|waldur|kakao|\bportal\b", re.IGNORECASE)
LISTING = ["git", "ls-files", "-co", "--exclude-standard"]


def test_every_behaviour_of_the_four_systems_is_shown_by_a_test() -> None:
    assert [number for number in checklist.behaviours() if number not in checklist.shown()] == []
    assert len(checklist.behaviours()) == 14 + 36 + 18 + 32


def test_every_number_in_the_name_of_a_test_is_one_of_the_checklist() -> None:
    assert [number for number in checklist.shown() if number not in checklist.behaviours()] == []


def test_no_code_outside_data_and_tests_names_one_of_the_systems() -> None:
    files = [path for path in _files() if not path.startswith(("data/", "tests/")) and not path.endswith(".md")]
    assert len(files) > 200
    assert [path for path in files if NAMES.search(path) or NAMES.search(_text(path))] == []


def _files() -> list[str]:
    """The project's files: what git knows, or where there is no git, what is not made by a run."""
    listed = subprocess.run(LISTING, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    found = listed or [str(path.relative_to(ROOT)) for path in ROOT.glob("[a-z]*/**/*.*")]
    return [path for path in found if (ROOT / path).is_file()]


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")
