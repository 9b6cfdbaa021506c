"""Bills that wait for somebody to approve them: how they are kept, named, approved and listed.

A bill that is out of bounds is a commit `hold`: it holds what was out of bounds and no file, so nobody sees a bill, the
chain of commits stays whole, and the same inputs are the same hold again. Its run id is the digest of what went into
the bill and of the figures that were shown. Approving names that id: a bill of other inputs, or of other figures, is
another one and waits itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from flows.actors import in_force
from flows.bounds import Finding
from flows.lake.journal import Commit, Lake, canonical
from flows.reference import Reference
from flows.run import Refusal
from flows.standing import says
from rating.roles import APPROVE_HELD_BILL, MATRIX, reach

COMMAND = "hold"
SHORT = 12
"""Characters of an id that people are shown, and may write."""
LEAST = 6


@dataclass(frozen=True)
class Approval:
    """Which held bill may be committed, and who said so."""

    hold: str
    actor: str

    def as_input(self) -> dict[str, str]:
        """What the commit says of it."""
        return {"hold": self.hold, "actor": self.actor}


def hold_id(run_id: str, findings: Sequence[Finding]) -> str:
    """The id of a held bill, by what went into it and what is out of bounds."""
    return sha256(canonical([COMMAND, run_id, [dict(one) for one in findings]])).hexdigest()[:32]


def held(commits: Sequence[Commit], period: str | None = None) -> list[Commit]:
    """The bills that wait, of a period or of any, in order: the last hold of each period that no bill came after."""
    found: dict[str, Commit] = {}
    for commit in commits:
        if commit.command == COMMAND:
            found[str(commit.inputs["billing_period"])] = commit
        for one in [one for one in found if says(commit, one)]:
            del found[one]
    return [commit for one, commit in sorted(found.items()) if period in (None, one)]


def approval(lake: Lake, reference: Reference, period: str, which: str | None, actor: str, at: datetime) -> Approval:
    """The approval of a held bill.

    Reads    which: its id or the beginning of it; None is the one that waits
             actor: a principal that may approve at that instant
    Errors   Refusal: nobody who may, nothing waits, or another one does
    Source   section 11; reliability, Fates
    """
    _refuse_others(reference, actor, at)
    waiting = held(lake.commits(), period)
    if not waiting:
        raise Refusal(f"no bill of {period} waits for approval; leave out --approve")
    hold = waiting[0].run_id
    if which is not None and (len(which) < LEAST or not hold.startswith(which)):
        raise Refusal(
            f"{which} is not what waits: that is {hold[:SHORT]}; look at it again: billfold bill --period {period}"
        )
    return Approval(hold, actor)


def _refuse_others(reference: Reference, actor: str, at: datetime) -> None:
    rows = in_force(reference["principals"], {}, actor, at)
    if not reach(APPROVE_HELD_BILL, rows).everything:
        may = " or ".join(role for role, scope in MATRIX[APPROVE_HELD_BILL].items() if scope != "none")
        raise Refusal(f"{actor} may not approve a held bill; that is for {may}: name somebody with --as")


def refuse_other(approved: Approval | None, hold: str | None, period: str) -> None:
    """An approval is of what was shown: of nothing else, and not of a bill that is within its bounds by now."""
    if approved is not None and approved.hold != hold:
        raise Refusal(
            f"what there is to bill of {period} is not what {approved.hold[:SHORT]} was: something changed since then; "
            f"look at it again: billfold bill --period {period}"
        )


def summary_of(findings: Iterable[Finding], report: Mapping[str, Any]) -> dict[str, Any]:
    """What the journal keeps of a held bill."""
    kept = ("usage_rows", "parked", "rows")
    return {"out_of_bounds": [dict(one) for one in findings], **{name: report[name] for name in kept}}
