"""Where nobody is at the other end of a stream, a command does its work all the same and gives its own exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.cli.worked import RECEIVED

ROW = "u-1,nobody,vm,vm-small,2026-10-05T00:00:00Z,2026-10-05T01:00:00Z,1,hour"
HEADER = (
    "usage_record_id,billing_account_id,resource_id,sku_id,charge_period_start,charge_period_end,"
    "consumed_quantity,consumed_unit"
)


@pytest.mark.parametrize("ending", ["<&- >&- 2>&-", "| true"])
def test_a_command_that_nobody_listens_to_gives_the_exit_code_of_what_it_did(
    drafts: Path, tmp_path: Path, ending: str
) -> None:
    """A delivery with a reject ends with 3, read or not; it is not taken for one without, nor for a run refused."""
    (tmp_path / "usage.csv").write_text(f"{HEADER}\n{ROW}\n")
    lake = tmp_path / "lake"
    subprocess.run(["cp", "-r", drafts, lake], check=True)
    options = f"--lake '{lake}' --reference '{drafts.parent / 'reference'}' --received-at {RECEIVED}"
    command = f"'{sys.executable}' -m flows.cli ingest '{tmp_path / 'usage.csv'}' {options} {ending}"
    said = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert (said.returncode, said.stderr) == (3, "")
    journal = len(list((lake / "journal").glob("0*")))
    assert journal == len(list((drafts / "journal").glob("0*"))) + 1
