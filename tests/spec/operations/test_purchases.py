"""Paid credit is bought: a face value for a price, of a kind that is refunded. It lasts to the day five years later
unless an end is said. A kind that pays before tax is sold with tax, so its purchase says of which category. What a
month takes at least, an operation may say of any grant it makes.
"""

from __future__ import annotations

from schemas.grants import Grants
from schemas.operations import Operations
from tests.spec.operations.credit import judged
from tests.tables import assert_table, table

title = "Credit that is bought, and what a month takes of it at least (G2, W1)"

BOUGHT = {"operation": "purchase_credit", "billing_account_id": "acme", "occurred_at": "2026-10-05T09:00:00Z"}
GRANTED = {"operation": "grant_credit", "billing_account_id": "acme", "occurred_at": "2026-10-05T09:00:00Z"}


def test_paid_credit_has_a_face_value_and_a_price() -> None:
    """Bought on 5 October 2026, usable from that moment to the end of 5 October 2031."""
    one = table(Operations, "operation_id | amount | price_paid\nbought | 100 | 80", **BOUGHT)
    assert_table(
        judged(one, before=[]).grants,
        Grants,
        """
        grant_id | kind | amount | price_paid | window_start      | window_end        | tax_position | terminal_status
        bought   | paid | 100.00 |      80.00 | 2026-10-05T09:00Z | 2031-10-06T00:00Z | after        | refunded
        """,
    )


def test_a_paid_kind_that_is_given_has_cost_nothing() -> None:
    """A gift of 100.00, and a bonus that has no price at all."""
    two = table(
        Operations,
        """
        operation_id | kind
        gift         | paid
        bonus        | bonus
        """,
        amount="100",
        **GRANTED,
    )
    assert_table(
        judged(two, before=[]).grants,
        Grants,
        """
        grant_id | price_paid
        gift     |          0
        bonus    |
        """,
    )


def test_each_refusal_of_a_purchase() -> None:
    operations = table(
        Operations,
        """
        operation_id | kind    | amount | price_paid | billing_currency | sub_account_id | window_start | window_end | include | tax_category
        fits         |         | 100    | 100        |                  |                |              |            | |
        no-price     |         | 100    |            |                  |                |              |            | |
        no-amount    |         |        | 80         |                  |                |              |            | |
        unknown      | gold    | 100    | 80         |                  |                |              |            | |
        free         | free    | 100    | 80         |                  |                |              |            | |
        before-tax   | prepaid | 100    | 80         |                  |                |              |            |         | standard
        no-category  | prepaid | 100    | 80         |                  |                |              |            | |
        category     | paid    | 100    | 80         |                  |                |              |            |         | standard
        no-rate      | prepaid | 100    | 80         |                  |                |              |            |         | books
        project      |         | 100    | 80         |                  | elsewhere      |              |            | |
        currency     |         | 100    | 80         | USD              |                |              |            | |
        nothing      |         | 0      | 80         |                  |                |              |            | |
        for-nothing  |         | 100    | 0          |                  |                |              |            | |
        too-dear     |         | 100    | 100.01     |                  |                |              |            | |
        digits       |         | 100.001 | 80        |                  |                |              |            | |
        price-digits |         | 100    | 80.001     |                  |                |              |            | |
        window       |         | 100    | 80         |                  |                | 2026-10-02   | 2026-10-01 | |
        scope        |         | 100    | 80         |                  |                |              |            | ["red"] |
        """,  # noqa: E501 (a table)
        **BOUGHT,
    )
    assert_table(
        judged(operations, before=[]).operations,
        Operations,
        """
        operation_id | status   | reason_code
        fits         | accepted |
        no-price     | rejected | O_MISSING_FIELD
        no-amount    | rejected | O_MISSING_FIELD
        unknown      | rejected | O_UNKNOWN_KIND
        free         | rejected | O_UNKNOWN_KIND
        before-tax   | accepted |
        no-category  | rejected | O_MISSING_FIELD
        category     | rejected | O_BAD_FIELD
        no-rate      | rejected | O_NO_TAX_RATE
        project      | rejected | O_UNKNOWN_PROJECT
        currency     | rejected | O_CURRENCY
        nothing      | rejected | O_AMOUNT
        for-nothing  | rejected | O_AMOUNT
        too-dear     | rejected | O_AMOUNT
        digits       | rejected | O_PRECISE
        price-digits | rejected | O_PRECISE
        window       | rejected | O_WINDOW
        scope        | rejected | O_SCOPE
        """,
    )


def test_a_grant_keeps_what_a_month_takes_of_it_at_least() -> None:
    """Fixed has a monthly value; linear has an end, of its own or by its kind."""
    operations = table(
        Operations,
        """
        operation_id | kind  | logic  | monthly_value | window_end
        none         | bonus | none   |               |
        fixed        | bonus | fixed  |            10 |
        all-at-once  | bonus | fixed  |           100 |
        even         | bonus | linear |               | 2026-12-31
        to-the-end   | paid  | linear |               |
        """,
        amount="100",
        **GRANTED,
    )
    assert_table(
        judged(operations, before=[]).grants,
        Grants,
        """
        grant_id    | logic  | monthly_value
        none        | none   |
        fixed       | fixed  |         10.00
        all-at-once | fixed  |        100.00
        even        | linear |
        to-the-end  | linear |
        """,
    )


def test_each_refusal_of_a_logic() -> None:
    operations = table(
        Operations,
        """
        operation_id | logic  | monthly_value | window_end
        no-value     | fixed  |               |
        zero         | fixed  | 0             |
        above        | fixed  | 100.01        |
        digits       | fixed  | 10.001        |
        no-end       | linear |               |
        linear-value | linear | 10            | 2026-12-31
        value-alone  |        | 10            |
        unknown      | yearly |               |
        """,
        kind="bonus",
        amount="100",
        **GRANTED,
    )
    assert_table(
        judged(operations, before=[]).operations,
        Operations,
        """
        operation_id | status   | reason_code
        no-value     | rejected | O_MISSING_FIELD
        zero         | rejected | O_AMOUNT
        above        | rejected | O_AMOUNT
        digits       | rejected | O_PRECISE
        no-end       | rejected | O_WINDOW
        linear-value | rejected | O_BAD_FIELD
        value-alone  | rejected | O_BAD_FIELD
        unknown      | rejected | O_UNSUPPORTED
        """,
    )
