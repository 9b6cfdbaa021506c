"""The first thing anybody types: it comes at once, and says what there is."""

import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from flows import cli
from tests.flows.cli.worked import billfold

COMMANDS = [
    *("init", "ingest", "operations", "bill", "issue", "backfill"),
    *("show", "explain", "audit", "sql", "what-if"),
    *("sample", "views", "status", "export"),
]

SHOWS = [
    "account",
    "accounts",
    "bonuses",
    "cost-policies",
    "credit-history",
    "credit-limit",
    "discounts",
    "files",
    "free-credits",
    "grants",
    "holds",
    "invoice",
    "invoices",
    "ledger",
    "operations",
    "organization-credits",
    "paid-credits",
    "project-costs",
    "project-credits",
    "promo-codes",
    "rejected-rows",
    "rejects",
    "restrictions",
    "runs",
    "trial-balance",
    "unpriced-usage",
    "usage",
]

HEAVY = ("polars", "duckdb", "pyarrow", "pandera", "numpy", "prefect")


def commands_of(page: str) -> list[str]:
    """The names in the first column of the box of commands."""
    box = page.partition("Commands")[2]
    return [name for name in re.findall(r"^│ ([a-z-]+)", box, flags=re.MULTILINE) if not name.startswith("-")]


def test_help_lists_the_commands_in_the_order_of_the_work():
    assert commands_of(billfold("--help").out) == COMMANDS


def test_help_of_show_lists_everything_that_can_be_shown():
    assert commands_of(billfold("show", "--help").out) == SHOWS


@pytest.mark.parametrize("command", [*([name] for name in COMMANDS), *(["show", name] for name in SHOWS)])
def test_every_command_explains_itself_and_its_options(command: list[str]):
    said = billfold(*command, "--help")
    assert said.code == 0
    sentence = said.out.split("\n\n")[1]
    assert sentence.strip().endswith(".")
    if command not in (["show"], ["sample"]):
        assert "BILLFOLD_LAKE" in said.out


def test_version_is_that_of_the_package():
    assert billfold("--version").out.strip() == f"billfold {version('billfold')}"


@pytest.mark.parametrize("arguments", [["--help"], ["bill", "--help"], ["show", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]):
    program = (
        "import sys\nfrom flows import cli\n"
        f"code = cli.main({arguments!r})\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])\n"
        "sys.exit(code)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-1] == "heavy: []"


def test_prefect_is_loaded_only_where_it_is_asked_for():
    program = (
        "import sys\nfrom flows import cli\n"
        "cli.main(['show', 'runs', '--lake', 'nowhere'])\n"
        "print('polars' in sys.modules, 'prefect' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert said.stdout.splitlines()[-1] == "True False"


def test_the_installed_program_is_this_one():
    said = subprocess.run(
        [sys.executable, "-m", "flows.cli", "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (said.returncode, said.stdout.strip()) == (0, f"billfold {version('billfold')}")
    assert callable(cli.main)
