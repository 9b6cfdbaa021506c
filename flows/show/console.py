"""The two consoles: what was asked for goes to stdout, how it goes to stderr. Colours and bars only for people."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.show.streams import write
from flows.show.texts import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Column, Table
    from rich.text import Text

    from flows.progress import Progress

PIPED_WIDTH = 100
"""How wide a page is where no terminal says how wide it should be."""

_OBEYED = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that a terminal may obey, of those that JSON lets stand; escaped they are the same text to a program."""

NARROWEST = 18
"""A column of text is folded to no less than this, or its longest word."""


def page_width() -> int:
    """How wide what was asked for may be."""
    return console().width


def console(*, stderr: bool = False) -> "Console":
    """A console that takes text as it stands: no markup, no emoji, no colours of its own."""
    from flows.show.pages import Pages

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Pages(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)


def show(*pages: "RenderableType") -> None:
    """Print what was asked for."""
    print_whole(console(), *pages)


def print_whole(out: "Console", *pages: "RenderableType") -> None:
    """Print pages so that no amount and no code is ever cut: what does not fit is wider than the page."""
    from rich.table import Table

    for page in pages:
        if isinstance(page, Table):
            _hold_apart(page, out.width)
        out.print(page, crop=False)


def _hold_apart(table: "Table", width: int) -> None:
    """Columns that may not be folded keep their width, all others at least that of a word; none is ever left out."""
    for column in table.columns:
        column.min_width = _narrowest(column, [str(column.header)])
    if _needed(table) > width:
        for column in table.columns:
            if column.no_wrap:
                words = str(column.header).split()
                column.header, column.min_width = "\n".join(words), _narrowest(column, words)
    if _needed(table) > width:
        table.width = _needed(table)


def _narrowest(column: "Column", heading: Sequence[str]) -> int:
    """The least width of a column whose heading is written in these lines."""
    from rich.cells import cell_len

    cells = [cell if isinstance(cell, str) else getattr(cell, "plain", "") for cell in column.cells]
    if column.no_wrap:
        return max(map(cell_len, [*cells, *heading]), default=0)
    words = [word for text in (*cells, *heading) for word in text.split()]
    return min(max(map(cell_len, words), default=0), NARROWEST)


def _needed(table: "Table") -> int:
    """How wide a table is at least: its columns, with two blanks behind each."""
    return sum((column.min_width or 0) + 2 for column in table.columns)


def say(text: str) -> None:
    """Print a line of what was asked for, never folded: a path or a command stays in one piece."""
    console().print(styled(text), soft_wrap=True)


def warn(text: str) -> None:
    """Tell how it goes, on stderr."""
    console(stderr=True).print(styled(text), soft_wrap=True)


def styled(text: str, style: str = "") -> "Text":
    """A text of any origin as rich takes it: nothing in it is obeyed, line breaks are kept."""
    from rich.text import Text

    return Text("\n".join(visible(line) for line in text.split("\n")), style=style)


def unfolded(text: str, style: str = "") -> "RenderableType":
    """Text that is never folded, so that a command in it can be copied; a console would join a bare text to others."""
    from rich.console import Group

    line = styled(text, style)
    line.no_wrap, line.overflow = True, "ignore"
    return Group(line)


def grid(*columns: str) -> "Table":
    """A table with a header; a column whose name begins with `>` stands to the right, `>` and `!` are never folded."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        justify: Any = "right" if name.startswith(">") else "left"
        table.add_column(name.lstrip(">!"), justify=justify, no_wrap=name.startswith((">", "!")), overflow="fold")
    return table


def as_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Print a value for a program: amounts are text, so that no reader makes floats of them."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=_plain)
    write(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


@contextmanager
def listening(*, quiet: bool) -> Iterator["Progress"]:
    """Who is told how far a run has come: bars where a person watches, nobody else."""
    from flows.progress import bars, silent

    with nullcontext(silent) if quiet or not sys.stderr.isatty() else bars() as progress:
        yield progress
