"""A backfill takes as many groups of buckets as the usage of its accounts asks for, not the month's."""

from pathlib import Path

import polars as pl
import pytest

from flows import bill_period
from flows.lake.journal import Lake, Snapshot
from flows.recomputing import _rows_of
from tests.flows.lake.books import frame


@pytest.fixture
def books(tmp_path: Path) -> Snapshot:
    """40 rows of usage, in a bucket with one series of acme and three of beta."""
    lake = Lake.create(tmp_path / "lake", buckets=1)
    owners = ["acme", "beta", "beta", "beta"]
    series = [{"series_id": str(number), "billing_account_id": owner} for number, owner in enumerate(owners)]
    usage = [{"series_id": "1", "usage_record_id": f"u{number}"} for number in range(40)]
    month = {"billing_period": "2026-10", "bucket": "00"}
    files = [
        lake.write_table("usage_series", frame("usage_series", series), run_id="r1", partition={"bucket": "00"}),
        lake.write_table("stored_usage", frame("stored_usage", usage), run_id="r1", partition=month),
    ]
    lake.commit(lake.head(), run_id="r1", command="ingest", inputs={}, added=files)
    return lake.snapshot()


@pytest.mark.parametrize(("accounts", "rows"), [(["acme"], 10), (["beta"], 30), (["acme", "beta"], 40), (["gone"], 0)])
def test_rows_are_shared_out_by_the_series_of_each_account(
    books: Snapshot, accounts: list[str], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of 40 rows is 10; groups of ten rows would be four of the month, and one of acme."""
    monkeypatch.setattr(bill_period, "ROWS_PER_GROUP", 10)
    usage = books.files("usage_records")
    assert _rows_of(books, usage, pl.DataFrame({"billing_account_id": accounts})) == rows


def test_a_month_of_one_group_is_one_for_anybody(books: Snapshot) -> None:
    """Then nothing is read to tell."""
    assert _rows_of(books, books.files("usage_records"), pl.DataFrame({"billing_account_id": ["acme"]})) == 40
