"""Double entry: the entries of a transaction add up to zero."""

from schemas import columns
from schemas.table import Table, column
from schemas.units import Count, Money, Text


class LedgerEntries(Table):
    """One row per transaction_id and entry_number; append-only."""

    transaction_id: Text = column("hash of what caused it", source="B1", example="transaction-1")
    entry_number: Count = column("place in the transaction", source="B1", example="1", ge=1)
    transaction_kind: Text = column(
        "what caused it",
        source="B1",
        example="invoice",
        isin=[
            "invoice",
            "grant_credited",
            "grant_bought",
            "grant_transferred",
            "grant_allocated",
            "grant_applied",
            "grant_ended",
            "grant_refunded",
            "payment",
            "payment_reversed",
            "balance_applied",
            "credit_note_applied",
        ],
    )
    ledger_account: Text = columns.ledger_account()
    billing_account_id: Text = columns.billing_account_id()
    billing_currency: Text = columns.billing_currency()
    amount: Money = column("signed: a debit is above zero", source="B1", example="24")
    service_period: Text = columns.billing_period(description="the month the service was used in", source="B1")
    accounting_period: Text = columns.billing_period(description="the month it is booked in", source="B1")
    source_table: Text = column("the table that holds what caused it", source="B1", example="invoices")
    source_id: Text = column("the row that caused it", source="B1", example="acme-2026-10")

    class Config:
        unique = ("transaction_id", "entry_number")
