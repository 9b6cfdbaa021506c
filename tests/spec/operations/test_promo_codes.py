"""A promo code gives a grant or a discount. Its window starts with the upcoming invoice, with the acceptance, or is
fixed; limits are per code and per account; some codes are for some accounts.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from schemas.billing_accounts import BillingAccounts
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.promo_codes import PromoCodes
from tests.spec.operations.credit import judged
from tests.spec.period import ACME, USUAL, decided, granted
from tests.tables import assert_table, table

title = "Promo codes: windows and refusals (K7)"

ACCEPTED_ON_THE_10TH = table(
    Operations,
    """
    operation_id | operation         | occurred_at       | promo_code
    hello        | accept_promo_code | 2026-10-10T15:00Z | HELLO
    """,
    **ACME,
)
NEXT_INVOICE = table(
    PromoCodes,
    """
    promo_code | kind  | value | window_start | duration
    HELLO      | promo |    50 | next_invoice | P3M
    """,
)


def test_a_code_gives_a_grant_of_its_value_kind_and_lists() -> None:
    codes = table(
        PromoCodes,
        """
        promo_code | kind    | value | include           | exclude
        HELLO      | voucher |    50 | ["service:Cloud"] | ["tag:gpu"]
        """,
    )
    assert_table(
        granted(operations=ACCEPTED_ON_THE_10TH, promo_codes=codes),
        Grants,
        """
        grant_id | kind    | promo_code | amount | tax_position | include           | exclude
        hello    | voucher | HELLO      |  50.00 | after        | ["service:Cloud"] | ["tag:gpu"]
        """,
    )


def test_a_code_that_names_no_kind_gives_a_promo() -> None:
    codes = table(PromoCodes, "promo_code\nHELLO", value="50")
    assert_table(granted(operations=ACCEPTED_ON_THE_10TH, promo_codes=codes), Grants, "kind\npromo")


def test_the_upcoming_invoice_is_covered_whole() -> None:
    """Accepted on the 10th: from the first of October, for three months."""
    assert_table(
        granted(operations=ACCEPTED_ON_THE_10TH, promo_codes=NEXT_INVOICE),
        Grants,
        """
        window_start      | window_end
        2026-10-01T00:00Z | 2027-01-01T00:00Z
        """,
    )


def test_a_month_that_is_not_issued_yet_is_the_upcoming_one() -> None:
    """The account is billed since August; no invoice was issued, so August's is the upcoming one."""
    assert_table(
        granted(operations=ACCEPTED_ON_THE_10TH, promo_codes=NEXT_INVOICE, first_billed={"acme": "2026-08"}),
        Grants,
        """
        window_start      | window_end
        2026-08-01T00:00Z | 2026-11-01T00:00Z
        """,
    )


ACCEPTED_ON_3_NOVEMBER = table(
    Operations,
    """
    operation_id | operation         | occurred_at       | promo_code
    hello        | accept_promo_code | 2026-11-03T12:00Z | HELLO
    """,
    **ACME,
)


def issued(issued_at: str, account: str | None) -> pl.DataFrame:
    """October, issued at an instant."""
    return table(
        Operations,
        """
        operation_id | operation      | billing_period | issue_date
        issue        | issue_invoices | 2026-10        | 2026-11-03
        """,
        occurred_at=issued_at,
        billing_account_id=account,
    )


def issued_and_accepted(issued_at: str, account: str | None) -> pl.DataFrame:
    issue, accept = issued(issued_at, account), ACCEPTED_ON_3_NOVEMBER
    return granted(
        operations=pl.concat([accept, issue]), promo_codes=NEXT_INVOICE, first_billed={"acme": "2026-10"}
    ).select("window_start", "window_end")


def test_a_month_that_was_issued_before_is_passed_over() -> None:
    """October was issued at noon of 3 November, a second before the acceptance, for acme or for all: November on."""
    november = """
        window_start      | window_end
        2026-11-01T00:00Z | 2027-02-01T00:00Z
        """
    assert_table(issued_and_accepted("2026-11-03T11:59:59Z", "acme"), Grants, november)
    assert_table(issued_and_accepted("2026-11-03T11:59:59Z", None), Grants, november)


def test_a_month_that_is_issued_after_the_acceptance_is_covered() -> None:
    assert_table(
        issued_and_accepted("2026-11-03T12:00:01Z", "acme"),
        Grants,
        """
        window_start      | window_end
        2026-10-01T00:00Z | 2027-01-01T00:00Z
        """,
    )


@pytest.mark.parametrize(
    ("issued_at", "upcoming"),
    [
        ("2026-11-03T11:59:59Z", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-03T12:00:01Z", datetime(2026, 10, 1, tzinfo=UTC)),
    ],
    ids=["issued before", "issued after"],
)
def test_an_acceptance_that_lands_late_has_the_window_it_would_have_had_in_time(
    issued_at: str, upcoming: datetime
) -> None:
    """It lands when October has been issued, for all: what had been issued by its own instant counts (K7, O3)."""
    found = judged(
        ACCEPTED_ON_3_NOVEMBER,
        before=[issued(issued_at, None)],
        promo_codes=NEXT_INVOICE,
        grant_kinds=USUAL["grant_kinds"],
        first_billed={"acme": "2026-10"},
    )
    assert found.grants["window_start"].to_list() == [upcoming]


def test_from_the_acceptance_a_window_keeps_the_hour_of_the_day() -> None:
    """From 17:00 in Berlin on the 10th to 17:00 a month later, when the clock is an hour back: 15:00 and 16:00 UTC."""
    codes = table(
        PromoCodes,
        """
        promo_code | value | window_start | duration
        HELLO      |    50 | acceptance   | P1M
        """,
    )
    berlin = table(
        BillingAccounts,
        """
        billing_account_id | time_zone
        acme               | Europe/Berlin
        """,
    )
    assert_table(
        granted(operations=ACCEPTED_ON_THE_10TH, promo_codes=codes, billing_accounts=berlin),
        Grants,
        """
        window_start      | window_end
        2026-10-10T15:00Z | 2026-11-10T16:00Z
        """,
    )


def test_a_fixed_range_is_what_it_says_where_the_account_is() -> None:
    codes = table(
        PromoCodes,
        """
        promo_code | value | window_start
        HELLO      |    50 | 2026-10-01/2026-12-25
        """,
    )
    kolkata = table(
        BillingAccounts,
        """
        billing_account_id | time_zone
        acme               | Asia/Kolkata
        """,
    )
    assert_table(
        granted(operations=ACCEPTED_ON_THE_10TH, promo_codes=codes, billing_accounts=kolkata),
        Grants,
        """
        window_start      | window_end
        2026-09-30T18:30Z | 2026-12-24T18:30Z
        """,
    )


def test_without_a_duration_a_window_never_ends() -> None:
    codes = table(
        PromoCodes,
        """
        promo_code | value | window_start
        HELLO      |    50 | acceptance
        """,
    )
    assert_table(
        granted(operations=ACCEPTED_ON_THE_10TH, promo_codes=codes),
        Grants,
        """
        window_start      | window_end
        2026-10-10T15:00Z |
        """,
    )


TWO_ACCOUNTS = table(BillingAccounts, "billing_account_id\nacme\nglobex")


def test_an_account_accepts_a_code_as_often_as_it_may() -> None:
    """Once, unless the code says twice."""
    operations = table(
        Operations,
        """
        operation_id | promo_code
        a            | ONCE
        b            | ONCE
        c            | TWICE
        d            | TWICE
        e            | TWICE
        """,
        operation="accept_promo_code",
        **ACME,
    )
    codes = table(
        PromoCodes,
        """
        promo_code | value | per_account_limit
        ONCE       |    50 |                 1
        TWICE      |    50 |                 2
        """,
    )
    assert_table(
        decided(operations=operations, promo_codes=codes),
        Operations,
        """
        operation_id | reason_code
        a            |
        b            | O_PROMO_ALREADY_ACCEPTED
        c            |
        d            |
        e            | O_PROMO_ALREADY_ACCEPTED
        """,
    )


def test_a_code_is_refused_when_exhausted_not_valid_or_not_meant_for_the_account() -> None:
    operations = table(
        Operations,
        """
        operation_id | billing_account_id | promo_code
        a            | globex             | FIRST
        b            | acme               | FIRST
        c            | acme               | OVER
        d            | acme               | SOON
        e            | acme               | GLOBEX
        f            | globex             | GLOBEX
        g            | acme               | UNHEARD
        """,
        operation="accept_promo_code",
    )
    codes = table(
        PromoCodes,
        """
        promo_code | value | total_limit | accounts   | valid_from | valid_until
        FIRST      |    50 |           1 |            | 2026-01-01 |
        OVER       |    50 |             |            | 2026-01-01 | 2026-10-01
        SOON       |    50 |             |            | 2026-10-02 |
        GLOBEX     |    50 |             | ["globex"] | 2026-01-01 |
        """,
    )
    assert_table(
        decided(operations=operations, promo_codes=codes, billing_accounts=TWO_ACCOUNTS),
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | rejected | O_PROMO_EXHAUSTED
        c            | rejected | O_PROMO_NOT_VALID
        d            | rejected | O_PROMO_NOT_VALID
        e            | rejected | O_PROMO_NOT_ALLOWED
        f            | accepted |
        g            | rejected | O_UNKNOWN_PROMO_CODE
        """,
    )


def test_of_several_refusals_the_first_of_the_rule_is_the_reason() -> None:
    """Accepted already, exhausted, over and not for acme: accepted already. Then exhausted; then over."""
    operations = table(
        Operations,
        """
        operation_id | billing_account_id | promo_code | occurred_at
        a            | globex             | BUSY       | 2026-10-01T00:00Z
        b            | globex             | BUSY       | 2026-10-20T00:00Z
        c            | acme               | BUSY       | 2026-10-20T00:00Z
        d            | acme               | FREE       | 2026-10-20T00:00Z
        """,
        operation="accept_promo_code",
    )
    codes = table(
        PromoCodes,
        """
        promo_code | value | total_limit | accounts   | valid_until
        BUSY       |    50 |           1 | ["globex"] | 2026-10-15
        FREE       |    50 |           1 | ["globex"] | 2026-10-15
        """,
    )
    assert_table(
        decided(operations=operations, promo_codes=codes, billing_accounts=TWO_ACCOUNTS),
        Operations,
        """
        operation_id | reason_code
        a            |
        b            | O_PROMO_ALREADY_ACCEPTED
        c            | O_PROMO_EXHAUSTED
        d            | O_PROMO_NOT_VALID
        """,
    )


def test_a_code_of_a_discount_gives_no_grant() -> None:
    codes = table(
        PromoCodes,
        """
        promo_code | benefit  | value
        HELLO      | discount |    10
        """,
    )
    assert granted(operations=ACCEPTED_ON_THE_10TH, promo_codes=codes).is_empty()
    assert_table(decided(operations=ACCEPTED_ON_THE_10TH, promo_codes=codes), Operations, "status\naccepted")
