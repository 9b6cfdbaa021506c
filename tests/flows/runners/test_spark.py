"""The bucket function carried by Spark, as docs/MACHINES.md shows it.

Spark is half a gigabyte and wants Java 17, so it is not among what developing billfold needs: where it is installed
(`pip install 'billfold[spark]'`) this runs, elsewhere it is skipped. What Spark calls is tested in test_bucket.py.
"""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.bill_period import plan_bill
from flows.docs import ROOT
from flows.lake.journal import Lake
from flows.on_spark import on_spark, terms_of
from rating.bucket import USAGE
from tests.flows.runners.landed import Landed, usage_of

ABSENT = [name for name, found in (("pyspark", find_spec("pyspark")), ("java", shutil.which("java"))) if found is None]


def test_the_page_shows_the_adapter_as_it_is():
    source = Path(sys.modules[on_spark.__module__].__file__ or "").read_text(encoding="utf-8")
    adapter = source[source.index("def on_spark(") : source.index("def terms_of(")].strip()
    assert len(adapter.splitlines()) <= 10
    assert f"```python\n{adapter}\n```" in (ROOT / "docs" / "MACHINES.md").read_text(encoding="utf-8")


@pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}; pip install 'billfold[spark]', Java 17")
def test_spark_bills_what_the_lake_says(landed: Landed, on_threads: Lake, tmp_path: Path, monkeypatch: Any):
    from pyspark.sql import SparkSession

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    plan = plan_bill(landed.lake(tmp_path), landed.reference(), period=landed.world.period)
    assert plan is not None
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "3")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    try:
        usage = spark.createDataFrame(usage_of(on_threads).select(USAGE.names).to_arrow().cast(USAGE))
        found = pl.DataFrame(on_spark(usage, terms_of(plan)).toArrow())
    finally:
        spark.stop()
    used = usage_of(on_threads)["billing_account_id"].unique().implode()
    wanted = on_threads.snapshot().read("charges").filter(pl.col("billing_account_id").is_in(used))
    assert wanted.height > 10
    assert found.sort("charge_id").to_dicts() == wanted.sort("charge_id").to_dicts()
