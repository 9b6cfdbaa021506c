"""Charges: rating lines cut where a discount or a grant begins or ends, in the order people read them in (P7, G5)."""

import polars as pl

from rating import scopes
from rating.money import PRICE_ONE, differences, rounded, split_lines, to_quantity
from rating.price_models import PRICE_MODELS
from rating.rating_lines import LINE_ORDER
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
    windows = reaches.with_row_index("scope_id")
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
    attributes = classes.drop("resource_id").rename({"line_resource_id": "resource_id"})
    reached = scopes.covered(points.select(WINDOW_KEY).unique(), windows, attributes)
    return points.join(reached, on=WINDOW_KEY, how="semi").select("class_id", "at").unique()


def charges(rows: pl.DataFrame, line_costs: pl.DataFrame) -> pl.DataFrame:
    """Cut each rating line into its charges: one per segment with usage.

    Up to a cut, a line of a price without tiers is worth its exact cost so far, rounded; a line of a tier pool the
    part of its amount that its quantity so far has. A charge is the difference; the last takes the rest.

    Reads    rows        line_parts
             line_costs  line_id, list_cost_mu
    Makes    one row per charge in the order of G5: the columns of Charges, and list_cost_mu, line_id, exponent
    Source   P7, G5
    """
    first = [name for name in rows.columns if name not in ("line_id", "segment_start", "quantity", "record_count")]
    segments = (
        rows.group_by("line_id", "segment_start", maintain_order=True)
        .agg(pl.col("quantity").sum(), pl.col("record_count").sum(), *(pl.col(name).first() for name in first))
        .sort("line_id", "segment_start")
        .join(line_costs.rename({"list_cost_mu": "line_cost_mu"}), on="line_id", how="left", maintain_order="left")
    )
    # an amount out of bounds parks its account later; until then it counts nothing
    segments = segments.with_columns(_bounded_mu=pl.col("line_cost_mu").fill_null(0))
    pooled = [name for name, model in PRICE_MODELS.items() if model.is_pooled]
    is_pooled = pl.col("price_model").is_in(pooled)
    segments = segments.with_columns(
        pl.Series("_by_quantity", split_lines(segments, "_bounded_mu", "quantity", "line_id", "rounding_charges")),
        pl.Series("_by_price", _by_price(segments)),
    )
    segments = segments.with_columns(list_cost_mu=pl.when(is_pooled).then("_by_quantity").otherwise("_by_price"))
    segments = segments.with_columns(
        resource_id=pl.col("line_resource_id"),
        charge_period_start=pl.col("segment_start"),
        charge_period_end=pl.col("segment_end"),
        pricing_quantity=to_quantity(pl.col("quantity") // pl.col("quantity_denominator").cast(pl.Int128)),
        is_out_of_bounds=pl.col("line_cost_mu").is_null(),
    )
    return _in_order(segments)


def _by_price(segments: pl.DataFrame) -> pl.Series:
    """The difference of exact values up to each cut, at a price without tiers."""
    rows = segments.with_columns(
        _up_to=pl.col("quantity").cum_sum().over("line_id"),
        _price=pl.col("unit_price").fill_null(0),
        _mu=pl.lit(10, dtype=pl.Int64).pow(pl.col("exponent")),
        _price_one=pl.lit(PRICE_ONE, dtype=pl.Int64),
    )
    value = rounded(
        rows,
        ["_up_to", "_price", "_mu"],
        ["quantity_denominator", "per_quantity", "_price_one"],
        "rounding_charges",
    )["rounded_mu"]
    return differences(rows.with_columns(_value=value.fill_null(0)), "_value", "_bounded_mu", "line_id")


def _in_order(segments: pl.DataFrame) -> pl.DataFrame:
    """Sort by the default order of G5 and number the charges of each account from 1."""
    segments = segments.with_columns(
        pl.Series("rating_line_id", content_ids(segments, "billing_period", *_LINE_COLUMNS)),
        segment_text=pl.col("segment_start").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),
    )
    segments = segments.with_columns(pl.Series("charge_id", content_ids(segments, "rating_line_id", "segment_text")))
    order = ["billing_account_id", "charge_period_start", *LINE_ORDER, "sku_price_id", "charge_id"]
    return segments.sort(order, nulls_last=True).with_columns(
        charge_order=(pl.int_range(pl.len()).over("billing_account_id") + 1).cast(pl.Int64)
    )


_LINE_COLUMNS = ["billing_account_id", "sub_account_id", "resource_id", "sku_id", "region_id", "sku_price_id"]
