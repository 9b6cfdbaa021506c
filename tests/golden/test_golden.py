"""Did any invoice change? Whole periods in text: what goes in, what comes out, and why, in the same file.

A file is named for its period; `given TABLE` and `then TABLE` begin a table, `#` a comment. A number that changes is a
price change: explain it in the comment above it, account by account, before you change it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rating.deltas import ledger_delta
from schemas import TABLES
from tests.spec.period import bill
from tests.tables import assert_table, table

PERIODS = sorted(Path(__file__).parent.glob("*.txt"))


def read(path: Path) -> dict[str, dict[str, str]]:
    """`given` and `then`: table name -> its text."""
    tables: dict[str, dict[str, str]] = {"given": {}, "then": {}}
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for block in "\n".join(lines).split("\n\n"):
        if not block.strip():
            continue
        head, _, text = block.strip("\n").partition("\n")
        side, name = head.split()
        assert name not in tables[side], f"{path.name}: {head} is there twice"
        tables[side][name] = text
    return tables


@pytest.mark.parametrize("path", PERIODS, ids=lambda path: path.stem)
def test_a_whole_period_is_billed_as_it_was(path: Path) -> None:
    tables = read(path)
    assert set(tables["then"]) >= {"invoices", "invoice_lines"}, "a period is its documents at least"
    given: dict[str, Any] = {name: table(TABLES[name], text) for name, text in tables["given"].items()}
    billed = bill(period=path.stem, **given)
    entries = ledger_delta(billed.ledger, TABLES["ledger_entries"].empty())
    found = {**billed.tables(), "ledger_entries": entries}
    for name, text in tables["then"].items():
        assert_table(found[name], TABLES[name], text)


def test_there_is_a_period_to_compare() -> None:
    assert PERIODS
