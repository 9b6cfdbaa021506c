"""What is said of a policy beside its measure: an event once, and a row for a deployment gate each time it changes."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rating.cost_policies import restrictions, unposted
from schemas.account_periods import AccountPeriods
from schemas.account_restrictions import AccountRestrictions
from schemas.cost_policy_events import CostPolicyEvents
from schemas.cost_policy_measures import CostPolicyMeasures
from tests.tables import assert_table, table

title = "Cost policies: events once, restrictions as they change (W5)"

ACME = table(AccountPeriods, "billing_account_id | exponent\nacme | 2")


def measured(text: str) -> pl.DataFrame:
    terms = {"billing_account_id": "acme", "action": "restrict_new", "limit": "1000", "sub_account_id": None}
    return table(CostPolicyMeasures, text, **terms)


def said(text: str) -> pl.DataFrame:
    return table(AccountRestrictions, text, billing_account_id="acme", cause="cost_policy", sub_account_id=None)


def changes(
    now: str, before: pl.DataFrame | None = None, at: str = "2026-10-20T00:00Z", accounts: pl.DataFrame = ACME
) -> pl.DataFrame:
    committed = AccountRestrictions.empty() if before is None else before
    return AccountRestrictions.check(restrictions(measured(now), committed, accounts, datetime.fromisoformat(at)))


RESTRICTED = said("cost_policy_id | state | changed_at\na | restricted | 2026-10-10T00:00Z")


def test_an_event_is_said_once_for_its_period() -> None:
    """The month to date said it of the account; the bill says it of the project, and again only in November."""
    told = table(CostPolicyEvents, "cost_policy_id | sub_account_id | billing_period | measured\na | | 2026-10 | 1000")
    found = table(
        CostPolicyEvents,
        """
        cost_policy_id | sub_account_id | billing_period | measured
        a              |                | 2026-10        |     1200
        b              | website        | 2026-10        |     1100
        a              |                | 2026-11        |     1000
        """,
    )
    assert_table(
        unposted(found, told),
        CostPolicyEvents,
        """
        cost_policy_id | sub_account_id | billing_period | measured
        b              | website        | 2026-10        |     1100
        a              |                | 2026-11        |     1000
        """,
    )


def test_what_is_reached_restricts_from_then_on() -> None:
    assert_table(
        changes("cost_policy_id | measured\na | 1000\nb | 999"),
        AccountRestrictions,
        """
        sub_account_id | cause       | cost_policy_id | state      | changed_at        | used_amount
                       | cost_policy | a              | restricted | 2026-10-20T00:00Z |
        """,
    )


def test_only_the_action_restrict_new_restricts() -> None:
    asked = "cost_policy_id | measured | action\na | 1000 | notify\nb | 1000 | terminate_request"
    assert changes(asked).is_empty()


def test_what_has_not_changed_is_not_said_again() -> None:
    assert changes("cost_policy_id | measured\na | 1200", RESTRICTED).is_empty()
    assert changes("cost_policy_id | measured\na | 10").is_empty()


def test_what_falls_below_its_limit_is_ok_again() -> None:
    assert_table(
        changes("cost_policy_id | measured\na | 999.99", RESTRICTED, at="2026-11-05T00:00Z"),
        AccountRestrictions,
        "cost_policy_id | state | changed_at\na | ok | 2026-11-05T00:00Z",
    )


def test_a_policy_that_is_gone_restricts_nobody_any_more() -> None:
    gone = changes("cost_policy_id | measured\nother | 1", RESTRICTED)
    assert_table(gone, AccountRestrictions, "cost_policy_id | state\na | ok")


def test_an_account_that_was_not_measured_stays_as_it_is() -> None:
    assert changes("cost_policy_id | measured\nb | 1", RESTRICTED, accounts=ACME.clear()).is_empty()


def test_the_latest_rows_name_all_policies_that_restrict() -> None:
    """b comes to a; then a falls below and b is left; then none."""
    both = changes("cost_policy_id | measured\na | 1000\nb | 1000", RESTRICTED)
    assert_table(
        both,
        AccountRestrictions,
        """
        cost_policy_id | state      | changed_at
        a              | restricted | 2026-10-20T00:00Z
        b              | restricted | 2026-10-20T00:00Z
        """,
    )
    left = changes("cost_policy_id | measured\na | 1\nb | 1000", pl.concat([RESTRICTED, both]), at="2026-11-05T00:00Z")
    assert_table(left, AccountRestrictions, "cost_policy_id | state\nb | restricted")
    none = changes(
        "cost_policy_id | measured\na | 1\nb | 1", pl.concat([RESTRICTED, both, left]), at="2026-11-06T00:00Z"
    )
    assert_table(none, AccountRestrictions, "cost_policy_id | state\nb | ok")


def test_a_project_and_its_account_are_restricted_each_by_itself() -> None:
    of_project = "cost_policy_id | sub_account_id | measured\na | | 999\nweb | website | 1000"
    assert_table(
        changes(of_project, RESTRICTED),
        AccountRestrictions,
        """
        sub_account_id | cost_policy_id | state
        website        | web            | restricted
                       | a              | ok
        """,
    )


def test_a_change_is_later_than_the_one_before_though_no_more_is_known() -> None:
    """Usage came late, no operation did: what is known as of is the same, and the state is another."""
    back = changes("cost_policy_id | measured\na | 1", RESTRICTED, at="2026-10-10T00:00Z")
    assert_table(back, AccountRestrictions, "state | changed_at\nok | 2026-10-10T00:00:00.000001Z")


def test_the_credit_limit_is_another_cause() -> None:
    """It restricts by itself: nothing of it is repeated or lifted."""
    limit = table(
        AccountRestrictions,
        "billing_account_id | cause | state | changed_at\nacme | credit_limit | restricted | 2026-10-30T00:00Z",
    )
    assert changes("cost_policy_id | measured\na | 1", limit).is_empty()
    found = changes("cost_policy_id | measured\na | 1000", limit)
    assert_table(found, AccountRestrictions, "cause | changed_at\ncost_policy | 2026-10-20T00:00Z")
