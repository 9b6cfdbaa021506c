"""A small lake before and after each command that changes the books, and what may be seen of it in between.

What a lake should say is told by the run that nothing disturbed. What a lake does say is read from its bytes alone: the
journal as JSON, files by their sha256, the published database by its own queries.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

import schemas
from flows.lake.journal import Lake, LakeError
from flows.lake.views import connect
from flows.left_behind import clear_up
from tests.crash.forks import Ended, Program

EXAMPLE = Path(__file__).parents[2] / "data" / "examples" / "first_invoice"
PUBLISHED = "billing.duckdb"
LOCKS = ("staging/.writers", "staging/.turns")
RECEIVED = ("--received-at", "2026-11-02T06:00:00Z")
LATE = ("--received-at", "2026-11-19T06:00:00Z")

COMMANDS = {
    "ingest": ("ingest", "usage", *RECEIVED),
    "operations": ("operations", "operations", *RECEIVED),
    "bill": ("bill", "--period", "2026-10"),
    "issue": ("issue", "--period", "2026-10", "--issue-date", "2026-11-03", *RECEIVED),
    "backfill": ("backfill", "--issue-date", "2026-11-20", *LATE),
}
"""What is killed, in the order in which it makes a month."""

LATE_USAGE = ("ingest", "late", *LATE)
"""What the backfill has to post: it comes after the month is issued."""

Tree = dict[str, tuple[int, str]]
"""Mode and sha256 of files, by name."""


@dataclass(frozen=True)
class Step:
    """A command, the lake it runs on, and what the lake is after it when nothing goes wrong."""

    command: str
    arguments: tuple[str, ...]
    before: Path
    tree_before: Tree
    after: Tree
    code: int
    seconds: float
    hashes: dict[int, str]
    """Of the commits that may be the head, before the command and while it runs."""
    records: dict[str, dict[str, Any]]
    """What they say, by the names of their files."""
    contents: dict[int, str]
    """What the views show at each of these."""
    published: frozenset[str]
    """What the published database may say; the one of before may be none."""
    published_after: str


@dataclass
class World:
    """Folders of usage, operations and reference tables, and one lake that is put back for every try.

    The lake always lies at the same path, so that the same calls name the same paths.
    """

    folder: Path
    program: Program
    steps: dict[str, Step] = field(default_factory=dict)
    _whole: set[str] = field(default_factory=set)
    """Digests of what was seen, looked at, and is whole."""
    _recovers: set[str] = field(default_factory=set)
    """Digests of what was seen, run again, and came to the undisturbed bytes."""

    @property
    def lake(self) -> Path:
        """The lake."""
        return self.folder / "lake"

    def arguments(self, words: Sequence[str]) -> tuple[str, ...]:
        """A command with the paths of its files, and its books."""
        command, *rest = words
        if command in ("ingest", "operations"):
            rest[0] = str(self.folder / rest[0])
        return (command, *rest, "--lake", str(self.lake), "--reference", str(self.folder / "reference"))

    def run(self, *words: str, **options: Any) -> Ended:
        """Run a command on the lake."""
        return self.program.run(*self.arguments(words), **options)

    def put_back(self, step: Step) -> None:
        """The lake as it is before a step."""
        shutil.rmtree(self.lake, ignore_errors=True)
        shutil.copytree(step.before, self.lake)

    # --- what a lake says ---------------------------------------------------------------------------------------------

    def tree(self) -> Tree:
        """Every file of the lake but the published database and the locks, which nobody reads."""
        files = {path.relative_to(self.lake).as_posix(): path for path in self.lake.rglob("*") if path.is_file()}
        return {
            name: (path.stat().st_mode & 0o777, hashlib.sha256(path.read_bytes()).hexdigest())
            for name, path in sorted(files.items())
            if name not in (PUBLISHED, *LOCKS)
        }

    def journal(self) -> list[dict[str, Any]]:
        """The records of the lake."""
        return [json.loads(path.read_bytes()) for path in sorted((self.lake / "journal").glob("0*.json"))]

    def published(self) -> str:
        """The views of the published database, and so what it shows of the lake; nothing when there is none."""
        if not (self.lake / PUBLISHED).exists():
            return ""
        with duckdb.connect(self.lake / PUBLISHED, read_only=True) as connection:
            views = connection.sql(
                "select schema_name, view_name, sql from duckdb_views() where not internal order by all"
            )
            return hashlib.sha256(repr(views.fetchall()).encode()).hexdigest()

    def contents(self, number: int | None = None) -> str:
        """Every row of every relation that people read, as of a commit, the head by default."""
        digest, lake = hashlib.sha256(), Lake.open(self.lake)
        with connect(lake, lake.snapshot(number)) as connection:
            for name in sorted({*schemas.TABLES, *schemas.VIEWS}):
                digest.update(repr((name, connection.sql(f"select * from {name} order by all").fetchall())).encode())
        return digest.hexdigest()

    # --- what must be true of it --------------------------------------------------------------------------------------

    def cut_off(self, step: Step, *, every: bool = False) -> list[str]:
        """What is wrong after a command was cut off: what can be seen of it, and what the same command makes of it.

        What nobody can see of it, the next run removes first; so where one such state was run again, others that are
        seen alike are swept alone, unless `every` one is to be run that differs in any byte.
        """
        seen = f"{step.command} {self._on_disk()}" if every else self._seen()
        if seen in self._recovers:
            return [] if every else self._not_swept(step)
        faults = [*self.partly_visible(step), *self.not_recovered(step)]
        if not faults:
            self._recovers.add(seen)
        return faults

    def partly_visible(self, step: Step) -> list[str]:
        """What is wrong with what can be seen: it must be the old state or the new, whole."""
        seen = self._seen()
        if seen in self._whole:
            return []
        faults = self._state_faults(step)
        if not faults:
            ended = self.program.run("audit", "--verify", "--lake", str(self.lake))
            faults = [] if ended.code == 0 else [f"audit --verify says {ended.said.strip()}"]
        if not faults:
            self._whole.add(seen)
        return faults

    def _state_faults(self, step: Step) -> list[str]:
        head = self.journal()[-1]
        number = int(head["number"])
        if step.hashes.get(number) != head["hash"]:
            return [f"commit {number} is not one of an undisturbed run"]
        faults = []
        try:
            if self.contents() != step.contents[number]:
                faults.append(f"the views do not show what commit {number} holds")
        except (duckdb.Error, LakeError, OSError) as fault:
            faults.append(f"the views of commit {number} cannot be read: {fault}")
        try:
            if self.published() not in step.published:
                faults.append(f"{PUBLISHED} shows neither the old state nor the new")
        except duckdb.Error as fault:
            faults.append(f"{PUBLISHED} cannot be opened: {fault}")
        return faults

    def _seen(self) -> str:
        """What the views, the audit and readers of the published database read: nothing else changes what they say."""
        try:
            published = self.published()
        except duckdb.Error as fault:
            published = str(fault)
        beside = sorted(path.name for path in self.lake.glob(f"{PUBLISHED}*"))
        return hashlib.sha256(repr((sorted(self._counted().items()), published, beside)).encode()).hexdigest()

    def _on_disk(self) -> str:
        """Every file and folder of the lake, whoever reads it."""
        paths = sorted(self.lake.rglob("*"))
        held = {str(path): path.read_bytes() if path.is_file() else b"" for path in paths}
        modes = {str(path): path.stat().st_mode for path in paths}
        return hashlib.sha256(repr((sorted(held.items()), modes)).encode()).hexdigest()

    def _counted(self) -> Tree:
        """The journal and the files that it names."""
        named = {entry["path"] for record in self.journal() for entry in record["added"]}
        return {name: what for name, what in self.tree().items() if name in named or name.startswith("journal/")}

    def _not_swept(self, step: Step) -> list[str]:
        """What a sweep leaves that no commit names, or takes that one does."""
        counted, lake = self._counted(), Lake.open(self.lake)
        clear_up(lake)
        lake.close()
        head = len(self.journal()) - 1
        known = {min(step.hashes): step.tree_before, max(step.hashes): step.after}
        faults = differences(known.get(head, counted), self.tree())
        if head == max(step.hashes) and self.published() != step.published_after:
            faults.append(f"{PUBLISHED} does not show the head")
        return [f"after a sweep: {fault}" for fault in faults]

    def not_recovered(self, step: Step) -> list[str]:
        """What is wrong after one plain run of the command more: the bytes of the undisturbed run, and no others."""
        ended = self.program.run(*step.arguments)
        faults = differences(step.after, self.tree())
        if self.published() != step.published_after:
            faults.append(f"{PUBLISHED} does not show the head")
        if ended.code not in (0, step.code, 1) or "Traceback" in ended.said:
            faults.append(f"exit code {ended.code}: {ended.said.strip()}")
        return [f"after a plain run more: {fault}" for fault in faults]


def differences(wanted: Tree, found: Tree) -> list[str]:
    """Files that are missing, too many or others."""
    missing = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    orphans = [f"{name} is left behind" for name in found.keys() - wanted.keys()]
    changed = [f"{name} differs" for name in wanted.keys() & found.keys() if wanted[name] != found[name]]
    return sorted([*missing, *orphans, *changed])


# --- making a world ---------------------------------------------------------------------------------------------------

OCTOBER = (EXAMPLE / "usage" / "october.csv").read_text()
HEADER = OCTOBER.splitlines()[0]
UNKNOWN = "ghost-1,ghost,,vm-1,vm-small,eu-1,2026-10-02T00:00:00+02:00,2026-10-02T01:00:00+02:00,1,hour"
PACKED = "acme-vm-3,acme,,vm-2,vm-small,eu-1,2026-10-09T08:00:00+02:00,2026-10-09T18:00:00+02:00,10,hour"
FOUND_LATE = "acme-vm-4,acme,,vm-2,vm-small,eu-1,2026-10-20T00:00:00+02:00,2026-10-20T20:00:00+02:00,20,hour"


def build(folder: Path, program: Program) -> World:
    """Make a world and run its month once, undisturbed, keeping the lake as it was before each command."""
    world = World(folder.resolve(), program)
    _write_inputs(folder)
    _checked(world.program.run("init", str(world.lake), "--reference", str(folder / "reference"), "--buckets", "2"))
    for command, words in COMMANDS.items():
        if command == "backfill":
            _checked(world.run(*LATE_USAGE))
        world.steps[command] = _step(world, command, world.arguments(words))
    return world


def _write_inputs(folder: Path) -> None:
    """The first-invoice example with a row that is rejected, a packed file and a record that comes late."""
    shutil.copytree(EXAMPLE / "reference", folder / "reference")
    shutil.copytree(EXAMPLE / "operations", folder / "operations")
    for name in ("usage", "late", "states"):
        (folder / name).mkdir()
    (folder / "usage" / "october.csv").write_text(f"{OCTOBER}{UNKNOWN}\n")
    (folder / "usage" / "more.csv.gz").write_bytes(gzip.compress(f"{HEADER}\n{PACKED}\n".encode(), mtime=0))
    (folder / "late" / "late.csv").write_text(f"{HEADER}\n{FOUND_LATE}\n")


def _step(world: World, command: str, arguments: tuple[str, ...]) -> Step:
    """Run a command undisturbed, and note what was, what is, and what was on the way."""
    before = world.folder / "states" / command
    shutil.copytree(world.lake, before)
    published, tree = {world.published()}, world.tree()
    first = len(world.journal()) - 1
    ended = _checked(world.program.run(*arguments))
    numbers = range(first, len(world.journal()))
    assert len(numbers) > 1, f"{command} commits nothing"
    return Step(
        command=command,
        arguments=arguments,
        before=before,
        tree_before=tree,
        after=world.tree(),
        code=ended.code,
        seconds=ended.seconds,
        hashes={number: world.journal()[number]["hash"] for number in numbers},
        records={f"journal/{number:012}.json": world.journal()[number] for number in numbers},
        contents={number: world.contents(number) for number in numbers},
        published=frozenset({*published, world.published()}),
        published_after=world.published(),
    )


def _checked(ended: Ended) -> Ended:
    assert ended.code in (0, 3), ended.said
    return ended
