"""Flows: read the lake, call `rating` once, commit what it says.

Polars is told before it loads to keep memory it has freed for ten seconds, not for half of one: while a month is
rated, a quarter of the time would go into handing the same memory back and asking for it again.
"""

import os

os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,muzzy_decay_ms:10000")
