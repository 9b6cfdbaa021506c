"""Every maximum and minimum of an account says what its charges came to and what it changed.

Every SKU costs 1.00 an hour, so that hours read as euros; October has 31 days.
"""

from __future__ import annotations

import polars as pl

from rating.allocations.limit_reasons import LIMIT_REASONS, limit_reasons
from rating.outputs import Rated
from rating.pipeline import Inputs
from schemas.spend_limits import SpendLimits
from schemas.usage_records import UsageRecords
from tests.spec.reasons.told import assert_reasons, month
from tests.tables import table

title = "Reasons: why a maximum or minimum changed a bill, or did not (G8, P10)"

USED = table(
    UsageRecords,
    """
    sku_id   | consumed_quantity
    vm-large |               100
    database |                50
    """,
)


def told(limits: str, known_as_of: str = "2026-11-03T12:00:00Z") -> pl.DataFrame:
    def ask(made: Rated, inputs: Inputs) -> pl.DataFrame:
        return limit_reasons(made.items, made.capped, inputs.reference["spend_limits"])

    rows = table(SpendLimits, limits)
    return month(ask, known_as_of=known_as_of, usage_records=USED, spend_limits=rows)


def test_each_limit_sees_what_those_before_it_left_in_order() -> None:
    """100 to 80 by price, then 80 and 50 to 120 for the account; a higher limit finds 120. 20 + 10 come off."""
    found = told(
        """
        spend_limit_id | kind          | amount | billing_account_id | sku_price_id
        by-price       | maximum_spend |     80 |                    | vm-large-list
        a-account      | maximum_spend |    120 | acme               |
        b-account      | maximum_spend |    200 | acme               |
        """
    )
    assert_reasons(
        found,
        """
        spend_limit_id | reason  | limit  | charge_count | seen   | amount
        by-price       | applied | 80.00  | 1            | 100.00 | 20.00
        a-account      | applied | 120.00 | 2            | 130.00 | 10.00
        b-account      | within  | 200.00 | 2            | 120.00 | 0.00
        """,
    )


def test_a_minimum_says_what_it_adds_and_a_limit_out_of_force_that_it_is() -> None:
    """Two limits ask for 200 and 100 where there are 150; the minimum to the 10th asks for 310 x 10 / 31 = 100."""
    found = told(
        """
        spend_limit_id | kind          | amount | billing_account_id | true_up_sku_id | valid_from | valid_until
        higher         | minimum_spend |    200 | acme               | vm-small       | 2026-01-01 |
        lower          | minimum_spend |    100 | acme               | vm-small       | 2026-01-01 |
        ten-days       | minimum_spend |    310 | acme               | vm-small       | 2026-01-01 | 2026-10-11
        past           | maximum_spend |     10 | acme               |                | 2026-01-01 | 2026-10-01
        """
    )
    assert_reasons(
        found,
        """
        spend_limit_id | reason  | limit  | charge_count | seen   | amount
        higher         | applied | 200.00 | 2            | 150.00 | 50.00
        lower          | within  | 100.00 | 2            | 150.00 | 0.00
        ten-days       | within  | 100.00 | 2            | 150.00 | 0.00
        past           | window  | 10.00  | 0            | 0.00   | 0.00
        """,
    )


def test_a_minimum_waits_for_the_end_of_the_month() -> None:
    found = told(
        """
        spend_limit_id | kind          | amount | billing_account_id | true_up_sku_id
        higher         | minimum_spend |    200 | acme               | vm-small
        """,
        known_as_of="2026-10-20T00:00:00Z",
    )
    assert found["reason"].to_list() == ["open"]
    assert set(LIMIT_REASONS) == {"applied", "within", "window", "open"}
