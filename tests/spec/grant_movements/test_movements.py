"""What a grant holds is its amount and everything that moved it. A period charges it once per charge it pays, and takes
what is left when the grant's window is over.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from rating.grant_movements import balances
from schemas.billing_accounts import BillingAccounts
from schemas.billing_policies import BillingPolicies
from schemas.grant_movements import GrantMovements
from schemas.grants import Grants
from schemas.operations import Operations
from schemas.sku_prices import SkuPrices
from schemas.units import Instant
from schemas.usage_records import UsageRecords
from tests.pipeline import rate_world
from tests.spec.period import ACME, bill, world
from tests.tables import assert_table, table

title = "Grant movements: charged and expired (K1, K3)"

SIXTY_HOURS = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-small |                40
    database |                20
    """,
)
NEVER_ENDS = table(
    Operations,
    """
    operation_id | kind  | amount | window_start
    launch       | bonus |    100 | 2026-09-01
    """,
    **ACME,
)
ENDS_WITH_OCTOBER = table(
    Operations,
    """
    operation_id | kind  | amount | window_start | window_end
    launch       | bonus |    100 | 2026-09-01   | 2026-11-01
    """,
    **ACME,
)


def test_each_charge_that_is_paid_is_a_movement_with_its_expense_number() -> None:
    assert_table(
        bill(usage_records=SIXTY_HOURS, operations=NEVER_ENDS).grant_movements,
        GrantMovements,
        """
        grant_id | movement | expense_number | amount
        launch   | charged  |              1 | -40.00
        launch   | charged  |              2 | -20.00
        """,
    )


def test_what_nothing_claimed_expires_with_the_month_in_which_the_window_ends() -> None:
    """60.00 of 100.00 are used; the window ends with the month, and 40.00 with it."""
    assert_table(
        bill(usage_records=SIXTY_HOURS, operations=ENDS_WITH_OCTOBER).grant_movements,
        GrantMovements,
        """
        movement | expense_number | amount | occurred_at
        charged  |              1 | -40.00 | 2026-11-01T00:00Z
        charged  |              2 | -20.00 | 2026-11-01T00:00Z
        expired  |                | -40.00 | 2026-11-01T00:00Z
        """,
    )


def test_a_window_that_ends_inside_the_month_pays_what_was_used_in_it_and_then_expires() -> None:
    """30.00 before the 20th are paid, 10.00 after it are not: 70.00 expire on the 20th."""
    billed = bill(
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                30
            2026-10-20T00:00Z   |                10
            """,
        ),
        operations=table(
            Operations,
            """
            kind  | amount | window_start | window_end
            bonus |    100 | 2026-09-01   | 2026-10-20
            """,
            **ACME,
        ),
    )
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        movement | amount | occurred_at
        charged  | -30.00 | 2026-10-20T00:00Z
        expired  | -70.00 | 2026-10-20T00:00Z
        """,
    )


def test_a_window_that_goes_on_a_day_longer_expires_with_the_next_month() -> None:
    billed = bill(
        operations=table(
            Operations,
            """
            kind  | amount | window_start | window_end
            bonus |    100 | 2026-09-01   | 2026-11-02
            """,
            **ACME,
        )
    )
    assert billed.grant_movements.is_empty()


def test_a_grant_used_up_has_nothing_to_expire() -> None:
    billed = bill(
        usage_records=table(UsageRecords, "consumed_quantity\n500"),
        operations=ENDS_WITH_OCTOBER,
    )
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        movement | amount
        charged  | -100.00
        """,
    )


def test_a_month_to_date_expires_nothing() -> None:
    """By the 25th the window of the 20th is over, the month is not."""
    billed = bill(
        known_as_of="2026-10-25T00:00:00Z",
        operations=table(
            Operations,
            """
            kind  | amount | window_start | window_end
            bonus |    100 | 2026-09-01   | 2026-10-20
            """,
            **ACME,
        ),
    )
    assert billed.grant_movements.is_empty()


def test_a_grant_has_what_earlier_months_left_and_gave_back() -> None:
    """100.00 − 70.00 + 5.00 are 35.00: all of it goes to the first line, of 40.00. `credited` is its amount itself."""
    billed = bill(
        usage_records=SIXTY_HOURS,
        operations=NEVER_ENDS,
        grant_movements=table(
            GrantMovements,
            """
            movement_id | grant_id | billing_period | movement | amount
            m1          | launch   | 2026-09        | credited | 100.00
            m2          | launch   | 2026-09        | charged  | -70.00
            m3          | launch   | 2026-09        | returned |   5.00
            """,
        ),
    )
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        movement | expense_number | amount
        charged  |              1 | -35.00
        """,
    )


def test_a_balance_is_all_that_came_less_all_that_went() -> None:
    """100.00 − 30.00 charged + 8.00 returned − 12.00 drawn − 5.00 sent − 6.00 allocated are 55.00; with what ended,
    1.00 + 2.00 + 3.00, they are 49.00. What came onto the grant when it was made is its amount itself, once.
    """
    moved = table(
        GrantMovements,
        """
        movement_id | movement            | amount
        m1          | credited            | 100.00
        m2          | charged             | -30.00
        m3          | returned            |   8.00
        m4          | minimum_consumption | -12.00
        m5          | transfer_deduction  |  -5.00
        m6          | allocated           |  -6.00
        m7          | expired             |  -1.00
        m8          | recovered           |  -2.00
        m9          | refunded            |  -3.00
        """,
        grant_id="launch",
    )
    grant = table(Grants, "grant_id | amount\nlaunch | 100").with_columns(exponent=pl.lit(2, dtype=pl.Int64))
    assert balances(grant, moved.head(6)).rows() == [("launch", 5500)]
    assert balances(grant, moved).rows() == [("launch", 4900)]


def test_a_grant_that_was_received_has_what_it_received_once() -> None:
    received = table(GrantMovements, "grant_id | movement | amount\nlaunch | transfer_accumulation | 100.00")
    grant = table(Grants, "grant_id | amount\nlaunch | 100").with_columns(exponent=pl.lit(3, dtype=pl.Int64))
    assert balances(grant, received).rows() == [("launch", 100_000)]


def test_usage_that_comes_late_takes_back_what_expired_first() -> None:
    """Of 100.00 to the end of October 40.00 expire where 60.00 were used, and 15.00 where 25.00 came late."""
    late = table(UsageRecords, "usage_record_id | sku_id | consumed_quantity\nlate | database | 25")
    for usage, left in ((SIXTY_HOURS, "40.00"), (pl.concat([SIXTY_HOURS, late]), "15.00")):
        movements = bill(usage_records=usage, operations=ENDS_WITH_OCTOBER).grant_movements
        assert_table(
            movements.filter(movement="expired"),
            GrantMovements,
            f"movement | occurred_at | amount\nexpired | 2026-11-01T00:00Z | -{left}",
        )


ENDED_IN_AUGUST = table(
    Operations,
    """
    kind  | amount | window_start | window_end
    bonus |    100 | 2026-08-01   | 2026-08-20
    """,
    **ACME,
)


def test_a_window_that_was_over_before_the_first_bill_of_the_account_expires_with_that() -> None:
    billed = bill(usage_records=SIXTY_HOURS, operations=ENDED_IN_AUGUST)
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        movement | amount  | occurred_at
        expired  | -100.00 | 2026-08-20T00:00Z
        """,
    )


def test_a_window_that_was_over_in_an_earlier_billed_month_expired_then() -> None:
    expired = table(
        GrantMovements,
        """
        grant_id | movement | billing_period | amount
        launch   | expired  | 2026-08        | -100.00
        """,
    )
    operations = ENDED_IN_AUGUST.with_columns(operation_id=pl.lit("launch"))
    billed = bill(usage_records=SIXTY_HOURS, operations=operations, grant_movements=expired)
    assert billed.grant_movements.is_empty()


def test_what_became_known_when_its_month_was_billed_expires_with_the_next() -> None:
    """Granted in October for August, which was billed without it: nothing can claim it any more."""
    late = ENDED_IN_AUGUST.with_columns(occurred_at=pl.lit(datetime(2026, 10, 5, tzinfo=UTC), dtype=Instant))
    billed = bill(usage_records=SIXTY_HOURS, operations=late, first_billed={"acme": "2026-08"})
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        movement | amount  | occurred_at
        expired  | -100.00 | 2026-08-20T00:00Z
        """,
    )


def test_while_an_earlier_month_is_on_hold_it_may_still_claim_what_is_over() -> None:
    month = {**world(usage_records=SIXTY_HOURS, operations=ENDED_IN_AUGUST), "held_before": {"acme"}}
    assert rate_world(month).grant_movements.is_empty()


def test_an_account_on_hold_pays_nothing_and_loses_nothing() -> None:
    billed = bill(
        usage_records=SIXTY_HOURS, operations=ENDS_WITH_OCTOBER, sku_prices=table(SkuPrices, "list_unit_price\n1")
    )
    assert billed.holds.height == 1
    assert billed.grant_movements.is_empty()


def test_a_month_ends_for_a_grant_where_its_account_is() -> None:
    """A window to the first of November is over with October in Kolkata too, at 18:30 UTC of the 31st."""
    billed = bill(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | time_zone
            acme               | Asia/Kolkata
            """,
        ),
        operations=ENDS_WITH_OCTOBER,
    )
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        movement | amount  | occurred_at
        expired  | -100.00 | 2026-10-31T18:30Z
        """,
    )


def test_by_period_end_a_grant_that_ended_inside_the_month_expires_whole() -> None:
    """Its window does not hold the month's last instant, so it pays for nothing."""
    billed = bill(
        usage_records=SIXTY_HOURS,
        operations=table(
            Operations,
            """
            kind  | amount | window_start | window_end
            bonus |    100 | 2026-09-01   | 2026-10-20
            """,
            **ACME,
        ),
        billing_policies=table(
            BillingPolicies,
            """
            policy      | value
            eligibility | period_end
            """,
        ),
    )
    assert_table(
        billed.grant_movements,
        GrantMovements,
        """
        movement | amount
        expired  | -100.00
        """,
    )
