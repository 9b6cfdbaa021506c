"""One small October, billed: what most rules are shown on.

Where a test says nothing, the world is this: account `acme` in Germany, UTC, euros with two decimals; every SKU costs
1.00 an hour, so that hours read as euros; 20 % VAT on `standard`, 10 % on `reduced`; the period is over.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from rating.outputs import Outputs
from schemas.billing_accounts import BillingAccounts
from schemas.currencies import Currencies
from schemas.grant_kinds import GrantKinds
from schemas.principals import Principals
from schemas.sellers import Sellers
from schemas.sku_prices import SkuPrices
from schemas.skus import Skus
from schemas.sub_accounts import SubAccounts
from schemas.tax_rates import TaxRates
from schemas.unit_conversions import UnitConversions
from tests.pipeline import decide_world, rate_world
from tests.tables import table
from tests.worlds import World

USUAL = {
    "sellers": table(Sellers, "seller_id\nnorth"),
    "billing_accounts": table(BillingAccounts, "billing_account_id\nacme"),
    "sub_accounts": table(
        SubAccounts,
        """
        sub_account_id
        app
        website
        """,
    ),
    "skus": table(
        Skus,
        """
        sku_id    | service  | feature          | tax_category | tags         | allows_corrections
        vm-large  | Cloud    | Virtual machines | standard     | []           | true
        vm-small  | Cloud    | Virtual machines | standard     | []           | true
        image     | Cloud    | Images           | standard     | ["os_image"] | true
        database  | Database |                  | standard     | []           | true
        training  | Training |                  | reduced      | []           | true
        """,
    ),
    "unit_conversions": table(
        UnitConversions,
        """
        from_unit | to_unit | numerator | denominator
        minute    | hour    |         1 |          60
        """,
    ),
    "sku_prices": table(
        SkuPrices,
        """
        sku_price_id  | sku_id   | list_unit_price
        vm-large-list | vm-large |               1
        vm-small-list | vm-small |               1
        image-list    | image    |               1
        database-list | database |               1
        training-list | training |               1
        """,
    ),
    "grant_kinds": table(
        GrantKinds,
        """
        kind         | rank | tax_position | validity | exclude                            | terminal_status
        bonus        |   10 | before       |          | []                                 | recovered
        promo        |   10 | before       |          | []                                 | recovered
        free         |   10 | before       |          | ["tag:marketplace","tag:os_image"] | recovered
        organization |   20 | before       |          | []                                 | recovered
        paid         |   30 | after        | P5Y      | []                                 | refunded
        voucher      |   10 | after        |          | []                                 | recovered
        """,
        transferable="false",
    ),
    "tax_rates": table(
        TaxRates,
        """
        tax_category | component | rate | code
        standard     | VAT       |  0.2 | S
        reduced      | VAT       |  0.1 | S
        """,
    ),
    "currencies": table(
        Currencies,
        """
        billing_currency | exponent
        EUR              |        2
        KRW              |        0
        BHD              |        3
        """,
    ),
    "principals": table(
        Principals,
        """
        principal_id | role
        operator     | staff
        """,
    ),
}
"""The tables a test need not name."""

NOTHING = (
    "usage_records",
    "price_tiers",
    "discounts",
    "promo_codes",
    "recurring_items",
    "spend_limits",
    "billing_policies",
    "operations",
    "grant_movements",
)
"""Tables that are empty unless a test names them."""

ACME = {"billing_account_id": "acme"}
BONUS = {**ACME, "kind": "bonus", "window_start": "2026-10-01"}
"""What a granted bonus is unless a test says otherwise: acme's, from the first of October on."""


def bill(
    period: str = "2026-10",
    known_as_of: str = "2026-11-03T12:00:00Z",
    first_billed: dict[str, str] | None = None,
    **tables: pl.DataFrame,
) -> Outputs:
    """The period, billed: operations decided, usage rated, documents drafted."""
    return rate_world(world(period, known_as_of, first_billed, **tables))


def decided(first_billed: dict[str, str] | None = None, **tables: Any) -> pl.DataFrame:
    """The operations, each accepted or rejected."""
    return decide_world(world(first_billed=first_billed, **tables)).operations


def granted(first_billed: dict[str, str] | None = None, **tables: Any) -> pl.DataFrame:
    """The grants that the accepted operations gave."""
    return decide_world(world(first_billed=first_billed, **tables)).grants


def world(
    period: str = "2026-10",
    known_as_of: str = "2026-11-03T12:00:00Z",
    first_billed: dict[str, str] | None = None,
    **tables: pl.DataFrame,
) -> World:
    """The tables named, beside the usual ones."""
    frames = {name: tables.get(name, USUAL.get(name)) for name in {*USUAL, *NOTHING, *tables}}
    return {
        "billing_period": period,
        "known_as_of": datetime.fromisoformat(known_as_of),
        "first_billed_periods": first_billed or {},
        **{name: [] if rows is None else rows.to_dicts() for name, rows in frames.items()},
    }
