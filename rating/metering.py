"""Metering: the usage of a period in one row per series and stretch, exactly (P1).

All usage is read once for sums and counts. What needs more (stretches, another meter than `sum`, `count` and `unique`)
is read once more, and only those series; records are told apart only where a price or a rounding looks at each.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import polars as pl

from rating import spanning_records as spanning
from rating.dates import FOREVER
from rating.sql import keep, query, text
from schemas.metered_usage import MeteredUsage
from schemas.units import Count, Hash64, Instant, Quantity, Whole

CLOSER = ["time_weighted", "max", "last"]
"""Meters that look at more than the sum, the number and the earliest of records."""

NARROW, WIDE = "narrow_usage_records", "wide_usage_records"
"""The two halves of `usage_records`, where a connection has both: sums of narrow decimals are much cheaper."""

EARLIER = "earlier_records"
"""Records of earlier periods that may run into this one, where a connection has them."""

CUT = "cut_records"
_PERIODS = {"series_id": Hash64, "period_start": Instant, "period_end": Instant}
_WHOLE = {"series_id": Hash64, "starts": Instant, "ends": Instant}
_SPANNING = {
    "series_id": Hash64,
    "charge_period_start": Instant,
    "charge_period_end": Instant,
    "consumed_quantity": Quantity,
    "copies": Count,
}
SINCE_EVER = pl.lit(datetime(1, 1, 1, tzinfo=UTC), dtype=Instant)
MICROSECONDS = 10**6
ONE = 10**Quantity.scale


def metered_usage(
    connection: duckdb.DuckDBPyConnection,
    *,
    breaks: pl.DataFrame,
    cutoffs: pl.DataFrame,
    details: pl.DataFrame,
    wanted: pl.DataFrame | None = None,
    periods: pl.DataFrame | None = None,
    whole: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Meter the usage records a connection holds.

    Reads    usage_records (series_id, charge_period_start, charge_period_end, consumed_quantity): of the connection,
             and if it has it `earlier_records`: those of earlier periods of which pieces lie in this one
             breaks (series_id, stretch, starts, ends): of series with more than one stretch
             cutoffs (series_id, cutoff): records that start at or after it do not count
             details (series_id, meter, by_value, by_instant, is_split, is_whole): of series that need more than a sum;
             is_whole: this period cuts none of their records, also where an earlier one left a piece to it
             wanted (series_id): only these, when given
             periods (series_id, period_start, period_end): of series with `is_split` or earlier records
             whole (series_id, starts, ends): earlier records that begin then are not cut
    Makes    MeteredUsage, in no order
    Source   P1, U4
    """
    if wanted is not None:
        breaks, details = (rows.join(wanted, on="series_id", how="semi") for rows in (breaks, details))
    asked = _Asked(connection, breaks, cutoffs, details, wanted)
    keep(connection, "breaks", breaks)
    keep(connection, "cutoffs", cutoffs)
    metered = _metered(asked, _halves(connection), "usage_records")
    cut = _cut(asked, periods, whole)
    if cut is None:
        return metered
    again = _metered(replace(asked, wanted=cut), [CUT], CUT)
    return pl.concat([metered.join(cut, on="series_id", how="anti"), again])


def has_earlier(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether records of earlier periods may run into the one a connection is for."""
    return _has_view(connection, EARLIER)


@dataclass(frozen=True)
class _Asked:
    """What is to be metered, and how finely."""

    connection: duckdb.DuckDBPyConnection
    breaks: pl.DataFrame
    cutoffs: pl.DataFrame
    details: pl.DataFrame
    wanted: pl.DataFrame | None

    def count_only(self, relation: str) -> None:
        """Make the relation `metered_records`: what of a relation counts."""
        chosen = f"from {relation}"
        if self.wanted is not None:
            keep(self.connection, "wanted", self.wanted)
            chosen = f"from ({chosen}) semi join wanted using (series_id)"
        if self.cutoffs.height:
            chosen = (
                f"select u.* from ({chosen}) u left join cutoffs c on c.series_id = u.series_id "
                "where c.cutoff is null or u.charge_period_start < c.cutoff"
            )
        self.connection.execute(f"create or replace temp view metered_records as {chosen}")


def _metered(asked: _Asked, halves: list[str], relation: str) -> pl.DataFrame:
    """Meter a relation, which `halves` together are."""
    is_apart = pl.col("by_value") | pl.col("by_instant")
    apart = asked.details.filter(is_apart).select("series_id", "meter", "by_value", "by_instant")
    closer = _closer(asked.details.filter(~is_apart), asked.breaks, apart)
    if asked.wanted is not None:
        apart, closer = (rows.join(asked.wanted, on="series_id", how="semi") for rows in (apart, closer))
    sums = _sums(asked, halves, pl.concat([closer.select("series_id"), apart.select("series_id")]))
    asked.count_only(relation)
    try:
        stretches = _stretches(asked, closer)
    except (duckdb.OutOfRangeException, duckdb.ConversionException):
        # a quantity or a record so large that their product is beyond the decimals of a file
        timed = closer.filter(meter="time_weighted")
        apart = pl.concat([apart, timed.with_columns(by_value=False, by_instant=False)])
        stretches = _stretches(asked, closer.join(timed, on="series_id", how="anti"))
    rows = [sums, stretches, _records_apart(asked, apart)]
    return pl.concat([MeteredUsage.conform(some) for some in rows])


def _cut(asked: _Asked, periods: pl.DataFrame | None, whole: pl.DataFrame | None) -> pl.DataFrame | None:
    """Make the relation `cut_records`: the records of the series of which some are cut, pieces for those.

    Makes    series_id; None where no record is cut
    """
    if not asked.details["is_split"].any() and not has_earlier(asked.connection):
        return None
    periods = pl.DataFrame(schema=_PERIODS) if periods is None else periods
    if asked.wanted is not None:
        periods = periods.join(asked.wanted, on="series_id", how="semi")
    is_cut = pl.col("meter").is_in(spanning.SPLITS) & ~pl.col("is_whole")
    split = asked.details.filter(is_cut & pl.col("is_split")).select("series_id")
    uncut = asked.details.filter(~is_cut).select("series_id")
    breaks, cutoffs = (rows.join(uncut, on="series_id", how="anti") for rows in (asked.breaks, asked.cutoffs))
    cutoffs = cutoffs.join(periods, on="series_id", how="semi")
    moments = spanning.boundaries(breaks, periods, cutoffs)
    here = _spanning(asked, "usage_records", moments.join(split, on="series_id", how="semi"))
    before = _left(asked, moments, whole)
    found = pl.concat([here, before])
    if found.is_empty():
        return None
    meters = found.join(asked.details.select("series_id", "meter"), on="series_id", how="left")
    keep(asked.connection, "spanning", here.select("series_id", "charge_period_start", "charge_period_end").unique())
    keep(asked.connection, "pieces", spanning.pieces(meters, moments, periods))
    asked.connection.execute(text("cut_records"))
    return found.select("series_id").unique()


def _left(asked: _Asked, moments: pl.DataFrame, whole: pl.DataFrame | None) -> pl.DataFrame:
    """The records of earlier periods that were cut there, and left a piece to this one."""
    if not has_earlier(asked.connection):
        return pl.DataFrame(schema=_SPANNING)
    keep(asked.connection, "whole_records", pl.DataFrame(schema=_WHOLE) if whole is None else whole)
    began_whole = "w.series_id = e.series_id and e.charge_period_start >= w.starts and e.charge_period_start < w.ends"
    asked.connection.execute(
        f"create or replace temp view left_records as from {EARLIER} e anti join whole_records w on {began_whole}"
    )
    return _spanning(asked, "left_records", moments)


def _spanning(asked: _Asked, relation: str, moments: pl.DataFrame) -> pl.DataFrame:
    """The records of a relation that lie on both sides of one of their moments."""
    if moments.is_empty():
        return pl.DataFrame(schema=_SPANNING)
    asked.connection.execute(f"create or replace temp view spanning_candidates as from {relation}")
    return query("metered_spanning", asked.connection, moments=moments).cast(_SPANNING)  # type: ignore[arg-type]


def _has_view(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return bool(connection.execute("select 1 from duckdb_views() where view_name = ?", [name]).fetchone())


def _halves(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [NARROW, WIDE] if _has_view(connection, NARROW) else ["usage_records"]


def _closer(details: pl.DataFrame, breaks: pl.DataFrame, apart: pl.DataFrame) -> pl.DataFrame:
    """The series of which stretches, length, peak or last record are wanted: series_id, meter."""
    metered = details.filter(pl.col("meter").is_in(CLOSER)).select("series_id", "meter")
    broken = breaks.select("series_id").unique().with_columns(meter=pl.lit("sum"))
    return pl.concat([metered, broken.join(metered, on="series_id", how="anti")]).join(
        apart, on="series_id", how="anti"
    )


def _sums(asked: _Asked, halves: list[str], others: pl.DataFrame) -> pl.DataFrame:
    """All series but the others. To read all and drop those is cheaper than to look for them."""
    parts = []
    for half in halves:
        asked.count_only(half)
        parts.append(query("metered_sums", asked.connection).join(others, on="series_id", how="anti"))
    sums = pl.concat(parts)
    if len(parts) > 1:
        added = ["consumed_quantity", "record_count", "positive_count"]
        earliest = ["first_record_at", "first_positive_at"]
        sums = sums.group_by("series_id").agg(pl.col(added).sum(), pl.col(earliest).min())
    return sums.with_columns(pl.lit(0, dtype=Count).alias("stretch"))


def _stretches(asked: _Asked, closer: pl.DataFrame) -> pl.DataFrame:
    """Series by stretch, with the length, peak or last record that their meter asks for."""
    if closer.is_empty():
        return MeteredUsage.empty()
    timed = closer.select("series_id", is_timed=pl.col("meter") == "time_weighted")
    rows = query("metered_stretches", asked.connection, closer=timed).join(closer, on="series_id")
    whole, rest = _quantity_time(rows)
    extremes = _extremes(asked, rows)
    is_timed, is_max = pl.col("meter") == "time_weighted", pl.col("meter") == "max"
    return (
        rows.drop("last_start_at")
        .with_columns(
            peak_quantity=pl.when(is_max).then(pl.col("peak_quantity").cast(Quantity)),
            quantity_time_whole=pl.when(is_timed).then(whole).cast(Whole),
            quantity_time_rest=pl.when(is_timed).then(rest).cast(Whole),
        )
        .join(extremes, on=["series_id", "stretch"], how="left")
    )


def _quantity_time(rows: pl.DataFrame) -> tuple[pl.Expr, pl.Expr]:
    """Quantity × microseconds: its whole part, and the rest in units of 10^-15."""
    scale = rows.schema["quantity_seconds"].scale  # type: ignore[attr-defined]
    one = pl.lit(10**scale, dtype=pl.Int128)
    seconds = pl.col("quantity_seconds").to_physical().cast(pl.Int128)
    microseconds = pl.col("quantity_microseconds").to_physical().cast(pl.Int128).fill_null(0)
    beyond = seconds % one * MICROSECONDS + microseconds
    whole = seconds // one * MICROSECONDS + beyond // one
    return whole, beyond % one * pl.lit(ONE // 10**scale, dtype=pl.Int128)


def _extremes(asked: _Asked, rows: pl.DataFrame) -> pl.DataFrame:
    """When each peak was reached first, and what the last record was: of the series whose meter asks for it."""
    wanted = rows.filter(pl.col("meter").is_in(["max", "last"])).join(
        asked.breaks, on=["series_id", "stretch"], how="left"
    )
    extremes = wanted.select(
        "series_id",
        "stretch",
        pl.col("starts").fill_null(SINCE_EVER),
        pl.col("ends").fill_null(FOREVER),
        pl.when(pl.col("meter") == "max").then("peak_quantity").alias("peak_quantity"),
        pl.when(pl.col("meter") == "last").then("last_start_at").alias("last_start_at"),
    )
    found = query("metered_extremes", asked.connection, extremes=extremes)
    last = pl.col("last_record").struct
    return found.join(extremes.select("series_id", "stretch", "last_start_at"), on=["series_id", "stretch"]).select(
        "series_id",
        "stretch",
        "peak_at",
        "last_start_at",
        last_quantity=last.field("quantity").cast(Quantity),
        last_end_at=last.field("ends"),
    )


def _records_apart(asked: _Asked, apart: pl.DataFrame) -> pl.DataFrame:
    """Series whose records are told apart by quantity or start."""
    if apart.is_empty():
        return MeteredUsage.empty()
    rows = query("metered_records_apart", asked.connection, apart=apart)
    peak, last = pl.col("peak").struct, pl.col("last_record").struct
    whole, rest = (pl.col(name).to_physical().cast(pl.Int128) for name in ("time_whole", "time_rest"))
    one = pl.lit(ONE, dtype=pl.Int128)
    return rows.with_columns(
        peak_quantity=peak.field("quantity"),
        peak_at=(-peak.field("at")).cast(Instant),
        last_quantity=last.field("quantity"),
        last_start_at=last.field("starts"),
        last_end_at=last.field("ends"),
        quantity_time_whole=(whole + rest // one).cast(Whole),
        quantity_time_rest=(rest % one).cast(Whole),
    )
