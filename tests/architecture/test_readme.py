"""The commands of the README do what it says, in the order it gives them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands() -> list[str]:
    """The lines of the README's second block of commands: the first invoice, step by step."""
    block = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))[1]
    return [line.partition("  #")[0].strip() for line in block.splitlines()]


def test_the_first_invoice_can_be_made_by_pasting_the_commands(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    script = "\n".join(line for line in commands() if not line.startswith("alias"))
    shell = f'billfold() {{ "{sys.executable}" -m flows.cli "$@"; }}\nset -e\n{script}\n'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BILLFOLD")}
    done = subprocess.run(
        ["bash", "-c", shell],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = (ROOT / "README.md").read_text(encoding="utf-8")
    due = next(line for line in printed.splitlines() if line.startswith("Amount due"))
    assert due in done.stdout


def test_the_readme_opens_with_the_two_commands_and_stays_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = BLOCK.findall(text)[0].splitlines()
    assert [line.split()[:2] for line in first] == [["make", "demo"], ["make", "test"]]
    assert len(text.splitlines()) <= 170


def test_every_link_of_the_readme_leads_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert len(links) > 5
