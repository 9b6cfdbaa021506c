"""What a deployment gate is told of a credit limit: a row each time the state is another, never the same twice."""

from __future__ import annotations

import polars as pl

from schemas.account_restrictions import AccountRestrictions
from tests.spec.credit_limits.figures import changes, said
from tests.tables import assert_table

title = "Credit limits: what is said of them (I5)"

WARNED = said("state | changed_at | used_amount\nwarning | 2026-10-10T00:00:00Z | 85")


def test_an_account_that_was_always_ok_is_not_spoken_of() -> None:
    assert changes("used_amount\n79.99").is_empty()


def test_a_change_says_what_is_used_of_how_much_and_as_of_when() -> None:
    assert_table(
        changes("used_amount | known_as_of\n80 | 2026-10-20T00:00:00Z"),
        AccountRestrictions,
        """
        state   | changed_at           | known_as_of          | used_amount | total_amount
        warning | 2026-10-20T00:00:00Z | 2026-10-20T00:00:00Z |          80 |          100
        """,
    )


def test_what_is_said_is_not_said_again() -> None:
    """85 were a warning; 90 are the same one, and so are 76 on the way down."""
    assert changes("used_amount\n90", WARNED).is_empty()
    assert changes("used_amount\n76", WARNED).is_empty()


def test_what_was_said_last_is_the_state_before() -> None:
    """95 of 100 stay restricted only where that is the last word; it is a warning, so 95 are no more than that."""
    before = pl.concat([said("state | changed_at\nrestricted | 2026-10-05T00:00:00Z"), WARNED])
    assert changes("used_amount\n95", before).is_empty()
    assert_table(changes("used_amount\n100", before), AccountRestrictions, "state | used_amount\nrestricted | 100")


def test_a_limit_that_is_lifted_lets_the_account_go() -> None:
    lifted = changes("used_amount | total_amount\n85 | ", WARNED)
    assert_table(lifted, AccountRestrictions, "state | used_amount | total_amount\nok | 85 | ")


def test_a_change_is_later_than_the_one_before_though_no_more_is_known() -> None:
    """A payment of the day that was billed already: what is known as of is the same, and the state is another."""
    assert_table(
        changes("used_amount | known_as_of\n70 | 2026-10-10T00:00:00Z", WARNED),
        AccountRestrictions,
        """
        state | changed_at                  | known_as_of
        ok    | 2026-10-10T00:00:00.000001Z | 2026-10-10T00:00:00Z
        """,
    )


def test_w5_a_cost_policy_is_another_cause() -> None:
    """It restricts by itself: 95 of the limit are a warning, as nothing was said of the limit before."""
    budget = said("cost_policy_id | state | changed_at\nbudget | restricted | 2026-10-30T00:00:00Z")
    found = changes("used_amount\n95", budget.with_columns(cause=pl.lit("cost_policy")))
    assert_table(
        found, AccountRestrictions, "cause | state | changed_at\ncredit_limit | warning | 2026-10-20T00:00:00Z"
    )
