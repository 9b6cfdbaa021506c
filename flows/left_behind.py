"""What a run that died leaves to the next one: staged files, files that no commit names, a hint and views that lag."""

from __future__ import annotations

from contextlib import suppress

from flows.lake.journal import Lake
from flows.lake.published import Publishing, publish, published_hash
from flows.landing.workspace import sweep


def clear_up(lake: Lake) -> int:
    """Remove what dead runs left, and end what one had left to do when it died after its commit; gives how many files.

    Reads    the journal, the names in the lake, what the published database says it shows
    Makes    the journal's hint and the published database, where they lag; removes nothing while another process writes
    """
    sweep(lake)
    removed = lake.sweep()
    head = lake.head()
    if not head.number:
        return len(removed)
    lake.leave_hint(head)
    if lake.is_here and published_hash(lake) != head.hash:
        with suppress(Publishing):  # whoever is at it shows it, or the next command does
            publish(lake, seconds=0)
    return len(removed)
