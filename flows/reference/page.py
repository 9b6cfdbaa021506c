"""The printed page about reference data, from the schemas, the rules and the policies themselves."""

from collections.abc import Iterable

import schemas
from flows.reference.one_table import default_texts, required_columns
from flows.reference.policies import POLICIES
from flows.reference.reading import read_folder
from flows.reference.shipped import FILLED_IN, default_reference_folder
from flows.reference.tables import TABLES, Rules

INTRODUCTION = """# Reference data

Small dated tables that people edit, in one folder: `<table>.csv` or `<table>.parquet`. `billfold init` writes the
shipped ones. Everything wrong in a folder is reported at once, with file, row and column, before anything else is done.

- To bill a month, write `sellers` (with `tax_ids`, or nothing can be issued), `billing_accounts`, `skus`, `sku_prices`
  and `tax_rates`; the others when you need them. What a column means is in [DATA.md](DATA.md#reference-tables).
- CSV is UTF-8 with commas, double quotes and a header; a blank cell is nothing. Columns may come in any order.
- A number is digits, a point, digits. A flag is true or false. A list is JSON text, or nested in Parquet.
- `valid_from` is a day or an instant with its offset. An end *day* in `valid_until` is the last day, included; an
  instant there is excluded. Empty is open. A day means local midnight of the account the row is used for.
- A row of `currencies` or `billing_policies` goes before the shipped row of its key for as long as it holds; any other
  table that you have replaces the shipped one.
"""


def reference_page() -> str:
    """Each reference table with what it needs, what it leaves out, and what its rows must keep; then the policies."""
    shipped = set(read_folder(default_reference_folder(), list(TABLES))[0])
    sections = [_section(name, rules, name in shipped) for name, rules in TABLES.items()]
    return "\n".join([INTRODUCTION, *sections, _policies()])


def _section(name: str, rules: Rules, is_shipped: bool) -> str:
    required = required_columns(name)
    defaults = default_texts(name)
    optional = [column for column in schemas.TABLES[name].columns() if column not in required]
    lines = [
        f"## {name}",
        "",
        f"{rules.purpose[0].upper()}{rules.purpose[1:]}.",
        "",
        f"- Required: {_names(required)}",
        f"- Optional: {_names(column for column in optional if column not in defaults) or 'none'}",
    ]
    if defaults:
        lines.append("- Defaults: " + ", ".join(f"`{column}` {value}" for column, value in defaults.items()))
    lines.append(f"- One row per {_names(rules.key)}{_time_rule(rules)}")
    if is_shipped:
        lines.append("- Shipped" + ("; your rows go before it" if name in FILLED_IN else "; your file replaces it"))
    return "\n".join([*lines, ""])


def _time_rule(rules: Rules) -> str:
    if not rules.is_dated:
        return ""
    return " at a time, without a gap between its rows" if rules.is_gapless else " at a time"


def _policies() -> str:
    rows = [
        f"| `{name}` | {policy.decides} | {policy.default} | {policy.wanted} | {policy.source} |"
        for name, policy in POLICIES.items()
    ]
    return "\n".join(
        [
            "## Policies",
            "",
            "Rows of `billing_policies`; a row that names an account goes before one that does not.",
            "",
            "| policy | decides | default | values | rule |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)
