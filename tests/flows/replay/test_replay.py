"""A run computed again gives what it committed, byte for byte; what was changed since is found (L2)."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.backfill import backfill
from flows.lake.journal import Lake
from flows.replay import replay
from flows.run import Refusal
from tests.flows.billing.months import Month
from tests.flows.billing.test_payments import payment
from tests.flows.cli.worked import billfold
from tests.flows.what_if.untouched import picture

AGAIN = ("bill", "operations", "backfill")
BONUS = {
    "operation_id": "sorry",
    "operation": "grant_credit",
    "occurred_at": "2026-10-20T08:00:00Z",
    "billing_account_id": "acme",
    "kind": "bonus",
    "amount": "20.00",
    "window_start": "2026-10-01",
}
VOID = {
    "operation_id": "void",
    "operation": "void_invoice",
    "occurred_at": "2026-12-05T08:00:00Z",
    "billing_account_id": "acme-credit",
    "invoice_number": "INV-2026-00002",
}
LATER = datetime(2026, 12, 6, tzinfo=UTC)
NOVEMBER = "n1,acme,,vm-1,vm-small,eu-1,2026-11-01T10:00:00+01:00,2026-11-05T14:00:00+01:00,100,hour"


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """October is issued and paid in part, November a draft after it was shown month to date; then a bonus comes for
    October, which a credit note gives back, and the other invoice is voided and made again. To read, not to change."""
    month = Month(tmp_path_factory.mktemp("month")).whole()
    month.issue()
    month.operate(payment("p1", "14"), {**payment("p2", "5"), "billing_account_id": "nobody"})
    month.ingest(month.usage("november.csv", NOVEMBER), received_at=LATER)
    month.bill(period="2026-11", until=datetime(2026, 11, 20, tzinfo=UTC))
    month.bill(period="2026-11")
    month.operate(BONUS, received_at=LATER)
    backfill(month.lake, month.reference(), received_at=LATER, issue_date=date(2026, 12, 4))
    month.operate(VOID, received_at=LATER)
    backfill(month.lake, month.reference(), received_at=LATER)
    month.lake.close()
    return month


@pytest.fixture
def lake(month: Month, tmp_path: Path) -> Lake:
    """The same in a folder of its own, to change."""
    return Lake.open(shutil.copytree(month.lake.root, tmp_path / "lake"))


def commit_of(lake: Lake, command: str) -> str:
    """The number of the latest commit of a command."""
    return str(max(commit.number for commit in lake.commits() if commit.command == command))


def rewrite(path: Path, content: bytes) -> None:
    """Change a read-only file behind the lake's back."""
    path.chmod(0o644)
    path.write_bytes(content)


def test_every_run_comes_out_as_it_was_committed_and_nothing_is_written(month: Month) -> None:
    before = picture(month.lake.root)
    found = [replay(month.lake, str(commit.number)) for commit in month.lake.commits() if commit.command in AGAIN]
    assert [(one.commit.number, one.commit.command) for one in found] == [
        (2, "operations"),
        (3, "bill"),
        (4, "operations"),  # the issue
        (5, "operations"),
        (7, "bill"),  # month to date
        (8, "bill"),
        (9, "operations"),
        (10, "backfill"),
        (11, "operations"),  # the issue of its credit note
        (12, "operations"),  # the void
        (13, "backfill"),
    ]
    assert [one.faults for one in found] == [()] * 11
    assert [one.compared for one in found] == [len(one.commit.added) for one in found]
    assert picture(month.lake.root) == before


def test_a_run_is_named_by_its_id_or_the_beginning_of_it(month: Month) -> None:
    billed = month.lake.commits()[3]
    assert replay(month.lake, billed.run_id).commit == billed
    assert replay(month.lake, billed.run_id[:8]).commit == billed
    with pytest.raises(Refusal, match="no commit has the number"):
        replay(month.lake, "99")


def test_a_bill_in_several_groups_of_buckets_comes_out_in_the_same_files(tmp_path: Path) -> None:
    """16 buckets in 3 groups are 6, 6 and 4."""
    month = Month(tmp_path)
    month.ingest()
    month.operate()
    month.bill(groups=3)
    found = replay(month.lake, commit_of(month.lake, "bill"))
    assert found.faults == ()
    assert found.compared == len(found.commit.added)


def test_a_bill_made_again_after_a_price_was_mended_comes_out_by_the_new_price(tmp_path: Path) -> None:
    """Each of the two bills is computed by the reference tables it names, not by those of today."""
    month = Month(tmp_path).whole()
    prices = month.reference_folder / "sku_prices.csv"
    prices.write_text(prices.read_text().replace("0.10", "0.20"))
    month.bill()
    prices.write_text(prices.read_text().replace("0.20", "0.40"))
    assert [replay(month.lake, number).faults for number in ("3", "4")] == [(), ()]


def test_a_landed_file_cannot_be_landed_again_and_that_is_said(month: Month) -> None:
    with pytest.raises(Refusal, match="the files that were landed are not kept"):
        replay(month.lake, commit_of(month.lake, "ingest"))


def test_a_file_of_the_run_that_was_changed_is_named(lake: Lake) -> None:
    """The charge of the disk is raised in the stored file; what is computed again is what was committed."""
    entry = next(entry for entry in lake.commits()[3].added if entry.table == "charges")
    path = lake.path(entry)
    rows = pl.read_parquet(path)
    path.chmod(0o644)
    rows.with_columns(list_cost=pl.col("list_cost") * 2).write_parquet(path)
    found = replay(lake, "3")
    assert found.faults == (f"{entry.path} was changed after its commit",)


def test_usage_that_was_changed_gives_another_bill_and_is_named_as_the_reason(lake: Lake) -> None:
    """One bit of the stored usage is another: its size is the same, and no reader notices."""
    entry = next(entry for entry in lake.commits()[1].added if entry.table == "usage_records")
    path = lake.path(entry)
    rewrite(path, other_quantities(path))
    (path.parent / "aside.parquet").unlink()
    found = replay(lake, "3")
    assert any(fault.startswith("charges/") and "row(s) differ from" in fault for fault in found.faults)
    assert [note for note in found.notes if entry.path in note] == [
        f"{entry.path} was changed after its commit: the run reads, or may read, it"
    ]


def other_quantities(path: Path) -> bytes:
    """The bytes of a usage file with one bit flipped, so that it reads without a fault as other quantities."""
    asked = "select sum(consumed_quantity), count(*) from read_parquet($1)"
    used, rows = duckdb.execute(asked, [str(path)]).fetchall()[0]
    aside = path.parent / "aside.parquet"
    content = path.read_bytes()
    for place in range(4, len(content)):
        aside.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with contextlib.suppress(duckdb.Error):
            found, count = duckdb.execute(asked, [str(aside)]).fetchall()[0]
            if count == rows and found not in (None, used) and 0 < found < 10 * used:
                return aside.read_bytes()
    raise AssertionError("every flipped bit is noticed")


def test_a_file_that_is_gone_keeps_the_run_from_being_made_and_is_named(lake: Lake) -> None:
    entry = next(entry for entry in lake.commits()[1].added if entry.table == "usage_records")
    lake.path(entry).unlink()
    found = replay(lake, "3")
    assert len(found.faults) == 1
    assert f"{entry.path} is missing" in found.faults[0]


def test_numbers_that_another_issue_gave_are_found(lake: Lake) -> None:
    """The record of the issue says that it gave one number more, under a hash that fits."""
    issued = lake.commits()[4]
    more = {name: {**one, "last": "INV-2026-00003", "count": 3} for name, one in issued.numbers.items()}
    for record in sorted((lake.root / "journal").glob("0*.json"))[5:]:
        record.unlink()
    rewrite(lake.root / "journal" / f"{issued.number:012}.json", replace(issued, numbers=more).sealed().record())
    found = replay(Lake.open(lake.root), "4")
    assert len(found.faults) == 1
    assert "INV-2026-00003" in found.faults[0]
    assert "made again" in found.faults[0]


def test_a_rejected_operation_and_a_promo_code_come_out_as_they_were_decided(tmp_path: Path) -> None:
    """A code is accepted, once more and refused, and with a field that cannot be read."""
    month = Month(tmp_path)
    (month.reference_folder / "promo_codes.csv").write_text(
        "promo_code,benefit,kind,value,billing_currency,window_start,per_account_limit,valid_from\n"
        "TEN,grant,bonus,10,EUR,next_invoice,1,2026-01-01\n"
    )
    month.ingest()
    code = {
        "operation": "accept_promo_code",
        "billing_account_id": "acme",
        "promo_code": "TEN",
        "occurred_at": "2026-10-03T00:00:00Z",
    }
    month.operate(
        {**code, "operation_id": "a"},
        {**code, "operation_id": "b", "occurred_at": "2026-10-04T00:00:00Z"},
        {**code, "operation_id": "c", "amount": "ten"},
    )
    decided = month.ask("select operation_id, reason_code from operations order by all")
    assert decided == [("a", None), ("b", "O_PROMO_ALREADY_ACCEPTED"), ("c", "O_BAD_FIELD")]
    assert replay(month.lake, commit_of(month.lake, "operations")).faults == ()


def test_the_command_says_the_same_or_what_differs(lake: Lake) -> None:
    root = lake.root
    said = billfold("audit", "--replay", "3", "--lake", root)
    assert said.code == 0
    assert "computed again, it is the same" in said.out
    record = json.loads(billfold("audit", "--replay", "4", "--lake", root, "--json").out)
    assert (record["is_same"], record["faults"], record["exit_code"]) == (True, [], 0)
    entry = next(entry for entry in lake.commits()[3].added if entry.table == "tax_shares")
    path = lake.path(entry)
    rewrite(path, path.read_bytes()[:-1] + b"x")
    said = billfold("audit", "--replay", "3", "--lake", root)
    assert said.code == 1
    assert f"differs: {entry.path} was changed after its commit" in said.both
    assert billfold("audit", "--replay", "3", "--verify", "--lake", root).code == 2
    assert billfold("audit", "--replay", "1", "--lake", root).code == 1
