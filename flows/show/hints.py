"""Commands that a text names, with the options that lead to the same books."""

import re
from collections.abc import Sequence

_NAMED = re.compile(
    r"\bbillfold (?:(?:audit|backfill|bill|explain|export|ingest|issue|operations|sql|status|views)\b"
    r"|show(?: [a-z-]+)?)(?: --[a-z-]+| [A-Z0-9][^\s;,()]*)*"
)
"""A command of a lake, its options, and their values: what is written in small letters after it may be a sentence."""

_WHERE = ("--lake", "--reference")


def with_options(text: str, options: str) -> str:
    """A text whose commands say where the books are.

    >>> with_options("2026-10 is not billed yet; run: billfold bill --period 2026-10", " --lake there")
    '2026-10 is not billed yet; run: billfold bill --period 2026-10 --lake there'
    >>> with_options("run: billfold backfill --issue-date 2026-12-01 (it issues the rest, too)", " --lake there")
    'run: billfold backfill --issue-date 2026-12-01 --lake there (it issues the rest, too)'
    """
    return _NAMED.sub(lambda found: found[0] + options, text) if options else text


def options_of(arguments: Sequence[str]) -> str:
    """What a command line says of where the books are, to be said again.

    >>> options_of(["bill", "--lake", "my books", "--period", "2026-10", "--reference=tables"])
    " --lake 'my books' --reference tables"
    """
    import shlex
    from itertools import pairwise

    words = [part for word in arguments for part in (word.split("=", 1) if word.startswith(_WHERE) else [word])]
    return "".join(f" {name} {shlex.quote(value)}" for name, value in pairwise(words) if name in _WHERE)
