"""Where policy `tax_point` is `issue`, a document has the tax rates of the day it is issued (T1, T4)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.backfill import backfill
from flows.explain_invoice import explain_invoice
from flows.replay import replay
from flows.run import Refusal
from tests.flows.billing.months import PERIOD, Month, made_once

THIRD = date(2026, 11, 3)
DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)
RATES = (
    "seller_jurisdiction,account_jurisdiction,tax_status,tax_category,component,rate,code,valid_from,valid_until\n"
    "DE,DE,business,standard,VAT,0.20,S,2026-01-01,2026-11-02\n"
    "DE,DE,business,standard,VAT,{rate},S,2026-11-03,\n"
)
BONUS = {
    "operation_id": "late-bonus",
    "operation": "grant_credit",
    "occurred_at": "2026-11-04T05:00:00Z",
    "billing_account_id": "acme",
    "kind": "bonus",
    "amount": "40",
    "window_start": "2026-10-01",
}
NOVEMBER_USAGE = "next,acme,,vm-1,vm-small,eu-1,2026-11-02T00:00:00+01:00,2026-11-06T04:00:00+01:00,100,hour"


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    """October of two accounts, 150.00 less 10 % each: acme is taxed by issue date, acme-credit by the period's end."""
    made = Month(tmp_path)
    rates(made, "0.19")
    (made.reference_folder / "billing_policies.csv").write_text(
        "policy,value,billing_account_id,valid_from\ntax_point,issue,acme,2026-01-01\n"
    )
    made.ingest()
    made.bill()
    return made


def rates(month: Month, later: str) -> None:
    """20 % until the second of November, from the third on another rate."""
    (month.reference_folder / "tax_rates.csv").write_text(RATES.format(rate=later))


def taxes(month: Month, period: str = PERIOD) -> list[tuple[Any, ...]]:
    """Each document's account, number, rate, tax and total."""
    return month.ask(
        "select billing_account_id, invoice_number, rate::double, tax_amount::double, total_with_tax::double "
        "from invoices join tax_breakdown using (invoice_id, billing_account_id, billing_period) "
        f"where billing_period = '{period}' order by billing_account_id, document_type, invoice_number"
    )


def tax_dates(month: Month) -> list[tuple[Any, ...]]:
    return month.ask(
        f"select tax_date from account_periods where billing_period = '{PERIOD}' order by billing_account_id"
    )


OTHER = ("acme-credit", None, 0.2, 27.0, 162.0)


def test_a_draft_is_taxed_provisionally_until_it_is_billed_for_the_day_it_is_issued(month: Month) -> None:
    """135.00 × 20 % = 27.00 by the end of October; × 19 % = 25.65 on the third of November: 160.65."""
    assert taxes(month) == [("acme", None, 0.2, 27.0, 162.0), OTHER]
    assert tax_dates(month) == [(None,), (None,)]
    with pytest.raises(Refusal, match=r"O_STALE_DRAFT: acme: .*billfold bill --period 2026-10 --issue-date 2026-11-03"):
        month.issue(THIRD)

    assert month.bill(issue_date=THIRD).status == "committed"
    assert taxes(month) == [("acme", None, 0.19, 25.65, 160.65), OTHER]
    assert tax_dates(month) == [(THIRD,), (None,)]
    assert month.bill(issue_date=THIRD).status == "nothing to do"
    assert month.bill().status == "nothing to do"

    with pytest.raises(Refusal, match="billfold bill --period 2026-10 --issue-date 2026-11-02"):
        month.issue(date(2026, 11, 2))
    month.issue(THIRD)
    invoices = [("acme", "INV-2026-00001", 0.19, 25.65, 160.65), ("acme-credit", "INV-2026-00002", 0.2, 27.0, 162.0)]
    assert taxes(month) == invoices
    assert explain_invoice(month.lake, "INV-2026-00001").tax["rate"].to_list() == [Decimal("0.19")]

    # a bonus of 40.00 later: 40.00 × 19 % = 7.60, by the rate of the invoice
    month.operate(BONUS)
    backfill(month.lake, month.reference(), received_at=DECEMBER, issue_date=date(2026, 12, 1))
    assert taxes(month) == [invoices[0], ("acme", "CN-2026-00001", 0.19, -7.6, -47.6), invoices[1]]
    assert explain_invoice(month.lake, "INV-2026-00001").tax["rate"].to_list() == [Decimal("0.19")]
    assert month.bill().status == "nothing to do"
    dated = [str(commit.number) for commit in month.lake.commits() if "issue_date" in commit.inputs]
    assert [replay(month.lake, number).faults for number in dated] == [(), ()]  # the bill and the backfill


def test_an_invoice_that_was_issued_before_the_rate_changed_keeps_it_in_its_corrections(month: Month) -> None:
    """Issued on the second of November as it was drafted: 20 % of the bonus of 40.00 is 8.00, whatever holds today."""
    month.issue(date(2026, 11, 2))
    month.operate(BONUS)
    rates(month, "0.25")
    backfill(month.lake, month.reference(), received_at=DECEMBER, issue_date=date(2026, 12, 1))
    assert taxes(month)[1] == ("acme", "CN-2026-00001", 0.2, -8.0, -48.0)
    assert tax_dates(month) == [(date(2026, 11, 2),), (None,)]


def test_a_backfill_dates_the_drafts_of_a_month_that_a_later_one_follows(month: Month) -> None:
    """November's 100 hours are 50.00, and 19 % by its end 9.50; October's draft follows the date of the backfill."""
    month.ingest(month.usage("november.csv", NOVEMBER_USAGE))
    month.bill(period="2026-11")
    with pytest.raises(Refusal, match=r"O_STALE_DRAFT: acme: .*billfold backfill --issue-date 2026-11-03"):
        month.issue(THIRD)

    run = backfill(month.lake, month.reference(), received_at=DECEMBER, issue_date=THIRD)
    assert run.tables["touched"].rows() == [("acme", "2026-10", "issue date")]
    assert taxes(month) == [("acme", None, 0.19, 25.65, 160.65), OTHER]
    assert taxes(month, "2026-11") == [("acme", None, 0.19, 9.5, 59.5)]
    assert month.bill(period="2026-11").status == "nothing to do"
    assert replay(month.lake, str(month.lake.head().number)).faults == ()
    draft = explain_invoice(month.lake, "acme", period=PERIOD)
    assert draft.tax["rate"].to_list() == [Decimal("0.19")]

    # a rate of the day that is mended reaches the draft, though it begins after its month: 135.00 × 18 % = 24.30
    rates(month, "0.18")
    with pytest.raises(Refusal, match="O_STALE_DRAFT: usage, operations or reference tables"):
        month.issue(THIRD)
    backfill(month.lake, month.reference(), received_at=DECEMBER)
    month.issue(THIRD)
    assert taxes(month)[0] == ("acme", "INV-2026-00001", 0.18, 24.3, 159.3)


def test_a_month_that_is_not_over_takes_no_issue_date(month: Month) -> None:
    with pytest.raises(Refusal, match="2026-11 is not over"):
        month.bill(period="2026-11", until=datetime(2026, 11, 3, tzinfo=UTC), issue_date=THIRD)
