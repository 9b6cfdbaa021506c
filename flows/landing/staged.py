"""Clean rows on their way: slim, by period and bucket, unsorted.

What bounds the memory of a run by its largest bucket.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from flows.landing import judged
from flows.landing.landed import NO_TAGS
from flows.landing.places import is_keyed_by_hash
from flows.landing.workspace import Workspace
from flows.sql import literal, parquet

PLACE = "((file_number::bigint << 39) | ((row_number - 1) << 8) | part)"
"""Where a landed row stood, as one number that sorts like (file, row, part); a file has at most 2^31 rows."""

FILE_OF_PLACE = "(place >> 39)::integer"


@dataclass(frozen=True)
class Staged:
    """Staged rows: in one folder per billing period, in it one per bucket; `constants` are the columns left out."""

    folder: Path
    count: int
    constants: str
    trusts_ids: bool

    @property
    def source(self) -> str:
        """All staged rows, as SQL."""
        return " union all ".join(self.by_period().values()) or f"({NOTHING})"

    def by_period(self) -> dict[str, str]:
        """The rows of each billing period, as SQL."""
        parts: dict[str, list[Path]] = {}
        for period, _, folder in self._slots():
            parts.setdefault(period, []).append(folder)
        return {period: self._rows(period, folders) for period, folders in parts.items()}

    def parts(self) -> Iterator[tuple[str, int, str]]:
        """Billing period, bucket, and their rows as SQL."""
        for period, bucket, folder in self._slots():
            yield period, bucket, self._rows(period, [folder])

    def _slots(self) -> list[tuple[str, int, Path]]:
        """Billing period, bucket and folder, in order."""
        folders = self.folder.glob("slot=*")
        return sorted((*_period_and_bucket(int(folder.name.partition("=")[2])), folder) for folder in folders)

    def _rows(self, period: str, folders: Iterable[Path]) -> str:
        files = parquet(*(file for folder in folders for file in sorted(folder.glob("*.parquet"))))
        return f"(select *, {literal(period)} as billing_period{self.constants} from {files})"


NOTHING = (
    "select null::ubigint as series_id, null::varchar as usage_record_id, null::timestamptz as charge_period_start, "
    "null::timestamptz as charge_period_end, null::decimal(18, 0) as consumed_quantity, null::bigint as place, "
    "null::boolean as is_spanning, null::varchar as billing_period, null::bigint as revision, "
    f"{NO_TAGS} as tags, null::timestamptz as counted_at where false"
)
_WAITED_END = "placed.counted_at + (judged.charge_period_end - judged.charge_period_start)"
"""When a record ends that counts from another instant than its own start (X4)."""


def stage(desk: Workspace, landed: str, *, trusts_ids: bool = False) -> Staged:
    """Write every landed row that nothing is wrong with to the staging folder.

    With `trusts_ids` the letters of record ids are not looked at: who reads all ids anyway can do it at no cost.

    Reads    landed rows, placed_series
    Makes    one folder per (billing period, bucket) of slim rows, with their place in the delivery
    """
    kept, constants = _varying(desk)
    ends = "judged.charge_period_end"
    ends = f"coalesce({_WAITED_END}, {ends})" if "counted_at" in kept else ends
    target = desk.folder / "staged"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    desk.reader.execute(
        hand_over("placed_series", desk),
        "set preserve_insertion_order = false",
        f"""
        copy (
          select placed.series_id, judged.usage_record_id, judged.charge_period_start, judged.charge_period_end,
            judged.consumed_quantity, {PLACE} as place,
            {ends} > placed.period_end as is_spanning{kept},
            placed.slot
          from ({judged.keyed(landed)}) as judged
          join (from placed_series where codes = [] and from_at is not null) as placed
            on {join(desk)} and {judged.IN_STRETCH}
          where {judged.is_plain(trusts_ids=trusts_ids)}
        ) to {literal(str(target))} (format parquet, compression lz4_raw, parquet_version v2, dictionary_size_limit 1,
          partition_by (slot))
        """,
        "set preserve_insertion_order = true",
    )
    return Staged(
        target, sum(pq.read_metadata(path).num_rows for path in target.rglob("*.parquet")), constants, trusts_ids
    )


def hand_over(table: str, desk: Workspace) -> str:
    """Write a table of the workspace for the reader; gives the statement that makes it there."""
    path = desk.path("handed-over", f"{table}.parquet")
    desk.connection.execute(f"copy {table} to {literal(str(path))} (format parquet, compression lz4_raw)")
    return f"create or replace table {table} as from {parquet(path)}"


def _varying(desk: Workspace) -> tuple[str, str]:
    """Which of the columns that are mostly empty must be staged, and what stands for those that need not."""
    row = desk.connection.sql("select sum(tagged_count), max(highest_revision) from series_parts").fetchone()
    waiting = desk.connection.sql("select count(counted_at) from placed_series").fetchone()
    columns = (
        ("judged.revision", "0::bigint as revision", (row or (0, 0))[1]),
        ("judged.tags", f"{NO_TAGS} as tags", (row or (0, 0))[0]),
        ("placed.counted_at", "null::timestamptz as counted_at", (waiting or (0,))[0]),
    )
    kept = [f", {column}" for column, _, is_there in columns if is_there]
    constants = [f", {nothing}" for _, nothing, is_there in columns if not is_there]
    return "".join(kept), "".join(constants)


def join(desk: Workspace) -> str:
    """How a row finds its series."""
    return judged.HASHED_JOIN if is_keyed_by_hash(desk) else judged.EXACT_JOIN


def _period_and_bucket(slot: int) -> tuple[str, int]:
    """What a slot stands for.

    >>> _period_and_bucket((202610 << 16) | 7)
    ('2026-10', 7)
    """
    year, month = divmod(slot >> 16, 100)
    return f"{year:04}-{month:02}", slot & 0xFFFF
