"""A grant pays for a charge that was incurred in its window: the charge's segment lies in it. Two policies look at one
instant instead, for all charges of the month: the month's last, or the one the bill is made at.
"""

from __future__ import annotations

import polars as pl

from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.invoice_lines import InvoiceLines
from schemas.operations import Operations
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Windows: when a grant may pay (G3)"

TWO_DAYS = table(
    UsageRecords,
    """
    charge_period_start | consumed_quantity
    2026-10-05T00:00Z   |                10
    2026-10-25T00:00Z   |                20
    """,
)
SECOND_HALF = table(
    Operations,
    """
    kind  | amount | window_start | window_end
    bonus |    100 | 2026-10-15   |
    """,
    **ACME,
)
FIRST_HALF = table(
    Operations,
    """
    kind  | amount | window_start | window_end
    bonus |    100 | 2026-09-01   | 2026-10-15
    """,
    **ACME,
)


def policy(value: str) -> pl.DataFrame:
    return table(BillingPolicies, f"policy | value\neligibility | {value}")


def test_a_bonus_from_the_15th_pays_for_what_is_used_from_then_on() -> None:
    assert_table(
        bill(usage_records=TWO_DAYS, operations=SECOND_HALF).invoice_lines,
        InvoiceLines,
        """
        list_cost | grant_amount
        10.00     |            0
        20.00     |        20.00
        """,
    )


def test_a_bonus_to_the_15th_pays_for_what_was_used_until_then() -> None:
    assert_table(
        bill(usage_records=TWO_DAYS, operations=FIRST_HALF).invoice_lines,
        InvoiceLines,
        """
        list_cost | grant_amount
        10.00     |        10.00
        20.00     |            0
        """,
    )


def test_the_end_of_a_window_is_outside_it() -> None:
    """A record of midnight of the 15th is behind a window that ends there."""
    at_midnight = table(
        UsageRecords,
        """
        charge_period_start         | consumed_quantity
        2026-10-14T23:59:59.999999Z |                10
        2026-10-15T00:00:00Z        |                20
        """,
    )
    assert_table(
        bill(usage_records=at_midnight, operations=FIRST_HALF).invoice_lines,
        InvoiceLines,
        """
        list_cost | grant_amount
        10.00     |        10.00
        20.00     |            0
        """,
    )


def test_a_window_begins_at_midnight_where_the_account_is() -> None:
    """18:30 UTC of the 14th is the 15th in Kolkata."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | time_zone
            acme               | Asia/Kolkata
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-14T18:29Z   |                10
            2026-10-14T18:30Z   |                20
            """,
        ),
        operations=SECOND_HALF,
    )
    assert_table(
        billed.invoice_lines,
        InvoiceLines,
        """
        list_cost | grant_amount
        10.00     |            0
        20.00     |        20.00
        """,
    )


def test_by_period_end_a_grant_that_holds_the_last_instant_pays_for_the_whole_month() -> None:
    """The one of the second half pays for all; the one of the first half, over by then, for nothing."""
    assert_table(
        bill(usage_records=TWO_DAYS, operations=SECOND_HALF, billing_policies=policy("period_end")).invoice_lines,
        InvoiceLines,
        """
        list_cost | grant_amount
        10.00     |        10.00
        20.00     |        20.00
        """,
    )
    first = bill(usage_records=TWO_DAYS, operations=FIRST_HALF, billing_policies=policy("period_end"))
    assert first.allocations.is_empty()


def test_by_period_end_a_window_to_the_end_of_the_month_still_holds_its_last_instant() -> None:
    to_the_end = table(
        Operations,
        """
        kind  | amount | window_start | window_end
        bonus |    100 | 2026-10-31   | 2026-11-01
        """,
        **ACME,
    )
    billed = bill(usage_records=TWO_DAYS, operations=to_the_end, billing_policies=policy("period_end"))
    assert str(billed.invoice_lines["grant_amount"].sum()) == "30.0000"


def test_by_invoice_time_a_grant_that_holds_the_end_of_the_month_pays_for_the_whole_month() -> None:
    """The invoice of October is made on 1 November at the earliest, whenever it is: what holds then pays.

    A bonus from that day on pays, one that ended with October does not, nor one that begins on the 2nd.
    """
    november = table(
        Operations,
        """
        operation_id | kind  | amount | window_start | window_end
        november     | bonus |     20 | 2026-11-01   |
        october      | bonus |    100 | 2026-10-01   | 2026-11-01
        later        | bonus |    100 | 2026-11-02   |
        """,
        **ACME,
    )
    billed = bill(usage_records=TWO_DAYS, operations=november, billing_policies=policy("invoice_time"))
    assert str(billed.invoice_lines["grant_amount"].sum()) == "20.0000"


def test_a_grant_recorded_after_the_instant_known_is_not_known() -> None:
    """A bonus of October recorded on 5 November counts for a bill made that day, not for one of the 3rd (L1)."""
    recorded_late = table(
        Operations,
        """
        kind  | amount | window_start | recorded_at
        bonus |    100 | 2026-10-01   | 2026-11-05T00:00Z
        """,
        **ACME,
    )
    on_the_3rd = bill(usage_records=TWO_DAYS, operations=recorded_late, known_as_of="2026-11-03T00:00:00Z")
    on_the_5th = bill(usage_records=TWO_DAYS, operations=recorded_late, known_as_of="2026-11-05T00:00:00Z")
    assert str(on_the_3rd.invoice_lines["grant_amount"].sum()) == "0.0000"
    assert str(on_the_5th.invoice_lines["grant_amount"].sum()) == "30.0000"
