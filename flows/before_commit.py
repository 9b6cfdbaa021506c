"""What is asked of the books before every commit: which credit limits it reaches, and whether the invariants hold."""

from collections.abc import Collection

from flows.credit_limits import READS, credit_states, has_limits
from flows.lake.audit import SMALL, Breach, audit, read_by_audit
from flows.lake.journal import FileEntry, Snapshot
from flows.lake.views import connect, define, read_by
from flows.run import Refusal


def checked(
    candidate: Snapshot, run_id: str, *, changed: Collection[str], usage_periods: Collection[str]
) -> tuple[list[FileEntry], list[Breach]]:
    """Both questions, asked of what is about to be visible; what both read is read once.

    Reads    the candidate, complete but for what is told of credit limits; `changed`: its tables that are other than
             they were, so that an invariant that reads none of them is not asked; usage of some billing periods alone
    Makes    the files to add (`credit_states`), and the invariants that do not hold then
    Source   I5, rule book 13
    """
    lake, first = candidate.lake, read_by(READS) if has_limits(candidate) else set()
    with connect(lake, candidate, usage_periods=usage_periods, only=first, in_memory=SMALL) as connection:
        told = credit_states(connection, candidate, run_id) if first else []
        changed = {*changed, *(entry.table for entry in told)}
        rest = read_by_audit(changed) - first
        define(connection, lake, candidate.with_changes(told), usage_periods=usage_periods, only=rest, in_memory=SMALL)
        return told, audit(connection, changed=changed)


def checked_or_refused(
    candidate: Snapshot, run_id: str, *, changed: Collection[str], usage_periods: Collection[str] = ()
) -> list[FileEntry]:
    """The files to add that tell of credit limits (`checked`).

    Errors   Refusal: an invariant does not hold; the run must not commit
    """
    told, breaches = checked(candidate, run_id, changed=changed, usage_periods=usage_periods)
    if breaches:
        shown = "\n".join(f"  {breach}" for breach in breaches)
        raise Refusal(f"nothing is committed, because the books would not balance:\n{shown}\nplease report this")
    return told
