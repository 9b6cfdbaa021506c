"""A month that is landed and not billed, as often as a test needs one."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import polars as pl

from flows.ingest_usage import ingest_usage
from flows.lake.journal import Lake
from flows.operations import land_operations
from flows.reference import Reference, load_reference
from flows.sample import SampleWorld, sample
from rating.bucket import USAGE

GROUPS = 4


@dataclass(frozen=True)
class Landed:
    """A sample world in a lake."""

    world: SampleWorld
    root: Path

    @classmethod
    def make(cls, folder: Path) -> Landed:
        world = sample(folder / "world", accounts=12, rows=4_000)
        lake = Lake.create(folder / "lake")
        reference = load_reference(world.reference_folder)
        ingest_usage(lake, reference, list(world.usage_files), received_at=world.received_at)
        land_operations(lake, reference, [world.operations_file], received_at=world.received_at)
        lake.close()
        return cls(world, lake.root)

    def reference(self) -> Reference:
        return load_reference(self.world.reference_folder)

    def lake(self, folder: Path) -> Lake:
        """The same lake in a folder of its own: hard links, as no file of a lake ever changes."""
        shutil.copytree(self.root, folder / "lake", copy_function=os.link)
        return Lake.open(folder / "lake")


def bytes_of(lake: Lake) -> dict[str, str]:
    """The sha256 of every file that a commit names, and of every commit's record."""
    named = [entry.path for commit in lake.commits() for entry in commit.added]
    return {name: sha256(lake.path(name).read_bytes()).hexdigest() for name in [*named, *lake.store.names("journal")]}


def usage_of(lake: Lake) -> pl.DataFrame:
    """The accepted usage of a lake, wide: its slim files, each with the period of its folder, and their series."""
    snapshot = lake.snapshot()
    slim = [
        lake.read("usage_records", [entry]).with_columns(billing_period=pl.lit(entry.partition["billing_period"]))
        for entry in snapshot.files("usage_records")
    ]
    return pl.concat(slim).join(snapshot.read("usage_series"), on="series_id").select(USAGE.names)
