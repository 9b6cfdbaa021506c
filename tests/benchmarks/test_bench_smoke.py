"""The benchmark runs, on a small world: its table is complete, and what was billed is what was made."""

import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.benchmarks import allocation, backfill, rating
from tests.benchmarks.__main__ import main
from tests.benchmarks.measure import STARTED
from tests.benchmarks.works import WORKS, Bench

ROWS = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    main(["--rows", str(ROWS), "--rounds", "1", "--folder", str(folder), "--results", str(folder / "results.json")])
    return folder


def test_the_table_has_every_work_with_positive_figures(folder: Path):
    results = json.loads((folder / "results.json").read_text())
    works = {row["work"]: row for row in results["works"]}
    assert list(works) == [STARTED, *(work.name for work in WORKS)]
    assert (results["rows"], results["accounts"], results["rounds"]) == (ROWS, 20, 1)
    for row in works.values():
        assert min(row["wall_seconds"], row["cpu_seconds"], row["ratio_to_floor"], row["ratio"]) > 0
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


def test_rating_alone_is_measured_and_its_world_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rating, "METERED_ROWS", 2_000)
    arguments = ["--rows", str(ROWS), "--rounds", "1", "--folder", str(tmp_path), "--results", str(tmp_path / "r.json")]
    made = rating.RatingBench.open(tmp_path, ROWS, 20)
    assert made.meter()["record_count"].sum() == ROWS
    assert set(made.details["meter"]) == {"count", "time_weighted", "max", "last", "unique"}
    rating.main(arguments)
    results = json.loads((tmp_path / "r.json").read_text())
    assert [row["work"] for row in results["works"]] == [work.name for work in rating.WORKS]
    assert rating.RatingBench.open(tmp_path, ROWS, 20).lake.head().number == made.lake.head().number


def test_allocation_alone_is_measured_and_both_ways_apply_the_same(tmp_path: Path):
    arguments = ["--charges", "2000", "--charges-of-one", "500", "--rounds", "1", "--results", str(tmp_path / "a.json")]
    allocation.main(arguments)
    results = json.loads((tmp_path / "a.json").read_text())
    assert [row["work"] for row in results["works"]] == [
        work.name for work in allocation.works(2_000, 500, (1_000, 10_000))
    ]
    assert results["applications"] == allocation.World(10, 200, 5).plain().height > 1_000


def test_a_backfill_is_measured_beside_its_goals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Four months; of 101 accounts the first and the last of a hundred get the bonus: two."""
    monkeypatch.setattr(backfill, "MONTHS", 4)
    arguments = ["--rows", "2000", "--accounts", "101", "--rounds", "1", "--results", str(tmp_path / "b.json")]
    backfill.main(arguments)
    results = json.loads((tmp_path / "b.json").read_text())
    assert (results["rows"], results["accounts"], results["months"], results["touched"]) == (2_000, 101, 4, 2)
    works = {row["work"]: row for row in results["works"]}
    assert list(works) == [work for work, _, _ in backfill.WORKS]
    assert {work: row["goal"] for work, row in works.items() if row["goal"]} == backfill.GOALS
    for row in works.values():
        assert min(row["wall_seconds"], row["cpu_seconds"], row["wall_ratio"], row["cpu_ratio"]) > 0
