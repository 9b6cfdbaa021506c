"""What a schedule is to do by an instant: months to bill, drafts to issue after their days of grace."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.backfill import backfill
from flows.due import due_drafts, issue_due, last_month, months_to_bill, waiting_drafts
from flows.run import Refusal, Run
from tests.flows.billing.months import RECEIVED, Month

# October ends at 2026-10-31T23:00Z where the accounts of the example live (Europe/Berlin, no summer time any more)
THIRD = datetime(2026, 11, 2, 23, tzinfo=UTC)
"""The third of November begins there: two days of grace are over."""


@pytest.fixture
def month(tmp_path: Path) -> Month:
    """October, billed: drafts of acme and acme-credit."""
    return Month(tmp_path).whole()


def with_grace(month: Month, account: str, days: int) -> None:
    """A policy of an account's own."""
    path = month.reference_folder / "billing_policies.csv"
    row = f"{account},grace_days,{days},2026-01-01,"
    path.write_text(f"billing_account_id,policy,value,valid_from,valid_until\n{row}\n")


def late(month: Month) -> None:
    """Ten hours more of October."""
    row = "late-1,acme,,vm-1,vm-small,eu-1,2026-10-05T00:00:00Z,2026-10-05T10:00:00Z,10,hour"
    month.ingest(month.usage("late.csv", row))


def test_the_month_of_a_run_is_the_last_one_over_where_the_schedule_is():
    half_past_midnight_in_kolkata = datetime(2026, 10, 31, 19, tzinfo=UTC)
    assert last_month(half_past_midnight_in_kolkata, "Asia/Kolkata") == "2026-10"
    assert last_month(half_past_midnight_in_kolkata, "Europe/London") == "2026-09"


def test_a_run_that_is_weeks_late_means_the_month_it_was_scheduled_for():
    scheduled_for = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
    assert last_month(scheduled_for, "Europe/Berlin") == "2026-10"


def test_months_that_a_missed_run_left_out_come_first(tmp_path: Path):
    month = Month(tmp_path)
    month.ingest()
    assert months_to_bill(month.lake.snapshot(), "2026-11") == ["2026-10", "2026-11"]


def test_no_month_is_left_out_as_recurring_items_are_charged_in_each(month: Month):
    assert months_to_bill(month.lake.snapshot(), "2027-01") == ["2026-11", "2026-12", "2027-01"]
    with pytest.raises(Refusal, match="2026-11 is not billed yet; run: billfold bill --period 2026-11"):
        month.bill(period="2026-12")


def test_a_month_before_any_account_was_there_leaves_nothing_for_the_next(tmp_path: Path):
    """A slip of the finger, 2016 for 2026: the accounts are there from 2026 on."""
    month = Month(tmp_path)
    month.ingest()
    month.bill(period="2016-10")
    assert months_to_bill(month.lake.snapshot(), "2026-11") == ["2026-10", "2026-11"]
    month.bill(period="2026-10")
    assert month.lake.snapshot().read("invoices")["billing_account_id"].to_list() == ["acme", "acme-credit"]
    assert backfill(month.lake, month.reference(), received_at=RECEIVED).status == "nothing to do"


def test_a_month_before_one_that_is_billed_is_left_to_a_backfill(month: Month):
    assert months_to_bill(month.lake.snapshot(), "2026-09") == []
    assert months_to_bill(month.lake.snapshot(), "2026-10") == ["2026-10"]


def test_a_draft_is_due_when_its_days_of_grace_are_over_in_its_own_time_zone(month: Month):
    snapshot, reference = month.lake.snapshot(), month.reference()
    waiting = waiting_drafts(snapshot, reference, THIRD)
    assert waiting["due_on"].unique().to_list() == [date(2026, 11, 3)]  # the month ends with the 31st; two days more
    assert due_drafts(snapshot, reference, THIRD.replace(hour=22, minute=59)).is_empty()
    assert due_drafts(snapshot, reference, THIRD)["billing_account_id"].to_list() == ["acme", "acme-credit"]


def test_the_days_of_grace_are_a_policy_that_an_account_may_have_of_its_own(month: Month):
    with_grace(month, "acme", 10)
    waiting = waiting_drafts(month.lake.snapshot(), month.reference(), THIRD)
    due = dict(waiting.select("billing_account_id", "due_on").iter_rows())
    assert due == {"acme": date(2026, 11, 11), "acme-credit": date(2026, 11, 3)}


def test_days_of_grace_change_no_bill(month: Month):
    """So a backfill finds nothing to do about them."""
    month.issue()
    with_grace(month, "acme", 10)
    assert backfill(month.lake, month.reference(), received_at=RECEIVED).status == "nothing to do"


def issue(month: Month, at: datetime) -> Run:
    return issue_due(month.lake, month.reference(), at=at, actor="operator", received_at=RECEIVED)


def test_what_is_due_is_issued_with_the_day_it_is_there_and_once(month: Month):
    assert issue(month, THIRD.replace(hour=22)).status == "nothing to do"
    run = issue(month, THIRD)
    assert run.report["issued"] == 2
    assert run.tables["invoices"]["issue_date"].unique().to_list() == [date(2026, 11, 3)]
    assert issue(month, THIRD).status == "nothing to do"


def test_issuing_all_that_is_due_is_the_operation_of_the_command(month: Month, tmp_path: Path):
    (tmp_path / "other").mkdir()
    other = Month(tmp_path / "other").whole()
    issued = other.issue(issue_date=date(2026, 11, 3))
    run = issue(month, THIRD)
    assert run.commit is not None
    assert issued.commit is not None
    assert run.commit.hash == issued.commit.hash


def test_an_account_whose_days_of_grace_are_not_over_waits_for_itself_alone(month: Month):
    with_grace(month, "acme", 10)
    month.bill()
    assert issue(month, THIRD).tables["invoices"]["billing_account_id"].to_list() == ["acme-credit"]
    later = datetime(2026, 11, 10, 23, tzinfo=UTC)
    assert issue(month, later).tables["invoices"]["billing_account_id"].to_list() == ["acme"]
    numbers = month.lake.snapshot().read("operations").filter(operation="issue_invoices")["operation_id"]
    assert sorted(numbers) == ["issue-2026-10-1", "issue-2026-10-2"]


def test_a_draft_that_is_out_of_date_is_told_and_not_issued(month: Month):
    late(month)
    run = issue(month, THIRD)
    assert run.status == "nothing to do"
    why = "usage, operations or reference tables have changed; run: billfold bill --period 2026-10"
    assert run.report["waiting"] == [f"2026-10: O_STALE_DRAFT: {why}"]
    assert month.lake.snapshot().read("operations").filter(operation="issue_invoices").is_empty()


def test_a_draft_that_corrects_an_invoice_is_left_to_whoever_posted_it(month: Month):
    month.issue()
    late(month)
    assert backfill(month.lake, month.reference(), received_at=RECEIVED).status == "committed"
    assert waiting_drafts(month.lake.snapshot(), month.reference(), THIRD).is_empty()
