"""The queries of this package, a file each in `views/` and `invariants/`: what their headers say, what each reads."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib import resources

import schemas

BY_COMMIT = (
    *("rejects", "operations", "account_restrictions", "cost_policy_events", "cost_policy_measures"),
    "grant_movements",
    "invoices",
)
"""Tables that are there as `internal.…` too, with the commit that each row came with."""
BY_REFERENCE = ("billing_policies",)
"""Reference tables that are there as `internal.…` too, in every version that a run knew."""

_OF = re.compile(r"^-- of:\s*(.+)$", re.MULTILINE)
_BY_PERIOD = re.compile(r"^-- by:\s*billing_period$", re.MULTILINE)
_READS = re.compile(r"^--\s*reads:\s*(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """A named query of the package: its text, and what its header says: what it is, and the relations it reads."""

    name: str
    text: str
    sentence: str
    reads: tuple[str, ...]
    is_by_period: bool = False
    """Whether it looks at the rows of each billing period by themselves."""
    of: str | None = None
    """The rows that all of it is about, a relation and perhaps `where …`: where there are none, it finds none."""


@functools.cache
def queries(folder: str) -> tuple[Query, ...]:
    """The `.sql` files of a folder of this package, each read after what its header says it reads."""
    found = {query.name: query for query in named(folder)}
    order = TopologicalSorter({name: [one for one in query.reads if one in found] for name, query in found.items()})
    return tuple(found[name] for name in order.static_order())


@functools.cache
def named(folder: str) -> tuple[Query, ...]:
    """The `.sql` files of a folder of this package, by name."""
    files = sorted(
        (file for file in (resources.files("flows.lake") / folder).iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    texts = {file.name.removesuffix(".sql"): file.read_text(encoding="utf-8") for file in files}
    return tuple(
        Query(name, text, _sentence(text), _reads(text), is_by_period=bool(_BY_PERIOD.search(text)), of=_of(text))
        for name, text in texts.items()
    )


def _sentence(text: str) -> str:
    return text.partition("\n")[0].partition(": ")[2]


def _reads(text: str) -> tuple[str, ...]:
    lines = _READS.findall(text)
    return tuple(name.strip() for line in lines for name in line.split(",") if name.strip())


def _of(text: str) -> str | None:
    found = _OF.search(text)
    return found and found[1]


def read_by(relations: Collection[str]) -> set[str]:
    """Relations, and all that they read, themselves or through the views they read."""
    views = _reads_of_views()
    waiting, seen = list(relations), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += views.get(name, ())
    return seen


@functools.cache
def _reads_of_views() -> Mapping[str, tuple[str, ...]]:
    return {query.name: query.reads for query in named("views")}


def with_commits(relations: Collection[str]) -> set[str]:
    """Of the tables among relations those that are there with the commit of each row, under that name."""
    return {f"internal.{table}" for table in BY_COMMIT if table in relations}


def relations_in(sql: str) -> set[str]:
    """The relations whose names stand in a text: all that a question can ask, and perhaps more.

    >>> sorted(relations_in('select * from main.Invoices join "internal"."documents" using (invoice_id)'))
    ['internal.documents', 'invoices']
    """
    words = set(re.findall(r"[\w.]+", sql.replace('"', "").lower()))
    words |= {word.partition(".")[2] for word in words}
    return {name for name in relation_names() if name in words}


@functools.cache
def relation_names() -> frozenset[str]:
    """Every relation that there is."""
    inside = ("journal", "candidate", "files", "usage_totals", *BY_REFERENCE, *BY_COMMIT)
    public = {*schemas.TABLES, *schemas.VIEWS}
    return frozenset({*public, *(query.name for query in named("views")), *(f"internal.{name}" for name in inside)})
