"""Faults of the machine, whoever finds them: a disk that is full, broken or read-only, too little memory.

They are no fault of the program and none of what it reads: once they are mended the same command does its work.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ENGINES = {
    "duckdb": ("IOException", "OutOfMemoryException", "FatalException", "TransactionException"),
    "polars.exceptions": ("PolarsError",),
}
"""What engines raise for them, by module: one that was never loaded has raised none."""

OF_THE_SYSTEM = "(os error "
"""What Polars adds to what the system said; its other errors are no fault of the machine."""

OF_THE_SYSTEM_TOO = "Os {"
"""What it adds where it panics."""


@contextmanager
def about(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have a fault of the system say which file it was about: a write or a sync alone does not know.

    >>> with about("lake/journal"):
    ...     raise OSError(5, "Input/output error")
    Traceback (most recent call last):
    OSError: [Errno 5] Input/output error: 'lake/journal'
    """
    try:
        yield
    except OSError as fault:
        if fault.filename is None:
            fault.filename = os.fspath(path)
        raise


def told(fault: BaseException) -> str | None:
    """What the machine would not do, in one line; nothing where the fault is another's.

    >>> told(OSError(28, "No space left on device", "lake/staging/1.parquet"))
    'lake/staging/1.parquet: No space left on device'
    >>> told(MemoryError()), told(ValueError("no number"))
    ('there is not enough memory', None)
    """
    if isinstance(fault, MemoryError):
        return "there is not enough memory"
    if isinstance(fault, OSError):
        about = f"{fault.filename}: " if fault.filename else ""
        return f"{about}{fault.strerror or _line(fault)}"
    if isinstance(fault, RuntimeError) and str(fault) == "can't start new thread":
        return "there is no room for another thread: too little memory, or too many processes"
    if is_panic(fault) and OF_THE_SYSTEM_TOO in str(fault):
        return f"the engine could not go on, for want of memory or threads: {_line(fault)}"
    return _line(fault) if _is_of_an_engine(fault) else None


def is_panic(fault: BaseException) -> bool:
    """Whether an engine written in Rust gave up: such a fault is no `Exception`, and would pass as a traceback."""
    return type(fault).__name__ == "PanicException"


def _is_of_an_engine(fault: BaseException) -> bool:
    for module, names in ENGINES.items():
        kinds = tuple(getattr(sys.modules[module], name) for name in names) if module in sys.modules else ()
        if isinstance(fault, kinds):
            return module == "duckdb" or OF_THE_SYSTEM in str(fault)
    return False


def _line(fault: BaseException) -> str:
    """The first line of what a fault says, without the kind of error that DuckDB begins with.

    >>> _line(ValueError("IO Error: Could not write file 1: No space left on device" + chr(10) + "in detail"))
    'Could not write file 1: No space left on device'
    """
    text = (str(fault).strip() or type(fault).__name__).splitlines()[0]
    kind, _, rest = text.partition(" Error: ")
    return rest if rest and " " not in kind.replace("Out of Memory", "") else text
