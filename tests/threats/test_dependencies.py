"""What is installed is what was locked: every package with its hashes, from no index that the lock would name."""

import re
from pathlib import Path

LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text()
PACKAGE = re.compile(r"^([a-z0-9][a-z0-9._-]*)(\[[^\]]*\])?==(\S+)", re.MULTILINE)


def packages() -> dict[str, str]:
    """Of each package the lines that belong to it."""
    found = list(PACKAGE.finditer(LOCK))
    ends = [one.start() for one in found[1:]] + [len(LOCK)]
    return {one[1]: LOCK[one.start() : end] for one, end in zip(found, ends, strict=True)}


def test_every_dependency_is_locked_by_its_hash() -> None:
    assert len(packages()) > 50
    for name, lines in packages().items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", lines), name
    begun = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert [line for line in begun if not PACKAGE.match(line)] == []


def test_the_lock_names_no_index_and_no_address() -> None:
    for word in ("--index-url", "--extra-index-url", "--find-links", "--trusted-host", "http://", "https://", "git+"):
        assert word not in LOCK, word


def test_what_the_project_asks_for_is_in_the_lock() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[<>=!~; ]", one)[0].lower().replace("_", "-") for one in project["dependencies"]}
    assert wanted <= set(packages())


def test_installing_asks_for_the_hashes() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    for line in makefile.splitlines():
        if "pip sync" in line or "pip install" in line:
            assert "--require-hashes" in line or "--no-deps" in line, line
