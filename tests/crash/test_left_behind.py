"""The world of a test run that was killed is cleared up by the next; that of one which lives is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.crash.conftest import PREFIX, clear_up


def test_the_worlds_of_dead_processes_are_removed_and_no_others(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    worlds = [f"{PREFIX}{dead.pid}-abc", f"{PREFIX}{os.getpid()}-abc", f"{PREFIX}abc-1", "another"]
    for name in worlds:
        (tmp_path / name / "lake").mkdir(parents=True)
    clear_up(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(worlds[1:])
