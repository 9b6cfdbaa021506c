"""Names, texts and files as SQL: the only way words from outside come into a query."""

import re
from collections.abc import Iterable
from pathlib import Path


def ident(name: str) -> str:
    """A column name, quoted.

    >>> print(ident('a "b" c'))
    "a ""b"" c"
    """
    return '"{}"'.format(name.replace('"', '""'))


def literal(text: str | None) -> str:
    """A text, quoted; None is null.

    >>> literal("it's"), literal(None)
    ("'it''s'", 'null')
    """
    return "null" if text is None else "'{}'".format(text.replace("'", "''"))


def literals(texts: Iterable[object]) -> str:
    """A list of texts."""
    return "[{}]".format(", ".join(literal(str(text)) for text in texts))


def files_of(paths: Iterable[Path]) -> str:
    """A list of exactly these files, whatever wildcards their folders' names look like.

    >>> files_of([Path("/lake [old]/1.parquet")])
    "['/lake [[]old]/1.parquet']"
    """
    return literals(re.sub(r"([*?\[])", r"[\1]", str(path)) for path in paths)


def parquet(*paths: Path, options: str = "") -> str:
    """Rows of Parquet files, nothing taken from the names of their folders."""
    return f"read_parquet({files_of(paths)}, hive_partitioning = false, union_by_name = false{options})"
