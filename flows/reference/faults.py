"""What is wrong with reference data: where, what was found, what was wanted, and what to do about it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

ROW = "(row)"  # the row as a spreadsheet counts it: the header of a CSV file is row 1

SHOWN_OF_A_KIND = 10


@dataclass(frozen=True)
class Fault:
    """One thing to mend in a reference folder; without a row it is about the file, without a column about the row."""

    file: str
    row: int | None
    column: str | None
    found: str
    wanted: str
    what_to_do: str

    def __str__(self) -> str:
        """One line for a reader.

        >>> print(Fault("skus.csv", 7, "meter", "'summ'", "one of sum, count", "correct the word"))
        skus.csv, row 7, meter: found 'summ', wanted one of sum, count; correct the word
        """
        row = None if self.row is None else f"row {self.row}"
        where = ", ".join(part for part in (self.file, row, self.column) if part is not None)
        return f"{where}: found {self.found}, wanted {self.wanted}; {self.what_to_do}"


class ReferenceFaults(Exception):  # noqa: N818 - it holds the faults; none of them is an error of the program
    """Every fault of a reference folder, in the order of its files, rows and columns."""

    faults: tuple[Fault, ...]

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=_place))
        super().__init__(_report(self.faults))


def faults_where(
    file: str,
    rows: pl.DataFrame,
    condition: pl.Expr,
    *,
    column: str,
    wanted: str,
    what_to_do: str,
    found: pl.Expr | None = None,
) -> list[Fault]:
    """One fault for each row that meets the condition; `found` is the text to show, the column itself by default."""
    shown = quoted(pl.col(column)) if found is None else found
    bad = rows.lazy().filter(condition).select(pl.col(ROW), shown.alias("found")).collect()
    return [Fault(file, row, column, text, wanted, what_to_do) for row, text in bad.iter_rows()]


def quoted(column: pl.Expr) -> pl.Expr:
    """A cell as a reader sees it: 'text', 12.5 or `nothing`."""
    return pl.format("'{}'", column.cast(pl.String)).fill_null("nothing")


def sentence_list(words: Iterable[str]) -> str:
    """The words of an enumeration, for a `wanted`.

    >>> sentence_list(["up", "down"])
    'one of up, down'
    """
    return "one of " + ", ".join(words)


def _place(fault: Fault) -> tuple[str, int, str, str, str]:
    return (fault.file, fault.row or 0, fault.column or "", fault.found, fault.wanted)


def _report(faults: Sequence[Fault]) -> str:
    """Every kind of fault, the first ten of each kind: a wrong date format in 100,000 rows is one thing to mend."""
    seen: Counter[tuple[str, str | None, str]] = Counter()
    lines: list[str] = []
    for fault in faults:
        kind = (fault.file, fault.column, fault.wanted)
        seen[kind] += 1
        if seen[kind] <= SHOWN_OF_A_KIND:
            lines.append(f"  {fault}")
    more = [
        f"  {file}{f', {column}' if column else ''}: {count - SHOWN_OF_A_KIND} more that wanted {wanted}"
        for (file, column, wanted), count in seen.items()
        if count > SHOWN_OF_A_KIND
    ]
    title = "1 fault in the reference folder" if len(faults) == 1 else f"{len(faults)} faults in the reference folder"
    return "\n".join([f"{title}; nothing was read from it:", *lines, *more])
