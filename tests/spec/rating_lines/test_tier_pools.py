"""Ten hours at 2.00, the rest at 1.00, counted over the whole month and, unless the price says otherwise, over the
whole account. What a pool costs is rounded once per price row and split over its rating lines by quantity.
"""

from __future__ import annotations

from schemas.billing_accounts import BillingAccounts
from schemas.price_tiers import PriceTiers
from schemas.rating_lines import RatingLines
from schemas.sku_prices import SkuPrices
from schemas.usage_records import UsageRecords
from tests.spec.period import bill
from tests.tables import assert_table, table

title = "Tier pools: what counts together towards a tier (P6)"

TIERS = table(
    PriceTiers,
    """
    up_to | unit_price
    10    |       2.00
          |       1.00
    """,
)
TWO_PROJECTS = table(
    UsageRecords,
    """
    sub_account_id | resource_id | region_id | consumed_quantity
    website        | vm-1        | eu-1      |                 8
    app            | vm-2        | us-1      |                 4
    """,
)


def test_projects_and_regions_count_together_and_share_the_cost_by_quantity() -> None:
    """Twelve hours are 22.00. Two thirds of it are 14.666…, one third 7.333…: the missing cent goes to .67."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            price_model | tier_scope
            graduated   | account
            """,
        ),
        price_tiers=TIERS,
        usage_records=TWO_PROJECTS,
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sub_account_id | list_cost
        website        |     14.67
        app            |      7.33
        """,
    )


def test_by_project_each_project_fills_its_own_tiers() -> None:
    """Eight at 2.00 and four at 2.00."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            price_model | tier_scope
            graduated   | sub_account
            """,
        ),
        price_tiers=TIERS,
        usage_records=TWO_PROJECTS,
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sub_account_id | list_cost
        website        |     16.00
        app            |      8.00
        """,
    )


def test_by_resource_a_resource_counts_wherever_it_is() -> None:
    """vm-1 has 8 + 4 = 12 hours in two projects, 22.00, shared 14.67 and 7.33; vm-2 has 9 of its own, 18.00."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            price_model | tier_scope
            graduated   | resource
            """,
        ),
        price_tiers=TIERS,
        usage_records=table(
            UsageRecords,
            """
            sub_account_id | resource_id | consumed_quantity
            website        | vm-1        |                 8
            app            | vm-1        |                 4
            app            | vm-2        |                 9
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sub_account_id | list_cost
        website        |     14.67
        app            |     25.33
        """,
    )


def test_a_price_for_a_region_has_a_pool_of_its_own() -> None:
    """Eight in eu-1 at the region's row and four elsewhere at the general one: neither reaches ten."""
    billed = bill(
        sku_prices=table(
            SkuPrices,
            """
            sku_price_id | region_id | price_model
            general      |           | graduated
            eu           | eu-1      | graduated
            """,
        ),
        price_tiers=table(
            PriceTiers,
            """
            sku_price_id | up_to | unit_price
            general      |    10 |       2.00
            general      |       |       1.00
            eu           |    10 |       2.00
            eu           |       |       1.00
            """,
        ),
        usage_records=TWO_PROJECTS,
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_price_id | list_cost
        eu           |     16.00
        general      |      8.00
        """,
    )


CHANGE = table(
    SkuPrices,
    """
    sku_price_id | price_model | valid_from | valid_until
    old          | graduated   | 2026-01-01 | 2026-10-15
    new          | graduated   | 2026-10-15 |
    """,
)
BOTH_TIERS = table(
    PriceTiers,
    """
    sku_price_id | up_to | unit_price
    old          |    10 |       2.00
    old          |       |       1.00
    new          |    10 |       3.00
    new          |       |       0.50
    """,
)


def test_a_new_price_goes_on_counting_where_the_old_one_was() -> None:
    """Eight at the old 2.00. Four from the 15th: hours 9 and 10 at 3.00, hours 11 and 12 at 0.50: 7.00."""
    billed = bill(
        sku_prices=CHANGE,
        price_tiers=BOTH_TIERS,
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                 8
            2026-10-20T00:00Z   |                 4
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_price_id | pricing_quantity | list_cost
        old          |                8 |     16.00
        new          |                4 |      7.00
        """,
    )


def test_a_new_price_that_starts_past_the_first_tier_never_charges_it() -> None:
    """Twelve at the old price are 22.00; hours 13 to 15 are at 0.50."""
    billed = bill(
        sku_prices=CHANGE,
        price_tiers=BOTH_TIERS,
        usage_records=table(
            UsageRecords,
            """
            charge_period_start | consumed_quantity
            2026-10-10T00:00Z   |                12
            2026-10-20T00:00Z   |                 3
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sku_price_id | list_cost
        old          |     22.00
        new          |      1.50
        """,
    )


def test_the_part_of_a_price_row_is_rounded_once_before_it_is_split() -> None:
    """Three projects of one hour at 0.004: 0.012 → 0.01, and the cent goes to the first by name, app."""
    billed = bill(
        sku_prices=table(SkuPrices, "price_model\ngraduated"),
        price_tiers=table(PriceTiers, "unit_price\n0.004"),
        usage_records=table(
            UsageRecords,
            """
            sub_account_id | consumed_quantity
            website        |                 1
            app            |                 1
                           |                 1
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        sub_account_id | list_cost
        app            |      0.01
        website        |         0
                       |         0
        """,
    )


def test_accounts_never_count_together() -> None:
    """Eight and eight hours of two accounts are 16.00 each."""
    billed = bill(
        billing_accounts=table(BillingAccounts, "billing_account_id\nacme\nglobex"),
        sku_prices=table(SkuPrices, "price_model\ngraduated"),
        price_tiers=TIERS,
        usage_records=table(
            UsageRecords,
            """
            billing_account_id | consumed_quantity
            acme               |                 8
            globex             |                 8
            """,
        ),
    )
    assert_table(
        billed.rating_lines,
        RatingLines,
        """
        billing_account_id | list_cost
        acme               |     16.00
        globex             |     16.00
        """,
    )
