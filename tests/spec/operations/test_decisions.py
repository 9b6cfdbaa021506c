"""An operation is accepted or rejected once, and both are kept. Operations count by (`occurred_at`, id), whatever their
landing order; what a commit has decided stays decided; a rejected operation changes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from rating.operations import Book, Decisions, decide
from schemas.billing_accounts import BillingAccounts
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.principals import Principals
from schemas.promo_codes import PromoCodes
from tests.spec.period import ACME, USUAL, decided, granted
from tests.tables import assert_table, table

title = "Operations: accepted or rejected, once (O1 to O3)"

DAY = timedelta(days=1)
TWO_GRANTS = table(
    Operations,
    """
    operation_id | amount
    launch       |     40
    thanks       |     10
    """,
    kind="bonus",
    **ACME,
)


def test_an_accepted_grant_counts_from_when_it_was_given() -> None:
    """Nothing is said but kind and amount: its id is the operation's, its window opens as it occurs and never ends."""
    one = table(
        Operations,
        """
        operation_id | occurred_at       | kind  | amount
        launch       | 2026-10-05T09:00Z | bonus |     40
        """,
        **ACME,
    )
    assert_table(
        granted(operations=one),
        Grants,
        """
        grant_id | kind  | amount | billing_currency | window_start      | window_end | tax_position | rank | priority
        launch   | bonus |  40.00 | EUR              | 2026-10-05T09:00Z |            | before       |   10 |        0
        """,
    )


def test_the_same_operation_twice_is_one() -> None:
    """It may have been received at different times."""
    twice = pl.concat([TWO_GRANTS, TWO_GRANTS.with_columns(pl.col("received_at").dt.offset_by("1d"))])
    assert_table(
        decided(operations=twice),
        Operations,
        """
        operation_id | status
        launch       | accepted
        thanks       | accepted
        """,
    )


def test_one_id_with_two_contents_is_a_conflict_of_both() -> None:
    other = TWO_GRANTS.with_columns(amount=pl.col("amount") * 2).filter(operation_id="launch")
    both = pl.concat([TWO_GRANTS, other])
    assert_table(
        decided(operations=both),
        Operations,
        """
        operation_id | status   | reason_code
        launch       | rejected | O_ID_CONFLICT
        thanks       | accepted |
        """,
    )
    assert granted(operations=both)["grant_id"].to_list() == ["thanks"]


def book() -> Book:
    return Book({**USUAL, "promo_codes": PromoCodes.empty()}, {})


def again(landed: pl.DataFrame, before: Decisions) -> Decisions:
    return decide(landed, book(), before.operations, before.grants)


def test_what_was_decided_stays_decided() -> None:
    """The same id lands again, once unchanged and once with another amount: nothing new, and the first grant stands."""
    nothing = Decisions(Operations.empty(), Grants.empty())
    first = again(TWO_GRANTS, nothing)
    assert first.grants.height == 2
    assert again(TWO_GRANTS, first).operations.is_empty()
    assert again(TWO_GRANTS.with_columns(amount=pl.col("amount") * 2), first).grants.is_empty()


def test_an_id_that_lands_again_with_another_content_is_told_and_changes_nothing() -> None:
    """Of two grants the first comes again with another amount; the second with the same, received later."""
    first = again(TWO_GRANTS, Decisions(Operations.empty(), Grants.empty()))
    other = pl.when(operation_id="launch").then(pl.col("amount") * 2).otherwise("amount")
    landed = TWO_GRANTS.with_columns(original=pl.lit("{}"), amount=other, received_at=pl.col("received_at") + DAY)
    found = again(landed, first)
    assert found.conflicts == ("launch",)
    assert found.operations.is_empty()
    assert found.grants.is_empty()


def test_an_operation_that_lands_again_as_it_stood_is_the_same_whatever_its_decision_filled_in() -> None:
    """Without a period the charge is of October, where it occurred; without a time, of when the file was received."""
    landed = table(
        Operations,
        """
        operation_id | operation  | amount | text | tax_category | original
        fee          | add_charge |      5 | Help | standard     | {"operation_id": "fee"}
        """,
        **ACME,
    )
    first = again(landed, Decisions(Operations.empty(), Grants.empty()))
    assert first.operations["billing_period"].to_list() == ["2026-10"]
    written_otherwise = landed.with_columns(original=pl.lit('{"operation_id":"fee"}'))
    received_later = landed.with_columns(occurred_at=pl.col("occurred_at") + DAY)
    named = written_otherwise.with_columns(billing_period=pl.lit("2026-11"))
    assert again(written_otherwise, first).conflicts == ()
    assert again(received_later, first).conflicts == ()
    assert again(named, first).conflicts == ("fee",)


def test_two_contents_that_were_refused_together_are_known_when_both_land_again_and_a_third_is_not() -> None:
    other = TWO_GRANTS.with_columns(amount=pl.col("amount") * 2, original=pl.lit("other"))
    both = pl.concat([TWO_GRANTS, other])
    first = again(both, Decisions(Operations.empty(), Grants.empty()))
    third = TWO_GRANTS.with_columns(amount=pl.col("amount") * 3, original=pl.lit("third"))
    assert again(both, first).conflicts == ()
    assert again(third, first).conflicts == ("launch", "thanks")


def test_the_id_of_a_grant_is_used_once() -> None:
    """The second names an id that the first took, although it lands first."""
    two = table(
        Operations,
        """
        operation_id | occurred_at       | grant_id
        later        | 2026-10-02T00:00Z | launch
        sooner       | 2026-10-01T00:00Z | launch
        """,
        amount="40",
        kind="bonus",
        **ACME,
    )
    assert_table(
        decided(operations=two),
        Operations,
        """
        operation_id | status   | reason_code
        sooner       | accepted |
        later        | rejected | O_ID_CONFLICT
        """,
    )


ONCE = table(
    PromoCodes,
    """
    promo_code | kind  | value | total_limit
    HELLO      | promo |    10 |           1
    """,
)
TWO_ACCOUNTS = table(BillingAccounts, "billing_account_id\nacme\nglobex")


def test_the_earlier_operation_counts_first_whatever_its_landing_order() -> None:
    """One code for one acceptance: globex landed first, acme asked first. At one instant the id decides."""
    by_time = table(
        Operations,
        """
        operation_id | billing_account_id | occurred_at
        a            | globex             | 2026-10-02T00:00Z
        b            | acme               | 2026-10-01T00:00Z
        """,
        operation="accept_promo_code",
        promo_code="HELLO",
    )
    at_once = table(
        Operations,
        """
        operation_id | billing_account_id
        d            | acme
        c            | globex
        """,
        operation="accept_promo_code",
        promo_code="HELLO",
    )
    world: dict[str, Any] = {"billing_accounts": TWO_ACCOUNTS, "promo_codes": ONCE}
    assert granted(operations=by_time, **world)["billing_account_id"].to_list() == ["acme"]
    assert granted(operations=at_once, **world)["billing_account_id"].to_list() == ["globex"]


def test_a_rejected_operation_changes_nothing() -> None:
    """The first acceptance is forbidden, so the second finds the code unused."""
    two = table(
        Operations,
        """
        operation_id | billing_account_id | occurred_at       | actor
        a            | acme               | 2026-10-01T00:00Z | nobody
        b            | globex             | 2026-10-02T00:00Z | operator
        """,
        operation="accept_promo_code",
        promo_code="HELLO",
    )
    assert_table(
        decided(operations=two, billing_accounts=TWO_ACCOUNTS, promo_codes=ONCE),
        Operations,
        """
        operation_id | status   | reason_code
        a            | rejected | O_UNKNOWN_ACTOR
        b            | accepted |
        """,
    )


def test_the_role_decides_who_may_do_what() -> None:
    """Staff grants; an owner and a billing manager accept codes for their own account, and nobody else's."""
    principals = table(
        Principals,
        """
        principal_id | role               | billing_account_id | valid_until
        operator     | staff              |                    |
        helper       | support            |                    |
        owner        | organization_owner | acme               |
        manager      | billing_manager    | acme               |
        member       | member             | acme               |
        former       | staff              |                    | 2026-09-01
        """,
    )
    operations = table(
        Operations,
        """
        operation_id | operation         | actor    | billing_account_id | promo_code | kind  | amount
        a1           | grant_credit      | operator | acme               |            | bonus |     10
        a2           | grant_credit      | helper   | acme               |            | bonus |     10
        a3           | grant_credit      | owner    | acme               |            | bonus |     10
        a4           | grant_credit      | former   | acme               |            | bonus |     10
        b1           | accept_promo_code | owner    | acme               | HELLO      |       |
        b2           | accept_promo_code | manager  | acme               | HELLO      |       |
        b3           | accept_promo_code | owner    | globex             | HELLO      |       |
        b4           | accept_promo_code | member   | acme               | HELLO      |       |
        b5           | accept_promo_code | helper   | acme               | HELLO      |       |
        """,
    )
    many = table(
        PromoCodes,
        """
        promo_code | kind  | value | per_account_limit
        HELLO      | promo |    10 |                 9
        """,
    )
    assert_table(
        decided(operations=operations, principals=principals, billing_accounts=TWO_ACCOUNTS, promo_codes=many),
        Operations,
        """
        operation_id | status   | reason_code
        a1           | accepted |
        a2           | rejected | O_FORBIDDEN
        a3           | rejected | O_FORBIDDEN
        a4           | rejected | O_UNKNOWN_ACTOR
        b1           | accepted |
        b2           | accepted |
        b3           | rejected | O_FORBIDDEN
        b4           | rejected | O_FORBIDDEN
        b5           | rejected | O_FORBIDDEN
        """,
    )


def test_what_is_missing_or_unknown_is_refused_by_name() -> None:
    operations = table(
        Operations,
        """
        operation_id | operation      | billing_account_id | kind  | amount | sub_account_id | billing_period
        a            | grant_credit   |                    | bonus |     10 |                |
        b            | grant_credit   | nowhere            | bonus |     10 |                |
        c            | grant_credit   | acme               |       |     10 |                |
        d            | grant_credit   | acme               | bonus |        |                |
        e            | grant_credit   | acme               | gold  |     10 |                |
        f            | grant_credit   | acme               | bonus |     10 | elsewhere      |
        g            | issue_invoices |                    |       |        |                |
        h            | issue_invoices |                    |       |        |                | 2026-13
        i            | issue_invoices |                    |       |        |                | 2026-10
        j            | give_away      | acme               | bonus |     10 |                |
        """,
        issue_date="2026-11-03",
    )
    is_issue = pl.col("operation") == "issue_invoices"
    operations = operations.with_columns(issue_date=pl.when(is_issue).then("issue_date"))
    assert_table(
        decided(operations=operations),
        Operations,
        """
        operation_id | status   | reason_code
        a            | rejected | O_MISSING_FIELD
        b            | rejected | O_UNKNOWN_ACCOUNT
        c            | rejected | O_MISSING_FIELD
        d            | rejected | O_MISSING_FIELD
        e            | rejected | O_UNKNOWN_KIND
        f            | rejected | O_UNKNOWN_PROJECT
        g            | rejected | O_MISSING_FIELD
        h            | rejected | O_BAD_FIELD
        i            | accepted |
        j            | rejected | O_UNKNOWN_OPERATION
        """,
    )


def test_what_an_operation_has_no_field_for_is_refused_and_not_overheard() -> None:
    """A customer who accepts a code does not choose its project, its place among grants or its id; a bonus is of no
    code that nobody accepted; what is recovered is recovered whole.
    """
    of_codes = table(
        Operations,
        """
        operation_id | sub_account_id | priority | grant_id
        a            | website        |          |
        b            |                |       -5 |
        c            |                |          | mine
        """,
        operation="accept_promo_code",
        promo_code="HELLO",
        **ACME,
    )
    of_bonuses = table(
        Operations,
        """
        operation_id | kind  | amount | promo_code | priority | grant_id | to_account
        d            | bonus |     10 | HELLO      |          |          |
        e            | bonus |     10 |            |          |          | globex
        f            | bonus |     10 |            |       -5 | mine     |
        """,
        operation="grant_credit",
        **ACME,
    )
    operations = pl.concat([of_codes, of_bonuses])
    assert_table(
        decided(operations=operations),
        Operations,
        """
        operation_id | status   | reason_code
        a            | rejected | O_BAD_FIELD
        b            | rejected | O_BAD_FIELD
        c            | rejected | O_BAD_FIELD
        d            | rejected | O_BAD_FIELD
        e            | rejected | O_BAD_FIELD
        f            | accepted |
        """,
    )


def test_an_amount_is_positive_and_in_the_currency_and_digits_of_the_account() -> None:
    operations = table(
        Operations,
        """
        operation_id | amount | billing_currency
        a            |  10.01 |
        b            |  10.01 | EUR
        c            |  10.01 | USD
        d            | 10.001 |
        e            |      0 |
        f            |     -1 |
        g            | 100000000000000 |
        h            | 99999999999999.99 |
        """,
        kind="bonus",
        **ACME,
    )
    assert_table(
        decided(operations=operations),
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | accepted |
        c            | rejected | O_CURRENCY
        d            | rejected | O_PRECISE
        e            | rejected | O_AMOUNT
        f            | rejected | O_AMOUNT
        g            | rejected | O_AMOUNT
        h            | accepted |
        """,
    )


def test_a_charge_may_name_the_currency_of_its_account_and_no_other() -> None:
    operations = table(
        Operations,
        """
        operation_id | billing_currency
        a            |
        b            | EUR
        c            | USD
        """,
        operation="add_charge",
        amount="10",
        text="Setup help",
        tax_category="standard",
        **ACME,
    )
    assert_table(
        decided(operations=operations),
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | accepted |
        c            | rejected | O_CURRENCY
        """,
    )


def test_i5_a_credit_limit_without_an_amount_is_lifted() -> None:
    """Nothing is unlimited, zero is not; a currency that is named has to be the account's all the same."""
    operations = table(
        Operations,
        """
        operation_id | operation        | amount | billing_currency | actor
        a            | set_credit_limit |        |                  | operator
        b            | set_credit_limit |        | EUR              | operator
        c            | set_credit_limit |        | USD              | operator
        d            | record_payment   |        |                  | operator
        """,
        **ACME,
    )
    assert_table(
        decided(operations=operations),
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | accepted |
        c            | rejected | O_CURRENCY
        d            | rejected | O_MISSING_FIELD
        """,
    )


def test_a_credit_limit_may_be_zero_and_a_payment_may_not() -> None:
    operations = table(
        Operations,
        """
        operation_id | operation        | amount
        a            | set_credit_limit |      0
        b            | set_credit_limit |     -1
        c            | record_payment   |      0
        d            | record_payment   |     10
        """,
        **ACME,
    )
    assert_table(
        decided(operations=operations),
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | rejected | O_AMOUNT
        c            | rejected | O_AMOUNT
        d            | accepted |
        """,
    )


def test_a_window_holds_something_and_a_scope_says_dimension_and_value() -> None:
    operations = table(
        Operations,
        """
        operation_id | window_start | window_end | include                | exclude
        a            | 2026-10-01   | 2026-10-02 | ["service:Cloud"]      | ["tag:gpu"]
        b            | 2026-10-01   | 2026-10-01 |                        |
        c            | 2026-10-02   | 2026-10-01 |                        |
        d            |              | 2026-10-01 |                        |
        e            |              |            | ["colour:red"]         |
        f            |              |            |                        | ["service"]
        g            |              |            | ["service:"]           |
        h            |              |            | ["charge:usage"]       |
        i            |              |            | ["charge:now_and_then"] |
        """,
        kind="bonus",
        amount="10",
        **ACME,
    )
    assert_table(
        decided(operations=operations),
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | rejected | O_WINDOW
        c            | rejected | O_WINDOW
        d            | rejected | O_WINDOW
        e            | rejected | O_SCOPE
        f            | rejected | O_SCOPE
        g            | rejected | O_SCOPE
        h            | accepted |
        i            | rejected | O_SCOPE
        """,
    )


def test_what_billfold_does_not_do_yet_is_refused_by_name() -> None:
    operations = table(
        Operations,
        """
        operation_id | operation    | logic
        a            | grant_credit | yearly
        """,
        kind="bonus",
        amount="10",
        **ACME,
    )
    found = decided(operations=operations)
    assert found["status"].to_list() == ["rejected"]
    assert found["reason_code"].to_list() == ["O_UNSUPPORTED"]


def test_a_rejection_says_why_in_a_sentence() -> None:
    operations = table(
        Operations,
        """
        kind | amount
        gold |     10
        """,
        **ACME,
    )
    assert decided(operations=operations)["reason"].item() == "grant_kinds has no such kind for this: gold"


def test_a_refusal_writes_amounts_windows_and_projects_as_people_do() -> None:
    """No zeros that only the column has; the window as it was typed: its end day is held as the day after."""
    operations = table(
        Operations,
        """
        operation_id | amount | window_start | window_end | sub_account_id
        a-digits     |  5.001 |              |            |
        b-nothing    |      0 |              |            |
        c-window     |     10 | 2026-12-01   | 2026-11-02 |
        d-end        |     10 |              | 2026-09-02 |
        e-project    |     10 |              |            | elsewhere
        """,
        kind="bonus",
        occurred_at="2026-10-01T08:00:00Z",
        **ACME,
    )
    assert decided(operations=operations)["reason"].to_list() == [
        "the amount has more digits than its currency: 5.001 EUR",
        "the amount is missing, zero, not positive where it must be, or out of range: 0",
        "the window is empty or ends before it starts: 2026-12-01 to 2026-11-01",
        "the window is empty or ends before it starts: 2026-10-01 08:00 UTC to 2026-09-01",
        "the billing account has no such sub-account in sub_accounts: elsewhere",
    ]
