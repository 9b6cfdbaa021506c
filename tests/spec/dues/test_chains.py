"""A credit note that corrects an invoice pays that invoice first, then what else corrects it; what is over waits. When
an invoice is voided, nothing of its chain stays open.
"""

from __future__ import annotations

import polars as pl

from rating.dues import open_documents
from rating.ledger_entries import summed
from rating.payment_entries import payment_entries
from rating.settlement import settle
from schemas.invoices import Invoices
from schemas.ledger_entries import LedgerEntries
from schemas.operations import Operations
from schemas.payment_applications import PaymentApplications
from tests.spec.dues.test_dues import EXPONENTS
from tests.spec.dues.test_reversals import ACCOUNT, documents
from tests.spec.period import ACME
from tests.tables import assert_table, table

title = "Chains: what corrects an invoice pays it first (I4, I6, T4)"

INVOICES = table(
    Invoices,
    """
    invoice_id | invoice_number | preceding_invoice_number | issue_date | due_date   | amount_due | billing_period
    august     | INV-1          |                          | 2026-09-03 | 2026-09-17 |      50.00 | 2026-08
    september  | INV-2          |                          | 2026-10-03 | 2026-10-17 |     100.00 | 2026-09
    more       | INV-3          | INV-2                    | 2026-10-09 | 2026-10-10 |      20.00 | 2026-09
    """,
    document_state="issued",
)
"""September was invoiced for 100.00, and 20.00 more were found that are due sooner; August is older still."""
CORRECT = table(
    Operations,
    """
    operation_id | operation      | documents   | occurred_at
    correct      | issue_invoices | corrections | 2026-11-05T00:00Z
    """,
)
VOID = table(
    Operations,
    "operation_id | operation | invoice_number | occurred_at\nvoid | void_invoice | INV-2 | 2026-11-05T00:00Z",
    **ACME,
)
NOBODY_BEFORE = Operations.empty()
NOTHING_PAID = PaymentApplications.empty()


def note(amount: str, *, is_void: bool = False, number: str = "CN-1") -> pl.DataFrame:
    """A credit note of September's invoice."""
    found = table(
        Invoices,
        f"invoice_id | invoice_number | amount_due\n{number} | {number} | {amount}",
        document_type="381",
        preceding_invoice_number="INV-2",
        issue_date="2026-11-05",
        due_date="2026-11-19",
        billing_period="2026-09",
        document_state="issued",
    )
    return found.with_columns(is_void=pl.lit(is_void))


def settled(
    operations: pl.DataFrame,
    *issued: pl.DataFrame,
    applications: pl.DataFrame = NOTHING_PAID,
    before: pl.DataFrame = NOBODY_BEFORE,
    invoices: pl.DataFrame = INVOICES,
) -> pl.DataFrame:
    """What is applied when the last operation issues these documents."""
    by = operations["operation_id"][-1]
    known = pl.concat([documents(invoices), *(documents(one, by) for one in issued)])
    return settle(operations, before, known, applications, ACCOUNT, EXPONENTS).applications


def paid(amount: str, number: str, *, is_at_issue: bool = False) -> pl.DataFrame:
    """What a payment paid before."""
    rows = f"operation_id | invoice_number | amount | is_at_issue\npayment | {number} | {amount} | {is_at_issue}"
    return table(PaymentApplications, rows.lower().replace(number.lower(), number))


def left(found: pl.DataFrame, *issued: pl.DataFrame, applications: pl.DataFrame = NOTHING_PAID) -> list[str]:
    """What is open of each document then."""
    known = open_documents(pl.concat([INVOICES, *issued]), pl.concat([applications, found]))
    return [f"{number} {amount:f}" for number, amount in known.select("invoice_number", "open_amount").iter_rows()]


def test_a_correcting_credit_note_pays_its_own_invoice_and_not_an_older_one() -> None:
    """30.00 of September's 100.00; August, which is due longer, is not what it corrects."""
    assert_table(
        settled(CORRECT, note("-30.00")),
        PaymentApplications,
        """
        operation_id | credit_note_number | invoice_number | amount | is_at_issue
        correct      | CN-1               | INV-2          |  30.00 | false
        """,
    )


def test_then_it_pays_what_else_corrects_that_invoice_and_the_rest_waits() -> None:
    """90.00 of the invoice were paid: 10.00 of it, the 20.00 that were found later, and 15.00 of 45.00 are over."""
    before = paid("90.00", "INV-2")
    found = settled(CORRECT, note("-45.00"), applications=before)
    assert_table(
        found,
        PaymentApplications,
        """
        credit_note_number | invoice_number | amount
        CN-1               | INV-2          |  10.00
        CN-1               | INV-3          |  20.00
        """,
    )
    assert left(found, note("-45.00"), applications=before)[-1] == "CN-1 -15.0000"


def test_of_a_chain_the_invoice_goes_first_whatever_is_due_sooner() -> None:
    """INV-3 is due a week before INV-2: the 110.00 pay all of INV-2 and 10.00 of INV-3."""
    assert_table(
        settled(CORRECT, note("-110.00")),
        PaymentApplications,
        """
        invoice_number | amount
        INV-2          | 100.00
        INV-3          |  10.00
        """,
    )


def test_what_is_over_pays_nothing_that_is_issued_with_it() -> None:
    """August is paid; of 130.00, 10.00 are over and wait, though August is corrected in the same commit."""
    august = table(
        Invoices,
        "invoice_id | invoice_number | amount_due\nmore-august | INV-4 | 5.00",
        preceding_invoice_number="INV-1",
        issue_date="2026-11-05",
        due_date="2026-11-19",
        billing_period="2026-08",
        document_state="issued",
    )
    both = pl.concat([CORRECT, CORRECT.with_columns(operation_id=pl.lit("correct-too"))])
    known = pl.concat([documents(INVOICES), documents(note("-130.00"), "correct"), documents(august, "correct-too")])
    found = settle(both, NOBODY_BEFORE, known, paid("50.00", "INV-1"), ACCOUNT, EXPONENTS).applications
    assert found["invoice_number"].to_list() == ["INV-2", "INV-3"]


def test_an_older_credit_note_and_the_balance_pay_a_supplementary_invoice_at_its_issue() -> None:
    """It is issued like any invoice: 15.00 that wait of another note pay 15.00 of the 25.00."""
    waiting = note("-15.00", number="CN-0").with_columns(
        issue_date=pl.date(2026, 10, 20), preceding_invoice_number=pl.lit("INV-1")
    )
    more = note("25.00", number="INV-4").with_columns(document_type=pl.lit("380"))
    assert_table(
        settled(CORRECT, more, invoices=pl.concat([INVOICES, waiting]), applications=paid("50.00", "INV-1")),
        PaymentApplications,
        """
        credit_note_number | invoice_number | amount | is_at_issue
        CN-0               | INV-4          |  15.00 | true
        """,
    )


def test_when_an_invoice_is_voided_every_credit_note_of_its_chain_pays_until_nothing_is_open() -> None:
    """100.00 and 20.00 less 25.00 that were given back: the full credit note is of 95.00. The older one had paid 5.00
    of the invoice when a payment of 95.00 stood; that was reversed, so 95.00 of it are open, and 20.00 of the older."""
    older = note("-25.00", number="CN-0").with_columns(issue_date=pl.date(2026, 10, 20))
    before = table(
        PaymentApplications,
        """
        operation_id | credit_note_number | invoice_number | amount | is_at_issue
        sooner       | CN-0               | INV-2          |   5.00 | false
        """,
    )
    full = note("-95.00", is_void=True)
    found = settled(VOID, full, invoices=pl.concat([INVOICES, older]), applications=before)
    assert_table(
        found,
        PaymentApplications,
        """
        operation_id | credit_note_number | invoice_number | amount | is_at_issue
        void         | CN-0               | INV-2          |  20.00 | false
        void         | CN-1               | INV-2          |  75.00 | false
        void         | CN-1               | INV-3          |  20.00 | false
        """,
    )
    assert left(found, older, full, applications=before) == [
        "INV-1 50.0000",
        "INV-2 0.0000",
        "INV-3 0.0000",
        "CN-0 0.0000",
        "CN-1 0.0000",
    ]


def test_a_voided_credit_note_pays_what_takes_it_back_and_no_account_balance_does() -> None:
    """A month of -40.00 is taken back by +40.00; a payment of 70.00 that waits is not touched."""
    month = note("-40.00", number="CN-9").with_columns(preceding_invoice_number=pl.lit(None, dtype=pl.String))
    back = note("40.00", is_void=True).with_columns(preceding_invoice_number=pl.lit("CN-9"))
    payment = table(Operations, "operation_id | operation | amount\nwaits | record_payment | 70", **ACME)
    assert_table(
        settled(VOID, back, invoices=month, before=payment),
        PaymentApplications,
        """
        operation_id | credit_note_number | invoice_number | amount | is_at_issue
        void         | CN-9               | CN-1           |  40.00 | false
        """,
    )


def test_what_is_paid_after_a_void_goes_past_the_voided_invoice() -> None:
    """60.00 name the invoice that was voided before them in the same file: all of it is left on account."""
    payment = table(
        Operations,
        """
        operation_id | operation      | amount | invoice_number | occurred_at
        late         | record_payment |     60 | INV-2          | 2026-11-06T00:00Z
        """,
        **ACME,
    )
    known = pl.concat([documents(INVOICES), documents(note("-120.00", is_void=True), "void")])
    operations = pl.concat([VOID, payment])
    found = settle(operations, NOBODY_BEFORE, known, NOTHING_PAID, ACCOUNT, EXPONENTS).applications
    assert found["operation_id"].to_list() == ["void", "void"]


def test_in_the_ledger_what_a_note_pays_of_its_chain_passes_through_the_balance() -> None:
    """30.00 of the note's receivable become balance, and pay 30.00 of the invoice's."""
    known = pl.concat([documents(INVOICES), documents(note("-30.00"), "correct")])
    found = payment_entries(CORRECT, NOBODY_BEFORE, settled(CORRECT, note("-30.00")), known, ACCOUNT)
    assert_table(
        summed(found),
        LedgerEntries,
        """
        transaction_kind    | service_period | ledger_account  | source_id | amount
        credit_note_applied | 2026-09        | receivable      | CN-1      |  30.00
        credit_note_applied | 2026-09        | account_balance | CN-1      | -30.00
        credit_note_applied | 2026-09        | account_balance | INV-2     |  30.00
        credit_note_applied | 2026-09        | receivable      | INV-2     | -30.00
        """,
    )
