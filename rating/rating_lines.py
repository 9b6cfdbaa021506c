"""Rating lines: an account's use of a SKU at one price, costed and rounded once (P4, P5, P6).

Usage is metered by series; everything that decides a price is the same for all series of a *class* (account, project,
SKU, region, unit; resource where the price or the policy asks). A class has *stretches*: half-open stretches of the
period in which price, conversion factor and cuts stay the same. Usage is summed per series and stretch, rolled up to
*parts* of rating lines, priced, rounded and split.
"""

import math

import polars as pl

from rating.dates import FOREVER, instants, latest, timeline
from rating.money import PRICE_ONE, rounded, scaled, share
from rating.price_models import PRICE_MODELS

CLASS_KEY = ["billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "consumed_unit"]
LINE_KEY = ["billing_account_id", "sub_account_id", "line_resource_id", "sku_id", "region_id", "sku_price_id"]
LINE_ORDER = ["service", "sku_id", "sub_account_id", "region_id", "resource_id"]
ACCOUNT = ["period_start", "period_end", "time_zone", "billing_currency"]


def usage_classes(
    series: pl.DataFrame, accounts: pl.DataFrame, skus: pl.DataFrame, sku_prices: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number what differs in price or scope: the classes, and the class of each series.

    Reads    UsageSeries, account periods, Skus, SkuPrices
    Makes    classes: class_id, the keys, the SKU's and the account's columns · members: series_id, class_id
    """
    by_resource = sku_prices.filter(pl.col("tier_scope") == "resource")["sku_id"].unique()
    series = series.join(
        accounts.select("billing_account_id", "line_grain"), on="billing_account_id", maintain_order="left"
    )
    series = series.with_columns(
        resource_id=pl.when((pl.col("line_grain") == "resource") | pl.col("sku_id").is_in(by_resource.implode())).then(
            pl.col("resource_id")
        )
    )
    keys = series.select(CLASS_KEY).unique().sort(CLASS_KEY, nulls_last=True).with_row_index("class_id")
    members = series.join(keys, on=CLASS_KEY, nulls_equal=True).select("series_id", "class_id")
    classes = keys.join(
        accounts.select(
            "billing_account_id",
            "billing_period",
            *ACCOUNT,
            "last_instant",
            "line_grain",
            "rounding_charges",
            "exponent",
        ),
        on="billing_account_id",
        maintain_order="left",
    )
    classes = latest(classes, _sku_terms(skus), ["sku_id"], "last_instant")
    return classes.with_columns(
        line_resource_id=pl.when(pl.col("line_grain") == "resource").then(pl.col("resource_id")),
        charge_category=pl.lit("usage"),
    ), members


def _sku_terms(skus: pl.DataFrame) -> pl.DataFrame:
    return skus.rename({"description": "charge_description", "tags": "sku_tags"})


def prices_in_force(classes: pl.DataFrame, sku_prices: pl.DataFrame) -> pl.DataFrame:
    """The price of each class, stretch by stretch: contract before book, region before general, latest, id.

    Makes    class_id, at, sku_price_id (null: none is in force), starts, ends: those of the price row
    Source   P4
    """
    rows = sku_prices.rename({"region_id": "price_region_id", "billing_account_id": "contract_account_id"})
    candidates = classes.select("class_id", "billing_account_id", "sku_id", "region_id", *ACCOUNT).join(
        rows, on=["sku_id", "billing_currency"]
    )
    candidates = candidates.filter(
        (pl.col("price_region_id").is_null() | (pl.col("price_region_id") == pl.col("region_id")))
        & (pl.col("contract_account_id").is_null() | (pl.col("contract_account_id") == pl.col("billing_account_id")))
    )
    found = timeline(
        instants(candidates),
        "class_id",
        [
            pl.col("contract_account_id").is_null(),
            pl.col("price_region_id").is_null(),
            pl.col("starts"),
            pl.col("sku_price_id"),
        ],
        [False, False, True, False],
    ).select("class_id", "at", "sku_price_id", "starts", "ends")
    return _whole_period(found, classes)


def factors_in_force(classes: pl.DataFrame, unit_conversions: pl.DataFrame) -> pl.DataFrame:
    """The exact factor from consumed to pricing unit of each class that needs one, stretch by stretch.

    Makes    class_id, at, numerator, denominator (null: no conversion is in force)
    Source   P2, M3
    """
    needed = classes.filter(pl.col("consumed_unit") != pl.col("pricing_unit"))
    rows = unit_conversions.rename({"from_unit": "consumed_unit", "to_unit": "pricing_unit", "sku_id": "only_sku_id"})
    candidates = needed.select("class_id", "sku_id", "consumed_unit", "pricing_unit", *ACCOUNT).join(
        rows, on=["consumed_unit", "pricing_unit"]
    )
    candidates = candidates.filter(pl.col("only_sku_id").is_null() | (pl.col("only_sku_id") == pl.col("sku_id")))
    found = timeline(
        instants(candidates), "class_id", [pl.col("only_sku_id").is_null(), pl.col("starts")], [False, True]
    ).select("class_id", "at", "numerator", "denominator")
    return _whole_period(found, needed)


def _whole_period(found: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """A class without any candidate has one stretch with nothing in force."""
    rest = classes.join(found, on="class_id", how="anti").select("class_id", at="period_start")
    return pl.concat([found, rest], how="diagonal").sort("class_id", "at")


def stretches(classes: pl.DataFrame, prices: pl.DataFrame, factors: pl.DataFrame, cuts: pl.DataFrame) -> pl.DataFrame:
    """The stretches of each class: price, factor and segment are the same throughout one.

    A segment is what becomes a charge: the time its price row is in force, between two cuts. Another price that lies in
    between does not cut it, nor does a change of conversion (P5, P6).

    Reads    prices (class_id, at, sku_price_id, starts, ends), factors (class_id, at, numerator, denominator),
             cuts (class_id, at)
    Makes    class_id, stretch, starts, ends, line_start, segment_start, segment_end, sku_price_id, numerator,
             denominator; a null price or factor is one that is not in force
    """
    points = pl.concat([prices.select("class_id", "at"), factors.select("class_id", "at"), cuts]).unique()
    # "none in force" is a value to carry forward like any other: an empty id, a factor of zero
    prices = prices.select(
        "class_id",
        "at",
        pl.col("sku_price_id").fill_null(""),
        price_starts="starts",
        price_ends=pl.col("ends").fill_null(FOREVER),
    )
    factors = factors.with_columns(pl.col("numerator", "denominator").fill_null(0))
    rows = (
        points.sort("class_id", "at")
        .join(prices, on=["class_id", "at"], how="left", maintain_order="left")
        .join(factors, on=["class_id", "at"], how="left", maintain_order="left")
        .join(cuts.with_columns(cut="at"), on=["class_id", "at"], how="left", maintain_order="left")
        .with_columns(
            pl.col("sku_price_id", "price_starts", "price_ends", "numerator", "denominator", "cut")
            .forward_fill()
            .over("class_id"),
            next_cut=pl.col("cut").backward_fill().shift(-1).over("class_id"),
        )
        .join(
            classes.select(
                "class_id", "period_start", "period_end", same_unit=pl.col("consumed_unit") == pl.col("pricing_unit")
            ),
            on="class_id",
            how="left",
            maintain_order="left",
        )
    )
    one = pl.when("same_unit").then(1)
    line_start = pl.max_horizontal("period_start", "price_starts")
    return rows.select(
        "class_id",
        pl.int_range(pl.len()).over("class_id").alias("stretch"),
        pl.col("at").alias("starts"),
        pl.col("at").shift(-1).over("class_id").fill_null(pl.col("period_end")).alias("ends"),
        line_start.alias("line_start"),
        pl.max_horizontal(line_start, "cut").alias("segment_start"),
        pl.min_horizontal("period_end", "price_ends", "next_cut").alias("segment_end"),
        _none("sku_price_id", ""),
        pl.coalesce(one, _none("numerator", 0)).alias("numerator"),
        pl.coalesce(one, _none("denominator", 0)).alias("denominator"),
    )


def _none(column: str, nothing: str | int) -> pl.Expr:
    return pl.when(pl.col(column) != nothing).then(pl.col(column)).alias(column)


def breaks(table: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """The stretches as metering needs them: by series, only where there is more than one."""
    several = table.filter(pl.len().over("class_id") > 1).select("class_id", "stretch", "starts", "ends")
    return members.join(several, on="class_id").select("series_id", "stretch", "starts", "ends")


def parts(metered: pl.DataFrame, members: pl.DataFrame, table: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Roll metered series up to class and segment, in pricing units, exactly.

    A quantity is an integer over `quantity_denominator`: the least common multiple of the SKU's conversion
    denominators, so quantities of a SKU add and compare as integers.

    Makes    class_id, line_start, segment_start, segment_end, sku_price_id, quantity [integer], quantity_denominator,
             record_count, first_record_at
    Source   P1, P2, M3
    """
    usage = metered.join(members, on="series_id").join(table, on=["class_id", "stretch"])
    usage = usage.join(classes.select("class_id", "sku_id"), on="class_id")
    common = (
        usage.select("sku_id", "denominator").unique().drop_nulls().group_by("sku_id").agg(pl.col("denominator"))
    ).select(
        "sku_id",
        pl.col("denominator").map_elements(lambda several: math.lcm(*several), pl.Int64).alias("quantity_denominator"),
    )
    usage = usage.join(common, on="sku_id", how="left").with_columns(
        quantity=scaled("consumed_quantity")
        * (pl.col("numerator") * (pl.col("quantity_denominator") // pl.col("denominator"))).cast(pl.Int128)
    )
    return (
        usage.group_by("class_id", "line_start", "segment_start", "segment_end", "sku_price_id")
        .agg(
            pl.col("quantity").sum(),
            pl.col("first_record_at").min(),
            pl.col("consumed_quantity").sum(),
            pl.col("quantity_denominator").first(),
            pl.col("record_count").sum(),
            has_factor=pl.col("numerator").is_not_null().all(),
        )
        .sort("class_id", "segment_start")
    )


def price_terms(sku_prices: pl.DataFrame, price_tiers: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Prices and tiers as scaled integers."""
    prices = sku_prices.select(
        "sku_price_id",
        "price_model",
        "tier_scope",
        pl.col("region_id").alias("price_region_id"),
        "list_unit_price",
        scaled("list_unit_price").alias("unit_price"),
        scaled("per_quantity").alias("per_quantity"),
    )
    bound = pl.col("up_to").is_null(), pl.col("up_to")
    tiers = (
        price_tiers.sort("sku_price_id", *bound)
        .with_columns(tier_start=pl.col("up_to").shift(1).over("sku_price_id"))
        .select(
            "sku_price_id",
            pl.int_range(pl.len()).over("sku_price_id").alias("tier"),
            scaled("tier_start").fill_null(0).alias("tier_start"),
            scaled("up_to").alias("tier_end"),
            scaled("unit_price").alias("tier_price"),
            (scaled("flat_fee") * pl.lit(PRICE_ONE // 10**4, dtype=pl.Int128)).alias("flat_fee"),
        )
    )
    return prices, tiers


def line_parts(parts: pl.DataFrame, classes: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Give each priced part its rating line and its tier pool.

    Makes    parts with line_id, line_order, pool_id, the class's and the price's columns, in the default order of G5
    Source   P5, P6
    """
    rows = parts.join(classes, on="class_id", maintain_order="left").join(
        prices, on="sku_price_id", maintain_order="left"
    )
    rows = rows.sort(
        "billing_account_id",
        "line_start",
        "service",
        "sku_id",
        "sub_account_id",
        "region_id",
        "line_resource_id",
        "sku_price_id",
        "segment_start",
        "class_id",
        nulls_last=True,
    )
    scope = pl.col("tier_scope")
    pool = pl.struct(
        "billing_account_id",
        scope,
        "sku_id",
        "price_region_id",
        project=pl.when(scope == "sub_account").then("sub_account_id"),
        resource=pl.when(scope == "resource").then("resource_id"),
        # a null resource is one resource per project and region (P1)
        owner=pl.when((scope == "resource") & pl.col("resource_id").is_null()).then("sub_account_id"),
        place=pl.when((scope == "resource") & pl.col("resource_id").is_null()).then("region_id"),
    )
    rows = rows.with_columns(
        line_id=pl.struct(LINE_KEY).rank("dense").cast(pl.Int64), pool_id=pool.rank("dense").cast(pl.Int64)
    )
    # the order of lines decides ties of M1; it depends on no cut
    return rows.with_row_index("line_order").with_columns(pl.col("line_order").min().over("line_id"))


def list_costs(rows: pl.DataFrame, price_tiers: pl.DataFrame) -> pl.DataFrame:
    """Cost each rating line: rounded once per line, or per pool and price row and then split over its lines.

    Reads    rows    line_parts
    Makes    line_id, list_cost_mu [mu]; null where an amount is out of bounds
    Source   P3, P5, P6, M1, M2
    """
    priced = [_costed(rows, model, price_tiers) for model in PRICE_MODELS]
    return pl.concat(priced)


def _costed(rows: pl.DataFrame, model: str, price_tiers: pl.DataFrame) -> pl.DataFrame:
    rows = rows.filter(pl.col("price_model") == model)
    grain = ["pool_id", "sku_price_id"] if PRICE_MODELS[model].is_pooled else ["line_id"]
    # one row per (part, line): a part is what is rounded, a line what it is split over
    lines = rows.group_by([*dict.fromkeys([*grain, "line_id"])], maintain_order=True).agg(pl.col("quantity").sum())
    columns = ["unit_price", "per_quantity", "quantity_denominator", "exponent", "rounding_charges"]
    whole = rows.group_by(grain, maintain_order=True).agg(
        pl.col("quantity").sum(),
        pl.col("first_record_at").min(),
        pl.col("sku_price_id").first().alias("price"),
        *(pl.col(column).first() for column in columns),
    )
    if PRICE_MODELS[model].is_pooled:
        whole = whole.sort("pool_id", "first_record_at", "price").with_columns(
            quantity_before=pl.col("quantity").cum_sum().over("pool_id") - pl.col("quantity")
        )
    else:
        whole = whole.with_columns(quantity_before=pl.lit(0, dtype=pl.Int128))
    whole = whole.with_row_index("part_id").with_columns(
        scale=pl.col("quantity_denominator").cast(pl.Int128),
        one=pl.col("quantity_denominator").cast(pl.Int128) * pl.col("per_quantity"),
        mu=pl.lit(10, dtype=pl.Int64).pow(pl.col("exponent")),
        price_one=pl.lit(PRICE_ONE, dtype=pl.Int64),
    )
    terms = PRICE_MODELS[model].terms(
        whole.drop("sku_price_id", strict=False).rename({"price": "sku_price_id"}), price_tiers
    )
    costs = rounded(
        terms.join(
            whole.select("part_id", "mu", "scale", "per_quantity", "price_one", "rounding_charges"), on="part_id"
        ),
        ["term_quantity", "term_price", "mu"],
        ["scale", "per_quantity", "price_one"],
        "rounding_charges",
        "part_id",
    )
    whole = whole.join(costs, on="part_id", how="left", maintain_order="left").with_columns(
        _entered=pl.col("part_id").is_in(terms["part_id"].unique().implode())
    )
    # a part without a term (quantity zero) costs nothing; one whose cost left the bounds stays null
    whole = whole.with_columns(
        rounded_mu=pl.when(pl.col("_entered")).then(pl.col("rounded_mu")).otherwise(pl.lit(0, dtype=pl.Int64))
    )
    split = lines.join(whole.select(*grain, "part_id", "rounded_mu"), on=grain, maintain_order="left")
    if PRICE_MODELS[model].is_pooled:
        known = split.with_columns(pl.col("rounded_mu").fill_null(0))
        split = split.with_columns(
            rounded_mu=pl.when(pl.col("rounded_mu").is_not_null()).then(
                share(known, "rounded_mu", "quantity", "part_id")
            )
        )
    return split.group_by("line_id").agg(
        list_cost_mu=pl.when(pl.col("rounded_mu").is_not_null().all()).then(pl.col("rounded_mu").sum())
    )
