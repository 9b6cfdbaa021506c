"""One server and one worker for all tests of this folder that ask for them."""

from collections.abc import Iterator

import pytest
from prefect.server.api.server import SubprocessASGIServer

from tests.flows.prefect.operated import Operated


@pytest.fixture(scope="package", autouse=True)
def _temporary_server() -> Iterator[None]:
    """The server that Prefect starts where there is none would go on, and work, until the last test of the suite."""
    yield
    SubprocessASGIServer().stop()


@pytest.fixture(scope="package")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A server on which prefect.yaml is registered; its worker is started by the first test that needs one."""
    found = Operated(tmp_path_factory.mktemp("operated"))
    try:
        found.start_server()
        found.deploy()
        yield found
    finally:
        found.stop()
