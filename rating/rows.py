"""Frames whose order says something: neighbours are compared, so that nothing is looked for."""

import numpy as np
import polars as pl
from numpy.typing import NDArray


def is_new(*columns: str) -> pl.Expr:
    """Whether a row differs from the one before it; of the columns, one at least has no nulls.

    >>> pl.DataFrame({"a": [1, 1, 2], "b": [None, None, None]}).select(is_new("a", "b")).to_series().to_list()
    [True, False, True]
    """
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in columns).alias("is_new")


def among_several(key: pl.Series) -> pl.Series:
    """Whether a row has a neighbour with its key; rows with equal keys stand side by side.

    >>> among_several(pl.Series([1, 2, 2, 3])).to_list()
    [False, True, True, False]
    """
    same = (key == key.shift(1)).fill_null(value=False)
    return same | same.shift(-1, fill_value=False)


def in_order(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Rows sorted by columns without nulls; those that are in order already are not sorted again.

    >>> in_order(pl.DataFrame({"a": [2, 1, 1], "b": [0, 5, 4]}), ["a", "b"]).rows()
    [(1, 4), (1, 5), (2, 0)]
    """
    before, may_follow = {name: pl.col(name).shift(1) for name in columns}, pl.lit(value=True)
    for name in reversed(columns):
        may_follow = (before[name] < pl.col(name)) | ((before[name] == pl.col(name)) & may_follow)
    if rows.select(may_follow.slice(1).all()).item():
        return rows
    places = rows.select(columns).with_row_index("_row").sort(*columns, "_row")["_row"]
    return rows[places]


def only(rows: pl.DataFrame, is_so: pl.Series) -> pl.DataFrame:
    """The rows where it is so, in one piece; where it is for all, nothing is copied.

    >>> only(pl.DataFrame({"a": [1, 2]}), pl.Series([False, True])).rows()
    [(2,)]
    """
    return rows if is_so.all(ignore_nulls=False) else rows[np.flatnonzero(is_so.to_numpy())]


def where(is_so: pl.Series, these: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """These rows, one after the other, where it is so, and the others' elsewhere. They may say nothing.

    >>> these, others = pl.DataFrame({"a": [7, None]}), pl.DataFrame({"a": [1, 2, 3]})
    >>> where(pl.Series([False, True, True]), these, others)["a"].to_list()
    [1, 7, None]
    """
    if these.is_empty():
        return others.select(these.columns)
    rows = np.flatnonzero(is_so.to_numpy())
    return pl.DataFrame([others[name].clone().scatter(rows, these[name]) for name in these.columns])


def taken(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Rows by their numbers. What says the same in every row is not copied, and the rest is copied from one piece.

    >>> frame = pl.DataFrame({"a": [5, 6], "b": [None, None]}, schema={"a": pl.Int64, "b": pl.String})
    >>> taken(frame, pl.Series([1, 1])).rows()
    [(6, None), (6, None)]
    """
    same = [column.name for column in frame if column.null_count() == frame.height or _is_little_said(column, rows)]
    same = same if len(same) < frame.width and frame.height else []
    said = [pl.lit(frame[name][:1]).first().alias(name) for name in same]
    return frame.drop(same).rechunk()[rows].with_columns(said).select(frame.columns)


def _is_little_said(column: pl.Series, rows: pl.Series) -> bool:
    """Whether few rows, of which many are taken, say the same."""
    return column.len() * 16 < rows.len() and not column.dtype.is_nested() and column.n_unique() == 1


_ROOM = 2**62


def packed(columns: pl.DataFrame) -> pl.Series:
    """Rows of small numbers as one number each: equal where they are equal, and in their order.

    Reads    columns of integers from 0, without nulls

    >>> packed(pl.DataFrame({"a": [1, 0, 0], "b": [0, 2, 1]})).to_list()
    [3, 2, 1]
    """
    key, size = pl.Series("key", np.zeros(columns.height, dtype=np.int64)), 1
    for column in columns:
        count = int(column.max() or 0) + 1  # type: ignore[arg-type]
        if size * count > _ROOM:
            key = key.rank("dense").cast(pl.Int64) - 1
            size = columns.height
        key, size = key * count + column.cast(pl.Int64), size * count
    return key


def kinds(key: pl.Series) -> tuple[pl.Series, pl.Series]:
    """One row of each value of a key of integers, and the place of each row's value among those.

    >>> [found.to_list() for found in kinds(pl.Series([5, 3, 5]))]
    [[1, 0], [1, 0, 1]]
    """
    values = key.to_numpy()
    if values.size and values.max() < _TABLE * values.size:
        found = np.zeros(values.max() + 1, dtype=bool)
        found[values] = True
        number = (np.cumsum(found) - 1)[values]
        first = np.zeros(np.count_nonzero(found), dtype=np.int64)
        first[number[::-1]] = np.arange(values.size)[::-1]
    else:
        _, first, number = np.unique(values, return_index=True, return_inverse=True)
    return pl.Series("row", first), pl.Series("kind", number)


_TABLE = 16
"""A table of so many cells per row is quicker to fill than rows are to sort."""


def matched(one: pl.Series, other: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The rows of one key and those of another that are equal, in the order of the other; of it, none twice.

    Three sorts of integers, which is quicker than a join. A pair is one number while it is sorted.

    >>> [found.to_list() for found in matched(pl.Series([7, 5, 7, 9]), pl.Series([5, 7]))]
    [[1, 0, 2], [0, 1, 1]]
    """
    if not other.len():
        return pl.Series(dtype=pl.UInt32), pl.Series(dtype=pl.UInt32)
    keys, known = one.to_numpy(), other.to_numpy()
    rows, order = sorting(keys), sorting(known)
    keys, known = keys[rows], known[order]
    if np.array_equal(keys, known):
        pairs = order << 32 | rows
    else:
        place = np.minimum(np.searchsorted(known, keys), known.size - 1)
        pairs = (order[place] << 32 | rows)[known[place] == keys]
    pairs.sort()
    return pl.Series((pairs & 0xFFFF_FFFF).astype(np.uint32)), pl.Series((pairs >> 32).astype(np.uint32))


def sorting(keys: NDArray[np.integer]) -> NDArray[np.int64]:
    """The rows of a key in its order: what `argsort` gives, sooner.

    Numbers are sorted faster than their places are, so each is sorted with its row in the place of its last bits. Where
    two differ in nothing else, what is almost in order is sorted once more.

    >>> sorting(np.array([9, -4, 2**62, 9])).tolist()
    [1, 0, 3, 2]
    """
    rows = np.arange(keys.size, dtype=np.int64)
    room = (1 << keys.size.bit_length()) - 1
    together = (keys & keys.dtype.type(~room if keys.dtype.kind == "i" else ~np.uint64(room))) | rows.astype(keys.dtype)
    together.sort()
    rows = (together & keys.dtype.type(room)).astype(np.int64)
    found = keys[rows]
    return rows if (found[1:] >= found[:-1]).all() else rows[np.argsort(found, kind="stable")]


def in_words(rows: pl.DataFrame, *names: str, also: tuple[str, ...] = ()) -> pl.DataFrame:
    """Rows with these texts as the few words they are: a word is kept and compared as a number.

    >>> in_words(pl.DataFrame({"a": ["y", None, "y"]}), "a", also=("z",)).schema["a"]
    Enum(categories=['y', 'z'])
    """
    words = {name: pl.Enum(sorted({*rows[name].unique().drop_nulls(), *also})) for name in names}
    return rows.cast(words)  # type: ignore[arg-type]
