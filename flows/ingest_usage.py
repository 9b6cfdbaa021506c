"""Ingest: files of usage in, accepted records in the lake and rejects with their reasons, in one commit.

Nothing is visible before the commit, and after it every landed row is accepted, a duplicate, superseded or rejected.
What is accepted depends on content and on what was committed before: not on the order, names, formats or division of
files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from flows.before_commit import checked
from flows.kept_reference import keep_reference
from flows.lake.audit import breaches
from flows.lake.journal import Commit, FileEntry, Lake, Snapshot, canonical
from flows.landing import reject_rows, storage
from flows.landing.again import land_again
from flows.landing.delivery import AGAIN, UNREAD, Delivered, FoundBroken, broken, changed_meanwhile, look_at, read_all
from flows.landing.fates import Decided, decide, meet
from flows.landing.hashed_ids import HashedIds
from flows.landing.issued_periods import periods_that_take_no_usage
from flows.landing.limits import LIMITS, Limits
from flows.landing.manifest import Manifest, load_manifest
from flows.landing.places import place_series
from flows.landing.reader import ReaderDied
from flows.landing.reader import start as start_reader
from flows.landing.reject_rows import Rejected
from flows.landing.staged import Staged, stage
from flows.landing.tally import Tally, tally
from flows.landing.workspace import MEMORY_LIMIT, Workspace, workspace
from flows.mapping import ColumnMapping, load_mapping
from flows.on_the_head import on_the_head
from flows.progress import Progress, silent
from schemas.units import Instant, Quantity

if TYPE_CHECKING:
    from flows.reference import Reference

COMMAND = "ingest"
COMMITTED, NOTHING = "committed", "nothing to do"


class IngestRefused(Exception):  # noqa: N818 (a sentence, as callers read it)
    """The run would break the books; nothing of it is visible."""


@dataclass(frozen=True)
class IngestResult:
    """What became of a delivery: `status` is "committed" or "nothing to do"; `files` are rows of LandedFiles."""

    commit: Commit | None
    files: list[dict[str, Any]]
    accepted: int
    duplicate: int
    superseded: int
    rejected: int
    status: str
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    """What a run was asked to do, and on which head."""

    lake: Lake
    snapshot: Snapshot
    reference: Reference
    mapping: ColumnMapping | None
    received_at: datetime
    retries_rejects: bool
    actor: str
    progress: Progress
    manifest: Manifest | None


@dataclass(frozen=True)
class _Bounds:
    """What a run may use: DuckDB's memory, and what reading one file may cost."""

    memory_limit: str
    limits: Limits


@dataclass(frozen=True)
class _Judged:
    """Every landed row, on one of two heaps, and what was decided about ids met before."""

    staged: Staged
    decided: Decided
    rejected: Rejected


def ingest_usage(
    lake: Lake,
    reference: Reference,
    files: Sequence[Path],
    *,
    mapping: Path | None = None,
    manifest: Path | None = None,
    received_at: datetime,
    retry_rejects: bool = False,
    actor: str = "operator",
    progress: Progress = silent,
    memory_limit: str = MEMORY_LIMIT,
    limits: Limits = LIMITS,
) -> IngestResult:
    """Land files of usage; with `retry_rejects` also the rejects that wait.

    Reads    files: Parquet, CSV or JSON Lines, plain, gzip or zstd; mapping: how to read a foreign layout
             manifest: what the sender says the files hold, where there is one
             reference: accounts, projects, SKUs, unit conversions, policies
             limits: what reading one file may cost
    Makes    usage_records, usage_series, usage_record_ids, landed_files, rejects, in one commit
    Rejects  files and rows, each with its reason; raises MappingFaults, ManifestFaults and IngestRefused,
             and nothing for bad data
    Source   rule book 1.1, U1 to U6
    """
    start_reader()
    received = received_at.astimezone(UTC)
    chosen = load_mapping(mapping) if mapping else None
    promised = load_manifest(manifest) if manifest else None
    files = [file for file in files if manifest is None or file.absolute() != manifest.absolute()]
    bounds = _Bounds(memory_limit, limits)

    def once() -> IngestResult:
        task = _Task(lake, lake.snapshot(), reference, chosen, received, retry_rejects, actor, progress, promised)
        return _on_head(task, files, bounds)

    return on_the_head(once, "usage was landed")


def _on_head(task: _Task, files: Sequence[Path], bounds: _Bounds) -> IngestResult:
    """One try on a head. When a file turns out broken halfway, it is set aside and the rest begins again.

    So it does once when the reader dies and no file is to blame.
    """
    delivery = look_at(files, task.progress, task.manifest)
    has_died = False
    while True:
        with workspace(task.lake, task.received_at, memory_limit=bounds.memory_limit, limits=bounds.limits) as desk:
            try:
                return _ingest(task, desk, delivery)
            except FoundBroken as found:
                delivery = [one.anew(found) for one in delivery if one.name != AGAIN]
            except ReaderDied as died:
                if has_died:
                    raise IngestRefused(
                        f"the process that reads files ended ({died}), but can read each file by itself; nothing was "
                        "committed: ingest fewer files at once"
                    ) from None
                has_died, delivery = True, [one.anew(FoundBroken({})) for one in delivery if one.name != AGAIN]


def _ingest(task: _Task, desk: Workspace, delivery: list[Delivered]) -> IngestResult:
    """Read, judge, and keep what came of it."""
    waiting = reject_rows.waiting(task.snapshot.read("rejects")) if task.retries_rejects else None
    if waiting is not None and waiting.height:
        delivery.append(land_again(waiting, desk))
    read_all(delivery, task.mapping, _read_before(task.snapshot), desk, task.progress)
    run_id = _run_id(task, delivery)
    if not _has_news(task, delivery) or task.lake.find_run(run_id):
        return _nothing_to_do(task, delivery, run_id)
    try:
        judged = _judge(task, desk, delivery, run_id)
    except (duckdb.Error, ReaderDied) as fault:
        raise broken(delivery, fault, desk) from fault
    if changed := changed_meanwhile(delivery):
        raise FoundBroken(changed)
    counted = tally(desk, delivery, judged.staged, judged.rejected)
    return _keep(task, desk, delivery, waiting, judged, counted, run_id)


def _judge(task: _Task, desk: Workspace, delivery: list[Delivered], run_id: str) -> _Judged:
    """Good rows are staged, ids met before decided about, bad rows and conflicts set aside."""
    rows = desk.reader.alike([one.landed for one in delivery if one.landed])
    task.progress.step("Finding accounts, SKUs and periods")
    closed = periods_that_take_no_usage(task.snapshot, task.reference)
    place_series(desk, task.reference, task.lake.buckets, closed)
    task.progress.step("Staging good rows")
    staged, met = _stage(desk, rows)
    task.progress.step("Looking for ids that were met before")
    decided = decide(desk, task.lake, task.snapshot, staged, met)
    task.progress.step("Setting bad rows aside")
    rejected = reject_rows.reject(desk, rows, delivery, staged, run_id, task.received_at)
    return _Judged(staged, decided, rejected)


def _stage(desk: Workspace, rows: str) -> tuple[Staged, HashedIds]:
    """Stage good rows and read their ids; where an id is none after all, stage again with every id looked at."""
    staged = stage(desk, rows, trusts_ids=True)
    met = meet(desk, staged)
    if met is None:
        staged = stage(desk, rows)
        met = meet(desk, staged)
    if met is None:
        raise IngestRefused("an id holds a control character that the grammar does not know; please report this")
    return staged, met


def _keep(
    task: _Task,
    desk: Workspace,
    delivery: list[Delivered],
    waiting: pl.DataFrame | None,
    judged: _Judged,
    counted: Mapping[int, Tally],
    run_id: str,
) -> IngestResult:
    """Write every table and commit; the order is that of reading, the commit makes all of it visible at once."""
    lake, snapshot = task.lake, task.snapshot
    again = next((one for one in delivery if one.name == AGAIN), None)
    landed_again = reject_rows.landed_again(desk, judged.rejected, waiting, again, run_id, task.received_at)
    if again and not landed_again.height and not _has_news(task, [one for one in delivery if one is not again]):
        return _nothing_to_do(task, [one for one in delivery if one is not again], run_id)
    task.progress.step("Writing usage")
    usage = storage.write_usage(desk, lake, judged.staged, judged.decided, run_id, task.progress)
    ids, ids_removed = storage.write_ids(desk, lake, snapshot, judged.decided, run_id)
    added = [*usage.added, *ids, *storage.write_series(desk, lake, snapshot, judged.staged, run_id)]
    added += reject_rows.write(desk, lake, judged.rejected, landed_again, again, run_id)
    files = _landed_files(task, delivery, counted, run_id)
    added.append(lake.write_table("landed_files", files, run_id=run_id))
    added += keep_reference(snapshot, task.reference, run_id)
    removed = [*usage.removed, *ids_removed]
    total = sum(counted.values(), Tally())
    _check_stored(usage.added, total, judged.decided)
    added += _audited(task, added, removed, run_id)
    task.progress.step("Committing")
    commit = lake.commit(
        snapshot.commit,
        run_id=run_id,
        command=COMMAND,
        inputs=_inputs(task, delivery),
        added=added,
        removed=removed,
        totals={**total.as_columns(), "replaced_count": judged.decided.replaced_count},
        summary={
            "files": _by_fate(delivery),
            "reasons": dict(judged.rejected.reasons),
            storage.SPANNING: usage.spanning,
        },
    )
    return _result(commit, files, total, COMMITTED, judged.rejected.reasons)


def _has_news(task: _Task, delivery: Sequence[Delivered]) -> bool:
    """Is there something to write down? The same fault of the same bytes is not written down twice."""
    if any(one.fate == "read" for one in delivery):
        return True
    faults = {(one.digest, one.fault.code, one.name if one.digest == UNREAD else "") for one in delivery if one.fault}
    if not faults:
        return False
    name = pl.when(pl.col("file_digest") == UNREAD).then("file_name").otherwise(pl.lit(""))
    known = task.snapshot.read("landed_files").select("file_digest", "reason_code", name)
    return not faults <= set(known.iter_rows())


def _read_before(snapshot: Snapshot) -> set[tuple[str, str | None]]:
    rows = snapshot.read("landed_files").filter(pl.col("fate") == "read")
    return set(rows.select("file_digest", "mapping_digest").iter_rows())


def _run_id(task: _Task, delivery: Sequence[Delivered]) -> str:
    """Names the run by what went in and how each file was met; the same run twice is recognised by it (L1, L2)."""
    files = sorted(
        [one.digest, (one.landed and one.landed.mapping_digest) or "", one.fault.code if one.fault else ""]
        for one in delivery
        if one.fate != "already_read"
    )
    return hashlib.sha256(canonical([COMMAND, files, task.reference.digest])).hexdigest()[:32]


def _inputs(task: _Task, delivery: Sequence[Delivered]) -> dict[str, Any]:
    files = [
        {"digest": one.digest, "mapping_digest": one.landed.mapping_digest if one.landed else None, "fate": one.fate}
        for one in delivery
    ]
    return {"files": files, "reference_digest": task.reference.digest, "actor": task.actor}


def _landed_files(
    task: _Task, delivery: Sequence[Delivered], counted: Mapping[int, Tally], run_id: str
) -> pl.DataFrame:
    """LandedFiles: one row per file, with its fate and those of its rows."""
    rows = [
        {
            "delivery_id": run_id,
            "file_digest": one.digest,
            "mapping_digest": one.landed.mapping_digest if one.landed else None,
            "file_name": one.name,
            "format": one.landed.source if one.landed else "none",
            "fate": one.fate,
            "reason_code": one.fault.code if one.fault else None,
            "reason": one.fault.reason if one.fault else None,
            **counted.get(one.number, Tally()).as_columns(),
            "received_at": task.received_at,
        }
        for one in sorted(delivery, key=lambda one: (one.digest, one.name))
    ]
    quantities = dict.fromkeys(Tally.quantities(), Quantity)
    return pl.DataFrame(rows, schema_overrides={**quantities, "received_at": Instant}, infer_schema_length=None)


def _check_stored(usage: Sequence[FileEntry], total: Tally, decided: Decided) -> None:
    """What lies in the files must be what was counted (U1)."""
    stored = storage.rows_in(usage) - storage.rows_in(decided.replaced)
    if stored != total.accepted_count - decided.replaced_count:
        raise IngestRefused(
            f"{stored} rows would be added to the lake, but {total.accepted_count} were accepted and "
            f"{decided.replaced_count} replaced; nothing was committed, please report this"
        )


def _audited(task: _Task, added: Sequence[FileEntry], removed: Sequence[str], run_id: str) -> list[FileEntry]:
    """The files that tell of credit limits, if the invariants of usage hold; only periods that are touched are read."""
    task.progress.step("Auditing")
    candidate = task.snapshot.with_changes(added, removed, reference_digest=task.reference.digest)
    periods = {entry.partition["billing_period"] for entry in added if entry.table == storage.ROWS}
    told, found = checked(candidate, run_id, usage_periods=periods)
    if found:
        raise IngestRefused(f"nothing was committed:\n{breaches(found)}")
    return told


def _nothing_to_do(task: _Task, delivery: Sequence[Delivered], run_id: str) -> IngestResult:
    return _result(None, _landed_files(task, delivery, {}, run_id), Tally(), NOTHING, {})


def _result(
    commit: Commit | None, files: pl.DataFrame, total: Tally, status: str, reasons: Mapping[str, int]
) -> IngestResult:
    return IngestResult(
        commit=commit,
        files=files.to_dicts(),
        accepted=total.accepted_count,
        duplicate=total.duplicate_count,
        superseded=total.superseded_count,
        rejected=total.rejected_count,
        status=status,
        reasons=reasons,
    )


def _by_fate(delivery: Sequence[Delivered]) -> dict[str, int]:
    fates = sorted(one.fate for one in delivery)
    return {fate: fates.count(fate) for fate in dict.fromkeys(fates)}
