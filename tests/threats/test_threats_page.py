"""The page of threats names tests that are there, one at least in each row."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[str]:
    """The rows of the page's tables."""
    lines = (ROOT / "docs" / "THREATS.md").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("|") and not line.startswith(("|---", "| what "))]


@cache
def named_in(path: str) -> set[str]:
    """The tests of a module, by what stands in it."""
    found = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    return {one.name for one in found if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


def test_every_threat_names_the_tests_that_show_what_stops_it() -> None:
    assert len(rows()) > 20
    for row in rows():
        named = NAMED.findall(row)
        assert named, row
        for path, name in named:
            assert name in named_in(path), f"{path}::{name}"
            assert row.count("::") == len(named), row
