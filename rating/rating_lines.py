"""Rating lines: an account's use of a SKU at one price, costed and rounded once (P3, P5, P6).

A *part* is what a line is cut into at most: a class at one price in one segment. Parts add up to lines, lines and pools
are costed, and what a pool costs is split over its lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rating.money import PRICE_ONE, QUANTITY_ONE, rounded, share
from rating.price_models import BY_FIRST, BY_RECORD, PRICE_MODELS
from rating.quantities import ONE_PER_RESOURCE, decimals
from rating.rows import among_several, in_order, in_words, is_new, only, taken, where
from rating.tier_pools import with_pools
from schemas.units import Money, Price

_INT = pl.Int128
_PLACE = ["account_no", "line_start", "line_class", "price_row", "segment_start", "class_id"]
_POOLED = [name for name, model in PRICE_MODELS.items() if model.is_pooled]
_BY_LINE = [name for name in PRICE_MODELS if name not in (*_POOLED, *BY_RECORD)]
_TERMS = ["term_quantity", "term_price", "mu"]
_DIVISORS = ["scale", "per_quantity", "price_one"]


# --- prices as integers ------------------------------------------------------------


@dataclass(frozen=True)
class PriceTerms:
    """Prices and tiers as integers: quantities with the decimals the price needs, prices over its `price_one`."""

    prices: pl.DataFrame
    """price_row and what its model needs: unit_price, per_quantity, package_size, fixed_fee, minimum, maximum."""
    tiers: pl.DataFrame
    """price_row, tier, tier_start, tier_end (null: open), tier_price, flat_fee."""


def price_terms(prices: pl.DataFrame, price_tiers: pl.DataFrame) -> PriceTerms:
    """Numbered prices and their tiers as integers.

    Reads    numbered prices, PriceTiers
    """
    tier_digits = price_tiers.group_by("sku_price_id").agg(tier_digits=decimals("unit_price", Price.scale).max())
    rows = prices.join(tier_digits, on="sku_price_id", how="left", maintain_order="left").with_columns(
        digits=pl.max_horizontal(decimals("list_unit_price", Price.scale), "tier_digits"),
        one=_power(pl.col("price_decimals")),
    )
    rows = rows.with_columns(price_one=_power(pl.col("digits")))
    terms = rows.select(
        "price_row",
        "price_model",
        "tier_scope",
        "price_region_id",
        "price_one",
        quantity_one="one",
        unit_price=_price("list_unit_price"),
        per_quantity=_quantity("per_quantity"),
        package_size=_quantity("package_size"),
        **{name: _money(name) for name in ("fixed_fee", "minimum", "maximum")},
    )
    tiers = (
        price_tiers.sort("sku_price_id", pl.col("up_to").is_null(), "up_to")
        .with_columns(
            pl.int_range(pl.len()).over("sku_price_id").alias("tier"),
            tier_start=pl.col("up_to").shift(1).over("sku_price_id"),
        )
        .join(rows.select("sku_price_id", "price_row", "one", "price_one"), on="sku_price_id")
    )
    return PriceTerms(
        in_words(terms, "price_model", "tier_scope", "price_region_id"),
        tiers.select(
            "price_row",
            "tier",
            tier_start=_quantity("tier_start").fill_null(0),
            tier_end=_quantity("up_to"),
            tier_price=_price("unit_price"),
            flat_fee=_money("flat_fee"),
        ),
    )


def _power(digits: pl.Expr) -> pl.Expr:
    return pl.lit(10, dtype=_INT).pow(digits.cast(pl.UInt32)).cast(_INT)


def _quantity(column: str) -> pl.Expr:
    return pl.col(column).to_physical().cast(_INT) // (pl.lit(QUANTITY_ONE, dtype=_INT) // pl.col("one"))


def _price(column: str) -> pl.Expr:
    return pl.col(column).to_physical().cast(_INT) // (pl.lit(PRICE_ONE, dtype=_INT) // pl.col("price_one"))


def _money(column: str) -> pl.Expr:
    return pl.col(column).to_physical().cast(_INT) * (pl.col("price_one") // pl.lit(10**Money.scale, dtype=_INT))


# --- parts and lines ------------------------------------------------------------


def line_parts(uses: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Priced uses added up to parts, in the order of their rating lines.

    Reads    uses (quantities.py) with rest
    Makes    one row per class, price row and segment: line_id (numbers in the order of M1), quantity, rest [integers]
             over quantity_denominator, record_count, first_record_at, first_positive_at
    Source   P5
    """
    rows = uses.select(*_PLACE[1:], *_USE).rechunk().hstack(classes.select("account_no")[uses["class_id"]])
    rows = _one_per_part(in_order(rows, _PLACE))
    rows = rows.hstack(classes.select("exponent", "rounding_charges")[rows["class_id"]])
    return rows.with_columns(line_id=is_new("line_class", "price_row").cast(pl.Int64).cum_sum())


_USE = [
    "quantity",
    "rest",
    "record_count",
    "first_record_at",
    "first_positive_at",
    "segment_end",
    "quantity_denominator",
    "sold_id",
]


def _one_per_part(rows: pl.DataFrame) -> pl.DataFrame:
    """Uses of one part, which stand side by side, added up."""
    part = rows.select(is_new(*_PLACE)).to_series()
    if part.all():
        return rows
    of_part = part.cast(pl.Int64).cum_sum().alias("part")
    several = among_several(of_part)
    added, earliest = ["quantity", "rest", "record_count"], ["first_record_at", "first_positive_at"]
    sums = (
        rows.filter(several)
        .group_by(of_part.filter(several), maintain_order=True)
        .agg(pl.col(added).sum(), pl.col(earliest).min())
    )
    parts, is_sum = only(rows, part), several.filter(part)
    return parts.with_columns(where(is_sum, sums.drop("part"), parts))


def list_costs(
    parts: pl.DataFrame, uses: pl.DataFrame, classes: pl.DataFrame, terms: PriceTerms
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cost each rating line: rounded once per line, or per pool and price row and then split over its lines.

    Reads    line_parts; the uses they are made of
    Makes    costs: line_id, list_cost_mu [mu]; null where an amount is out of bounds
             values: line_id, segment_start, value_mu: what a line without a pool is worth up to the end of a segment
    Source   P3, P5, P6, M1, M2
    """
    is_pooled = terms.prices["price_model"].is_in(_POOLED)[parts["price_row"]]
    own, values = _own_costs(only(parts.select("class_id", *_COSTED), ~is_pooled), uses, terms)
    if not is_pooled.any():
        return _of_all_lines(own), values
    pooled = _with_prices(only(parts, is_pooled), terms)
    shared = _pooled_costs(with_pools(pooled, classes), terms)
    return _of_all_lines(own, shared), values


def _of_all_lines(*found: pl.DataFrame) -> pl.DataFrame:
    """The costs of all lines in their order: a line is in one of them, and its number, less one, is its row."""
    costs = pl.Series("list_cost_mu", np.zeros(sum(some.height for some in found), dtype=np.int64))
    for some in found:
        costs = costs.scatter(some["line_id"] - 1, some["list_cost_mu"])
    return pl.DataFrame({"line_id": np.arange(1, costs.len() + 1), "list_cost_mu": costs})


def _with_prices(parts: pl.DataFrame, terms: PriceTerms) -> pl.DataFrame:
    """Parts with their price; `scale` is what its quantities are multiplied by to compare with the part's."""
    rows = parts.hstack(taken(terms.prices.drop("price_row"), parts["price_row"]))  # a price is its row
    rows = rows.with_columns(
        _MU.gather(parts["exponent"]), scale=pl.col("quantity_denominator") // pl.col("quantity_one")
    )
    return rows.with_columns(one=pl.col("scale") * pl.col("per_quantity"))


_MU = pl.Series("mu", [10**exponent for exponent in range(19)], dtype=pl.Int64)
"""How many minor units a unit has, by the exponent of its currency."""


def _terms_of(parts: pl.DataFrame, terms: PriceTerms, models: Sequence[str]) -> pl.DataFrame:
    """What each part is charged by the model of its price, with what the exact cost is divided by."""
    exact = pl.DataFrame(schema={"part_id": parts.schema["part_id"], "term_quantity": _INT, "term_price": _INT})
    for model in models:
        some = only(parts, parts["price_model"] == model)
        if some.height:
            made = PRICE_MODELS[model].terms(some, terms.tiers)
            exact = pl.concat([exact, made.cast({"term_quantity": _INT, "term_price": _INT})])
    columns = ["part_id", "line_id", "segment_start", "mu", *_DIVISORS, "rounding_charges"]
    known = parts.select([name for name in columns if name in parts.columns])
    if not exact["part_id"].equals(known["part_id"]):
        known = known.rechunk()[exact["part_id"]]  # a part is its row
    return exact.hstack(known.drop("part_id"))


def _or_nothing(rows: pl.DataFrame, costs: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """What has no term (quantity zero) costs nothing; what left the bounds stays null."""
    if rows.select(on).equals(costs.select(on)):
        return rows.hstack(costs.drop(on))
    found = rows.join(costs.with_columns(_known=pl.lit(value=True)), on=on, how="left", maintain_order="left")
    nothing = pl.when(pl.col("_known").is_null()).then(pl.lit(0, dtype=pl.Int64)).otherwise("rounded_mu")
    return found.with_columns(rounded_mu=nothing).drop("_known")


def _own_costs(parts: pl.DataFrame, uses: pl.DataFrame, terms: PriceTerms) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lines whose price looks at no other line: every exact cost of the line, added and rounded once."""
    by_record = terms.prices["price_model"].is_in(BY_RECORD)[parts["price_row"]]
    costed = _with_prices(only(parts.select(_COSTED), ~by_record).with_columns(quantity="rest"), terms)
    exact = _terms_of(costed.with_row_index("part_id"), terms, _BY_LINE)
    if by_record.any():
        single = _records(_with_prices(parts.filter(by_record), terms), uses)
        exact = pl.concat([exact, _terms_of(single.with_row_index("part_id"), terms, BY_RECORD)])
    costs = rounded(exact, _TERMS, _DIVISORS, "rounding_charges", "line_id")
    lines = parts.select("line_id").filter(is_new("line_id"))
    costs = _or_nothing(lines, costs, ["line_id"]).rename({"rounded_mu": "list_cost_mu"})
    return costs, _values(parts, exact)


_COSTED = ["line_id", "segment_start", "price_row", "rest", "quantity_denominator", "exponent", "rounding_charges"]


def _values(parts: pl.DataFrame, exact: pl.DataFrame) -> pl.DataFrame:
    """What the lines that are cut are worth up to the end of each segment."""
    key = ["line_id", "segment_start"]
    segments = parts.filter(is_new(*key)).select(key)
    cut = segments.filter(among_several(segments["line_id"])).with_row_index("_cut")
    if cut.is_empty():
        return pl.DataFrame(schema={**segments.schema, "value_mu": pl.Int64})
    up_to = cut.join(exact.rename({"segment_start": "_of"}), on="line_id")
    up_to = up_to.filter(pl.col("_of") <= pl.col("segment_start"))
    found = rounded(up_to, _TERMS, _DIVISORS, "rounding_charges", "_cut")
    return _or_nothing(cut, found, ["_cut"]).select(*key, value_mu="rounded_mu")


_COUNTED = pl.when(pl.col("meter").is_in(ONE_PER_RESOURCE)).then(1).otherwise("record_count").cast(_INT)
_ONE_RECORD = {"quantity": pl.col("rest") // _COUNTED, "part_count": _COUNTED}
"""What one record of a use comes to, and how many are alike; a value that is one per resource is one record's."""


def _records(parts: pl.DataFrame, uses: pl.DataFrame) -> pl.DataFrame:
    """Records that are priced one by one: equal ones together, `part_count` of them."""
    key = ["class_id", "price_row", "segment_start"]
    rows = uses.filter(pl.col("rest") != 0).select(*key, **_ONE_RECORD)
    return parts.join(rows, on=key, how="inner", maintain_order="left")


def record_weights(uses: pl.DataFrame, parts: pl.DataFrame, terms: PriceTerms) -> pl.DataFrame:
    """What each use weighs in its charge: the quantity that is charged, or its exact cost where records are priced.

    Reads    uses, each record told apart; line_parts
    Makes    uses with line_id, weight: an integer as text, of any size
    Source   P8
    """
    key = ["class_id", "price_row", "segment_start"]
    lines = _with_prices(parts, terms).select(*key, "line_id", "one", "unit_price", "fixed_fee", "minimum", "maximum")
    rows = uses.join(lines, on=key, how="left", maintain_order="left").with_row_index("part_id")
    by_record = pl.col("price_model").is_in(BY_RECORD)
    single = rows.filter(by_record & (pl.col("rest") != 0)).with_columns(**_ONE_RECORD)
    costs: dict[int, int] = {}
    for model, group in single.group_by("price_model"):
        made = PRICE_MODELS[str(model[0])].terms(group, terms.tiers)
        for part, quantity, price in made.select("part_id", "term_quantity", "term_price").iter_rows():
            costs[part] = costs.get(part, 0) + int(quantity) * int(price)
    exact = pl.DataFrame(
        {"part_id": list(costs), "cost": [str(cost) for cost in costs.values()]},
        schema={"part_id": rows.schema["part_id"], "cost": pl.String},
    )
    rows = rows.join(exact, on="part_id", how="left", maintain_order="left")
    weight = pl.when(by_record).then(pl.col("cost").fill_null("0")).otherwise(pl.col("rest").cast(pl.String))
    return rows.with_columns(weight=weight).drop(
        "part_id", "cost", "one", "unit_price", "fixed_fee", "minimum", "maximum"
    )


def _within_pools(whole: pl.DataFrame) -> pl.DataFrame:
    """Price rows, in the order of their pools, with the quantity of their pool and what of it goes before theirs."""
    if not among_several(whole["pool_id"]).any():
        return whole.with_columns(quantity_before=pl.lit(0, dtype=_INT), pool_quantity="quantity")
    quantity = pl.col("quantity")
    return whole.with_columns(
        quantity_before=quantity.cum_sum().over("pool_id") - quantity, pool_quantity=quantity.sum().over("pool_id")
    )


def _pooled_costs(parts: pl.DataFrame, terms: PriceTerms) -> pl.DataFrame:
    """Tier pools: each price row's part of the pool is rounded once and split over its lines (P6)."""
    grain = ["pool_id", "price_row"]
    by_first = pl.col("price_model").is_in(BY_FIRST)
    # the line of the first positive record, which is where an amount goes that is due once
    first = (
        parts.filter(by_first & pl.col("first_positive_at").is_not_null())
        .sort("pool_id", "first_positive_at", "line_id")
        .unique("pool_id", keep="first", maintain_order=True)
        .select("pool_id", "line_id", is_first=pl.lit(value=True))
    )
    parts = parts.join(first, on=["pool_id", "line_id"], how="left", maintain_order="left")
    parts = parts.with_columns(pl.col("is_first").fill_null(value=False))
    once = parts.group_by("pool_id").agg(once_quantity=pl.col("rest").filter(by_first).sum())
    kept = {*terms.prices.columns, *_DIVISORS, "one", "mu", "rounding_charges"} - {*grain}
    whole = (
        parts.group_by(grain, maintain_order=True)
        .agg(
            pl.col("rest").sum().alias("quantity"),
            pl.col("first_record_at").min(),
            pl.col("is_first").any(),
            *(pl.col(name).first() for name in sorted(kept)),
        )
        .sort("pool_id", "first_record_at", "price_row")
        .join(once, on="pool_id", how="left", maintain_order="left")
        .with_row_index("part_id")
    )
    exact = _terms_of(_within_pools(whole), terms, _POOLED)
    costs = rounded(exact, _TERMS, _DIVISORS, "rounding_charges", "part_id")
    whole = _or_nothing(whole.select("part_id", *grain), costs, ["part_id"])
    lines = parts.group_by([*grain, "line_id"], maintain_order=True).agg(
        weight=pl.when(by_first.first()).then(pl.col("is_first").any().cast(_INT)).otherwise(pl.col("rest").sum())
    )
    split = lines.join(whole, on=grain, how="left", maintain_order="left")
    known = split.with_columns(pl.col("rounded_mu").fill_null(0))
    shared = pl.when(pl.col("rounded_mu").is_not_null()).then(share(known, "rounded_mu", "weight", "part_id"))
    return (
        split.with_columns(rounded_mu=shared)
        .group_by("line_id", maintain_order=True)
        .agg(list_cost_mu=pl.when(pl.col("rounded_mu").is_not_null().all()).then(pl.col("rounded_mu").sum()))
    )
