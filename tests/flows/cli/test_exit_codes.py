"""0 done, 3 done with rejects, 1 refused, 2 usage error; never a traceback."""

import json
import os
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.worked import RECEIVED, billfold, issue_all, write_reference, write_world


def test_each_step_of_a_month_ends_with_zero_and_again_with_nothing_to_do(tmp_path: Path):
    lake = write_world(tmp_path)
    steps = [
        ["ingest", tmp_path / "usage", "--received-at", RECEIVED],
        ["operations", tmp_path / "operations.jsonl", "--received-at", RECEIVED],
        ["bill", "--period", "2026-10"],
    ]
    assert billfold("init", lake).code == 0
    for step in steps:
        first, again = billfold(*step, "--lake", lake), billfold(*step, "--lake", lake)
        assert (first.code, again.code) == (0, 0), first.both + again.both
        assert "commit" in first.out
    assert "nothing to do" in again.out
    assert issue_all(lake).code == 0


def test_a_rejected_row_makes_it_three_and_the_page_says_why(tmp_path: Path):
    lake = write_world(tmp_path)
    usage = tmp_path / "usage" / "october.csv"
    usage.write_text(usage.read_text().replace("a1,acme,vm", "a1,acme,vm-unknown"))
    billfold("init", lake)
    said = billfold("ingest", tmp_path / "usage", "--lake", lake, "--received-at", RECEIVED)
    assert said.code == 3
    assert "R_UNKNOWN_SKU" in said.out
    assert "show rejected-rows" in said.out
    listed = billfold("show", "rejected-rows", "--lake", lake, "--json")
    assert [row["row_number"] for row in json.loads(listed.out)] == [1]


def test_a_rejected_operation_makes_it_three(tmp_path: Path):
    lake = write_world(tmp_path)
    operations = tmp_path / "operations.jsonl"
    operations.write_text(operations.read_text().replace('"40.00"', '"40.001"'))
    billfold("init", lake)
    said = billfold("operations", operations, "--lake", lake, "--received-at", RECEIVED)
    assert said.code == 3
    assert "O_PRECISE" in said.out


def test_a_principal_who_may_not_is_refused(drafts: Path, tmp_path: Path):
    lake = tmp_path / "lake"
    shutil.copytree(drafts, lake)
    shutil.copytree(drafts.parent / "reference", tmp_path / "reference")
    said = billfold("issue", "--period", "2026-10", "--issue-date", "2026-11-03", "--as", "nobody", "--lake", lake)
    assert said.code == 1
    assert "nobody" in said.both
    assert "traceback" not in said.both.lower()


@pytest.mark.parametrize("command", [["bill", "--period", "2026-10"], ["backfill"], ["backfill", "--dry-run"]])
def test_a_principal_whom_nobody_knows_runs_nothing(drafts: Path, command: list[str]):
    reference = ["--reference", drafts.parent / "reference"]
    before = sorted(path.name for path in (drafts / "journal").iterdir())
    said = billfold(*command, "--as", "nobody", "--lake", drafts, *reference)
    assert said.code == 1
    assert "nobody is not in principals; add a row, or say with --as who runs this" in said.err
    assert sorted(path.name for path in (drafts / "journal").iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["bill"], "--period"),
        (["bill", "--period", "October"], "2026-10"),
        (["bill", "--period", "2026-10", "--until", "soon"], "2026-11-01T12:00:00Z"),
        (["bill", "--period", "2026-10", "--groups", "0"], "at least 1"),
        (["bill", "--period", "2026-10", "--groups", "-1"], "at least 1"),
        (["issue", "--period", "2026-10", "--issue-date", "3.11.2026"], "2026-11-03"),
        (["ingest"], "--retry-rejects"),
        (["ingest", "no-such-file.csv"], "no-such-file.csv"),
        (["ingest", "pyproject.toml", "--received-at", "2026-11-01T12:00:00"], "offset"),
        (["bil"], "bill"),
        (["show", "runs", "--account", "acme"], "--account"),
        (["sample", "somewhere", "--accounts", "1"], "at least 2"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error_that_says_what_to_write(arguments: list[str], wanted: str):
    said = billfold(*arguments)
    assert said.code == 2
    assert wanted in " ".join(said.err.split()).replace("│ ", "")
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "to_do"),
    [
        (["show", "invoices"], "run: billfold init"),
        (["bill", "--period", "2026-10"], "run: billfold init"),
        (["sql", "select 1"], "run: billfold init"),
    ],
)
def test_where_there_is_no_lake_the_way_to_one_is_shown(tmp_path: Path, arguments: list[str], to_do: str):
    said = billfold(*arguments, "--lake", tmp_path / "none")
    assert said.code == 1
    assert to_do in said.err


@pytest.mark.parametrize(
    "query",
    ["drop table invoices", "select 1; select 2", "copy invoices to 'x'", "select * from read_text('/etc/passwd')"],
)
def test_sql_that_is_not_one_question_about_the_books_is_refused(books: Path, query: str):
    said = billfold("sql", query, "--lake", books)
    assert said.code == 1
    assert said.out == ""


def test_a_lake_is_made_once(books: Path):
    said = billfold("init", books)
    assert said.code == 1
    assert "already is a lake" in said.err


def test_init_writes_the_default_tables_only_where_there_are_none(tmp_path: Path):
    own = write_reference(tmp_path / "own" / "reference")
    before = sorted(path.name for path in own.iterdir())
    billfold("init", tmp_path / "own" / "lake")
    assert sorted(path.name for path in own.iterdir()) == before
    billfold("init", tmp_path / "new" / "lake")
    assert (tmp_path / "new" / "reference" / "grant_kinds.csv").is_file()


def test_an_init_that_is_killed_anywhere_is_made_whole_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Killed at every file it makes, moves or removes; until it is done there is no lake to be seen."""

    class Killed(BaseException):
        pass

    def whole(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (folder / "reference").iterdir()}

    def killed(folder: Path, at: int) -> bool:
        """Whether there is so late a call; what a call was about to do is not done."""
        left = at

        def counted(method: Any) -> Any:
            def call(*given: Any, **named: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Killed
                return method(*given, **named)

            return call

        with monkeypatch.context() as patch:
            for name in ("mkdir", "touch", "replace", "unlink"):
                patch.setattr(Path, name, counted(getattr(Path, name)))
            for where, name in ((shutil, "copyfile"), (os, "link")):
                patch.setattr(where, name, counted(getattr(where, name)))
            try:
                billfold("init", folder / "lake")
            except Killed:
                return True
            return False

    billfold("init", tmp_path / "undisturbed" / "lake")
    for number in count(1):
        folder = tmp_path / str(number)
        if not killed(folder, number):
            break
        is_lake = (folder / "lake" / "journal" / f"{0:012}.json").exists()
        said = billfold("init", folder / "lake")
        assert said.code == (1 if is_lake else 0), said.err
        assert whole(folder) == whole(tmp_path / "undisturbed")
        assert billfold("status", "--lake", folder / "lake").code == 0
    assert number > len(whole(tmp_path / "undisturbed"))


def test_every_fault_of_a_reference_folder_is_in_one_table(tmp_path: Path):
    lake = write_world(tmp_path)
    billfold("init", lake)
    skus = tmp_path / "reference" / "skus.csv"
    skus.write_text(skus.read_text().replace("hour,standard", "hour,").replace("mails,Mails sent,Mail", "mails,,Mail"))
    said = billfold("bill", "--period", "2026-10", "--lake", lake)
    assert said.code == 1
    assert said.err.count("skus.csv") >= 2
    assert "faults in the reference folder; nothing was read from it" in said.err


def test_what_nobody_foresaw_is_one_line_and_a_file(books: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("the disk sings")

    monkeypatch.setattr("flows.lake.one_question.safe_query", fails)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    said = billfold("sql", "select 1", "--lake", books)
    assert said.code == 1
    assert said.out == ""
    assert "the disk sings" in said.err
    assert "Traceback" not in said.err
    (details,) = tmp_path.glob("billfold-*.txt")
    assert str(details) in said.err
    assert "RuntimeError: the disk sings" in details.read_text()
    assert details.stat().st_mode & 0o077 == 0


def loading_stopped() -> ImportError:
    """Ctrl-C while an engine is loaded, as the engine says it."""
    fault = ImportError("initialization failed")
    fault.__cause__ = KeyboardInterrupt()
    return fault


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), RuntimeError("Query interrupted"), loading_stopped()])
def test_ctrl_c_is_130_and_says_that_nothing_is_half_done(
    books: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
):
    def stops(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr("flows.lake.one_question.safe_query", stops)
    said = billfold("sql", "select 1", "--lake", books)
    assert said.code == 130
    assert "the same command can be run again" in said.err


def test_a_prefect_server_that_is_not_there_is_named(books: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("Failed to reach API at http://127.0.0.1:9/api/")

    monkeypatch.setattr("flows.orchestrated.bill", fails)
    said = billfold("bill", "--period", "2026-10", "--prefect", "--lake", books)
    assert said.code == 1
    assert "http://127.0.0.1:9/api/" in said.err
    assert "PREFECT_API_URL" in said.err


def test_who_asks_for_it_sees_the_traceback(books: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BILLFOLD_DEBUG", "1")
    said = billfold("show", "invoice", "nobody", "--lake", books)
    assert said.code == 1
    assert "Traceback" in said.err


def test_the_books_are_found_by_the_environment(books: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    assert billfold("show", "runs").code == 1
    monkeypatch.setenv("BILLFOLD_LAKE", str(books))
    said = billfold("show", "runs")
    assert said.code == 0
    assert "issue" in said.out or "operations" in said.out


def test_reference_tables_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lake = write_world(tmp_path)
    billfold("init", lake)
    shutil.move(tmp_path / "reference", tmp_path / "terms")
    command = ["ingest", tmp_path / "usage", "--lake", lake, "--received-at", RECEIVED]
    monkeypatch.setenv("BILLFOLD_REFERENCE", str(tmp_path / "terms"))
    assert billfold(*command).code == 0


def test_quiet_says_nothing_and_json_only_json(tmp_path: Path):
    lake = write_world(tmp_path)
    assert billfold("init", lake, "--quiet").both == ""
    said = billfold("ingest", tmp_path / "usage", "--lake", lake, "--received-at", RECEIVED, "--json")
    record = json.loads(said.out)
    assert (record["landed"], record["accepted"], record["rejected"]) == (7, 7, 0)
    assert said.err == ""


def test_a_commit_is_published_for_analysts(drafts: Path):
    import duckdb

    with duckdb.connect(str(drafts / "billing.duckdb"), read_only=True) as connection:
        assert connection.sql("select count(*) from invoices").fetchall() == [(4,)]


def test_a_broken_lake_is_named_by_audit_and_never_shown_as_whole(tmp_path: Path, drafts: Path):
    lake = tmp_path / "lake"
    shutil.copytree(drafts, lake)
    assert billfold("audit", "--verify", "--lake", lake).code == 0
    charges = next((lake / "charges").rglob("*.parquet"))
    charges.chmod(0o644)
    charges.write_bytes(charges.read_bytes()[:-1] + b"?")
    said = billfold("audit", "--verify", "--lake", lake)
    assert said.code == 1
    assert charges.name in said.err


def test_a_reader_that_stops_reading_is_no_fault(books: Path):
    command = f"'{sys.executable}' -m flows.cli show ledger --limit 0 --lake '{books}' | head -1"
    said = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=False)
    assert said.stderr == ""


def test_a_terminal_that_knows_ascii_only_gets_a_page_too(books: Path):
    said = subprocess.run(
        [sys.executable, "-m", "flows.cli", "show", "invoice", "acme", "--lake", str(books)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=120,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert b"114.00" in said.stdout
