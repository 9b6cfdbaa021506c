"""A lake over another: flows run on it unchanged, and the lake below never learns of it (X5)."""

from __future__ import annotations

import pickle
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from flows.bill_period import bill_period
from flows.issue_invoices import issue_invoices
from flows.lake.audit import verify
from flows.lake.journal import HeadMoved, Lake, LakeError
from flows.lake.one_question import safe_query
from flows.lake.overlay import overlay
from flows.lake.published import publish
from flows.lake.store import STAGING
from flows.lake.views import connect
from tests.flows.billing.months import PERIOD, RECEIVED, Month
from tests.flows.what_if.untouched import picture


@pytest.fixture
def month(tmp_path: Path) -> Month:
    """October as drafts: acme is to pay 114, acme-credit 122."""
    return Month(tmp_path).whole()


def issued_on(lake: Lake, month: Month) -> None:
    """Issue October there."""
    issue_invoices(
        lake, month.reference(), period=PERIOD, issue_date=date(2026, 11, 3), actor="operator", received_at=RECEIVED
    )


def states(lake: Lake) -> list[tuple[str, Decimal]]:
    """The states of documents, and what they leave to pay."""
    with connect(lake) as connection:
        return connection.sql("select document_state, amount_due from invoices order by amount_due").fetchall()


def test_an_overlay_begins_as_the_lake_below_is_and_goes_its_own_way(month: Month, tmp_path: Path) -> None:
    over = overlay(month.lake, tmp_path / "over")
    assert over.head() == month.lake.head()
    assert states(over) == [("draft", Decimal(114)), ("draft", Decimal(122))]
    issued_on(over, month)
    assert states(over) == [("issued", Decimal(114)), ("issued", Decimal(122))]
    assert states(month.lake) == [("draft", Decimal(114)), ("draft", Decimal(122))]
    assert over.head().number == month.lake.head().number + 1
    assert over.head().previous_hash == month.lake.head().hash


def test_nothing_is_written_below(month: Month, tmp_path: Path) -> None:
    month.lake.close()
    before = picture(month.lake.root)
    over = overlay(month.lake, tmp_path / "over")
    issued_on(over, month)
    publish(over)
    assert verify(over) == []
    over.sweep()
    over.close()
    assert picture(month.lake.root) == before
    assert (tmp_path / "over" / "billing.duckdb").is_file()


def test_the_bytes_of_an_overlay_are_those_the_lake_below_would_have(month: Month, tmp_path: Path) -> None:
    """Issued above and then below: one commit, one hash."""
    over = overlay(month.lake, tmp_path / "over")
    issued_on(over, month)
    issued_on(month.lake, month)
    assert over.head() == month.lake.head()


def test_an_overlay_at_an_earlier_commit_knows_nothing_of_later_ones(month: Month, tmp_path: Path) -> None:
    """At commit 2 the operations have landed and nothing is billed; billed there, the files of the lake's own run,
    which have the same names, are not in the way."""
    over = overlay(month.lake, tmp_path / "over", at=2)
    assert states(over) == []
    assert over.head().command == "operations"
    billed = month.lake.commits()[3]
    assert not any(over.store.exists(entry.path) for entry in billed.added)
    bill_period(over, month.reference(), period=PERIOD)
    assert over.head() == billed
    assert all(over.path(entry).is_relative_to(tmp_path / "over") for entry in billed.added)


def test_what_the_lake_below_commits_later_is_not_seen(month: Month, tmp_path: Path) -> None:
    over = overlay(month.lake, tmp_path / "over")
    issued_on(month.lake, month)
    assert states(over) == [("draft", Decimal(114)), ("draft", Decimal(122))]
    assert over.snapshot().number == 3


def test_a_run_planned_before_another_committed_above_is_told_that_the_head_moved(month: Month, tmp_path: Path) -> None:
    over = overlay(month.lake, tmp_path / "over")
    head = over.head()
    issued_on(over, month)
    with pytest.raises(HeadMoved):
        over.commit(head, run_id="late", command="bill", inputs={}, added=[])


def test_the_overlay_of_an_overlay_reads_through_both(month: Month, tmp_path: Path) -> None:
    over = overlay(month.lake, tmp_path / "over")
    issued_on(over, month)
    top = overlay(over, tmp_path / "top")
    assert states(top) == states(over)
    assert verify(top) == []


def test_an_overlay_can_be_asked_as_of_any_commit_and_opens_no_other_file(month: Month, tmp_path: Path) -> None:
    over = overlay(month.lake, tmp_path / "over")
    issued_on(over, month)
    asked = "select distinct document_state from invoices"
    assert safe_query(over, asked)["document_state"].to_list() == ["issued"]
    assert safe_query(over, asked, as_of=3)["document_state"].to_list() == ["draft"]
    assert safe_query(over, asked, as_of=2)["document_state"].to_list() == []


def test_an_overlay_can_be_handed_to_another_process(month: Month, tmp_path: Path) -> None:
    over = overlay(month.lake, tmp_path / "over")
    issued_on(over, month)
    again = pickle.loads(pickle.dumps(over))
    assert again.head() == over.head()
    assert states(again) == states(over)


def test_a_sweep_above_takes_what_dead_runs_left_there_and_nothing_below(month: Month, tmp_path: Path) -> None:
    over = overlay(month.lake, tmp_path / "over")
    issued_on(over, month)
    over.close()
    left = tmp_path / "over" / STAGING / "dead-charges.parquet"
    left.write_bytes(b"half")
    assert over.sweep() == [f"{STAGING}/dead-charges.parquet"]
    assert verify(over) == []


def test_what_lies_below_is_neither_replaced_nor_removed(month: Month, tmp_path: Path) -> None:
    over = overlay(month.lake, tmp_path / "over")
    name = next(iter(over.snapshot().visible))
    assert not over.store.put_if_absent(name, b"other")
    staged = over.staging_path("other.parquet")
    staged.write_bytes(b"other")
    assert not over.store.adopt(staged, name)
    for change in (
        lambda: over.store.put(name, b"other"),
        lambda: over.store.replace(staged, name),
        lambda: over.store.remove(name),
    ):
        with pytest.raises(PermissionError, match="only reads"):
            change()
    assert over.path(name) == month.lake.path(name)


def test_an_overlay_inside_the_lake_it_reads_is_refused(month: Month) -> None:
    with pytest.raises(LakeError, match="name another folder"):
        overlay(month.lake, month.lake.root / "over")


def test_an_overlay_at_a_commit_that_is_not_there_is_refused(month: Month, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="there is no commit 9"):
        overlay(month.lake, tmp_path / "over", at=9)
