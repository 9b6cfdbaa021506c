"""What changes before the invoice is issued is in the draft; the ledger takes the difference (L1, B2)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flows.run import Refusal
from tests.flows.billing.months import RECEIVED, Month

LATE = "acme-late,acme,,vm-1,vm-small,eu-1,2026-10-20T00:00:00+02:00,2026-10-20T20:00:00+02:00,20,hour"


@pytest.fixture
def month(tmp_path: Path) -> Month:
    return Month(tmp_path).whole()


def test_late_usage_is_in_the_next_draft_and_the_ledger_gets_the_difference(month: Month) -> None:
    """20 hours more are 10.00, 9.00 after discount, 10.80 with tax: 114.00 + 10.80."""
    before = month.ask("select count(distinct transaction_id) from ledger_entries")[0][0]
    month.ingest(month.usage("late.csv", LATE))
    assert month.bill().status == "committed"
    assert month.due()["acme"] == Decimal("124.80")
    assert month.ask("select sum(amount) from ledger_entries where ledger_account = 'receivable'") == [
        (Decimal("246.80"),)
    ]
    assert month.ask("select count(distinct transaction_id) from ledger_entries")[0][0] == before + 1


def test_an_older_commit_still_shows_the_older_draft(month: Month) -> None:
    head = month.lake.head().number
    month.ingest(month.usage("late.csv", LATE))
    month.bill()
    ask = "select amount_due from invoices where billing_account_id = 'acme'"
    assert month.ask(ask, as_of=head) == [(Decimal(114),)]
    assert month.ask(ask) == [(Decimal("124.80"),)]


def test_a_bonus_granted_after_billing_pays_the_draft(month: Month) -> None:
    """A second bonus of 5 from the start of the month: 95 - 5 = 90, and 18 of tax."""
    month.operate(
        {
            "operation_id": "late-bonus",
            "operation": "grant_credit",
            "occurred_at": "2026-11-02T05:00:00Z",
            "billing_account_id": "acme",
            "kind": "bonus",
            "amount": "5",
            "window_start": "2026-10-01",
        }
    )
    month.bill()
    assert month.due()["acme"] == Decimal(108)


def test_a_stale_draft_is_not_issued(month: Month) -> None:
    month.ingest(month.usage("late.csv", LATE))
    with pytest.raises(Refusal, match="billfold bill --period 2026-10"):
        month.issue()
    month.bill()
    assert month.issue().status == "committed"


def test_issued_is_issued_and_what_changed_since_is_shown(month: Month) -> None:
    month.issue()
    before = month.ask("select * from invoices order by all")
    month.ingest(month.usage("late.csv", LATE))
    run = month.bill()
    assert month.ask("select * from invoices order by all") == before
    assert [(hold["billing_account_id"], hold["reason_code"]) for hold in run.report["holds"]] == [("acme", "H_ISSUED")]
    assert run.exit_code == 3


def test_nothing_is_issued_twice(month: Month) -> None:
    month.issue()
    with pytest.raises(Refusal, match="O_ALREADY_ISSUED"):
        month.issue()


def test_one_account_can_be_issued_before_the_others(month: Month) -> None:
    month.issue(billing_account_id="acme-credit")
    month.issue(issue_date=date(2026, 11, 4))
    found = month.ask("select invoice_number, billing_account_id from invoices order by 1")
    assert found == [("INV-2026-00001", "acme-credit"), ("INV-2026-00002", "acme")]


def test_a_month_to_date_document_posts_nothing_and_gives_way_to_the_draft(tmp_path: Path) -> None:
    """Up to 4 October only the machine's first record and the disk have begun: 60 + 50, less 10 %, less 40."""
    month = Month(tmp_path)
    month.ingest()
    month.operate(received_at=datetime(2026, 10, 1, 12, tzinfo=UTC))
    month.bill(until=datetime(2026, 10, 4, tzinfo=UTC))
    state = "select document_state, amount_due from invoices where billing_account_id = 'acme'"
    # 110 - 11 = 99, less the bonus 59, tax 11.80
    assert month.ask(state) == [("month_to_date", Decimal("70.80"))]
    assert month.ask("select count(*) from ledger_entries where transaction_kind = 'invoice'") == [(0,)]
    assert month.ask("select used_credit_limit from credit_limit_overview where billing_account_id = 'acme'") == [
        (Decimal("70.80"),)
    ]
    month.bill()
    assert month.ask(state) == [("draft", Decimal(114))]


def test_what_was_recorded_later_is_not_known_earlier(tmp_path: Path) -> None:
    """The bonus was recorded in November: on 4 October nobody knew of it, so 99 and 19.80 of tax (L1)."""
    month = Month(tmp_path)
    month.ingest()
    month.operate()
    month.bill(until=datetime(2026, 10, 4, tzinfo=UTC))
    assert month.due()["acme"] == Decimal("118.80")


def test_an_earlier_period_with_usage_is_billed_first(month: Month) -> None:
    november = "n1,acme,,vm-1,vm-small,eu-1,2026-11-01T10:00:00+01:00,2026-11-01T11:00:00+01:00,1,hour"
    september = "s1,acme,,vm-1,vm-small,eu-1,2026-09-10T10:00:00+02:00,2026-09-10T11:00:00+02:00,1,hour"
    month.ingest(month.usage("november.csv", november))
    assert month.bill(period="2026-11").status == "committed"
    month.ingest(month.usage("september.csv", september))
    with pytest.raises(Refusal, match="backfill"):
        month.bill(period="2026-09")


def test_a_period_is_refused_while_the_one_before_it_is_not_billed(tmp_path: Path) -> None:
    month = Month(tmp_path)
    november = "n1,acme,,vm-1,vm-small,eu-1,2026-11-01T10:00:00+01:00,2026-11-01T11:00:00+01:00,1,hour"
    month.ingest()
    month.ingest(month.usage("november.csv", november), received_at=RECEIVED)
    with pytest.raises(Refusal, match="billfold bill --period 2026-10"):
        month.bill(period="2026-11")


def close_account(month: Month, account: str) -> None:
    """End an account before the month in the reference tables."""
    path = month.reference_folder / "billing_accounts.csv"
    header, *rows = path.read_text().splitlines()
    ended = [f"{row},2026-09-30" if row.startswith(f"{account},") else f"{row}," for row in rows]
    path.write_text("\n".join([f"{header},valid_until", *ended]) + "\n")


def test_an_account_that_turns_out_to_be_closed_has_its_draft_taken_back(month: Month) -> None:
    """Only the other account's 122 stay due, and the bonus is whole again."""
    close_account(month, "acme")
    month.bill()
    assert month.due() == {"acme-credit": Decimal(122)}
    assert month.ask("select sum(amount) from ledger_entries where ledger_account = 'receivable'") == [(Decimal(122),)]
    assert month.ask("select balance from grant_balances where billing_account_id = 'acme'") == [(Decimal(40),)]


def test_an_issued_account_that_turns_out_to_be_closed_keeps_its_books(month: Month) -> None:
    month.issue()
    before = month.ask("select * from charges order by all")
    close_account(month, "acme")
    run = month.bill()
    assert month.ask("select * from charges order by all") == before
    assert [(hold["billing_account_id"], hold["reason_code"]) for hold in run.report["holds"]] == [("acme", "H_ISSUED")]
