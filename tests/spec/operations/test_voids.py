"""An invoice is voided once, while nothing has paid it. A correction is voided with the invoice that it corrects."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from rating.operation_book import CORRECTIONS, Book, Row
from rating.operations import Decisions, decide
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.principals import Principals
from schemas.promo_codes import PromoCodes
from tests.spec.operations.credit import ACCOUNTS, GIVEN, KINDS
from tests.spec.period import USUAL
from tests.tables import assert_table, table

title = "Voided invoices: once, and while nothing paid them (I4)"

ROOTS = {("acme", "INV-1"): "2026-09", ("acme", "INV-2"): "2026-10", ("tokyo", "INV-3"): "2026-10"}
VOID = {"operation": "void_invoice", "billing_account_id": "acme", "occurred_at": "2026-11-05T10:00:00Z"}


def voided(operations: pl.DataFrame, *, before: pl.DataFrame | None = None, **book: Any) -> Decisions:
    """What is decided where INV-1 and INV-2 of acme and INV-3 of tokyo are issued, and INV-1 was voided before."""
    reference = {
        **USUAL,
        "promo_codes": PromoCodes.empty(),
        "billing_accounts": ACCOUNTS,
        "grant_kinds": KINDS,
        **book.pop("tables", {}),
    }
    grants = Grants.empty()
    if before is not None:
        given = decide(before, Book(reference, {}), Operations.empty(), grants)
        before, grants = given.operations, Grants.conform(given.grants)
    known = Book(reference, {}, roots=ROOTS, voided={("acme", "INV-1")}, **book)
    return decide(operations, known, Operations.empty() if before is None else before, grants)


def test_an_invoice_is_voided_once_by_its_number() -> None:
    operations = table(
        Operations,
        """
        operation_id | invoice_number
        a            | INV-2
        b            | INV-2
        c            | INV-1
        """,
        **VOID,
    )
    assert_table(
        voided(operations).operations,
        Operations,
        """
        operation_id | status   | reason_code
        a            | accepted |
        b            | rejected | O_ALREADY_VOIDED
        c            | rejected | O_ALREADY_VOIDED
        """,
    )


def test_no_other_document_is_voided() -> None:
    """Another account's, one that nobody knows, a correction or a credit note: none of them is an invoice of acme."""
    operations = table(
        Operations,
        """
        operation_id | invoice_number
        a            | INV-3
        b            | INV-9
        c            | CN-1
        d            |
        """,
        **VOID,
    )
    assert_table(
        voided(operations).operations,
        Operations,
        """
        operation_id | status   | reason_code
        a            | rejected | O_UNKNOWN_INVOICE
        b            | rejected | O_UNKNOWN_INVOICE
        c            | rejected | O_UNKNOWN_INVOICE
        d            | rejected | O_MISSING_FIELD
        """,
    )


def test_staff_alone_voids() -> None:
    people = table(
        Principals,
        """
        principal_id | role               | billing_account_id
        operator     | staff              |
        owner        | organization_owner | acme
        """,
    )
    operations = table(Operations, "operation_id | invoice_number | actor\na | INV-2 | owner", **VOID)
    assert voided(operations, tables={"principals": people}).operations["reason_code"].to_list() == ["O_FORBIDDEN"]


def test_the_decision_says_the_period_and_where_nobody_did_the_day_where_the_account_is() -> None:
    """15:30 UTC of the 5th is half past midnight of the 6th in Seoul."""
    operations = table(
        Operations,
        """
        operation_id | billing_account_id | invoice_number | issue_date | occurred_at
        a            | tokyo              | INV-3          |            | 2026-11-05T15:30Z
        b            | acme               | INV-2          | 2026-11-30 | 2026-11-05T15:30Z
        """,
        operation="void_invoice",
    )
    found = voided(operations)
    assert found.operations["billing_period"].to_list() == ["2026-10", "2026-10"]
    assert found.operations["issue_date"].to_list() == [date(2026, 11, 6), date(2026, 11, 30)]


def test_landed_again_it_is_the_same_operation_whatever_the_decision_filled_in() -> None:
    operations = table(Operations, "operation_id | invoice_number\na | INV-2", **VOID)
    decided = voided(operations).operations
    known = Book({**USUAL, "billing_accounts": ACCOUNTS}, {}, roots=ROOTS)
    found = decide(operations, known, decided, Grants.empty())
    assert (found.operations.height, found.conflicts) == (0, ())


def test_what_was_paid_refuses_it_and_is_named() -> None:
    operations = table(Operations, "operation_id | invoice_number\na | INV-2", **VOID)
    found = voided(operations, paid_of=lambda _operation, _accepted: Decimal("14.00")).operations
    assert found["reason_code"].to_list() == ["O_INVOICE_PAID"]
    assert found["reason"].item().endswith(": 14 EUR")


def test_what_is_paid_is_asked_as_of_the_operations_before_it() -> None:
    """Among the operations of one file, in the order in which they count (O3)."""
    asked: list[list[str]] = []

    def paid_of(_operation: Row, accepted: list[Row]) -> Decimal:
        asked.append([one["operation_id"] for one in accepted])
        return Decimal(0)

    payment = {"operation": "record_payment", "amount": "5", "billing_account_id": "acme"}
    payments = table(
        Operations,
        "operation_id | occurred_at\nlate | 2026-11-06T00:00Z\nearly | 2026-11-04T00:00Z",
        **payment,
    )
    void = table(Operations, "operation_id | invoice_number\na | INV-2", **VOID)
    voided(pl.concat([payments, void]), paid_of=paid_of)
    assert asked == [["early"]]


def test_what_an_invoice_took_of_a_grant_is_free_for_operations_after_it() -> None:
    """October took 70 of 100: 40 are not free before the void, and after it they are."""
    transfer = {"operation": "transfer_credit", "grant_id": "free", "to_account": "labs", "billing_account_id": "acme"}
    moves = table(
        Operations,
        "operation_id | amount | occurred_at\nearly | 40 | 2026-11-04T00:00Z\nlate | 40 | 2026-11-06T00:00Z",
        **transfer,
    )
    void = table(Operations, "operation_id | invoice_number\na | INV-2", **VOID)
    found = voided(
        pl.concat([moves, void]),
        before=GIVEN,
        draws={"free": {"2026-10": Decimal(-70)}},
        issued_documents={("acme", "2026-10")},
    )
    assert dict(found.operations.select("operation_id", "reason_code").iter_rows()) == {
        "early": "O_INSUFFICIENT_BALANCE",
        "a": None,
        "late": None,
    }


def test_what_cannot_be_numbered_is_not_voided() -> None:
    operations = table(Operations, "operation_id | invoice_number\na | INV-2", **VOID)
    found = voided(operations, cannot_void=lambda _operation: ("O_MANDATORY_FIELD", "no row in 2026-10"))
    assert found.operations["reason_code"].to_list() == ["O_MANDATORY_FIELD"]


def test_nothing_is_issued_after_a_void_of_the_same_file() -> None:
    """What it frees reaches other drafts, which do not know of it."""
    void = table(Operations, "operation_id | invoice_number\na | INV-2", **VOID)
    issue = table(
        Operations,
        "operation_id | billing_period | issue_date | occurred_at\nb | 2026-11 | 2026-12-03 | 2026-12-03T00:00Z",
        operation="issue_invoices",
    )
    found = voided(pl.concat([void, issue]), drafts=frozenset({("acme", "2026-11")}))
    assert found.operations["reason_code"].to_list() == [None, "O_STALE_DRAFT"]


# --- corrections, issued by themselves ------------------------------------------------------------


def test_issuing_names_all_documents_or_corrections() -> None:
    operations = table(
        Operations,
        """
        operation_id | documents
        a            | all
        b            | corrections
        c            | invoices
        """,
        operation="issue_invoices",
        billing_period="2026-10",
        issue_date="2026-11-03",
    )
    assert voided(operations).operations["reason_code"].to_list() == [None, None, "O_BAD_FIELD"]


def test_issuing_corrections_makes_no_period_an_issued_one() -> None:
    """A promo code of `next_invoice` still opens with October, of which acme has had no invoice (K7)."""
    codes = table(
        PromoCodes,
        "promo_code | benefit | kind  | value | window_start\nHI | grant | bonus | 10 | next_invoice",
    )
    issue = table(
        Operations,
        "operation_id | documents\nissue | " + CORRECTIONS,
        operation="issue_invoices",
        billing_period="2026-10",
        issue_date="2026-11-03",
        occurred_at="2026-11-03T00:00:00Z",
    )
    accept = table(
        Operations,
        "operation_id | promo_code\naccept | HI",
        operation="accept_promo_code",
        billing_account_id="acme",
        occurred_at="2026-11-04T00:00:00Z",
    )
    reference = {**USUAL, "promo_codes": codes, "billing_accounts": ACCOUNTS, "grant_kinds": KINDS}
    book = Book(reference, {"acme": "2026-10"})
    found = decide(pl.concat([issue, accept]), book, Operations.empty(), Grants.empty())
    assert found.grants["window_start"].dt.strftime("%Y-%m").to_list() == ["2026-10"]
