"""An account with half of all rows is billed as it is among any others: by itself in a bucket, or beside everybody."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.lake.journal import Lake
from flows.operations import land_operations
from flows.reference import load_reference
from flows.sample import SampleWorld, sample
from tests.determinism.content import Content, content, refuse_other

ACCOUNTS, ROWS = 12, 2_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SampleWorld:
    """Of what the others use, one account has half; the one account that shows everything goes without usage."""
    found = sample(tmp_path_factory.mktemp("skewed"), accounts=ACCOUNTS, rows=ROWS, half_to_one=True)
    for path in found.usage_files:
        if path.suffix == ".parquet":
            of_others = pl.col("billing_account_id") != found.showcase_account_id
            pl.read_parquet(path).filter(of_others).write_parquet(path)
    return found


def billed(world: SampleWorld, folder: Path, buckets: int, groups: int | None) -> Lake:
    lake = Lake.create(folder, buckets=buckets)
    reference = load_reference(world.reference_folder)
    ingest_usage(lake, reference, list(world.usage_files), received_at=world.received_at)
    land_operations(lake, reference, [world.operations_file], received_at=world.received_at)
    bill_period(lake, reference, period=world.period, groups=groups)
    return lake


def rows_by_bucket(lake: Lake) -> list[int]:
    """Rows of accepted usage in each bucket that has any, the largest first."""
    found: dict[str, int] = {}
    for entry in lake.snapshot().files("usage_records"):
        bucket = entry.partition["bucket"]
        found[bucket] = found.get(bucket, 0) + entry.rows
    return sorted(found.values(), reverse=True)


def test_half_of_all_rows_in_one_of_a_thousand_buckets_are_billed_to_the_cents_of_a_few(
    world: SampleWorld, tmp_path: Path
) -> None:
    few, many = billed(world, tmp_path / "few", 4, None), billed(world, tmp_path / "many", 1000, 3)
    skewed, spread = rows_by_bucket(many), rows_by_bucket(few)
    assert len(spread) == 4
    assert len(skewed) > 4, "accounts that share a bucket of four have one of their own in a thousand"
    assert skewed[0] > sum(skewed[1:]) > ROWS // 4
    said: Content = content(few)
    assert len(said["invoices"]) > ACCOUNTS // 2
    refuse_other(content(many), said, "1,000 buckets")
