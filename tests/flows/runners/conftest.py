"""A landed month, the same billed on threads, and a cluster of two processes for all tests of this folder."""

from collections.abc import Iterator

import pytest
from distributed import Client

from flows.bill_period import bill_period
from flows.dask_cluster import processes
from flows.lake.journal import Lake
from tests.flows.runners.landed import GROUPS, Landed


@pytest.fixture(scope="package")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    return Landed.make(tmp_path_factory.mktemp("landed"))


@pytest.fixture(scope="package")
def on_threads(landed: Landed, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The month, billed by threads of this process."""
    lake = landed.lake(tmp_path_factory.mktemp("threads"))
    bill_period(lake, landed.reference(), period=landed.world.period, groups=GROUPS)
    lake.close()
    return lake


@pytest.fixture(scope="package")
def client() -> Iterator[Client]:
    with processes(2) as client:
        yield client
