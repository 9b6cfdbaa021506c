"""`billfold what-if` and `billfold backfill --dry-run`: what would change, for whom and why; nothing is done (X5).

October as in `test_differences`: acme is to pay 114, acme-credit 122.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.flows.billing.months import Month
from tests.flows.cli.worked import Said, billfold, line_with
from tests.flows.what_if.test_differences import BONUS
from tests.flows.what_if.untouched import picture

LATE = "late,acme,,vm-1,vm-small,eu-1,2026-10-20T00:00:00+02:00,2026-10-24T04:00:00+02:00,100,hour"
NOVEMBER = "n1,acme,,vm-1,vm-small,eu-1,2026-11-01T10:00:00+01:00,2026-11-05T14:00:00+01:00,100,hour"
LATER = datetime(2026, 12, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """October as drafts. To read, not to change."""
    month = Month(tmp_path_factory.mktemp("drafts")).whole()
    month.lake.close()
    return month


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """October issued, and November a draft of 45 and 9 of tax: 54 to pay. To read, not to change."""
    month = Month(tmp_path_factory.mktemp("issued")).whole()
    month.issue()
    with (month.reference_folder / "discounts.csv").open("a") as file:
        file.write("winter,percent,10,2026-11-01,2026-11-30\n")
    month.ingest(month.usage("november.csv", NOVEMBER), received_at=LATER)
    month.bill(period="2026-11")
    month.lake.close()
    return month


def asked(month: Month, *arguments: object, command: str = "what-if", reference: Path | None = None) -> Said:
    """Ask on a lake that nobody may change meanwhile."""
    before = picture(month.lake.root)
    folder = reference or month.reference_folder
    where = ("--lake", month.lake.root, "--reference", folder, "--received-at", "2026-12-03T00:00:00Z")
    said = billfold(command, *arguments, *where)
    assert picture(month.lake.root) == before
    return said


def record(said: Said) -> dict[str, Any]:
    """The answer as a program reads it."""
    found: dict[str, Any] = json.loads(said.out)
    return found


def due(found: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Account, period, what is due before and after, and the difference."""
    names = ("billing_account_id", "billing_period", "amount_due_before", "amount_due_after", "amount_due_change")
    return [tuple(row[name] for name in names) for row in found["accounts"]]


def operations(folder: Path, *rows: dict[str, Any]) -> Path:
    """A file of operations."""
    path = folder / "operations.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_a_bonus_from_the_past_gives_a_credit_note_of_itself_and_its_tax(issued: Month, tmp_path: Path) -> None:
    """20 of bonus for October: 20 and 4 of tax less than the 114 of the invoice; November finds nothing left of it."""
    said = asked(issued, "--operations", operations(tmp_path, BONUS), "--json")
    assert said.code == 0, said.both
    found = record(said)
    assert due(found) == [("acme", "2026-10", "114.00", "90.00", "-24.00")]
    assert found["accounts"][0]["why"] == ["grant_credit sorry-acme"]
    assert [(row["component"], row["rate"], row["tax_amount_change"]) for row in found["taxes"]] == [
        ("VAT", "0.2", "-4.00")
    ]
    assert [(row["name"], row["used_amount_change"], row["balance_change"]) for row in found["grants"]] == [
        ("Sorry", "20.00", "0.00")
    ]
    assert found["runs"][1]["changes"] == {"credit note": 1}


def test_a_bonus_over_two_months_is_told_for_both(issued: Month, tmp_path: Path) -> None:
    """200 from October on: October's 95 are free, 95 and 19 of tax back; of the 105 left November takes its 45."""
    bonus = {**BONUS, "amount": "200"}
    found = record(asked(issued, "--operations", operations(tmp_path, bonus), "--json"))
    assert due(found) == [
        ("acme", "2026-10", "114.00", "0.00", "-114.00"),
        ("acme", "2026-11", "54.00", "0.00", "-54.00"),
    ]
    assert [(row["used_amount_change"], row["balance_change"]) for row in found["grants"]] == [("140.00", "60.00")]
    totals = {name: found["totals"][0][name] for name in ("account_count", "total_tax_change", "amount_due_change")}
    assert totals == {"account_count": 1, "total_tax_change": "-28.00", "amount_due_change": "-168.00"}


def test_the_page_has_totals_and_the_largest_differences(issued: Month, tmp_path: Path) -> None:
    bonus = {**BONUS, "amount": "200"}
    said = asked(issued, "--operations", operations(tmp_path, bonus), "--limit", 1)
    assert "nothing is committed" in said.out
    assert line_with(said.out, ["amount due, change", "-168.00"])
    assert line_with(said.out, ["acme", "2026-10", "grant_credit", "114.00", "0.00", "-114.00"])
    assert "Accounts and months: the 1 largest changes of 2" in said.out
    assert line_with(said.out, ["Sorry", "60.00", "200.00", "140.00"])
    assert asked(issued, "--quiet", "--operations", operations(tmp_path, bonus)).both == ""


def test_other_policies_come_from_a_file(drafts: Month, tmp_path: Path) -> None:
    """What is due is rounded to whole fives: 114 to 115, 122 to 120."""
    policies = tmp_path / "fives.csv"
    policies.write_text("policy,value,valid_from\npayable_increment,5,2026-01-01\n")
    found = record(asked(drafts, "--policy", policies, "--json"))
    assert due(found) == [
        ("acme-credit", "2026-10", "122.00", "120.00", "-2.00"),
        ("acme", "2026-10", "114.00", "115.00", "1.00"),
    ]
    assert found["taxes"] == []


def test_other_reference_tables_come_from_a_folder(drafts: Month, tmp_path: Path) -> None:
    """The disk at 0.20 instead of 0.10: 50 more, 45 after the discount, 54 with tax."""
    folder = Path(shutil.copytree(drafts.reference_folder, tmp_path / "dearer"))
    prices = folder / "sku_prices.csv"
    prices.write_text(prices.read_text().replace("EUR,unit,0.10", "EUR,unit,0.20"))
    found = record(asked(drafts, "--json", reference=folder))
    assert [row[4] for row in due(found)] == ["54.00", "54.00"]
    assert [(row["service"], row["line_amount_change"]) for row in found["services"]] == [("storage", "45.00")] * 2


def test_an_operation_that_would_be_rejected_is_told_with_its_reason(drafts: Month, tmp_path: Path) -> None:
    said = asked(drafts, "--operations", operations(tmp_path, {**BONUS, "kind": "gift"}))
    assert said.code == 3
    assert line_with(said.out, ["sorry-acme", "O_UNKNOWN_KIND"])
    assert "the books would say what they say now" in said.out


def test_without_any_change_nothing_would_change(drafts: Month) -> None:
    said = asked(drafts)
    assert said.code == 0
    assert "the books would say what they say now" in said.out


def test_a_file_of_policies_with_a_fault_is_refused_with_file_and_row(drafts: Month, tmp_path: Path) -> None:
    policies = tmp_path / "mine.csv"
    policies.write_text("policy,value,valid_from\nstacking,sideways,2026-01-01\n")
    said = asked(drafts, "--policy", policies)
    assert said.code == 1
    assert line_with(said.err, ["mine.csv", "2", "sideways"])
    assert asked(drafts, "--policy", tmp_path / "nowhere.csv").code == 1


def test_a_dry_run_of_the_backfill_says_what_late_usage_would_change_and_why(issued: Month, tmp_path: Path) -> None:
    """100 h of 0.50 are 50, 45 after the discount, 54 with tax: a supplementary invoice for October."""
    late = issued.copied(tmp_path / "month")
    late.ingest(late.usage("late.csv", LATE), received_at=LATER)
    late.lake.close()
    said = asked(late, "--dry-run", "--json", command="backfill")
    found = record(said)
    assert due(found) == [("acme", "2026-10", "114.00", "168.00", "54.00")]
    assert found["accounts"][0]["why"] == ["late usage"]
    assert line_with(asked(late, "--dry-run", command="backfill").out, ["acme", "late usage", "168.00", "54.00"])
