"""`make demo`: a month of a small cloud provider, from usage to issued invoices, by the commands anybody would use.

`python -m flows.demo DIR` makes a sample world under DIR, bills it, shows one invoice and audits the books.
"""

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from flows import cli
from flows.show.console import console, say, styled

if TYPE_CHECKING:
    from flows.sample import SampleWorld

MARKER = ".billfold-demo"
"""Says that a folder is a demo's, and so may be replaced by the next one."""

ACCOUNTS, ROWS = 200, 200_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when all of it came out as told."""
    parser = argparse.ArgumentParser(prog="python -m flows.demo", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to make it; a former demo there is replaced")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args(arguments)
    if not _make_room(given.folder):
        say(f"{given.folder} holds something that is not a former demo; name another folder, or remove it yourself")
        return cli.REFUSED
    began = perf_counter()
    code = _story(given.folder, given.accounts, given.rows)
    say(
        f"\n{perf_counter() - began:.0f} s in all"
        if code == cli.DONE
        else "\nthe demo stopped here, which it should not"
    )
    return code


def _make_room(folder: Path) -> bool:
    """Empty a former demo's folder; anything else in it is somebody's, and is left alone."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        return False
    for path in folder.iterdir() if folder.exists() else ():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return True


def _sample(folder: Path, accounts: int, rows: int) -> "SampleWorld":
    """The world, and the mark that the folder is a demo's, however far it came."""
    from flows.sample import sample

    try:
        return sample(folder, accounts=accounts, rows=rows)
    finally:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).write_text("made by python -m flows.demo, which replaces this folder\n", encoding="utf-8")


def _story(folder: Path, accounts: int, rows: int) -> int:
    """Each chapter: what is done and why, the command, what it says."""
    _chapter(f"A month of a cloud provider: {accounts:,} customers, {rows:,} hourly usage records")
    world = _sample(folder, accounts, rows)
    say(f"written to {folder}; the same arguments give the same bytes; what is in it: {folder}/README.md")
    lake = ["--lake", str(folder / "lake")]
    received = ["--received-at", f"{world.received_at:%Y-%m-%dT%H:%M:%SZ}"]
    showcase, issued_on = world.showcase_account_id, str(world.issue_date)
    chapters: list[tuple[str, list[str], set[int]]] = [
        ("Make a lake: immutable files and a journal of commits", ["init", str(folder / "lake")], {0}),
        (
            "Land the usage. The delivery holds bad rows on purpose: each is set aside with its reason, and the good "
            "ones are billed without waiting. Exit code 3 says so: done, with rejects",
            ["ingest", str(folder / "usage"), *received, *lake],
            {3},
        ),
        (
            "Land what people did: credit granted, promo codes accepted. Some are refused: a customer may not grant "
            "credit to itself. Exit code 3 again",
            ["operations", str(world.operations_file), *received, *lake],
            {3},
        ),
        (
            "Bill the month: charges, discounts, credit, tax, drafts, ledger",
            ["bill", "--period", world.period, *lake],
            {0},
        ),
        (
            "Issue the drafts: numbers without gaps, and from now on they never change",
            ["issue", "--period", world.period, "--issue-date", issued_on, *received, *lake],
            {0},
        ),
        (
            "One invoice: a discount on machines, a bonus that lowers the taxable amount and so the tax, and prepaid "
            "credit that pays after tax",
            ["show", "invoice", showcase, *lake],
            {0},
        ),
        ("Audit: every invariant, and every byte", ["audit", "--verify", *lake], {0}),
    ]
    for title, command, expected in chapters:
        _chapter(title)
        code = _command(command)
        if code not in expected:
            say(f"\nexit code {code}, expected {' or '.join(map(str, sorted(expected)))}")
            return cli.REFUSED
    _next(showcase, lake)
    return cli.DONE


def _chapter(title: str) -> None:
    console().print()
    console().print(styled(title, "bold"))


def _command(arguments: Sequence[str]) -> int:
    say(f"$ {_program()} {shlex.join(arguments)}\n")
    began = perf_counter()
    code = cli.main(arguments)
    say(f"\nexit code {code}, {perf_counter() - began:.1f} s")
    return code


def _next(account: str, lake: Sequence[str]) -> None:
    """Three commands that work as they stand."""
    _chapter("To try next")
    question = (
        "select service, billing_currency, sum(line_amount) as billed from invoice_lines group by all order by all"
    )
    for command in (
        ["show", "account", account, *lake],
        ["show", "rejects", *lake],
        ["sql", question, *lake],
    ):
        say(f"  {_program()} {shlex.join(command)}")


def _program() -> str:
    """The command as it can be pasted here: the one beside this Python, by its shortest path."""
    beside = Path(sys.executable).parent / "billfold"
    if not beside.exists():
        return f"{sys.executable} -m flows.cli"
    relative = os.path.relpath(beside)
    return str(beside) if relative.startswith("..") else relative


if __name__ == "__main__":
    sys.exit(main())
