"""Free credit is recovered, paid credit refunded: its window ends there and then, and the rest is settled by the period
in which it ends. It is all of the rest, so no amount is named; what was made from the grant stays.
"""

from __future__ import annotations

import polars as pl

from rating.operations import endings
from rating.pipeline import ENDINGS
from schemas.operations import Operations
from schemas.principals import Principals
from tests.spec.operations.credit import judged
from tests.tables import assert_table, table

title = "Credit that is recovered or refunded (K5)"


def test_each_refusal_of_an_ending() -> None:
    """A grant of another account, or of later, is none; a paid one is not recovered, a free one not refunded."""
    operations = table(
        Operations,
        """
        operation_id | operation      | grant_id  | amount | occurred_at
        what         | recover_credit |           |        | 2026-10-10T12:00Z
        no-grant     | recover_credit | nothing   |        | 2026-10-10T12:00Z
        not-own      | recover_credit | of-globex |        | 2026-10-10T12:00Z
        not-yet      | recover_credit | later     |        | 2026-10-10T12:00Z
        paid         | recover_credit | bought    |        | 2026-10-10T12:00Z
        of-free      | refund_credit  | free      |        | 2026-10-10T12:00Z
        part         | recover_credit | free      |     10 | 2026-10-10T12:00Z
        part-paid    | refund_credit  | bought    |     10 | 2026-10-10T12:00Z
        is-over      | recover_credit | over      |        | 2026-10-05T00:00Z
        recovered    | recover_credit | free      |        | 2026-10-10T12:00Z
        refunded     | refund_credit  | bought    |        | 2026-10-10T12:00Z
        twice        | recover_credit | free      |        | 2026-10-11T12:00Z
        twice-paid   | refund_credit  | bought    |        | 2026-10-11T12:00Z
        """,
        billing_account_id="acme",
    )
    assert_table(
        judged(operations).operations,
        Operations,
        """
        operation_id | status   | reason_code
        what         | rejected | O_MISSING_FIELD
        no-grant     | rejected | O_UNKNOWN_GRANT
        not-own      | rejected | O_UNKNOWN_GRANT
        not-yet      | rejected | O_UNKNOWN_GRANT
        paid         | rejected | O_NOT_RECOVERABLE
        of-free      | rejected | O_NOT_REFUNDABLE
        part         | rejected | O_BAD_FIELD
        part-paid    | rejected | O_BAD_FIELD
        is-over      | rejected | O_GRANT_ENDED
        recovered    | accepted |
        refunded     | accepted |
        twice        | rejected | O_GRANT_ENDED
        twice-paid   | rejected | O_GRANT_ENDED
        """,
    )


def test_an_ending_that_lands_late_finds_the_grant_ended_already() -> None:
    """Recovered on the twelfth; a recovery of the tenth that comes in a later commit does not end it again."""
    later = table(Operations, "operation_id | occurred_at\ntwelfth | 2026-10-12T12:00Z", **FREE)
    sooner = table(Operations, "operation_id | occurred_at\ntenth | 2026-10-10T12:00Z", **FREE)
    assert judged(sooner, before=[GRANT, later]).operations["reason_code"].to_list() == ["O_GRANT_ENDED"]


FREE = {"operation": "recover_credit", "grant_id": "free", "billing_account_id": "acme"}
GRANT = table(
    Operations,
    "operation_id | occurred_at\nfree | 2026-10-01T00:00Z",
    kind="free",
    amount="100",
    billing_account_id="acme",
)


def test_nothing_is_taken_from_a_grant_once_it_has_ended() -> None:
    """Recovered at noon of the tenth: at noon it is too late, a moment sooner it is not, whenever it is landed."""
    ended = table(Operations, "operation_id | occurred_at\nend | 2026-10-10T12:00Z", **FREE)
    operations = table(
        Operations,
        """
        operation_id | occurred_at
        before       | 2026-10-10T11:59:59Z
        at-noon      | 2026-10-10T12:00:00Z
        """,
        operation="transfer_credit",
        billing_account_id="acme",
        grant_id="free",
        to_account="labs",
        amount="10",
    )
    assert_table(
        judged(operations, before=[GRANT, ended]).operations,
        Operations,
        """
        operation_id | status   | reason_code
        before       | accepted |
        at-noon      | rejected | O_GRANT_ENDED
        """,
    )


def test_the_endings_of_grants_are_told_to_the_bill() -> None:
    """Which grant, when, by what word; the refused one is none."""
    operations = table(
        Operations,
        """
        operation_id | operation      | grant_id | occurred_at
        back         | recover_credit | free     | 2026-10-10T12:00Z
        again        | recover_credit | free     | 2026-10-11T12:00Z
        money        | refund_credit  | bought   | 2026-10-09T12:00Z
        """,
        billing_account_id="acme",
    )
    told = endings(judged(operations).operations)
    assert told.schema == pl.Schema(ENDINGS)
    assert told.select("grant_id", "movement", "operation_id", pl.col("ended_at").dt.day()).rows() == [
        ("bought", "refunded", "money", 9),
        ("free", "recovered", "back", 10),
    ]


def test_only_staff_ends_buys_and_grants() -> None:
    principals = table(
        Principals,
        """
        principal_id | role               | billing_account_id
        operator     | staff              |
        helper       | support            |
        owner        | organization_owner | acme
        manager      | billing_manager    | acme
        """,
    )
    operations = table(
        Operations,
        """
        operation_id | actor    | operation       | grant_id | amount | price_paid | kind
        a            | helper   | recover_credit  | free     |        |            |
        b            | owner    | recover_credit  | free     |        |            |
        c            | manager  | refund_credit   | bought   |        |            |
        d            | owner    | purchase_credit |          |     10 |          8 |
        e            | manager  | grant_credit    |          |     10 |            | bonus
        f            | operator | recover_credit  | free     |        |            |
        g            | operator | refund_credit   | bought   |        |            |
        h            | operator | purchase_credit |          |     10 |          8 |
        """,
        billing_account_id="acme",
        occurred_at="2026-10-10T12:00:00Z",
    )
    assert_table(
        judged(operations, principals=principals).operations,
        Operations,
        """
        operation_id | status   | reason_code
        a            | rejected | O_FORBIDDEN
        b            | rejected | O_FORBIDDEN
        c            | rejected | O_FORBIDDEN
        d            | rejected | O_FORBIDDEN
        e            | rejected | O_FORBIDDEN
        f            | accepted |
        g            | accepted |
        h            | accepted |
        """,
    )
