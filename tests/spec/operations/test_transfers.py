"""Free credit goes to another account of the domain: the receiver gets a grant of its own, with the kind, window, scope
and priority of the sender's, and the sender's holds less. Whoever sends has to have a role on both accounts.
"""

from __future__ import annotations

from schemas.grant_kinds import GrantKinds
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.principals import Principals
from tests.spec.operations.credit import GIVEN, judged
from tests.tables import assert_table, table

title = "Transfers of credit within a domain (K4)"

TRANSFER = {
    "operation": "transfer_credit",
    "billing_account_id": "acme",
    "grant_id": "free",
    "to_account": "labs",
    "amount": "40",
    "occurred_at": "2026-10-10T12:00:00Z",
}


def test_the_receiver_gets_a_grant_on_the_terms_of_the_senders() -> None:
    """40.00 of 100.00, under the id of the operation; it says what it comes from, and has no price and no logic."""
    one = table(Operations, "operation_id\nmove", **TRANSFER)
    assert_table(
        judged(one).grants,
        Grants,
        """
        grant_id | kind | name | billing_account_id | amount | window_start | window_end | rank | tax_position | logic | price_paid | from_grant_id | occurred_at
        move     | free | free | labs               |  40.00 | 2026-10-01T00:00Z | 2026-12-01T00:00Z | 10 | before | none |     | free          | 2026-10-10T12:00Z
        """,  # noqa: E501 (a table)
    )


def test_scope_and_priority_go_along_and_a_name_may_be_given() -> None:
    given = table(
        Operations,
        """
        operation_id | kind | priority | include           | exclude        | name
        narrow       | free |        7 | ["service:Cloud"] | ["region:lab"] | Autumn
        """,
        billing_account_id="acme",
        amount="100",
        occurred_at="2026-10-01T00:00:00Z",
    )
    two = table(
        Operations,
        """
        operation_id | name
        kept         |
        named        | For the labs
        """,
        **{**TRANSFER, "grant_id": "narrow"},
    )
    assert_table(
        judged(two, before=[given]).grants,
        Grants,
        """
        grant_id | name         | priority | include           | exclude
        kept     | Autumn       |        7 | ["service:Cloud"] | ["region:lab"]
        named    | For the labs |        7 | ["service:Cloud"] | ["region:lab"]
        """,
    )


def test_what_was_received_may_be_sent_on_to_the_last_cent() -> None:
    """40.00 arrive; 40.01 are too much, 40.00 go back, and then nothing is left."""
    operations = table(
        Operations,
        """
        operation_id | occurred_at       | billing_account_id | grant_id | to_account | amount
        there        | 2026-10-10T12:00Z | acme               | free     | labs       |  40.00
        too-much     | 2026-10-11T12:00Z | labs               | there    | acme       |  40.01
        back         | 2026-10-12T12:00Z | labs               | there    | acme       |  40.00
        again        | 2026-10-13T12:00Z | labs               | there    | acme       |   0.01
        """,
        operation="transfer_credit",
    )
    assert_table(
        judged(operations).operations,
        Operations,
        """
        operation_id | status   | reason_code
        there        | accepted |
        too-much     | rejected | O_INSUFFICIENT_BALANCE
        back         | accepted |
        again        | rejected | O_INSUFFICIENT_BALANCE
        """,
    )


def test_each_refusal_of_a_transfer() -> None:
    """One line for each reason; all else of the line would do. The last one takes all there is."""
    operations = table(
        Operations,
        """
        operation_id | grant_id | to_account | amount          | billing_currency | occurred_at
        what         |          | labs       | 40              |                  | 2026-10-10T12:00Z
        whereto      | free     |            | 40              |                  | 2026-10-10T12:00Z
        how-much     | free     | labs       |                 |                  | 2026-10-10T12:00Z
        no-grant     | nothing  | labs       | 40              |                  | 2026-10-10T12:00Z
        not-yet      | later    | labs       | 40              |                  | 2026-10-10T12:00Z
        not-own      | of-labs  | labs       | 40              |                  | 2026-10-10T12:00Z
        no-account   | free     | nowhere    | 40              |                  | 2026-10-10T12:00Z
        kind         | bonus    | labs       | 40              |                  | 2026-10-10T12:00Z
        paid         | bought   | labs       | 40              |                  | 2026-10-10T12:00Z
        project      | bound    | labs       | 40              |                  | 2026-10-10T12:00Z
        itself       | free     | acme       | 40              |                  | 2026-10-10T12:00Z
        stranger     | free     | globex     | 40              |                  | 2026-10-10T12:00Z
        their-money  | free     | tokyo      | 40              |                  | 2026-10-10T12:00Z
        other-money  | free     | labs       | 40              | USD              | 2026-10-10T12:00Z
        nothing      | free     | labs       | 0               |                  | 2026-10-10T12:00Z
        negative     | free     | labs       | -1              |                  | 2026-10-10T12:00Z
        large        | free     | labs       | 100000000000000 |                  | 2026-10-10T12:00Z
        digits       | free     | labs       | 40.001          |                  | 2026-10-10T12:00Z
        ended        | over     | labs       | 40              |                  | 2026-10-10T12:00Z
        over-asked   | free     | labs       | 100.01          |                  | 2026-10-10T12:00Z
        taken        | free     | labs       | 40              |                  | 2026-10-10T12:00Z
        fits         | free     | labs       | 100             | EUR              | 2026-10-10T13:00Z
        """,
        operation="transfer_credit",
        billing_account_id="acme",
    )
    named = table(Operations, "operation_id | grant_id\nx | taken", kind="bonus", amount="1", billing_account_id="acme")
    assert_table(
        judged(operations, before=[GIVEN, named]).operations,
        Operations,
        """
        operation_id | status   | reason_code
        what         | rejected | O_MISSING_FIELD
        whereto      | rejected | O_MISSING_FIELD
        how-much     | rejected | O_MISSING_FIELD
        no-grant     | rejected | O_UNKNOWN_GRANT
        not-yet      | rejected | O_UNKNOWN_GRANT
        not-own      | rejected | O_UNKNOWN_GRANT
        no-account   | rejected | O_UNKNOWN_ACCOUNT
        kind         | rejected | O_NOT_TRANSFERABLE
        paid         | rejected | O_NOT_TRANSFERABLE
        project      | rejected | O_NOT_TRANSFERABLE
        itself       | rejected | O_SAME_ACCOUNT
        stranger     | rejected | O_OTHER_DOMAIN
        their-money  | rejected | O_CURRENCY
        other-money  | rejected | O_CURRENCY
        nothing      | rejected | O_AMOUNT
        negative     | rejected | O_AMOUNT
        large        | rejected | O_AMOUNT
        digits       | rejected | O_PRECISE
        ended        | rejected | O_GRANT_ENDED
        over-asked   | rejected | O_INSUFFICIENT_BALANCE
        taken        | rejected | O_ID_CONFLICT
        fits         | accepted |
        """,
    )


def test_an_account_without_a_domain_sends_to_nobody() -> None:
    one = table(
        Operations, "operation_id\nmove", **{**TRANSFER, "billing_account_id": "globex", "grant_id": "of-globex"}
    )
    assert judged(one).operations["reason_code"].to_list() == ["O_OTHER_DOMAIN"]


def test_whether_a_kind_may_go_is_said_by_its_row_of_that_day() -> None:
    """Free credit could go until the end of the ninth; of a kind that is gone, none can."""
    kinds = table(
        GrantKinds,
        """
        kind | transferable | valid_from | valid_until
        free | true         | 2000-01-01 | 2026-10-10
        free | false        | 2026-10-10 | 2026-10-12
        """,
        exclude="[]",
    )
    operations = table(
        Operations,
        """
        operation_id | occurred_at
        ninth        | 2026-10-09T23:59:59Z
        tenth        | 2026-10-10T00:00:00Z
        twelfth      | 2026-10-12T00:00:00Z
        """,
        **{name: value for name, value in TRANSFER.items() if name != "occurred_at"},
    )
    given = table(
        Operations, "operation_id\nfree", kind="free", amount="100", billing_account_id="acme",
        occurred_at="2026-10-01T00:00:00Z",
    )  # fmt: skip
    assert_table(
        judged(operations, before=[given], grant_kinds=kinds).operations,
        Operations,
        """
        operation_id | status   | reason_code
        ninth        | accepted |
        tenth        | rejected | O_NOT_TRANSFERABLE
        twelfth      | rejected | O_NOT_TRANSFERABLE
        """,
    )


def test_one_role_has_to_hold_on_both_accounts() -> None:
    """Staff may always; an owner of both and a billing manager of both may; half of it does not do, nor does a role
    for a project."""
    principals = table(
        Principals,
        """
        principal_id | role               | billing_account_id | sub_account_id
        operator     | staff              |                    |
        helper       | support            |                    |
        owner        | organization_owner | acme               |
        owner        | organization_owner | labs               |
        manager      | billing_manager    | acme               |
        manager      | billing_manager    | labs               |
        half         | billing_manager    | acme               |
        mixed        | billing_manager    | acme               |
        mixed        | organization_owner | labs               |
        receiver     | organization_owner | labs               |
        member       | member             | acme               |
        member       | member             | labs               |
        of-project   | billing_manager    | acme               | website
        of-project   | billing_manager    | labs               | lab
        """,
    )
    operations = table(
        Operations,
        """
        operation_id | actor
        a            | operator
        b            | helper
        c            | owner
        d            | manager
        e            | half
        f            | mixed
        g            | receiver
        h            | member
        i            | of-project
        """,
        **{**TRANSFER, "amount": "1"},
    )
    assert_table(
        judged(operations, principals=principals).operations,
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | rejected | O_FORBIDDEN
        c            | accepted |
        d            | accepted |
        e            | rejected | O_FORBIDDEN
        f            | rejected | O_FORBIDDEN
        g            | rejected | O_FORBIDDEN
        h            | rejected | O_FORBIDDEN
        i            | rejected | O_FORBIDDEN
        """,
    )
