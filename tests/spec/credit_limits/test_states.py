"""How near an account is to what it may owe: entered at 80 and 100 percent, left five points below."""

from __future__ import annotations

import pytest

from schemas.account_restrictions import AccountRestrictions
from tests.spec.credit_limits.figures import changes, state
from tests.tables import assert_table

title = "Credit limits: ok, warning, restricted (I5)"


@pytest.mark.parametrize(
    ("used", "found"),
    [("79.99", "ok"), ("80", "warning"), ("99.99", "warning"), ("100", "restricted"), ("250", "restricted")],
)
def test_a_state_is_entered_exactly_at_its_share(used: str, found: str) -> None:
    """Of 100.00: 80.00 are 80 % and warn, 100.00 are all of it and restrict; a cent less does not."""
    assert state(used) == found


@pytest.mark.parametrize(
    ("before", "used", "found"),
    [
        ("warning", "75", "warning"),
        ("warning", "74.99", "ok"),
        ("restricted", "95", "restricted"),
        ("restricted", "94.99", "warning"),
        ("restricted", "80", "warning"),
        ("restricted", "75", "warning"),
        ("restricted", "74.99", "ok"),
        ("ok", "75", "ok"),
        ("ok", "95", "warning"),
    ],
)
def test_a_state_is_left_five_points_below_where_it_is_entered(before: str, used: str, found: str) -> None:
    """80 % less 5 points are 75.00, 100 % less 5 points 95.00: at these a state stays, a cent below it is left."""
    assert state(used, before) == found


def test_s0_7_up_and_down_through_a_month_a_gate_does_not_flutter() -> None:
    """Usage up to 101, payments down to 74, and what lies between is heard once on the way up, once on the way down."""
    now, heard = "ok", []
    for used in ("40", "79", "80", "79", "101", "96", "99", "95", "94", "99", "75", "74", "79"):
        before, now = now, state(used, now)
        heard += [] if now == before else [(used, now)]
    assert heard == [("80", "warning"), ("101", "restricted"), ("94", "warning"), ("74", "ok")]


def test_s0_4_17750_97_of_168000_00_is_ok_and_150249_03_are_left() -> None:
    """17,750.97 of 168,000.00 are 10.6 %. 80 % would be 134,400.00."""
    terms = {"total_amount": "168000.00", "billing_currency": "INR"}
    assert [state(used, **terms) for used in ("17750.97", "134399.99", "134400.00", "168000.00")] == [
        "ok",
        "ok",
        "warning",
        "restricted",
    ]


def test_a_limit_of_zero_is_reached_by_nothing() -> None:
    """Nothing may be owed, and nothing is left: restricted at once. What is owed to the customer lets it go."""
    assert state("0", total_amount="0") == "restricted"
    assert state("0.01", total_amount="0") == "restricted"
    assert state("-5", "restricted", total_amount="0") == "ok"


def test_without_a_limit_nothing_restricts() -> None:
    assert state("99999999999999", total_amount=None) == "ok"
    assert state("99999999999999", "restricted", total_amount=None) == "ok"


def test_three_decimals_and_none_are_compared_to_the_last_one() -> None:
    """80 % of 0.125 KWD are 0.100; of 7 yen 5.6, so that 6 warn and 5 do not; five points below are 5.25."""
    assert [state(used, total_amount="0.125") for used in ("0.099", "0.100", "0.124", "0.125")] == [
        "ok",
        "warning",
        "warning",
        "restricted",
    ]
    assert [state(used, total_amount="7") for used in ("5", "6", "7")] == ["ok", "warning", "restricted"]
    assert [state(used, "warning", total_amount="7") for used in ("6", "5")] == ["warning", "ok"]


def test_the_largest_amounts_are_compared_to_the_cent() -> None:
    """80 % of 99,999,999,999,999.99 are 79,999,999,999,999.992: no cent is lost where a float has none left."""
    terms = {"total_amount": "99999999999999.99"}
    assert [state(used, **terms) for used in ("79999999999999.99", "80000000000000.00")] == ["ok", "warning"]
    assert [state(used, **terms) for used in ("99999999999999.98", "99999999999999.99")] == ["warning", "restricted"]


def test_the_shares_are_policies() -> None:
    """Warned at 50 %, restricted at 120 %, each left 10 points below: at 40 and at 110 of 100."""
    terms = {"warning": "0.5", "restricted": "1.2", "hysteresis": "0.1"}
    assert [state(used, **terms) for used in ("49.99", "50", "119.99", "120")] == [
        "ok",
        "warning",
        "warning",
        "restricted",
    ]
    assert [state(used, "restricted", **terms) for used in ("110", "109.99", "40", "39.99")] == [
        "restricted",
        "warning",
        "warning",
        "ok",
    ]


def test_each_account_is_measured_against_its_own_limit() -> None:
    found = changes(
        """
        billing_account_id | used_amount | total_amount | billing_currency
        acme               |          80 |          100 | EUR
        beta               |          80 |          101 | EUR
        kuwait             |       1.000 |        1.000 | KWD
        nobody             |          80 |              | EUR
        """
    )
    assert_table(
        found,
        AccountRestrictions,
        """
        billing_account_id | sub_account_id | cause        | cost_policy_id | state      | used_amount | total_amount | billing_currency
        acme               |                | credit_limit |                | warning    |          80 |          100 | EUR
        kuwait             |                | credit_limit |                | restricted |           1 |            1 | KWD
        """,  # noqa: E501 (a table)
    )
