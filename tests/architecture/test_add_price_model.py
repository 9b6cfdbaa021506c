"""The README adds a price model as one file and one line; nothing else has to change for a month to be billed by it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from rating.price_models import PRICE_MODELS

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "rating", "flows", "data")
EXAMPLE = "data/examples/first_invoice"
COMMANDS = f"""
init lake --reference {EXAMPLE}/reference
ingest {EXAMPLE}/usage/october.csv
bill --period 2026-10
explain acme/1
"""


def patch() -> str:
    """The change, as the README shows it."""
    return re.findall(r"```diff\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[0]


def copy_of_the_project(folder: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))


def billfold(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BILLFOLD")}
    environment |= {"PYTHONPATH": str(folder), "BILLFOLD_REFERENCE": f"{EXAMPLE}/reference"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flows.cli", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_change_is_one_new_file_and_one_line_of_the_registry() -> None:
    removed = [line for line in patch().splitlines() if line.startswith("-") and not line.startswith("---")]
    files = [line.removeprefix("+++ b/") for line in patch().splitlines() if line.startswith("+++")]
    registry = patch().partition("+++ b/rating/price_models/__init__.py")[2]
    assert removed == []
    assert files == ["rating/price_models/committed.py", "rating/price_models/__init__.py"]
    assert len([line for line in registry.splitlines() if line.startswith("+")]) == 1


def test_a_month_is_billed_explained_and_audited_by_the_added_model(tmp_path: Path) -> None:
    """200 hours at 0.50, but 300 are committed: 150.00, and 500 gigabyte-months at 0.10: 200.00 before the discount."""
    assert "committed" not in PRICE_MODELS
    copy_of_the_project(tmp_path)
    subprocess.run(["git", "apply", "-"], input=patch(), cwd=tmp_path, text=True, check=True)
    prices = tmp_path / EXAMPLE / "reference" / "sku_prices.csv"
    prices.write_text(
        "sku_price_id,sku_id,billing_currency,price_model,list_unit_price,package_size,valid_from\n"
        "vm-small-eur,vm-small,EUR,committed,0.50,300,2026-01-01\n"
        "disk-ssd-eur,disk-ssd,EUR,unit,0.10,,2026-01-01\n",
        encoding="utf-8",
    )
    for command in COMMANDS.strip().splitlines():
        explained = billfold(tmp_path, *command.split())
    assert "committed" in explained
    assert "150.00" in explained
    costs = billfold(tmp_path, "sql", "--csv", "select list_cost, discount_amount from invoices")
    assert costs.splitlines()[1].split(",") == ["200.00", "20.00"]
    billfold(tmp_path, "audit")
