"""Whatever goes wrong, as a person reads it: what happened, and what to do. Never a traceback."""

import os
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flows.show.console import console, grid, print_whole, styled

if TYPE_CHECKING:
    from flows.reference.faults import ReferenceFaults

EXIT_INTERRUPTED = 130
"""What a shell expects of a program that was stopped by Ctrl-C."""

DEBUG = "BILLFOLD_DEBUG"


def explain(error: BaseException) -> int:
    """Say on stderr what went wrong and what to do; gives the exit code."""
    from flows.ingest_usage import IngestRefused
    from flows.lake.journal import LakeError
    from flows.mapping import MappingFaults
    from flows.reference.faults import ReferenceFaults
    from flows.run import EXIT_REFUSED, Refusal

    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        _say("stopped; what was not committed by then has changed nothing, so the same command can be run again")
        return EXIT_INTERRUPTED
    if isinstance(error, ReferenceFaults):
        _table(error)
    elif isinstance(error, LakeError | Refusal | IngestRefused | MappingFaults):
        _say(str(error))
    elif isinstance(error, OSError) and error.strerror:
        about = f"{error.filename}: " if error.filename else ""
        _say(f"{about}{error.strerror}; nothing was committed: mend that and run the same command again")
    else:
        _unexpected(error)
    return EXIT_REFUSED


def _table(faults: "ReferenceFaults") -> None:
    """Every fault, in the order of files and rows."""
    table = grid("file", ">row", "column", "found", "wanted", "what to do")
    for fault in faults.faults:
        row = "" if fault.row is None else str(fault.row)
        texts = (fault.column or "", fault.found, fault.wanted, fault.what_to_do)
        table.add_row(styled(fault.file), row, *map(styled, texts))
    print_whole(console(stderr=True), table)
    count = len(faults.faults)
    faulty = "1 fault" if count == 1 else f"{count} faults"
    _say(f"{faulty} in the reference folder; nothing was read from it: mend and run again")


def _unexpected(error: BaseException) -> None:
    """A fault of the program: one line here, the rest in a file that only its owner may read."""
    what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    where = _kept(error)
    details = f"details: {where}" if where else f"details: run it again with {DEBUG}=1"
    _say(
        f"something went wrong that billfold did not foresee: {what}\n"
        f"{details}\n"
        f"nothing was committed unless it said so; run the same command again, and report the details if it repeats"
    )


def _kept(error: BaseException) -> Path | None:
    with suppress(OSError):
        number, name = tempfile.mkstemp(prefix="billfold-", suffix=".txt")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
        return Path(name)
    return None


def _say(text: str) -> None:
    console(stderr=True).print(styled(f"billfold: {text}"), soft_wrap=True)
