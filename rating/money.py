"""The only place that rounds, and the only place that splits (M1, M2, M3).

An amount inside `rating` is an integer count of minor units (mu) of its currency, in an Int64 column ending in `_mu`;
tables hold it as `Money`. What is not yet rounded is a product of integers over a product of integers. Nearly all
fit 128 bits and are computed at once; a row that would not is computed with Python's integers. Nothing is ever cut.
"""

from collections.abc import Sequence
from decimal import Context, Decimal
from functools import reduce
from math import prod
from operator import mul

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pyarrow import decimal128

from schemas.units import Money, Price, Quantity

AMOUNT_BOUND = 10**14
"""No amount reaches this many units of its currency; so no Int64 sum of a run's amounts in mu can wrap unseen."""

MONEY_SCALE = Money.scale
QUANTITY_ONE = 10**Quantity.scale
PRICE_SCALE = Price.scale
PRICE_ONE = 10**PRICE_SCALE
"""What 1 is as a scaled integer, of a quantity and of a price or rate."""

EXACT = Context(prec=60)
"""Holds a sum or product of tables' amounts to its last digit; Python's own 28 do not hold one large quantity."""

FITS = 1.0e37  # a float estimate below this leaves room in 128 bits (1.7e38) for its own error
MOST_SHOWN = 1.0e23
"""Quantities below this can be written down with all their decimals."""
SAFE = 2.0**62
"""A float estimate below this leaves room in 64 bits for its own error."""
_INT128 = pl.Int128
_Integers = NDArray[np.int64]


class OutOfBoundsError(ArithmeticError):
    """An amount beyond `AMOUNT_BOUND`, or a sum that could leave 64 bits."""


# --- between tables and integers ------------------------------------------------------------


def scaled(column: str) -> pl.Expr:
    """A decimal column as the integers it is stored as: 1.5 in Decimal(38, 15) is 1500000000000000.

    >>> pl.DataFrame({"q": [Decimal("1.5")]}, schema={"q": pl.Decimal(38, 4)}).select(scaled("q")).item()
    15000
    """
    return pl.col(column).to_physical().cast(_INT128)


def to_mu(column: str, exponent: str = "exponent", *, scale: int = MONEY_SCALE) -> pl.Expr:
    """Money, or a decimal of another scale, as minor units. It has no digits beyond its currency's exponent.

    >>> frame = pl.DataFrame({"amount": ["12.30"], "exponent": [2]}).cast({"amount": Money})
    >>> frame.select(to_mu("amount")).item()
    1230
    """
    step = pl.lit(10, dtype=pl.Int64).pow(scale - pl.col(exponent))
    return (scaled(column) // step.cast(_INT128)).cast(pl.Int64)


def to_money(column: str, exponent: str = "exponent") -> pl.Expr:
    """Minor units as Money.

    >>> pl.DataFrame({"mu": [1230], "exponent": [2]}).select(to_money("mu")).item()
    Decimal('12.3000')
    """
    step = pl.lit(10, dtype=pl.Int64).pow(MONEY_SCALE - pl.col(exponent))
    smallest = pl.lit(Decimal(1).scaleb(-MONEY_SCALE), dtype=Money)
    return ((pl.col(column).cast(_INT128) * step.cast(_INT128)).cast(Money) * smallest).alias(column)


def to_quantity(numerator: pl.Series, denominator: pl.Series) -> pl.Series:
    """An integer over a denominator as the Quantity people read: to 15 decimals, what is beyond them left out.

    Errors   OutOfBoundsError for 10^23 and more

    >>> to_quantity(pl.Series([3, -2], dtype=pl.Int128), pl.Series([2, 3], dtype=pl.Int128)).to_list()
    [Decimal('1.500000000000000'), Decimal('-0.666666666666666')]
    """
    digits = _digits(numerator.cast(_INT128), denominator.cast(_INT128))
    # the same digits, read with decimals: a cast would multiply them
    shown = (
        digits.cast(pl.Decimal(Quantity.precision, 0)).to_arrow().view(decimal128(Quantity.precision, Quantity.scale))
    )
    return pl.Series(numerator.name, shown)


def _digits(numerator: pl.Series, denominator: pl.Series) -> pl.Series:
    """The digits of quotients with 15 decimals; where the denominator divides 10^15, none of them is left out."""
    if not numerator.len() or most(numerator) >= 10**22 or most(denominator) >= SAFE:
        return _divided_digits(numerator, denominator)
    small = denominator.cast(pl.Int64)
    times: pl.Series = QUANTITY_ONE // small
    digits: pl.Series = numerator * times.cast(_INT128)
    rest = np.flatnonzero((times * small != QUANTITY_ONE).to_numpy())
    return digits.scatter(rest, _divided_digits(numerator[rest], denominator[rest])) if rest.size else digits


def _divided_digits(numerator: pl.Series, denominator: pl.Series) -> pl.Series:
    """The same, of whatever size: the whole and the rest apart."""
    frame = pl.DataFrame({"n": numerator.abs(), "d": denominator})
    one = pl.lit(QUANTITY_ONE, dtype=_INT128)
    if frame.select((pl.col("d") > 10**22).any()).item():  # the rest of a division × 10^15 would leave 128 bits
        found = [divmod(n, d) for n, d in frame.iter_rows()]
        rests = [rest * QUANTITY_ONE // d for (_, rest), d in zip(found, frame["d"], strict=True)]
        frame = pl.DataFrame(
            {"whole": [whole for whole, _ in found], "rest": rests}, schema={"whole": _INT128, "rest": _INT128}
        )
    else:
        frame = frame.select(whole=pl.col("n") // pl.col("d"), rest=pl.col("n") % pl.col("d") * one // pl.col("d"))
    if frame.select((pl.col("whole") >= 10 ** (Quantity.precision - Quantity.scale)).any()).item():
        raise OutOfBoundsError(f"a quantity needs more than {Quantity.precision} digits")
    return frame.select((pl.col("whole") * one + pl.col("rest")) * numerator.sign().cast(_INT128)).to_series()


def to_increment(quantity: pl.Expr, increment: pl.Expr, mode: pl.Expr) -> pl.Expr:
    """Round integers to multiples of an increment: `up` is away from zero, `down` towards it, `nearest` half away.

    Source   P2

    >>> frame = pl.DataFrame({"q": [5, 5, 5, -5], "by": [2, 2, 4, 4], "mode": ["up", "down", "nearest", "nearest"]})
    >>> frame.cast({"q": pl.Int128, "by": pl.Int128}).select(
    ...     to_increment(pl.col("q"), pl.col("by"), pl.col("mode"))).to_series().to_list()
    [6, 4, 4, -4]
    """
    size = quantity.abs()
    floor = size // increment * increment
    rest = size - floor
    goes_up = ((mode == "up") & (rest > 0)) | ((mode == "nearest") & (rest * 2 >= increment))
    size = floor + pl.when(goes_up).then(increment).otherwise(pl.lit(0, dtype=_INT128))
    return size * quantity.sign().cast(_INT128)


# --- rounding ------------------------------------------------------------


def rounded(
    frame: pl.DataFrame, factors: Sequence[str], divisors: Sequence[str], mode: str, group: str | None = None
) -> pl.DataFrame:
    """Round, once, the exact sum over each group of product(factors) / product(divisors).

    Reads    frame    integer columns `factors` and `divisors` (positive), a rounding mode per row in column `mode`;
                      divisors and mode are the same throughout a group
    Makes    group (or one row per row, in order), rounded_mu [mu]; null where it is beyond the bound of an amount
    Source   M2, M3

    >>> frame = pl.DataFrame({"q": [5, -5], "p": [1, 1], "d": [2, 2], "mode": ["half_away", "half_even"]})
    >>> rounded(frame, ["q", "p"], ["d"], "mode")["rounded_mu"].to_list()
    [3, -2]
    """
    group = group or "_row"
    rows = frame if group in frame.columns else frame.with_row_index(group)
    if max(rows.height * _most(rows, factors), _most(rows, divisors)) < FITS:  # all of it fits together, so each does
        found = _rounded_at_once(rows.with_columns(pl.col(mode).alias("_mode")), factors, divisors, group)
        return found.drop("_row", strict=False)
    rows = rows.select(
        group,
        pl.col(mode).alias("_mode"),
        _size(factors).alias("_size"),
        _size(divisors).alias("_divisor_size"),
        *(pl.col(name).cast(_INT128) for name in {*factors, *divisors}),
    )
    sizes = rows.group_by(group, maintain_order=True).agg(
        (pl.col("_size").sum() < FITS).alias("_fits") & (pl.col("_divisor_size").max() < FITS)
    )
    rows = rows.join(sizes, on=group, how="left", maintain_order="left")
    parts = [
        _rounded_at_once(rows.filter("_fits"), factors, divisors, group),
        _rounded_one_by_one(rows.filter(~pl.col("_fits")), factors, divisors, group),
    ]
    results = sizes.select(group).join(pl.concat(parts), on=group, how="left", maintain_order="left")
    return results.drop("_row", strict=False)


def _most(rows: pl.DataFrame, names: Sequence[str]) -> int:
    """What no product of a row exceeds: the product of the largest there are, each of its column."""
    return prod(most(rows[name]) for name in names)


def most(integers: pl.Series) -> int:
    """What none of them exceeds in size; 1 at least.

    >>> most(pl.Series([3, -7, None]))
    7
    """
    return max(-int(integers.min() or 0), int(integers.max() or 0), 1)  # type: ignore[arg-type]


def _size(names: Sequence[str]) -> pl.Expr:
    """How large a product is, roughly: decides which arithmetic is used, never a result."""
    product = pl.lit(1.0)
    for name in names:
        product = product * pl.col(name).cast(pl.Float64).abs().clip(lower_bound=1.0)
    return product


def is_less(frame: pl.DataFrame, one: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]) -> pl.Series:
    """Whether a sum of products is less than another, exactly; not, where a factor is null.

    >>> frame = pl.DataFrame({"a": [2, 3], "b": [5, None], "c": [11, 11], "one": [1, 1]})
    >>> is_less(frame, [("a", "b")], [("one", "c")]).to_list()
    [True, False]
    """
    largest = [_size(pair) for pair in (*one, *other)]
    if (frame.select(pl.sum_horizontal(largest).max()).item() or 0.0) < FITS:
        left, right = (pl.sum_horizontal(_product(pair) for pair in side) for side in (one, other))
        known = pl.all_horizontal(pl.col(name).is_not_null() for pair in (*one, *other) for name in pair)
        return frame.select((known & (left < right)).alias("is_less")).to_series()
    sides = (one, other)
    answers = []
    for row in frame.iter_rows(named=True):
        if any(row[name] is None for side in sides for pair in side for name in pair):
            answers.append(False)
            continue
        left_sum, right_sum = (sum(int(row[a]) * int(row[b]) for a, b in side) for side in sides)
        answers.append(left_sum < right_sum)
    return pl.Series("is_less", answers, dtype=pl.Boolean)


def in_decimals(numerator: str, denominator: str) -> tuple[pl.Expr, pl.Expr]:
    """Two columns by which fractions from 0 to 1 sort exactly: their first 18 decimals, and the next 18.

    Two fractions that differ, of denominators up to 10^18, differ by 10^-36 at least: so in these decimals.

    >>> frame = pl.DataFrame({"part": [1, 2], "whole": [3, 3]})
    >>> frame.select(*in_decimals("part", "whole")).row(1)
    (666666666666666666, 666666666666666666)
    """
    whole, step = pl.col(denominator).cast(_INT128), pl.lit(10**18, dtype=_INT128)
    shifted = pl.col(numerator).cast(_INT128) * step
    first, rest = shifted // whole, shifted % whole * step // whole
    return first.cast(pl.Int64).alias("decimals"), rest.cast(pl.Int64).alias("further_decimals")


def _product(names: Sequence[str]) -> pl.Expr:
    return reduce(mul, (pl.col(name).cast(_INT128) for name in names))


def _rounded_at_once(rows: pl.DataFrame, factors: Sequence[str], divisors: Sequence[str], group: str) -> pl.DataFrame:
    sums = rows.select(group, "_mode", _numerator=_product(factors), _denominator=_product(divisors))
    follows = pl.col(group) > pl.col(group).shift(1)
    if not sums.select(follows.slice(1).all()).item():  # else no group has a second row
        sums = sums.group_by(group, maintain_order=True).agg(
            pl.col("_numerator").sum(), pl.col("_denominator", "_mode").first()
        )
    modes = sums["_mode"].unique().drop_nulls().to_list()
    size = _WHOLE_SIZE[modes[0]] if modes else pl.lit(None, dtype=_INT128)
    for mode in modes[1:]:
        size = pl.when(pl.col("_mode") == mode).then(_WHOLE_SIZE[mode]).otherwise(size)
    bound = pl.lit(9 * 10**18, dtype=_INT128)
    sums = sums.select(group, "_numerator", _size=size)
    if most(sums["_size"]) >= 9 * 10**18:
        sums = sums.with_columns(_size=pl.when(pl.col("_size") < bound).then("_size"))
    return sums.select(group, rounded_mu=pl.col("_size").cast(pl.Int64) * pl.col("_numerator").sign().cast(pl.Int64))


_SIZE, _DENOMINATOR = pl.col("_numerator").abs(), pl.col("_denominator")
_TO_NEAREST = _SIZE * 2 + _DENOMINATOR, _DENOMINATOR * 2
_WHOLE_SIZE = {
    "half_away": _TO_NEAREST[0] // _TO_NEAREST[1],
    # a half is a multiple of the whole here: an odd number of them goes back by one
    "half_even": _TO_NEAREST[0] // _TO_NEAREST[1]
    - ((_TO_NEAREST[0] % _TO_NEAREST[1] == 0) & (_TO_NEAREST[0] // _TO_NEAREST[1] % 2 == 1)).cast(_INT128),
    "up": (_SIZE + _DENOMINATOR - 1) // _DENOMINATOR,
    "down": _SIZE // _DENOMINATOR,
}
"""The whole number that the size of a fraction becomes, by mode: all of them treat both signs alike."""


def _rounded_one_by_one(
    rows: pl.DataFrame, factors: Sequence[str], divisors: Sequence[str], group: str
) -> pl.DataFrame:
    """The same for what does not fit 128 bits, with integers that have no bounds."""
    numerators: dict[object, int] = {}
    denominators: dict[object, tuple[int, str]] = {}
    for row in rows.iter_rows(named=True):
        product = 1
        for name in factors:
            product *= int(row[name])
        numerators[row[group]] = numerators.get(row[group], 0) + product
        divisor = 1
        for name in divisors:
            divisor *= int(row[name])
        denominators[row[group]] = divisor, row["_mode"]
    results = [_round_integer(numerators[key], *denominators[key]) for key in numerators]
    return pl.DataFrame(
        {
            group: pl.Series(list(numerators), dtype=rows.schema[group]),
            "rounded_mu": pl.Series([x if abs(x) < 9 * 10**18 else None for x in results], dtype=pl.Int64),
        }
    )


def _round_integer(numerator: int, denominator: int, mode: str) -> int:
    """One quotient, rounded.

    >>> [_round_integer(n, 2, "half_away") for n in (1, -1, 3)], [_round_integer(n, 2, "up") for n in (1, -1)]
    ([1, -1, 2], [1, -1])
    """
    floor, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if mode == "half_away":
        up = twice > denominator or (twice == denominator and numerator > 0)
    elif mode == "half_even":
        up = twice > denominator or (twice == denominator and floor % 2 == 1)
    else:
        up = rest > 0 and (numerator > 0) == (mode == "up")
    return floor + up


# --- splitting ------------------------------------------------------------


def share(frame: pl.DataFrame, total: str, weight: str, group: str) -> pl.Series:
    """Split a total over the rows of its group in proportion to their weights, by largest remainder.

    Reads    frame    rows in the order that decides ties: total [mu, one per group], weight [integers]
    Makes    share_mu [mu], a row's part; the parts of a group sum to its total
    Errors   ValueError where a total is not zero and the weights of its group sum to zero
    Source   M1

    >>> frame = pl.DataFrame({"g": [1, 1, 1], "total": [100, 100, 100], "w": [1, 1, 1]})
    >>> share(frame, "total", "w", "g").to_list()
    [34, 33, 33]
    """
    whole = _share_in_64_bits(frame[total], frame[weight], frame[group])
    if whole is not None:
        return whole
    weights = pl.col(weight).cast(_INT128)
    rows = frame.select(
        pl.col(group).alias("_group"),
        pl.col(total).alias("_total"),
        weights.alias("_weight"),
        weights.sum().over(group).alias("_weights"),
        pl.col(weight).cast(pl.Float64).abs().sum().over(group).alias("_weights_size"),
    )
    if rows.filter((pl.col("_weights") == 0) & (pl.col("_total") != 0)).height:
        raise ValueError("an amount cannot be split over weights that sum to zero (M1)")
    sign = pl.when(pl.col("_weights") < 0).then(-1).otherwise(1).cast(_INT128)
    size = pl.col("_total").cast(pl.Float64).abs() * pl.col("_weights_size")
    rows = rows.with_columns(
        _numerator=pl.col("_weight") * sign,
        _denominator=pl.max_horizontal(pl.col("_weights") * sign, pl.lit(1, dtype=_INT128)),
        _fits=(size < FITS).all().over("_group"),
    )
    if rows["_fits"].all():
        rows = rows.with_columns(pl.col("_numerator") * pl.col("_total").abs().cast(_INT128))
        return largest_remainder(rows, "_numerator", "_denominator", "_total", "_group")
    return _share_one_by_one(rows)


def _share_in_64_bits(totals: pl.Series, weights: pl.Series, groups: pl.Series) -> pl.Series | None:
    """`share` where every product fits 64 bits and groups stand together: the usual case, as arrays.

    None where they do not, and where an amount has nothing to be split over, for the slow way to say so.
    """
    nulls = totals.null_count() + weights.null_count() + groups.null_count()
    if not totals.len() or nulls or weights.dtype != pl.Int64 or not groups.is_sorted():
        return None
    group, total, weight = groups.rle_id().to_numpy(), totals.to_numpy(), weights.to_numpy()
    first = np.flatnonzero(np.diff(group, prepend=-1))
    whole, size = np.add.reduceat(weight, first), np.add.reduceat(np.abs(weight).astype(np.float64), first)
    amount = np.abs(total[first])
    if (size * np.maximum(amount, 1)).max() >= SAFE or ((whole == 0) & (amount != 0)).any():
        return None
    numerator = weight * (amount * np.where(whole < 0, -1, 1))[group]
    shares, rests = np.divmod(numerator, np.maximum(np.abs(whole), 1)[group])
    missing = amount - np.add.reduceat(shares, first)
    lifted = _largest(rests, group, first, missing)
    shares[lifted] += 1
    return pl.Series("share_mu", shares * np.where(total < 0, -1, 1), dtype=pl.Int64)


def _largest(rests: _Integers, group: _Integers, first: _Integers, missing: _Integers) -> _Integers:
    """The rows with the largest rests of each group, as many as it is missing; of equal ones the earlier."""
    rows = np.flatnonzero((rests > 0) & (missing > 0)[group])
    if not len(rows):
        return rows
    place, less = rows - first[group[rows]], rests.max() - rests[rows]
    bits = [int(part.max()).bit_length() for part in (group[rows], less, place)]
    if sum(bits) < 63:  # one number says it all, and numbers sort faster than columns
        key = np.sort((group[rows].astype(np.int64) << (bits[1] + bits[2])) | (less << bits[2]) | place)
        of = key >> (bits[1] + bits[2])
        rows = first[of] + (key & ((1 << bits[2]) - 1))
    else:
        rows = rows[np.lexsort((place, less, group[rows]))]
        of = group[rows]
    begins = np.flatnonzero(np.diff(of, prepend=-1))
    turn = np.arange(len(of)) - np.repeat(begins, np.diff(np.append(begins, len(of))))
    found: _Integers = rows[turn < missing[of]]
    return found


def even_part(amount: pl.Expr, parts: pl.Expr, place: pl.Expr) -> pl.Expr:
    """One of the even parts of an amount [mu, not negative]: each is floored, and the last takes the rest.

    Reads    parts, one at least; place, counted from 0: a place that is not among the parts has nothing
    Source   W1

    >>> frame = pl.DataFrame({"amount": [100] * 4, "parts": [3] * 4, "place": [0, 1, 2, 3]})
    >>> frame.select(even_part(pl.col("amount"), pl.col("parts"), pl.col("place"))).to_series().to_list()
    [33, 33, 34, 0]
    """
    part = amount // parts
    return (
        pl.when(place == parts - 1)
        .then(amount - (parts - 1) * part)
        .when((place >= 0) & (place < parts))
        .then(part)
        .otherwise(0)
    )


def largest_remainder(frame: pl.DataFrame, numerator: str, denominator: str, total: str, group: str) -> pl.Series:
    """Round exact shares numerator / denominator so that each group sums to its total.

    Every share is floored, and what is missing goes by single mu to the largest fractions, earlier rows first. A
    negative total is split mirrored: the numerators are those of the amount without its sign.

    Reads    frame    rows in the order that decides ties
    Makes    share_mu [mu]
    Source   M1
    """
    # Int128 as the caller bounded it; the fraction is compared within a group, where denominators are equal.
    rows = frame.select(
        pl.col(group).alias("_group"),
        pl.col(total).alias("_total"),
        (pl.col(numerator) // pl.col(denominator)).alias("_floor"),
        (pl.col(numerator) % pl.col(denominator)).alias("_rest"),
    ).with_row_index("_row")
    missing = pl.col("_total").abs() - pl.col("_floor").sum().over("_group").cast(pl.Int64)
    rows = rows.with_columns(missing.alias("_missing"))
    lifted = (
        rows.filter((pl.col("_missing") > 0) & (pl.col("_rest") > 0))
        .sort("_group", "_rest", "_row", descending=[False, True, False])
        .with_columns(pl.int_range(pl.len()).over("_group").alias("_place"))
        .filter(pl.col("_place") < pl.col("_missing"))
        .select("_row", _one=pl.lit(1, dtype=pl.Int64))
    )
    return (
        rows.join(lifted, on="_row", how="left", maintain_order="left")
        .select(
            (
                (pl.col("_floor").cast(pl.Int64) + pl.col("_one").fill_null(0))
                * pl.when(pl.col("_total") < 0).then(-1).otherwise(1)
            ).alias("share_mu")
        )
        .to_series()
    )


def _share_one_by_one(rows: pl.DataFrame) -> pl.Series:
    """`share` for weights whose products do not fit 128 bits."""
    shares = [0] * rows.height
    for part in rows.with_row_index("_row").partition_by("_group"):
        parts = share_integers(int(part["_total"][0]), [int(weight) for weight in part["_numerator"]])
        for place, found in zip(part["_row"], parts, strict=True):
            shares[place] = found
    return pl.Series("share_mu", shares, dtype=pl.Int64)


def share_integers(total: int, weights: Sequence[int]) -> list[int]:
    """`share` of one total over weights of any size, in the order that decides ties.

    Errors   ValueError where the total is not zero and the weights sum to zero
    Source   M1

    >>> share_integers(-100, [1, 1, 1])
    [-34, -33, -33]
    """
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError("an amount cannot be split over weights that sum to zero (M1)")
        return [0] * len(weights)
    sign = -1 if whole < 0 else 1
    exact = [divmod(abs(total) * weight * sign, abs(whole)) for weight in weights]
    missing = abs(total) - sum(floor for floor, _ in exact)
    by_fraction = sorted((-rest, place) for place, (_, rest) in enumerate(exact))
    lifted = {place for _, place in by_fraction[:missing]}
    return [(floor + (place in lifted)) * (-1 if total < 0 else 1) for place, (floor, _) in enumerate(exact)]


def split_lines(frame: pl.DataFrame, amount: str, weight: str, line: str, mode: str) -> pl.Series:
    """Split each rating line's amount over its charges by the value up to each cut.

    The value up to a charge is the line amount × the weight up to it / the line's weight, rounded; a charge is the
    difference of two such values and the last takes the rest, so a further cut moves no other charge.

    Reads    frame    the charges of a line in time order: amount [mu, one per line], weight [integers], mode
    Makes    share_mu [mu]
    Source   M1, P7

    >>> frame = pl.DataFrame({"line": ["a"] * 3, "a": [10] * 3, "w": [1, 1, 1], "mode": ["half_away"] * 3})
    >>> split_lines(frame, "a", "w", "line", "mode").to_list()
    [3, 4, 3]
    """
    rows = frame.select(
        pl.col(line).alias("_line"),
        pl.col(amount).cast(pl.Int64).alias("_amount"),
        pl.col(weight).cast(_INT128).cum_sum().over(line).alias("_up_to"),
        pl.col(weight).cast(_INT128).sum().over(line).alias("_whole"),
        pl.col(mode).alias("_mode"),
    ).with_columns(
        # a whole of zero leaves all to the last
        _up_to=pl.col("_up_to") * pl.col("_whole").sign().cast(_INT128),
        _whole=pl.max_horizontal(pl.col("_whole").abs(), pl.lit(1, dtype=_INT128)),
    )
    value = rounded(rows, ["_amount", "_up_to"], ["_whole"], "_mode")["rounded_mu"]
    return differences(rows.with_columns(_value=value), "_value", "_amount", "_line").alias("share_mu")


def differences(frame: pl.DataFrame, value: str, amount: str, line: str) -> pl.Series:
    """From the value up to each cut to the charges: the difference of two, the last charge taking the rest (P7)."""
    last = pl.int_range(pl.len()).over(line) == pl.len().over(line) - 1
    up_to = pl.when(last).then(pl.col(amount)).otherwise(pl.col(value))
    before = pl.col(value).shift(1, fill_value=0).over(line)
    return frame.select((up_to - before).alias("share_mu")).to_series()
