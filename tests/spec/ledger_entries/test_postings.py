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


TAX_OF_CREDIT = ("tax of credit sold", "tax of refunded credit")


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


def test_paid_credit_is_owed_for_the_money_received_and_for_what_was_given_with_it() -> None:
    """Face value 100 for 80: the money is cash, the rest of the face value a discount."""
    bought = {"kind": "paid", "grant_id": "bought"}
    assert_table(
        pl.concat(
            [entries("paid grant bought", "80", **bought), entries("face value above the price", "20", **bought)]
        ),
        LedgerEntries,
        """
        transaction_kind | ledger_account              | amount
        grant_bought     | cash                        |     80
        grant_bought     | grant_liability/paid/bought |    -80
        grant_bought     | discounts_given             |     20
        grant_bought     | grant_liability/paid/bought |    -20
        """,
    )


def test_credit_that_is_sent_or_allocated_is_owed_on_another_grant() -> None:
    """The one it came from is owed less."""
    assert_table(
        pl.concat(
            [
                entries("credit sent to another account", **GRANT, counter_kind="bonus", counter_grant_id="received"),
                entries("credit allocated to a project", **GRANT, counter_kind="project", counter_grant_id="part"),
            ]
        ),
        LedgerEntries,
        """
        transaction_kind  | ledger_account                 | amount
        grant_transferred | grant_liability/bonus/launch   |     10
        grant_transferred | grant_liability/bonus/received |    -10
        grant_allocated   | grant_liability/bonus/launch   |     10
        grant_allocated   | grant_liability/project/part   |    -10
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


def test_a_paid_grant_that_is_refunded_costs_its_price_in_cash_and_takes_the_discount_back() -> None:
    bought = {"kind": "paid", "grant_id": "bought"}
    assert_table(
        pl.concat([entries("paid grant refunded", "8", **bought), entries("refunded below face value", "2", **bought)]),
        LedgerEntries,
        """
        transaction_kind | ledger_account              | amount
        grant_ended      | grant_liability/paid/bought |      8
        grant_ended      | cash                        |     -8
        grant_ended      | grant_liability/paid/bought |      2
        grant_ended      | discounts_given             |     -2
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


@pytest.mark.parametrize(
    ("of_invoices", "on_account", "credited"),
    [
        ("money received for invoices", "money received on account", "cash"),
        ("tax withheld from invoices", "tax withheld on account", "tax_withheld"),
        ("invoices written off", "written off on account", "bad_debt"),
    ],
)
def test_a_reversal_is_the_mirror_of_its_payment(of_invoices: str, on_account: str, credited: str) -> None:
    due_again, gone = entries(f"{of_invoices}, reversed"), entries(f"{on_account}, reversed")
    assert dict(due_again.select("ledger_account", "amount").iter_rows()) == {"receivable": 10, credited: -10}
    assert dict(gone.select("ledger_account", "amount").iter_rows()) == {"account_balance": 10, credited: -10}
    assert {*due_again["transaction_kind"], *gone["transaction_kind"]} == {"payment_reversed"}


def test_a_credit_note_that_pays_becomes_balance_first() -> None:
    """What it gives back is no longer owed to the account; what the invoice takes of it is no longer owed by it."""
    assert_table(
        pl.concat([entries("credit note becomes account balance"), entries("credit note pays an invoice")]),
        LedgerEntries,
        """
        transaction_kind    | ledger_account  | amount
        credit_note_applied | receivable      |     10
        credit_note_applied | account_balance |    -10
        credit_note_applied | account_balance |     10
        credit_note_applied | receivable      |    -10
        """,
    )


def test_rounding_an_amount_due_up_is_owed_and_earned() -> None:
    assert_table(
        entries("rounding of an amount due"),
        LedgerEntries,
        """
        transaction_kind | ledger_account | amount
        invoice          | receivable     |     10
        invoice          | rounding       |    -10
        """,
    )


def test_the_tax_of_sold_credit_comes_in_as_cash_and_goes_back_with_a_refund() -> None:
    assert_table(
        pl.concat([entries(event, jurisdiction="DE", component="VAT") for event in TAX_OF_CREDIT]),
        LedgerEntries,
        """
        transaction_kind | ledger_account     | amount
        grant_bought     | cash               |     10
        grant_bought     | tax_payable/DE/VAT |    -10
        grant_refunded   | tax_payable/DE/VAT |     10
        grant_refunded   | cash               |    -10
        """,
    )


def test_every_posting_of_the_chart_is_shown_above() -> None:
    shown = {
        *TAX_OF_CREDIT,
        "rounding of an amount due",
        "money received for invoices, reversed",
        "tax withheld from invoices, reversed",
        "invoices written off, reversed",
        "money received on account, reversed",
        "tax withheld on account, reversed",
        "written off on account, reversed",
        "credit note becomes account balance",
        "credit note pays an invoice",
        "revenue of a service",
        "discounts and caps on an invoice",
        "tax of an invoice",
        "free grant credited",
        "paid grant bought",
        "face value above the price",
        "credit sent to another account",
        "credit allocated to a project",
        "grant applied",
        "free grant applied",
        "free grant ended unused",
        "paid grant expired",
        "paid grant refunded",
        "refunded below face value",
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
