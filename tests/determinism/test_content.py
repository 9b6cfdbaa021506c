"""The same books from the same rows: in any order, in other files and formats, in any number of buckets and groups.

On the real pipeline, from files to views. Each lake differs from the first in several ways at once; where one says
something else, BILLFOLD_DETERMINISM=1 has each way tried by itself, and many pairs of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest

from tests.determinism.content import Content, content, refuse_other
from tests.determinism.world import (
    Files,
    Row,
    november,
    november_usage,
    october,
    october_usage,
    reference_rows,
    write_operations,
    write_reference,
    write_usage,
    write_world,
)

LONG = "BILLFOLD_DETERMINISM" in os.environ
Item = TypeVar("Item")


@dataclass(frozen=True)
class Lakeful:
    """How one lake differs from another that holds the same."""

    buckets: int = 16
    groups: int | None = None
    shuffled: int | None = None
    files: tuple[str, ...] | None = None

    def __str__(self) -> str:
        said = [f"{self.buckets} buckets", f"{self.groups} groups" if self.groups else ""]
        said += [f"order {self.shuffled}" if self.shuffled else "", f"{len(self.files)} files" if self.files else ""]
        return ", ".join(filter(None, said))


ONE_FILE = ("all.parquet",)
MANY_FILES = ("z.csv", "y.jsonl", "x.parquet", "w.parquet", "v.jsonl.gz", "u.csv", "t.csv")

LAKES = (
    Lakeful(buckets=1, shuffled=1),
    Lakeful(buckets=4, groups=3, shuffled=2, files=MANY_FILES),
    Lakeful(buckets=1000, groups=7, files=ONE_FILE),
)
"""Every number of buckets, one group and several, other orders, fewer and more files."""

BY_ITSELF = (
    *(Lakeful(buckets=count) for count in (1, 4, 1000)),
    *(Lakeful(groups=count) for count in (2, 5, 16)),
    *(Lakeful(shuffled=seed) for seed in (3, 4, 5)),
    *(Lakeful(files=files) for files in (ONE_FILE, MANY_FILES)),
    *(Lakeful(buckets=count, groups=groups) for count in (4, 1000) for groups in (1, 4)),
    *(Lakeful(shuffled=seed, files=MANY_FILES) for seed in (6, 7)),
)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """What the world says as it is usually written, in 16 buckets."""
    folder = tmp_path_factory.mktemp("usual")
    return content(write_world(folder / "world").bill(folder / "lake"))


def write_otherwise(folder: Path, how: Lakeful) -> Files:
    """The same rows in another order, or in other files."""
    random = Random(how.shuffled) if how.shuffled is not None else None

    def mixed(items: Sequence[Item]) -> list[Item]:
        found = list(items)
        if random:
            random.shuffle(found)
        return found

    for name in ("reference", "mended"):
        tables = reference_rows(mended=name == "mended")
        write_reference(folder / name, {table: [rows[0], *mixed(rows[1:])] for table, rows in tables.items()})
    names = how.files or ("a.parquet", "b.csv")
    for month, rows in (("october", october_usage()), ("november", november_usage())):
        write_usage(folder / month, dealt(mixed(rows), names))
    operations = ("one.jsonl", "two.jsonl") if how.files is MANY_FILES else ("one.jsonl",)
    for month, done in (("october", october()), ("november", november())):
        write_operations(folder / f"operations-{month}", dealt(mixed(done), operations))
    return Files(folder)


def dealt(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Sequence[Row]]:
    """Rows dealt to files, one after the other."""
    return {name: rows[place :: len(names)] for place, name in enumerate(names)}


def test_the_world_has_one_of_everything(books: Content) -> None:
    """Else the same books twice would say little: nothing of this is empty."""
    said = {name: len(rows) for name, rows in books.items()}
    assert [name for name, count in said.items() if not count] == []
    assert said["invoices"] > 25
    assert said["rejects"] >= 6


@pytest.mark.parametrize("how", LAKES + (BY_ITSELF if LONG else ()), ids=str)
def test_the_same_rows_are_the_same_books(how: Lakeful, books: Content, tmp_path: Path) -> None:
    files = write_otherwise(tmp_path / "world", how)
    lake = files.bill(tmp_path / "lake", buckets=how.buckets, groups=how.groups)
    assert lake.buckets == how.buckets
    refuse_other(content(lake), books, str(how))
