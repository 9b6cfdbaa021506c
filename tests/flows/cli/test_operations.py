"""What `billfold operations` says of what it did not do, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.flows.cli.worked import GRANTED, RECEIVED, Said, billfold, line_with, write_world


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    lake = write_world(tmp_path)
    assert billfold("init", lake).code == 0
    return lake


def land(lake: Path, *lines: dict[str, object], options: tuple[str, ...] = ()) -> Said:
    path = lake.parent / "landed.jsonl"
    path.write_text("".join(f"{json.dumps({**GRANTED, **line})}\n" for line in lines), encoding="utf-8")
    return billfold("operations", path, "--lake", lake, "--received-at", RECEIVED, *options)


def grant(operation_id: str, **fields: object) -> dict[str, object]:
    return {"operation_id": operation_id, "billing_account_id": "acme", "kind": "bonus", **fields}


def test_a_refusal_is_listed_with_its_id_and_amounts_as_people_write_them(lake: Path) -> None:
    said = land(lake, grant("op-7", amount="40.001"), grant("op-8"))
    assert said.code == 3
    assert line_with(said.out, ["op-7", "grant_credit", "O_PRECISE"])
    assert "40.001 EUR" in " ".join(said.out.split())
    assert "op-8" not in said.out


def test_an_id_that_comes_again_with_other_content_makes_it_three_and_is_told(lake: Path) -> None:
    assert land(lake, grant("op-7")).code == 0
    again = land(lake, grant("op-7"))
    assert (again.code, again.out) == (0, "operations: nothing to do; the books already say all this\n")
    said = land(lake, grant("op-7", amount="41"))
    assert said.code == 3
    assert "nothing to do; what was landed before stays" in said.out
    assert "1 landed before with other content: op-7" in said.out
    assert "give the new one another id" in said.out
    record = json.loads(land(lake, grant("op-7", amount="41"), options=("--json",)).out)
    assert (record["conflicts"], record["known"], record["exit_code"]) == (["op-7"], 0, 3)


def test_an_empty_file_is_one_and_a_header_alone_is_nothing_to_do(lake: Path) -> None:
    """The file of the two that is empty is named."""
    empty, header = lake.parent / "empty.csv", lake.parent / "header.csv"
    empty.touch()
    header.write_text("operation_id,operation\n")
    said = billfold("operations", header, empty, "--lake", lake)
    assert said.code == 1
    assert f"{empty}: the file is empty" in said.err
    said = billfold("operations", header, "--lake", lake)
    assert (said.code, said.out) == (0, "operations: nothing to do; there is no operation to land\n")


def test_a_principal_that_nobody_knows_lands_nothing(lake: Path) -> None:
    said = land(lake, grant("op-7"), options=("--as", "ghost"))
    assert said.code == 1
    assert "ghost is not in principals" in said.err
    assert json.loads(billfold("show", "operations", "--lake", lake, "--json").out) == []


def test_a_principal_that_nobody_knows_lands_no_usage_either(lake: Path) -> None:
    said = billfold("ingest", lake.parent / "usage", "--lake", lake, "--received-at", RECEIVED, "--as", "ghost")
    assert said.code == 1
    assert "ghost is not in principals" in said.err
    assert json.loads(billfold("show", "files", "--lake", lake, "--json").out) == []


def test_an_empty_file_of_usage_is_looked_up_among_files_not_rows(lake: Path) -> None:
    empty = lake.parent / "empty.csv"
    empty.touch()
    said = billfold("ingest", empty, "--lake", lake, "--received-at", RECEIVED)
    assert said.code == 3
    assert "F_EMPTY" in said.out
    assert "show files" in said.out
    assert "show rejected-rows" not in said.out
