"""What a commit names is on the disk before the commit is: so a power cut loses no more than a kill does.

SIGKILL loses nothing that the kernel has, so no kill shows a missing fsync. What shows it is the order of the calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import pytest

from tests.crash.calls import Call, kind_of
from tests.crash.world import COMMANDS, World

pytestmark = pytest.mark.xdist_group("crash")

WRITES = frozenset({"write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "copy_file_range"})
SYNCS = frozenset({"fsync", "fdatasync"})
LINKS = frozenset({"link", "linkat"})
RENAMES = frozenset({"rename", "renameat", "renameat2"})
MAKES_FOLDERS = frozenset({"mkdir", "mkdirat"})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_record_appears_when_all_that_it_names_is_on_the_disk(
    world: World, calls: dict[str, list[Call]], command: str
) -> None:
    made, step = calls[command], world.steps[command]
    records = [call for call in made if call.name in LINKS and kind_of(call.path) == "record"]
    assert len(records) == len(step.hashes) - 1
    for record in records:
        named = [entry["path"] for entry in step.records[record.path]["added"]]
        assert named
        faults = [fault for path in named for fault in not_durable(made, path, before=record.order)]
        assert faults == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_record_is_on_the_disk_before_a_run_says_so(world: World, calls: dict[str, list[Call]], command: str) -> None:
    made = calls[command]
    records = [call for call in made if call.name in LINKS and kind_of(call.path) == "record"]
    assert [fault for record in records for fault in not_durable(made, record.path)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_replaced_is_whole_on_the_disk_before_it_gets_its_name(
    world: World, calls: dict[str, list[Call]], command: str
) -> None:
    made = calls[command]
    renamed = [call for call in made if call.name in RENAMES and kind_of(call.path) in ("hint", "database")]
    assert {kind_of(call.path) for call in renamed} == {"hint", "database"}
    assert [fault for call in renamed for fault in not_durable(made, call.path)] == []


def not_durable(calls: Sequence[Call], path: str, before: int | None = None) -> Iterator[str]:
    """What of a file could be lost in a power cut: its bytes when it got its name, its name, a folder it lies in."""
    until = len(calls) if before is None else before
    names = [call for call in calls[:until] if call.name in LINKS | RENAMES and call.path == path]
    if not names:
        yield f"{path} never got its name"
        return
    placed = names[-1]
    (source,) = placed.others
    written = last(calls[: placed.order], WRITES, source)
    synced = last(calls[: placed.order], SYNCS, source)
    if written is None or synced is None or synced < written:
        yield f"{path} got its name before its bytes were synced"
    for folder in PurePosixPath(path).parents:
        name = "" if str(folder) == "." else str(folder)
        changed = [placed.order] if name == folder_of(path) else [
            call.order for call in calls[:until] if call.name in MAKES_FOLDERS and folder_of(call.path) == name
        ]  # fmt: skip
        synced = last(calls[:until], SYNCS, name)
        if changed and (synced is None or synced < max(changed)):
            yield f"{path}: its folder {name or 'the lake'} was not synced after it changed"


def last(calls: Sequence[Call], names: frozenset[str], path: str) -> int | None:
    """When one of these calls was last made on a path."""
    found = [call.order for call in calls if call.name in names and call.path == path]
    return found[-1] if found else None


def folder_of(path: str) -> str:
    """The folder that a path of the lake lies in.

    >>> folder_of("charges/billing_period=2026-10/1.parquet"), folder_of("journal")
    ('charges/billing_period=2026-10', '')
    """
    return "" if "/" not in path else path.rpartition("/")[0]
