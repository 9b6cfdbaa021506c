"""The bucket function of Arrow alone makes of usage what the flows make of a lake, and an engine may deal it out."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from flows.bill_period import plan_bill
from flows.lake.journal import Lake
from flows.on_spark import terms_of
from rating.bucket import SERIES, USAGE, Terms, rate_bucket, rated, schema_of
from rating.outputs import Outputs
from rating.pipeline import rate_period
from schemas import TABLES
from tests.flows.billing.months import Month
from tests.flows.billing.test_spanning_records import OVER_THE_END, split
from tests.flows.runners.landed import Landed, usage_of
from tests.mixed_worlds import mixed_worlds
from tests.pipeline import Parts, asked, parts_of

BATCH = 100
"""Rows of a batch: many of a series are in several."""


@pytest.fixture(scope="module")
def terms(landed: Landed, tmp_path_factory: pytest.TempPathFactory) -> Terms:
    """What a bill depends on but usage, as it reaches an executor."""
    lake = landed.lake(tmp_path_factory.mktemp("terms"))
    plan = plan_bill(lake, landed.reference(), period=landed.world.period)
    assert plan is not None
    return pickle.loads(pickle.dumps(terms_of(plan)))


@pytest.fixture(scope="module")
def usage(on_threads: Lake) -> pl.DataFrame:
    return usage_of(on_threads)


def batches(rows: pl.DataFrame) -> Iterator[pa.RecordBatch]:
    yield from rows.select(USAGE.names).to_arrow().cast(USAGE).to_batches(max_chunksize=BATCH)


def partitions(usage: pl.DataFrame, count: int) -> list[pl.DataFrame]:
    """Usage dealt out by account, as a shuffle of an engine deals it."""
    place = usage["billing_account_id"].rank("dense") % count
    return [usage.filter(place == one) for one in range(count)]


def committed(lake: Lake, table: str) -> pl.DataFrame:
    rows = lake.snapshot().read(table)
    return rows.sort(TABLES[table].key())


def all_accounts(terms: Terms) -> list[str]:
    return sorted(terms.inputs["reference"]["billing_accounts"]["billing_account_id"].unique())


@pytest.fixture(scope="module")
def dealt(terms: Terms, usage: pl.DataFrame) -> list[dict[str, pa.Table]]:
    """The bills of three partitions, and of the accounts that used nothing."""
    parts = partitions(usage, 3)
    assert min(part.height for part in parts) > BATCH
    idle = sorted(set(all_accounts(terms)) - set(usage["billing_account_id"]))
    return [*(rate_bucket(batches(part), terms) for part in parts), rate_bucket([], terms, idle)]


@pytest.mark.parametrize("table", ["charges", "allocations", "tax_shares", "invoices", "invoice_lines", "holds"])
def test_accounts_dealt_into_several_calls_are_billed_as_in_the_lake(
    on_threads: Lake, dealt: list[dict[str, pa.Table]], table: str
):
    found = pl.concat([pl.DataFrame(tables[table]) for tables in dealt]).sort(TABLES[table].key())
    assert found.to_dicts() == committed(on_threads, table).to_dicts()
    assert found.height > 0 or table == "holds"


def test_a_table_is_a_stream_of_one_schema(terms: Terms, usage: pl.DataFrame, dealt: list[dict[str, pa.Table]]):
    stream = list(rated("charges", batches(partitions(usage, 3)[0]), terms))
    assert {batch.schema for batch in stream} == {schema_of("charges")}
    assert pa.Table.from_batches(stream).to_pylist() == dealt[0]["charges"].to_pylist()


def test_no_table_of_a_bill_is_more_than_an_engine_carries(dealt: list[dict[str, pa.Table]]):
    tables = dealt[0]
    assert set(tables) == set(Outputs.__dataclass_fields__)
    stored = [name for name in tables if name in TABLES]
    assert len(stored) == len(tables) - 1, "all but the ledger's desired state are tables by name"
    for name in stored:
        kinds = {str(kind) for kind in tables[name].cast(schema_of(name)).schema.types}
        assert not {kind for kind in kinds if kind.startswith(("large", "uint", "dictionary"))}


def _of_world(parts: Parts) -> tuple[pa.RecordBatch, ...]:
    """The usage of a drawn world as a stream: what runs into its period is of an earlier one."""
    period = parts.inputs["billing_period"]
    rows = [
        frame.select(pl.lit(said).alias("billing_period"), *SERIES, *USAGE.names[-3:])
        for frame, said in ((parts.records, period), (parts.earlier, "2000-01"))
    ]
    return tuple(batches(pl.concat(rows)))


def test_drawn_worlds_are_billed_as_the_pipeline_bills_them():
    worlds = [parts_of(world) for world in mixed_worlds(4)]
    assert any(parts.records.height for parts in worlds)
    for parts in worlds:
        wanted = {name: rows.rows() for name, rows in asked(parts, rate_period).tables().items()}
        accounts = parts.inputs["reference"]["billing_accounts"]["billing_account_id"].unique().to_list()
        found = rate_bucket(_of_world(parts), Terms(parts.inputs), accounts)
        assert {name: pl.DataFrame(rows).rows() for name, rows in found.items()} == wanted


def test_of_a_record_that_runs_in_from_an_earlier_period_its_part_is_billed(tmp_path: Path):
    """A day of a machine from noon of 31 October in Berlin, 24 hours, is split at the end of the month: 12 are left."""
    month = Month(tmp_path, buckets=1)
    split(month)
    month.ingest()
    month.ingest(month.usage("over.csv", OVER_THE_END))
    month.bill()
    plan = plan_bill(month.lake, month.reference(), period="2026-11")
    assert plan is not None
    charges = pl.DataFrame(rate_bucket(batches(usage_of(month.lake)), terms_of(plan))["charges"])
    of_usage = charges.filter(charge_category="usage")
    assert of_usage.select("sku_id", "pricing_quantity").rows() == [("vm-small", Decimal(12))]
