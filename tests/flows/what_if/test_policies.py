"""A file of policies comes before the reference's own rows, as long as each of its rows holds (X5)."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from flows.reference import Reference, ReferenceFaults, load_reference, load_reference_with
from tests.flows.billing.months import EXAMPLE

HEADER = "billing_account_id,policy,value,valid_from,valid_until"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example's tables; from 2026 on acme's invoices are rounded to whole ones."""
    found = Path(shutil.copytree(EXAMPLE / "reference", tmp_path / "reference"))
    (found / "billing_policies.csv").write_text(f"{HEADER}\nacme,payable_increment,1,2026-01-01,\n")
    return found


def written(folder: Path, *rows: str) -> Path:
    """A file of policies."""
    path = folder.parent / "mine.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def increments(reference: Reference) -> list[tuple[str | None, str, str, str | None]]:
    """The rows of `payable_increment`, the general ones last."""
    rows = reference["billing_policies"].filter(pl.col("policy") == "payable_increment")
    return rows.select("billing_account_id", "value", "valid_from", "valid_until").rows()


def test_a_row_holds_in_its_window_and_the_folders_row_before_and_after_it(folder: Path) -> None:
    """Rounded to fives in October alone; an end day is inclusive."""
    mine = written(folder, "acme,payable_increment,5,2026-10-01,2026-10-31")
    assert increments(load_reference_with(folder, mine))[:3] == [
        ("acme", "1", "2026-01-01", "2026-10-01"),
        ("acme", "5", "2026-10-01", "2026-11-01"),
        ("acme", "1", "2026-11-01", None),
    ]


def test_a_row_for_all_leaves_an_accounts_own_row_as_it_is(folder: Path) -> None:
    found = increments(load_reference_with(folder, written(folder, ",payable_increment,5,2026-01-01,")))
    assert ("acme", "1", "2026-01-01", None) in found
    assert (None, "5", "2026-01-01", None) in found


def test_every_other_table_is_the_folders(folder: Path) -> None:
    mine = load_reference_with(folder, written(folder, ",stacking,additive,2026-01-01,"))
    own = load_reference(folder)
    assert mine.digest != own.digest
    assert [name for name in own.tables if not mine[name].equals(own[name])] == ["billing_policies"]


def test_a_file_that_says_what_the_folder_says_is_the_same_reference(folder: Path) -> None:
    mine = written(folder, "acme,payable_increment,1,2026-01-01,")
    assert load_reference_with(folder, mine).digest == load_reference(folder).digest


def test_rows_that_overlap_each_other_and_unknown_accounts_are_faults(folder: Path) -> None:
    twice = written(folder, ",stacking,additive,2026-01-01,", ",stacking,best_only,2026-06-01,")
    with pytest.raises(ReferenceFaults, match=r"mine\.csv"):
        load_reference_with(folder, twice)
    with pytest.raises(ReferenceFaults, match="nobody"):
        load_reference_with(folder, written(folder, "nobody,stacking,additive,2026-01-01,"))
