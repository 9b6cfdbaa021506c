"""A run that dies leaves nothing half done; of two runs at once one commits, and the other finds nothing to do."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.lake.audit import audit
from flows.lake.views import connect
from tests.flows.billing.months import Month

BILL = """
import sys
from pathlib import Path
from flows.bill_period import bill_period
from flows.lake.journal import Lake
from flows.reference import load_reference
lake, reference = Lake.open(Path(sys.argv[1])), load_reference(Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
print(bill_period(lake, reference, period="2026-10").status, flush=True)
"""
KILLS = 10


def billing(month: Month) -> subprocess.Popen[str]:
    """A process that is about to bill, waiting for a line on its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-c", BILL, str(month.lake.root), str(month.reference_folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def content(month: Month) -> dict[str, list[tuple[object, ...]]]:
    """Everything a bill says, sorted."""
    tables = ("charges", "allocations", "tax_breakdown", "tax_shares", "grant_movements", "invoices", "invoice_lines")
    return {name: month.ask(f"select * from {name} order by all") for name in (*tables, "ledger_entries")}


@pytest.fixture
def landed(tmp_path: Path) -> Month:
    month = Month(tmp_path)
    month.ingest()
    month.operate()
    return month


def test_killed_at_ten_moments_the_views_show_the_old_state_or_the_new(landed: Month, tmp_path: Path) -> None:
    (tmp_path / "undisturbed").mkdir()
    undisturbed = Month(tmp_path / "undisturbed").whole()
    wanted, before = content(undisturbed), content(landed)
    process = billing(undisturbed)
    began = time.monotonic()
    start(process)
    process.wait()
    # nothing to do takes a part of what a whole run takes; go a few times beyond it to reach every stage
    duration = max(0.2, 4 * (time.monotonic() - began))
    for kill in range(KILLS):
        process = billing(landed)
        start(process)
        time.sleep(duration * (kill + 1) / KILLS)
        process.kill()
        process.wait()
        shown = content(landed)
        assert shown in (before, wanted), f"half a run is visible after kill {kill}"
        with connect(landed.lake) as connection:
            assert audit(connection) == []
    assert landed.bill().status in ("committed", "nothing to do")
    assert content(landed) == wanted


def test_of_two_runs_at_once_one_commits_and_the_other_has_nothing_to_do(landed: Month) -> None:
    before = landed.lake.head().number
    processes = [billing(landed), billing(landed)]
    for process in processes:
        start(process)
    said = sorted(process.communicate()[0].strip() for process in processes)
    assert said == ["committed", "nothing to do"]
    assert landed.lake.head().number == before + 1
