"""Tier pools: what counts together for tiers, blocks and free quantity (P3, P6)."""

import polars as pl

from rating.rows import packed

POOL_KEY = ["sold_id", "tier_scope", "price_region_id", "pool_project", "pool_resource", "pool_place"]
"""Over what they count: by account and SKU, in `tier_scope`, by region of the price."""


def with_pools(rows: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Give each priced row what it counts together with: pool_id, the same for equal `POOL_KEY` (P6)."""
    owners = classes.select(*_OWNERS, is_nameless=pl.col("resource_id").is_null())[rows["class_id"]]
    by_project, by_resource = pl.col("tier_scope") == "sub_account", pl.col("tier_scope") == "resource"
    nameless = by_resource & pl.col("is_nameless")
    words = pl.col("tier_scope", "price_region_id").to_physical().cast(pl.Int64) + 1
    # what counts does, what does not is zero
    numbers = rows.select("sold_id", "tier_scope", "price_region_id").hstack(owners)
    pool = numbers.select(
        "sold_id",
        words.fill_null(0),
        pool_project=pl.when(by_project | nameless).then(pl.col("sub_account_id_no") + 1).otherwise(0),
        pool_resource=pl.when(by_resource & ~nameless).then(pl.col("resource_id_no") + 1).otherwise(0),
        pool_place=pl.when(nameless).then(pl.col("region_id_no") + 1).otherwise(0),
    )
    return rows.with_columns(packed(pool.select(POOL_KEY)).rank("dense").alias("pool_id"))


_OWNERS = ["sub_account_id_no", "resource_id_no", "region_id_no"]
