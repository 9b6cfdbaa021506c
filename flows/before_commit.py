"""What is asked of the books before every commit: which credit limits it reaches, and whether the invariants hold."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from flows.credit_limits import FIGURES_NOW, RESTRICTIONS, credit_states, has_limits
from flows.lake.audit import (
    SMALL,
    Breach,
    asked_apart,
    asked_of,
    audit,
    changed_files,
    is_about_nothing,
    only_of,
    periods_asked,
    read_by_audit,
)
from flows.lake.journal import FileEntry, Snapshot
from flows.lake.named_queries import Query, read_by, with_commits
from flows.lake.views import connect, define
from flows.run import Refusal


class Known(TypedDict):
    """What connecting and adding relations are told alike."""

    usage_periods: Collection[str]
    in_memory: int
    asked: Collection[Query]


def checked(
    candidate: Snapshot, run_id: str, *, usage_periods: Collection[str]
) -> tuple[list[FileEntry], list[Breach]]:
    """Both questions, asked of what is about to be visible; what both read is read once.

    An invariant that reads no table of which files come or go is not asked: it holds as it did at the commit that the
    candidate is made on. Nor is one that looks at each period by itself asked of periods that keep their files and that
    the last run said nothing of.

    Reads    the candidate, complete but for what is told of credit limits; usage of some billing periods alone
    Makes    the files to add (`credit_states`), and the invariants that do not hold then
    Source   I5, rule book 13
    """
    lake, changed = candidate.lake, changed_files(candidate)
    figures = read_by(FIGURES_NOW.reads) if has_limits(candidate) else set[str]()
    told_of = {RESTRICTIONS} if figures else set[str]()
    concerned = asked_of({*told_of, *(entry.table for entry in changed)})
    asked = [query for query in concerned if not is_about_nothing(query, candidate)]
    periods = periods_asked(candidate, changed)
    apart = asked_apart(asked, candidate, changed, periods)  # none of them reads what is told
    whole = [query for query in asked if query not in apart]
    reads = read_by_audit(whole)
    first = figures | (with_commits(figures) & reads)
    known: Known = {"usage_periods": usage_periods, "in_memory": SMALL, "asked": [*whole, FIGURES_NOW]}
    with ThreadPoolExecutor(max_workers=1) as meanwhile:
        found_apart = meanwhile.submit(_found_in, candidate, periods, apart)
        with connect(lake, candidate, only=first, **known) as connection:
            told = credit_states(connection, candidate, run_id) if figures else []
            candidate = candidate.with_changes(told)
            define(connection, lake, candidate, only=reads - first, **known)
            found = audit(connection, whole)
    return told, found + found_apart.result()


def _found_in(candidate: Snapshot, periods: Collection[str], apart: Collection[Query]) -> list[Breach]:
    """Those invariants that do not hold of a candidate without other billing periods."""
    if not apart:
        return []
    here, reads = only_of(candidate, periods), read_by_audit(apart)
    with connect(here.lake, here, only=reads, usage_periods=(), in_memory=SMALL, asked=apart) as connection:
        return audit(connection, apart)


def checked_or_refused(candidate: Snapshot, run_id: str, *, usage_periods: Collection[str] = ()) -> list[FileEntry]:
    """The files to add that tell of credit limits (`checked`).

    Errors   Refusal: an invariant does not hold; the run must not commit
    """
    told, breaches = checked(candidate, run_id, usage_periods=usage_periods)
    if breaches:
        shown = "\n".join(f"  {breach}" for breach in breaches)
        raise Refusal(f"nothing is committed, because the books would not balance:\n{shown}\nplease report this")
    return told
