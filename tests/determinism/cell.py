"""One billing of the world in a process of its own, whose surroundings are given; says the sha256 of every file.

`python -m tests.determinism.cell WORLD LAKE DIGESTS`; DuckDB's threads and the machine's processors are made to be
BILLFOLD_TEST_THREADS, the umask BILLFOLD_TEST_UMASK. The locale of the environment is switched on, as a program does
that embeds billfold.
"""

import json
import locale
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb

from tests.determinism.world import Files

CACHES = ("billing.duckdb", "staging")
"""What is no part of the books: it names the folder, or is gone after a run."""


def with_threads(connect: Callable[..., Any], count: int) -> Callable[..., Any]:
    """DuckDB's `connect` on a machine of so many processors; who asks for fewer gets them."""

    def connected(*words: Any, config: dict[str, Any] | None = None, **named: Any) -> Any:
        return connect(*words, config={"threads": count, **(config or {})}, **named)

    return connected


def digests(lake: Path) -> dict[str, str]:
    """Every file of the books by its path."""
    files = sorted(path for path in lake.rglob("*") if path.is_file())
    named = {path.relative_to(lake).as_posix(): path for path in files}
    return {
        name: sha256(path.read_bytes()).hexdigest()
        for name, path in named.items()
        if name.partition("/")[0] not in CACHES
    }


def main(world: str, lake: str, told: str) -> None:
    threads = int(os.environ["BILLFOLD_TEST_THREADS"])
    duckdb.connect = with_threads(duckdb.connect, threads)
    import flows.bill_period

    flows.bill_period.cpu_count = lambda: threads  # type: ignore[attr-defined]
    os.umask(int(os.environ["BILLFOLD_TEST_UMASK"], 8))
    locale.setlocale(locale.LC_ALL, "")
    Files(Path(world)).bill(Path(lake))
    point = locale.localeconv()["decimal_point"]
    found = {"files": digests(Path(lake)), "decimal_point": point, "encoding": locale.getencoding()}
    Path(told).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
