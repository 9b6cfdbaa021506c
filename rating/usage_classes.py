"""Usage classes and their stretches: what decides a price, and for how long (P4, P5, P7).

Usage is metered by series; everything that decides a price is the same for all series of a *class* (account, project,
SKU, region, unit, category; resource where the price or the policy asks). A class has a *timeline* of *stretches*:
half-open stretches of the period in which price, conversion factor and cuts stay the same. Classes with the same prices
and conversions and without cuts share a timeline, so that what is worked out here is little, however many classes.
"""

import numpy as np
import polars as pl

from rating.dates import FOREVER, instants, timeline
from rating.quantities import decimals
from rating.rows import in_words, is_new, kinds, packed, sorting

CLASS_KEY = [
    "billing_account_id",
    "sub_account_id",
    "resource_id",
    "sku_id",
    "region_id",
    "consumed_unit",
    "charge_category",
]
LINE_ORDER = ["service", "sku_id", "sub_account_id", "region_id", "resource_id", "charge_category"]
"""Rating lines of an account stand in this order, after their start and before their price row (G5)."""
SKU_TERMS = ["meter", "quantity_rounding", "quantity_increment", "quantity_rounding_scope", "allows_corrections"]
"""How a SKU's use is counted."""

ACCOUNT = ["period_start", "period_end", "time_zone", "billing_currency"]


def numbered_prices(sku_prices: pl.DataFrame, price_tiers: pl.DataFrame) -> pl.DataFrame:
    """Price rows, each with a number: one dated row is one price. Numbers go by id, then by `valid_from`.

    Makes    SkuPrices with price_row, price_region_id, price_decimals: how many decimals its quantities have
    """
    rows = sku_prices.sort("sku_price_id", "valid_from", nulls_last=True).with_row_index("price_row")
    bounds = price_tiers.group_by("sku_price_id").agg(decimals("up_to").max().alias("bound_decimals"))
    own = pl.max_horizontal(decimals("free_quantity"), decimals("per_quantity"), decimals("package_size"))
    return (
        rows.join(bounds, on="sku_price_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("price_row").cast(pl.Int64),
            price_region_id="region_id",
            price_decimals=pl.max_horizontal(own, "bound_decimals"),
        )
        .drop("bound_decimals")
    )


def usage_classes(
    series: pl.DataFrame, accounts: pl.DataFrame, skus: pl.DataFrame, prices: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number what differs in price or scope: the classes, in the order of their rating lines, and each series' class.

    Texts are compared once, as numbers in the order of the texts; a `…_no` is such a number, a null goes last.

    Reads    UsageSeries with charge_category, account periods, Skus, numbered prices
    Makes    classes: class_id (their row), line_class (the classes of one line, but for its price), sold_id (the
             classes of one account and SKU), account_no, the keys, the SKU's and the account's columns
             members: series_id, class_id
    """
    accounts = accounts.sort("billing_account_id").with_row_index("account_no")
    account_no = series["billing_account_id"].cast(pl.Enum(accounts["billing_account_id"]), strict=False).to_physical()
    is_open = account_no.is_not_null()
    series = series.filter(is_open).with_columns(account_no=account_no.filter(is_open).cast(pl.UInt32))
    skus_then = _skus_then(series, accounts, skus)
    series = series.with_columns(_sku_rows(series, accounts, skus_then))
    by_resource = prices.filter(pl.col("tier_scope") == "resource")["sku_id"].unique()
    line_by_resource = (accounts["line_grain"] == "resource")[series["account_no"]]
    keeps = line_by_resource | skus_then["sku_id"].is_in(by_resource.implode())[series["sku_row"]]
    series = series.with_columns(
        resource_id=pl.when(keeps).then("resource_id"), line_resource_id=pl.when(line_by_resource).then("resource_id")
    )
    numbers = {f"{name}_no": _numbered(series[name]) for name in _NUMBERED}
    place = series.select("series_id", "account_no", "sku_row", **numbers).with_row_index("row")
    place = _in_class_order(place)
    first = place.filter(pl.col("class_id") != pl.col("class_id").shift(1, fill_value=-1))
    terms = accounts.select(
        "billing_period",
        *ACCOUNT,
        "last_instant",
        "line_grain",
        "rounding_charges",
        "exponent",
        "spanning_records",
        currency_no=_numbered(accounts["billing_currency"]),
    )
    terms = in_words(terms, "rounding_charges")
    keys = series.select(*CLASS_KEY, "line_resource_id")[first["row"]]
    classes = pl.concat(
        [
            first.drop("row", "series_id"),
            keys,
            terms[first["account_no"]],
            skus_then.drop(*_SKU_KEY, "sku_row")[first["sku_row"]],
        ],
        how="horizontal",
    )
    # in one piece, because rows are taken from them by number: that is three times as fast
    return classes.rechunk(), place.select("series_id", "class_id").rechunk()


def _sku_rows(series: pl.DataFrame, accounts: pl.DataFrame, skus_then: pl.DataFrame) -> pl.Series:
    """The row of `skus_then` of each series, found by number."""
    texts = series["sku_id"].unique().sort()
    instants_asked = skus_then.select(_SKU_KEY[1:]).unique(maintain_order=True).with_row_index("instant_no")
    number = {name: pl.col(name).cast(pl.Int64) for name in ("sku_no", "instant_no")}
    known = skus_then.join(instants_asked, on=_SKU_KEY[1:]).with_columns(sku_no=_places(skus_then["sku_id"], texts))
    cell = number["sku_no"] * instants_asked.height + number["instant_no"]
    table = np.zeros(texts.len() * max(instants_asked.height, 1), dtype=np.uint32)
    table[known.select(cell).to_series().to_numpy()] = known["sku_row"].to_numpy()
    at = accounts.join(instants_asked, on=_SKU_KEY[1:], how="left", maintain_order="left")["instant_no"]
    asked = series.select(sku_no=_places(series["sku_id"], texts)).with_columns(at[series["account_no"]])
    return pl.Series("sku_row", table[asked.select(cell).to_series().to_numpy()])


def _in_class_order(place: pl.DataFrame) -> pl.DataFrame:
    """Series in the order of their lines, with the numbers of what they belong to."""
    sold = packed(place.select("account_no", "sku_row"))
    line = packed(pl.DataFrame([sold.alias("sold")]).hstack(place.select(_LINE_NUMBERS[2:])))
    whole = packed(pl.DataFrame([line.alias("line")]).hstack(place.select("resource_id_no", "consumed_unit_no")))
    keys = pl.DataFrame({"class_id": whole, "line_class": line, "sold_id": sold})
    order = pl.Series(sorting(whole.to_numpy()))
    counted = keys[order].select(is_new(name).cast(pl.Int64).cum_sum().alias(name) for name in keys.columns)
    return place[order].hstack(counted.with_columns(pl.col("class_id") - 1))


_SKU_KEY = ["sku_id", "last_instant", "time_zone"]
_NUMBERED = ["sub_account_id", "region_id", "line_resource_id", "charge_category", "resource_id", "consumed_unit"]
_LINE_NUMBERS = [
    "account_no",
    "sku_row",
    "sub_account_id_no",
    "region_id_no",
    "line_resource_id_no",
    "charge_category_no",
]
"""`LINE_ORDER` within an account; SKU rows are numbered by service, then SKU."""


def _numbered(texts: pl.Series) -> pl.Series:
    """Texts as their place in the order of all of them; a null goes last."""
    known = texts.unique().drop_nulls().sort()
    if known.is_empty():
        return pl.Series(texts.name, np.zeros(texts.len(), dtype=np.int64))
    return _places(texts, known).fill_null(known.len())


def _places(texts: pl.Series, known: pl.Series) -> pl.Series:
    """The place of each text among those known; a null has none."""
    return texts.cast(pl.Enum(known)).to_physical().cast(pl.Int64)


def _skus_then(series: pl.DataFrame, accounts: pl.DataFrame, skus: pl.DataFrame) -> pl.DataFrame:
    """The SKUs in use as they are at the last instant of each account's period, numbered by service and SKU."""
    instants_asked = accounts.select("last_instant", "time_zone").unique()
    keys = series.select("sku_id").unique().join(instants_asked, how="cross")
    rows = with_sku_terms(keys, skus).sort("service", *_SKU_KEY, nulls_last=True)
    return rows.with_row_index("sku_row")


def with_sku_terms(keys: pl.DataFrame, skus: pl.DataFrame) -> pl.DataFrame:
    """The SKU as it is at the last instant of the period; one that ended before then as it was last."""
    rows = skus.rename({"description": "charge_description", "tags": "sku_tags"})
    dated = keys.select("sku_id", "last_instant", "time_zone").unique().join(rows, on="sku_id")
    known = instants(dated).filter(pl.col("starts") <= pl.col("last_instant"))
    last = known.sort("starts").unique(["sku_id", "last_instant", "time_zone"], keep="last", maintain_order=True)
    last = last.drop("starts", "ends", "valid_from", "valid_until")
    return keys.join(last, on=["sku_id", "last_instant", "time_zone"], how="left")


def timelines(
    classes: pl.DataFrame, prices: pl.DataFrame, unit_conversions: pl.DataFrame, cuts: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The stretches of each class: price, factor and segment are the same throughout one.

    A segment is what becomes a charge: the time its price row is in force, between two cuts. Another price that lies in
    between does not cut it, nor does a change of conversion (P5, P6).

    Reads    classes, numbered prices, UnitConversions, cuts (class_id, at)
    Makes    classes with timeline_id
             stretches: in the order of timeline_id and stretch, which counts from 0: starts, ends, line_start,
             segment_start, segment_end, price_row, numerator, denominator: a null price or factor is one that is not
             in force; and of the SKU, which is one throughout, `SKU_TERMS`
    Source   P2, P4, P5, P7
    """
    some, kind_of = _kinds(classes, prices, cuts)
    some, price_points = _prices_in_force(some, prices)
    some, factor_points = _factors_in_force(some, unit_conversions)
    is_cut = pl.col("class_id").is_in(cuts["class_id"].unique().implode())
    some = some.with_columns(
        cut_class=pl.when(is_cut).then("class_id"), same_unit=pl.col("consumed_unit") == pl.col("pricing_unit")
    )
    key = ["price_key", "factor_key", "cut_class", "same_unit"]
    lines = some.select(*key, "period_start", "period_end", *SKU_TERMS).unique(key).sort(key, nulls_last=True)
    lines = lines.with_row_index("timeline_id")
    some = some.join(lines.select(*key, "timeline_id"), on=key, nulls_equal=True, maintain_order="left")
    price_points = price_points.join(lines.select("timeline_id", "price_key"), on="price_key").drop("price_key")
    factor_points = factor_points.join(lines.select("timeline_id", "factor_key"), on="factor_key").drop("factor_key")
    cut_points = cuts.join(lines.select("timeline_id", class_id="cut_class"), on="class_id").drop("class_id")
    classes = classes.with_columns(some["timeline_id"][kind_of])
    return classes, _stretches(lines, price_points, factor_points, cut_points)


def _kinds(classes: pl.DataFrame, prices: pl.DataFrame, cuts: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """One class of each kind, and the place of each class's kind among them.

    Classes are of one kind where they must have the same timeline: the same SKU, currency and unit; and the same region
    and account where prices of the SKU name one; a class that is cut is a kind of its own.
    """
    of_class = classes.select("sku_row", "currency_no", "consumed_unit_no", region="region_id_no", account="account_no")
    for name, named in (("region", "price_region_id"), ("account", "billing_account_id")):
        some = prices.filter(pl.col(named).is_not_null())["sku_id"].unique()
        matters = classes["sku_id"].is_in(some.implode()) if some.len() else pl.lit(value=False)
        of_class = of_class.with_columns(pl.when(matters).then(name).otherwise(-1).cast(pl.Int64) + 1)
    cut = np.zeros(classes.height, dtype=np.int64)
    cut_classes = cuts["class_id"].unique().to_numpy()
    cut[cut_classes] = cut_classes + 1
    key = packed(of_class.with_columns(cut=pl.Series(cut)))
    first, kind_of = kinds(key)
    return classes[first], kind_of


def _prices_in_force(classes: pl.DataFrame, prices: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The price, stretch by stretch: contract before book, region before general, latest, id.

    Makes    classes with price_key: the same for classes that have the same prices to choose from
             price_key, at, price_row (null: none is in force), starts, ends: those of the price row
    Source   P4
    """
    prices = prices.rename({"billing_account_id": "contract_account_id"}).drop("region_id")
    sold = ["sku_id", "billing_currency"]
    # an account or a region matters only where a price names it
    contracts = prices.select(*sold, billing_account_id="contract_account_id", own_account="contract_account_id")
    regions = prices.select(*sold, region_id="price_region_id", own_region="price_region_id")
    for named in (contracts, regions):
        on = [*sold, named.columns[2]]
        classes = classes.join(named.drop_nulls().unique(), on=on, how="left", maintain_order="left")
    no_account, no_region = pl.lit(-1, dtype=pl.Int64), pl.lit(-1, dtype=pl.Int64)
    classes = classes.with_columns(
        own_account_no=pl.when(pl.col("own_account").is_null()).then(no_account).otherwise("account_no"),
        own_region_no=pl.when(pl.col("own_region").is_null()).then(no_region).otherwise("region_id_no"),
    )
    key = ["sku_row", "currency_no", "own_account_no", "own_region_no"]
    named_columns = [*sold, "own_account", "own_region", "period_start", "period_end", "time_zone"]
    keys = classes.select(*key, *named_columns).unique(key).sort(key).with_row_index("price_key")
    classes = classes.join(keys.select(*key, "price_key"), on=key, how="left", maintain_order="left")
    classes = classes.drop("own_account", "own_region", "own_account_no", "own_region_no")
    general, regional = pl.col("contract_account_id").is_null(), pl.col("price_region_id").is_not_null()
    own = [*sold, "own_account"]
    rows = prices.with_columns(own_account="contract_account_id", own_region="price_region_id")
    candidates = pl.concat(
        [
            keys.join(rows.filter(general & ~regional).drop("own_account", "own_region"), on=sold),
            keys.join(rows.filter(general & regional).drop("own_account"), on=[*sold, "own_region"]),
            keys.join(rows.filter(~general & ~regional).drop("own_region"), on=own),
            keys.join(rows.filter(~general & regional), on=[*own, "own_region"]),
        ],
        how="diagonal",
    )
    first = [pl.col("contract_account_id").is_null(), pl.col("price_region_id").is_null()]
    then = [pl.col("starts"), pl.col("sku_price_id")]
    found = timeline(instants(candidates), "price_key", [*first, *then], [False, False, True, False])
    return classes, _whole_period(found.select("price_key", "at", "price_row", "starts", "ends"), keys, "price_key")


def _factors_in_force(classes: pl.DataFrame, unit_conversions: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The exact factor from consumed to pricing unit, stretch by stretch, for classes that need one.

    Makes    classes with factor_key · factor_key, at, numerator, denominator (null: no conversion is in force)
    Source   P2, M3
    """
    units = ["consumed_unit", "pricing_unit"]
    key = ["sku_row", "consumed_unit_no"]
    needed = classes.filter(pl.col("consumed_unit") != pl.col("pricing_unit"))
    columns = ["sku_id", *units, "period_start", "period_end", "time_zone"]
    keys = needed.select(*key, *columns).unique(key).sort(key).with_row_index("factor_key")
    classes = classes.join(keys.select(*key, "factor_key"), on=key, how="left", maintain_order="left")
    rows = unit_conversions.rename({"from_unit": "consumed_unit", "to_unit": "pricing_unit", "sku_id": "only_sku_id"})
    candidates = keys.join(rows, on=units)
    candidates = candidates.filter(pl.col("only_sku_id").is_null() | (pl.col("only_sku_id") == pl.col("sku_id")))
    found = timeline(
        instants(candidates), "factor_key", [pl.col("only_sku_id").is_null(), pl.col("starts")], [False, True]
    )
    return classes, _whole_period(found.select("factor_key", "at", "numerator", "denominator"), keys, "factor_key")


def _whole_period(found: pl.DataFrame, keys: pl.DataFrame, key: str) -> pl.DataFrame:
    """What has no candidate at all has one stretch with nothing in force."""
    rest = keys.join(found, on=key, how="anti").select(key, at="period_start")
    return pl.concat([found, rest], how="diagonal").sort(key, "at")


def _stretches(lines: pl.DataFrame, prices: pl.DataFrame, factors: pl.DataFrame, cuts: pl.DataFrame) -> pl.DataFrame:
    key = ["timeline_id", "at"]
    points = pl.concat([prices.select(key), factors.select(key), cuts.select(key)]).unique()
    # "none in force" is a value to carry forward like any other: a price row of -1, a factor of zero
    prices = prices.select(
        *key, pl.col("price_row").fill_null(-1), price_starts="starts", price_ends=pl.col("ends").fill_null(FOREVER)
    )
    factors = factors.with_columns(pl.col("numerator", "denominator").fill_null(0))
    carried = ["price_row", "price_starts", "price_ends", "numerator", "denominator", "cut"]
    rows = (
        points.sort(key)
        .join(prices, on=key, how="left", maintain_order="left")
        .join(factors, on=key, how="left", maintain_order="left")
        .join(cuts.with_columns(cut="at"), on=key, how="left", maintain_order="left")
        .with_columns(
            pl.col(carried).forward_fill().over("timeline_id"),
            next_cut=pl.col("cut").backward_fill().shift(-1).over("timeline_id"),
        )
        .filter(_begins_something())
        .join(lines, on="timeline_id", how="left", maintain_order="left")
    )
    one = pl.when("same_unit").then(1)
    line_start = pl.max_horizontal("period_start", "price_starts")
    return rows.select(
        "timeline_id",
        pl.int_range(pl.len(), dtype=pl.Int64).over("timeline_id").alias("stretch"),
        pl.col("at").alias("starts"),
        pl.col("at").shift(-1).over("timeline_id").fill_null(pl.col("period_end")).alias("ends"),
        line_start.alias("line_start"),
        pl.max_horizontal(line_start, "cut").alias("segment_start"),
        pl.min_horizontal("period_end", "price_ends", "next_cut").alias("segment_end"),
        pl.when(pl.col("price_row") >= 0).then("price_row").alias("price_row"),
        pl.coalesce(one, pl.when(pl.col("numerator") != 0).then("numerator")).alias("numerator"),
        pl.coalesce(one, pl.when(pl.col("denominator") != 0).then("denominator")).alias("denominator"),
        *SKU_TERMS,
    )


def _begins_something() -> pl.Expr:
    """Whether anything is another from here on: a price that begins behind a better one parts no record (U4)."""
    known = pl.col("price_row", "numerator", "denominator", "cut")
    return pl.any_horizontal(known.ne_missing(known.shift(1).over("timeline_id")))


def breaks(stretches: pl.DataFrame, classes: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """The stretches as metering needs them: by series, only where there is more than one."""
    several = stretches.filter(pl.len().over("timeline_id") > 1).select("timeline_id", "stretch", "starts", "ends")
    found = several.join(classes.select("class_id", "timeline_id"), on="timeline_id").join(members, on="class_id")
    return found.select("series_id", "stretch", "starts", "ends")
