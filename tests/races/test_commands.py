"""Commands at once, each held before its commit until all are there: one lands, the others compute anew on its head.

All of them land in the end, or say in a sentence why not; the journal is the one that the same commands leave when they
are run one after the other in that order. BILLFOLD_RACES=n runs each race n times, with eight processes (see rounds).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import duckdb
import pytest

from flows.lake.journal import Lake
from flows.lake.published import PUBLISHED
from flows.lake.views import connect
from tests.races.racing import BEFORE_COMMIT, BEFORE_PUBLISHING, Racers, finished
from tests.races.rounds import EVERY_ROUND, RACERS, READERS
from tests.races.serial import refuse_other_than_serial, refuse_torn, refuse_unsound
from tests.races.world import ACCOUNTS, Place

pytestmark = pytest.mark.xdist_group("races")

Copy = Callable[[Place], Place]

STALE = "billfold: O_STALE_DRAFT: usage, operations or reference tables have changed; run: billfold "
"""What an issue is told when usage of its month has landed before it, and which command to run first."""


def numbers(place: Place) -> list[str]:
    """The numbers of all issued invoices."""
    with connect(Lake.open(place.lake)) as connection:
        found = connection.sql("select invoice_number from invoices where document_state = 'issued' order by all")
        return [number for (number,) in found.fetchall()]


def published(place: Place) -> int:
    """The commit that analysts see."""
    with duckdb.connect(str(place.lake / PUBLISHED), read_only=True) as connection:
        ((commit,),) = connection.sql("select max(commit_number) from runs").fetchall()
    return int(commit)


# --- the same run ---


@pytest.mark.parametrize("_round", EVERY_ROUND)
def test_of_the_same_bill_at_once_one_commits_and_the_others_have_nothing_to_do(
    _round: int, pool: Racers, billed: Place, racing_on: Copy
) -> None:
    place, again = racing_on(billed), racing_on(billed)
    for one in (place, again):
        assert pool.one(*one.ingest("late-a")).status == "committed"
    head = Lake.open(place.lake).head().number
    said = pool.race([place.bill("2026-10")] * 3)
    assert sorted(one.status for one in said) == ["committed", "nothing to do", "nothing to do"]
    assert {one.code for one in said} == {0}
    assert Lake.open(place.lake).head().number == head + 1 == published(place)
    refuse_unsound(place)
    refuse_other_than_serial(pool, place, said, again)


@pytest.mark.parametrize("_round", EVERY_ROUND)
def test_of_the_same_delivery_and_the_same_issue_at_once_one_lands_and_the_other_is_told(
    _round: int, pool: Racers, billed: Place, racing_on: Copy
) -> None:
    """Records that one accepted are read already for the other; what one issued is issued already for the other."""
    place = racing_on(billed)
    landed = pool.race([place.ingest("november")] * 2)
    assert sorted(one.status for one in landed) == ["committed", "nothing to do"]
    said = pool.race([place.issue()] * 2)
    assert sorted(one.status for one in said) == ["committed", "refused"]
    refused = next(one for one in said if one.code)
    assert (refused.code, refused.err) == (1, "billfold: O_ALREADY_ISSUED: 9 of 2026-10 have been issued\n")
    assert numbers(place) == [f"INV-2026-{sequence:05}" for sequence in range(1, 10)]
    refuse_unsound(place)


# --- numbers ---


@pytest.mark.parametrize("_round", EVERY_ROUND)
def test_issues_at_once_number_their_invoices_without_a_gap_or_a_repeat(
    _round: int, pool: Racers, billed: Place, racing_on: Copy
) -> None:
    """Each account is issued by a process of its own; the numbers follow the order in which they land."""
    place, again = racing_on(billed), racing_on(billed)
    said = pool.race([place.issue(account) for account in ACCOUNTS[:RACERS]])
    assert [(one.status, one.err) for one in said] == [("committed", "")] * RACERS
    assert numbers(place) == [f"INV-2026-{sequence:05}" for sequence in range(1, RACERS + 1)]
    of_commits = [one["first"] for commit in Lake.open(place.lake).commits() for one in commit.numbers.values()]
    assert of_commits == numbers(place), "numbers do not follow the order of commits"
    assert len({one.commit for one in said}) == RACERS
    refuse_unsound(place)
    refuse_other_than_serial(pool, place, said, again)


# --- different runs ---


@pytest.mark.parametrize("number", EVERY_ROUND)
def test_different_runs_at_once_all_land_and_readers_see_nothing_but_commits(
    number: int, pool: Racers, half_issued: Place, racing_on: Copy
) -> None:
    """Two deliveries with a record in common, an issue and a bill, and more in the long mode; then a backfill. All the
    while analysts read."""
    place, again = racing_on(half_issued), racing_on(half_issued)
    commands = [
        place.ingest("late-a"),
        place.ingest("late-b"),
        place.issue("a2"),
        place.bill("2026-11"),
        place.operations("late-bonus"),
        place.ingest("late-c"),
        place.operations("payment"),
        place.issue("a7"),
    ][:RACERS]
    Random(number).shuffle(commands)
    readers = pool.watching(READERS)
    for reader, how in zip(readers, ("published", "head"), strict=True):
        reader.order("read", str(place.lake), how)
    said = pool.race(commands, BEFORE_COMMIT if number % 2 == 0 else None)
    last = pool.one(*place.backfill())
    for reader in readers:
        reader.go_on()
    seen = [reader.result() for reader in readers]
    for one in said:
        is_stale = one.arguments[0] == "issue" and one.err.startswith(STALE)
        assert is_stale or (one.status, one.err) == ("committed", "")
    assert last.status == "committed"
    refuse_unsound(place)
    refuse_torn(place, seen)
    refuse_other_than_serial(pool, place, said, again, last)
    assert published(place) == Lake.open(place.lake).head().number


# --- publishing ---


def test_who_publishes_late_does_not_publish_an_earlier_commit(pool: Racers, billed: Place, racing_on: Copy) -> None:
    """One run has committed and is about to publish; another commits, and publishes too."""
    place = racing_on(billed)
    slow, fast = pool.racers[:2]
    slow.order("command", place.issue("a1"), BEFORE_PUBLISHING)
    assert slow.answer()[0] == BEFORE_PUBLISHING
    lake = Lake.open(place.lake)
    committed = lake.head().number
    fast.order("command", place.issue("a2"), None)
    while lake.head().number == committed:
        assert not fast.pipe.poll(0.05), fast.answer()
    fast.pipe.poll(3)  # it publishes now, if it may; it has to wait for its turn
    assert published(place) < committed, "the slow one has not published, so nobody who came after it has"
    slow.go_on()
    assert {one.status for one in finished([slow, fast])} == {"committed"}
    assert published(place) == lake.head().number


# --- making a lake ---


def test_of_those_who_make_a_lake_at_once_one_does(pool: Racers, billed: Place, racing_on: Copy) -> None:
    place = racing_on(billed)
    new = Place(place.folder / "new")
    said = pool.race([new.init()] * 3)
    assert sorted(one.code for one in said) == [0, 1, 1]
    refused = {one.err for one in said if one.code}
    assert refused == {f"billfold: {new.lake} already is a lake; use it as it is or name another folder\n"}
    refuse_unsound(new)
