"""A whole month from the command line, alone with its machine: no call leaves it, and no secret of the environment is
told to anybody.

The month runs once, in a process of its own under strace, with secrets in its environment, all that can be switched on
to make it talk, and commands that fail.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flows.billing.months import EXAMPLE, Month
from tests.flows.cli.worked import billfold

CANARY = "canary-7f3a9c51e2"
SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "PREFECT_API_KEY",
    "PREFECT_API_AUTH_STRING",
)
LOUD = {"BILLFOLD_DEBUG": "1", "RUST_BACKTRACE": "1", "PYTHONFAULTHANDLER": "1"}

COMMANDS = """
import json, sys
from flows import cli

for arguments in json.loads(sys.argv[1]):
    print("exit code", cli.main(arguments), arguments[0], flush=True)
"""

LEAVES = re.compile(r"\b(connect|sendto|sendmsg|bind)\(.*AF_INET6?\b")


@dataclass(frozen=True)
class Ran:
    """What the process left: what it said, which calls of the network it made, and the folder it worked in."""

    said: str
    calls: list[str]
    folder: Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    if shutil.which("strace") is None:
        pytest.skip("strace, which counts calls of the network, is not installed: apt-get install strace")
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(EXAMPLE, folder / "world")
    (folder / "tmp").mkdir()
    (folder / "script.py").write_text(COMMANDS)
    calls = folder / "calls.txt"
    watched = ["strace", "--follow-forks", "--seccomp-bpf", "--trace=network", f"--output={calls}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [*watched, sys.executable, str(folder / "script.py"), json.dumps(commands(folder))],
        cwd=folder,
        env={
            **environment,
            **LOUD,
            **dict.fromkeys(SECRETS, CANARY),
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": str(Path.cwd()),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.stdout + done.stderr, calls.read_text().splitlines(), folder)


def commands(folder: Path) -> list[list[str]]:
    """A month and what is asked of it; then a command of each kind that fails."""
    books = ["--lake", "lake", "--reference", "world/reference"]
    at = ["--received-at", "2026-11-02T06:00:00Z"]
    month = ["--period", "2026-10"]
    return [
        ["init", *books],
        ["ingest", "world/usage", *books, *at],
        ["operations", "world/operations/grants.jsonl", *books, *at],
        ["bill", *month, *books],
        ["issue", *month, "--issue-date", "2026-11-03", *books, *at],
        ["show", "invoices", *books],
        ["sql", "select count(*) from invoices", *books],
        ["audit", "--verify", *books],
        ["issue", *month, "--issue-date", "2026-11-03", *books, *at],
        ["ingest", "not-there", *books],
        ["bill", "--period", "2026-09", "--lake", "not-a-lake"],
        ["sql", "select * from read_csv('http://127.0.0.1:9/x.csv')", *books],
        ["sql", "select getenv('AWS_SECRET_ACCESS_KEY')", *books],
        ["bill", *month, "--lake", "lake", "--reference", "world/usage"],
    ]


def test_a_month_runs_to_its_end(ran: Ran) -> None:
    codes = [int(line.split()[2]) for line in ran.said.splitlines() if line.startswith("exit code")]
    assert codes == [0] * 8 + [1, 2, 1, 1, 1, 1], ran.said


def test_no_call_leaves_the_machine(ran: Ran) -> None:
    assert any("AF_UNIX" in call or "exited" in call for call in ran.calls)  # strace saw the processes
    assert [call for call in ran.calls if LEAVES.search(call)] == []


def test_a_call_that_leaves_would_be_seen(tmp_path: Path) -> None:
    """The same watch, on a program that asks the network."""
    if shutil.which("strace") is None:
        pytest.skip("strace, which counts calls of the network, is not installed: apt-get install strace")
    asks = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    calls = tmp_path / "calls.txt"
    watched = ["strace", "--follow-forks", "--seccomp-bpf", "--trace=network", f"--output={calls}"]
    subprocess.run([*watched, sys.executable, "-c", asks], check=True, timeout=60)
    assert [call for call in calls.read_text().splitlines() if LEAVES.search(call)]


def test_no_secret_is_told(ran: Ran) -> None:
    """Neither on a page, nor in an error, the journal, a file of the lake, or a file that tells of a fault."""
    assert "Traceback" in ran.said  # with BILLFOLD_DEBUG faults are told in full
    assert CANARY not in ran.said
    files = [path for path in ran.folder.rglob("*") if path.is_file()]
    assert any("journal" in path.parts for path in files)
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []


def test_a_store_that_refuses_is_told_without_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("obstore", reason="object stores need billfold[s3]")
    monkeypatch.setattr("flows.lake.bucket.RETRIES", 0)
    for name in SECRETS:
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("BILLFOLD_DEBUG", "1")
    said = billfold("show", "runs", "--lake", "s3://bucket/books")
    assert said.code == 1
    assert "127.0.0.1" in said.both or "bucket" in said.both
    assert CANARY not in said.both


def test_what_went_in_is_known_by_its_digest_and_shown(tmp_path: Path) -> None:
    """Each file as it came, and the reference tables a run used: in the journal, and where people ask."""
    from hashlib import sha256

    month = Month(tmp_path)
    month.ingest()
    month.bill()
    (file,) = (tmp_path / "world" / "usage").iterdir()
    digest = sha256(file.read_bytes()).hexdigest()
    _, landed, billed = month.lake.commits()
    assert [one["digest"] for one in landed.inputs["files"]] == [digest]
    assert month.ask("select file_digest from landed_files") == [(digest,)]
    said = json.loads(billfold("show", "files", "--json", "--lake", month.lake.root).out)
    assert [one["file_digest"] for one in said] == [digest]
    reference = month.reference().digest
    assert landed.inputs["reference_digest"] == billed.inputs["reference_digest"] == reference
    assert month.ask("select distinct reference_digest from runs where command <> 'init'") == [(reference,)]
