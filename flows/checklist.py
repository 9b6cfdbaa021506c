"""How much of the systems that billfold can stand in for is shown by tests: the table of the README.

The behaviours are `tests/systems/checklist.toml`; a test shows those whose numbers are in its name, like
`test_s1_12_...`.
"""

import ast
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SYSTEMS = Path(__file__).resolve().parents[1] / "tests" / "systems"
LINE = re.compile(r"(?<=_)s(\d)_(\d+)(?=_|$)")


def behaviours() -> dict[str, str]:
    """Every behaviour by its number, like S1.12."""
    return {f"{one}.{number}": said for one, told in _told().items() for number, said in told["lines"].items()}


def shown() -> dict[str, list[str]]:
    """The tests that show a behaviour, by its number."""
    found: dict[str, list[str]] = {}
    for module in sorted(SYSTEMS.glob("test_*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for system, number in LINE.findall(node.name):
                    found.setdefault(f"S{system}.{number}", []).append(f"{module.name}::{node.name}")
    return found


def table() -> str:
    """How many behaviours of each system are shown, as Markdown."""
    known = shown()
    rows = ["| system | what | shown by tests | told in |", "|---|---|---|---|"]
    for system, told in _told().items():
        numbers = [f"{system}.{number}" for number in told["lines"]]
        count = sum(number in known for number in numbers)
        folder = f"data/examples/{told['folder']}"
        rows.append(f"| {told['system']} | {told['what']} | {count} of {len(numbers)} | [`{folder}`]({folder}) |")
    return "\n".join(rows) + "\n"


def _told() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((SYSTEMS / "checklist.toml").read_text(encoding="utf-8"))
