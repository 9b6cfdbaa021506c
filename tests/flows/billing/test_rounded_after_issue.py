"""Tax is rounded another way once a month is issued: on which charge a cent lies needs no document (X1, T3).

acme's virtual machine costs 54.00 until 5 October and 36.00 after it, each less a bonus that pays only there: 53.97 and
35.98 are 89.95 before tax, 17.99 of tax. Up to the first charge 10.794 of it, which rounds up to 10.80, else to 10.79.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from flows.backfill import backfill
from flows.lake.audit import audit_of
from tests.flows.billing.months import Month

LATER = datetime(2026, 11, 6, tzinfo=UTC)
USAGE = (
    "one,acme,,vm-1,vm-small,eu-1,2026-10-01T00:00:00+02:00,2026-10-06T00:00:00+02:00,120,hour",
    "two,acme,,vm-1,vm-small,eu-1,2026-10-06T00:00:00+02:00,2026-10-09T08:00:00+02:00,80,hour",
)
LINES = """
    select lines.line_amount, lines.tax_amount from invoice_lines as lines join invoices using (invoice_id)
    where preceding_invoice_number is null order by lines.charge_period_start
"""
SHARES = "select tax_shares.tax_amount from tax_shares join charges using (charge_id) order by charge_period_start"


def bonus(name: str, amount: str, **window: str) -> dict[str, Any]:
    at = "2026-09-30T08:00:00Z"
    said = {"operation": "grant_credit", "occurred_at": at, "recorded_at": at, "kind": "bonus", "amount": amount}
    return {"operation_id": name, "billing_account_id": "acme", **said, **window}


def issued(folder: Path, mode: str) -> Month:
    """The month, issued when tax is rounded so."""
    month = Month(folder)
    rounding(month, mode)
    month.ingest(month.usage("machine.csv", *USAGE))
    month.operate(
        bonus("early", "0.03", window_start="2026-10-01", window_end="2026-10-05"),
        bonus("late", "0.02", window_start="2026-10-06"),
    )
    month.bill()
    month.issue()
    return month


def rounding(month: Month, mode: str) -> None:
    (month.reference_folder / "billing_policies.csv").write_text(
        f"billing_account_id,policy,value,valid_from,valid_until\nacme,rounding_tax,{mode},2026-01-01,\n"
    )


def test_a_cent_of_tax_lies_on_another_charge_and_no_document_says_so(tmp_path: Path) -> None:
    month = issued(tmp_path, "up")
    as_issued = [(Decimal("53.97"), Decimal("10.80")), (Decimal("35.98"), Decimal("7.19"))]
    assert month.ask(LINES) == as_issued
    rounding(month, "half_away")
    backfill(month.lake, month.reference(), received_at=LATER)
    assert month.ask("select total_with_tax from invoices") == [(Decimal("107.94"),)]
    assert month.ask(LINES) == as_issued
    assert month.ask(SHARES) == [(Decimal("10.79"),), (Decimal("7.20"),)]
    assert audit_of(month.lake) == []


def test_a_later_document_takes_up_the_cent_that_moved(tmp_path: Path) -> None:
    """Late usage of 20 hours after the second record is 9.00 less the discount and 1.80 of tax: no bonus is left."""
    month = issued(tmp_path, "up")
    rounding(month, "half_away")
    backfill(month.lake, month.reference(), received_at=LATER)
    late = "three,acme,,vm-1,vm-small,eu-1,2026-10-09T08:00:00+02:00,2026-10-10T04:00:00+02:00,20,hour"
    month.ingest(month.usage("late.csv", late), received_at=LATER)
    backfill(month.lake, month.reference(), received_at=LATER)
    assert month.ask("select total_with_tax from invoices where preceding_invoice_number is not null") == [
        (Decimal("10.80"),)
    ]
    assert month.ask("select sum(line_amount), sum(tax_amount) from invoice_lines group by charge_id order by 1") == [
        (Decimal("44.98"), Decimal("9.00")),
        (Decimal("53.97"), Decimal("10.79")),
    ]
    assert audit_of(month.lake) == []
