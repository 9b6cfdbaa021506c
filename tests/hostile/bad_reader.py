"""The process that reads files, with one source more: files that do to their reader what their text says.

A file misbehaves when these words stand in its first bytes: `misbehave: abort`, `segfault`, `exit`, `memory`, `spin`,
`raise`; with `later` before it, when the rows of all files are read together.
"""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import Any

import flows.sources
from flows.landing import reader_program, reader_work
from flows.sources.content import Content

MARK = re.compile(rb"misbehave (now|later): (abort|segfault|exit|memory|spin|raise)")


def misbehave(how: bytes) -> None:
    if how == b"abort":
        os.abort()
    if how == b"segfault":
        ctypes.string_at(0)
    if how == b"exit":
        os._exit(3)
    if how == b"memory":
        held = []
        while True:
            held.append(bytearray(os.urandom(1 << 16) * 16))
    while how == b"spin":
        pass
    raise RuntimeError("a fault of the program")


class Misbehaving:
    """Recognises nothing, or ends the reader that asks."""

    name = "misbehaving"

    def recognises(self, content: Content) -> bool:
        found = MARK.search(content.head)
        if found and found[1] == b"now":
            misbehave(found[2])
        return False


def _later(paths: list[Path]) -> None:
    for path in paths:
        found = MARK.search(path.read_bytes())
        if found and found[1] == b"later":
            misbehave(found[2])


def _execute(bench: Any, statements: Any) -> None:
    _later(sorted((bench.desk.folder / "in").iterdir()))
    _EXECUTE(bench, statements)


def _read_whole(bench: Any, path: Path) -> str:
    _later([path])
    return _READ_WHOLE(bench, path)


_EXECUTE, _READ_WHOLE = reader_work.WORKS["execute"], reader_work.WORKS["read_whole"]

if __name__ == "__main__":
    flows.sources.SOURCES = (Misbehaving(), *flows.sources.SOURCES)  # type: ignore[assignment]
    reader_work.WORKS |= {"execute": _execute, "read_whole": _read_whole}  # type: ignore[dict-item]
    reader_program.main()
