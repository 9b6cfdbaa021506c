"""`make server`, `make deploy`, `make worker`: Prefect's own server, deployments and worker, set up for one machine.

Everything lies in `.prefect` of the folder it is started in, and listens on the loopback address alone; where a user
has set PREFECT_HOME or PREFECT_API_URL, those count. Nothing is sent anywhere.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.orchestrated import QUIET, SETTINGS
from flows.scheduled_runs import HOME, address
from flows.show.console import say, warn

HOST, PORT = "127.0.0.1", 4200
API = f"http://{HOST}:{{port}}/api"
POOL = "billfold"
DEPLOYMENTS = Path("prefect.yaml")
AT_ONCE = 2
"""How many runs a worker has at once: a run uses every core it finds."""

SERVER = {
    "PREFECT_SERVER_API_HOST": HOST,
    # leases of concurrency slots outlive the server: else one that dies during a run would keep its slot for ever
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "900",  # one that waits for its turn is not late yet
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}

PROFILE = """# written by `make server`, so that every command finds the server of this folder
active = "billfold"

[profiles.billfold]
PREFECT_API_URL = "{address}"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the three."""
    parser = argparse.ArgumentParser(prog="python -m flows.orchestrated.operating", description=__doc__)
    parser.add_argument("what", choices=("server", "deploy", "worker"))
    parser.add_argument("--port", type=int, default=PORT, help="Where the server listens, and is looked for.")
    told = parser.parse_args(arguments)
    environment = settings()
    if told.what == "server":
        _note(environment, told.port)
        return _becomes(["server", "start", "--host", HOST, "--port", str(told.port)], environment)
    environment.setdefault("PREFECT_API_URL", address() or API.format(port=told.port))
    if told.what == "worker":
        named = ["--pool", POOL, "--type", "process", "--name", "billfold", "--limit", str(AT_ONCE)]
        return _becomes(["worker", "start", *named], environment)
    os.environ.update(environment)
    return deploy()


def settings() -> dict[str, str]:
    """The environment of a server, a worker or a registration; what the user has set stays, and their log is seen."""
    loud = {name: value for name, value in os.environ.items() if QUIET.get(name) != value}
    environment = {**SETTINGS, **SERVER, "PREFECT_HOME": str(HOME.absolute()), **loud}
    Path(environment["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    return environment


def _note(environment: Mapping[str, str], port: int) -> None:
    """Leave the address where every command of this folder finds it; a home of the user's own is left alone."""
    if environment["PREFECT_HOME"] == str(HOME.absolute()):
        (HOME / "profiles.toml").write_text(PROFILE.format(address=API.format(port=port)), encoding="utf-8")


def _becomes(command: Sequence[str], environment: dict[str, str]) -> int:
    """Prefect takes the place of this process, so that signals reach it."""
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "prefect", *command], environment)


def deploy() -> int:
    """Register the work pool, the deployments of prefect.yaml and the automations; again brings them up to date."""
    if not DEPLOYMENTS.exists():
        warn(f"billfold: there is no {DEPLOYMENTS} here; run this at the top of the project")
        return 1
    fault = _make_pool()
    if fault:
        warn(f"billfold: the Prefect server does not answer: {fault}; start it: make server")
        return 1
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(DEPLOYMENTS)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        warn(said.stdout + said.stderr)
        return 1
    _tell(_automations())
    return 0


def _make_pool() -> str | None:
    """Make the pool that the worker takes runs from, where there is none; gives why the server cannot be asked."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    try:
        with get_client(sync_client=True) as client:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    except ObjectAlreadyExists:
        return None
    except (httpx.HTTPError, RuntimeError) as fault:
        return str(fault) or type(fault).__name__
    return None


def _automations() -> list[str]:
    from prefect.client.orchestration import get_client

    from flows.orchestrated.alerts import register

    with get_client(sync_client=True) as client:
        return register(client)


def _tell(automations: Sequence[str]) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        flows = {one.id: one.name for one in client.read_flows()}
        names = sorted(f"{flows[one.flow_id]}/{one.name}" for one in client.read_deployments())
    for name in names:
        say(f"deployment  {name}")
    for name in automations:
        say(f"automation  {name}")
    say("next        make worker, which runs them; what runs when: billfold status")


if __name__ == "__main__":
    sys.exit(main())
