"""A run is computed on the head of the journal; when another one commits first, anew on what that one left.

Of runs at once on one head one commits, and the others see what it did: numbers follow its numbers, records it accepted
are duplicates, what it did already is not done again. With as many tries as runs, each of them lands.
"""

from collections.abc import Callable
from typing import TypeVar

from flows.lake.journal import HeadMoved
from flows.run import Refusal

TRIES = 12
"""How often a run is computed at most: more runs at once on one lake are told to wait."""

Result = TypeVar("Result")


def on_the_head(compute: Callable[[], Result], what: str) -> Result:
    """What a run comes to on the first head that does not move while it is computed.

    Reads    compute: reads the head, computes and commits; all that depends on the head it reads anew each time
             what: what the run does, as the refusal says it
    Errors   Refusal: other runs committed first each time; nothing of this one is visible
    Source   I2, L1
    """
    for _ in range(TRIES):
        try:
            return compute()
        except HeadMoved:
            continue
    raise Refusal(
        f"other runs committed {TRIES} times while {what}, so nothing of this run is in the books; "
        "run it again when they are done"
    )
