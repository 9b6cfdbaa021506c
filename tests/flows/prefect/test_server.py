"""`billfold … --prefect` against a Prefect server of its own process, as `make server` makes one."""

from pathlib import Path

import pytest

from tests.flows.cli.worked import RECEIVED, billfold, write_world
from tests.flows.prefect.operated import Operated

pytestmark = pytest.mark.xdist_group("prefect-server")


def test_a_month_is_billed_on_a_server_that_runs_already(operated: Operated, tmp_path: Path):
    lake = write_world(tmp_path)
    billfold("init", lake)
    billfold("ingest", tmp_path / "usage", "--lake", lake, "--received-at", RECEIVED)
    record = operated.billfold("bill", "--period", "2026-10", "--lake", lake)
    assert record["status"] == "committed"
    own = {"flow_runs": {"deployment_id": {"is_null_": True}}}
    runs = [run for run in operated.ask("flow_runs/filter", own) if run["parameters"].get("lake") == str(lake)]
    assert [run["state_type"] for run in runs] == ["COMPLETED"]
    names = {run["name"] for run in operated.ask("task_runs/filter", own)}
    assert {"plan 2026-10", "bill buckets 00-15"} <= names
    assert {one["key"] for one in operated.ask("artifacts/filter", own)} == {
        "billfold-bill-period",
        "billfold-bill-2026-10",
        "billfold-changes-2026-10",
        "billfold-commit-record",
        "billfold-database",
    }
