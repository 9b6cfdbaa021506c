"""What an operator does: `make server`, `make deploy`, `make worker`; runs by schedule, by hand, cancelled, cut off."""

import json
import os
import socket
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.lake.journal import Lake
from tests.flows.cli.worked import GRANTED, USAGE, billfold, write_reference
from tests.flows.prefect.operated import PROJECT, Operated, contents, until
from tests.flows.reference.world import as_csv, rows_of

pytestmark = pytest.mark.xdist_group("prefect-server")

RECEIVED = "2026-11-02T12:00:00Z"
MONTHS = ("2026-08", "2026-09", "2026-10")
SUMMER_BEGINS = [
    "2027-03-01T11:30:00Z",  # 03:30 in Los Angeles, eight hours behind
    "2027-04-01T10:30:00Z",  # and seven, since the clock went forward on 14 March
]
SUMMER_ENDS = [
    "2026-09-01T10:30:00Z",  # 03:30 in Los Angeles, seven hours behind
    "2026-10-01T10:30:00Z",
    "2026-11-01T11:30:00Z",  # an hour and a half after the clock went back: eight hours behind
]


def write_world(folder: Path) -> Path:
    """Three months of usage in a landing folder, reference tables, a bonus; gives the place for the lake."""
    write_reference(folder / "reference")
    (folder / "landing").mkdir()
    for month in MONTHS:
        header, *rows = rows_of(USAGE)
        named = [[f"{record_id}-{month[-2:]}", *rest] for record_id, *rest in rows]
        text = as_csv([header, *named]).replace("2026-10", month)
        (folder / "landing" / f"{month}.csv").write_text(text)
        os.utime(folder / "landing" / f"{month}.csv", (1, 1))
    grant = {**GRANTED, "operation_id": "op-1", "billing_account_id": "acme", "kind": "bonus", "name": "Welcome bonus"}
    (folder / "operations.jsonl").write_text(json.dumps(grant) + "\n")
    billfold("init", folder / "lake")
    return folder / "lake"


def by_commands(lake: Path, *commands: list[object]) -> Path:
    """The same by the command line."""
    for command in commands:
        said = billfold(*command, "--lake", lake)
        assert said.code == 0, said.both
    return lake


def landed_by_commands(folder: Path) -> Path:
    """A lake into which the world was landed."""
    lake = write_world(folder)
    files = sorted((folder / "landing").iterdir())
    return by_commands(
        lake,
        ["ingest", *files, "--received-at", RECEIVED],
        ["operations", folder / "operations.jsonl", "--received-at", RECEIVED],
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three months by the command line, the first of them issued."""
    lake = landed_by_commands(tmp_path_factory.mktemp("plain"))
    by_commands(lake, *(["bill", "--period", month] for month in MONTHS))
    return by_commands(lake, ["issue", "--period", MONTHS[0], "--issue-date", "2026-11-03", "--received-at", RECEIVED])


@pytest.fixture(scope="module")
def worked(operated: Operated) -> Operated:
    """The server, with a worker and the world in its folder."""
    write_world(operated.folder)
    operated.start_worker()
    return operated


def scheduled(operated: Operated, name: str, start: str, end: str) -> list[Any]:
    """The runs that a deployment's schedule has between two instants."""
    deployment = operated.deployment(name)["id"]
    operated.ask(f"deployments/{deployment}/schedule", {"start_time": start, "end_time": end, "min_runs": 3})
    between = {"after_": start, "before_": end}
    asked = {
        "deployments": {"id": {"any_": [deployment]}},
        "flow_runs": {"expected_start_time": between},
        "sort": "EXPECTED_START_TIME_ASC",
    }
    found: list[Any] = operated.ask("flow_runs/filter", asked)
    return found


def times(runs: list[Any]) -> list[str]:
    """When runs were scheduled for."""
    return [run["expected_start_time"] for run in runs]


# --- what is registered ------------------------------------------------------------


def test_every_deployment_of_the_file_is_registered_and_its_form_explains_each_parameter(operated: Operated):
    written = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    found = operated.ask("deployments/filter")
    assert sorted(one["name"] for one in found) == sorted(one["name"] for one in written)
    for one in found:
        shown = one["parameter_openapi_schema"]["properties"]
        assert all(parameter.get("description") for parameter in shown.values()), one["name"]
        assert one["concurrency_limit"] is None or one["global_concurrency_limit"]["limit"] == 1
    form = operated.deployment("backfill/on-demand")["parameter_openapi_schema"]["properties"]
    assert {"type": "string", "format": "date"} in form["issue_date"]["anyOf"]


def test_a_month_is_billed_at_the_same_hour_of_its_zone_before_and_after_the_clock_changes(operated: Operated):
    runs = scheduled(operated, "bill-month/americas", "2027-02-15T00:00:00Z", "2027-04-15T00:00:00Z")
    assert times(runs) == SUMMER_BEGINS


def test_the_zone_of_a_schedule_is_the_zone_whose_month_it_bills():
    written = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    zoned = [one for one in written if "time_zone" in one.get("parameters", {})]
    assert len(zoned) == 4
    for one in zoned:
        assert [schedule["timezone"] for schedule in one["schedules"]] == [one["parameters"]["time_zone"]]


def test_the_alerts_are_registered_and_registering_again_makes_no_second_ones(operated: Operated):
    from prefect.client.orchestration import SyncPrefectClient

    from flows.orchestrated.alerts import register

    with SyncPrefectClient(operated.address) as client:
        names = register(client)
    assert len(names) == 3
    assert sorted(one["name"] for one in operated.ask("automations/filter")) == sorted(names)


# --- what runs ------------------------------------------------------------


def test_missed_runs_are_made_up_for_in_the_order_of_their_months_one_at_a_time(worked: Operated, plain: Path):
    """Landed and issued through the API, billed by three runs that are months late: byte for byte the command line."""
    lake = worked.folder / "lake"
    worked.done("ingest-landing/hourly", received_at=RECEIVED)
    worked.done("operations/on-demand", files=[worked.folder / "operations.jsonl"], received_at=RECEIVED)
    late = scheduled(worked, "bill-month/americas", "2026-08-31T00:00:00Z", "2026-11-02T00:00:00Z")
    assert times(late) == SUMMER_ENDS
    runs = [worked.end(run["id"]) for run in late]
    assert [run["state"]["type"] for run in runs] == ["COMPLETED"] * 3
    runs.sort(key=lambda run: run["start_time"])
    for before, after in pairwise(runs):
        assert before["end_time"] <= after["start_time"]
    billed = [commit.inputs["billing_period"] for commit in Lake.open(lake).commits() if commit.command == "bill"]
    assert billed == list(MONTHS)
    worked.done("issue-invoices/on-demand", period=MONTHS[0], issue_date="2026-11-03", received_at=RECEIVED)
    assert contents(lake) == contents(plain)


def test_a_run_that_is_cancelled_leaves_nothing_behind_and_the_next_one_finishes(worked: Operated, tmp_path: Path):
    lake, gate = landed_by_commands(tmp_path / "operated"), tmp_path / "gate"
    expected = contents(by_commands(landed_by_commands(tmp_path / "plain"), ["bill", "--period", MONTHS[0]]))
    before = contents(lake)
    run = worked.begin("bill-period/on-demand", period=MONTHS[0], lake=lake, gate=gate)
    worked.at_the_gate(gate)
    assert len(contents(lake)) > len(before)  # all but the commit is written
    worked.ask(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    assert worked.end(run)["state"]["type"] == "CANCELLED"
    gate.unlink()
    until(lambda: contents(lake).keys() == before.keys(), "what the run left is removed")
    assert contents(lake) == before
    worked.done("bill-period/on-demand", period=MONTHS[0], lake=lake)
    assert contents(lake) == expected


def test_a_run_that_fails_is_told_of_and_its_page_says_why(worked: Operated):
    """The automation starts the notice: a line in a file, and a page."""
    found = worked.end(worked.begin("issue-invoices/on-demand", period="2025-01", issue_date="2025-02-03"))
    assert found["state"]["type"] == "FAILED"
    assert "O_NOTHING_TO_ISSUE" in found["state"]["message"]
    log = worked.home / "failures.log"
    told = f" Failed issue-invoices/{found['name']} {found['id']} "
    until(lambda: log.exists() and told in log.read_text(), "the notice is written")
    assert "O_NOTHING_TO_ISSUE" in next(line for line in log.read_text().splitlines() if told in line)


def test_pages_say_what_a_month_came_to_and_what_changed_against_the_month_before(worked: Operated):
    """After the three late runs: lines of 100 and 50 less 10 % are 135 a month; in October a bonus pays 40 of them."""
    found = worked.ask("artifacts/latest/filter", {"artifacts": {"key": {"like_": "billfold-"}}, "limit": 200})
    pages = {one["key"]: one["data"] for one in found}
    october = {"account": "acme", "currency": "EUR", "last month": "135.00", "this month": "95.00", "change": "-40.00"}
    assert json.loads(pages["billfold-changes-2026-10"]) == [october]
    assert pages["billfold-bill-2026-08"] == 100.0
    for words in ("as of commit", "## What changed since the commit before", "| amount due |", "billing.duckdb"):
        assert words in pages["billfold-bill-month"]
    assert "| 2026-08.csv | read | 7 | 7 | 0 | 0 | 0 |" in pages["billfold-ingest-landing"]


def test_status_tells_the_next_runs_and_that_a_server_does_not_answer(
    operated: Operated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lake = landed_by_commands(tmp_path / "world")
    monkeypatch.chdir(operated.folder)
    monkeypatch.delenv("PREFECT_HOME")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    told = json.loads(billfold("status", "--lake", lake, "--json").out)["schedule"]
    assert told["address"] == operated.address
    assert {one["name"] for one in told["deployments"]} >= {"bill-month/americas", "backfill/on-demand"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free.getsockname()[1]}/api")
    said = billfold("status", "--lake", lake)
    assert said.code == 0
    assert "does not answer: [Errno 111] Connection refused" in said.out


def test_a_server_that_dies_in_the_middle_of_a_run_changes_nothing(worked: Operated, tmp_path: Path):
    """The last test of this server: it is killed while a run waits to commit, and comes back."""
    lake, gate = landed_by_commands(tmp_path / "operated"), tmp_path / "gate"
    plain = by_commands(landed_by_commands(tmp_path / "plain"), ["bill", "--period", MONTHS[0]])
    run = worked.begin("bill-period/on-demand", period=MONTHS[0], lake=lake, gate=gate)
    worked.at_the_gate(gate)
    worked.kill_server()
    gate.unlink()
    until(lambda: Lake.open(lake).head().number == Lake.open(plain).head().number, "the run commits")
    worked.start_server()
    assert worked.end(run)["state"]["type"] == "COMPLETED"
    assert contents(lake) == contents(plain)
    by_commands(plain, ["bill", "--period", MONTHS[1]])
    worked.done("bill-period/on-demand", period=MONTHS[1], lake=lake)
    assert contents(lake) == contents(plain)
