"""What accounts are charged for: which account uses which SKU, in which project and unit, by anything that charges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from flows import books
from flows.lake.journal import Snapshot
from rating.operations import ACCEPTED
from schemas.units import Text

USE = {"billing_account_id": Text, "sub_account_id": Text, "sku_id": Text, "consumed_unit": Text}

Tables = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Sold:
    """What a changed row is looked up in. Reference tables are asked as they are and as they were."""

    snapshot: Snapshot
    tables: Sequence[Tables]

    def rows(self, table: str, *columns: str) -> pl.DataFrame:
        """What a reference table says or said, each row once."""
        return pl.concat([tables[table].select(columns) for tables in self.tables]).unique()

    @cached_property
    def accounts(self) -> pl.DataFrame:
        """Every account: billing_account_id, seller_id, billing_currency, jurisdiction, tax_status."""
        return self.rows(
            "billing_accounts", "billing_account_id", "seller_id", "billing_currency", "jurisdiction", "tax_status"
        )

    @cached_property
    def usage(self) -> pl.DataFrame:
        """USE of usage and of recurring items: what has a price."""
        files = self.snapshot.files("usage_series")
        series = books.columns_of(self.snapshot.lake, files, "usage_series", tuple(USE))
        items = self.rows("recurring_items", "billing_account_id", "sub_account_id", "sku_id")
        return pl.concat([series, _uses(items)]).unique()

    @cached_property
    def charges(self) -> pl.DataFrame:
        """USE of all that is charged: usage, recurring items, charges added, and what minima lack (P10)."""
        added = books.charges_added(self.snapshot).select("billing_account_id", "sub_account_id", "sku_id")
        return pl.concat([self.usage, _uses(added), _uses(self._true_ups)]).unique()

    @cached_property
    def services(self) -> pl.DataFrame:
        """The service and feature of each SKU: sku_id, service, feature."""
        return self.rows("skus", "sku_id", "service", "feature")

    @cached_property
    def priced(self) -> pl.DataFrame:
        """The accounts that may be charged at a price, in its currency (P4): sku_price_id, billing_account_id."""
        prices = self.rows("sku_prices", "sku_price_id", "sku_id", "billing_currency")
        used = prices.join(self.usage, on="sku_id")
        billed = used.join(self.accounts, on=["billing_account_id", "billing_currency"], how="semi")
        return billed.select("sku_price_id", "billing_account_id").unique()

    @cached_property
    def accepted_codes(self) -> pl.DataFrame:
        """promo_code, billing_account_id of the codes that were accepted."""
        rows = self.snapshot.read("operations")
        rows = rows.filter((pl.col("operation") == "accept_promo_code") & (pl.col("status") == ACCEPTED))
        return rows.select("promo_code", "billing_account_id").unique()

    @cached_property
    def _true_ups(self) -> pl.DataFrame:
        limits = self.rows("spend_limits", "billing_account_id", "sku_price_id", "true_up_sku_id")
        limits = limits.drop_nulls("true_up_sku_id").rename({"true_up_sku_id": "sku_id"})
        of_prices = limits.filter(pl.col("billing_account_id").is_null()).drop("billing_account_id")
        owned = of_prices.join(self.priced, on="sku_price_id")
        return pl.concat([limits.drop_nulls("billing_account_id"), owned], how="diagonal")


def _uses(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as USE; what they do not say is null."""
    return rows.select(
        pl.col(name) if name in rows.columns else pl.lit(None, dtype).alias(name) for name, dtype in USE.items()
    )
