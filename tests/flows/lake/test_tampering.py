"""What somebody who may write to the lake's folder can do to it, and what tells: a byte, a file, a record, a history.

Changes of single files and records are in `test_journal.py`; here are those of the journal's note, of files that no
commit names, and of the whole history. The last two leave a chain that is whole by itself: what tells them is a hash
that was noted elsewhere.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flows.lake.audit import strays, verify
from flows.lake.journal import HINT, Commit, Lake, canonical
from tests.flows.cli.worked import billfold
from tests.flows.lake.books import frame


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three commits, each of one small file."""
    found = Lake.create(tmp_path / "lake", buckets=1)
    for number in (1, 2, 3):
        commit(found, f"account-{number}")
    found.close()
    return found


def commit(lake: Lake, account: str) -> None:
    """One more commit, with one account on hold."""
    run_id = f"r{lake.head().number + 1}"
    entry = lake.write_table("holds", frame("holds", [{"billing_account_id": account}]), run_id=run_id)
    lake.commit(lake.head(), run_id=run_id, command="bill", inputs={"billing_period": "2026-10"}, added=[entry])


def put(path: Path, content: bytes) -> None:
    """Write behind the lake's back."""
    if path.exists():
        path.chmod(0o644)
    path.write_bytes(content)


def record(lake: Lake, number: int) -> Path:
    return lake.root / f"journal/{number:012}.json"


def made_anew(lake: Lake, since: int) -> list[Commit]:
    """The commits from one on, the first with another run id, each sealed on the one before; and the note of them."""
    before, *following = lake.commits()[since - 1 :]
    made: list[Commit] = []
    for one in following:
        forged = replace(one, run_id="forged") if one.number == since else one
        before = replace(forged, previous_hash=before.hash).sealed()
        put(record(lake, before.number), before.record())
        made.append(before)
    put(lake.root / HINT, canonical({"number": before.number, "hash": before.hash}))
    return made


def test_a_note_of_the_head_that_was_taken_away_is_missed(lake: Lake) -> None:
    (lake.root / HINT).unlink()
    (fault,) = verify(lake)
    assert fault.startswith("journal/head.json is missing")


def test_a_note_of_the_head_that_says_nothing_is_named(lake: Lake) -> None:
    put(lake.root / HINT, b"{}")
    (fault,) = verify(lake)
    assert fault.startswith("journal/head.json was changed")


def test_at_no_instant_of_its_first_records_is_the_note_of_a_new_lake_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run dies before it leaves a note; the second has made its record and is not at its own note yet."""
    lake = Lake.create(tmp_path / "lake", buckets=1)
    commit(lake, "acme")
    (lake.root / HINT).unlink()
    put_if_absent, found = lake.store.put_if_absent, []

    def looked_at(name: str, content: bytes) -> bool:
        is_made = put_if_absent(name, content)
        found.append(verify(Lake.open(lake.root)))
        return is_made

    monkeypatch.setattr(lake.store, "put_if_absent", looked_at)
    commit(lake, "bolt")
    assert found == [[]]


def test_a_run_that_dies_before_it_leaves_the_note_is_no_fault(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake", buckets=1)
    commit(lake, "acme")
    (lake.root / HINT).unlink(missing_ok=True)
    assert verify(lake) == []


def test_a_record_made_anew_with_all_that_follow_is_told_by_the_note(lake: Lake) -> None:
    noted = (lake.root / HINT).read_bytes()
    made_anew(lake, since=2)
    put(lake.root / HINT, noted)
    (fault,) = verify(Lake.open(lake.root))
    assert fault.startswith("journal/000000000003.json was replaced: it once had the hash")


def test_a_history_made_anew_from_a_commit_on_is_told_by_a_hash_noted_elsewhere_alone(lake: Lake) -> None:
    noted = [one.hash for one in lake.commits()]
    made_anew(lake, since=2)
    forged = Lake.open(lake.root)
    assert verify(forged) == []
    assert verify(forged, noted[1]) == []  # of what was left as it was nothing is wrong
    for number in (2, 3):
        (fault,) = verify(forged, noted[number])
        assert fault == f"no commit has the hash {noted[number]}: the journal was made anew, or is an older copy"


def test_an_older_copy_of_the_lake_is_told_by_a_hash_noted_elsewhere_alone(lake: Lake, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(lake.root, older)
    commit(lake, "account-4")
    noted = lake.head().hash
    assert verify(lake, noted) == []
    shutil.rmtree(lake.root)
    shutil.copytree(older, lake.root)
    assert verify(Lake.open(lake.root)) == []
    assert verify(Lake.open(lake.root), noted[:12]) != []


def test_a_hash_that_was_noted_stays_good_while_the_journal_grows(lake: Lake) -> None:
    noted = lake.head().hash
    commit(lake, "account-4")
    assert verify(lake, noted) == []
    assert verify(lake, noted[:12]) == []


def test_a_file_that_no_commit_names_changes_no_answer_and_is_named(lake: Lake) -> None:
    before = lake.snapshot().read("holds")
    named = lake.snapshot().files("holds")[0]
    shutil.copy(lake.path(named), lake.root / "holds" / "more.parquet")
    (lake.root / "journal" / "notes.json").write_text("{}")
    again = Lake.open(lake.root)
    assert again.snapshot().read("holds").equals(before)
    assert verify(again) == []
    assert strays(again) == ["holds/more.parquet", "journal/notes.json"]


def test_a_record_put_past_the_end_is_one_after_a_gap(lake: Lake) -> None:
    put(record(lake, 9), record(lake, 3).read_bytes())
    faults = verify(lake)
    assert "journal/000000000004.json is missing" in faults
    assert any("journal/000000000009.json" in fault for fault in faults)


def test_a_record_that_follows_and_was_made_by_nobody_is_a_commit_like_any_other_but_for_its_hash(lake: Lake) -> None:
    """Who may write to the folder may commit: what tells is that nobody noted the hash."""
    head = lake.head()
    forged = replace(head, number=4, previous_hash=head.hash, added=(), removed=(), run_id="forged").sealed()
    put(record(lake, 4), forged.record())
    assert verify(Lake.open(lake.root)) == []


def test_status_prints_the_hash_to_note_and_the_audit_checks_it(lake: Lake, tmp_path: Path) -> None:
    assert billfold("init", "--lake", lake.root).code == 1  # it is there; the reference tables are not
    from flows.reference.shipped import write_default_reference

    write_default_reference(tmp_path / "reference")
    where = ["--lake", lake.root]
    said = billfold("status", *where)
    assert lake.head().hash in said.out
    assert json.loads(billfold("status", *where, "--json").out)["commit"]["hash"] == lake.head().hash
    asked = ["audit", *where, "--verify", "--expect"]
    other = "0" * 64
    assert f"no commit has the hash {other}" in billfold(*asked, other).err
    assert billfold(*asked, other).code == 1
    assert billfold(*asked, "nonsense").code == 2
    assert billfold("audit", *where, "--expect", other).code == 2
    shutil.copy(lake.path(lake.snapshot().files("holds")[0]), lake.root / "holds" / "more.parquet")
    assert "no commit names holds/more.parquet" in billfold(*asked, lake.head().hash).both


def test_the_command_names_all_that_is_wrong_also_where_the_journal_is_broken(lake: Lake) -> None:
    put(record(lake, 2), record(lake, 2).read_bytes().replace(b'"r2"', b'"rX"'))
    (entry,) = lake.snapshot(1).files("holds")
    lake.path(entry).unlink()
    said = billfold("audit", "--verify", "--lake", lake.root)
    assert said.code == 1
    assert "broken: journal/000000000002.json was changed" in said.err
    assert f"broken: {entry.path} of commit 1 is missing" in said.err
