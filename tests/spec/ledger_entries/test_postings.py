"""Double entry: a posting debits one account and credits another, so a transaction sums to zero; debits are positive.
`{}` stands for a service, a jurisdiction, a tax, a grant. This is the whole chart, with the amount of each posting.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from rating.ledger_entries import POSTINGS, post, transactions
from schemas.ledger_entries import LedgerEntries
from schemas.units import Money
from tests.tables import assert_table

title = "Ledger: what each event debits and credits (B1)"


def entries(event: str, amount: str = "10", **columns: str) -> pl.DataFrame:
    """The two entries of an event, in euros, of acme's October."""
    row = {
        "billing_account_id": "acme",
        "billing_currency": "EUR",
        "service_period": "2026-10",
        "source_table": "somewhere",
        "source_id": "some-row",
        **columns,
    }
    return post(event, pl.DataFrame(row).with_columns(amount=pl.lit(Decimal(amount), dtype=Money)))


def test_revenue_is_owed_by_the_customer() -> None:
    assert_table(
        entries("revenue of a service", service="Cloud"),
        LedgerEntries,
        """
        transaction_kind | ledger_account | amount
        invoice          | receivable     |     10
        invoice          | revenue/Cloud  |    -10
        """,
    )


def test_a_discount_is_given_out_of_what_is_owed() -> None:
    assert_table(
        entries("discounts and caps on an invoice"),
        LedgerEntries,
        """
        transaction_kind | ledger_account  | amount
        invoice          | discounts_given |     10
        invoice          | receivable      |    -10
        """,
    )


def test_tax_is_owed_by_the_customer_and_to_the_state() -> None:
    assert_table(
        entries("tax of an invoice", jurisdiction="DE", component="VAT"),
        LedgerEntries,
        """
        transaction_kind | ledger_account     | amount
        invoice          | receivable         |     10
        invoice          | tax_payable/DE/VAT |    -10
        """,
    )


GRANT = {"kind": "bonus", "grant_id": "launch"}


def test_a_free_grant_is_a_commitment_until_it_is_used() -> None:
    assert_table(
        entries("free grant credited", **GRANT),
        LedgerEntries,
        """
        transaction_kind | ledger_account               | amount
        grant_credited   | bonus_commitment             |     10
        grant_credited   | grant_liability/bonus/launch |    -10
        """,
    )


def test_a_grant_that_pays_is_owed_less_and_so_is_the_invoice() -> None:
    assert_table(
        entries("grant applied", **GRANT),
        LedgerEntries,
        """
        transaction_kind | ledger_account               | amount
        grant_applied    | grant_liability/bonus/launch |     10
        grant_applied    | receivable                   |    -10
        """,
    )


def test_a_free_grant_that_pays_becomes_an_expense() -> None:
    assert_table(
        entries("free grant applied"),
        LedgerEntries,
        """
        transaction_kind | ledger_account   | amount
        grant_applied    | bonus_expense    |     10
        grant_applied    | bonus_commitment |    -10
        """,
    )


def test_a_free_grant_that_ends_unused_gives_the_commitment_back() -> None:
    assert_table(
        entries("free grant ended unused", **GRANT),
        LedgerEntries,
        """
        transaction_kind | ledger_account               | amount
        grant_ended      | grant_liability/bonus/launch |     10
        grant_ended      | bonus_commitment             |    -10
        """,
    )


def test_a_paid_grant_that_expires_is_income() -> None:
    assert_table(
        entries("paid grant expired", kind="paid", grant_id="bought"),
        LedgerEntries,
        """
        transaction_kind | ledger_account              | amount
        grant_ended      | grant_liability/paid/bought |     10
        grant_ended      | breakage_income             |    -10
        """,
    )


@pytest.mark.parametrize(
    ("kind", "debited"),
    [("money received", "cash"), ("tax withheld", "tax_withheld"), ("written off", "bad_debt")],
)
def test_a_payment_pays_invoices_or_stays_on_account(kind: str, debited: str) -> None:
    """Money is cash, withheld tax a claim, a write-off a loss; each lowers what is owed or is kept for later."""
    for_invoices = {"money received": "for", "tax withheld": "from"}.get(kind)
    event = f"{kind} {for_invoices} invoices" if for_invoices else "invoices written off"
    paid = entries(event)
    kept = entries(f"{kind} on account")
    assert dict(paid.select("ledger_account", "amount").iter_rows()) == {debited: 10, "receivable": -10}
    assert dict(kept.select("ledger_account", "amount").iter_rows()) == {debited: 10, "account_balance": -10}
    assert {*paid["transaction_kind"], *kept["transaction_kind"]} == {"payment"}


def test_an_account_balance_pays_an_invoice_at_issue() -> None:
    assert_table(
        entries("account balance pays an invoice"),
        LedgerEntries,
        """
        transaction_kind | ledger_account  | amount
        balance_applied  | account_balance |     10
        balance_applied  | receivable      |    -10
        """,
    )


def test_every_posting_of_the_chart_is_shown_above() -> None:
    shown = {
        "revenue of a service",
        "discounts and caps on an invoice",
        "tax of an invoice",
        "free grant credited",
        "grant applied",
        "free grant applied",
        "free grant ended unused",
        "paid grant expired",
        "money received for invoices",
        "tax withheld from invoices",
        "invoices written off",
        "money received on account",
        "tax withheld on account",
        "written off on account",
        "account balance pays an invoice",
    }
    assert {posting.event for posting in POSTINGS} == shown


def test_an_amount_below_zero_turns_both_sides_round() -> None:
    assert_table(
        entries("revenue of a service", amount="-10", service="Cloud"),
        LedgerEntries,
        """
        ledger_account | amount
        receivable     |    -10
        revenue/Cloud  |     10
        """,
    )


def test_an_amount_of_zero_posts_nothing() -> None:
    assert entries("grant applied", amount="0", **GRANT).is_empty()


def test_a_transaction_is_of_one_account_period_and_kind_and_its_entries_are_numbered() -> None:
    """Revenue and tax are one transaction of four entries, the grant another of two."""
    found = transactions(
        pl.concat(
            [
                entries("revenue of a service", service="Cloud"),
                entries("tax of an invoice", jurisdiction="DE", component="VAT"),
                entries("grant applied", **GRANT),
            ]
        ),
        LedgerEntries.empty(),
    )
    numbers = found.group_by("transaction_kind").agg(pl.col("entry_number").sort(), pl.col("transaction_id").n_unique())
    assert sorted(numbers.rows()) == [("grant_applied", [1, 2], 1), ("invoice", [1, 2, 3, 4], 1)]
