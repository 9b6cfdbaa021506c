"""The journal: one atomic pointer over immutable files."""

import itertools
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.lake.audit import verify
from flows.lake.journal import FileChanged, HeadMoved, JournalBroken, Lake, LakeError, NotALake
from flows.lake.one_question import safe_query
from flows.lake.published import publish, published_hash, shown_elsewhere
from flows.lake.store import Folder
from flows.left_behind import clear_up
from schemas.units import Money
from tests.flows.lake.books import frame, rows, view

PAID = rows(
    """
    operation_id | invoice_number  | amount
    op-1         | INV-2026-000001 | 24.00
    """
)
HOLD = rows(
    """
    billing_account_id | reason_code | other_charges_amount
    acme               | R_NO_PRICE  | 20.00
    """
)


@pytest.fixture
def lake(place: str) -> Lake:
    return Lake.create(place, buckets=4)


@pytest.fixture
def folder(tmp_path: Path) -> Lake:
    """A lake for what only a folder has: file modes, hard links, calls of the file system."""
    return Lake.create(tmp_path / "lake", buckets=4)


def committed(lake: Lake, run_id: str = "r1", removed: tuple[str, ...] = ()) -> str:
    """Commit one small file and tell its path."""
    entry = lake.write_table("holds", frame("holds", HOLD), run_id=run_id, partition={"billing_period": "2026-10"})
    lake.commit(lake.head(), run_id=run_id, command="bill", inputs={}, added=[entry], removed=removed)
    return entry.path


def content(lake: Lake, name: str) -> bytes:
    """An object's bytes as its place has them."""
    with lake.store.open(name) as file:
        return file.read()


def rewrite(lake: Lake, name: str, content: bytes) -> None:
    """Change an object behind the lake's back."""
    lake.store.put(name, content)


def lose(lake: Lake, name: str) -> None:
    """Remove an object behind the lake's back."""
    assert lake.store.remove(name)


# --- what a commit is ---


def test_a_new_lake_says_its_format_and_its_buckets_in_commit_zero(lake: Lake) -> None:
    genesis = lake.head()
    assert (genesis.number, genesis.inputs, genesis.added) == (0, {"buckets": 4, "format": 1}, ())
    assert Lake.open(lake.address).buckets == 4


def test_a_folder_without_a_journal_is_no_lake_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotALake, match="run: billfold init"):
        Lake.open(tmp_path)


def test_a_lake_is_made_once(lake: Lake) -> None:
    with pytest.raises(LakeError, match="already is a lake"):
        Lake.create(lake.address)


@pytest.mark.parametrize("name", ["two\nlines", "bell\x07"])
def test_no_lake_is_made_below_a_name_that_duckdb_cannot_open(tmp_path: Path, name: str) -> None:
    """It would take commits, and never show them."""
    (tmp_path / name).mkdir()
    with pytest.raises(LakeError, match="cannot be the folder of a lake"):
        Lake.create(tmp_path / name / "lake")
    assert list((tmp_path / name).iterdir()) == []


def test_a_lake_lies_below_any_other_name(tmp_path: Path) -> None:
    """Blanks, quotes, wildcards and letters of any script are a name like others, and the views find their files."""
    lake = Lake.create(tmp_path / "it's [a] 100% *x? {y} ü $HOME ;" / "lake")
    lake.commit(lake.head(), run_id="r1", command="bill", inputs={}, added=[])
    assert published_hash(lake) is None
    publish(lake)
    assert published_hash(lake) == lake.head().hash
    assert safe_query(lake, "select count(*) from charges").rows() == [(0,)]


def test_the_database_of_a_copy_shows_the_original_until_it_is_published_anew(folder: Lake, tmp_path: Path) -> None:
    """DuckDB knows no path that begins where the database lies."""
    lake = folder
    entry = lake.write_table("holds", frame("holds", HOLD), run_id="r1")
    lake.commit(lake.head(), run_id="r1", command="bill", inputs={}, added=[entry])
    publish(lake)
    shutil.copytree(lake.root, tmp_path / "copy")
    copy = Lake.open(tmp_path / "copy")
    assert (shown_elsewhere(lake), shown_elsewhere(copy)) == (None, str(lake.root))
    assert (published_hash(lake), published_hash(copy)) == (lake.head().hash, None)
    clear_up(copy)  # as every command does that changes a lake
    assert (shown_elsewhere(copy), published_hash(copy)) == (None, lake.head().hash)
    shutil.rmtree(lake.root)
    with duckdb.connect(copy.root / "billing.duckdb", read_only=True) as connection:
        assert connection.sql("select billing_account_id from holds").fetchall() == [("acme",)]


def test_a_file_is_invisible_until_its_commit_and_visible_after(lake: Lake) -> None:
    entry = lake.write_table("holds", frame("holds", HOLD), run_id="r1")
    assert lake.snapshot().read("holds").is_empty()
    lake.commit(lake.head(), run_id="r1", command="bill", inputs={}, added=[entry])
    assert lake.snapshot().read("holds")["billing_account_id"].to_list() == ["acme"]


def test_a_commit_reads_back_as_it_was_made_with_totals_as_exact_text(lake: Lake) -> None:
    made = lake.commit(
        lake.head(),
        run_id="r1",
        command="bill",
        inputs={"known_as_of": datetime(2026, 11, 1, tzinfo=UTC)},
        added=[],
        totals={"EUR": frame("holds", HOLD)["other_charges_amount"][0]},
        summary={"invoices": 3},
    )
    assert made.totals == {"EUR": "20.0000"}
    assert Lake.open(lake.address).head() == made
    assert lake.find_run("r1") == made
    assert lake.find_run("r2") is None


def test_a_float_never_enters_a_commit_record(lake: Lake) -> None:
    with pytest.raises(TypeError, match=r"not float 0\.1"):
        lake.commit(lake.head(), run_id="r1", command="bill", inputs={}, added=[], totals={"EUR": 0.1})


def test_each_commit_names_the_hash_of_the_one_before(lake: Lake) -> None:
    committed(lake, "r1")
    committed(lake, "r2")
    zero, one, two = lake.commits()
    assert (one.previous_hash, two.previous_hash) == (zero.hash, one.hash)


def test_an_older_snapshot_still_sees_what_a_later_commit_replaced(lake: Lake) -> None:
    old = committed(lake, "r1")
    new = committed(lake, "r2", removed=(old,))
    assert [entry.path for entry in lake.snapshot(1).files("holds")] == [old]
    assert [entry.path for entry in lake.snapshot(2).files("holds")] == [new]
    assert lake.snapshot(1).read("holds").height == 1


def test_a_snapshot_of_a_commit_that_is_not_there_is_an_error(lake: Lake) -> None:
    with pytest.raises(LakeError, match="there is no commit 7; the head is 0"):
        lake.snapshot(7)


def test_a_candidate_shows_what_a_commit_would_make_visible(lake: Lake) -> None:
    old = committed(lake, "r1")
    entry = lake.write_table("holds", frame("holds", HOLD * 1), run_id="r2", partition={"billing_period": "2026-11"})
    candidate = lake.snapshot().with_changes([entry], [old])
    assert [one.path for one in candidate.files("holds")] == [entry.path]
    assert [one.path for one in lake.snapshot().files("holds")] == [old]


def test_files_are_picked_by_their_partition(lake: Lake) -> None:
    first = lake.write_table("holds", frame("holds", HOLD), run_id="r1", partition={"billing_period": "2026-10"})
    second = lake.write_table("holds", frame("holds", HOLD), run_id="r1", partition={"billing_period": "2026-11"})
    lake.commit(lake.head(), run_id="r1", command="bill", inputs={}, added=[first, second])
    snapshot = lake.snapshot()
    assert snapshot.files("holds", billing_period="2026-11") == [second]
    assert snapshot.files("holds", billing_period=["2026-10", "2026-11"]) == [first, second]
    assert snapshot.read("holds", billing_period="2026-12").is_empty()


def test_reference_tables_are_those_of_the_digest_the_latest_commit_names(lake: Lake) -> None:
    for number, digest in enumerate(["aaa", "bbb", "aaa"], start=1):
        snapshot = lake.snapshot()
        accounts = {"billing_accounts": frame("billing_accounts", [{"billing_account_id": f"of-{digest}"}])}
        added = lake.write_reference(accounts, digest, run_id=f"r{number}", snapshot=snapshot)
        assert len(added) == (number < 3)
        inputs = {"reference_digest": digest}
        lake.commit(snapshot.commit, run_id=f"r{number}", command="bill", inputs=inputs, added=added)
        assert lake.snapshot().read("billing_accounts")["billing_account_id"].to_list() == [f"of-{digest}"]
    assert lake.snapshot(2).read("billing_accounts")["billing_account_id"].to_list() == ["of-bbb"]


def test_append_only_tables_and_issued_documents_are_never_removed(lake: Lake) -> None:
    paid = lake.write_table("payment_applications", frame("payment_applications", PAID), run_id="r1")
    issued, sold = (
        lake.write_table("invoices", frame("invoices", [{}]), run_id="r1", partition={"state": state})
        for state in ("issued", "sold")
    )
    lake.commit(lake.head(), run_id="r1", command="issue", inputs={}, added=[paid, issued, sold])
    for entry in (paid, issued, sold):
        with pytest.raises(LakeError, match="never replaced"):
            lake.commit(lake.head(), run_id="r2", command="bill", inputs={}, added=[], removed=[entry.path])


def test_what_is_not_visible_cannot_be_removed_nor_the_same_file_added_twice(lake: Lake) -> None:
    path = committed(lake)
    entry = lake.snapshot().files("holds")[0]
    with pytest.raises(LakeError, match="not visible"):
        lake.commit(lake.head(), run_id="r2", command="bill", inputs={}, added=[], removed=["holds/none.parquet"])
    with pytest.raises(LakeError, match=f"{path} would be in the lake twice"):
        lake.commit(lake.head(), run_id="r2", command="bill", inputs={}, added=[entry])


def test_a_lake_can_be_handed_to_another_process(lake: Lake) -> None:
    committed(lake)
    assert pickle.loads(pickle.dumps(lake)).head() == lake.head()


# --- files ---


def test_equal_frames_give_equal_bytes_and_one_file(lake: Lake) -> None:
    once = lake.write_table("holds", frame("holds", HOLD), run_id="r1")
    chunked = pl.concat([frame("holds", HOLD)[:0], frame("holds", HOLD)], rechunk=False)
    again = lake.write_table("holds", chunked, run_id="r1")
    assert once == again
    assert verify(lake) == []


def test_one_thread_or_four_write_the_same_bytes(tmp_path: Path) -> None:
    digests = {threads: _digest_with_threads(tmp_path / threads, threads) for threads in ("1", "4")}
    assert digests["1"] == digests["4"]


def _digest_with_threads(folder: Path, threads: str) -> str:
    script = """
import sys
from pathlib import Path
import polars as pl
from flows.lake.journal import Lake
from schemas import TABLES
from schemas.units import Money
lake = Lake.create(Path(sys.argv[1]))
row = TABLES["holds"].examples()
frame = pl.concat([row] * 40_000).with_columns(
    other_charges_amount=pl.int_range(40_000).cast(Money), reason=pl.int_range(40_000).cast(pl.String)
)
print(lake.write_table("holds", frame, run_id="r1").sha256)
"""
    environment = os.environ | {"POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": threads, "TZ": "Asia/Kolkata"}
    ran = subprocess.run(
        [sys.executable, "-c", script, str(folder)], env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def test_a_data_file_is_read_only_whatever_the_umask(folder: Lake) -> None:
    before = os.umask(0)
    try:
        path = folder.path(committed(folder))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o444
    assert (folder.root / "journal/000000000001.json").stat().st_mode & 0o777 == 0o444


def test_a_table_without_rows_is_a_file_too(lake: Lake) -> None:
    entry = lake.write_table("holds", frame("holds", []), run_id="r1")
    assert (entry.rows, entry.types["other_charges_amount"]) == (0, "DECIMAL(38,4)")


def test_a_dead_runs_file_with_other_bytes_is_not_replaced(lake: Lake) -> None:
    dead = lake.write_table("holds", frame("holds", [{"billing_account_id": "left over"}]), run_id="r1")
    mine = lake.write_table("holds", frame("holds", HOLD), run_id="r1")
    assert dead.path != mine.path
    assert lake.store.exists(dead.path)
    assert lake.write_table("holds", frame("holds", HOLD), run_id="r1") == mine


def test_a_column_of_another_type_is_refused_and_named(lake: Lake) -> None:
    rounded = frame("holds", HOLD).with_columns(pl.col("other_charges_amount").cast(pl.Decimal(38, 2)))
    with pytest.raises(TypeError, match=r"other_charges_amount is Decimal\(.*wanted Decimal"):
        lake.write_table("holds", rounded, run_id="r1")
    with pytest.raises(TypeError, match=r"columns too many \['extra'\]"):
        lake.write_table("holds", frame("holds", HOLD).with_columns(extra=1), run_id="r1")


@pytest.mark.parametrize("part", ["../x", "a/b", "", "a b", ".."])
def test_a_part_that_could_leave_the_lake_is_no_file_name(lake: Lake, part: str) -> None:
    with pytest.raises(ValueError, match="cannot be part of a file name"):
        lake.write_table("holds", frame("holds", HOLD), run_id="r1", partition={"billing_period": part})


def test_a_written_file_is_adopted_with_the_types_it_has(lake: Lake) -> None:
    staged = lake.staging_path("usage.parquet")
    usage = frame("stored_usage", [{"consumed_quantity": "1.5"}])
    usage.with_columns(pl.col("consumed_quantity").cast(pl.Decimal(18, 6))).write_parquet(staged)
    entry = lake.adopt_file("stored_usage", staged, name="c1", partition={"billing_period": "2026-10", "bucket": "00"})
    assert entry.path == "usage_records/billing_period=2026-10/bucket=00/c1.parquet"
    assert (entry.rows, entry.types["consumed_quantity"]) == (1, "DECIMAL(18,6)")
    lake.commit(lake.head(), run_id="r1", command="ingest", inputs={}, added=[entry])
    assert lake.snapshot().read("usage_records")["consumed_quantity"].dtype == pl.Decimal(38, 15)
    assert not staged.exists()


def test_a_file_of_another_size_is_not_read(lake: Lake) -> None:
    name = committed(lake)
    rewrite(lake, name, content(lake, name) + b"x")
    with pytest.raises(FileChanged, match="its commit says"):
        lake.snapshot().read("holds")


def test_reading_writes_nothing_so_a_read_only_folder_does(folder: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(folder)

    def written(*_: object, **__: object) -> None:
        raise PermissionError("read-only")

    for call in ("hold", "put", "adopt", "staging", "replace", "remove"):
        monkeypatch.setattr(Folder, call, written)
    everything = [folder.root, *folder.root.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        reader = Lake.open(folder.address)
        assert reader.snapshot().read("holds").height == 1
        assert view(reader, "select billing_account_id from holds") == [("acme",)]
        assert safe_query(reader, "select count(*) as n from holds")["n"].to_list() == [1]
        assert verify(reader) == []
    finally:
        for path in everything:
            path.chmod(0o755 if path.is_dir() else 0o444)
    assert [folder.root, *folder.root.rglob("*")] == everything


# --- two at once, and dying ---


def test_of_two_commits_on_one_head_the_second_is_told_that_it_moved(lake: Lake) -> None:
    head = lake.head()
    lake.commit(head, run_id="r1", command="bill", inputs={}, added=[])
    with pytest.raises(HeadMoved, match="run it again on the new head"):
        lake.commit(head, run_id="r2", command="bill", inputs={}, added=[])
    assert [commit.run_id for commit in lake.commits()] == ["genesis", "r1"]


RACER = """
import sys
from pathlib import Path
from flows.lake.journal import HeadMoved, Lake
from tests.flows.lake.books import frame
lake, name = Lake.open(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
for turn in range(5):
    entry = lake.write_table("holds", frame("holds", [{"billing_account_id": name}]), run_id=f"{turn}-{name}")
    head = lake.head()
    print("at the barrier", flush=True)
    sys.stdin.readline()
    try:
        print(lake.commit(head, run_id=f"{turn}-{name}", command="bill", inputs={}, added=[entry]).run_id, flush=True)
    except HeadMoved:
        print("lost", flush=True)
    sys.stdin.readline()
"""


def test_of_processes_that_race_on_a_barrier_exactly_one_wins_each_time(lake: Lake) -> None:
    racers = [started(RACER, lake, name) for name in ("a", "b")]
    for turn in range(1, 6):
        for racer in racers:
            assert said(racer) == "at the barrier"
        for racer in racers:
            tell(racer)
        outcomes = sorted(said(racer) for racer in racers)
        assert outcomes[1] == "lost"
        assert (lake.head().number, lake.head().run_id) == (turn, outcomes[0])
        for racer in racers:
            tell(racer)
    for racer in racers:
        racer.communicate(timeout=60)
    assert lake.snapshot().read("holds").height == 5
    assert verify(lake) == []


def started(script: str, lake: Lake, *words: str) -> "subprocess.Popen[str]":
    """Another process on the lake, once it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, lake.address, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    assert said(process) == "ready"
    return process


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


WRITER = """
import sys
from pathlib import Path
from flows.lake.journal import Lake
from tests.flows.lake.books import frame
lake = Lake.open(Path(sys.argv[1]))
while True:
    head = lake.head()
    run = f"run-{head.number + 1}"
    added = [
        lake.write_table("holds", frame("holds", [{"billing_account_id": run}]), run_id=run, label=label)
        for label in ("a", "b", "c")
    ]
    removed = [entry.path for entry in lake.snapshot().files("holds")]
    lake.commit(head, run_id=run, command="bill", inputs={}, added=added, removed=removed)
    print("ready", flush=True)
"""


def test_killed_at_any_moment_the_old_state_or_the_new_one_is_there_whole(lake: Lake) -> None:
    chance = random.Random(7)
    for _ in range(4):
        writer = started(WRITER, lake)
        time.sleep(chance.uniform(0, 0.1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        reader = Lake.open(lake.address)
        seen = reader.snapshot().read("holds")["billing_account_id"].to_list()
        assert seen == [f"run-{reader.head().number}"] * 3
        assert verify(reader) == []


class Died(BaseException):
    """The process ends here: nothing after it runs, no handler, no clean-up."""


CALLS = [(os, "link"), (os, "fsync"), (os, "open")]
CALLS += [(Path, call) for call in ("unlink", "chmod", "mkdir", "replace", "open")]


def dying_after(calls: int) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Makes calls that together work this many times; every later one dies."""
    turns = itertools.count()

    def mortal(call: Callable[..., object]) -> Callable[..., object]:
        def once(*words: object, **named: object) -> object:
            if next(turns) >= calls:
                raise Died
            return call(*words, **named)

        return once

    return mortal


def billed(lake: Lake) -> None:
    """One run: recognised if it was made, else it replaces the hold by another."""
    if not lake.find_run("second"):
        committed(lake, "second", removed=tuple(entry.path for entry in lake.snapshot().files("holds")))


def test_dead_at_each_file_system_call_and_run_again_the_lake_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    undisturbed = Lake.create(tmp_path / "undisturbed", buckets=4)
    committed(undisturbed, "first")
    billed(undisturbed)
    for turn in range(200):
        lake = Lake.create(tmp_path / str(turn), buckets=4)
        committed(lake, "first")
        mortal = dying_after(turn)
        with pytest.MonkeyPatch.context() as patched:
            for owner, call in CALLS:
                patched.setattr(owner, call, mortal(getattr(owner, call)))
            try:
                billed(Lake.open(lake.address))
                finished = True
            except Died:
                finished = False
        seen = Lake.open(lake.address)
        assert seen.snapshot().files("holds") == undisturbed.snapshot(seen.head().number).files("holds")
        billed(Lake.open(lake.address))
        assert Lake.open(lake.address).commits() == undisturbed.commits()
        Lake.open(lake.address).sweep()
        assert lake.store.names("holds") == undisturbed.store.names("holds")
        assert verify(lake) == []
        if finished:
            break
    assert turn > 15, "the run makes more calls than that; are they still watched?"


def test_the_same_run_after_a_kill_finds_its_own_files(lake: Lake) -> None:
    before = lake.write_table("holds", frame("holds", HOLD), run_id="r1")
    committed_path = committed(lake, "r1")  # in another part: the first file stays an orphan
    assert lake.sweep() == [before.path]
    assert lake.store.exists(committed_path)
    assert verify(lake) == []


def test_a_sweep_removes_staged_and_unnamed_files_only(lake: Lake) -> None:
    kept = committed(lake)
    orphan = lake.write_table("holds", frame("holds", HOLD), run_id="dead")
    staged = lake.staging_path("half-written.parquet")
    staged.write_bytes(b"half")
    lake.store.put("notes.txt", b"not mine")
    publish(lake)
    assert lake.sweep() == [orphan.path, staged.relative_to(lake.root).as_posix()]
    assert lake.store.exists(kept)
    assert lake.store.exists("notes.txt")
    assert (lake.root / "billing.duckdb").is_file()


def test_a_sweep_waits_for_nobody_and_takes_nothing_while_another_writes(lake: Lake) -> None:
    writer = Lake.open(lake.address)
    orphan = writer.write_table("holds", frame("holds", HOLD), run_id="busy")
    assert lake.sweep() == []
    writer.commit(writer.head(), run_id="busy", command="bill", inputs={}, added=[orphan])
    writer.close()
    assert lake.sweep() == []
    assert lake.snapshot().read("holds").height == 1


def test_a_commit_of_a_file_that_is_gone_is_refused(lake: Lake) -> None:
    entry = lake.write_table("holds", frame("holds", HOLD), run_id="r1")
    lose(lake, entry.path)
    with pytest.raises(FileChanged, match="is missing"):
        lake.commit(lake.head(), run_id="r1", command="bill", inputs={}, added=[entry])


def test_a_disk_that_fails_in_the_commit_leaves_the_old_state(folder: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for call in ("link", "fsync"):
        with monkeypatch.context() as patched:
            patched.setattr(f"flows.lake.store.os.{call}", full)
            with pytest.raises(OSError, match="No space left"):
                committed(folder, f"failing-{call}")
        assert folder.head().run_id == "r1"
        assert Lake.open(folder.address).snapshot().read("holds").height == 1
    committed(folder, "after")
    assert verify(folder) == []


# --- tampering ---


def test_an_untouched_lake_verifies(lake: Lake) -> None:
    old = committed(lake, "r1")
    committed(lake, "r2", removed=(old,))
    assert verify(lake) == []


def test_a_flipped_bit_in_a_data_file_is_found_with_file_and_commit(lake: Lake) -> None:
    name = committed(lake)
    flipped = bytearray(content(lake, name))
    flipped[len(flipped) // 2] ^= 1
    rewrite(lake, name, bytes(flipped))
    (fault,) = verify(lake)
    assert fault.startswith(f"{name} of commit 1 was changed")


def test_a_deleted_data_file_is_found_also_when_only_an_old_commit_names_it(lake: Lake) -> None:
    old = committed(lake, "r1")
    committed(lake, "r2", removed=(old,))
    lose(lake, old)
    assert verify(lake) == [f"{old} of commit 1 is missing"]


def test_a_data_file_replaced_by_an_older_one_is_found(lake: Lake) -> None:
    old = committed(lake, "r1")
    entry = lake.write_table("holds", frame("holds", [{"billing_account_id": "beta"}]), run_id="r2")
    lake.commit(lake.head(), run_id="r2", command="bill", inputs={}, added=[entry], removed=[old])
    rewrite(lake, entry.path, content(lake, old))
    (fault,) = verify(lake)
    assert fault.startswith(f"{entry.path} of commit 2")


def record(number: int) -> str:
    return f"journal/{number:012}.json"


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 99, b"[]", b"[" * 100_000, b"\xff\xfe"], ids=["empty", "zeros", "list", "deep", "no text"]
)
def test_what_is_no_record_is_named(tmp_path: Path, content: bytes) -> None:
    lake = Lake.create(tmp_path)
    (lake.root / "journal/000000000001.json").write_bytes(content)
    assert "journal/000000000001.json is no commit record" in verify(lake)
    with pytest.raises(JournalBroken, match="no commit record"):
        Lake.open(lake.root).head()


def test_a_folder_in_the_place_of_the_next_record_is_named_and_no_other_run_is_blamed(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path)
    (lake.root / "journal/000000000001.json").mkdir()
    with pytest.raises(LakeError, match=r"000000000001\.json is no file, so nothing can be committed; remove it"):
        lake.commit(lake.head(), run_id="r1", command="bill", inputs={}, added=[])


def test_a_changed_record_is_named_and_nothing_is_read_past_it(lake: Lake) -> None:
    committed(lake, "r1")
    committed(lake, "r2", removed=(lake.snapshot().files("holds")[0].path,))
    rewrite(lake, record(1), content(lake, record(1)).replace(b'"r1"', b'"rX"'))
    assert "journal/000000000001.json was changed: its hash does not fit what it says" in verify(lake)
    with pytest.raises(JournalBroken, match=r"000000000001\.json was changed"):
        Lake.open(lake.address).head()


def test_a_record_changed_with_a_new_hash_of_its_own_breaks_the_chain_after_it(lake: Lake) -> None:
    committed(lake, "r1")
    committed(lake, "r2", removed=(lake.snapshot().files("holds")[0].path,))
    told = json.loads(content(lake, record(1)))
    forged = (
        Lake.open(lake.address)
        .commits(1)[1]
        .__class__(**{**told, "run_id": "forged", "added": (), "removed": ()})
        .sealed()
    )
    rewrite(lake, record(1), forged.record())
    assert verify(lake)[0] == "journal/000000000002.json does not follow the commit before it"


def test_a_missing_record_in_the_middle_is_named(lake: Lake) -> None:
    committed(lake, "r1")
    committed(lake, "r2", removed=(lake.snapshot().files("holds")[0].path,))
    lose(lake, record(1))
    assert verify(lake)[0] == "journal/000000000001.json is missing"


def test_a_record_cut_off_the_end_is_missed(lake: Lake) -> None:
    committed(lake)
    lose(lake, record(1))
    assert verify(lake) == ["journal/000000000001.json is missing: the journal once went that far"]


def test_a_head_replaced_by_another_is_found(lake: Lake, tmp_path: Path) -> None:
    committed(lake)
    other = Lake.create(tmp_path / "other", buckets=4)
    committed(other, "other-run")
    rewrite(lake, record(1), content(other, record(1)))
    assert any("000000000001.json was replaced" in fault for fault in verify(Lake.open(lake.address)))


def test_a_genesis_that_was_changed_opens_no_lake(lake: Lake) -> None:
    rewrite(lake, record(0), content(lake, record(0)).replace(b'"buckets":4', b'"buckets":8'))
    with pytest.raises(JournalBroken, match=r"000000000000\.json was changed"):
        Lake.open(lake.address)
    assert verify(lake)[0].startswith("journal/000000000000.json was changed")


def test_money_keeps_its_type_through_the_lake(lake: Lake) -> None:
    committed(lake)
    assert lake.snapshot().read("holds").schema["other_charges_amount"] == Money
