"""An account that another seller bills by now: what corrects an invoice is still of the seller that invoiced (I2, I4).

Two hours at 0.50 and 20 % are 1.20: acme uses 200, north invoices 100.00 and 20.00; then south bills the account.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flows.backfill import backfill
from flows.run import COMMITTED, Refusal
from tests.flows.billing.months import Month, made_once

SELLERS = """\
seller_id,legal_name,address,tax_ids,jurisdiction,accounting_year_start,invoice_number_pattern,\
credit_note_number_pattern,valid_from
north,North Cloud GmbH,"Hafen 1, 20095 Hamburg, DE","[""DE123456789""]",DE,01-01,NI-{year}-{sequence:05},\
NC-{year}-{sequence:05},2026-01-01
south,South Cloud GmbH,"Isar 2, 80331 Muenchen, DE","[""DE987654321""]",DE,01-01,SI-{year}-{sequence:05},\
SC-{year}-{sequence:05},2026-01-01
"""
ACCOUNTS = """\
billing_account_id,seller_id,legal_name,address,billing_currency,time_zone,jurisdiction,tax_status,payment_terms_days,\
is_main_in_domain,valid_from
acme,{seller},Acme Robotics GmbH,"Markt 2, 50667 Köln, DE",EUR,Europe/Berlin,DE,business,14,false,2026-01-01
"""
AT = datetime(2026, 11, 5, 8, tzinfo=UTC)


@pytest.fixture
@made_once
def month(tmp_path: Path) -> Month:
    """October, invoiced by north; the account's row says south since."""
    made = Month(tmp_path)
    (made.reference_folder / "sellers.csv").write_text(SELLERS, encoding="utf-8")
    billed_by(made, "north")
    (made.reference_folder / "discounts.csv").write_text("discount_id,kind,value,valid_from,valid_until\n")
    made.ingest(used(made, "hours", 200))
    made.bill()
    made.issue()
    billed_by(made, "south")
    return made


def billed_by(month: Month, seller: str) -> None:
    (month.reference_folder / "billing_accounts.csv").write_text(ACCOUNTS.format(seller=seller), encoding="utf-8")


def used(month: Month, name: str, quantity: int) -> Path:
    row = f"{name},acme,,vm,vm-small,eu-1,2026-10-10T10:00:00Z,2026-10-10T11:00:00Z,{quantity},hour"
    return month.usage(f"{name}.csv", row)


VOID = {
    "operation_id": "void",
    "operation": "void_invoice",
    "occurred_at": "2026-11-05T08:00:00Z",
    "billing_account_id": "acme",
    "invoice_number": "NI-2026-00001",
}
DOCUMENTS = """
    select seller_id, seller_legal_name, invoice_number, preceding_invoice_number, total_with_tax
    from invoices order by preceding_invoice_number is not null, invoice_number
"""
FIRST = ("north", "North Cloud GmbH", "NI-2026-00001", None, Decimal("120.0000"))


def test_a_void_is_a_credit_note_of_the_seller_that_invoiced(month: Month) -> None:
    """In its series of credit notes, by its pattern."""
    month.operate(VOID, received_at=AT)
    note = ("north", "North Cloud GmbH", "NC-2026-00001", "NI-2026-00001", Decimal("-120.0000"))
    assert month.ask(DOCUMENTS) == [FIRST, note]


def test_late_usage_is_invoiced_by_the_seller_of_the_month(month: Month) -> None:
    """100 hours more are 50.00 and 10.00."""
    month.ingest(used(month, "late", 100), received_at=AT)
    run = backfill(month.lake, month.reference(), received_at=AT, issue_date=date(2026, 11, 7))
    assert run.status == COMMITTED
    more = ("north", "North Cloud GmbH", "NI-2026-00002", "NI-2026-00001", Decimal("60.0000"))
    assert month.ask(DOCUMENTS) == [FIRST, more]


def test_what_is_voided_is_invoiced_anew_by_the_seller_of_today(month: Month) -> None:
    """South's own series begins with it."""
    month.operate(VOID, received_at=AT)
    backfill(month.lake, month.reference(), received_at=AT)
    month.issue(date(2026, 11, 7))
    note = ("north", "North Cloud GmbH", "NC-2026-00001", "NI-2026-00001", Decimal("-120.0000"))
    anew = ("south", "South Cloud GmbH", "SI-2026-00001", None, Decimal("120.0000"))
    assert month.ask(DOCUMENTS) == [FIRST, anew, note]


PAYMENT = {
    "operation_id": "paid",
    "operation": "record_payment",
    "occurred_at": "2026-11-05T00:00:00Z",
    "billing_account_id": "acme",
    "amount": "20",
}


def test_without_a_row_of_its_seller_nothing_is_voided_and_all_else_lands(month: Month) -> None:
    sellers = [line for line in SELLERS.splitlines(keepends=True) if not line.startswith("north")]
    (month.reference_folder / "sellers.csv").write_text("".join(sellers), encoding="utf-8")
    run = month.operate(VOID, PAYMENT, received_at=AT)
    assert (run.report["accepted"], run.report["rejected"]) == (1, 1)
    why = month.ask("select reason_code, reason from operations where operation = 'void_invoice'")
    assert [code for code, _ in why] == ["O_MANDATORY_FIELD"]
    assert why[0][1].endswith("seller_id 'north' is not in sellers; give it its row back")


def test_without_a_row_of_its_seller_a_correction_waits_for_its_number(month: Month) -> None:
    month.ingest(used(month, "late", 100), received_at=AT)
    sellers = [line for line in SELLERS.splitlines(keepends=True) if not line.startswith("north")]
    (month.reference_folder / "sellers.csv").write_text("".join(sellers), encoding="utf-8")
    with pytest.raises(Refusal, match="'north' are to be numbered, which is not in sellers; give it its row back"):
        backfill(month.lake, month.reference(), received_at=AT, issue_date=date(2026, 11, 7))
    waiting = ("north", "North Cloud GmbH", None, "NI-2026-00001", Decimal("60.0000"))
    assert month.ask(DOCUMENTS) == [FIRST, waiting]
