"""A bonus that comes after the invoice lowers its tax, or leaves it: policy. By `keep` it is spent after tax in the
months that were invoiced before it was recorded, and before tax in all others. The tax is 20 %.
"""

from __future__ import annotations

import polars as pl
import pytest

from schemas.billing_policies import BillingPolicies
from schemas.invoices import Invoices
from tests.spec.standing.invoiced import again, first, given, late, paid, stands
from tests.tables import assert_table, table

title = "Standing: whether a late bonus lowers the tax (X2, policy retroactive_bonus_tax)"

KEEP = {"billing_policies": table(BillingPolicies, "policy | value\nretroactive_bonus_tax | keep")}
SORRY = late("operation_id | amount\nsorry | 40")
LAUNCH = given("operation_id | amount\nlaunch | 10")


def test_by_reduce_it_lowers_the_tax() -> None:
    """60.00 and 12.00."""
    assert_table(
        again(stands(first(100), "issued"), 100, SORRY).invoices,
        Invoices,
        """
        grant_amount | total_without_tax | total_tax | credit_amount | amount_due
        40.00        |             60.00 |     12.00 |          0.00 |      72.00
        """,
    )


def test_by_keep_it_is_spent_after_tax() -> None:
    """100.00 and 20.00, less 40.00."""
    assert_table(
        again(stands(first(100, **KEEP), "issued"), 100, SORRY, **KEEP).invoices,
        Invoices,
        """
        grant_amount | total_without_tax | total_tax | credit_amount | amount_due
        0.00         |            100.00 |     20.00 |         40.00 |      80.00
        """,
    )


def test_by_keep_a_bonus_that_the_invoice_knew_lowers_the_tax_as_ever() -> None:
    """90.00 and 18.00, less 40.00."""
    both = pl.concat([LAUNCH, SORRY])
    assert_table(
        again(stands(first(100, LAUNCH, **KEEP), "issued"), 100, both, **KEEP).invoices,
        Invoices,
        """
        grant_amount | total_tax | credit_amount | amount_due
        10.00        |     18.00 |         40.00 |      68.00
        """,
    )


@pytest.mark.parametrize(("priority", "sorry", "voucher"), [("1", "100.00", "20.00"), ("3", "70.00", "50.00")])
def test_by_keep_it_takes_its_turn_among_the_after_tax_grants(priority: str, sorry: str, voucher: str) -> None:
    """120.00 are due with tax. The voucher of 50.00 has priority 2."""
    vouchers = given("operation_id | kind | amount | priority\nvoucher | voucher | 50 | 2")
    both = pl.concat([vouchers, late(f"operation_id | amount | priority\nsorry | 100 | {priority}")])
    repeated = again(stands(first(100, vouchers, **KEEP), "issued"), 100, both, **KEEP)
    assert paid(repeated) == {"sorry": sorry, "voucher": voucher}


def test_by_keep_a_draft_is_what_it_would_have_been_with_the_bonus() -> None:
    """Nothing is invoiced yet, so there is no tax to keep: 60.00 and 12.00."""
    assert_table(first(100, given("operation_id | amount\nsorry | 40"), **KEEP).invoices, Invoices, "total_tax\n12.00")


def test_by_keep_it_is_undone_first_where_a_part_is_paid() -> None:
    """90.00 and 18.00, less 40.00, are 68.00. Of 100.00 that are paid 32.00 lack: 8.00 of it are spent."""
    both = pl.concat([LAUNCH, SORRY])
    repeated = again(stands(first(100, LAUNCH, **KEEP), "partly_paid", "100"), 100, both, **KEEP)
    assert paid(repeated) == {"launch": "10.00", "sorry": "8.00"}


@pytest.mark.parametrize("policies", [KEEP, {}])
def test_what_was_spent_after_tax_in_a_month_that_is_paid_since_stays_so(policies: dict[str, pl.DataFrame]) -> None:
    """The late bonus paid 75.00 and 15.00 of tax. 10.00 more are 12.00 with tax; of them it pays the 10.00 it has left,
    after tax too, whatever the policy is by now.
    """
    bonus = late("operation_id | amount\nsorry | 100")
    sorry = again(stands(first(75, **KEEP), "issued"), 75, bonus, **KEEP)
    assert paid(sorry) == {"sorry": "90.00"}
    assert_table(
        again(stands(sorry), 85, bonus, **policies).invoices,
        Invoices,
        """
        grant_amount | total_tax | credit_amount | amount_due
        0.00         |     17.00 |        100.00 |       2.00
        """,
    )
