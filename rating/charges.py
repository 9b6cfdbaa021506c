"""Charges: rating lines cut where a discount or a grant begins or ends, in the order people read them in (P7, G5)."""

import polars as pl

from rating import scopes
from rating.money import differences, split_lines, to_quantity
from rating.price_models import PRICE_MODELS
from rating.sql import content_ids

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
    """Cut each rating line into its charges: one per segment with usage.

    Up to a cut, a line without a tier pool is worth its exact cost so far, rounded; a line of a pool the part of its
    amount that its quantity so far has. A charge is the difference; the last takes the rest.

    Reads    parts       line_parts
             line_costs  line_id, list_cost_mu · values: line_id, segment_start, value_mu, of lines without a pool
             classes     usage classes · prices: numbered prices
    Makes    one row per charge in the order of G5: the columns of Charges, and list_cost_mu, line_id, exponent
    Source   P7, G5
    """
    segments = (
        _added_up(parts)
        .join(line_costs.rename({"list_cost_mu": "line_cost_mu"}), on="line_id", how="left", maintain_order="left")
        .join(values, on=["line_id", "segment_start"], how="left", maintain_order="left")
    )
    segments = segments.hstack(prices.select(_PRICE_COLUMNS)[segments["price_row"]])
    # an amount out of bounds parks its account later; until then it counts nothing
    segments = segments.with_columns(
        bounded_mu=pl.col("line_cost_mu").fill_null(0), is_out_of_bounds=pl.col("line_cost_mu").is_null()
    )
    segments = segments.with_columns(pl.Series("list_cost_mu", _cut(segments)))
    known = [name for name in classes.columns if name in segments.columns and name != "class_id"]
    segments = segments.hstack(classes.drop(*known, "class_id")[segments["class_id"]])
    return _in_order(
        segments.with_columns(
            resource_id=pl.col("line_resource_id"),
            charge_period_start=pl.col("segment_start"),
            charge_period_end=pl.col("segment_end"),
            pricing_quantity=_shown_quantity(segments),
            line_order=pl.col("line_id"),
        )
    )


def _shown_quantity(segments: pl.DataFrame) -> pl.Series:
    """Each segment's quantity in decimals: the difference of what is shown up to its cuts, so that a line's add up."""
    up_to = segments.select(pl.col("quantity").cum_sum().over("line_id")).to_series()
    shown = to_quantity(up_to, segments["quantity_denominator"])
    before = pl.col("shown").shift(1, fill_value=0).over("line_id")
    return segments.select("line_id", shown=shown).select(pl.col("shown") - before).to_series()


def _added_up(parts: pl.DataFrame) -> pl.DataFrame:
    """Parts of one line and segment together; they stand side by side."""
    key = ["line_id", "segment_start"]
    if not parts.select(pl.all_horizontal(pl.col(key) == pl.col(key).shift(1)).any()).item():
        return parts
    added = ["quantity", "rest", "record_count"]
    first = [name for name in parts.columns if name not in (*key, *added)]
    return parts.group_by(key, maintain_order=True).agg(pl.col(added).sum(), pl.col(first).first())


_PRICE_COLUMNS = ["sku_price_id", "valid_from", "price_model", "list_unit_price"]


def _cut(segments: pl.DataFrame) -> pl.Series:
    """Each segment's part of its line's amount."""
    pooled = [name for name, model in PRICE_MODELS.items() if model.is_pooled]
    several = pl.len().over("line_id") > 1
    if not segments.select(several.any()).item():
        return segments["bounded_mu"]
    cut = segments.with_row_index("_row").filter(several)
    by_quantity = split_lines(cut, "bounded_mu", "rest", "line_id", "rounding_charges")
    by_value = differences(cut.with_columns(pl.col("value_mu").fill_null(0)), "value_mu", "bounded_mu", "line_id")
    cut = cut.select("_row", "price_model", by_quantity=by_quantity, by_value=by_value)
    parts = cut.select(
        "_row", part_mu=pl.when(pl.col("price_model").is_in(pooled)).then("by_quantity").otherwise("by_value")
    )
    whole = segments.with_row_index("_row").join(parts, on="_row", how="left", maintain_order="left")
    return whole.select(pl.coalesce("part_mu", "bounded_mu")).to_series()


def _in_order(segments: pl.DataFrame) -> pl.DataFrame:
    """Sort by the default order of G5 and number the charges of each account from 1."""
    segments = segments.with_columns(
        pl.Series("rating_line_id", content_ids(segments, "billing_period", *_LINE_COLUMNS)),
        segment_text=pl.col("segment_start").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),
    )
    segments = segments.with_columns(pl.Series("charge_id", content_ids(segments, "rating_line_id", "segment_text")))
    # numbers that stand for account, then service to category (usage_classes.LINE_ORDER), then price
    return segments.sort("account_no", "charge_period_start", "line_class", "price_row").with_columns(
        charge_order=(pl.int_range(pl.len()).over("account_no") + 1).cast(pl.Int64)
    )


_LINE_COLUMNS = [
    "billing_account_id",
    "sub_account_id",
    "resource_id",
    "sku_id",
    "region_id",
    "charge_category",
    "sku_price_id",
    "valid_from",
]
