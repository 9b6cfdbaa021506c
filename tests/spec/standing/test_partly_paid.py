"""On an invoice of which a part is paid everything counts that is known, but the amount due does not fall below what
was paid: applications are undone from the last backwards, as few mu as that takes. Tax is 20 %, 10 % on training.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.grant_movements import GrantMovements
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.tax_breakdown import TaxBreakdown
from schemas.usage_records import UsageRecords
from tests.spec.standing.invoiced import again, due, first, given, late, paid, stands
from tests.tables import assert_table, table

title = "Partly paid: the amount due never falls below what was paid (X2)"

SORRY = late("operation_id | amount\nsorry | 40")
VOUCHER = late("operation_id | kind | amount\nvoucher | voucher | 50")


def partly(amount: str, hours: int | dict[str, int], operations: pl.DataFrame, **tables: pl.DataFrame) -> Outputs:
    """A month that was invoiced without credit, of which so much is paid, with the credit that came late."""
    return again(stands(first(hours, **tables), "partly_paid", amount), hours, operations, **tables)


def test_credit_lowers_what_is_due_above_what_was_paid() -> None:
    """60.00 and 20 % are 72.00, and only 70.00 are paid."""
    repeated = partly("70", 100, SORRY)
    assert paid(repeated) == {"sorry": "40.00"}
    assert due(repeated) == "72.00"


def test_credit_before_tax_pays_what_leaves_just_what_was_paid_with_its_tax() -> None:
    """100.00 are paid. 83.33 and 20 % of it, 16.67, are 100.00; so 16.67 of the 40.00 are spent."""
    assert_table(
        partly("100", 100, SORRY).invoices,
        Invoices,
        """
        grant_amount | total_without_tax | total_tax | total_with_tax | amount_due
        16.67        |             83.33 |     16.67 |         100.00 |     100.00
        """,
    )


@pytest.mark.parametrize(
    ("amount", "spent", "total"),
    [("99.98", "16.68", "99.98"), ("99.99", "16.67", "100.00"), ("100.01", "16.66", "100.01")],
)
def test_no_mu_more_is_undone_than_reaches_it(amount: str, spent: str, total: str) -> None:
    """83.32 and 16.66 are 99.98; a mu more brings a mu of tax, 83.33 and 16.67; 83.34 has 16.67 too."""
    repeated = partly(amount, 100, SORRY)
    assert paid(repeated) == {"sorry": spent}
    assert due(repeated) == total


def test_where_all_is_paid_but_a_mu_nearly_nothing_is_spent() -> None:
    """Of 120.00 119.99 are paid. 99.99 and tax of 20.00, from 19.998, are 119.99: one mu."""
    assert paid(partly("119.99", 100, SORRY)) == {"sorry": "0.01"}


def test_after_tax_credit_is_undone_first() -> None:
    """90.00 and tax are 108.00, less 50.00 of the voucher 58.00. Of 80.00 that are paid 22.00 lack; the bonus stays."""
    bonus = given("operation_id | amount\nlaunch | 10")
    both = pl.concat([bonus, VOUCHER])
    repeated = again(stands(first(100, bonus), "partly_paid", "80"), 100, both)
    assert paid(repeated) == {"launch": "10.00", "voucher": "28.00"}
    assert due(repeated) == "80.00"


def test_then_what_lowered_the_tax() -> None:
    """60.00 and tax are 72.00, less 50.00. Without the voucher 28.00 of 100.00 lack: 23.33 more, and their tax."""
    repeated = partly("100", 100, pl.concat([SORRY, VOUCHER]))
    assert paid(repeated) == {"sorry": "16.67"}
    assert due(repeated) == "100.00"


def test_the_last_grant_is_undone_first() -> None:
    """30.00 and 40.00 are spent on 100.00; 84.00 are 70.00 and tax, so all of the second is undone."""
    two = late("operation_id | amount | priority\nlaunch | 30 | 1\nsecond | 40 | 2")
    assert paid(partly("84", 100, two)) == {"launch": "30.00"}
    assert paid(partly("96", 100, two)) == {"launch": "20.00"}


LINES = {"vm-large": 60, "database": 40}
SEVENTY = late("operation_id | amount\nsorry | 70")


@pytest.mark.parametrize(
    ("policy", "lines"),
    [
        ("oldest_first", "60.00 | 50.00\n40.00 | 0.00"),
        ("smallest_first", "60.00 | 10.00\n40.00 | 40.00"),
        ("largest_first", "60.00 | 50.00\n40.00 | 0.00"),
    ],
)
def test_under_a_grant_the_charge_it_paid_last_is_undone_first(policy: str, lines: str) -> None:
    """Of 70.00 all but 50.00 are undone: 50.00 and tax are the 60.00 that are paid. The smaller line is the second."""
    policies = table(BillingPolicies, f"policy | value\ncharge_order | {policy}")
    repeated = partly("60", LINES, SEVENTY, billing_policies=policies)
    assert_table(repeated.invoice_lines, InvoiceLines, f"list_cost | grant_amount\n{lines}")


def test_what_was_spent_in_proportion_is_undone_from_the_last_line_on() -> None:
    """42.00 and 28.00; 20.00 are undone, of the database."""
    policies = table(BillingPolicies, "policy | value\ncharge_order | proportional")
    repeated = partly("60", LINES, SEVENTY, billing_policies=policies)
    assert_table(repeated.invoice_lines, InvoiceLines, "list_cost | grant_amount\n60.00 | 42.00\n40.00 | 8.00")


def test_each_category_is_taxed_again_at_its_rate() -> None:
    """All 100.00 are spent and 50.00 were paid. The training, 40.00 and 10 %, are 44.00; the other 6.00 are 5.00 and
    20 % of the machine.
    """
    hundred = late("operation_id | amount\nsorry | 100")
    assert_table(
        partly("50", {"vm-large": 60, "training": 40}, hundred).tax_breakdown,
        TaxBreakdown,
        """
        rate | taxable_amount | tax_amount
        0.1  |          40.00 |       4.00
        0.2  |           5.00 |       1.00
        """,
    )


def test_less_usage_may_leave_less_due_than_was_paid() -> None:
    """100.00 are paid of 108.00. It was 50.00 all along: the bonus is undone whole, and 60.00 are due of the month."""
    bonus = given("operation_id | amount\nlaunch | 10")
    repeated = again(stands(first(100, bonus), "partly_paid", "100"), 50, bonus)
    assert paid(repeated) == {}
    assert due(repeated) == "60.00"


def test_what_is_undone_is_the_floors_to_take() -> None:
    """Of 100.00 at least 50.00 a month go. 90.00 are 75.00 and tax, so 25.00 are spent, and 25.00 more are drawn."""
    bonus = late("operation_id | amount | logic | monthly_value\nsorry | 100 | fixed | 50")
    assert_table(
        partly("90", 100, bonus).grant_movements,
        GrantMovements,
        """
        movement            | amount
        charged             |    -25
        minimum_consumption |    -25
        """,
    )


def test_an_invoice_of_which_nothing_is_paid_has_no_such_bound() -> None:
    assert due(again(stands(first(100), "issued"), 100, SORRY)) == "72.00"


def test_each_account_has_its_own_bound() -> None:
    """100.00 and 70.00 are paid of two invoices, and the third is a draft; each got 40.00 late."""
    names = ["acme", "beta", "gamma"]
    accounts = {"billing_accounts": table(BillingAccounts, "\n".join(["billing_account_id", *names]))}
    text = "\n".join(f"of-{name} | {name} | 40" for name in names)
    credit = late(f"operation_id | billing_account_id | amount\n{text}")
    text = "\n".join(f"{name} | {name} | 100" for name in names)
    usage = table(UsageRecords, f"usage_record_id | billing_account_id | consumed_quantity\n{text}")
    billed = first(0, usage_records=usage, **accounts)
    hundred, seventy = (stands(billed, "partly_paid", amount) for amount in ("100", "70"))
    both = pl.concat([hundred.accounts[:1], seventy.accounts[1:2]])
    assert_table(
        again(replace(hundred, accounts=both), 0, credit, usage_records=usage, **accounts).invoices,
        Invoices,
        """
        billing_account_id | grant_amount | amount_due
        acme               |        16.67 |     100.00
        beta               |        40.00 |      72.00
        gamma              |        40.00 |      72.00
        """,
    )
