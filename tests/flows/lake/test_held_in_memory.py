"""Which relations of a connection are held in memory: the smallest first, up to so many bytes of files."""

from copy import deepcopy
from pathlib import Path

import pytest

from flows.lake.audit import SMALL, audit
from flows.lake.journal import Lake
from flows.lake.views import connect
from tests.flows.lake.books import lake_of
from tests.flows.lake.test_audit import BOOKS


def size(lake: Lake, table: str) -> int:
    return sum(entry.bytes for entry in lake.snapshot().files(table))


def held(lake: Lake, *only: str, most: int) -> set[str]:
    """The relations that are tables and no views."""
    with connect(lake, only=only, in_memory=most) as connection:
        return {name for (name,) in connection.sql("select table_name from duckdb_tables()").fetchall()}


def test_only_what_is_asked_for_counts(tmp_path: Path) -> None:
    """The lake holds usage, charges and much else; the bytes of `grants` are enough for `grants`, one less is not."""
    lake = lake_of(tmp_path, BOOKS)
    assert held(lake, "grants", most=size(lake, "grants")) == {"grants"}
    assert held(lake, "grants", most=size(lake, "grants") - 1) == set()


def test_the_smallest_are_held_first_and_views_only_with_all_they_read(tmp_path: Path) -> None:
    """`internal.chains` reads invoices alone; `internal.charged_lines` reads them and the lines."""
    lake = lake_of(tmp_path, BOOKS)
    small, large = sorted(["invoices", "invoice_lines"], key=lambda table: size(lake, table))
    both = size(lake, small) + size(lake, large)
    views = {"invoices": {"chains"}, "invoice_lines": set[str]()}[small]
    assert held(lake, "internal.charged_lines", most=both - 1) == {small} | views
    assert held(lake, "internal.charged_lines", most=both) == {small, large, "chains", "charged_lines"}


@pytest.mark.parametrize("most", [0, 20_000, SMALL])
def test_an_audit_says_the_same_however_much_is_held(tmp_path: Path, most: int) -> None:
    """114.00 are due of 114.00 with tax: 115.00 on the document are one too many wherever what is due is looked at."""
    world = deepcopy(BOOKS)
    world["invoices"][0]["amount_due"] = "115.00"
    with connect(lake_of(tmp_path, world), in_memory=most) as connection:
        found = {breach.name: (breach.count, breach.examples) for breach in audit(connection)}
    assert set(found) == {"due_is_total_less_paid", "receivable_is_what_is_open"}
