"""Where usage comes from: one file per format and one line here; a foreign layout is a mapping (`flows/mapping.py`).

What a file is, its content says, not its name; the first source that recognises it reads it.
"""

from flows.sources.content import Content
from flows.sources.csv import Csv
from flows.sources.faults import FileFault
from flows.sources.json_lines import JsonLines
from flows.sources.parquet import Parquet
from flows.sources.relation import Source

__all__ = ["SOURCES", "FileFault", "source_of"]

SOURCES: tuple[Source, ...] = (
    Parquet(),
    JsonLines(),
    Csv(),
)


def source_of(content: Content, wanted: str | None = None) -> Source:
    """The source that reads this content; a mapping may say which it must be.

    Rejects  F_NOT_DATA F_NOT_PARQUET F_ENCODING
    """
    found = next((source for source in SOURCES if source.recognises(content)), None)
    if wanted is None or (found and found.name == wanted):
        if found is None:
            raise FileFault("F_NOT_DATA", repr(content.head[:8]))
        return found
    if wanted == Parquet.name:
        raise FileFault("F_NOT_PARQUET", found.name if found else repr(content.head[:8]))
    raise FileFault("F_NOT_DATA", found.name if found else repr(content.head[:8]), f"{wanted}, as the mapping says")
