"""Clean rows on their way: slim, by period and bucket, unsorted.

What bounds the memory of a run by its largest bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from flows.landing import judged
from flows.landing.places import is_keyed_by_hash
from flows.landing.sql import literal, parquet
from flows.landing.workspace import Workspace

NARROW_DIGITS = 18


@dataclass(frozen=True)
class Staged:
    """Staged rows: in one folder per billing period, in it one per bucket."""

    folder: Path
    count: int

    @property
    def source(self) -> str:
        """All staged rows, as SQL."""
        return _source(self.folder) if self.count else NOTHING

    def by_period(self) -> dict[str, str]:
        """The rows of each billing period, as SQL."""
        return {_value(folder): _source(folder) for folder in _folders(self.folder)}

    def parts(self) -> Iterator[tuple[str, int, str]]:
        """Billing period, bucket, and their rows as SQL."""
        for period in _folders(self.folder):
            for bucket in sorted(_folders(period), key=lambda folder: int(_value(folder))):
                yield _value(period), int(_value(bucket)), _source(bucket)


NOTHING = (
    "(select null::ubigint as series_id, null::varchar as usage_record_id, null::timestamptz as charge_period_start, "
    "null::timestamptz as charge_period_end, null::decimal(18, 0) as consumed_quantity, null::bigint as revision, "
    "null::map(varchar, varchar) as tags, null::integer as file_number, null::bigint as row_number, "
    "null::integer as part, null::boolean as is_spanning, null::varchar as billing_period where false)"
)


def stage(desk: Workspace, landed: str) -> Staged:
    """Write every landed row that nothing is wrong with to the staging folder.

    Reads    landed rows, placed_series
    Makes    one folder per (billing period, bucket) of slim rows, with their place in the delivery
    """
    connection = desk.connection
    quantity = f"judged.consumed_quantity::{_type_of_quantity(desk, landed)}"
    target = desk.folder / "staged"
    target.mkdir()
    connection.execute("set preserve_insertion_order = false")
    connection.execute(
        f"""
        copy (
          select placed.series_id, judged.usage_record_id, judged.charge_period_start, judged.charge_period_end,
            {quantity} as consumed_quantity, judged.revision, judged.tags,
            judged.file_number, judged.row_number, judged.part,
            judged.charge_period_end > placed.period_end as is_spanning,
            placed.billing_period, placed.bucket, placed.billing_period as period_folder
          from ({judged.judged(landed)}) as judged
          join placed_series as placed on {join(desk)} and {judged.IN_STRETCH}
          where {judged.is_clean()}
        ) to {literal(str(target))} (format parquet, compression lz4_raw, dictionary_size_limit 1,
          partition_by (period_folder, bucket))
        """
    )
    connection.execute("set preserve_insertion_order = true")
    return Staged(target, sum(pq.read_metadata(path).num_rows for path in _files(target)))


def join(desk: Workspace) -> str:
    """How a row finds its series."""
    return judged.HASHED_JOIN if is_keyed_by_hash(desk) else judged.EXACT_JOIN


def narrowest(desk: Workspace, source: str) -> str:
    """The narrowest decimal type that holds every quantity of a source.

    DECIMAL(18,s) with the fewest decimals s if they all fit, else DECIMAL(38,15): a matter of the values alone.
    """
    scale = 0
    while (more := _more_decimals(desk, source, scale)) is not None:
        scale = more
    row = desk.connection.sql(f"select max(abs(consumed_quantity))::decimal(38, 15) from {source}").fetchone()
    largest = int(row[0]) if row and row[0] is not None else 0
    fits = scale <= NARROW_DIGITS and largest < 10 ** (NARROW_DIGITS - scale)
    return f"decimal({NARROW_DIGITS}, {scale})" if fits else "decimal(38, 15)"


def _more_decimals(desk: Workspace, source: str, scale: int) -> int | None:
    """How many decimals a quantity has that needs more than these, if there is one."""
    row = desk.connection.sql(
        f"select length(rtrim(split_part(consumed_quantity::decimal(38, 15)::varchar, '.', 2), '0')) from {source} "
        f"where consumed_quantity <> round(consumed_quantity, {scale}) limit 1"
    ).fetchone()
    return int(row[0]) if row else None


def _type_of_quantity(desk: Workspace, landed: str) -> str:
    """The type to stage quantities in: as the files have it if that is narrow, else the narrowest."""
    relation = desk.connection.sql(f"select consumed_quantity from ({landed})")
    declared = str(relation.types[0])
    return declared if declared.startswith(f"DECIMAL({NARROW_DIGITS},") else narrowest(desk, f"({landed})")


def _source(folder: Path) -> str:
    return parquet(*_files(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _value(folder: Path) -> str:
    return folder.name.partition("=")[2]
