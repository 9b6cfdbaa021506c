"""Whatever goes wrong, as a person reads it: what happened, and what to do. Never a traceback."""

import os
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flows.machine import told
from flows.show.console import console, grid, print_whole, styled
from flows.show.hints import with_options

if TYPE_CHECKING:
    from flows.reference.faults import ReferenceFaults

EXIT_REFUSED = 1
EXIT_INTERRUPTED = 130
"""What a shell expects of a program that was stopped by Ctrl-C."""

DEBUG = "BILLFOLD_DEBUG"


SENTENCES = {
    "flows.lake.journal": "LakeError",
    "flows.run": "Refusal",
    "flows.ingest_usage": "IngestRefused",
    "flows.landing.manifest": "ManifestFaults",
    "flows.mapping": "MappingFaults",
}
"""Exceptions that say themselves what to do, by module: one that was never loaded has raised none."""


def explain(error: BaseException, options: str = "") -> int:
    """Say on stderr what went wrong and what to do; gives the exit code.

    Reads    options: what a command needs to find the same books
    """
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt) or _is_interrupted(error):
        _say("stopped; what was not committed by then has changed nothing, so the same command can be run again")
        return EXIT_INTERRUPTED
    if _is_of(error, "flows.reference.faults", "ReferenceFaults"):
        _table(cast("ReferenceFaults", error))
    elif any(_is_of(error, module, name) for module, name in SENTENCES.items()):
        _say(with_options(str(error), options))
    elif (refused := told(error)) is not None:
        _say(f"{refused}; what was not committed by then has changed nothing: mend that and run the same command again")
    elif str(error).startswith("Failed to reach API"):
        _say(f"{str(error).splitlines()[0]}; start that Prefect server, or unset PREFECT_API_URL for an embedded one")
    else:
        _unexpected(error)
    return EXIT_REFUSED


def _is_of(error: BaseException, module: str, name: str) -> bool:
    return module in sys.modules and isinstance(error, getattr(sys.modules[module], name))


def _is_interrupted(error: BaseException) -> bool:
    """Ctrl-C while DuckDB works comes as an error of DuckDB's, and while an engine is loaded as one of the import."""
    if isinstance(error, ImportError):
        return isinstance(error.__cause__, KeyboardInterrupt)
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"


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
