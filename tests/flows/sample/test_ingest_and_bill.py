"""What comes of a sample world is what it says should: every row and operation has its stated fate, all is billed."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from flows.bill_period import bill_period
from flows.ingest_usage import IngestResult, ingest_usage
from flows.lake.journal import Lake, Snapshot
from flows.operations import land_operations
from flows.reference import load_reference
from flows.sample import SampleWorld, sample


@dataclass(frozen=True)
class Books:
    ingested: IngestResult
    refused: Mapping[str, str]
    snapshot: Snapshot


@pytest.fixture(scope="module")
def books(world: SampleWorld, tmp_path_factory: pytest.TempPathFactory) -> Books:
    reference = load_reference(world.reference_folder)
    lake = Lake.create(tmp_path_factory.mktemp("lake") / "lake")
    ingested = ingest_usage(lake, reference, world.usage_files, received_at=world.received_at)
    decided = land_operations(lake, reference, [world.operations_file], received_at=world.received_at)
    refused = decided.tables["operations"].filter(status="rejected").select("operation_id", "reason_code")
    bill_period(lake, reference, period=world.period)
    return Books(ingested, dict(refused.rows()), lake.snapshot())


def test_every_row_has_the_fate_that_the_readme_states(world: SampleWorld, books: Books):
    result = books.ingested
    assert (result.accepted, result.duplicate, result.superseded) == (world.rows, 6, 6)
    assert dict(result.reasons) == {code: count for code, count in world.outcomes.items() if code.startswith("R_")}
    assert [file["reason_code"] for file in result.files if file["reason_code"]] == []


def test_a_later_month_has_the_same_reference_tables_and_customers_and_every_row_its_stated_fate(
    world: SampleWorld, books: Books, tmp_path: Path
):
    """Of the projects that moved in the first month, all later usage is their new owner's."""
    later = sample(tmp_path / "later", accounts=90, rows=12_000, period="2027-02", begins=world.period)
    names = sorted(path.name for path in world.reference_folder.iterdir())
    assert names == sorted(path.name for path in later.reference_folder.iterdir())
    for name in names:
        assert (later.reference_folder / name).read_bytes() == (world.reference_folder / name).read_bytes()
    assert later.operations_file is None
    assert not (later.folder / "operations").exists()  # a file without an operation would be refused
    assert "operations/" not in (later.folder / "README.md").read_text()
    shutil.copytree(books.snapshot.lake.root, tmp_path / "lake")
    lake, reference = Lake.open(tmp_path / "lake"), load_reference(later.reference_folder)
    result = ingest_usage(lake, reference, later.usage_files, received_at=later.received_at)
    assert (result.accepted, result.duplicate, result.superseded) == (12_000, 6, 6)
    assert dict(result.reasons) == {code: count for code, count in later.outcomes.items() if code.startswith("R_")}


def test_a_world_has_no_usage_of_before_it_began(tmp_path: Path):
    with pytest.raises(ValueError, match="a sample world that begins in 2026-11 has no usage of 2026-10"):
        sample(tmp_path / "world", period="2026-10", begins="2026-11")


def test_the_operations_that_should_be_refused_are_and_no_others(world: SampleWorld, books: Books):
    assert books.refused == dict(world.refused)


def test_every_good_row_is_billed_in_the_period(world: SampleWorld, books: Books):
    assert books.snapshot.read("rating_lines", billing_period=world.period)["record_count"].sum() == world.rows
    assert books.snapshot.read("holds").is_empty()


def test_the_invoice_of_the_showcase_fits_on_a_page_and_has_one_of_everything(world: SampleWorld, books: Books):
    own = pl.col("billing_account_id") == world.showcase_account_id
    invoice = books.snapshot.read("invoices").row(by_predicate=own, named=True)
    lines = books.snapshot.read("invoice_lines").filter(own)
    assert lines.height == 12
    assert (invoice["grant_amount"], invoice["credit_amount"]) != (0, 0)
    assert invoice["discount_amount"] == lines.filter(service="Compute")["discount_amount"].sum() > 0
    assert lines.filter(pl.col("grant_amount") > 0)["service"].unique().to_list() == ["AI Models"]
    taxable = invoice["list_cost"] - invoice["discount_amount"] - invoice["grant_amount"]
    assert invoice["total_without_tax"] == taxable
    assert invoice["total_tax"] == (taxable * Decimal("0.19")).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    assert invoice["amount_due"] == taxable + invoice["total_tax"] - invoice["credit_amount"]


def test_a_price_and_a_discount_that_change_inside_the_month_cut_it(books: Books):
    lines = books.snapshot.read("rating_lines").filter(pl.col("sku_price_id").str.contains("acct-0007"))
    assert lines["sku_price_id"].n_unique() == 2  # the contract before the change and after it
    cut = books.snapshot.read("charges").filter(billing_account_id="acct-0027")
    assert cut["rating_line_id"].n_unique() < cut.height
