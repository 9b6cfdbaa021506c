"""A run as a whole: nothing shows before its commit, nothing is left behind, the machine leaves no trace."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows import ingest_usage as module
from flows.lake.journal import Lake
from flows.progress import bars, silent
from tests.flows.ingest.world import (
    RECEIVED,
    content,
    ingest,
    reference,
    rejects,
    stored,
    usage,
    write,
    write_parquet,
)  # fmt: skip


class Listener:
    def __init__(self) -> None:
        self.steps: list[str] = []
        self.counts: list[tuple[int, int]] = []

    def step(self, name: str) -> None:
        self.steps.append(name)

    def advance(self, done: int, total: int) -> None:
        self.counts.append((done, total))


def staged(lake: Lake) -> list[Path]:
    return [path for path in (lake.root / "staging").iterdir() if not path.name.startswith(".")]


def test_a_run_leaves_nothing_in_staging(lake: Lake, inbox: Path) -> None:
    ingest(lake, write(inbox, [usage(1), usage(2, sku_id="nothing")]))
    assert staged(lake) == []


def test_a_run_that_dies_shows_nothing_and_the_next_sweeps_up_after_it(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(inbox, [usage(1)])
    leftover = lake.root / "staging" / "0123-ingest"
    (leftover / "staged").mkdir(parents=True)
    (leftover / "staged" / "x.parquet").write_bytes(b"x")

    class Killed(BaseException):
        pass

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "commit", dies)
        with pytest.raises(Killed):
            ingest(lake, path)
    assert lake.head().number == 0
    assert stored(lake) == []

    assert ingest(lake, path).accepted == 1
    assert staged(lake) == []
    assert len(stored(lake)) == 1


def test_of_two_runs_the_second_computes_again_on_the_new_head(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = write(inbox, [usage(1), usage(2)], name="mine"), write(inbox, [usage(2), usage(3)], name="theirs")
    judge = module._judge
    other = Lake.open(lake.root)

    def overtaken(*arguments: Any) -> Any:
        judged = judge(*arguments)
        if other.head().number == 0:
            monkeypatch.setattr(module, "_judge", judge)
            ingest(other, theirs)
        return judged

    monkeypatch.setattr(module, "_judge", overtaken)
    result = ingest(lake, mine)

    assert (result.accepted, result.duplicate) == (1, 1)
    assert lake.head().number == 2
    assert len(stored(lake)) == 3


def test_of_two_runs_of_one_file_the_second_finds_nothing_to_do(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(inbox, [usage(1)])
    judge = module._judge

    def overtaken(*arguments: Any) -> Any:
        judged = judge(*arguments)
        monkeypatch.setattr(module, "_judge", judge)
        ingest(Lake.open(lake.root), path)
        return judged

    monkeypatch.setattr(module, "_judge", overtaken)
    assert ingest(lake, path).status == "nothing to do"
    assert len(stored(lake)) == 1


def test_the_clock_enters_no_id_and_no_byte_of_usage(tmp_path: Path, inbox: Path) -> None:
    path = write(inbox, [usage(1), usage(2, sku_id="nothing")])
    lakes = [Lake.create(tmp_path / name) for name in ("a", "b")]
    results = [ingest(lake, path, received_at=RECEIVED + timedelta(days=day)) for day, lake in enumerate(lakes)]

    assert results[0].commit
    assert results[1].commit
    assert results[0].commit.run_id == results[1].commit.run_id
    assert content(lakes[0]) == content(lakes[1])
    assert rejects(lakes[0], "reject_id, original") == rejects(lakes[1], "reject_id, original")


def test_the_machine_leaves_no_trace(tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(inbox, [usage(number, resource_id=f"vm-{number % 5}") for number in range(300)])
    lakes = [Lake.create(tmp_path / name) for name in ("a", "b")]
    ingest(lakes[0], path)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    ingest(lakes[1], Path(os.path.relpath(path)), memory_limit="200MB")

    assert content(lakes[0]) == content(lakes[1])


def test_a_relative_path_a_lake_and_a_delivery_elsewhere_are_the_same_files(tmp_path: Path) -> None:
    names = []
    for place in ("here", "there"):
        folder = tmp_path / place / "month"
        (folder / "a").mkdir(parents=True)
        (folder / "b").mkdir()
        files = [write(folder / "a", [usage(1)]), write(folder / "b", [usage(2)])]
        result = ingest(Lake.create(tmp_path / place / "lake"), *files)
        names.append([row["file_name"] for row in sorted(result.files, key=lambda row: row["file_name"])])

    assert names == [["a/usage.csv", "b/usage.csv"]] * 2


def test_progress_is_told_step_by_step(lake: Lake, inbox: Path) -> None:
    listener = Listener()
    ingest(lake, write(inbox, [usage(1)]), progress=listener)

    assert listener.steps == [
        "Looking at the files", "Reading the files", "Finding accounts, SKUs and periods", "Staging good rows",
        "Looking for ids that were met before", "Setting bad rows aside", "Writing usage", "Auditing", "Committing",
    ]  # fmt: skip
    assert all(done < total for done, total in listener.counts)


def test_the_bars_for_a_terminal_take_the_same_calls(capsys: pytest.CaptureFixture[str]) -> None:
    silent.step("first")
    silent.advance(0, 1)
    with bars() as shown:
        shown.step("first")
        shown.advance(1, 2)
        shown.step("second")
    assert capsys.readouterr().out == "", "bars go to stderr"


def test_the_commit_names_files_digests_and_totals(lake: Lake, inbox: Path) -> None:
    result = ingest(lake, write(inbox, [usage(1), usage(2, sku_id="nothing"), usage(1)]), actor="clerk")

    assert result.commit
    inputs, totals = result.commit.inputs, result.commit.totals
    assert inputs["actor"] == "clerk"
    assert inputs["reference_digest"] == "0" * 16
    assert [file["digest"] for file in inputs["files"]] == [result.files[0]["file_digest"]]
    assert [
        totals[f"{fate}_count"] for fate in ("landed", "accepted", "duplicate", "superseded", "rejected", "replaced")
    ] == [3, 1, 1, 0, 1, 0]
    assert totals["landed_quantity"] == "4.500000000000000"
    assert result.commit.summary["reasons"] == {"R_UNKNOWN_SKU": 1}


def test_no_rows_at_all_are_committed_for_a_broken_conservation(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.landing import storage
    from flows.landing.workspace import NotConserved

    monkeypatch.setattr(storage, "kept_by_file", lambda *_: {})
    with pytest.raises(NotConserved, match=r"usage\.csv"):
        ingest(lake, write(inbox, [usage(1)]))
    assert lake.head().number == 0


def test_two_series_of_one_hash_are_refused_and_not_mixed(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.landing import places

    monkeypatch.setattr(places, "hash64_sql", lambda *_: "7::ubigint")
    with pytest.raises(RuntimeError, match="two series have the content hash 7"):
        ingest(lake, write(inbox, [usage(1), usage(2, resource_id="vm-2")]))
    ingest(lake, write(inbox, [usage(1)]))
    with pytest.raises(RuntimeError, match="two series have the content hash 7"):
        ingest(lake, write(inbox, [usage(2, resource_id="vm-2")]))


def test_where_the_engine_hashes_two_keys_alike_they_are_still_told_apart(
    lake: Lake, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.landing import staged

    monkeypatch.setattr(staged, "is_keyed_by_hash", lambda _: False)
    rows = [usage(1), usage(2, resource_id=None), usage(3, region_id=None), usage(4, sku_id="nothing")]
    result = ingest(lake, write(inbox, rows))
    assert (result.accepted, result.rejected) == (3, 1)


def test_little_memory_is_enough_for_many_rows(lake: Lake, inbox: Path) -> None:
    path = inbox / "many.parquet"
    count = 300_000
    start = pa.array(
        [1_790_000_000_000_000 + 1_000_000 * (number % 900_000) for number in range(count)], pa.timestamp("us", "UTC")
    )
    pq.write_table(
        pa.table(
            {
                "usage_record_id": [f"usage-{number}" for number in range(count)],
                "billing_account_id": pa.array(["acme"] * count),
                "resource_id": [f"vm-{number % 1000}" for number in range(count)],
                "sku_id": pa.array(["vm"] * count),
                "charge_period_start": start,
                "charge_period_end": start,
                "consumed_quantity": pa.array(range(count), pa.int64()).cast(pa.decimal128(38, 2)),
                "consumed_unit": pa.array(["hour"] * count),
            }
        ),
        path,
    )
    result = ingest(lake, path, memory_limit="100MB")
    assert result.accepted == count
    assert result.files[0]["accepted_quantity"] == count * (count - 1) // 2


def test_parquet_of_other_writers_is_read_for_what_it_says(lake: Lake, inbox: Path) -> None:
    """Milliseconds, nanoseconds, dictionaries, large strings, lists of tags, whole numbers.

    Nothing is lost or guessed.
    """
    base = {
        "usage_record_id": pa.array(["usage-1", "usage-2"], pa.large_string()),
        "billing_account_id": pa.array(["acme", "acme"]).dictionary_encode(),
        "sku_id": pa.array(["vm", "vm"]),
        "charge_period_start": pa.array([1_790_000_000_000] * 2, pa.timestamp("ms", "UTC")),
        "charge_period_end": pa.array(
            [1_790_000_000_000_000_000, 1_790_000_000_000_000_001], pa.timestamp("ns", "Europe/Berlin")
        ),
        "consumed_quantity": pa.array([1, 2], pa.int8()),
        "consumed_unit": pa.array(["hour"] * 2),
        "revision": pa.array([None, 3], pa.uint16()),
        "tags": pa.array(
            [[{"key": "b", "value": "1"}, {"key": "a", "value": None}], None],
            pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())])),
        ),
    }
    pq.write_table(pa.table(base), inbox / "usage.parquet")
    ingest(lake, inbox / "usage.parquet")

    assert stored(lake, "usage_record_id, consumed_quantity, revision, tags") == [
        ("usage-1", 1, 0, {"a": None, "b": "1"})
    ]
    assert rejects(lake, "usage_record_id, reason_code") == [("usage-2", "R_BAD_TIMESTAMP")]


def test_a_text_in_parquet_that_is_not_utf_8_costs_its_row_only(lake: Lake, inbox: Path) -> None:
    path = write_parquet(inbox / "usage.parquet", [usage(1), usage(2), usage(3)])
    table = pq.read_table(path)
    index = table.column_names.index("resource_id")
    broken = pa.array([b"vm-1", b"vm-\xff", b"vm-1"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, broken.buffers())
    pq.write_table(table.set_column(index, "resource_id", text), path)
    result = ingest(lake, path)

    assert (result.accepted, rejects(lake, "row_number, reason_code")) == (2, [(2, "R_BAD_ENCODING")])
    assert "vm-\\xff" in rejects(lake, "original")[0]


def test_a_map_with_a_key_twice_costs_its_row_only(lake: Lake, inbox: Path) -> None:
    path = write_parquet(inbox / "usage.parquet", [usage(1), usage(2)])
    table = pq.read_table(path)
    tags = pa.array([[("a", "1")], [("a", "1"), ("a", "2")]], pa.map_(pa.string(), pa.string()))
    pq.write_table(table.set_column(table.column_names.index("tags"), "tags", tags), path)
    result = ingest(lake, path)

    assert (result.accepted, rejects(lake)) == (1, ["R_JSON_DUP_KEY"])


def test_a_delivery_of_no_files_is_nothing_to_do(lake: Lake) -> None:
    assert ingest(lake).status == "nothing to do"


def test_the_reference_that_judged_a_delivery_is_kept_with_it(lake: Lake, inbox: Path) -> None:
    ingest(lake, write(inbox, [usage(1)]), reference=reference("5" * 16))
    assert lake.snapshot().read("skus")["sku_id"].to_list() == ["vm", "disk", "refundable", "late"]


def test_an_id_in_parquet_that_is_not_utf_8_costs_its_row_only_though_it_is_found_late(lake: Lake, inbox: Path) -> None:
    path = write_parquet(inbox / "usage.parquet", [usage(1), usage(2)])
    table = pq.read_table(path)
    broken = pa.array([b"usage-1", b"usage-\xff"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, broken.buffers())
    pq.write_table(table.set_column(table.column_names.index("usage_record_id"), "usage_record_id", text), path)
    result = ingest(lake, path, write(inbox, [usage(3)], name="z"))

    assert (result.accepted, rejects(lake, "row_number, reason_code")) == (2, [(2, "R_BAD_ENCODING")])
