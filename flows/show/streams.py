"""The standard streams where nobody is at the other end: neither is a fault, and an exit code is given all the same."""

import os
import sys
from typing import IO


def open_all() -> None:
    """Have a stream that was closed before the start lead nowhere.

    A file that is opened gets the lowest number that is free: without this a file of the lake could become the stdout
    of an engine.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def lead_nowhere(stream: IO[str]) -> None:
    """Have what is still written to a stream go nowhere: its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def write(text: str) -> None:
    """Write to stdout, as long as somebody reads it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        lead_nowhere(sys.stdout)
