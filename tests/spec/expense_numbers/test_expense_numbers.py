"""A customer knows a charge by its expense number: given once, in the order of the invoice, and kept."""

from __future__ import annotations

from rating.expense_numbers import expense_numbers
from schemas.charges import Charges
from schemas.expense_numbers import ExpenseNumbers
from tests.tables import assert_table, table

title = "Expense numbers: given once and kept (P7)"

TWO_CHARGES = table(
    Charges,
    """
    charge_id | billing_account_id | charge_order
    machine   | acme               |            1
    database  | acme               |            2
    """,
)


def test_charges_are_numbered_in_the_order_of_the_invoice() -> None:
    assert_table(
        expense_numbers(TWO_CHARGES.reverse(), ExpenseNumbers.empty()),
        ExpenseNumbers,
        """
        charge_id | expense_number
        machine   |              1
        database  |              2
        """,
    )


def test_a_charge_that_has_a_number_keeps_it_and_a_new_one_takes_the_next() -> None:
    """The database was number 7 already; the machine, though first on the invoice, becomes 8."""
    known = table(
        ExpenseNumbers,
        """
        charge_id | billing_account_id | expense_number
        database  | acme               |              7
        """,
    )
    assert_table(
        expense_numbers(TWO_CHARGES, known),
        ExpenseNumbers,
        """
        charge_id | expense_number
        machine   |              8
        """,
    )


def test_a_number_is_not_used_again_though_its_charge_is_gone() -> None:
    gone = table(
        ExpenseNumbers,
        """
        charge_id | billing_account_id | expense_number
        gone      | acme               |              3
        """,
    )
    assert_table(
        expense_numbers(TWO_CHARGES, gone),
        ExpenseNumbers,
        """
        charge_id | expense_number
        machine   |              4
        database  |              5
        """,
    )


def test_each_account_counts_for_itself() -> None:
    known = table(
        ExpenseNumbers,
        """
        charge_id | billing_account_id | expense_number
        earlier   | acme               |             40
        """,
    )
    of_two = table(
        Charges,
        """
        charge_id | billing_account_id | charge_order
        a1        | acme               |            1
        g1        | globex             |            1
        """,
    )
    assert_table(
        expense_numbers(of_two, known),
        ExpenseNumbers,
        """
        charge_id | billing_account_id | expense_number
        a1        | acme               |             41
        g1        | globex             |              1
        """,
    )
