"""Scopes: which charges a discount or a grant may reach, its window apart.

A scope is an include and an exclude list of terms `dimension:value`. Values of one dimension are alternatives,
dimensions of the include list all have to match, the exclude list bites on any match; a charge without the attribute
matches neither (G1). A discount's service, feature, SKU and project are an include list like any other (D1).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
    found = numbered(scopes, classes)
    rows = pairs.join(scopes.select("scope_id", _scope=found.scope), on="scope_id", maintain_order="left").join(
        classes.select("class_id", _kind=found.kind), on="class_id", maintain_order="left"
    )
    scope, kind = (rows[name].cast(pl.Int64).to_numpy() for name in ("_scope", "_kind"))
    is_covered = found.include.of(scope, kind) & ~found.exclude.of(scope, kind)
    return rows.filter(pl.Series(is_covered, dtype=pl.Boolean)).select("scope_id", "class_id")


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


# --- many scopes and many charges at once ------------------------------------------------------------

DENSE = 2**26
"""Pairs up to which a Cover is a table of flags, one byte each."""


@dataclass(frozen=True)
class Cover:
    """Which kinds one side of some scopes matches, as arrays: asked for millions of pairs at once."""

    kinds: int
    is_everything: NDArray[np.bool_]
    """Of each scope, whether it matches whatever there is: an include list without a term does."""
    pairs: NDArray[np.int64]
    """scope × kinds + kind of what matches, ascending."""
    flags: NDArray[np.bool_] | None = None
    """One per scope and kind, or None where that would be too many."""

    @property
    def is_whole(self) -> bool:
        """Whether every scope matches everything."""
        return bool(self.is_everything.all())

    @property
    def is_empty(self) -> bool:
        """Whether no scope matches anything."""
        return not len(self.pairs) and not self.is_everything.any()

    def of(self, scope: NDArray[np.int64] | np.int64, kind: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each scope matches each kind."""
        wanted = scope * self.kinds + kind
        if self.flags is not None:
            flags: NDArray[np.bool_] = self.flags[wanted]
            return flags
        known = np.append(self.pairs, -1)
        matches: NDArray[np.bool_] = known[np.searchsorted(self.pairs, wanted)] == wanted
        return matches | self.is_everything[scope]


EVERYTHING = Cover(1, np.ones(1, dtype=np.bool_), np.zeros(0, dtype=np.int64))
NOTHING = Cover(1, np.zeros(1, dtype=np.bool_), np.zeros(0, dtype=np.int64))
"""The one scope that matches every kind, and the one that matches none."""


@dataclass(frozen=True)
class Numbered:
    """Scopes and classes as numbers: scopes of equal lists share one, classes that no list tells apart share one."""

    scope: pl.Series
    """Of each row of the scopes."""
    kind: pl.Series
    """Of each row of the classes."""
    include: Cover
    exclude: Cover


def numbered(scopes: pl.DataFrame, classes: pl.DataFrame) -> Numbered:
    """Number scopes and classes by what matters between them, and say which include and exclude lists match which.

    Reads    scopes   include, exclude [TextList]
             classes  the attributes of a charge, the same few or as many as there are charges
    Makes    Numbered
    Source   G1
    """
    said = scopes.select(
        "include",
        "exclude",
        text=pl.concat_str(pl.col("include").list.join("\x1f"), pl.lit("\x1e"), pl.col("exclude").list.join("\x1f")),
    )
    distinct = said.unique("text", maintain_order=True).with_row_index("scope_id")
    scope = said.select("text").join(distinct.select("text", "scope_id"), on="text", maintain_order="left")["scope_id"]
    include, exclude = _terms(distinct, "include"), _terms(distinct, "exclude")
    named = pl.concat([include, exclude]).select("dimension", "term").unique().sort("term")
    kind, terms, count = _kinds(classes, named.with_row_index("term_id", offset=1))
    wanted = include.group_by("scope_id").agg(wanted=pl.col("dimension").n_unique())
    matched = (
        include.join(terms, on="term")
        .group_by("scope_id", "kind")
        .agg(matched=pl.col("dimension").n_unique())
        .join(wanted, on="scope_id")
        .filter(pl.col("matched") == pl.col("wanted"))
    )
    bitten = exclude.join(terms, on="term").select("scope_id", "kind").unique()
    everything = np.ones(distinct.height, dtype=np.bool_)
    everything[wanted["scope_id"].to_numpy()] = False
    return Numbered(
        scope, kind, _cover(matched, everything, count), _cover(bitten, np.zeros(distinct.height, np.bool_), count)
    )


def _cover(pairs: pl.DataFrame, everything: NDArray[np.bool_], kinds: int) -> Cover:
    keys = np.sort(pairs["scope_id"].to_numpy().astype(np.int64) * kinds + pairs["kind"].to_numpy().astype(np.int64))
    flags = None
    if len(everything) * kinds <= DENSE:
        flags = np.repeat(everything, kinds)
        flags[keys] = True
    return Cover(kinds, everything, keys, flags)


def _kinds(classes: pl.DataFrame, named: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame, int]:
    """The kind of each class: what it answers of the terms that some list names; and each kind's terms.

    Makes    kind per class; kind, term; how many kinds there are
    """
    codes = pl.DataFrame({"_tags": _tag_codes(classes, named)})
    for dimension, attribute in DIMENSIONS.items():
        values = named.filter(pl.col("dimension") == dimension).select(
            name=pl.col("term").str.strip_prefix(f"{dimension}:"), **{dimension: "term_id"}
        )
        if values.height:
            found = classes.select(name=pl.col(attribute)).join(values, on="name", how="left", maintain_order="left")
            codes = codes.with_columns(found[dimension])
    kinds = codes.unique(maintain_order=True).with_row_index("kind")
    if kinds.height <= 1:
        kind = pl.Series("kind", [0], dtype=pl.UInt32).new_from_index(0, classes.height)
    else:
        kind = codes.join(kinds, on=codes.columns, how="left", nulls_equal=True, maintain_order="left")["kind"]
    answered = [
        kinds.select("kind", term_id=pl.col(dimension)).drop_nulls()
        for dimension in codes.columns
        if dimension != "_tags"
    ]
    tagged = kinds.select("kind", term=pl.col("_tags").str.split("\x1f")).explode("term").filter(pl.col("term") != "")
    terms = pl.concat([kinds.select("kind", term_id=pl.lit(0, dtype=pl.UInt32)).clear(), *answered])
    terms = pl.concat([terms.join(named, on="term_id").select("kind", "term"), tagged.select("kind", "term")])
    return kind, terms, max(kinds.height, 1)


def _tag_codes(classes: pl.DataFrame, named: pl.DataFrame) -> pl.Series:
    """Of each class the tags that some list names, as one text; the lists of tags are few, one per SKU."""
    wanted = named.filter(pl.col("dimension") == "tag").select("term")
    if wanted.is_empty():
        return pl.Series("_tags", [""], dtype=pl.String).new_from_index(0, classes.height)
    texts = classes.select(text=pl.col("sku_tags").list.join("\x1f"))
    lists = texts.unique().drop_nulls()
    tags = lists.with_columns(term=pl.col("text").str.split("\x1f")).explode("term")
    tags = tags.with_columns(term=pl.concat_str(pl.lit("tag:"), "term")).join(wanted, on="term", how="semi")
    codes = tags.unique().group_by("text").agg(_tags=pl.col("term").sort().str.join("\x1f"))
    return texts.join(codes, on="text", how="left", maintain_order="left")["_tags"].fill_null("")
