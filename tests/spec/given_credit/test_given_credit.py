"""What operations do to balances at once: credit that is given or bought begins with a movement; credit that is sent or
allocated has two, which name each other. The ledger says the same: a commitment, a sale, or one liability for another.
"""

from __future__ import annotations

import polars as pl

from rating.given_credit import entries_of, movements_of
from schemas.grant_movements import GrantMovements
from schemas.grants import Grants
from schemas.ledger_entries import LedgerEntries
from tests.tables import assert_table, table

title = "Movements and postings that operations make at once (B1, B3, K4, W3)"

ZONES = {"acme": "UTC", "labs": "Asia/Seoul"}
GIVEN = table(
    Grants,
    """
    grant_id     | operation_id | billing_account_id | kind         | amount | price_paid | terminal_status
    bonus        | give         | acme               | bonus        |     40 |            | recovered
    organization | give-org     | acme               | organization |    100 |            | recovered
    bought       | buy          | acme               | paid         |    100 |         80 | refunded
    gift         | give-paid    | acme               | paid         |     50 |          0 | refunded
    """,
    occurred_at="2026-10-31T16:00:00Z",
)
MADE = table(
    Grants,
    """
    grant_id | operation_id | billing_account_id | kind    | amount | from_grant_id | sub_account_id
    move     | move         | labs               | bonus   |     15 | bonus         |
    part     | part         | acme               | project |     30 | organization  | website
    """,
    occurred_at="2026-10-31T16:00:00Z",
)
BOTH = pl.concat([GIVEN, MADE])


def test_a_grant_begins_with_what_was_credited() -> None:
    assert_table(
        movements_of(GIVEN, GIVEN, ZONES),
        GrantMovements,
        """
        grant_id     | operation_id | billing_period | movement | amount | counter_grant_id
        bonus        | give         | 2026-10        | credited |  40.00 |
        organization | give-org     | 2026-10        | credited | 100.00 |
        bought       | buy          | 2026-10        | credited | 100.00 |
        gift         | give-paid    | 2026-10        | credited |  50.00 |
        """,
    )


def test_a_transfer_and_an_allocation_have_two_sides_that_name_each_other() -> None:
    """15.00 go to labs, where it is November already; 30.00 go to a project of the same account."""
    assert_table(
        movements_of(MADE, BOTH, ZONES),
        GrantMovements,
        """
        grant_id     | billing_account_id | billing_period | movement              | amount | counter_grant_id | operation_id | occurred_at
        bonus        | acme               | 2026-10        | transfer_deduction    | -15.00 | move             | move         | 2026-10-31T16:00Z
        move         | labs               | 2026-11        | transfer_accumulation |  15.00 | bonus            | move         | 2026-10-31T16:00Z
        organization | acme               | 2026-10        | allocated             | -30.00 | part             | part         | 2026-10-31T16:00Z
        part         | acme               | 2026-10        | credited              |  30.00 | organization     | part         | 2026-10-31T16:00Z
        """,  # noqa: E501 (a table)
    )


def test_two_transfers_of_one_grant_at_one_instant_are_two_movements() -> None:
    twice = pl.concat(
        [MADE.head(1), MADE.head(1).with_columns(grant_id=pl.lit("move-2"), operation_id=pl.lit("move-2"))]
    )
    moved = movements_of(twice, pl.concat([GIVEN, twice]), ZONES)
    assert moved["movement_id"].n_unique() == 4
    assert GrantMovements.check(moved).height == 4


def test_no_new_grant_moves_nothing() -> None:
    moved = movements_of(Grants.empty(), GIVEN, ZONES)
    assert moved.is_empty()
    assert entries_of(moved, GIVEN).is_empty()


def test_free_credit_is_a_commitment_and_paid_credit_a_sale() -> None:
    """100.00 for 80.00: 80.00 of cash and 20.00 of discount; a paid kind that was given is all discount."""
    entries = entries_of(movements_of(GIVEN, GIVEN, ZONES), GIVEN)
    assert_table(
        entries.filter(pl.col("source_id") != "organization"),
        LedgerEntries,
        """
        transaction_kind | service_period | source_table    | source_id | ledger_account              | amount
        grant_credited   | 2026-10        | grant_movements | bonus     | bonus_commitment            |  40.00
        grant_credited   | 2026-10        | grant_movements | bonus     | grant_liability/bonus/bonus | -40.00
        grant_bought     | 2026-10        | grant_movements | bought    | cash                        |  80.00
        grant_bought     | 2026-10        | grant_movements | bought    | grant_liability/paid/bought | -80.00
        grant_bought     | 2026-10        | grant_movements | bought    | discounts_given             |  20.00
        grant_bought     | 2026-10        | grant_movements | bought    | grant_liability/paid/bought | -20.00
        grant_bought     | 2026-10        | grant_movements | gift      | discounts_given             |  50.00
        grant_bought     | 2026-10        | grant_movements | gift      | grant_liability/paid/gift   | -50.00
        """,
    )


def test_what_is_sent_or_allocated_is_owed_on_the_other_grant_in_the_senders_books() -> None:
    """Both sides of the transfer are acme's and of October, so that its transaction sums to zero."""
    assert_table(
        entries_of(movements_of(MADE, BOTH, ZONES), BOTH),
        LedgerEntries,
        """
        transaction_kind  | billing_account_id | service_period | ledger_account                            | amount
        grant_transferred | acme               | 2026-10        | grant_liability/bonus/bonus               |  15.00
        grant_transferred | acme               | 2026-10        | grant_liability/bonus/move                | -15.00
        grant_allocated   | acme               | 2026-10        | grant_liability/organization/organization |  30.00
        grant_allocated   | acme               | 2026-10        | grant_liability/project/part              | -30.00
        """,
    )
