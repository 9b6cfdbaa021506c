"""Pages that are walked: the commands in their `console` blocks are run in order, and below each stands what it prints.

    ```console
    $ billfold bill --period 2026-10
    bill committed as 4
    ```

A page of an example is walked in a copy of its folder, any other in an empty folder with the project's `data`, as if
at the project's top: what a reader types there does the same. `billfold` alone is run here, all else by the shell. A
command that gives another exit code than 0 says so on a line of its own.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from flows import cli

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMPT = "$ "
SHELL = frozenset({"|", "&&", ";"})
ALIAS = f'billfold() {{ PYTHONPATH="{Path(__file__).parents[1]}" "{sys.executable}" -m flows.cli "$@"; }}\n'
"""What `billfold` is where a command needs the shell."""
DATA = Path(__file__).resolve().parents[1] / "data"
LEFT_BEHIND = shutil.ignore_patterns("lake", "exports", ".*")
"""What a reader who walked the page in its own folder has made there."""


def walk(page: Path, folder: Path) -> str:
    """The page as it should be, with what its commands print now.

    Reads    folder, which must not exist: it is made, and its lake can be asked afterwards
    """
    if (page.parent / "reference").is_dir():
        shutil.copytree(page.parent, folder, ignore=LEFT_BEHIND)
    else:
        folder.mkdir()
        (folder / "data").symlink_to(DATA)
    text = page.read_text(encoding="utf-8")
    with _in(folder):
        return BLOCK.sub(lambda block: f"```console\n{''.join(_walked(block[1]))}```", text)


def is_walked(page: Path) -> bool:
    """Whether a page has commands to run."""
    return BLOCK.search(page.read_text(encoding="utf-8")) is not None


def commands(block: str) -> list[str]:
    r"""The commands of a block, a line that ends in a backslash with the one after it.

    >>> commands("$ billfold init\nlake  lake\n$ billfold show \\\n    invoices\n")
    ['billfold init', 'billfold show \\\n    invoices']
    """
    found: list[str] = []
    goes_on = False
    for line in block.splitlines():
        is_command = goes_on or line.startswith(PROMPT)
        if goes_on:
            found[-1] += f"\n{line}"
        elif is_command:
            found.append(line.removeprefix(PROMPT))
        goes_on = is_command and line.endswith("\\")
    return found


def _walked(block: str) -> Iterator[str]:
    """The lines of a block: each command, and what it prints."""
    for command in commands(block):
        code, said = _run(command)
        yield f"{PROMPT}{command}\n"
        yield from (f"{line.rstrip()}\n" for line in _unframed(said.splitlines()))
        if code:
            yield f"[exit code {code}]\n"


def _unframed(lines: list[str]) -> list[str]:
    """Lines without the empty ones before and after."""
    said = [at for at, line in enumerate(lines) if line.strip()]
    return lines[said[0] : said[-1] + 1] if said else []


def _run(command: str) -> tuple[int, str]:
    """Run one command; its exit code, and what it printed, with what went wrong below."""
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    if words[0] != "billfold" or SHELL.intersection(words):
        done = subprocess.run(["bash", "-c", ALIAS + command], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(words[1:])
    return code, out.getvalue() + (err.getvalue() if code in (cli.REFUSED, cli.USAGE) else "")


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    """Stand in a folder, with nothing in the environment that names other books."""
    names = [name for name in os.environ if name.startswith("BILLFOLD_")]
    kept = {name: os.environ.pop(name) for name in names}
    with contextlib.chdir(folder):
        try:
            yield
        finally:
            os.environ.update(kept)
