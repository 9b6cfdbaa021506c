"""Where a discount or a grant begins or ends, the rating lines it could reach are cut into charges. Up to a cut a line
is worth its exact cost so far, rounded; a charge is the difference of two such values, the last takes the rest.

Four hours of vm-small at 3.333 are 13.332, so 13.33, whatever cuts them.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.charges import Charges
from schemas.discounts import Discounts
from schemas.operations import Operations
from schemas.price_tiers import PriceTiers
from schemas.promo_codes import PromoCodes
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, bill
from tests.tables import assert_table, table

title = "Charges: cuts move no cent (P7)"

PRICE = table(SkuPrices, "list_unit_price\n3.333")
FOUR_HOURS = table(
    UsageRecords,
    """
    charge_period_start | consumed_quantity
    2026-10-05T00:00Z   |                 1
    2026-10-14T23:59Z   |                 1
    2026-10-15T00:00Z   |                 1
    2026-10-28T00:00Z   |                 1
    """,
)
FROM_THE_15TH = table(
    Operations,
    """
    kind  | amount | window_start
    bonus |      5 | 2026-10-15
    """,
    **ACME,
)


def cut(usage_records: pl.DataFrame = FOUR_HOURS, **terms: Any) -> Outputs:
    return bill(sku_prices=PRICE, usage_records=usage_records, **terms)


def test_without_a_cut_a_line_is_one_charge_of_the_whole_month() -> None:
    assert_table(
        cut().charges,
        Charges,
        """
        charge_period_start | charge_period_end | pricing_quantity | list_cost
        2026-10-01T00:00Z   | 2026-11-01T00:00Z |                4 |     13.33
        """,
    )


def test_a_bonus_on_the_15th_cuts_the_line_and_leaves_its_cost() -> None:
    """Two hours are 6.666, so 6.67; the rest of 13.33 is 6.66. The record of midnight is behind the cut."""
    assert_table(
        cut(operations=FROM_THE_15TH).charges,
        Charges,
        """
        charge_period_start | charge_period_end | pricing_quantity | list_cost
        2026-10-01T00:00Z   | 2026-10-15T00:00Z |                2 |      6.67
        2026-10-15T00:00Z   | 2026-11-01T00:00Z |                2 |      6.66
        """,
    )


def test_a_further_cut_leaves_every_other_charge_as_it_was() -> None:
    """Three hours are 9.999, so 10.00: what was 6.66 becomes 3.33 and 3.33; the first charge keeps amount and id."""
    before = cut(operations=FROM_THE_15TH).charges
    after = cut(
        operations=FROM_THE_15TH,
        discounts=table(
            Discounts,
            """
            value | valid_from
            10    | 2026-10-25
            """,
        ),
    ).charges
    assert_table(
        after,
        Charges,
        """
        charge_period_start | charge_period_end | list_cost
        2026-10-01T00:00Z   | 2026-10-15T00:00Z |      6.67
        2026-10-15T00:00Z   | 2026-10-25T00:00Z |      3.33
        2026-10-25T00:00Z   | 2026-11-01T00:00Z |      3.33
        """,
    )
    assert before["charge_id"][0] == after["charge_id"][0]


def test_the_end_of_a_window_cuts_as_its_start_does() -> None:
    """A discount of the first half."""
    found = cut(
        discounts=table(
            Discounts,
            """
            value | valid_from | valid_until
            10    | 2026-01-01 | 2026-10-15
            """,
        )
    )
    assert_table(
        found.charges,
        Charges,
        """
        charge_period_end | list_cost
        2026-10-15T00:00Z |      6.67
        2026-11-01T00:00Z |      6.66
        """,
    )


def test_a_window_that_is_the_month_cuts_nothing() -> None:
    found = cut(
        operations=table(
            Operations,
            """
            kind  | amount | window_start | window_end
            bonus |      5 | 2026-10-01   | 2026-11-01
            """,
            **ACME,
        )
    )
    assert_table(found.charges, Charges, "list_cost\n13.33")


def test_a_segment_without_usage_is_no_charge() -> None:
    """All usage lies before the 15th: one charge, which ends there."""
    early = table(
        UsageRecords,
        """
        charge_period_start | consumed_quantity
        2026-10-05T00:00Z   |                 1
        """,
    )
    assert_table(
        cut(early, operations=FROM_THE_15TH).charges,
        Charges,
        """
        charge_period_start | charge_period_end | list_cost
        2026-10-01T00:00Z   | 2026-10-15T00:00Z |      3.33
        """,
    )


def test_a_bonus_cuts_only_what_it_could_pay_for() -> None:
    """A bonus for databases leaves the line of vm-small whole, one of a project cuts the project's line alone."""
    usage = table(
        UsageRecords,
        """
        sku_id   | sub_account_id | charge_period_start | consumed_quantity
        database | website        | 2026-10-05T00:00Z   |                 1
        database | website        | 2026-10-28T00:00Z   |                 1
        vm-small | website        | 2026-10-05T00:00Z   |                 1
        vm-small | website        | 2026-10-28T00:00Z   |                 1
        vm-small | app            | 2026-10-05T00:00Z   |                 1
        vm-small | app            | 2026-10-28T00:00Z   |                 1
        """,
    )
    for_databases = table(
        Operations,
        """
        kind  | amount | window_start | include
        bonus |      5 | 2026-10-15   | ["service:Database"]
        """,
        **ACME,
    )
    for_app = table(
        Operations,
        """
        kind  | amount | window_start | sub_account_id
        bonus |      5 | 2026-10-15   | app
        """,
        **ACME,
    )
    assert_table(
        bill(usage_records=usage, operations=for_databases).charges,
        Charges,
        """
        sku_id   | sub_account_id | list_cost
        database | website        |      1.00
        database | website        |      1.00
        vm-small | website        |      2.00
        vm-small | app            |      2.00
        """,
    )
    assert_table(
        bill(usage_records=usage, operations=for_app).charges,
        Charges,
        """
        sku_id   | sub_account_id | list_cost
        database | website        |      2.00
        vm-small | website        |      2.00
        vm-small | app            |      1.00
        vm-small | app            |      1.00
        """,
    )


def test_a_cut_is_at_midnight_where_the_account_is() -> None:
    """In Kolkata the 15th begins at 18:30 UTC of the 14th, and October ends at 18:30 UTC of the 31st."""
    found = cut(
        billing_accounts=table(
            BillingAccounts,
            """
            billing_account_id | time_zone
            acme               | Asia/Kolkata
            """,
        ),
        operations=FROM_THE_15TH,
    )
    assert_table(
        found.charges,
        Charges,
        """
        charge_period_start | charge_period_end | pricing_quantity | list_cost
        2026-09-30T18:30Z   | 2026-10-14T18:30Z |                1 |      3.33
        2026-10-14T18:30Z   | 2026-10-31T18:30Z |                3 |     10.00
        """,
    )


def test_a_tiered_line_is_cut_by_quantity() -> None:
    """Twelve hours, ten at 2.00 and two at 1.00, are 22.00: the first 9 hours are 9/12 of it, 16.50, not 18.00."""
    billed = bill(
        sku_prices=table(SkuPrices, "price_model\ngraduated"),
        price_tiers=table(
            PriceTiers,
            """
            up_to | unit_price
            10    |       2.00
                  |       1.00
            """,
        ),
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-05T00:00Z   |                 9
            2026-10-20T00:00Z   |                 3
            """,
        ),
        operations=FROM_THE_15TH,
    )
    assert_table(
        billed.charges,
        Charges,
        """
        pricing_quantity | list_cost
        9                |     16.50
        3                |      5.50
        """,
    )


def test_a_correction_behind_a_cut_is_a_negative_charge() -> None:
    """Two hours before the 15th and one taken back after it: 6.67, then 3.33 − 6.67 = -3.34."""
    corrected = table(
        UsageRecords,
        """
        usage_record_id | charge_period_start | consumed_quantity
        u1              | 2026-10-05T00:00Z   |                 2
        u2              | 2026-10-20T00:00Z   |                -1
        """,
    )
    assert_table(
        cut(corrected, operations=FROM_THE_15TH).charges,
        Charges,
        """
        pricing_quantity | list_cost
        2                |      6.67
        -1               |     -3.34
        """,
    )


def test_a_discount_that_began_after_its_codes_window_was_over_cuts_nothing() -> None:
    """The code opens the first ten days of October, the discount begins on the 15th: there is no day of both."""
    billed = cut(
        discounts=table(
            Discounts,
            """
            discount_id | value | promo_code | valid_from
            autumn      |    10 | HELLO      | 2026-10-15
            """,
        ),
        promo_codes=table(
            PromoCodes,
            """
            promo_code | benefit  | window_start          | duration
            HELLO      | discount | 2026-10-01/2026-10-11 |
            """,
        ),
        operations=table(
            Operations,
            """
            operation         | promo_code | occurred_at
            accept_promo_code | HELLO      | 2026-10-01T00:00Z
            """,
            **ACME,
        ),
    )
    assert_table(
        billed.charges,
        Charges,
        """
        charge_period_start | charge_period_end | list_cost
        2026-10-01T00:00Z   | 2026-11-01T00:00Z |     13.33
        """,
    )


def test_a_charge_stays_the_same_when_its_price_is_mended_to_begin_where_it_is_cut() -> None:
    """Nothing is used before the 15th: then a price that begins there charges what it did: nothing is to correct."""
    since, usage = "list_unit_price | valid_from\n3.333 | {}", FOUR_HOURS[2:]
    before, after = (
        bill(sku_prices=table(SkuPrices, since.format(day)), usage_records=usage, operations=FROM_THE_15TH).charges
        for day in ("2026-01-01", "2026-10-15")
    )
    assert_table(before, Charges, "charge_period_start | list_cost\n2026-10-15T00:00Z | 6.67")
    assert_table(after, Charges, "charge_period_start | list_cost\n2026-10-15T00:00Z | 6.67")
    assert after["charge_id"].to_list() == before["charge_id"].to_list()
