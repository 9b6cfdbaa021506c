"""An export is a new folder, whole or not there, the same each time; refused in a sentence where it cannot be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import schemas
from flows import export as exporting
from flows.export import export
from flows.lake.journal import Lake
from flows.run import Refusal
from tests.flows.cli.worked import billfold
from tests.flows.roles.organizations import Organizations
from tests.flows.roles.test_reads import names_in, read


def test_the_same_export_twice_is_the_same_bytes(books: Organizations, exported: Any, tmp_path: Path):
    again = export(books.lake, "manager", tmp_path / "again").folder
    names = {path.name for path in again.iterdir()} - {"billing.duckdb"}
    assert names == {path.name for path in exported("manager").iterdir()} - {"billing.duckdb"}
    assert [name for name in names if (again / name).read_bytes() != (exported("manager") / name).read_bytes()] == []


def test_rows_are_in_the_order_of_their_key(exported: Any):
    ordered = 0
    for name, schema in (schemas.TABLES | schemas.VIEWS).items():
        rows = read(exported("operator"), name).select(*(schema.key() or schema.columns()))
        plain = rows.select(column for column, dtype in rows.schema.items() if not isinstance(dtype, pl.List))
        assert plain.equals(plain.sort(plain.columns, nulls_last=True)), name
        ordered += rows.height > 1
    assert ordered > 30


def test_the_manifest_says_who_reads_what_as_of_when(books: Organizations, exported: Any):
    manifest = json.loads((exported("family") / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["principal"] == "family"
    assert manifest["roles"] == [
        {"role": "organization_owner", "billing_account_id": account, "sub_account_id": None}
        for account in ("acme", "labs")
    ]
    assert (manifest["commit"], manifest["commit_hash"]) == (books.lake.head().number, books.lake.head().hash)
    assert manifest["known_as_of"] == "2026-11-02T06:00:00Z"
    assert manifest["may"] == {
        "read the price book": ["acme", "labs"],
        "read organization credit, invoices, history": ["acme", "labs"],
        "read free and paid credit pages": [],
        "read rejects, operations, ledger": [],
    }
    folder = exported("family")
    assert manifest["rows"] == {name: read(folder, name).height for name in names_in(folder)}
    assert json.loads((exported("lead") / "manifest.json").read_text())["may"]["read the price book"] == [
        "acme/website"
    ]


def test_an_empty_folder_is_filled(issued: Organizations, tmp_path: Path):
    (tmp_path / "out").mkdir()
    export(issued.lake, "member", tmp_path / "out")
    assert (tmp_path / "out" / "skus.parquet").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {name for name in files if not name.endswith(".parquet")} == {"billing.duckdb", "manifest.json"}


def test_a_folder_that_holds_something_is_left_as_it_is(issued: Organizations, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for taken in ("out", "file"):
        with pytest.raises(Refusal, match="is there already and not an empty folder; name a new one"):
            export(issued.lake, "member", tmp_path / taken)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "mine.txt", "out"]


def test_nothing_is_written_into_the_lake(issued: Organizations):
    with pytest.raises(Refusal, match="is in the lake; name a folder outside it"):
        export(issued.lake, "member", issued.folder / "lake" / "out")


def test_an_export_that_fails_leaves_nothing_behind(issued: Organizations, tmp_path: Path, monkeypatch):
    def fail(*_: Any) -> dict[str, Any]:
        raise RuntimeError("no more room")

    monkeypatch.setattr(exporting, "_manifest", fail)
    with pytest.raises(RuntimeError, match="no more room"):
        export(issued.lake, "member", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_somebody_filled_meanwhile_is_left_to_them(issued: Organizations, tmp_path: Path, monkeypatch):
    def fill(*arguments: Any) -> dict[str, Any]:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "theirs.txt").write_text("theirs")
        return {}

    monkeypatch.setattr(exporting, "_manifest", fill)
    with pytest.raises(Refusal, match="cannot be made: Directory not empty"):
        export(issued.lake, "member", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["out", "theirs.txt"]


def test_who_is_unknown_or_has_no_account_gets_nothing(books: Organizations, tmp_path: Path):
    """`former` owned acme until February, `adrift` is a member of no account (S3.3)."""
    with pytest.raises(Refusal, match="nobody is not in principals as of commit 5; add a row"):
        export(books.lake, "nobody", tmp_path / "out")
    for who in ("former", "adrift"):
        with pytest.raises(Refusal, match=f"{who} has no account as of commit 5 .2026-11-02 06:00 UTC."):
            export(books.lake, who, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_books_that_hold_nothing_are_refused(tmp_path: Path):
    with pytest.raises(Refusal, match="the books hold nothing yet; land usage or operations first"):
        export(Lake.create(tmp_path / "lake"), "operator", tmp_path / "out")


def test_an_export_as_of_a_commit_holds_its_books_and_goes_by_its_principals(
    books: Organizations, issued: Organizations, tmp_path: Path
):
    """Commit 4 issued October; the payment came with commit 5. A manager who left since still had the books then."""
    stage = books.copied(tmp_path)
    people = stage.reference_folder / "principals.csv"
    people.write_text(people.read_text().replace("manager,billing_manager,acme,,2026-01-01,\n", ""))
    more = {
        "operation_id": "more",
        "operation": "set_credit_limit",
        "billing_account_id": "acme",
        "occurred_at": "2026-11-15T00:00:00Z",
        "amount": "700",
    }
    stage.land([more], datetime(2026, 11, 16, tzinfo=UTC))
    with pytest.raises(Refusal, match="manager is not in principals as of commit 6"):
        stage.export("manager")
    then = stage.export("manager", as_of=4).folder
    assert read(then, "payment_applications").height == 0
    assert read(stage.export("owner").folder, "payment_applications").height == 1
    assert (then / "invoices.parquet").read_bytes() == (
        issued.export("manager").folder / "invoices.parquet"
    ).read_bytes()


# --- the command ------------------------------------------------------------


def test_the_command_says_who_reads_what_and_where_it_is(books: Organizations, tmp_path: Path):
    out = tmp_path / "lead's"
    said = billfold("export", "--principal", "lead", out, "--lake", books.folder / "lake")
    assert said.code == 0, said.both
    assert "export: for lead, as of commit 5" in said.out
    assert "read the price book" in said.out
    assert "acme/website" in said.out
    assert f"written  {out}/billing.duckdb, a .parquet file for each, manifest.json" in said.out


def test_json_is_the_manifest_and_quiet_says_nothing(books: Organizations, tmp_path: Path):
    lake = ["--lake", books.folder / "lake"]
    said = billfold("export", "--principal", "member", tmp_path / "one", "--json", *lake)
    assert json.loads(said.out) == json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert billfold("export", "--principal", "member", tmp_path / "two", "--quiet", *lake).both == ""
    assert (tmp_path / "two" / "manifest.json").exists()


def test_the_command_refuses_in_a_sentence(books: Organizations, tmp_path: Path):
    lake = ["--lake", books.folder / "lake"]
    said = billfold("export", "--principal", "nobody", tmp_path / "out", *lake)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("billfold: nobody is not in principals as of commit 5; add a row")
    assert billfold("export", tmp_path / "out", *lake).code == 2
    assert billfold("export", "--principal", "member", tmp_path / "out", "--as-of", "99", *lake).code == 1
