"""How a run that was computed again compares with its commit, in words (L2)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flows.show.reports import commit_record

if TYPE_CHECKING:
    from flows.replay import Replay


def replay_page(found: "Replay") -> Iterator[str]:
    """Lines: the same, or what differs and what may be why."""
    commit = found.commit
    run = f"commit {commit.number}, {commit.command}, run {commit.run_id}"
    if found.is_same:
        yield f"{run}: computed again, it is the same: {found.compared:,} files, byte for byte, and every number"
        return
    yield f"{run}: computed again, it is not the same"
    yield from (f"differs: {text}" for text in found.faults)
    yield from (f"note: {text}" for text in found.notes)
    yield "compare every byte of the lake with its commits: billfold audit --verify"


def replay_record(found: "Replay") -> dict[str, Any]:
    """The same for a program."""
    return {
        "commit": commit_record(found.commit),
        "command": found.commit.command,
        "is_same": found.is_same,
        "compared": found.compared,
        "faults": list(found.faults),
        "notes": list(found.notes),
        "exit_code": found.exit_code,
    }
