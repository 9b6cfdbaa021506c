"""A record over the end of a month: counted where it begins and shown as such, or cut there by time (U4)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from flows.landing.storage import SPANNING, spanning_rows
from flows.show.reports import bill_page
from tests.flows.billing.months import Month, made_once

NOVEMBER = "2026-11"
OVER_THE_END = "acme-over,acme,,vm-9,vm-small,eu-1,2026-10-31T12:00:00+01:00,2026-11-01T12:00:00+01:00,24,hour"
SPLIT = "billing_account_id,policy,value,valid_from,valid_until\n,spanning_records,split,2026-01-01,\n"
QUANTITIES = (
    "select billing_period, sum(pricing_quantity) from rating_lines "
    "where billing_account_id = 'acme' and sku_id = 'vm-small' group by all order by all"
)


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    """October: 200 hours of a machine, and one that runs over the end of the month for a day."""
    month = Month(tmp_path, buckets=1)
    month.ingest()
    month.ingest(month.usage("over.csv", OVER_THE_END))
    return month


def split(month: Month, text: str = SPLIT) -> None:
    (month.reference_folder / "billing_policies.csv").write_text(text)


def test_by_default_the_record_is_octobers_and_the_report_says_so(month: Month) -> None:
    """24 hours at 0.50 are 12.00 at list price."""
    report = month.bill().report
    assert report["spanning_records"] == [
        {
            "sku_id": "vm-small",
            "consumed_unit": "hour",
            "billing_currency": "EUR",
            "records": 1,
            "consumed_quantity": "24.000000000000000",
            "list_cost": "12.0000",
        }
    ]
    assert month.ask(QUANTITIES) == [("2026-10", Decimal(224))]


def test_the_page_of_the_bill_shows_them(month: Month) -> None:
    console = Console(file=StringIO(), width=120)
    for part in bill_page(month.bill(), {}):
        console.print(part)
    page = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Records that end after the period" in page
    assert ["vm-small", "1", "24", "hour", "12.00", "EUR"] in [line.split() for line in page.splitlines()]


def test_a_month_without_such_records_reports_none(tmp_path: Path) -> None:
    month = Month(tmp_path, buckets=1)
    month.ingest()
    assert spanning_rows(month.lake.commits()) == {}
    assert month.bill().report["spanning_records"] == []


def test_split_by_time_each_month_has_its_half_of_the_day(month: Month) -> None:
    """Twelve hours before midnight in Berlin, twelve after it, though November has no record of its own."""
    split(month)
    month.bill()
    assert month.ask(QUANTITIES) == [("2026-10", Decimal(212))]
    month.bill(period=NOVEMBER)
    assert month.ask(QUANTITIES) == [("2026-10", Decimal(212)), ("2026-11", Decimal(12))]


@pytest.mark.parametrize(("until", "hours"), [("2026-10-31T17:00:00+00:00", 206), ("2026-10-31T11:00:00+00:00", 200)])
def test_a_month_to_date_takes_of_a_split_record_what_lies_before_it(month: Month, until: str, hours: int) -> None:
    """The day begins at 11:00 in UTC: six hours later six of its 24, at its beginning none."""
    split(month)
    month.bill(until=datetime.fromisoformat(until))
    quantity = """
        select sum(lines.quantity) from invoice_lines as lines join invoices using (invoice_id)
        where document_state = 'month_to_date' and invoices.billing_account_id = 'acme' and lines.service = 'compute'
    """
    assert month.ask(quantity) == [(Decimal(hours),)]


def test_the_policy_of_the_month_a_record_begins_in_decides(month: Month) -> None:
    """Split from November on: October has billed the whole day, so November does not bill it again."""
    split(month, SPLIT.replace("2026-01-01", "2026-11-01"))
    month.bill()
    month.bill(period=NOVEMBER)
    assert month.ask(QUANTITIES) == [("2026-10", Decimal(224))]


def test_the_policy_may_end_and_nothing_is_lost(month: Month) -> None:
    """Split until the end of October: the half day after midnight is still November's."""
    split(month, SPLIT.replace("2026-01-01,", "2026-01-01,2026-11-01"))
    month.bill()
    month.bill(period=NOVEMBER)
    assert month.ask(QUANTITIES) == [("2026-10", Decimal(212)), ("2026-11", Decimal(12))]


def test_a_late_record_of_october_changes_novembers_draft(month: Month) -> None:
    """What runs in is part of what went in: the same again is nothing to do, one record more is not."""
    split(month)
    month.bill()
    until = datetime(2026, 11, 15, tzinfo=UTC)
    assert month.bill(period=NOVEMBER, until=until).status == "committed"
    assert month.bill(period=NOVEMBER, until=until).status != "committed"
    late = OVER_THE_END.replace("acme-over", "acme-over-2")
    month.ingest(month.usage("late.csv", late))
    assert month.bill(period=NOVEMBER, until=until).status == "committed"


def test_a_file_written_anew_still_says_that_it_has_such_records(month: Month) -> None:
    """A revision replaces the record; the file it was taken from is written anew, the new one counted."""
    header = "usage_record_id,billing_account_id,sub_account_id,resource_id,sku_id,region_id,charge_period_start,"
    header += "charge_period_end,consumed_quantity,consumed_unit,revision"
    corrected = month.folder / "corrected.csv"
    corrected.write_text(f"{header}\n{OVER_THE_END.replace(',24,', ',48,')},1\n")
    month.ingest(corrected)
    counted = month.lake.head().summary[SPANNING]
    visible = {entry.path for entry in month.lake.snapshot().files("usage_records")}
    assert sum(counted.values()) >= 1
    assert set(counted) <= visible
    split(month)
    month.bill()
    assert month.ask(QUANTITIES) == [("2026-10", Decimal(224))]
