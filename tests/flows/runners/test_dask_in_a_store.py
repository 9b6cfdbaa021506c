"""A bill on the workers of a Dask cluster whose lake is in an object store: each reaches it as its environment says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

pytest.importorskip("obstore", reason="obstore is not installed: it comes with the extra s3")

from flows.dask_cluster import Workers, refuse_unlike, sealed
from flows.lake import writers
from flows.lake.addresses import store_at
from flows.lake.journal import Lake
from flows.lake.store import Folder
from flows.run import Refusal
from tests.flows.runners.dying import KILLED, dies_once, told
from tests.flows.runners.landed import Landed, bytes_of
from tests.flows.runners.test_dask import Doing, billed, planned
from tests.flows.store.s3 import KEY, SECRET, Server

pytestmark = pytest.mark.xdist_group("dask")

ADDRESS = "s3://books/eu/lake"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of copies of the workers, as if they were another machine."""
    return tmp_path_factory.mktemp("another machine")


@pytest.fixture(scope="module")
def workers(client: Client, server: Server, elsewhere: Path) -> Iterator[Client]:
    """Two processes whose environment says where the store is and who they are to it."""
    environment = {**server.environment, "BILLFOLD_CACHE": str(elsewhere)}
    client.run(told, **environment)
    yield client
    client.run(told, **dict.fromkeys(environment, ""))


@pytest.fixture
def lake(s3: Server, landed: Landed) -> Lake:
    """The landed month in the store, object by object."""
    here, there = Folder(landed.root), store_at(ADDRESS)
    for name in here.names(""):
        with here.open(name) as file:
            there.put(name, file.read())
    return Lake.open(ADDRESS)


def test_a_worker_that_cannot_reach_the_store_is_named_with_what_to_do(
    workers: Client, landed: Landed, lake: Lake, s3: Server
):
    first, other = sorted(workers.scheduler_info()["workers"])
    sent = sealed(planned(landed, lake))
    refuse_unlike(workers, sent)
    lacks = {
        "there are no credentials": {"AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true"},
        "journal/000000000000.json: the store cannot be reached": {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
    }
    for lack, environment in lacks.items():
        workers.run(told, **environment, workers=[first])
        with pytest.raises(Refusal, match="nothing is computed") as refused:
            refuse_unlike(workers, sent)
        workers.run(told, **s3.environment, workers=[first])
        said = str(refused.value).splitlines()
        assert said[1].startswith(f"  {first}: it does not see the lake {ADDRESS}: ")
        assert said[1].endswith(lack)
        assert said[2:] == [
            f"install the same there, start workers with AWS_ENDPOINT_URL={s3.url} and credentials of their own that "
            f"reach {ADDRESS}, and run it again"
        ]
        assert other not in str(refused.value)
    assert KEY.encode() not in sent.plan
    assert SECRET.encode() not in sent.plan, "who may write is no part of a plan: each worker says it for itself"


def test_the_files_and_the_commit_are_those_of_threads_on_a_folder_though_a_worker_is_killed(
    workers: Client, landed: Landed, on_threads: Lake, lake: Lake, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BILLFOLD_CACHE", str(elsewhere))  # of the process that is started in the place of the killed
    ids = set(workers.run(told).values())
    billed(landed, lake, Doing(Workers(workers), dies_once))
    killed = int((elsewhere / KILLED).read_text())
    assert killed in ids
    assert killed not in workers.run(told).values()
    assert bytes_of(lake) == bytes_of(on_threads)
    assert [commit.hash for commit in lake.commits()] == [commit.hash for commit in on_threads.commits()]
    fetched = [path for path in (elsewhere.glob("*/copies/usage_records")) if any(path.rglob("*.parquet"))]
    assert len(fetched) == 1, "workers fetched the usage, whatever copies this process has"
    lake.close()
    leases = list(store_at(ADDRESS)._bucket.times(writers.LEASES))
    assert len(leases) == 1, "that of the killed worker, which cannot take it back; the others ended with their groups"
