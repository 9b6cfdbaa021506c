"""The flows that schedules start, on Prefect's embedded server: what each does, and what it leaves to the next."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.lake.journal import Lake
from flows.run import Refusal
from tests.flows.billing.months import RECEIVED, Month
from tests.flows.billing.test_bounds import Watched

pytestmark = pytest.mark.xdist_group("prefect")

THIRD = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)
"""Two days of grace are over."""


@pytest.fixture
def month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Month:
    """October's usage and credit, not billed yet."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    found = Month(tmp_path)
    found.ingest()
    found.operate()
    return found


def books(month: Month) -> dict[str, str]:
    """Where a flow finds them."""
    return {"lake": str(month.lake.root), "reference": str(month.reference_folder)}


def commands(month: Month) -> list[str]:
    """What committed, after the two landings."""
    return [commit.command for commit in month.lake.commits()[3:]]


def late_usage(month: Month) -> None:
    """Ten hours more of October, which land in the days of grace."""
    row = "late-1,acme,,vm-1,vm-small,eu-1,2026-10-05T00:00:00Z,2026-10-05T10:00:00Z,10,hour"
    month.ingest(month.usage("late.csv", row))


def test_what_lands_in_the_days_of_grace_is_in_the_first_invoice(month: Month):
    """A bill that was made before, usage of ten hours at 0.50 less 10 %: 4.50 more, 5.40 with a tax of 20 %."""
    from flows.orchestrated import scheduled

    scheduled.bill_month(period="2026-10", **books(month))
    before = month.due()["acme"]
    late_usage(month)
    run = scheduled.issue_due(at=THIRD, received_at=RECEIVED, **books(month))
    assert run.report["issued"] == 2
    assert set(run.tables["invoices"]["issue_date"]) == {date(2026, 11, 3)}
    assert str(month.due()["acme"] - before) == "5.4000"
    again = scheduled.issue_due(at=THIRD, received_at=RECEIVED, **books(month))
    assert again.status == "nothing to do"


def test_a_month_whose_run_was_missed_is_billed_before_anything_is_issued(month: Month):
    from flows.orchestrated import scheduled

    run = scheduled.issue_due(at=THIRD, received_at=RECEIVED, **books(month))
    assert run.report["issued"] == 2
    assert commands(month) == ["bill", "operations"]


def test_a_draft_that_lacks_a_mandatory_field_fails_the_run_that_should_issue_it(month: Month):
    from flows.orchestrated import scheduled

    path = month.reference_folder / "sellers.csv"
    path.write_text(path.read_text().replace('"[""DE123456789""]"', "[]"))
    with pytest.raises(Refusal, match=r"not issued: 2026-10: O_MANDATORY_FIELD"):
        scheduled.issue_due(at=THIRD, received_at=RECEIVED, **books(month))


def test_the_month_to_date_is_shown_each_day_until_it_is_billed(month: Month):
    from flows.orchestrated import scheduled

    at = datetime(2026, 10, 20, 4, 15, tzinfo=UTC)
    assert scheduled.draft_month(until=at, **books(month)).status == "committed"
    states = month.ask("select distinct document_state from invoices")
    assert states == [("month_to_date",)]
    assert scheduled.draft_month(until=at, **books(month)).status == "nothing to do"
    scheduled.bill_month(period="2026-10", **books(month))
    run = scheduled.draft_month(until=at, **books(month))
    assert (run.status, run.report["why"]) == ("nothing to do", "2026-10 or a later month is billed")


def test_the_month_to_date_says_anew_who_is_near_a_credit_limit(month: Month):
    """150 less 15 of discount is 135, with tax 162: of 180 that is 90 %. The bonus was recorded after that day."""
    from flows.orchestrated import scheduled

    path = month.reference_folder / "billing_accounts.csv"
    path.write_text(path.read_text().replace("false,500,", "false,180,", 1))
    scheduled.draft_month(until=datetime(2026, 10, 31, 20, tzinfo=UTC), **books(month))
    assert ("acme", "warning") in month.ask("select billing_account_id, state from current_restrictions")


def test_a_landing_folder_is_made_and_a_file_that_is_still_written_waits(month: Month, tmp_path: Path):
    from flows.orchestrated import scheduled

    landing = tmp_path / "landing"
    assert scheduled.ingest_landing(landing=str(landing), **books(month)).status == "nothing to do"
    row = "late-1,acme,,vm-1,vm-small,eu-1,2026-10-05T00:00:00Z,2026-10-05T10:00:00Z,10,hour"
    landed = month.usage("landing/late.csv", row)
    (landing / ".partly.csv").write_text("half a ro")
    assert scheduled.ingest_landing(landing=str(landing), **books(month)).status == "nothing to do"
    os.utime(landed, (1, 1))
    assert scheduled.ingest_landing(landing=str(landing), received_at=RECEIVED, **books(month)).accepted == 1
    assert scheduled.ingest_landing(landing=str(landing), **books(month)).status == "nothing to do"


def test_an_audit_that_finds_a_fault_fails(month: Month):
    from flows.orchestrated import scheduled

    assert scheduled.audit_books(lake=str(month.lake.root)) > 40
    entry = next(iter(month.lake.snapshot().visible.values()))
    path = month.lake.path(entry)
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(Refusal, match="the books do not hold"):
        scheduled.audit_books(lake=str(month.lake.root))


def test_a_run_begins_by_removing_what_a_dead_one_left(month: Month):
    from flows.orchestrated import scheduled

    left = month.lake.root / "charges" / "billing_period=2026-10" / "dead.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a file")
    month.lake.close()
    scheduled.bill_month(period="2026-10", **books(month))
    assert not left.exists()
    assert Lake.open(month.lake.root).sweep() == []


def test_planning_is_tried_again_after_a_fault_of_the_machine_and_not_after_a_refusal(
    month: Month, monkeypatch: pytest.MonkeyPatch
):
    from flows.orchestrated import runs, scheduled

    plan, tried = runs.billing.plan_bill, []

    def fails(*given: Any, **named: Any) -> Any:
        tried.append(named["period"])
        if len(tried) == 1:
            raise OSError("the disk was away")
        if len(tried) == 3:
            raise Refusal("not like this")
        return plan(*given, **named)

    monkeypatch.setattr(runs.billing, "plan_bill", fails)
    scheduled.bill_month(period="2026-10", **books(month))
    assert len(tried) == 2
    with pytest.raises(Refusal, match="not like this"):
        scheduled.bill_month(period="2026-10", **books(month))
    assert len(tried) == 3


def test_a_bill_that_is_held_ends_its_flow_as_held_and_nothing_is_issued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """September's 100 hours are 60.00; October's 1000 are more than three times that. Approved, both are issued."""
    from flows import orchestrated
    from flows.orchestrated import scheduled
    from flows.orchestrated.alerts import TOLD_OF
    from flows.orchestrated.runs import HeldRun

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    month = Watched(tmp_path, bound_payable_months="1")
    month.use("2026-09", "100")
    month.bill(period="2026-09")
    month.use("2026-10", "1000")
    ended = scheduled.bill_month(period="2026-10", return_state=True, **books(month))
    assert (ended.name, ended.is_failed()) == ("Held", True)
    assert ended.name in TOLD_OF
    assert "total with tax: 600.00 EUR; the bound is at most 180.00" in ended.message
    with pytest.raises(HeldRun, match="2026-10 is held for approval"):
        scheduled.issue_due(at=THIRD, received_at=RECEIVED, **books(month))
    assert commands(month)[-1] == "hold"
    asked = (month.lake, month.reference_folder, "2026-10", None, None, None)
    assert orchestrated.bill(*asked).exit_code == 4
    assert orchestrated.bill(*asked, True, "second").status == "committed"
    run = scheduled.issue_due(at=THIRD, received_at=RECEIVED, **books(month))
    assert run.report["issued"] == 2


def test_a_backfill_that_is_held_ends_its_flow_as_held_until_it_is_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """September's 100 hours are 60.00; with 1000 that land late it comes to 660.00, more than three times that."""
    from flows import orchestrated
    from flows.orchestrated.runs import backfill

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    month = Watched(tmp_path)
    month.use("2026-09", "100")
    month.bill(period="2026-09")
    month.use("2026-09", "1000", "late")
    ended = backfill(received_at=RECEIVED, return_state=True, **books(month))
    assert (ended.name, ended.is_failed()) == ("Held", True)
    assert "backfill is held for approval" in ended.message
    assert ended.message.endswith("look at it: billfold backfill")
    assert commands(month)[-1] == "hold"
    asked = (month.lake, month.reference_folder, None, RECEIVED, "second")
    assert orchestrated.backfill(*asked).exit_code == 4
    assert orchestrated.backfill(*asked, True).status == "committed"
    assert month.lake.head().inputs["approval"]["actor"] == "second"
