"""An account keeps its currency once anything is owed, paid or granted in it: no amounts of two are added up (M3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.run import Refusal
from tests.flows.billing.months import Month

PAYMENT = {
    "operation_id": "paid",
    "operation": "record_payment",
    "occurred_at": "2026-10-20T00:00:00Z",
    "billing_account_id": "acme",
    "amount": "30",
}
GRANT = {
    "operation_id": "given",
    "operation": "grant_credit",
    "occurred_at": "2026-10-01T00:00:00Z",
    "billing_account_id": "acme",
    "kind": "bonus",
    "name": "Bonus",
    "amount": "10",
}


@pytest.fixture
def month(tmp_path: Path) -> Month:
    return Month(tmp_path)


def to_dollars(month: Month) -> None:
    """What `acme` is billed in, in every table that says it."""
    for table in ("billing_accounts", "sku_prices"):
        path = month.reference_folder / f"{table}.csv"
        path.write_text(path.read_text(encoding="utf-8").replace("EUR", "USD"), encoding="utf-8")


def test_an_account_with_nothing_in_the_books_may_be_billed_in_another_currency(month: Month) -> None:
    month.ingest()
    month.bill()
    to_dollars(month)
    month.bill()
    assert month.ask("select distinct billing_currency from invoices") == [("USD",)]


@pytest.mark.parametrize("operation", [PAYMENT, GRANT], ids=["payment", "grant"])
def test_one_that_paid_or_was_granted_credit_keeps_its_currency(month: Month, operation: dict[str, str]) -> None:
    month.ingest()
    month.operate(operation)
    to_dollars(month)
    with pytest.raises(Refusal, match="acme is billed in USD, and has invoices, credit or payments in EUR; give its"):
        month.bill()
    assert len(month.lake.commits()) == 3


def test_one_with_an_invoice_keeps_its_currency(month: Month) -> None:
    month.ingest()
    month.bill()
    month.issue()
    to_dollars(month)
    with pytest.raises(Refusal, match="acme is billed in USD"):
        month.operate(PAYMENT)
    with pytest.raises(Refusal, match="acme is billed in USD"):
        month.bill(period="2026-11")
