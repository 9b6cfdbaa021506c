"""An operation may take what is free at its time: the amount, less all that accepted operations took, whenever they
occurred, less what periods took that are over by then, or whose document is issued. A draft of its own period or of a
later one gives way: it is billed again. What is asked beyond that is refused whole.
"""

from __future__ import annotations

import polars as pl

from schemas.operations import Operations
from tests.spec.operations.credit import ACCOUNTS, GIVEN, judged
from tests.tables import assert_table, table

title = "What an operation may take from a grant (O3, O4, K8)"

TAKE = {"operation": "transfer_credit", "billing_account_id": "acme", "grant_id": "free", "to_account": "labs"}


def taken(amount: str, on: str, **known: object) -> str | None:
    """The reason against taking an amount on a day, after what is known."""
    one = table(Operations, f"operation_id | amount | occurred_at\ntake | {amount} | {on}T12:00:00Z", **TAKE)
    return judged(one, **known).operations["reason_code"].item()  # type: ignore[arg-type]


def test_a_period_that_is_over_has_taken_its_part() -> None:
    """October took 60.00 of 100.00: in November 40.00 are free, whether October is issued or not."""
    october = {"free": {"2026-10": "-60"}}
    assert taken("40.00", "2026-11-02", draws=october) is None
    assert taken("40.01", "2026-11-02", draws=october) == "O_INSUFFICIENT_BALANCE"
    assert taken("40.01", "2026-11-02", draws=october, issued=[("acme", "2026-10")]) == "O_INSUFFICIENT_BALANCE"


def test_operations_come_before_the_draw_of_their_period_until_it_is_issued() -> None:
    """A draft of October took 60.00; on the 20th all 100.00 are free still. Once it is issued, 40.00 are."""
    october = {"free": {"2026-10": "-60"}}
    assert taken("100.00", "2026-10-20", draws=october) is None
    issued = [("acme", "2026-10")]
    assert taken("40.00", "2026-10-20", draws=october, issued=issued) is None
    assert taken("40.01", "2026-10-20", draws=october, issued=issued) == "O_INSUFFICIENT_BALANCE"
    assert taken("100.00", "2026-10-20", draws=october, issued=[("labs", "2026-10"), ("acme", "2026-09")]) is None


def test_an_operation_that_lands_late_is_judged_after_issued_periods_that_follow_it() -> None:
    """October 30.00 as a draft, November 50.00 issued: on 20 October 50.00 are free, on 2 November 20.00."""
    known = {"draws": {"free": {"2026-10": "-30", "2026-11": "-50"}}, "issued": [("acme", "2026-11")]}
    assert taken("50.00", "2026-10-20", **known) is None
    assert taken("50.01", "2026-10-20", **known) == "O_INSUFFICIENT_BALANCE"
    assert taken("20.00", "2026-11-02", **known) is None
    assert taken("20.01", "2026-11-02", **known) == "O_INSUFFICIENT_BALANCE"


def test_what_came_back_and_what_expired_count_too() -> None:
    """The sum of October's movements is what counts: 60.00 charged, 10.00 returned are 50.00."""
    assert taken("50.00", "2026-11-02", draws={"free": {"2026-10": "-50"}}) is None
    assert taken("50.01", "2026-11-02", draws={"free": {"2026-10": "-50"}}) == "O_INSUFFICIENT_BALANCE"


def test_later_outflows_are_taken_already_when_an_earlier_one_lands_late() -> None:
    """70.00 went on the 20th. One of the 10th that lands in a later commit finds 30.00."""
    later = table(Operations, "operation_id | occurred_at | amount\ngone | 2026-10-20T12:00Z | 70", **TAKE)
    assert taken("30.00", "2026-10-10", before=[GIVEN, later]) is None
    assert taken("30.01", "2026-10-10", before=[GIVEN, later]) == "O_INSUFFICIENT_BALANCE"


def test_within_one_landing_the_earlier_operation_takes_first() -> None:
    """70.00 on the 10th fit, so the 40.00 of the 20th do not, although they landed first; 30.00 after them do."""
    operations = table(
        Operations,
        """
        operation_id | occurred_at       | amount
        second       | 2026-10-20T12:00Z |     40
        first        | 2026-10-10T12:00Z |     70
        third        | 2026-10-21T12:00Z |     30
        """,
        **TAKE,
    )
    assert_table(
        judged(operations).operations,
        Operations,
        """
        operation_id | status   | reason_code
        first        | accepted |
        second       | rejected | O_INSUFFICIENT_BALANCE
        third        | accepted |
        """,
    )


def test_the_month_of_an_operation_is_that_of_the_accounts_calendar() -> None:
    """1 November 07:00 UTC is 31 October in Los Angeles: October's draft of 60.00 gives way still."""
    west = ACCOUNTS.with_columns(
        time_zone=pl.when(pl.col("billing_account_id") == "acme")
        .then(pl.lit("America/Los_Angeles"))
        .otherwise("time_zone")
    )
    one = table(Operations, "operation_id | amount | occurred_at\ntake | 100 | 2026-11-01T06:59:59Z", **TAKE)
    two = one.with_columns(pl.col("occurred_at").dt.offset_by("1s"))
    october = {"free": {"2026-10": "-60"}}
    assert judged(one, draws=october, billing_accounts=west).operations["reason_code"].to_list() == [None]
    assert judged(two, draws=october, billing_accounts=west).operations["reason_code"].to_list() == [
        "O_INSUFFICIENT_BALANCE"
    ]


ISSUE = {"operation": "issue_invoices", "issue_date": "2026-11-03", "occurred_at": "2026-11-03T09:00:00Z"}
OCTOBER = {"draws": {"free": {"2026-10": "-60"}}, "drafts": [("acme", "2026-10")]}


def test_a_draft_that_takes_more_than_operations_have_left_is_not_issued() -> None:
    """October's draft took 60.00, 70.00 went on the 20th afterwards: 30.00 are left for it. 40.00 would leave 60.00."""
    issue = table(Operations, "operation_id | billing_period\nissue | 2026-10", **ISSUE)
    for amount, reason in (("40", None), ("40.01", "O_STALE_DRAFT")):
        gone = table(Operations, f"operation_id | occurred_at | amount\ngone | 2026-10-20T12:00Z | {amount}", **TAKE)
        found = judged(issue, before=[GIVEN, gone], **OCTOBER)  # type: ignore[arg-type]
        assert found.operations["reason_code"].to_list() == [reason]


def test_what_lands_with_an_operation_that_changes_the_bill_is_not_issued() -> None:
    """The transfer of October counts before the issue of November, which would number a draft that does not know it; a
    payment changes no draft."""
    both = pl.concat(
        [
            table(Operations, "operation_id | occurred_at | amount\ngone | 2026-10-20T12:00Z | 10", **TAKE),
            table(Operations, "operation_id | billing_period\nissue | 2026-10", **ISSUE),
        ]
    )
    found = judged(both, **OCTOBER).operations  # type: ignore[arg-type]
    assert dict(found.select("operation_id", "reason_code").iter_rows()) == {"gone": None, "issue": "O_STALE_DRAFT"}
    paid = both.with_columns(
        operation=pl.col("operation").replace("transfer_credit", "record_payment"),
        grant_id=pl.lit(None, dtype=pl.String),
        to_account=pl.lit(None, dtype=pl.String),
    )
    assert judged(paid, **OCTOBER).operations["status"].to_list() == ["accepted", "accepted"]  # type: ignore[arg-type]


def test_what_is_issued_with_it_has_taken_its_part_for_what_follows() -> None:
    """October is issued on 3 November; a transfer of the fifth finds 40.00, as if it had come a commit later."""
    both = pl.concat(
        [
            table(Operations, "operation_id | billing_period\nissue | 2026-10", **ISSUE),
            table(
                Operations,
                """
                operation_id | occurred_at       | amount
                too-much     | 2026-11-05T12:00Z |  40.01
                fits         | 2026-11-05T13:00Z |     40
                """,
                **TAKE,
            ),
        ]
    )
    found = judged(both, **OCTOBER).operations  # type: ignore[arg-type]
    assert dict(found.select("operation_id", "reason_code").iter_rows()) == {
        "issue": None,
        "too-much": "O_INSUFFICIENT_BALANCE",
        "fits": None,
    }


def test_a_refusal_says_how_much_is_free() -> None:
    """60.00 of 100.00 went in September."""
    one = table(Operations, "operation_id\ntake", **TAKE, amount="40.01", occurred_at="2026-10-10T12:00:00Z")
    found = judged(one, draws={"free": {"2026-09": "-60"}}).operations["reason"].item()
    assert found == "the free balance does not cover the amount: 40 is free on free"
