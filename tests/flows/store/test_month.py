"""A month on an object store, by the commands people type: the month of a folder, whatever fails on the way."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flows.lake.journal import Lake
from tests.flows.cli.worked import RECEIVED, billfold, write_world
from tests.flows.store.s3 import KEY, SECRET, Server

pytestmark = pytest.mark.xdist_group("s3")

ADDRESS = "s3://books/eu/lake"
RECORD = r"journal/0+\d\.json"

FAILS: dict[str, tuple[dict[str, Any], ...]] = {
    "init": ({"method": "PUT", "path": RECORD, "how": "503", "times": 2},),
    "ingest": ({"method": "PUT", "path": "usage_series", "how": "503", "times": 2},),
    "operations": ({"method": "PUT", "path": RECORD, "how": "503", "times": 2},),
    "bill": (
        {"method": "PUT", "path": RECORD, "how": "lost", "times": 2},
        {"method": "GET", "path": "journal/000000000003", "how": "503", "times": 9},
    ),
    "issue": ({"method": "PUT", "path": "lake/[a-i]", "how": "403", "after": 1},),
}
"""What goes wrong when a command is run for the first time: with the record, among its files, after the record."""

MONTH = (
    ("init",),
    ("ingest", "usage", "--received-at", RECEIVED),
    ("operations", "operations.jsonl", "--received-at", RECEIVED),
    ("bill", "--period", "2026-10"),
    ("issue", "--period", "2026-10", "--issue-date", "2026-11-03", "--received-at", RECEIVED),
)
QUESTIONS = (
    ("audit", "--verify"),
    ("show", "invoices", "--json"),
    ("show", "invoice", "acme"),
    ("explain", "acme/1", "--json"),
    ("sql", "select * from main.Ledger_entries order by all", "--csv"),
    ("sql", "select count(*) from duckdb_views() where schema_name = 'main'", "--csv"),
    ("status", "--at", RECEIVED, "--json"),
)


def asked(folder: Path, lake: str | Path, *command: str) -> Any:
    """A command, on a lake and the reference tables of the world."""
    words = [str(folder / word) if (folder / word).exists() else word for word in command]
    where = [str(lake)] if words[0] == "init" else ["--lake", str(lake)]
    return billfold(*words, *where, "--reference", folder / "reference")


def test_a_month_in_an_object_store_is_that_of_a_folder_though_every_run_of_it_fails_once(
    s3: Server, tmp_path: Path
) -> None:
    folder = write_world(tmp_path)
    for command in MONTH:
        said = asked(tmp_path, folder, *command)
        assert said.code == 0, said.both
        s3.goes_wrong(*FAILS[command[0]])
        failed = asked(tmp_path, ADDRESS, *command)
        assert failed.code == 1, failed.both
        assert re.match(r"billfold: s3://books/eu/lake.*: the store answered [45]\d\d", failed.err), failed.err
        assert SECRET not in failed.both
        assert KEY not in failed.both
        s3.goes_wrong()
        again = asked(tmp_path, ADDRESS, *command)
        assert again.code == 0, again.both
    here, there = Lake.open(folder), Lake.open(ADDRESS)
    assert [commit.hash for commit in there.commits()] == [commit.hash for commit in here.commits()]
    names = there.store.names("")
    assert names == [name for name in here.store.names("") if name != "billing.duckdb"]
    for name in names:
        with there.store.open(name) as theirs, here.store.open(name) as ours:
            content = theirs.read()
            assert content == ours.read(), name
        assert SECRET.encode() not in content
        assert KEY.encode() not in content
    _answers_are_the_same(tmp_path, folder)


def _answers_are_the_same(world: Path, folder: Path) -> None:
    for question in QUESTIONS:
        ours, theirs = asked(world, folder, *question), asked(world, ADDRESS, *question)
        assert (theirs.code, theirs.out) == (ours.code, ours.out), question
        assert theirs.code == 0
    exported = {}
    for lake in (folder, ADDRESS):
        out = world / f"export of {'folder' if lake == folder else 's3'}"
        assert billfold("export", out, "--principal", "operator", "--lake", lake).code == 0
        exported[str(lake)] = json.loads((out / "manifest.json").read_text())
    assert exported[str(folder)] == exported[ADDRESS]


def test_commands_say_the_address_as_it_was_typed_and_views_say_where_the_database_is(
    s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = billfold("init", ADDRESS)
    assert f"lake       {ADDRESS}" in said.out
    assert f"reference  {tmp_path}/reference" in said.out
    assert f"--lake {ADDRESS}" in said.out
    published = billfold("views", "--lake", ADDRESS).out.splitlines()[-1]
    assert published.startswith(f"published {tmp_path}/cache/")
    assert Path(published.removeprefix("published ")).is_file()
    assert f"{ADDRESS} already is a lake" in billfold("init", ADDRESS).err
    assert "s3://books/none is not a lake" in billfold("show", "runs", "--lake", "s3://books/none").err
