"""`billfold … --prefect` against a Prefect server of its own process, as `prefect server start` makes one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.worked import RECEIVED, billfold, write_world

pytestmark = pytest.mark.xdist_group("prefect")

STARTS_WITHIN = 180


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API address of a running server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("prefect")
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "WARNING"}
    environment = {**os.environ, **quiet, "PREFECT_HOME": str(home), "PREFECT_SERVER_UI_ENABLED": "false"}
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    address = f"http://127.0.0.1:{port}/api"
    try:
        _wait_for(address, process, log)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")


def asked(address: str, what: str) -> list[Any]:
    request = urllib.request.Request(
        f"{address}/{what}/filter", data=b"{}", headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: list[Any] = json.load(answer)
    return found


def test_a_month_is_billed_on_a_server_that_runs_already(server: str, tmp_path: Path):
    lake = write_world(tmp_path)
    billfold("init", lake)
    billfold("ingest", tmp_path / "usage", "--lake", lake, "--received-at", RECEIVED)
    command = [sys.executable, "-m", "flows.cli", "bill", "--period", "2026-10", "--prefect", "--json"]
    said = subprocess.run(
        [*command, "--lake", str(lake)],
        capture_output=True,
        text=True,
        env={**os.environ, "PREFECT_API_URL": server, "PREFECT_HOME": str(tmp_path / "home")},
        timeout=300,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert said.stderr == ""
    record = json.loads(said.stdout)
    assert record["status"] == "committed"
    assert [run["state_type"] for run in asked(server, "flow_runs")] == ["COMPLETED"]
    assert {one["key"] for one in asked(server, "artifacts")} == {"billfold-bill-period", "billfold-bill-2026-10"}
    names = {run["name"] for run in asked(server, "task_runs")}
    assert "bill buckets 00-15" in names
