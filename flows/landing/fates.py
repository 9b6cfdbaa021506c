"""Rows whose id was met before: which is accepted, which a duplicate, which superseded, which a conflict (U1, U2).

Clean rows are staged first; of those only the ones with a suspicious id hash are looked at here, with their equals in
the lake.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from flows.lake.journal import FileEntry, Lake, Snapshot
from flows.landing import record_ids
from flows.landing.hashed_ids import HashedIds, bounds
from flows.landing.record_ids import Hashes
from flows.landing.sql import query
from flows.landing.staged import Staged
from flows.landing.stored_ids import TABLE, met_before, stored_ids
from flows.landing.workspace import Workspace
from flows.sql import literal, parquet

STORED_COLUMNS = (
    "series_id, usage_record_id, charge_period_start, charge_period_end, "
    "consumed_quantity::decimal(38, 15) as consumed_quantity, revision, tags"
)


@dataclass(frozen=True)
class Decided:
    """What came of the suspects.

    The hashes to remember, and the stored files some rows of which are replaced.
    """

    accepted: HashedIds
    replaced: list[FileEntry]
    replaced_count: int


def meet(desk: Workspace, staged: Staged) -> HashedIds | None:
    """The hashes of all staged ids; None when an id holds a control character, and rows must be staged again."""
    met = HashedIds(desk.new_folder("met"), staged.count)
    slots = [(period, source) for period, _, source in staged.parts()]
    if not all(list(desk.at_once(lambda desk, slot: _meet(desk, met, *slot), slots))):
        return None
    return met


def _meet(desk: Workspace, met: HashedIds, period: str, source: str) -> bool:
    """Add the hashes of some staged ids; false when one of these holds a control character."""
    for ids in record_ids.batches(desk.connection, f"select usage_record_id from {source}"):
        if record_ids.has_control(ids):
            return False
        met.add(period, record_ids.hash_ids(ids))
    return True


def decide(desk: Workspace, lake: Lake, snapshot: Snapshot, staged: Staged, met: HashedIds) -> Decided:
    """Make table `fates`: one row per staged row whose id was met before.

    Reads    the staged rows and their ids' hashes; usage_record_ids and usage_records of the lake
    Makes    fates: accepted, duplicate, superseded, conflict; all other staged rows are accepted
             replaced: per stored file, the ids that a higher revision takes out of it
    Source   U1, U2, U3
    """
    suspicious, periods = _suspicious(desk, lake, snapshot, met)
    _find_suspects(desk, staged, suspicious)
    stored_files = [entry for period in periods for entry in snapshot.files("usage_records", billing_period=period)]
    _find_stored(desk, lake, stored_files)
    desk.connection.execute(query("fates"))
    replaced, count = _replaced(desk, lake, stored_files)
    return Decided(_accepted(desk, met) if len(suspicious) else met, replaced, count)


def _suspicious(desk: Workspace, lake: Lake, snapshot: Snapshot, met: HashedIds) -> tuple[Hashes, list[str]]:
    """The hashes that were met before, here or in the lake, sorted, in a file; and the lake's periods that have any."""
    stored = stored_ids(lake, snapshot.files(TABLE))
    path = desk.path("suspects", "hashes")
    periods: set[str] = set()
    with path.open("wb") as file:
        for number, (first, last) in enumerate(bounds(met.parts)):
            own = met.of_all_periods(number)
            known = met_before(stored, own, first, last)
            periods |= known.keys()
            file.write(record_ids.union([record_ids.repeated(own), *known.values()]).data)
    return record_ids.mapped(path), sorted(periods)


def _find_suspects(desk: Workspace, staged: Staged, suspicious: Hashes) -> None:
    """Table `suspects`: the staged rows whose id has a suspicious hash."""
    path = desk.path("suspects", "ids.parquet")
    with pq.ParquetWriter(path, pa.schema([("usage_record_id", pa.string())]), compression="lz4") as writer:
        for source in staged.by_period().values() if len(suspicious) else []:
            for ids in record_ids.batches(desk.connection, f"select usage_record_id from {source}"):
                chosen = ids.filter(pa.array(record_ids.among(record_ids.hash_ids(ids), suspicious)))
                writer.write_table(pa.table({"usage_record_id": chosen.cast(pa.string())}))
    desk.connection.execute(f"create view suspect_ids as from {parquet(path)}")
    columns = f"place, billing_period, {STORED_COLUMNS}"
    desk.connection.execute(
        f"create table suspects as select {columns} from ({staged.source}) "
        f"{'semi join suspect_ids using (usage_record_id)' if len(suspicious) else 'limit 0'}"
    )


def _find_stored(desk: Workspace, lake: Lake, entries: Iterable[FileEntry]) -> None:
    """Table `stored`: the rows of the lake that have the id of a suspect, and the file each is in."""
    desk.connection.execute(
        "create table stored (series_id ubigint, usage_record_id varchar, charge_period_start timestamptz, "
        "charge_period_end timestamptz, consumed_quantity decimal(38, 15), revision bigint, "
        "tags map(varchar, varchar), path varchar)"
    )
    by_types: dict[tuple[tuple[str, str], ...], list[FileEntry]] = {}
    for entry in entries:
        by_types.setdefault(tuple(entry.types.items()), []).append(entry)
    for group in by_types.values():
        files = parquet(*lake.paths(group), options=", filename = true")
        desk.connection.execute(
            f"insert into stored select {STORED_COLUMNS}, filename from {files} "
            "semi join suspects using (usage_record_id)"
        )


def _replaced(desk: Workspace, lake: Lake, entries: list[FileEntry]) -> tuple[list[FileEntry], int]:
    desk.connection.execute(
        "create table replaced as select usage_record_id, path from stored "
        "semi join (select * from fates where fate = 'accepted') using (usage_record_id)"
    )
    counts: dict[str, int] = dict(desk.connection.sql("select path, count(*) from replaced group by path").fetchall())
    return [entry for entry in entries if str(lake.path(entry)) in counts], sum(counts.values())


def _accepted(desk: Workspace, met: HashedIds) -> HashedIds:
    """The hashes of the ids that have an accepted row of this delivery, by the period of that row."""
    most = sum(met.count(period) for period in met.periods())
    unaccepted = HashedIds(desk.new_folder("unaccepted"), most)
    accepted = HashedIds(desk.new_folder("accepted"), most)
    for period in met.periods():
        ids = record_ids.batches(
            desk.connection,
            f"select usage_record_id from fates where billing_period = {literal(period)} "
            "group by usage_record_id having not bool_or(fate = 'accepted')",
        )
        for batch in ids:
            unaccepted.add(period, record_ids.hash_ids(batch))
        for number in range(met.parts):
            found = record_ids.once(met.part(period, number))
            accepted.add(period, found[~record_ids.among(found, unaccepted.part(period, number))])
    return accepted
