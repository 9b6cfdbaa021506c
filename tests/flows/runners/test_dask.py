"""A bill on the workers of a Dask cluster: the same bytes as on threads, whatever becomes of a worker."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from flows import dask_cluster
from flows.bill_period import BillPlan, GroupResult, bill_period, plan_bill
from flows.dask_cluster import Workers, cluster, refuse_unlike, sealed
from flows.lake.journal import Lake
from flows.lake.store import Folder
from flows.progress import Progress
from flows.run import Refusal
from flows.runners import Runner, Work, runner
from tests.flows.cli.worked import billfold
from tests.flows.runners.dying import AT_WORK, KILLED, dies_once, pretend, pretend_no_more
from tests.flows.runners.landed import GROUPS, Landed, bytes_of

pytestmark = pytest.mark.xdist_group("dask")


class Doing:
    """A runner that does other work with groups than to bill them."""

    def __init__(self, place: Runner, work: Work) -> None:
        self.place, self.work = place, work

    def map(self, work: Work, plan: BillPlan, progress: Progress) -> list[GroupResult]:
        return self.place.map(self.work, plan, progress)


class Watching:
    """Is told how far a run has come, and looks whether another process could clear up in the lake."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seen: list[tuple[int, int]] = []
        self.alone: list[bool] = []

    def step(self, name: str) -> None:
        """Nothing is asked of a step."""

    def advance(self, done: int, total: int) -> None:
        self.seen.append((done, total))
        with Folder(self.root).alone() as is_alone:
            self.alone.append(is_alone)


def billed(landed: Landed, lake: Lake, place: Runner, **options: object) -> None:
    bill_period(lake, landed.reference(), period=landed.world.period, groups=GROUPS, runner=place, **options)  # type: ignore[arg-type]


def planned(landed: Landed, lake: Lake) -> BillPlan:
    plan = plan_bill(lake, landed.reference(), period=landed.world.period, groups=GROUPS)
    assert plan is not None
    return plan


# --- the same bytes ------------------------------------------------------------


def test_every_file_and_the_commit_are_those_of_threads(
    client: Client, landed: Landed, on_threads: Lake, tmp_path: Path
):
    lake = landed.lake(tmp_path)
    watching = Watching(lake.root)
    billed(landed, lake, Workers(client), progress=watching)
    assert bytes_of(lake) == bytes_of(on_threads)
    assert [commit.hash for commit in lake.commits()] == [commit.hash for commit in on_threads.commits()]
    assert watching.seen == [(done, GROUPS) for done in (1, 2, 3, 4)]


def test_what_workers_wrote_is_kept_until_the_commit_and_their_locks_end_with_a_group(
    client: Client, landed: Landed, tmp_path: Path
):
    lake = landed.lake(tmp_path)
    bill_period(lake, landed.reference(), period=landed.world.period, until=datetime(2026, 10, 15, tzinfo=UTC))
    lake.close()  # the reference tables are there: planning writes nothing
    watching = Watching(lake.root)
    billed(landed, lake, Workers(client), progress=watching)
    assert watching.alone == [False] * GROUPS
    lake.close()
    with Folder(lake.root).alone() as is_alone:
        assert is_alone, "a worker that lives on still holds the lock of writers"


def test_a_group_whose_worker_is_killed_is_billed_again_by_another_to_the_same_bytes(
    client: Client, landed: Landed, on_threads: Lake, tmp_path: Path
):
    lake = landed.lake(tmp_path)
    workers = set(client.run(os.getpid).values())
    billed(landed, lake, Doing(Workers(client), dies_once))
    killed = int((tmp_path / KILLED).read_text())
    assert killed in workers
    assert killed not in client.run(os.getpid).values()
    assert bytes_of(lake) == bytes_of(on_threads)
    assert len(lake.store.staged_files()) == 1, "what the dead worker was about to place"
    assert len(lake.sweep()) == 1
    assert bytes_of(lake) == bytes_of(on_threads)


# --- what travels ------------------------------------------------------------


def test_a_plan_travels_without_the_files_of_the_lake_it_was_read_from(landed: Landed, tmp_path: Path):
    plan = planned(landed, landed.lake(tmp_path))
    size = len(pickle.dumps(plan))
    assert len(plan.snapshot.visible) > len(plan.reference_files)
    assert len(pickle.dumps(plan)) == size < 50_000
    assert pickle.loads(pickle.dumps(plan)).snapshot.visible == plan.snapshot.visible


# --- who may not work ------------------------------------------------------------


@pytest.fixture
def unlike(client: Client) -> Iterator[list[int]]:
    """A function of the versions one worker, or all, pretend to have."""
    yield []
    client.run(pretend_no_more)


def test_a_worker_with_another_version_is_refused_by_name_before_anything_is_computed(
    client: Client, landed: Landed, unlike: list[int], tmp_path: Path
):
    lake = landed.lake(tmp_path)
    first, other = sorted(client.scheduler_info()["workers"])
    client.run(pretend, polars="2.0.0", workers=[first])
    before = lake.store.names("charges")
    with pytest.raises(Refusal, match="nothing is computed") as refused:
        billed(landed, lake, Workers(client))
    assert f"{first}: polars: 2.0.0 here, {dask_cluster.program()['polars']} where the run was started" in str(
        refused.value
    )
    assert other not in str(refused.value)
    assert lake.store.names("charges") == before == []


def test_a_worker_with_another_version_that_comes_after_the_others_were_asked_is_refused_too(
    client: Client, landed: Landed, unlike: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lake = landed.lake(tmp_path)
    client.run(pretend, duckdb="2.0.0")
    monkeypatch.setattr(dask_cluster, "refuse_unlike", lambda client, sent: None)
    with pytest.raises(Refusal, match=r"a worker that came later .* duckdb: 2\.0\.0 here"):
        billed(landed, lake, Workers(client))
    assert lake.store.names("charges") == []


def test_a_worker_with_other_code_of_billfold_is_refused(client: Client, landed: Landed, tmp_path: Path):
    sent = sealed(planned(landed, landed.lake(tmp_path)))
    other = replace(sent, program={**sent.program, "the files of billfold": "0" * 16})
    refuse_unlike(client, sent)
    with pytest.raises(Refusal, match=r"the files of billfold: [0-9a-f]{16} here, 0{16} where the run was started"):
        refuse_unlike(client, other)


def test_a_worker_that_does_not_see_the_lake_is_refused(client: Client, landed: Landed, tmp_path: Path):
    lake = landed.lake(tmp_path)
    sent = sealed(planned(landed, lake))
    lake.root.rename(tmp_path / "elsewhere")
    with pytest.raises(Refusal, match=r"journal/000000000000\.json is missing"):
        refuse_unlike(client, sent)


def test_a_worker_that_sees_another_lake_at_the_same_path_is_refused(client: Client, landed: Landed, tmp_path: Path):
    lake = landed.lake(tmp_path)
    plan = planned(landed, lake)
    sent = sealed(plan)
    shutil.copytree(lake.root, tmp_path / "copy")
    lake.root.rename(tmp_path / "elsewhere")
    (tmp_path / "copy").rename(lake.root)
    refuse_unlike(client, sent)  # the same books in another place are the same books
    other = Lake.create(tmp_path / "other")
    for _ in range(plan.head):
        other.commit(other.head(), run_id="other", command="other", inputs={}, added=[])
    shutil.copytree(tmp_path / "other" / "journal", lake.root / "journal", dirs_exist_ok=True)
    with pytest.raises(Refusal, match=f"commit {plan.head} of the lake .*: [0-9a-f]{{16}} here"):
        refuse_unlike(client, sent)


# --- clusters that are not there ------------------------------------------------------------


def test_an_address_where_nobody_answers_is_told_in_bounded_time(
    landed: Landed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 1)
    lake = landed.lake(tmp_path)
    began = time.monotonic()
    where = ("--lake", lake.root, "--reference", landed.world.reference_folder)
    asked = ("--runner", "dask", "--address", "tcp://127.0.0.1:9")
    said = billfold("bill", "--period", landed.world.period, *asked, *where)
    assert time.monotonic() - began < 10
    assert said.code == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in said.err
    assert "Traceback" not in said.err
    assert lake.head().number == lake.last_number()


def test_a_cluster_without_workers_is_told_in_bounded_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dask_cluster, "WORKER_SECONDS", 0.5)
    page = {"dashboard_address": "127.0.0.1:0"}
    with LocalCluster(
        n_workers=0, processes=False, dashboard_address=None, protocol="tcp://", scheduler_kwargs=page
    ) as empty:
        address = empty.scheduler_address
        with pytest.raises(Refusal, match=f"{address} has had no worker for 0.5 s"), cluster(address):
            pass


def test_an_address_is_of_the_dask_runner_alone(landed: Landed, tmp_path: Path):
    said = billfold("bill", "--period", landed.world.period, "--address", "tcp://127.0.0.1:9", "--lake", tmp_path)
    assert said.code == 2
    assert "--address is of a Dask cluster; add --runner dask" in said.err


def test_where_the_extra_is_not_installed_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Refusal, match=r"pip install 'billfold\[dask\]'"), runner("dask"):
        pass


# --- stopped ------------------------------------------------------------

BILL = """
import sys
from pathlib import Path
from flows import bill_period, cli
from tests.flows.runners.dying import waits
if __name__ == "__main__":
    bill_period.bill_group = waits
    sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c_ends_the_run_and_every_process_of_its_cluster(landed: Landed, tmp_path: Path):
    lake = landed.lake(tmp_path)
    script = tmp_path / "bill.py"
    script.write_text(BILL)
    where = ["--lake", str(lake.root), "--reference", str(landed.world.reference_folder)]
    process = subprocess.Popen(
        [
            sys.executable,
            str(script),
            "bill",
            "--period",
            landed.world.period,
            "--groups",
            "2",
            "--runner",
            "dask",
            *where,
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while not (tmp_path / AT_WORK).is_dir() and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C reaches the workers too
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopped; what was not committed by then has changed nothing" in err
    assert "Traceback" not in err
    assert [one.name for one in (tmp_path / AT_WORK).iterdir() if Path("/proc", one.name).exists()] == []
    assert lake.last_number() == 2, "usage and operations landed, nothing was billed"
