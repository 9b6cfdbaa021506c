"""Every command of the pages in docs does what stands below it."""

from pathlib import Path

import pytest

from flows.docs import ROOT
from flows.walkthrough import is_walked, walk

PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if is_walked(page)]
STEPS = ("first month", "normal month", "late usage", "bonus", "wrong price", "void", "lost disk", "upgrade")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_what_its_commands_print(page: Path, tmp_path: Path) -> None:
    assert walk(page, tmp_path / "walked") == page.read_text(encoding="utf-8"), "run: make docs"


def test_the_runbook_has_every_step_of_an_operator() -> None:
    runbook = (ROOT / "docs" / "RUNBOOK.md").read_text(encoding="utf-8")
    headings = [line.lower() for line in runbook.splitlines() if line.startswith("## ")]
    assert [step for step in STEPS if not any(step in heading for heading in headings)] == []
