"""Which accounts a changed row of a reference table reaches: what billing reads of each table, and of whom.

One function per way in which a row names whom it is for, and one line of `TABLES` per reference table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from flows.changes.sold import Sold
from rating.policies import BOUNDS

Reach = Callable[[pl.DataFrame, Sold], pl.DataFrame]
"""Changed rows to rows with the accounts they are for; a row may come more than once."""

ACCOUNT = "billing_account_id"


@dataclass(frozen=True)
class Reaching:
    """What billing reads of a table, and whom a row of it is for."""

    whom: Reach
    unread: tuple[str, ...] = ()
    """Columns that no bill depends on."""
    of_drafts: tuple[str, ...] | None = ()
    """Columns that an issued invoice keeps as they were (T4, I1), so that only drafts change; None is all of them."""
    by_start: bool = False
    """Whether the day a row begins is part of what it says: it decides an order, a cut or what is counted."""


def everyone(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """A row for all accounts."""
    return rows.drop(ACCOUNT, strict=False).join(sold.accounts.select(ACCOUNT).unique(), how="cross")


def whom_it_names(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The account that a row names."""
    del sold
    return rows.filter(pl.col(ACCOUNT).is_not_null())


def its_account_or_everyone(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The account that a row names; where it names none, all."""
    general = everyone(rows.filter(pl.col(ACCOUNT).is_null()), sold)
    return pl.concat([whom_it_names(rows, sold), general.select(rows.columns)])


def its_seller(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The accounts of a seller."""
    return rows.join(sold.accounts.select(ACCOUNT, "seller_id").unique(), on="seller_id")


def its_currency(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The accounts that are billed in a currency."""
    return rows.join(sold.accounts.select(ACCOUNT, "billing_currency").unique(), on="billing_currency")


def its_taxation(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The accounts of a jurisdiction and tax status."""
    taxed = sold.accounts.select(ACCOUNT, "tax_status", account_jurisdiction="jurisdiction").unique()
    return rows.join(taxed, on=["account_jurisdiction", "tax_status"])


def its_sku(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The accounts that are charged for a SKU."""
    return rows.join(sold.charges.select(ACCOUNT, "sku_id").unique(), on="sku_id")


def its_users(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The accounts that use a SKU, charged or not."""
    return rows.join(sold.usage.select(ACCOUNT, "sku_id").unique(), on="sku_id")


def its_price(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The accounts that use a SKU in the currency of its price; of a contract, its account alone (P4)."""
    used = rows.rename({ACCOUNT: "only_account_id"}).join(sold.usage.select(ACCOUNT, "sku_id").unique(), on="sku_id")
    of_currency = used.join(sold.accounts, on=[ACCOUNT, "billing_currency"], how="semi")
    return of_currency.filter(pl.col("only_account_id").is_null() | (pl.col("only_account_id") == pl.col(ACCOUNT)))


def its_unit(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The accounts that use what is measured in a unit; of a SKU alone, where the row names one (P2)."""
    used = sold.usage.select(ACCOUNT, "consumed_unit", used_sku_id="sku_id").unique()
    found = rows.join(used, left_on="from_unit", right_on="consumed_unit")
    return found.filter(pl.col("sku_id").is_null() | (pl.col("sku_id") == pl.col("used_sku_id")))


def its_limit(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The account that a limit names; where it names none, those that use what has its price (P10)."""
    named = whom_it_names(rows, sold)
    of_price = rows.filter(pl.col(ACCOUNT).is_null()).drop(ACCOUNT).join(sold.priced, on="sku_price_id")
    return pl.concat([named, of_price.select(named.columns)])


def its_discount(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The account that a discount names, or those that accepted its code, or that are charged for what it is for."""
    parts = [whom_it_names(rows, sold)]
    rest = rows.filter(pl.col(ACCOUNT).is_null()).drop(ACCOUNT)
    for column, known in (
        ("promo_code", sold.accepted_codes),
        ("sub_account_id", sold.charges.select(ACCOUNT, "sub_account_id")),
        ("sku_id", sold.charges.select(ACCOUNT, "sku_id")),
        ("service", _of_services(sold, "service")),
        ("feature", _of_services(sold, "feature")),
    ):
        parts.append(rest.join(known.unique(), on=column))
        rest = rest.filter(pl.col(column).is_null())
    parts.append(everyone(rest, sold))
    return pl.concat([part.select(rows.columns) for part in parts])


def _of_services(sold: Sold, column: str) -> pl.DataFrame:
    """Who is charged for anything of a service or feature; charges without a SKU are of one that is called `other`."""
    of_skus = sold.charges.join(sold.services, on="sku_id").select(ACCOUNT, column)
    plain = sold.charges.filter(pl.col("sku_id").is_null()).select(ACCOUNT, pl.lit("other").alias(column))
    return pl.concat([of_skus, plain])


def its_code(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The accounts that accepted a code."""
    return rows.join(sold.accepted_codes, on="promo_code")


NO_BILL = (
    *("closed_through", "credit_hysteresis", "credit_restricted", "credit_warning"),
    *("earliest_open_period", "grace_days", "late_usage"),
    *BOUNDS,
)
"""Policies that say when something is posted, shown, landed or held, not what is billed."""


def its_policy(rows: pl.DataFrame, sold: Sold) -> pl.DataFrame:
    """The account that a policy is for, or all; nobody for what changes no bill."""
    return its_account_or_everyone(rows.filter(~pl.col("policy").is_in(NO_BILL)), sold)


TABLES: dict[str, Reaching] = {
    "sellers": Reaching(
        its_seller,
        unread=("accounting_year_start", "invoice_number_pattern", "credit_note_number_pattern"),
        of_drafts=None,
    ),
    "billing_accounts": Reaching(
        whom_it_names,
        unread=("domain", "parent_account_id", "is_main_in_domain", "credit_limit", "payment_terms_days"),
        of_drafts=("legal_name", "address", "seller_id", "jurisdiction", "region", "tax_status"),
    ),
    "skus": Reaching(its_sku, unread=("allows_corrections",), of_drafts=("description", "classification_code")),
    "unit_conversions": Reaching(its_unit),
    "sku_prices": Reaching(its_price, by_start=True),
    "recurring_items": Reaching(whom_it_names, by_start=True),
    "spend_limits": Reaching(its_limit),
    "discounts": Reaching(its_discount),
    "promo_codes": Reaching(
        its_code,
        unread=(
            *("kind", "value", "billing_currency", "window_start", "duration", "include", "exclude", "accounts"),
            *("total_limit", "per_account_limit", "valid_from", "valid_until"),
        ),
    ),
    "tax_rates": Reaching(its_taxation, of_drafts=None, by_start=True),
    "currencies": Reaching(its_currency),
    "billing_policies": Reaching(its_policy),
    "cost_policies": Reaching(whom_it_names, by_start=True),
}
"""What each table reaches. Tiers come with their prices (`with_tiers`). Of `sub_accounts`, `grant_kinds` and
`principals` no bill reads anything: what counts of them was decided when usage landed or an operation was accepted."""
