"""The first hundred hours of a month are free. They come off in time order before anything is priced, whatever the
price model; what is left fills tiers, starts blocks, and weighs when a cost is shared. The quantity shown is the whole
one.
"""

from __future__ import annotations

import polars as pl
import pytest

from schemas.charges import Charges
from schemas.discounts import Discounts
from schemas.price_tiers import PriceTiers
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Free quantity: what comes off first (P3)"

HUNDRED_FREE = table(
    SkuPrices,
    """
    list_unit_price | free_quantity
    1               |           100
    """,
)


def with_price(usage_records: pl.DataFrame, price: pl.DataFrame = HUNDRED_FREE) -> pl.DataFrame:
    return bill(sku_prices=price, usage_records=usage_records).rating_lines


@pytest.mark.parametrize(("hours", "cost"), [("99", "0"), ("100", "0"), ("100.01", "0.01"), ("130", "30.00")])
def test_only_what_lies_above_it_is_charged(hours: str, cost: str) -> None:
    """130 hours: 30 at 1.00; the line still says 130."""
    assert_table(
        with_price(table(UsageRecords, f"consumed_quantity\n{hours}")),
        RatingLines,
        f"""
        pricing_quantity | list_cost
        {hours}          |    {cost}
        """,
    )


def test_it_goes_to_the_earliest_usage_whatever_the_project() -> None:
    """Sixty of the website on the 5th are free, and forty of the app's sixty on the 10th."""
    found = with_price(
        table(
            UsageRecords,
            """
            sub_account_id | charge_period_start | consumed_quantity
            app            | 2026-10-10T00:00Z   |                60
            website        | 2026-10-05T00:00Z   |                60
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | list_cost
        website        |         0
        app            |     20.00
        """,
    )


def test_of_records_at_one_instant_the_first_by_name_goes_first() -> None:
    """The app before the website."""
    found = with_price(
        table(
            UsageRecords,
            """
            sub_account_id | consumed_quantity
            website        |                60
            app            |                60
            """,
        )
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | list_cost
        app            |         0
        website        |     20.00
        """,
    )


def test_by_project_each_project_has_its_own() -> None:
    found = with_price(
        table(
            UsageRecords,
            """
            sub_account_id | consumed_quantity
            website        |               130
            app            |                60
            """,
        ),
        table(
            SkuPrices,
            """
            list_unit_price | free_quantity | tier_scope
            1               |           100 | sub_account
            """,
        ),
    )
    assert_table(
        found,
        RatingLines,
        """
        sub_account_id | list_cost
        website        |     30.00
        app            |         0
        """,
    )


def test_by_resource_each_resource_has_its_own() -> None:
    """130 and 60 hours of two machines: 30 above."""
    found = with_price(
        table(
            UsageRecords,
            """
            resource_id | consumed_quantity
            vm-1        |               130
            vm-2        |                60
            """,
        ),
        table(
            SkuPrices,
            """
            list_unit_price | free_quantity | tier_scope
            1               |           100 | resource
            """,
        ),
    )
    assert_table(found, RatingLines, "list_cost\n30.00")


def test_a_price_for_a_region_has_its_own() -> None:
    """Sixty in eu-1 at the region's row, sixty elsewhere at the general one: neither reaches a hundred."""
    found = with_price(
        table(
            UsageRecords,
            """
            region_id | consumed_quantity
            eu-1      |                60
            us-1      |                60
            """,
        ),
        table(
            SkuPrices,
            """
            sku_price_id | region_id | list_unit_price | free_quantity
            general      |           |               1 |           100
            eu           | eu-1      |               1 |           100
            """,
        ),
    )
    assert_table(
        found,
        RatingLines,
        """
        sku_price_id | list_cost
        general      |         0
        eu           |         0
        """,
    )


BOTH_HALVES = table(
    UsageRecords,
    """
    charge_period_start | consumed_quantity
    2026-10-10T00:00Z   |                60
    2026-10-20T00:00Z   |                60
    """,
)


@pytest.mark.parametrize(
    ("free_of_the_old", "free_of_the_new", "old", "new"),
    [
        ("100", "100", "0", "40.00"),
        ("100", "50", "0", "120.00"),
        ("100", "0", "0", "120.00"),
        ("50", "100", "10.00", "40.00"),
        ("0", "200", "60.00", "0"),
    ],
)
def test_a_new_price_counts_on_with_its_own_bound(
    free_of_the_old: str, free_of_the_new: str, old: str, new: str
) -> None:
    """Hours 1 to 60 are at 1.00, 61 to 120 at 2.00. With a hundred free throughout, 20 of the new ones are above; with
    50 free, all of them; with 200 free, none.
    """
    found = with_price(
        BOTH_HALVES,
        table(
            SkuPrices,
            f"""
            sku_price_id | list_unit_price |     free_quantity | valid_from | valid_until
            old          |               1 | {free_of_the_old} | 2026-01-01 | 2026-10-15
            new          |               2 | {free_of_the_new} | 2026-10-15 |
            """,
        ),
    )
    assert_table(
        found,
        RatingLines,
        f"""
        sku_price_id | list_cost
        old          |     {old}
        new          |     {new}
        """,
    )


def test_prices_of_different_models_count_together() -> None:
    """Sixty at a unit price, then sixty at a tiered one: 20 above a hundred, ten at 2.00 and ten at 1.00."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | price_model | list_unit_price | free_quantity | valid_from | valid_until
            old          | unit        |               1 |           100 | 2026-01-01 | 2026-10-15
            new          | graduated   |                 |           100 | 2026-10-15 |
            """,
        ),
        price_tiers=table(
            PriceTiers,
            """
            sku_price_id | up_to | unit_price
            new          |    10 |       2.00
            new          |       |       1.00
            """,
        ),
        usage_records=BOTH_HALVES,
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |         0
        new          |     30.00
        """,
    )


TIERS = table(
    PriceTiers,
    """
    up_to | unit_price
    10    |       2.00
          |       1.00
    """,
)
FIVE_FREE = table(
    SkuPrices,
    """
    price_model | free_quantity
    graduated   |             5
    """,
)


def test_tiers_are_filled_by_what_is_left() -> None:
    """Of twelve hours seven are left: 14.00. Of 18 thirteen are: 20.00 + 3.00."""
    for hours, cost in (("12", "14.00"), ("18", "23.00")):
        billed = bill(
            sku_prices=FIVE_FREE, price_tiers=TIERS, usage_records=table(UsageRecords, f"consumed_quantity\n{hours}")
        )
        assert_table(billed.rating_lines, RatingLines, f"list_cost\n{cost}")


def test_a_cost_is_shared_by_what_is_left() -> None:
    """The website's eight hours came first and lost five. Three and four are left, 14.00: 6.00 and 8.00."""
    billed = bill(
        sku_prices=FIVE_FREE,
        price_tiers=TIERS,
        usage_records=table(
            UsageRecords,
            """
            sub_account_id | charge_period_start | consumed_quantity
            website        | 2026-10-05T00:00Z   |                 8
            app            | 2026-10-10T00:00Z   |                 4
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sub_account_id | pricing_quantity | list_cost
        website        |                8 |      6.00
        app            |                4 |      8.00
        """,
    )


def test_blocks_are_started_by_what_is_left() -> None:
    """5.00 per started hundred, the first hundred free: 100 hours start none, 201 start two."""
    price = table(
        SkuPrices,
        """
        price_model | package_size | list_unit_price | free_quantity
        package     |          100 |               5 |           100
        """,
    )
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n100"), price), RatingLines, "list_cost\n0")
    assert_table(with_price(table(UsageRecords, "consumed_quantity\n201"), price), RatingLines, "list_cost\n10.00")


def test_the_volume_reached_is_that_of_what_is_left() -> None:
    """Twelve hours, five free: seven are left, all at the price of up to ten."""
    price = table(
        SkuPrices,
        """
        price_model | free_quantity
        volume      |             5
        """,
    )
    billed = bill(sku_prices=price, price_tiers=TIERS, usage_records=table(UsageRecords, "consumed_quantity\n12"))
    assert_table(billed.rating_lines, RatingLines, "list_cost\n14.00")


def test_a_payment_inside_it_pays_no_fee() -> None:
    """Fifty free at 2.9 % and 0.30. 40.00 costs nothing; of the next 100.00 ten are free: 2.61 + 0.30."""
    found = with_price(
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-05T00:00Z   |                40
            2026-10-06T00:00Z   |               100
            """,
        ),
        table(
            SkuPrices,
            """
            price_model | list_unit_price | fixed_fee | free_quantity
            percentage  |           0.029 |      0.30 |            50
            """,
        ),
    )
    assert_table(found, RatingLines, "list_cost\n2.91")


def test_a_cut_falls_where_the_free_hours_end_in_time() -> None:
    """A discount begins on the 15th: the sixty hours before it cost nothing, of those after it twenty do."""
    billed = bill(
        sku_prices=HUNDRED_FREE,
        usage_records=BOTH_HALVES,
        discounts=table(
            Discounts,
            """
            discount_id | value | valid_from
            autumn      |    10 | 2026-10-15
            """,
        ),
    )
    assert_table(
        billed.charges,
        Charges,
        """
        charge_period_start | pricing_quantity | list_cost
        2026-10-01T00:00Z   |               60 |         0
        2026-10-15T00:00Z   |               60 |     20.00
        """,
    )


def test_a_correction_is_taken_from_what_was_charged_first() -> None:
    """130 less 20 are 110: 10.00. 130 less 130 are nothing. Of corrections alone nothing was free."""
    for records, cost in (("130\n-20", "10.00"), ("130\n-130", "0"), ("-20", "-20.00")):
        assert_table(
            with_price(table(UsageRecords, f"consumed_quantity\n{records}")), RatingLines, f"list_cost\n{cost}"
        )


def test_a_correction_may_free_what_comes_after_it() -> None:
    """90, then -20, then 50: 90 of a hundred, then 70, then 120: 20.00."""
    found = with_price(
        table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-05T00:00Z   |                90
            2026-10-06T00:00Z   |               -20
            2026-10-07T00:00Z   |                50
            """,
        )
    )
    assert_table(found, RatingLines, "list_cost\n20.00")


def test_it_is_free_each_month_anew() -> None:
    """Sixty in October and sixty in November: both within a hundred."""
    records = table(
        UsageRecords,
        """
        charge_period_start | consumed_quantity
        2026-10-31T23:00Z   |                60
        2026-11-01T00:00Z   |                60
        """,
    )
    for period, known_as_of in (("2026-10", "2026-11-03T12:00Z"), ("2026-11", "2026-12-03T12:00Z")):
        billed = bill(period, known_as_of, sku_prices=HUNDRED_FREE, usage_records=records)
        assert_table(billed.rating_lines, RatingLines, "list_cost\n0")
