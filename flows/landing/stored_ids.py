"""Ids are unique for ever: the hash of every accepted record id, per billing period, sorted, in the lake.

A file is read a part at a time (`hashed_ids`), so that what a run holds of them does not grow with the lake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.lake import tables
from flows.lake.journal import FileEntry, Lake, Snapshot
from flows.landing.hashed_ids import HashedIds, between, bounds, parts_for
from flows.landing.record_ids import Hashes, among, union

TABLE = tables.IDS
COLUMN = "id_hash"
ROWS_OF_A_GROUP = 1 << 20
_SCHEMA = pa.schema([(COLUMN, pa.uint64())])


@dataclass(frozen=True)
class StoredIds:
    """One file of hashes that the lake has."""

    period: str
    path: Path
    metadata: pq.FileMetaData

    def between(self, first: int, last: int, looked_for: Sequence[Hashes] | None = None) -> Iterator[Hashes]:
        """Its hashes of a range, one row group at a time; those that could matter to what is looked for."""
        with pq.ParquetFile(self.path, metadata=self.metadata) as file:
            for group in range(self.metadata.num_row_groups):
                low, high = self._bounds(group)
                low, high = max(low, first), min(high, last)
                if low > high or (
                    looked_for is not None and not any(len(between(one, low, high)) for one in looked_for)
                ):
                    continue
                hashes = file.read_row_group(group).column(0).to_numpy().astype(np.uint64, copy=False)
                yield between(hashes, first, last)

    def _bounds(self, group: int) -> tuple[int, int]:
        """The smallest and the largest hash of a row group, as far as the file says."""
        statistics = self.metadata.row_group(group).column(0).statistics
        has_bounds = statistics is not None and statistics.has_min_max
        return (_whole(statistics.min), _whole(statistics.max)) if statistics and has_bounds else (0, 2**64 - 1)


def stored_ids(lake: Lake, entries: Sequence[FileEntry]) -> list[StoredIds]:
    """Files of hashes, each to be read a part at a time."""
    return [
        StoredIds(entry.partition["billing_period"], path, pq.read_metadata(path))
        for entry, path in zip(entries, lake.paths(entries), strict=True)
    ]


def _whole(value: Any) -> int:
    return int(value)


def met_before(stored: Sequence[StoredIds], own: Sequence[Hashes], first: int, last: int) -> dict[str, Hashes]:
    """The hashes of a range that the lake knows already, by the billing period it knows them in."""
    found: dict[str, list[Hashes]] = {}
    for one in stored if any(map(len, own)) else []:
        for known in one.between(first, last, own):
            hits = [part[among(part, known)] for part in own]
            found.setdefault(one.period, []).extend(hit for hit in hits if len(hit))
    return {period: union(hits) for period, hits in found.items() if hits}


def to_join(snapshot: Snapshot, period: str, rows: int) -> list[FileEntry]:
    """Stored files of the period that are no larger than what they would be written together with.

    So a hash is rewritten once for every doubling, and a period never has more than a few files.
    """
    joined: list[FileEntry] = []
    for entry in sorted(snapshot.files(TABLE, billing_period=period), key=lambda entry: (entry.rows, entry.path)):
        if entry.rows > rows:
            break
        joined.append(entry)
        rows += entry.rows
    return joined


def write(path: Path, accepted: HashedIds, period: str, lake: Lake, joined: Sequence[FileEntry]) -> None:
    """Write the hashes of a period, sorted, with those of the files they replace."""
    stored = stored_ids(lake, joined)
    count = accepted.count(period) + sum(entry.rows for entry in joined)
    parts = max(accepted.parts, parts_for(count))
    rest = np.empty(0, np.uint64)
    with pq.ParquetWriter(
        path,
        _SCHEMA,
        compression="none",  # hashes do not compress; their differences are shorter than they are
        use_dictionary=False,
        column_encoding="DELTA_BINARY_PACKED",
    ) as writer:
        own, number = np.empty(0, np.uint64), -1
        for place, (first, last) in enumerate(bounds(parts)):
            if place * accepted.parts // parts != number:
                number = place * accepted.parts // parts
                own = accepted.part(period, number)
            known = [hashes for one in stored for hashes in one.between(first, last)]
            found = np.concatenate([rest, union([between(own, first, last), *known])])
            whole = len(found) - len(found) % ROWS_OF_A_GROUP
            _write_groups(writer, found[:whole])
            rest = found[whole:]
        _write_groups(writer, rest)


def _write_groups(writer: pq.ParquetWriter, hashes: Hashes) -> None:
    if len(hashes):
        writer.write_table(pa.table({COLUMN: pa.array(hashes, pa.uint64())}), row_group_size=ROWS_OF_A_GROUP)
