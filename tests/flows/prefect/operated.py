"""A real Prefect server with the deployments of prefect.yaml, and a worker, in a folder of their own, as by `make`."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from flows.scheduled_runs import HOME

PROJECT = Path(__file__).parents[3]
WITHIN = 240.0
"""Seconds that anything may take on a machine that does much else; on a quiet one it takes two to fifteen."""

FAST = {
    "PREFECT_WORKER_QUERY_SECONDS": "0.5",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # runs are scheduled when a test says so
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
}
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

GATE = """
import os, sys, time

def at_the_commit(event, arguments):
    gate = os.environ.get("GATE")
    if event == "os.link" and gate and f"{os.sep}journal{os.sep}" in str(arguments[1]) and os.path.exists(gate):
        open(gate + ".reached", "w").close()
        while os.path.exists(gate):
            time.sleep(0.02)

sys.addaudithook(at_the_commit)
"""
"""Loaded by the Python of a run that is given it: where the gate is shut, the run waits right before it commits."""

Found = TypeVar("Found")


def until(ask: Callable[[], Found | None], what: str, within: float = WITHIN) -> Found:
    """Ask until there is an answer."""
    last = time.monotonic() + within
    while time.monotonic() < last:
        found = ask()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {within:.0f} s: {what}")


class Operated:
    """A folder with prefect.yaml, in which a server and a worker run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / "prefect.yaml", folder / "prefect.yaml")
        (folder / "gate").mkdir()
        (folder / "gate" / "sitecustomize.py").write_text(GATE)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/api"
        unset = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        self.environment = {**unset, **FAST}
        self.server = self.worker = None

    # --- processes ------------------------------------------------------------

    def start_server(self) -> None:
        """`make server`."""
        self.server = self._begin("server", "--port", str(self.port))
        until(self._is_up, f"the server starts:\n{self._said('server')}")

    def deploy(self) -> str:
        """`make deploy`."""
        said = subprocess.run(
            [*_program(), "deploy"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=WITHIN,
        )
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout

    def start_worker(self) -> None:
        """`make worker`."""
        self.worker = self._begin("worker")

    def kill_server(self) -> None:
        """The server dies without a word."""
        assert self.server is not None
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()

    def stop(self) -> None:
        """Everything ends."""
        for process in (self.worker, self.server):
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in (self.worker, self.server):
            if process is None:
                continue
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _begin(self, what: str, *options: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                [*_program(), what, *options],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _is_up(self) -> bool:
        assert self.server is not None
        assert self.server.poll() is None, self._said("server")
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _said(self, what: str) -> str:
        return (self.folder / f"{what}.log").read_text()[-2000:]

    # --- the API that the pages use ------------------------------------------------------------

    def ask(self, what: str, body: Mapping[str, Any] | None = None, method: str = "POST") -> Any:
        """An answer of the API, asked again while its database is locked, as Prefect's clients do, or it is slow."""
        sent = None if method == "GET" else json.dumps(body or {}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/{what}", data=sent, headers=headers, method=method)

        def answered() -> Any:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return [json.loads(answer.read() or b"null")]
            except urllib.error.HTTPError as fault:
                if fault.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                return None
            except TimeoutError:  # what begins a run is told by its key that it was asked before
                return None

        return until(answered, f"{what} is answered; server.log in {self.folder} says why not")[0]

    def deployment(self, name: str) -> Any:
        """A deployment by the names of its flow and its own."""
        return self.ask(f"deployments/name/{name}", method="GET")

    def begin(self, name: str, *, at: str | None = None, gate: Path | None = None, **parameters: Any) -> str:
        """Start a run as the pages do, for an instant if asked; one with a gate waits there before it commits."""
        plain = {key: _plain(value) for key, value in parameters.items()}
        body: dict[str, Any] = {"idempotency_key": uuid.uuid4().hex, "parameters": plain}
        if at:
            body["state"] = {"type": "SCHEDULED", "state_details": {"scheduled_time": at}}
        if gate:
            gate.touch()
            path = [str(self.folder / "gate"), *filter(None, [os.environ.get("PYTHONPATH")])]
            body["job_variables"] = {"env": {"GATE": str(gate), "PYTHONPATH": os.pathsep.join(path)}}
        run: str = self.ask(f"deployments/{self.deployment(name)['id']}/create_flow_run", body)["id"]
        return run

    def run(self, run_id: str) -> Any:
        """A run as it stands."""
        return self.ask(f"flow_runs/{run_id}", method="GET")

    def end(self, run_id: str) -> Any:
        """A run when it has ended."""

        def ended() -> Any:
            found = self.run(run_id)
            return found if found["state"]["type"] in ENDED else None

        return until(ended, f"{run_id} ends:\n{self._said('worker')}")

    def done(self, name: str, **how: Any) -> Any:
        """A run that is completed."""
        found = self.end(self.begin(name, **how))
        assert found["state"]["type"] == "COMPLETED", found["state"]
        return found

    def at_the_gate(self, gate: Path) -> None:
        """A run waits right before it commits."""
        reached = gate.with_name(f"{gate.name}.reached")
        until(reached.exists, f"a run reaches {gate}:\n{self._said('worker')}")

    def billfold(self, *arguments: object) -> Any:
        """What a command, run by hand as a flow of this server, says as JSON; it must succeed and say nothing else."""
        command = [sys.executable, "-m", "flows.cli", *map(str, arguments), "--prefect", "--json"]
        own = {"PREFECT_API_URL": self.address, "PREFECT_HOME": str(self.folder / "by-hand")}
        said = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **own}, timeout=300, check=False
        )
        assert said.returncode == 0, said.stderr
        assert said.stderr == ""
        return json.loads(said.stdout)

    @property
    def home(self) -> Path:
        """Where Prefect keeps what it keeps."""
        return self.folder / HOME


def _program() -> list[str]:
    return [sys.executable, "-m", "flows.orchestrated.operating"]


def _plain(value: Any) -> Any:
    return (
        [str(one) for one in value]
        if isinstance(value, (list, tuple))
        else str(value)
        if isinstance(value, Path)
        else value
    )


def contents(lake: Path) -> dict[str, bytes]:
    """Every byte of a lake that its commits name, and of the commits themselves; views have the lake's path in them."""
    files = [path for path in lake.rglob("*") if path.is_file() and path.name not in ("billing.duckdb", ".writers")]
    return {str(path.relative_to(lake)): path.read_bytes() for path in files}
