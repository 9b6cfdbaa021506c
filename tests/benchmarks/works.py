"""What is measured: the floor, DuckDB's own copy, and each stage of billfold, on one sample world."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from flows.before_commit import checked
from flows.bill_period import bill_period
from flows.ingest_usage import ingest_usage
from flows.lake.journal import DEFAULT_BUCKETS, Lake
from flows.operations import land_operations
from flows.reference import Reference, load_reference
from flows.sample import sample


@dataclass(frozen=True)
class Bench:
    """A clean sample world, its reference tables, and the folder where lakes are made for each run."""

    folder: Path
    rows: int
    accounts: int
    period: str
    received_at: datetime
    usage_files: tuple[Path, ...]
    operations_file: Path
    reference: Reference

    @classmethod
    def make(cls, folder: Path, rows: int, accounts: int, *, meters: str = "sum", half_to_one: bool = False) -> "Bench":
        """Write the world; the same rows and accounts, the same bytes."""
        world = sample(
            folder / "world", accounts=accounts, rows=rows, clean=True, meters=meters, half_to_one=half_to_one
        )
        facts = {
            "rows": rows,
            "accounts": accounts,
            "period": world.period,
            "received_at": world.received_at.isoformat(),
            "usage_files": [str(path) for path in world.usage_files],
            "operations_file": str(world.operations_file),
        }
        (folder / "world.json").write_text(json.dumps(facts), encoding="utf-8")
        return cls.reopen(folder)

    @classmethod
    def found_or_made(cls, folder: Path, rows: int, accounts: int) -> "Bench":
        """The world in the folder if it is of that size, else made there anew."""
        if (folder / "world.json").exists():
            bench = cls.reopen(folder)
            if (bench.rows, bench.accounts) == (rows, accounts):
                return bench
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return cls.make(folder, rows, accounts)

    @classmethod
    def reopen(cls, folder: Path) -> "Bench":
        """The world that was made there."""
        facts = json.loads((folder / "world.json").read_text(encoding="utf-8"))
        return cls(
            folder,
            facts["rows"],
            facts["accounts"],
            facts["period"],
            datetime.fromisoformat(facts["received_at"]),
            tuple(Path(path) for path in facts["usage_files"]),
            Path(facts["operations_file"]),
            load_reference(folder / "world" / "reference"),
        )

    @property
    def parquet(self) -> list[str]:
        """The landed Parquet files, which are all rows but those of two series."""
        return [str(path) for path in self.usage_files if path.suffix == ".parquet"]

    def empty_lake(self, buckets: int = DEFAULT_BUCKETS) -> Lake:
        """A new lake for an ingest."""
        shutil.rmtree(self.folder / "ingested", ignore_errors=True)
        return Lake.create(self.folder / "ingested", buckets=buckets)

    def make_ready(self, buckets: int = DEFAULT_BUCKETS) -> None:
        """Have a lake that billing starts from, where no ingest is measured."""
        if not (self.folder / "unbilled").exists():
            ingest_usage(self.empty_lake(buckets), self.reference, self.usage_files, received_at=self.received_at)
            self.keep_for_billing()

    def keep_for_billing(self) -> None:
        """Land the operations in the lake of the last ingest: from here on it is what billing starts from."""
        lake = self.ingested_lake()
        land_operations(lake, self.reference, [self.operations_file], received_at=self.received_at)
        shutil.rmtree(self.folder / "unbilled", ignore_errors=True)
        lake.root.rename(self.folder / "unbilled")

    def unbilled_lake(self) -> Lake:
        """A lake with usage and operations that nobody has billed: hard links, as no file of a lake ever changes."""
        shutil.rmtree(self.folder / "billed", ignore_errors=True)
        shutil.copytree(self.folder / "unbilled", self.folder / "billed", copy_function=os.link)
        return Lake.open(self.folder / "billed")

    def billed_lake(self) -> Lake:
        """The lake of the last bill."""
        return Lake.open(self.folder / "billed")

    def ingested_lake(self) -> Lake:
        """The lake of the last ingest."""
        return Lake.open(self.folder / "ingested")


def floor(bench: Bench, _: Lake | None) -> None:
    """F: nobody can bill usage without reading it once."""
    with duckdb.connect() as connection:
        columns = "billing_account_id, sub_account_id, sku_id, sum(consumed_quantity)"
        connection.execute(f"select {columns} from read_parquet(?) group by all", [bench.parquet]).fetchall()


def copy(bench: Bench, _: Lake | None) -> None:
    """Nobody can keep usage without writing it once."""
    with duckdb.connect() as connection:
        target = str(bench.folder / "copy.parquet").replace("'", "''")
        connection.execute(
            f"copy (select * from read_parquet({bench.parquet!r})) to '{target}' (format parquet, compression zstd)"
        )


def ingest(bench: Bench, lake: Lake | None) -> None:
    """Landed files to accepted records."""
    assert lake is not None
    ingest_usage(lake, bench.reference, bench.usage_files, received_at=bench.received_at)


def bill(bench: Bench, lake: Lake | None) -> None:
    """Usage in the lake to committed invoices and ledger."""
    assert lake is not None
    bill_period(lake, bench.reference, period=bench.period)


def audit(bench: Bench, lake: Lake | None) -> None:
    """What the last bill asked before its commit: which credit limits it reaches, each invariant it could break."""
    assert lake is not None
    commit = lake.commits()[-1]
    candidate = lake.snapshot(commit.number - 1).with_changes(
        commit.added,
        commit.removed,
        reference_digest=commit.inputs["reference_digest"],
        known_as_of=datetime.fromisoformat(commit.inputs["known_as_of"]),
    )
    told, breaches = checked(candidate, commit.run_id, usage_periods=[bench.period])
    if told or breaches:
        raise ValueError(f"{told or breaches} of a candidate that was committed: what is measured is not what is meant")


@dataclass(frozen=True)
class Work:
    """One line of the table: what is run, on which lake, and what it is a ratio of beside the floor."""

    name: str
    run: Callable[[Bench, Lake | None], None]
    against: str
    prepare: Callable[[Bench], Lake | None] = field(default=lambda _: None)
    after: Callable[[Bench], None] = field(default=lambda _: None)
    is_long: bool = False
    """Whether one run says enough where rows are very many: it lands files."""
    share: int = 1
    """Of how many of the world's rows it runs one."""


FLOOR, COPY, INGEST, BILL = "floor F: group by", "floor: copy", "ingest", "bill"
INGEST_AGAIN, BILL_AGAIN, AUDIT = "ingest again", "bill again", "audit of the bill"

WORKS: tuple[Work, ...] = (
    Work(FLOOR, floor, FLOOR),
    Work(COPY, copy, COPY, is_long=True),
    Work(INGEST, ingest, COPY, Bench.empty_lake, is_long=True),
    Work(INGEST_AGAIN, ingest, INGEST, Bench.ingested_lake, Bench.keep_for_billing, is_long=True),
    Work(BILL, bill, FLOOR, Bench.unbilled_lake),
    Work(BILL_AGAIN, bill, BILL, Bench.billed_lake),
    Work(AUDIT, audit, BILL, Bench.billed_lake),
)
"""In the order in which they are run in turn; what is run `again` finds nothing new to do."""
