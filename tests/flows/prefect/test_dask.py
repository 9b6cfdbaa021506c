"""`billfold bill --prefect --runner dask`: the flow's groups of buckets are tasks on the workers of a Dask cluster."""

from pathlib import Path

import pytest

from flows.bill_period import bill_period
from flows.lake.journal import Lake
from flows.reference import load_reference
from tests.flows.cli.worked import RECEIVED, billfold, write_world
from tests.flows.prefect.operated import Operated

pytestmark = pytest.mark.xdist_group("prefect-server")


def test_the_flow_bills_on_workers_to_the_commit_that_threads_make(operated: Operated, tmp_path: Path):
    (tmp_path / "flow").mkdir()
    (tmp_path / "plain").mkdir()
    lake, plain = write_world(tmp_path / "flow"), write_world(tmp_path / "plain")
    for one in (lake, plain):
        billfold("init", one)
        billfold("ingest", one.parent / "usage", "--lake", one, "--received-at", RECEIVED)
    bill_period(Lake.open(plain), load_reference(plain.parent / "reference"), period="2026-10", groups=2)
    record = operated.billfold("bill", "--period", "2026-10", "--groups", "2", "--runner", "dask", "--lake", lake)
    assert record["status"] == "committed"
    hashes = [[commit.hash for commit in Lake.open(one).commits()] for one in (lake, plain)]
    assert hashes[0] == hashes[1]
    runs = {run["name"]: run for run in operated.ask("task_runs/filter", {})}
    assert runs["bill buckets 00-07"]["state_type"] == runs["bill buckets 08-15"]["state_type"] == "COMPLETED"
