"""A run says what the books should say; what is posted is the difference to what they say. Nothing is ever changed."""

from __future__ import annotations

from functools import cache

import polars as pl

from rating.deltas import ledger_delta
from schemas.ledger_entries import LedgerEntries
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Deltas: only the difference is posted (L1, B2)"


@cache
def ledger(hours: str) -> pl.DataFrame:
    """What the books should say about a month of so many hours at 1.00."""
    return bill(usage_records=table(UsageRecords, "consumed_quantity\n" + hours)).ledger


NOTHING_YET = LedgerEntries.empty()


def test_the_first_run_posts_everything() -> None:
    """100.00 of revenue, 20.00 of tax, 120.00 owed."""
    assert_table(
        ledger_delta(ledger("100"), NOTHING_YET),
        LedgerEntries,
        """
        ledger_account     | amount
        receivable         | 100.00
        receivable         |  20.00
        revenue/Cloud      | -100.00
        tax_payable/DE/VAT | -20.00
        """,
    )


def test_a_run_with_nothing_new_posts_nothing() -> None:
    committed = ledger_delta(ledger("100"), NOTHING_YET)
    assert ledger_delta(ledger("100"), committed).is_empty()


def test_a_change_posts_the_difference() -> None:
    """Ten hours more: 10.00 of revenue and 2.00 of tax, in a transaction of its own."""
    committed = ledger_delta(ledger("100"), NOTHING_YET)
    change = ledger_delta(ledger("110"), committed)
    assert_table(
        change,
        LedgerEntries,
        """
        ledger_account     | amount
        receivable         |  10.00
        receivable         |   2.00
        revenue/Cloud      | -10.00
        tax_payable/DE/VAT |  -2.00
        """,
    )
    assert not set(change["transaction_id"]) & set(committed["transaction_id"])


def test_a_change_that_is_undone_posts_its_mirror_and_then_nothing() -> None:
    first = ledger_delta(ledger("100"), NOTHING_YET)
    second = ledger_delta(ledger("110"), first)
    third = ledger_delta(ledger("100"), pl.concat([first, second]))
    key = ["ledger_account", "source_table"]
    assert third.sort(key)["amount"].to_list() == [-amount for amount in second.sort(key)["amount"]]
    assert third["transaction_id"].n_unique() == 1
    assert not set(third["transaction_id"]) & {*first["transaction_id"], *second["transaction_id"]}
    assert ledger_delta(ledger("100"), pl.concat([first, second, third])).is_empty()


def test_what_should_no_longer_be_is_taken_back() -> None:
    committed = ledger_delta(ledger("100"), NOTHING_YET)
    assert_table(
        ledger_delta(ledger("100").clear(), committed),
        LedgerEntries,
        """
        ledger_account     | amount
        receivable         | -100.00
        receivable         | -20.00
        revenue/Cloud      | 100.00
        tax_payable/DE/VAT |  20.00
        """,
    )
