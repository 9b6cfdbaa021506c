"""The benchmark runs, on a small world: its table is complete, and what was billed is what was made."""

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.benchmarks import allocation, backfill, further, measure, rating
from tests.benchmarks.__main__ import main
from tests.benchmarks.measure import STARTED
from tests.benchmarks.works import WORKS, Bench

ROWS = 20_000


def run_in(path: Path) -> dict[str, Any]:
    """The one run in a file of results."""
    (run,) = json.loads(path.read_text())["runs"]
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "IMPORTS", {STARTED: "import json"})
        main(["--rows", str(ROWS), "--rounds", "0", "--folder", str(folder), "--results", str(folder / "results.json")])
    return folder


def test_the_table_has_every_work_with_positive_figures(folder: Path):
    run = run_in(folder / "results.json")
    works = {row["work"]: row for row in run["works"]}
    assert list(works) == [STARTED, *(work.name for work in WORKS)]
    assert (run["run"], run["rows"], run["accounts"], run["rounds"]) == ("stages", ROWS, 20, 0)
    for row in works.values():
        assert min(row["wall_seconds"], row["cpu_seconds"], row["ratio_to_floor"], row["ratio"], row["cpu_ratio"]) > 0
    for work in WORKS:
        assert works[work.name]["rows"] == ROWS
        assert works[work.name]["peak_megabytes"] > 0


def test_what_was_billed_is_what_was_made(folder: Path):
    bench = Bench.reopen(folder)
    billed = bench.billed_lake().snapshot()
    assert billed.read("rating_lines", billing_period=bench.period)["record_count"].sum() == ROWS
    assert billed.read("holds").is_empty()
    assert set(billed.read("invoices")["billing_account_id"]) == set(
        bench.reference["billing_accounts"]["billing_account_id"]
    )


def test_the_quantity_billed_is_the_quantity_landed(folder: Path):
    bench = Bench.reopen(folder)
    text = [str(path) for path in bench.usage_files if path.suffix != ".parquet"]
    landed = dict(
        duckdb.execute(
            """
            select sku_id, sum(consumed_quantity::decimal(38, 15)) from (
              select sku_id, consumed_quantity from read_parquet($1)
              union all by name select sku_id, consumed_quantity from read_csv($2, all_varchar = true)
              union all by name select sku_id, consumed_quantity
                from read_json($3, columns = {sku_id: 'varchar', consumed_quantity: 'varchar'}))
            group by sku_id
            """,
            [bench.parquet, text[0], text[1]],
        ).fetchall()
    )
    lines = bench.billed_lake().snapshot().read("rating_lines")
    billed = dict(lines.group_by("sku_id").agg(pl.col("pricing_quantity").sum()).rows())
    assert billed == landed


def test_the_further_works_bill_what_the_stages_bill(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """CSV instead of Parquet, more buckets, half of the rows in one account: the same rows; a tenth: a tenth.

    Of 20,000 rows the 13 series of the showcase have 384 each (at most a quarter of all); the other 15,008 are 80
    series of 187 records, the first 48 of one more. The one account has the first 40: 40 × 188.
    """
    monkeypatch.setattr(further, "BUCKETS", 40)
    bench = Bench.reopen(folder)
    rows = {}
    for work in further.FURTHER[:-1]:  # the last bills on a cluster, which takes long to start: tests/flows/runners
        lake = work.prepare(bench)
        work.run(bench, lake)
        if lake is not None:
            rows[work.name] = sum(entry.rows for entry in lake.snapshot().files("usage_records"))
    in_parquet = sum(pl.scan_parquet(path).select(pl.len()).collect().item() for path in bench.parquet)
    billed = {"bill, a tenth of the rows": ROWS // 10, "bill, 1,000 buckets": ROWS, "bill, half is one account's": ROWS}
    assert rows == {"metering, all meters": ROWS, "ingest CSV": in_parquet, **billed}
    half = Bench.reopen(folder / "half").billed_lake().snapshot().read("rating_lines")
    of_one = half.group_by("billing_account_id").agg(pl.col("record_count").sum()).sort("record_count").row(-1)
    assert of_one == ("acct-0002", 7_520)
    assert Bench.reopen(folder / "buckets").billed_lake().buckets == 40


def test_rating_alone_is_measured_and_its_world_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rating, "METERED_ROWS", 2_000)
    arguments = ["--rows", str(ROWS), "--rounds", "0", "--folder", str(tmp_path), "--results", str(tmp_path / "r.json")]
    made = rating.RatingBench.open(tmp_path, ROWS, 20)
    assert made.meter()["record_count"].sum() == ROWS
    assert set(made.details["meter"]) == {"count", "time_weighted", "max", "last", "unique"}
    rating.main(arguments)
    results = run_in(tmp_path / "r.json")
    assert [row["work"] for row in results["works"]] == [work.name for work in rating.WORKS]
    assert rating.RatingBench.open(tmp_path, ROWS, 20).lake.head().number == made.lake.head().number


def test_allocation_alone_is_measured_and_both_ways_apply_the_same(tmp_path: Path):
    arguments = ["--charges", "2000", "--charges-of-one", "500", "--rounds", "0", "--results", str(tmp_path / "a.json")]
    allocation.main(arguments)
    results = run_in(tmp_path / "a.json")
    assert [row["work"] for row in results["works"]] == [
        work.name for work in allocation.works(2_000, 500, (1_000, 10_000))
    ]
    assert results["applications"] == allocation.World(10, 200, 5).plain().height > 1_000


def test_a_backfill_is_measured_beside_its_goals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Four months; of 101 accounts the first and the last of a hundred get the bonus: two."""
    monkeypatch.setattr(backfill, "MONTHS", 4)
    arguments = ["--rows", "2000", "--accounts", "101", "--rounds", "0", "--results", str(tmp_path / "b.json")]
    backfill.main(arguments)
    results = run_in(tmp_path / "b.json")
    assert (results["rows"], results["accounts"], results["months"], results["touched"]) == (2_000, 101, 4, 2)
    works = {row["work"]: row for row in results["works"]}
    assert list(works) == [work for work, _, _ in backfill.WORKS]
    assert {work: row["goal"] for work, row in works.items() if row["goal"]} == backfill.GOALS
    for row in works.values():
        assert min(row["wall_seconds"], row["cpu_seconds"], row["ratio"], row["cpu_ratio"]) > 0
