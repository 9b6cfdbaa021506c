"""What the program sets before Prefect is imported, and what it leaves to the user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.orchestrated import QUIET, SETTINGS
from flows.orchestrated.operating import main, settings
from flows.scheduled_runs import address
from flows.show.texts import markdown_cell

SHOWN = """
import os
before = "prefect" in __import__("sys").modules
import flows.orchestrated
print(before, "prefect" in __import__("sys").modules)
for name in (
    "DO_NOT_TRACK",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL",
):
    print(name, os.environ.get(name))
"""


def shown(**environment: str) -> list[str]:
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS | QUIET}
    said = subprocess.run(
        [sys.executable, "-c", SHOWN], capture_output=True, text=True, env=clean | environment, timeout=60, check=True
    )
    return said.stdout.splitlines()


def test_the_user_sets_nothing():
    assert shown() == [
        "False False",
        "DO_NOT_TRACK 1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS 120",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL CRITICAL",
    ]


def test_what_the_user_has_set_stays_and_who_debugs_sees_the_log():
    found = shown(PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="7", BILLFOLD_DEBUG="1")
    assert found[2:] == [
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS 7",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL None",
    ]


def test_no_name_breaks_out_of_a_table_of_the_summary():
    assert markdown_cell("a|b\n# c <script>") == r"a\|b\\n# c &lt;script&gt;"


def test_a_server_keeps_all_in_the_folder_it_is_started_in_and_listens_on_the_loopback_address_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PREFECT_HOME")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    began: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda program, command, environment: began.append(command))
    main(["server", "--port", "4321"])
    assert settings()["PREFECT_HOME"] == str(tmp_path / ".prefect")
    assert settings()["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert began[0][3:] == ["server", "start", "--host", "127.0.0.1", "--port", "4321"]
    assert address() == "http://127.0.0.1:4321/api"


def test_a_home_and_a_server_of_the_users_own_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "mine"))
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example/api")
    began: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda program, command, environment: began.append(environment))
    main(["worker"])
    assert began[0]["PREFECT_HOME"] == str(tmp_path / "mine")
    assert began[0]["PREFECT_API_URL"] == "http://prefect.example/api"
    assert list((tmp_path / "mine").iterdir()) == []


def test_without_a_server_registering_says_how_to_start_one(tmp_path: Path):
    (tmp_path / "prefect.yaml").write_text("deployments: []")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    said = subprocess.run(
        [sys.executable, "-m", "flows.orchestrated.operating", "deploy", "--port", "9"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=clean,
        timeout=240,
        check=False,
    )
    assert said.returncode == 1
    assert "the Prefect server does not answer" in said.stderr
    assert "make server" in said.stderr
    assert "Traceback" not in said.stderr
