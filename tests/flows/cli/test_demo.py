"""`python -m flows.demo`: the whole story, in a process of its own, small."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from flows import demo


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    command = [sys.executable, "-m", "flows.demo", str(folder), "--accounts", "8", "--rows", "6000"]
    return folder, subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_demo_tells_the_whole_story(told: tuple[Path, subprocess.CompletedProcess[str]]):
    _, said = told
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stderr == ""
    for chapter in ("billfold init", "billfold ingest", "billfold operations", "billfold bill", "billfold issue"):
        assert f"{chapter} " in said.stdout
    for word in ("R_DUPLICATE_CONFLICT", "O_FORBIDDEN", "exit code 3", "invariants hold"):
        assert word in said.stdout


def test_the_invoice_shows_discount_bonus_lowered_tax_and_credit(told: tuple[Path, subprocess.CompletedProcess[str]]):
    page = told[1].stdout
    for text in (
        "Halden Robotics GmbH",
        "Discount 10 %",
        "Autumn bonus for AI models",
        "BT-110",
        "Prepaid credit",
        "BT-115",
    ):
        assert text in page


def test_the_commands_to_try_next_work_as_they_stand(told: tuple[Path, subprocess.CompletedProcess[str]]):
    commands = told[1].stdout.partition("To try next\n")[2].partition("\n\n")[0].splitlines()
    assert len(commands) == 3
    for command in commands:
        said = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=120, check=False)
        assert said.returncode == 0, f"{command}\n{said.stderr}"
        assert said.stdout


def test_a_former_demo_is_replaced_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "thesis.txt").write_text("mine")
    assert demo.main([str(tmp_path)]) == 1
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert "not a former demo" in capsys.readouterr().out
