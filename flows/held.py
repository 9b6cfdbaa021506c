"""Bills and backfills that wait for somebody to approve them: how they are kept, named, approved and listed.

A bill that is out of bounds is a commit `hold`: it holds what was out of bounds and no file, so nobody sees a bill, the
chain of commits stays whole, and the same inputs are the same hold again. Its run id is the digest of what went into
the bill and of the figures that were shown. Approving names that id: a bill of other inputs, or of other figures, is
another one and waits itself. A backfill is held like a bill, once for all months it would correct.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from flows.actors import in_force
from flows.bounds import Finding
from flows.lake.journal import Commit, Lake, Snapshot, canonical
from flows.reference import Reference
from flows.run import Refusal
from flows.standing import says
from rating.roles import APPROVE_HELD_BILL, MATRIX, reach

COMMAND = "hold"
BACKFILL = "backfill"
"""What waits, where it is no month."""
SHORT = 12
"""Characters of an id that people are shown, and may write."""
LEAST = 6


@dataclass(frozen=True)
class Approval:
    """Which held bill or backfill may be committed, and who said so."""

    hold: str
    actor: str

    def as_input(self) -> dict[str, str]:
        """What the commit says of it."""
        return {"hold": self.hold, "actor": self.actor}


def what_waits(hold: Commit) -> str:
    """What a hold is of: the month of a bill, or BACKFILL."""
    return str(hold.inputs.get("billing_period", BACKFILL))


def name_of(what: str) -> str:
    """What waits, in words.

    >>> name_of("2026-10"), name_of(BACKFILL)
    ('bill of 2026-10', 'backfill')
    """
    return BACKFILL if what == BACKFILL else f"bill of {what}"


def command_of(what: str) -> str:
    """What is run to look at it again.

    >>> command_of("2026-10"), command_of(BACKFILL)
    ('billfold bill --period 2026-10', 'billfold backfill')
    """
    return "billfold backfill" if what == BACKFILL else f"billfold bill --period {what}"


def hold_id(run_id: str, findings: Sequence[Finding]) -> str:
    """The id of what is held, by what went into it and what is out of bounds."""
    return sha256(canonical([COMMAND, run_id, [dict(one) for one in findings]])).hexdigest()[:32]


def held(commits: Sequence[Commit], what: str | None = None) -> list[Commit]:
    """What waits, a month, BACKFILL or any, in order: the last hold of each that nothing of its own came after."""
    found: dict[str, Commit] = {}
    for commit in commits:
        if commit.command == COMMAND:
            found[what_waits(commit)] = commit
        for one in [one for one in found if _ends(commit, one)]:
            del found[one]
    return [commit for one, commit in sorted(found.items()) if what in (None, one)]


def _ends(commit: Commit, what: str) -> bool:
    """Whether nothing of this waits after a commit: it was done, or a hold without a figure says there is none."""
    if commit.command == COMMAND:
        return what == what_waits(commit) and not commit.summary["out_of_bounds"]
    return commit.command == BACKFILL if what == BACKFILL else says(commit, what)


def approval(
    lake: Lake, reference: Reference, what: str, which: str | bool | None, actor: str, at: datetime
) -> Approval:
    """The approval of what is held.

    Reads    what: a month, or BACKFILL
             which: its id or the beginning of it, as `--approve` has it; any other value is the one that waits
             actor: a principal that may approve at that instant
    Errors   Refusal: nobody who may, nothing waits, or another one does
    Source   section 11; reliability, Fates
    """
    _refuse_others(reference, actor, at)
    waiting = held(lake.commits(), what)
    if not waiting:
        raise Refusal(f"no {name_of(what)} waits for approval; leave out --approve")
    hold = waiting[0].run_id
    if isinstance(which, str) and (len(which) < LEAST or not hold.startswith(which)):
        raise Refusal(f"{which} is not what waits: that is {hold[:SHORT]}; look at it again: {command_of(what)}")
    return Approval(hold, actor)


def _refuse_others(reference: Reference, actor: str, at: datetime) -> None:
    rows = in_force(reference["principals"], {}, actor, at)
    if not reach(APPROVE_HELD_BILL, rows).everything:
        may = " or ".join(role for role, scope in MATRIX[APPROVE_HELD_BILL].items() if scope != "none")
        raise Refusal(f"{actor} may not approve a held bill; that is for {may}: name somebody with --as")


def hold_of(run_id: str, findings: Sequence[Finding], approved: Approval | None, what: str) -> str | None:
    """The id under which a run is held, or None where it may be committed.

    Errors   Refusal: an approval is of what was shown: of nothing else, and not of what is within its bounds by now
    """
    hold = hold_id(run_id, findings) if findings else None
    if approved is not None and approved.hold != hold:
        there_is = "post" if what == BACKFILL else f"bill of {what}"
        raise Refusal(
            f"what there is to {there_is} is not what {approved.hold[:SHORT]} was: something changed since then; "
            f"look at it again: {command_of(what)}"
        )
    return hold if approved is None else None


def note(
    head: Snapshot,
    hold: str,
    findings: Sequence[Finding],
    *,
    inputs: Mapping[str, Any],
    totals: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> Commit | None:
    """Commit that something waits, once: the same again is held as it was.

    Reads    head: what the run was computed on; inputs: the month of a bill and its run, or the run of a backfill
    Errors   HeadMoved: another run committed first
    """
    if any(one.run_id == hold for one in held(head.lake.commits(head.number))):
        return None
    return head.lake.commit(
        head.commit,
        run_id=hold,
        command=COMMAND,
        inputs=inputs,
        added=[],
        totals=totals,
        summary={"out_of_bounds": [dict(one) for one in findings], **summary},
    )


def withdraw(head: Snapshot, what: str) -> None:
    """Commit that what waited does no longer: there is nothing left of it to be done.

    Errors   HeadMoved: another run committed first
    """
    for waiting in held(head.lake.commits(head.number), what):
        note(head, hold_id(waiting.run_id, ()), (), inputs=waiting.inputs, totals={}, summary={})
