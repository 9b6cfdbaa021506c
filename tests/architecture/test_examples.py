"""Examples in docstrings are run: `make test` collects every module that has one."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXAMPLE = re.compile(r"^ +>>> ", re.MULTILINE)


def test_every_example_in_a_docstring_is_run() -> None:
    options = PROJECT["tool"]["pytest"]["ini_options"]
    assert "--doctest-modules" in options["addopts"].split()
    packages = [*PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], "tests"]
    files = [file for package in packages for file in (ROOT / package).rglob("*.py")]
    with_examples = [file.relative_to(ROOT) for file in files if EXAMPLE.search(file.read_text(encoding="utf-8"))]
    assert {file.parts[0] for file in with_examples} >= {"flows", "rating"}
    assert [str(file) for file in with_examples if file.parts[0] not in options["testpaths"]] == []
