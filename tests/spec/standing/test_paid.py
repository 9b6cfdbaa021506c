"""A period of which nothing is left due is frozen against grants and operations, but not against usage and prices. Its
charges are computed anew; the credit that had paid them pays again, and more only of what a charge gained. Every SKU
costs 1.00 an hour, so that hours read as euros, and the tax is 20 %.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from schemas.allocations import Allocations
from schemas.charges import Charges
from schemas.discounts import Discounts
from schemas.grant_movements import GrantMovements
from schemas.invoice_lines import InvoiceLines
from schemas.invoices import Invoices
from schemas.operations import Operations
from schemas.promo_codes import PromoCodes
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import ACME, USUAL
from tests.spec.standing.invoiced import LATE, again, due, first, given, late, paid, stands
from tests.tables import assert_table, table

title = "Paid: what still changes when nothing is left due (X2, X4)"

FORTY = given("operation_id | amount\nlaunch | 40")
HUNDRED_AND_THIRTY = given("operation_id | amount\nlaunch | 130")

MUCH = pl.concat(
    [
        given(
            """
            operation_id | kind    | amount | priority | logic | monthly_value
            small        | bonus   |     30 |        1 | fixed |            30
            large        | bonus   |    200 |        2 | fixed |           150
            voucher      | voucher |     25 |        3 | none  |
            """
        ),
        given("operation_id | amount | window_end\nshort | 70 | 2026-10-20"),
    ]
)
"""Several grants of both positions, with floors and an end."""
CHARGES = {"vm-large": 100, "database": 41, "training": 33}


def test_nothing_new_is_the_very_same_state() -> None:
    """Whatever a month is made of, it comes out again as it was, but for when it was computed."""
    billed = first(CHARGES, MUCH)
    repeated = again(stands(billed), CHARGES, MUCH)
    for name, made in billed.tables().items():
        known = ["known_as_of"] if name == "account_periods" else []
        assert repeated.tables()[name].drop(known).equals(made.drop(known)), name


def test_a_bonus_recorded_since_pays_nothing_and_cuts_nothing() -> None:
    """Its window begins on the 3rd. 60.00 and tax on them were paid, and stay: 72.00."""
    billed = first(100, FORTY)
    bonus = late("operation_id | amount | window_start\nsorry | 30 | 2026-10-03")
    repeated = again(stands(billed), 100, pl.concat([FORTY, bonus]))
    assert paid(repeated) == {"launch": "40.00"}
    assert due(repeated) == "72.00"
    assert_table(repeated.charges, Charges, "list_cost\n100.00")


def test_the_same_bonus_pays_where_the_invoice_is_not_paid() -> None:
    """40.00 and 30.00 of 100.00; 30.00 and the tax on them are 36.00."""
    billed = first(100, FORTY)
    both = pl.concat([FORTY, late("operation_id | amount\nsorry | 30")])
    repeated = again(stands(billed, "issued"), 100, both)
    assert paid(repeated) == {"launch": "40.00", "sorry": "30.00"}
    assert due(repeated) == "36.00"


def test_a_recovery_recorded_since_ends_nothing_there() -> None:
    """The bonus paid 40.00 of what was used on the 5th; that it is taken back from the 2nd on came too late."""
    back = table(
        Operations,
        """
        operation_id | operation      | grant_id | occurred_at
        back         | recover_credit | launch   | 2026-10-02T00:00:00Z
        """,
        **ACME,
        recorded_at=LATE,
    )
    repeated = again(stands(first(100, FORTY)), 100, pl.concat([FORTY, back]))
    assert_table(repeated.grant_movements, GrantMovements, "grant_id | movement | amount\nlaunch | charged | -40")


def test_a_code_accepted_since_discounts_nothing_there() -> None:
    """Ten per cent from the first of October on, recorded when 120.00 were paid."""
    code = {
        "promo_codes": table(
            PromoCodes,
            """
            promo_code | benefit  | kind | value | window_start
            TENTH      | discount |      |    10 | 2026-10-01/2026-12-01
            """,
        ),
        "discounts": table(Discounts, "discount_id | value | promo_code\ntenth | 10 | TENTH"),
    }
    accept = table(
        Operations,
        """
        operation_id | operation         | promo_code | occurred_at
        tenth        | accept_promo_code | TENTH      | 2026-10-01T00:00:00Z
        """,
        **ACME,
        recorded_at=LATE,
    )
    billed = first(100, **code)
    assert due(again(stands(billed), 100, accept, **code)) == "120.00"
    assert due(again(stands(billed, "issued"), 100, accept, **code)) == "108.00"


def test_a_switch_set_since_stops_nothing_there() -> None:
    """The organization paid the app's 50.00. An allocation with the switch off would have left 30.00 to invoice."""
    credit = given("operation_id | kind | amount\norg | organization | 1000")
    allocation = table(
        Operations,
        """
        operation_id | operation           | grant_id | sub_account_id | amount | use_organization_credit
        part         | allocate_to_project | org      | app            |     20 | false
        """,
        **ACME,
        occurred_at="2026-09-02T00:00:00Z",
        recorded_at=LATE,
    )
    usage = table(UsageRecords, "sub_account_id | consumed_quantity\napp | 50")
    kinds = {
        "grant_kinds": pl.concat(
            [USUAL["grant_kinds"], USUAL["grant_kinds"].head(1).with_columns(kind=pl.lit("project"))]
        )
    }
    told: dict[str, Any] = {"usage_records": usage, **kinds}
    billed = first(0, credit, **told)
    both = pl.concat([credit, allocation])
    assert paid(again(stands(billed), 0, both, **told)) == {"org": "50.00"}
    assert paid(again(stands(billed, "issued"), 0, both, **told)) == {"part": "20.00"}


def test_late_usage_is_paid_by_credit_that_was_known_then() -> None:
    """100.00 were paid by the bonus. Of 20.00 more it pays 20.00, and 10.00 are left of it."""
    repeated = again(stands(first(100, HUNDRED_AND_THIRTY)), 120, HUNDRED_AND_THIRTY)
    assert paid(repeated) == {"launch": "120.00"}
    assert due(repeated) == "0.00"


def test_late_usage_that_no_known_credit_pays_is_due() -> None:
    """The bonus is used up, and the new one may not. 80.00 and tax are 96.00, 24.00 more than were paid."""
    both = pl.concat([FORTY, late("operation_id | amount\nsorry | 30")])
    repeated = again(stands(first(100, FORTY)), 120, both)
    assert paid(repeated) == {"launch": "40.00"}
    assert due(repeated) == "96.00"


def test_credit_that_has_come_back_pays_only_what_a_line_gained() -> None:
    """September took 30.00 of 80.00, so 50.00 paid of 100.00. Without September's, 30.00 are there again: of them
    20.00 pay the 20.00 gained; the other 50.00 had been paid with money.
    """
    bonus = given("operation_id | amount\nlaunch | 80")
    september = table(
        GrantMovements,
        """
        movement_id | grant_id | movement | amount | billing_period
        before      | launch   | charged  |    -30 | 2026-09
        """,
        **ACME,
        occurred_at="2026-09-30T00:00:00Z",
    )
    billed = first(100, bonus, grant_movements=september)
    assert paid(billed) == {"launch": "50.00"}
    assert paid(again(stands(billed), 120, bonus)) == {"launch": "70.00"}


@pytest.mark.parametrize(
    ("hours", "launch", "second"), [(50, "30.00", "20.00"), (30, "30.00", None), (10, "10.00", None)]
)
def test_of_a_line_that_shrank_the_last_credit_comes_back_first(hours: int, launch: str, second: str | None) -> None:
    """30.00 of the first and 40.00 of the second bonus had paid 70.00 of 100.00."""
    two = given("operation_id | amount | priority\nlaunch | 30 | 1\nsecond | 40 | 2")
    repeated = again(stands(first(100, two)), hours, two)
    assert paid(repeated) == {"launch": launch, **({"second": second} if second else {})}


def test_what_comes_back_pays_no_other_line() -> None:
    """The bonus of 100.00 had paid the large machine, the database was paid with money: 50.00 and 20 % are 60.00."""
    bonus = given("operation_id | amount\nlaunch | 100")
    billed = first({"vm-large": 100, "database": 50}, bonus)
    repeated = again(stands(billed), {"vm-large": 70, "database": 50}, bonus)
    assert_table(
        repeated.invoice_lines,
        InvoiceLines,
        """
        list_cost | grant_amount | line_amount | tax_amount
        70.00     |        70.00 |        0.00 |       0.00
        50.00     |         0.00 |       50.00 |      10.00
        """,
    )


def test_a_line_that_was_not_there_had_nothing_and_one_that_is_gone_is_paid_no_more() -> None:
    """It was the small machine all along: the bonus that paid 100.00 of the large one pays the 60.00 it gained."""
    bonus = given("operation_id | amount\nlaunch | 100")
    repeated = again(stands(first({"vm-large": 100}, bonus)), {"vm-small": 60}, bonus)
    assert_table(repeated.grant_movements, GrantMovements, "grant_id | movement | amount\nlaunch | charged | -60")


def test_a_charge_added_since_counts_and_known_credit_pays_it() -> None:
    """100.00 of 130.00 had paid; of the 50.00 that were added 30.00 are paid, 20.00 and their tax are 24.00."""
    added = table(
        Operations,
        """
        operation_id | operation  | amount | tax_category | billing_period | text
        setup        | add_charge |     50 | standard     | 2026-10        | Setup
        """,
        **ACME,
        occurred_at="2026-10-20T00:00:00Z",
        recorded_at=LATE,
    )
    repeated = again(stands(first(100, HUNDRED_AND_THIRTY)), 100, pl.concat([HUNDRED_AND_THIRTY, added]))
    assert paid(repeated) == {"launch": "130.00"}
    assert due(repeated) == "24.00"


def test_a_mended_price_is_changed_usage() -> None:
    """At 1.20 the same hours are 120.00: the bonus pays the 20.00 they gained too."""
    prices = USUAL["sku_prices"].filter(pl.col("sku_price_id") != "vm-large-list")
    mended = pl.concat(
        [prices, table(SkuPrices, "sku_price_id | sku_id | list_unit_price\nvm-large-list | vm-large | 1.2")]
    )
    repeated = again(stands(first(100, HUNDRED_AND_THIRTY)), 100, HUNDRED_AND_THIRTY, sku_prices=mended)
    assert paid(repeated) == {"launch": "120.00"}


def test_a_charge_below_zero_brings_back_what_is_no_longer_due() -> None:
    """30.00 of the 100.00 that the bonus paid are taken back. No grant pays what a reversal takes (G7)."""
    bonus = given("operation_id | amount\nlaunch | 100")
    added = table(
        Operations,
        """
        operation_id | operation  | amount | sku_id   | billing_period | text
        sorry        | add_charge |    -30 | vm-large | 2026-10        | Outage
        """,
        **ACME,
        occurred_at="2026-10-20T00:00:00Z",
        recorded_at=LATE,
    )
    repeated = again(stands(first(100, bonus)), 100, pl.concat([bonus, added]))
    assert paid(repeated) == {"launch": "70.00"}
    assert due(repeated) == "0.00"


def test_after_tax_credit_pays_what_a_line_gained_with_its_tax() -> None:
    """120.00 were paid by the voucher of 130.00. 10.00 more are 12.00 with tax: it pays 10.00, 2.00 are due."""
    voucher = given("operation_id | kind | amount\nvoucher | voucher | 130")
    billed = first(100, voucher)
    assert paid(billed) == {"voucher": "120.00"}
    repeated = again(stands(billed), 110, voucher)
    assert paid(repeated) == {"voucher": "130.00"}
    assert due(repeated) == "2.00"


def test_after_tax_credit_comes_back_with_the_tax() -> None:
    """40.00 are 48.00 with tax, and of 120.00 that had been paid 72.00 come back."""
    voucher = given("operation_id | kind | amount\nvoucher | voucher | 130")
    assert paid(again(stands(first(100, voucher)), 40, voucher)) == {"voucher": "48.00"}


def test_credit_that_an_earlier_month_has_taken_since_pays_no_more() -> None:
    """Of 40.00 September now takes 30.00: 10.00 pay again."""
    september = table(
        GrantMovements,
        """
        movement_id | grant_id | movement | amount | billing_period
        before      | launch   | charged  |    -30 | 2026-09
        """,
        **ACME,
        occurred_at="2026-09-30T00:00:00Z",
    )
    assert paid(again(stands(first(100, FORTY)), 100, FORTY, grant_movements=september)) == {"launch": "10.00"}


def test_a_charge_and_a_grant_have_one_row_in_the_place_it_had() -> None:
    """The second bonus paid 60.00 of 100.00 and pays 20.00 more."""
    two = given("operation_id | amount | priority\nlaunch | 40 | 1\nsecond | 90 | 2")
    repeated = again(stands(first(100, two)), 120, two)
    assert_table(
        repeated.allocations,
        Allocations,
        """
        source_id | allocation_order | amount
        launch    |                1 |  40.00
        second    |                2 |  80.00
        """,
    )


def test_what_a_line_gained_is_paid_behind_what_was_laid_again() -> None:
    """September had taken the whole of the first bonus, so the second paid 100.00. Of 20.00 gained the first now pays
    the 15.00 that have come back to it, and it goes before the second, which pays 5.00.
    """
    two = given("operation_id | amount | priority\nlaunch | 40 | 1\nsecond | 110 | 2")

    def september(amount: int) -> pl.DataFrame:
        text = (
            f"movement_id | grant_id | movement | amount | billing_period\nm | launch | charged | -{amount} | 2026-09"
        )
        return table(GrantMovements, text, **ACME, occurred_at="2026-09-30T00:00:00Z")

    billed = first(100, two, grant_movements=september(40))
    repeated = again(stands(billed), 120, two, grant_movements=september(25))
    assert_table(
        repeated.allocations,
        Allocations,
        """
        source_id | allocation_order | amount
        second    |                1 | 105.00
        launch    |                2 |  15.00
        """,
    )


def test_what_ended_with_the_month_ends_with_what_is_left_now() -> None:
    """30.00 of 130.00 had expired; of 20.00 more that the bonus pays 10.00 are left to expire."""
    bonus = given("operation_id | amount | window_end\nlaunch | 130 | 2026-11-01")
    repeated = again(stands(first(100, bonus)), 120, bonus)
    assert_table(
        repeated.grant_movements,
        GrantMovements,
        """
        movement | amount
        charged  |   -120
        expired  |    -10
        """,
    )


def test_what_a_month_takes_at_least_counts_what_is_paid_now() -> None:
    """Of 50.00 a month 30.00 were used and 20.00 drawn; 40.00 are used now, and 10.00 are drawn."""
    bonus = given("operation_id | amount | logic | monthly_value\nlaunch | 200 | fixed | 50")
    repeated = again(stands(first(30, bonus)), 40, bonus)
    assert_table(
        repeated.grant_movements,
        GrantMovements,
        """
        movement            | amount
        charged             |    -40
        minimum_consumption |    -10
        """,
    )


def test_an_invoice_of_which_nothing_was_ever_due_is_paid() -> None:
    """The bonus paid all of it, so a second one is late for what is used late too."""
    bonus = given("operation_id | amount\nlaunch | 100")
    both = pl.concat([bonus, late("operation_id | amount\nsorry | 30")])
    repeated = again(stands(first(100, bonus)), 120, both)
    assert_table(repeated.invoices, Invoices, "grant_amount | total_with_tax | amount_due\n100.00 | 24.00 | 24.00")
