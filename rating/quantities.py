"""Quantities: from what was metered to what is priced, before anything is free (P1, P2).

A *use* is what one metered row says: a series in a stretch of the period, as fine as its rules ask. A quantity is an
integer over its `quantity_denominator`, which is the same for all of an account's use of a SKU, so that quantities add
and compare as integers and nothing is cut, whatever a month divides by.
"""

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rating.money import FITS, MOST_SHOWN, most, to_increment
from rating.price_models import BY_RECORD
from rating.rows import in_words, is_new, matched, taken, where
from schemas.units import Quantity

ONE_PER_RESOURCE = ("max", "last", "unique")
"""Meters that take one value per resource over the whole period; it belongs to the record that set it (P1)."""

_CLASS_COLUMNS = ["timeline_id", "line_class", "sold_id"]
_INT = pl.Int128
_FINEST = Quantity.scale


def decimals(column: str, finest: int = _FINEST) -> pl.Expr:
    """How many decimals a number can do with, 6 at least: fewer digits leave more room for exact products.

    >>> pl.DataFrame({"q": ["1.5", "0.0000001"]}).cast(Quantity).select(decimals("q")).to_series().to_list()
    [6, 9]
    """
    value = pl.col(column).to_physical().cast(_INT).fill_null(0)
    enough = pl.lit(finest)
    for fewer in range(finest - 3, 5, -3):
        enough = pl.when(_is_whole(value, finest - fewer)).then(fewer).otherwise(enough)
    return enough.cast(pl.Int64).alias(column)


def _is_whole(value: pl.Expr, places: int) -> pl.Expr:
    return value % pl.lit(10**places, dtype=_INT) == 0


def uses(
    metered: pl.DataFrame,
    series: pl.DataFrame,
    members: pl.DataFrame,
    classes: pl.DataFrame,
    stretches: pl.DataFrame,
    prices: pl.DataFrame,
) -> pl.DataFrame:
    """Convert, round and place what was metered.

    Reads    metered   MeteredUsage, recurring items among them (share_numerator, share_denominator)
             series    UsageSeries; members: series_id, class_id; prices: numbered prices
    Makes    one row per metered row, in the order of classes, so that what belongs together stands together: class_id,
             stretch, segment and price row, and what those say; quantity [integer] over quantity_denominator, at: when
             it counts, in time order; record_count, first_record_at, first_positive_at, has_factor, is_beyond (more
             than 128 bits hold: quantity is 0), metered_row: its place in metered, free_quantity: null where nothing
             is free
    Source   P1, P2, M3
    """
    row, member = matched(metered["series_id"], members["series_id"])
    rows = taken(metered.select(_OF_ALL), row).hstack(members[member]).with_columns(metered_row=row)
    rows = _with_terms(rows, classes, _stretch_terms(stretches, prices))
    rows = _one_per_resource(_placed(rows, metered, classes), metered, series)
    return _rounded_by_period(_one_by_one(rows), classes)


_OF_ALL = [
    *("stretch", "value", "at", "consumed_quantity", "record_count"),
    *("first_record_at", "first_positive_at", "share_numerator", "share_denominator"),
]
"""What every row says; what only some meters fill is looked up where it is asked for (`_looked_up`)."""


def _looked_up(rows: pl.DataFrame, metered: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """A few rows with what else was metered."""
    return rows.hstack(metered.select(columns)[rows["metered_row"]])


def _stretch_terms(stretches: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """What a use is told by its stretch, price and SKU among it; the few words there are as numbers."""
    price_columns = ["price_model", "tier_scope", "price_region_id", "free_quantity", "price_decimals"]
    terms = stretches.join(
        prices.select("price_row", *price_columns), on="price_row", how="left", maintain_order="left"
    )
    offered = pl.col("free_quantity").to_physical() != 0
    terms = terms.with_columns(pl.when(offered).then("free_quantity"))  # null where nothing is free
    terms = in_words(terms, "price_model", "tier_scope", "price_region_id", "quantity_rounding")
    return in_words(in_words(terms, "quantity_rounding_scope"), "meter", also=("sum",))


def _with_terms(rows: pl.DataFrame, classes: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """Metered rows with their class and stretch: a class is its row, a stretch counts from its timeline's first."""
    counts = terms.group_by("timeline_id", maintain_order=True).len()["len"].cast(pl.Int64)
    first = counts.cum_sum() - counts
    own = classes.select(_CLASS_COLUMNS)[rows["class_id"]]
    place = (first[own["timeline_id"]] + rows["stretch"]).cast(pl.UInt32)
    terms = taken(terms.drop("timeline_id", "stretch", "ends"), place)
    rows = pl.concat([rows, own.drop("timeline_id"), terms], how="horizontal")
    if rows["share_denominator"].null_count() == rows.height:
        return rows
    is_item = pl.col("share_denominator").is_not_null()
    return rows.with_columns(meter=pl.when(is_item).then(pl.lit("sum", rows.schema["meter"])).otherwise("meter"))


_MEASURED = ["consumed_quantity", "value", "peak_quantity", "last_quantity", "quantity_time_rest"]


def _placed(rows: pl.DataFrame, metered: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Each row's quantity as an integer over the denominator of its account and SKU.

    Most are counted in whole units; where anything of an account's use of a SKU is divided or rounded record by record,
    all of it goes the longer way (`_apart`), and so does everything where 128 bits might not hold it.
    """
    rows = _with_one(rows, metered).with_columns(has_factor=pl.col("numerator").is_not_null())
    raw = _counted(rows, metered)
    size = most(raw) * most(rows["numerator"]) * rows.height
    fits = size < 10**6 * MOST_SHOWN  # `one` is a million at least
    is_apart = _of_the_same_sold(rows, _IS_APART) if fits else pl.repeat(value=True, n=rows.height, eager=True)
    whole = rows.select(
        quantity=(raw * pl.col("numerator").cast(_INT)).fill_null(0),
        quantity_denominator="one",
        is_beyond=pl.lit(value=False),
    )
    found = where(is_apart, _apart(rows.filter(is_apart), metered, classes), whole) if is_apart.any() else whole
    return rows.hstack(found).drop(_STEPS)


_STEPS = ["share_numerator", "share_denominator", "numerator", "denominator"]
"""What is needed on the way to a quantity, and no further."""

_IS_APART = (
    (pl.col("meter") == "time_weighted")
    | (pl.col("denominator") != 1)
    | pl.col("share_denominator").is_not_null()
    | (pl.col("quantity_rounding_scope").eq_missing("record") & pl.col("quantity_rounding").is_not_null())
)


def _of_the_same_sold(rows: pl.DataFrame, is_so: pl.Expr) -> pl.Series:
    """Whether it is so of any row of an account and SKU."""
    sold = rows["sold_id"].to_numpy()
    found = np.zeros(sold.max(initial=0) + 1, dtype=bool)
    found[rows.filter(is_so)["sold_id"].to_numpy()] = True
    return pl.Series(found[sold])


def _apart(rows: pl.DataFrame, metered: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Quantities of uses that are divided, or rounded record by record.

    Reads    all uses of their accounts and SKUs
    Makes    quantity, quantity_denominator, is_beyond
    """
    rows = _with_common(_with_raw(rows, metered, classes))
    divisor = pl.col("denominator").cast(_INT) * pl.col("part")
    rows = rows.with_columns(
        factor=pl.col("numerator").cast(_INT) * (pl.col("common") // divisor),
        quantity_denominator=pl.col("one") * pl.col("common"),
    )
    rows = _within_bounds(rows)
    rows = rows.with_columns(quantity=(pl.col("raw") * pl.col("factor")).fill_null(0))
    by_record = rows.select(
        pl.col("quantity_rounding_scope").eq_missing("record") & pl.col("quantity_rounding").is_not_null()
    ).to_series()
    found = rows.select("quantity", "quantity_denominator", "is_beyond")
    if not by_record.any():
        return found
    return found.with_columns(where(by_record, _rounded_by_record(rows.filter(by_record)), found))


def integer(quantity: pl.Expr) -> pl.Expr:
    """A Quantity as an integer, of which `one` make a whole."""
    return quantity.to_physical().cast(_INT) // pl.col("digit")


def _with_one(rows: pl.DataFrame, metered: pl.DataFrame) -> pl.DataFrame:
    """`one`: what 1 is as an integer, with as many decimals as the account's use of the SKU and its prices have.

    `digit` is what a Quantity, which has all decimals, is divided by to have as many.
    """
    places = _FINEST - 6

    def are_few(name: str) -> pl.Expr:
        return _is_whole(pl.col(name).drop_nulls().to_physical().cast(_INT), places).all()

    here = are_few("quantity_increment") & (pl.col("price_decimals").max().fill_null(6) == 6)
    if rows.select(here).item() and all(metered.select(are_few(name) for name in _MEASURED).row(0)):
        return rows.with_columns(one=pl.lit(10**6, dtype=_INT), digit=pl.lit(10**places, dtype=_INT))
    measured = metered.select(_decimals=pl.max_horizontal(decimals(name) for name in _MEASURED)).to_series()
    needed = pl.max_horizontal("_decimals", decimals("quantity_increment"), "price_decimals").max().over("sold_id")
    rows = (
        rows.with_columns(measured[rows["metered_row"]])
        .with_columns(one=pl.lit(10, dtype=_INT).pow(needed.cast(pl.UInt32)).cast(_INT))
        .drop("_decimals")
    )
    return rows.with_columns(digit=pl.lit(10**_FINEST, dtype=_INT) // pl.col("one"))


def _counted(rows: pl.DataFrame, metered: pl.DataFrame) -> pl.Series:
    """What each row's meter counts [integer]; one that weighs time is not counted here."""
    raw = rows.select(raw=integer(pl.col("consumed_quantity"))).to_series()
    found: list[pl.Series] = []
    places: list[NDArray[np.int64]] = []
    for meter, quantity in _OF_METER.items():
        some = np.flatnonzero((rows["meter"] == meter).to_numpy())
        if some.size:
            few = rows.select("metered_row", "one", "digit")[some]
            few = _looked_up(few, metered, ["positive_count", "peak_quantity", "last_quantity"])
            found, places = [*found, few.select(raw=quantity).to_series()], [*places, some]
    return raw.scatter(np.concatenate(places), pl.concat(found)) if found else raw


def _with_raw(rows: pl.DataFrame, metered: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """`raw`: what each row's meter counts [integer]; `part`: what a month divides that by (P1, P9)."""
    found = rows.select(
        raw=_counted(rows, metered) * pl.col("share_numerator").fill_null(1).cast(_INT),
        part=pl.col("share_denominator").fill_null(1).cast(_INT),
        is_too_long=pl.lit(value=False),
    )
    is_weighted = rows["meter"] == "time_weighted"
    weighted = rows.select("metered_row", "class_id", "sold_id", "value", "one", "digit").filter(is_weighted)
    return rows.hstack(where(is_weighted, _weighted(weighted, metered, classes), found))


_OF_METER = {
    "count": pl.col("positive_count").cast(_INT) * pl.col("one"),
    "max": integer(pl.col("peak_quantity")),
    "last": integer(pl.col("last_quantity")),
    "unique": pl.col("one"),
}
"""The integer that meters make of what they look at, where that is not the sum."""


def _weighted(rows: pl.DataFrame, metered: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Quantity × time as one integer, and the month it is a part of: in seconds where all of it is whole seconds.

    Makes    raw, part, is_too_long: raw is more than 128 bits hold, and null
    """
    rows = _looked_up(rows, metered, ["quantity_time_whole", "quantity_time_rest"])
    rows = rows.hstack(classes.select("period_start", "period_end")[rows["class_id"]])
    second = pl.lit(10**6, dtype=_INT)
    whole, rest = pl.col("quantity_time_whole").to_physical().cast(_INT), integer(pl.col("quantity_time_rest"))
    # `one` is a number of millions, so the whole part is
    in_seconds = (rest % second == 0) & pl.col("value").is_null()
    if not rows.select(in_seconds.all()).item():
        in_seconds = in_seconds.all().over("sold_id")
    rows = rows.with_columns(_step=pl.when(in_seconds).then(second).otherwise(pl.lit(1, dtype=_INT)))
    times = pl.col("one") // pl.col("_step")
    size = whole.cast(pl.Float64).abs() * times.cast(pl.Float64)
    length = (pl.col("period_end") - pl.col("period_start")).dt.total_microseconds().cast(_INT)
    return rows.select(
        raw=pl.when(size < FITS).then(whole * times + rest // pl.col("_step")),
        part=length // pl.col("_step"),
        is_too_long=(size >= FITS).fill_null(value=False),
    )


def _with_common(rows: pl.DataFrame) -> pl.DataFrame:
    """`common`: the least common multiple of what an account's use of a SKU is divided by; 0 where it does not fit."""
    is_divided = (pl.col("denominator") != 1) | (pl.col("part") != 1)
    divisor = pl.col("denominator").cast(_INT) * pl.col("part")
    divided = rows.select("sold_id", "one", "denominator", "part").filter(is_divided)
    divided = divided.select("sold_id", "one", common=divisor)
    divided = divided.filter(is_new("sold_id", "common"))  # what belongs together stands together, mostly
    if divided.is_empty():
        return rows.with_columns(common=pl.lit(1, dtype=_INT))
    is_alone = pl.col("sold_id").is_unique()
    alone = divided.filter(is_alone).select("sold_id", "common")
    several = divided.filter(~is_alone).unique().sort("sold_id", "common")
    multiples = []
    for (sold_id,), group in several.group_by("sold_id", maintain_order=True):
        multiple = math.lcm(*group["common"].to_list())
        multiples.append((sold_id, multiple if multiple * group["one"][0] < FITS else 0))
    common = pl.concat([alone, pl.DataFrame(multiples, schema=alone.schema, orient="row")])
    # a sold_id is a small number: the place of its multiple in a list that begins with 1
    sold = rows["sold_id"].to_numpy()
    place = np.zeros(sold.max() + 1, dtype=np.int64)
    place[common["sold_id"].to_numpy()] = np.arange(1, common.height + 1)
    multiple_of = pl.concat([pl.Series("common", [1], dtype=_INT), common["common"]])
    return rows.with_columns(multiple_of[place[sold]])


def _within_bounds(rows: pl.DataFrame) -> pl.DataFrame:
    """Mark the accounts and SKUs whose quantities 128 bits or 38 digits do not hold, and count them as nothing."""
    size = (pl.col("raw").cast(pl.Float64).abs() * pl.col("factor").cast(pl.Float64)).fill_null(0.0).sum()
    limit = (pl.col("quantity_denominator").min().cast(pl.Float64) * MOST_SHOWN).clip(upper_bound=FITS)
    is_within = (size < limit) & ~((pl.col("common") == 0) | pl.col("is_too_long")).any()
    if rows.select(is_within).item():
        return rows.with_columns(is_beyond=pl.lit(value=False))
    rows = rows.with_columns(is_beyond=~is_within.over("sold_id"))
    return rows.with_columns(
        pl.when("is_beyond").then(pl.lit(0, dtype=_INT)).otherwise(name).alias(name) for name in ("raw", "factor")
    ).with_columns(pl.max_horizontal("quantity_denominator", pl.lit(1, dtype=_INT)))


def _rounded_by_record(rows: pl.DataFrame) -> pl.DataFrame:
    """P2 per record: all records of a row have one quantity; it is rounded, then metered."""
    is_weighted = pl.col("meter") == "time_weighted"
    known = pl.col("value").is_not_null() & pl.col("share_denominator").is_null()
    value = integer(pl.col("value"))
    share = pl.col("numerator").cast(_INT) * (pl.col("common") // pl.col("denominator").cast(_INT))
    # what one record comes to, and how often: a weighted one for as long as it lasts
    record = (
        pl.when(pl.col("meter") == "count")
        .then(pl.col("one") * share)
        .when(known)
        .then(value * share)
        .otherwise("quantity")
    )
    often = (
        pl.when(pl.col("meter") == "count")
        .then(pl.col("raw") // pl.col("one"))
        .when(~known)
        .then(pl.lit(1, dtype=_INT))
        .when(is_weighted & (value != 0))
        .then(pl.col("raw") // value)
        .when(pl.col("meter") == "sum")
        .then(pl.col("record_count").cast(_INT))
        .otherwise(pl.lit(1, dtype=_INT))
    )
    rows = rows.with_columns(
        _record=pl.when("is_beyond").then(pl.lit(0, dtype=_INT)).otherwise(record).fill_null(0),
        _increment=integer(pl.col("quantity_increment")) * pl.col("common"),
    )
    rounded = to_increment(pl.col("_record"), pl.col("_increment"), pl.col("quantity_rounding"))
    per = pl.when(is_weighted & known).then("part").otherwise(pl.lit(1, dtype=_INT))
    # divided first, which leaves no rest, so that the product stays small
    return rows.select(quantity=(rounded // per * often).fill_null(0))


def _one_per_resource(rows: pl.DataFrame, metered: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    """P1 `max`, `last`, `unique`: the whole value where the record is that set it, nothing elsewhere."""
    contests = rows["meter"].is_in(ONE_PER_RESOURCE)
    if not contests.any():
        return rows
    used = rows.select(_CONTESTED).with_row_index("_row").filter(contests)
    used = _looked_up(used, metered, ["peak_at", "last_start_at", "last_end_at"])
    used = used.with_columns(
        at=pl.when((pl.col("meter") == "max") & pl.col("value").is_null())
        .then("peak_at")
        .when(pl.col("meter") == "last")
        .then("last_start_at")
        .otherwise(pl.coalesce("at", "first_record_at"))
    )
    rows = rows.with_columns(where(contests, used.select("at"), rows))
    # what is alone in its account and SKU has won
    used = used.filter(pl.col("sold_id").is_duplicated())
    if used.is_empty():
        return rows
    used = used.join(
        series.select("series_id", "resource_id", "sub_account_id", "region_id", "consumed_unit"), on="series_id"
    )
    nameless = pl.col("resource_id").is_null()
    size = pl.when(pl.col("meter") != "unique").then("quantity")
    last = pl.col("meter") == "last"
    used = used.with_columns(
        _place=pl.when(nameless).then("sub_account_id"),
        _where=pl.when(nameless).then("region_id"),
        _size=size,
        _started=pl.when(last).then(pl.col("last_start_at").dt.timestamp("us")),
        _ended=pl.when(last).then(pl.col("last_end_at").dt.timestamp("us")),
        _came=pl.when(~last).then("at"),
    )
    resource = ["sold_id", "resource_id", "_place", "_where"]
    first = used.sort(
        # `last`: the latest; `max`: the largest, the earliest of them; then the line that stands first
        [-pl.col("_started"), -pl.col("_ended"), "_size", "_came", *LINE_PLACE, "consumed_unit"],
        descending=[False, False, True, *[False] * (2 + len(LINE_PLACE))],
        nulls_last=True,
    ).unique(resource, keep="first", maintain_order=True)
    lost = np.zeros(rows.height, dtype=bool)
    lost[np.setdiff1d(used["_row"].to_numpy(), first["_row"].to_numpy())] = True
    has_lost = pl.Series(lost)
    nothing = rows.select(at="first_record_at").filter(has_lost).with_columns(quantity=pl.lit(0, dtype=_INT))
    return rows.with_columns(where(has_lost, nothing, rows))


_CONTESTED = [
    *("metered_row", "series_id", "sold_id", "meter", "value", "quantity", "at", "first_record_at"),
    *("line_start", "line_class", "price_row"),
]


COMMON = pl.col("quantity_denominator") // pl.col("one")
"""What an account's use of a SKU is divided by."""


def _one_by_one(rows: pl.DataFrame) -> pl.DataFrame:
    """Records that are priced one by one and came at one instant with one quantity: a row each."""
    is_apart = pl.col("at").is_not_null() & pl.col("value").is_not_null() & (pl.col("record_count") > 1)
    several = is_apart & pl.col("price_model").is_in(BY_RECORD) & ~pl.col("meter").is_in(ONE_PER_RESOURCE)
    several = several.fill_null(value=False)
    if not rows.select(is_apart.any()).item() or not rows.select(several.any()).item():
        return rows
    together = rows.filter(several)
    places = together.select(pl.int_range(pl.len()).repeat_by("record_count").explode()).to_series()
    alone = together[places].with_columns(
        pl.col("quantity") // pl.col("record_count").cast(_INT),
        consumed_quantity="value",
        record_count=pl.lit(1, dtype=together.schema["record_count"]),
    )
    return pl.concat([rows.filter(~several), alone])


LINE_PLACE = ["line_start", "line_class", "price_row"]
"""The order of an account's rating lines, which decides what time leaves open (M1)."""


def _rounded_by_period(rows: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """P2 per period: in time order, a use is what it lets the rounded total grow by; so a cut moves nothing."""
    rounds = (
        pl.col("quantity_rounding_scope").eq_missing("period")
        & pl.col("quantity_rounding").is_not_null()
        & pl.col("price_row").is_not_null()
    )
    if not rows.select(rounds.any()).item():
        return rows
    by_resource = (pl.col("tier_scope") == "resource").any().over("sold_id")
    rows = rows.join(classes.select("class_id", "resource_id"), on="class_id", how="left", maintain_order="left")
    rows = rows.with_columns(_resource=pl.when(by_resource).then("resource_id")).drop("resource_id")
    rest = rows.filter(~rounds).drop("_resource")
    group = ["line_class", "_resource"]
    rounded = rows.filter(rounds).sort(*group, *TIME_ORDER, nulls_last=True)
    increment = integer(pl.col("quantity_increment")) * COMMON
    up_to = pl.col("quantity").cum_sum().over(group)
    grown = to_increment(up_to, increment, pl.col("quantity_rounding"))
    rounded = rounded.with_columns(_grown=grown)
    rounded = rounded.with_columns(quantity=pl.col("_grown") - pl.col("_grown").shift(1, fill_value=0).over(group))
    return pl.concat([rest, rounded.drop("_grown", "_resource")])


TIME_ORDER = [
    pl.coalesce("at", "starts"),
    *(pl.col(name) for name in LINE_PLACE),
    0 - pl.col("quantity") // pl.col("record_count").cast(_INT),
    pl.col("class_id"),
    pl.col("series_id"),
]
"""Uses in the order in which they count: those of one line in one stretch together, and of one instant the larger."""
