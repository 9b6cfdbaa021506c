"""Rejected rows as a table: the row as it stood, where it stood, and why it is not billed (U6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from flows.lake.journal import FileEntry, Lake
from flows.lake.tables import columns_of
from flows.landing import judged
from flows.landing.delivery import Delivered
from flows.landing.landed import NO_ROWS
from flows.landing.staged import PLACE, Staged, hand_over, join
from flows.landing.workspace import NotConserved, Workspace
from flows.sql import literal, parquet
from schemas.units import Instant

NOT_LANDED_AGAIN = (
    "R_NOT_USAGE",
    "R_COLUMN_COUNT",
    "R_BAD_ENCODING",
    "R_MALFORMED_JSON",
    "R_JSON_TYPE",
    "R_JSON_DUP_KEY",
)
"""Rows that no change of reference data mends; they wait for a file that replaces theirs."""


@dataclass(frozen=True)
class Rejected:
    """The rejected rows of a run: the file that holds them, and how many there are for each reason."""

    path: Path
    reasons: Mapping[str, int]


def reject(
    desk: Workspace,
    rows: str,
    delivery: Iterable[Delivered],
    staged: Staged,
    delivery_id: str,
    received_at: datetime,
) -> Rejected:
    """Write the rows that are not clean, and the conflicts among those that are.

    Reads    landed rows (not at all when every row was staged and none conflicts), placed_series, fates
    Makes    Rejects, and the place of each row: file_number, part
    Source   U2, U5, U6
    """
    _register(desk, delivery)
    desk.connection.execute("create table conflicts as select place from fates where fate = 'conflict'")
    landed_count = _number(desk, "select coalesce(sum(row_count), 0)::bigint from series_parts")
    conflict_count = _number(desk, "select count(*) from conflicts")
    landed = rows if landed_count > staged.count or conflict_count else NO_ROWS
    is_good = f"placed.codes = [] and {judged.is_plain(trusts_ids=staged.trusts_ids)}"
    path = desk.path("rejects", "rejects.parquet")
    tables = ("placed_series", "deliveries", "conflicts")
    write = f"""
        copy (
          with found as (
            select judged.*, placed.pricing_unit, placed.billing_period, placed.is_issued,
              {judged.codes()} || case when conflict.place is not null then ['R_DUPLICATE_CONFLICT'] else [] end
                as reason_codes
            from ({judged.judged(landed)}) as judged
            left join placed_series as placed on {join(desk)} and {judged.IN_STRETCH_OR_NONE}
            left join conflicts as conflict on conflict.place = {PLACE}
            where not coalesce({is_good}, false) or conflict.place is not null
          )
          select md5(concat_ws(chr(31), file_digest, coalesce(mapping_digest, chr(30)), row_number, part)) as reject_id,
            {literal(delivery_id)} as delivery_id, file_digest, file_name, row_number,
            case when len(reason_codes) = 1 then reason_codes[1] else 'R_MULTIPLE' end as reason_code,
            reason_codes, {judged.sentence("reason_codes")} as reason,
            usage_record_id, billing_account_id, sku_id, billing_period,
            consumed_quantity::decimal(38, 15) as consumed_quantity,
            {ORIGINAL} as original, 'waiting' as status,
            {literal(received_at.isoformat())}::timestamptz as received_at,
            found.file_number, found.part
          from found join deliveries using (file_number)
          order by file_digest, mapping_digest, row_number, part
        ) to {literal(str(path))} (format parquet, compression zstd, compression_level 1, parquet_version v2)
        """
    if landed is NO_ROWS:
        desk.connection.execute(write)
    else:
        desk.reader.execute(*(hand_over(table, desk) for table in tables), write)
    reasons = desk.connection.sql(
        f"select reason_code, count(*) from {parquet(path)} group by all order by all"
    ).fetchall()
    if nameless := _number(desk, f"select count(*) from {parquet(path)} where reason_codes = []"):
        raise NotConserved(f"{nameless} rows are not plain, but nothing is wrong with them; please report this")
    return Rejected(path, dict(reasons))


ORIGINAL = """
  case when row_fault is not null and raw is not null then raw else to_json({
    'usage_record_id': usage_record_id, 'billing_account_id': billing_account_id, 'sub_account_id': sub_account_id,
    'resource_id': resource_id, 'sku_id': sku_id, 'region_id': region_id,
    'charge_period_start': coalesce(start_text, instant_text(charge_period_start)),
    'charge_period_end': coalesce(end_text, instant_text(charge_period_end)),
    'consumed_quantity': coalesce(quantity_text, plain_text(consumed_quantity)), 'consumed_unit': consumed_unit,
    'revision': coalesce(revision_text, revision::varchar),
    'tags': coalesce(tags_text, to_json(tags)::varchar)
  })::varchar end
"""
"""The named fields of a row as text, in JSON: enough to land it again.

A line that could not be read stands as it was.
"""


def waiting(rejects: pl.DataFrame) -> pl.DataFrame:
    """Rejects that may land again: those that wait, and that other reference data could mend."""
    landed_again = rejects.filter(pl.col("status") == "relanded").select("reject_id")
    return (
        rejects.filter((pl.col("status") == "waiting") & ~pl.col("reason_code").is_in(NOT_LANDED_AGAIN))
        .join(landed_again, on="reject_id", how="anti")
        .sort("reject_id")
    )


def landed_again(
    desk: Workspace,
    rejected: Rejected,
    waiting: pl.DataFrame | None,
    again: Delivered | None,
    delivery_id: str,
    received_at: datetime,
) -> pl.DataFrame:
    """The rows that say of rejects landed again that they wait no more.

    Reads    waiting: the rejects, in the order in which they were landed again
    Makes    Rejects, status relanded: those that were not rejected once more
    """
    if waiting is None or again is None:
        return pl.DataFrame(schema=columns_of("rejects"))
    still = desk.connection.sql(
        f"select row_number from {parquet(rejected.path)} where file_number = {again.number}"
    ).fetchall()
    return (
        waiting.with_row_index("place", offset=1)
        .filter(~pl.col("place").is_in([row for (row,) in still]))
        .drop("place")
        .with_columns(
            status=pl.lit("relanded"), delivery_id=pl.lit(delivery_id), received_at=pl.lit(received_at, dtype=Instant)
        )
    )


def write(
    desk: Workspace, lake: Lake, rejected: Rejected, landed_again: pl.DataFrame, again: Delivered | None, run_id: str
) -> list[FileEntry]:
    """Write the new rejects; one that was rejected again stays as it is, one that was not gets a row that says so."""
    path = desk.path("rejects", "new.parquet")
    desk.connection.execute(
        f"copy (select * exclude (file_number, part) from {parquet(rejected.path)} "
        f"where file_number <> {again.number if again else -1}) "
        f"to {literal(str(path))} (format parquet, compression zstd, compression_level 1, parquet_version v2)"
    )
    added = (
        [lake.adopt_file("rejects", path, name=run_id)]
        if _number(desk, f"select count(*) from {parquet(path)}")
        else []
    )
    if landed_again.height:
        added.append(lake.write_table("rejects", landed_again, run_id=run_id, label="relanded"))
    return added


def _register(desk: Workspace, delivery: Iterable[Delivered]) -> None:
    rows = [(one.number, one.digest, one.name, one.landed.mapping_digest) for one in delivery if one.landed]
    schema = {"file_number": pl.Int32, "file_digest": pl.String, "file_name": pl.String, "mapping_digest": pl.String}
    desk.connection.register("registered", pl.DataFrame(rows, schema=schema, orient="row").to_arrow())
    desk.connection.execute("create table deliveries as from registered")
    desk.connection.unregister("registered")


def _number(desk: Workspace, query: str) -> int:
    row = desk.connection.sql(query).fetchone()
    return int(row[0]) if row else 0
