"""Scopes: which charges a discount or a grant may reach, its window apart.

A scope is an include and an exclude list of terms `dimension:value`. Values of one dimension are alternatives,
dimensions of the include list all have to match, the exclude list bites on any match; a charge without the attribute
matches neither (G1). A discount's service, feature, SKU and project are an include list like any other (D1).
"""

import polars as pl

DIMENSIONS = {
    "service": "service",
    "service_category": "service_category",
    "feature": "feature",
    "sku": "sku_id",
    "region": "region_id",
    "project": "sub_account_id",
    "resource": "resource_id",
    "charge": "charge_category",
}
"""Dimension -> the attribute of a charge. `tag` is the ninth: it looks into sku_tags."""

ATTRIBUTES = [*DIMENSIONS.values(), "sku_tags"]


def with_classes(charges: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number the distinct combinations of attributes: charges with `class_id`, and the classes."""
    classes = charges.select(ATTRIBUTES).unique(maintain_order=True).with_row_index("class_id")
    return charges.join(classes, on=ATTRIBUTES, how="left", nulls_equal=True, maintain_order="left"), classes


def covered(pairs: pl.DataFrame, scopes: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """The pairs of scope and class in which the scope covers the class.

    Reads    pairs    scope_id, class_id
             scopes   scope_id, include, exclude [TextList]
             classes  class_id and the attributes of a charge
    Makes    scope_id, class_id
    Source   G1
    """
    terms = class_terms(classes)
    include = _terms(scopes, "include")
    exclude = _terms(scopes, "exclude")
    wanted = include.group_by("scope_id").agg(wanted=pl.col("dimension").n_unique())
    matched = (
        pairs.join(include, on="scope_id")
        .join(terms, on=["class_id", "term"], how="semi")
        .group_by("scope_id", "class_id")
        .agg(matched=pl.col("dimension").n_unique())
    )
    bitten = pairs.join(exclude, on="scope_id").join(terms, on=["class_id", "term"], how="semi")
    return (
        pairs.join(wanted, on="scope_id", how="left")
        .join(matched, on=["scope_id", "class_id"], how="left")
        .filter(pl.col("wanted").fill_null(0) == pl.col("matched").fill_null(0))
        .join(bitten, on=["scope_id", "class_id"], how="anti")
        .select("scope_id", "class_id")
    )


def class_terms(classes: pl.DataFrame) -> pl.DataFrame:
    """Every term a class answers to: class_id, term."""
    said = [
        classes.select("class_id", term=pl.concat_str(pl.lit(f"{dimension}:"), pl.col(attribute))).drop_nulls()
        for dimension, attribute in DIMENSIONS.items()
    ]
    tags = classes.select("class_id", pl.col("sku_tags").alias("term")).explode("term").drop_nulls()
    return pl.concat([*said, tags.with_columns(pl.concat_str(pl.lit("tag:"), pl.col("term")).alias("term"))])


def _terms(scopes: pl.DataFrame, side: str) -> pl.DataFrame:
    return (
        scopes.select("scope_id", pl.col(side).alias("term"))
        .explode("term")
        .drop_nulls()
        .unique()
        .with_columns(dimension=pl.col("term").str.split_exact(":", 1).struct.field("field_0"))
    )


def include_terms(**columns: str) -> pl.Expr:
    """An include list from columns of one value each, null meaning "any".

    >>> frame = pl.DataFrame({"service": ["compute"], "feature": [None]}, schema={"service": str, "feature": str})
    >>> frame.select(include_terms(service="service", feature="feature")).item().to_list()
    ['service:compute']
    """
    terms = [pl.concat_str(pl.lit(f"{dimension}:"), pl.col(column)) for dimension, column in columns.items()]
    return pl.concat_list(terms).list.drop_nulls()
