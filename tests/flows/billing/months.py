"""Small months on a lake in a folder: what the billing tests bill."""

from __future__ import annotations

import atexit
import copy
import functools
import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, TypeVar

import polars as pl

from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.issue_invoices import issue_invoices
from flows.lake.journal import Lake
from flows.lake.named_queries import relations_in
from flows.lake.published import PUBLISHED, publish
from flows.lake.views import connect
from flows.operations import land_operations
from flows.reference import load_reference
from flows.run import Run

EXAMPLE = Path(__file__).parents[3] / "data" / "examples" / "first_invoice"
RECEIVED = datetime(2026, 11, 2, 6, tzinfo=UTC)
PERIOD = "2026-10"
COMMITS = 4
"""Of a lake that `whole` has filled: its first, usage, operations, the bill."""

_WHOLE = Path(tempfile.mkdtemp(prefix="billfold-months-"))
atexit.register(shutil.rmtree, _WHOLE, ignore_errors=True)


def digest_of(world: Path, buckets: int) -> str:
    """What the lake of a world depends on: every file, and the buckets."""
    known = sha256(str(buckets).encode())
    for file in sorted(path for path in world.rglob("*") if path.is_file()):
        known.update(f"{file.relative_to(world)}\0{sha256(file.read_bytes()).hexdigest()}\0".encode())
    return known.hexdigest()


M = TypeVar("M", bound="Month")


def made_once(make: Callable[..., M]) -> Callable[..., M]:
    """A fixture that fills a folder with a month: it does so once, and each test gets a copy in its `tmp_path`."""

    @functools.cache
    def first() -> M:
        folder = _WHOLE / f"{make.__module__}.{make.__qualname__}"
        folder.mkdir()
        return make(folder)

    @functools.wraps(make)
    def copied(tmp_path: Path) -> M:
        return first().copied(tmp_path)

    return copied


def moved(root: Path) -> Lake:
    """A lake that was copied from elsewhere, opened; what it has published names files by their full path."""
    lake = Lake.open(root)
    if (root / PUBLISHED).exists():
        publish(lake)
    return lake


class Month:
    """The first-invoice example in a folder of its own, to bill and to change."""

    def __init__(self, folder: Path, *, buckets: int = 16) -> None:
        self.folder = folder
        shutil.copytree(EXAMPLE, folder / "world")
        self.lake = Lake.create(folder / "lake", buckets=buckets)

    def copied(self, folder: Path) -> Self:
        """The same month in another folder, to change."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        found = copy.copy(self)
        found.folder, found.lake = folder, moved(folder / "lake")
        return found

    @property
    def reference_folder(self) -> Path:
        return self.folder / "world" / "reference"

    @property
    def where(self) -> list[object]:
        """The options that lead a command to these books."""
        return ["--lake", self.lake.root, "--reference", self.reference_folder]

    def reference(self) -> Any:
        return load_reference(self.reference_folder)

    def add_reference(self, table: str, *lines: str) -> None:
        """Append rows to a reference table; its header must be there."""
        with (self.reference_folder / f"{table}.csv").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def ingest(self, *files: Path, received_at: datetime = RECEIVED) -> Any:
        chosen = list(files) or sorted((self.folder / "world" / "usage").iterdir())
        return ingest_usage(self.lake, self.reference(), chosen, received_at=received_at)

    def usage(self, name: str, *rows: str) -> Path:
        """A usage file of CSV rows."""
        header = (EXAMPLE / "usage" / "october.csv").read_text().splitlines()[0]
        path = self.folder / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    def operate(self, *operations: dict[str, Any], received_at: datetime = RECEIVED) -> Run:
        """Land operations; without any, those of the example."""
        if not operations:
            return land_operations(
                self.lake,
                self.reference(),
                [self.folder / "world" / "operations" / "grants.jsonl"],
                received_at=received_at,
            )
        path = self.folder / f"operations-{len(self.lake.commits())}.jsonl"
        path.write_text("".join(f"{json.dumps({'actor': 'operator', **one})}\n" for one in operations))
        return land_operations(self.lake, self.reference(), [path], received_at=received_at)

    def bill(self, **options: Any) -> Run:
        return bill_period(self.lake, self.reference(), **{"period": PERIOD, **options})

    def issue(self, issue_date: date = date(2026, 11, 3), **options: Any) -> Run:
        return issue_invoices(
            self.lake,
            self.reference(),
            **{"period": PERIOD, "issue_date": issue_date, "actor": "operator", "received_at": RECEIVED, **options},
        )

    def whole(self) -> Month:
        """Ingest, land the operations, bill; done once for each world, whose lake is then copied."""
        known = _WHOLE / digest_of(self.folder / "world", self.lake.buckets)
        if len(self.lake.commits()) > 1 or not known.exists():
            self.ingest()
            self.operate()
            self.bill()
        if len(self.lake.commits()) == COMMITS and not known.exists():
            shutil.copytree(self.lake.root, known)
        elif len(self.lake.commits()) == 1:
            shutil.rmtree(self.lake.root)
            shutil.copytree(known, self.lake.root)
            self.lake = moved(self.lake.root)
        return self

    def ask(self, sql: str, as_of: int | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query on the views."""
        with connect(self.lake, self.lake.snapshot(as_of), only=relations_in(sql)) as connection:
            return connection.sql(sql).fetchall()

    def frame(self, sql: str) -> pl.DataFrame:
        with connect(self.lake, only=relations_in(sql)) as connection:
            return connection.sql(sql).pl()

    def due(self) -> dict[str, Decimal]:
        """What each account's document leaves to pay."""
        return dict(self.ask("select billing_account_id, amount_due from invoices order by 1"))  # type: ignore[arg-type]
