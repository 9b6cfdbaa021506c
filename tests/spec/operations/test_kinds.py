"""A kind is a row: it brings the grant its rank and tax position, a validity, what it never pays for, and whether a
domain gets it once.
"""

from __future__ import annotations

from schemas.billing_accounts import BillingAccounts
from schemas.grant_kinds import GrantKinds
from schemas.grants import Grants
from schemas.operations import Operations
from tests.spec.period import ACME, decided, granted
from tests.tables import assert_table, table

title = "Kinds of grants: what a kind brings (G2)"


def test_paid_credit_lasts_to_the_day_five_years_later_inclusive() -> None:
    """From 5 October 2026 to the end of 5 October 2031; from a leap day to the end of 28 February."""
    operations = table(
        Operations,
        """
        operation_id | window_start
        autumn       | 2026-10-05
        leap         | 2028-02-29
        """,
        kind="paid",
        amount="10",
        **ACME,
    )
    assert_table(
        granted(operations=operations),
        Grants,
        """
        grant_id | tax_position | terminal_status | window_start      | window_end
        autumn   | after        | refunded        | 2026-10-05T00:00Z | 2031-10-06T00:00Z
        leap     | after        | refunded        | 2028-02-29T00:00Z | 2033-03-01T00:00Z
        """,
    )


def test_an_end_that_is_said_goes_before_the_validity_of_the_kind() -> None:
    operations = table(
        Operations,
        """
        window_start | window_end
        2026-10-05   | 2026-12-01
        """,
        kind="paid",
        amount="10",
        **ACME,
    )
    assert_table(granted(operations=operations), Grants, "window_end\n2026-12-01T00:00Z")


def test_the_exclude_list_of_the_kind_is_added_to_that_of_the_grant() -> None:
    operations = table(
        Operations,
        """
        kind | amount | exclude
        free |     10 | ["service:Database"]
        """,
        **ACME,
    )
    assert_table(
        granted(operations=operations),
        Grants,
        """
        exclude
        ["service:Database", "tag:marketplace", "tag:os_image"]
        """,
    )


WELCOME = table(
    GrantKinds,
    """
    kind    | once_per_domain
    welcome | true
    """,
)
DOMAIN = table(
    BillingAccounts,
    """
    billing_account_id | domain       | is_main_in_domain
    main               | acme.example | true
    branch             | acme.example | false
    main-2             | acme.example | true
    alone              |              | false
    """,
)


def test_a_welcome_credit_is_given_once_per_domain_to_its_main_account() -> None:
    """The branch is refused; the main account gets it once; another main account of the domain not again; an account
    without a domain is its own."""
    operations = table(
        Operations,
        """
        operation_id | billing_account_id
        a            | branch
        b            | main
        c            | main
        d            | main-2
        e            | alone
        f            | alone
        """,
        kind="welcome",
        amount="10",
    )
    assert_table(
        decided(operations=operations, grant_kinds=WELCOME, billing_accounts=DOMAIN),
        Operations,
        """
        operation_id | status   | reason_code
        a            | rejected | O_ONCE_PER_DOMAIN
        b            | accepted |
        c            | rejected | O_ONCE_PER_DOMAIN
        d            | rejected | O_ONCE_PER_DOMAIN
        e            | accepted |
        f            | rejected | O_ONCE_PER_DOMAIN
        """,
    )


def test_a_domain_has_had_what_an_account_was_given_that_has_left_it() -> None:
    """The main account of one is that of another from November: the first has had the kind, and so has the account,
    which takes it along. A domain that never had it gets it."""
    moved = table(
        BillingAccounts,
        """
        billing_account_id | domain        | is_main_in_domain | valid_from | valid_until
        main               | acme.example  | true              | 2020-01-01 | 2026-10-31
        main               | other.example | true              | 2026-11-01 |
        next               | acme.example  | false             | 2020-01-01 | 2026-10-31
        next               | acme.example  | true              | 2026-11-01 |
        new                | new.example   | true              | 2020-01-01 |
        """,
    )
    operations = table(
        Operations,
        """
        operation_id | occurred_at       | billing_account_id
        a            | 2026-10-05T08:00Z | main
        b            | 2026-11-05T08:00Z | next
        c            | 2026-11-05T09:00Z | main
        d            | 2026-11-05T10:00Z | new
        """,
        kind="welcome",
        amount="10",
    )
    assert_table(
        decided(operations=operations, grant_kinds=WELCOME, billing_accounts=moved),
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | rejected | O_ONCE_PER_DOMAIN
        c            | rejected | O_ONCE_PER_DOMAIN
        d            | accepted |
        """,
    )


def test_who_is_refused_a_welcome_credit_is_told_where_it_goes() -> None:
    operations = table(
        Operations,
        """
        operation_id | billing_account_id
        a            | branch
        b            | main
        c            | main
        """,
        kind="welcome",
        amount="10",
    )
    found = decided(operations=operations, grant_kinds=WELCOME, billing_accounts=DOMAIN)
    assert found["reason"].to_list() == [
        "a domain gets this kind once, on its main account: welcome goes to main",
        None,
        "a domain gets this kind once, on its main account: welcome, and there has been one",
    ]


def test_a_kind_that_is_over_is_unknown() -> None:
    """Granted on 1 October, a day after the kind ended; on 30 September it is still one."""
    over = table(
        GrantKinds,
        """
        kind  | valid_until
        bonus | 2026-10-01
        """,
    )
    operations = table(
        Operations,
        """
        operation_id | occurred_at
        a            | 2026-09-30T00:00Z
        b            | 2026-10-01T00:00Z
        """,
        kind="bonus",
        amount="10",
        **ACME,
    )
    assert_table(
        decided(operations=operations, grant_kinds=over),
        Operations,
        """
        operation_id | reason_code
        a            |
        b            | O_UNKNOWN_KIND
        """,
    )
