"""Charges: rating lines cut where a discount or a grant begins or ends, in the order people read them in (P7, G5)."""

import polars as pl

from rating import scopes
from rating.money import differences, split_lines, to_quantity
from rating.price_models import PRICE_MODELS
from rating.rows import among_several, in_order, is_new, where
from rating.sql import nested_ids

WINDOW_KEY = ["scope_id", "class_id"]


def cuts(classes: pl.DataFrame, reaches: pl.DataFrame) -> pl.DataFrame:
    """Where the windows of an account's discounts and grants cut its rating lines.

    A window cuts only lines its scope could reach: a bonus for one service leaves the lines of the others whole. It
    cuts them whatever its position or balance, so that what is left of a grant moves no cut.

    Reads    classes  usage classes with the attributes of a charge
             reaches  billing_account_id, project_id, window_start, window_end, include, exclude: discounts and grants
    Makes    class_id, at: instants strictly inside the period
    Source   P7, G1, D1
    """
    is_empty = pl.col("window_end") <= pl.col("window_start")
    windows = reaches.filter(~is_empty.fill_null(value=False)).with_row_index("scope_id")
    pairs = (
        classes.select("class_id", "billing_account_id", "sub_account_id", "period_start", "period_end")
        .join(windows.drop("include", "exclude"), on="billing_account_id")
        .filter(pl.col("project_id").is_null() | (pl.col("project_id") == pl.col("sub_account_id")))
    )
    points = pl.concat(
        [
            pairs.select(*WINDOW_KEY, "period_start", "period_end", at=pl.col(side))
            for side in ("window_start", "window_end")
        ]
    ).filter((pl.col("at") > pl.col("period_start")) & (pl.col("at") < pl.col("period_end")))
    # what a charge of the class will say: it names a resource only where its line does
    attributes = classes.join(points, on="class_id", how="semi").drop("resource_id")
    attributes = attributes.rename({"line_resource_id": "resource_id"})
    reached = scopes.covered(points.select(WINDOW_KEY).unique(), windows, attributes)
    return points.join(reached, on=WINDOW_KEY, how="semi").select("class_id", "at").unique()


def charges(
    parts: pl.DataFrame, line_costs: pl.DataFrame, values: pl.DataFrame, classes: pl.DataFrame, prices: pl.DataFrame
) -> pl.DataFrame:
    """Cut each rating line into its charges, and say what they are for.

    Reads    as `priced`; classes: usage classes
    Makes    one row per charge in the order of G5: the columns of Charges, and list_cost_mu, line_id, exponent
    Source   P7, G5
    """
    return described(priced(parts, line_costs, values, prices), classes, prices)


def priced(parts: pl.DataFrame, line_costs: pl.DataFrame, values: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Cut each rating line into its charges: one per segment with usage. Nothing here is a text.

    Up to a cut, a line without a tier pool is worth its exact cost so far, rounded; a line of a pool the part of its
    amount that its quantity so far has. A charge is the difference; the last takes the rest.

    Reads    parts       line_parts
             line_costs  line_id, list_cost_mu · values: line_id, segment_start, value_mu, of lines without a pool
             prices      numbered prices
    Makes    one row per charge in the order of G5: class_id, price_row, line_id, charge_order, charge_period_start,
             charge_period_end, pricing_quantity, record_count, list_cost_mu, is_out_of_bounds
    Source   P7, G5
    """
    segments = _with_values(_added_up(parts), values)
    costs = in_order(line_costs, ["line_id"])["list_cost_mu"]
    # where each line is one segment, a line is its row
    segments = segments.with_columns(costs if costs.len() == segments.height else costs[segments["line_id"] - 1])
    # an amount out of bounds parks its account later; until then it counts nothing
    segments = segments.with_columns(
        pl.col("list_cost_mu").fill_null(0), is_out_of_bounds=pl.col("list_cost_mu").is_null()
    )
    is_cut = among_several(segments["line_id"])
    segments = segments.with_columns(_shown_quantity(segments, is_cut), _cut(segments, is_cut, prices)).drop(_ONLY_HERE)
    # numbers that stand for account, then service to category (usage_classes.LINE_ORDER), then price
    segments = in_order(segments, ["account_no", "segment_start", "line_class", "price_row"])
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return segments.with_columns(
        charge_order=row - pl.when(is_new("account_no")).then(row).forward_fill() + 1,
        charge_period_start="segment_start",
        charge_period_end="segment_end",
    )


def described(items: pl.DataFrame, classes: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Charges with what they are for, in texts, and with their ids.

    Reads    priced
    Makes    the columns of Charges, and those of priced
    Source   P7
    """
    period = classes["billing_period"].to_list()[0] if classes.height else None
    items = items.hstack(prices.with_columns(_since(prices, period)).select(_PRICE_COLUMNS)[items["price_row"]])
    known = [name for name in classes.columns if name in items.columns and name != "class_id"]
    items = items.hstack(classes.drop(*known, *_ONLY_BEFORE, "class_id")[items["class_id"]])
    return _with_ids(items.with_columns(resource_id="line_resource_id", line_order="line_id"))


_ONLY_HERE = ["quantity", "rest", "quantity_denominator", "value_mu", "rounding_charges"]
_ONLY_BEFORE = [
    "sku_row",
    "sub_account_id_no",
    "region_id_no",
    "line_resource_id_no",
    "charge_category_no",
    "resource_id_no",
    "consumed_unit_no",
    "currency_no",
    "line_grain",
    "rounding_charges",
    "quantity_rounding",
    "quantity_increment",
    "quantity_rounding_scope",
    "timeline_id",
]
"""What of a class no charge needs any more."""


def _with_values(segments: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Segments with what their line is worth up to their end, where it is cut."""
    if values.is_empty():
        return segments.with_columns(value_mu=pl.lit(None, dtype=pl.Int64))
    return segments.join(values, on=["line_id", "segment_start"], how="left", maintain_order="left")


def _shown_quantity(segments: pl.DataFrame, is_cut: pl.Series) -> pl.Series:
    """Each segment's quantity in decimals: the difference of what is shown up to its cuts, so that a line's add up."""
    shown = to_quantity(segments["quantity"], segments["quantity_denominator"])
    if not is_cut.any():
        return shown.alias("pricing_quantity")
    cut = segments.filter(is_cut).select(
        "line_id", "quantity_denominator", pl.col("quantity").cum_sum().over("line_id")
    )
    cut = cut.select("line_id", shown=to_quantity(cut["quantity"], cut["quantity_denominator"]))
    before = pl.col("shown").shift(1, fill_value=0).over("line_id")
    up_to = cut.select(pricing_quantity=pl.col("shown") - before)
    return where(is_cut, up_to, shown.to_frame("pricing_quantity")).to_series()


def _added_up(parts: pl.DataFrame) -> pl.DataFrame:
    """Parts of one line and segment together; they stand side by side."""
    key = ["line_id", "segment_start"]
    if not parts.select(pl.all_horizontal(pl.col(key) == pl.col(key).shift(1)).any()).item():
        return parts
    added = ["quantity", "rest", "record_count"]
    first = [name for name in parts.columns if name not in (*key, *added)]
    return parts.group_by(key, maintain_order=True).agg(pl.col(added).sum(), pl.col(first).first())


_PRICE_COLUMNS = ["sku_price_id", "price_since", "price_model", "list_unit_price"]


def _cut(segments: pl.DataFrame, is_cut: pl.Series, prices: pl.DataFrame) -> pl.Series:
    """Each segment's part of its line's amount."""
    if not is_cut.any():
        return segments["list_cost_mu"]
    pooled = [name for name, model in PRICE_MODELS.items() if model.is_pooled]
    cut = segments.filter(is_cut)
    by_quantity = split_lines(cut, "list_cost_mu", "rest", "line_id", "rounding_charges")
    by_value = differences(cut.with_columns(pl.col("value_mu").fill_null(0)), "value_mu", "list_cost_mu", "line_id")
    is_pooled = prices["price_model"].is_in(pooled)[cut["price_row"]]
    return where(is_cut, by_quantity.zip_with(is_pooled, by_value).to_frame("list_cost_mu"), segments).to_series()


def _since(prices: pl.DataFrame, billing_period: str | None) -> pl.Series:
    """What tells the rows of one price apart in a period: when each begins; null for the one that it begins with.

    So a line keeps its id when the day from which its price holds is mended before the period.
    """
    first = pl.lit(billing_period or "") + "-01"
    began = pl.col("valid_from") <= first
    replaced = (pl.col("valid_from").shift(-1) <= first) & (
        pl.col("sku_price_id").shift(-1) == pl.col("sku_price_id")
    ).fill_null(value=False)
    since = pl.when(began & ~replaced.fill_null(value=False)).then(None).otherwise("valid_from")
    return prices.select(since.alias("price_since")).to_series()


def _with_ids(items: pl.DataFrame) -> pl.DataFrame:
    """Charges with the id of their line and their own: that of the line and the start of the segment.

    A segment has one row of a price, so a charge needs not tell which: it stays the same charge when the day from which
    its price holds is mended to one on which it is cut already.
    """
    starts = items.select(at=pl.col("segment_start").unique())
    texts = starts.with_columns(text=pl.col("at").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"))
    segment = items.select(at="segment_start").join(texts, on="at", how="left", maintain_order="left")["text"]
    key = ["billing_period", *_LINE_COLUMNS]
    ids = nested_ids(items.select(key), segment)
    items = items.with_columns(ids["id"].alias("rating_line_id"), ids["nested_id"].alias("charge_id"))
    is_dated = items["price_since"].is_not_null()
    if not is_dated.any():
        return items
    undated = items.filter(is_dated).select(key).with_columns(price_since=pl.lit(None, dtype=pl.String))
    charges = nested_ids(undated, segment.filter(is_dated)).select(charge_id="nested_id")
    return items.with_columns(where(is_dated, charges, items))


_LINE_COLUMNS = [
    "billing_account_id",
    "sub_account_id",
    "resource_id",
    "sku_id",
    "region_id",
    "charge_category",
    "sku_price_id",
    "price_since",
]
