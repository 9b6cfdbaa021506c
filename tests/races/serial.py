"""What a race comes to, beside what the same commands come to one after the other.

The order is that in which they landed. Then the two journals must tell the same story, byte for byte of every file:
only names may differ, as a run that was computed twice finds the file of its first try under the name it would use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.lake.audit import audit, verify
from flows.lake.journal import Commit, Lake
from flows.lake.views import connect
from tests.races.racing import Racers, Said, Seen, reading
from tests.races.world import Place

OF_THE_HEAD = frozenset({"operations", "backfill"})
"""Commands whose run id is made of the head's hash, and so of the names of files."""


def story(lake: Lake) -> list[dict[str, Any]]:
    """What each commit says, but for names of files and hashes of commits."""
    digests = {entry.path: entry.sha256 for commit in lake.commits() for entry in commit.added}
    return [_chapter(commit, digests) for commit in lake.commits()]


def _chapter(commit: Commit, digests: dict[str, str]) -> dict[str, Any]:
    files = [(entry.table, sorted(entry.partition.items()), entry.sha256, entry.rows) for entry in commit.added]
    summary = dict(commit.summary)
    spanning = summary.pop("spanning", {})
    return {
        "command": commit.command,
        "run_id": None if commit.command in OF_THE_HEAD else commit.run_id,
        "inputs": commit.inputs,
        "added": sorted(files),
        "removed": sorted(digests[path] for path in commit.removed),
        "totals": commit.totals,
        "numbers": commit.numbers,
        "summary": summary,
        "spanning": sorted(spanning.values()),
    }


def refuse_other_than_serial(racers: Racers, after: Place, said: Sequence[Said], again: Place, *then: Said) -> None:
    """Run the commands of a race once more, in the order they landed in, and compare; `again` is a fresh copy.

    Who committed nothing comes after them, and has nothing to do then either, or is refused; then what followed.
    """
    landed = sorted((one for one in said if one.commit), key=lambda one: one.commit or 0)
    rest = [one for one in said if not one.commit]
    serial = [racers.one(*again.here(one.arguments, after)) for one in [*landed, *rest]]
    for one in then:
        assert racers.one(*again.here(one.arguments, after)).status == one.status
    assert [one.status for one in serial[: len(landed)]] == ["committed"] * len(landed)
    assert [one.status for one in serial[len(landed) :]] == [one.status for one in rest]
    race, one_by_one = story(Lake.open(after.lake)), story(Lake.open(again.lake))
    assert [one["command"] for one in race] == [one["command"] for one in one_by_one]
    for number, (ours, theirs) in enumerate(zip(race, one_by_one, strict=True)):
        for name in ours:
            assert ours[name] == theirs[name], f"{name} of commit {number}, {ours['command']}"


def refuse_unsound(place: Place) -> None:
    """Every invariant holds, every byte is what was committed, and no run is in the journal twice."""
    lake = Lake.open(place.lake)
    assert verify(lake) == []
    with connect(lake) as connection:
        assert audit(connection) == []
    runs = [commit.run_id for commit in lake.commits()]
    assert len(runs) == len(set(runs)), "a run is in the journal twice"
    assert [commit.number for commit in lake.commits()] == list(range(len(runs)))


def refuse_torn(place: Place, readers: Sequence[Sequence[Seen]]) -> None:
    """Whatever a reader saw is what a commit says, all invariants held, and no reader was taken back in time."""
    lake = Lake.open(place.lake)
    wanted: dict[int, Seen] = {}
    for seen in readers:
        commits = [one.commit for one in seen]
        assert commits == sorted(commits), "a reader was taken back to an earlier commit"
        assert commits[-1] > commits[0], "a reader saw one state only, which proves nothing"
        for one in seen:
            assert one.broken == ()
            if one.commit not in wanted:
                with connect(lake, lake.snapshot(one.commit)) as connection:
                    wanted[one.commit] = reading(connection)
            assert one == wanted[one.commit], f"a reader saw something else than commit {one.commit} says"
