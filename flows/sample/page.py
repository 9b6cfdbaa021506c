"""The page that comes with a sample world: what is in it, and what ingest should report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flows.sample.customers import Account

if TYPE_CHECKING:
    from flows.sample.world import SampleWorld

MARK = "# A sample world of billfold"
"""How the page begins; a folder whose page begins otherwise is never written over."""


def page(world: "SampleWorld", arguments: Mapping[str, object], accounts: Sequence[Account]) -> str:
    """The page as Markdown; the same world, the same text."""
    given = ", ".join(f"{name} {value}" for name, value in arguments.items())
    showcase = accounts[0]
    parts = [
        MARK,
        f"Made from: {given}. The same arguments give the same bytes. Every company in it is invented.",
        f"- `usage/`: {world.landed:,} rows in {len(world.usage_files)} files, hourly, in UTC, "
        f"for {world.period} as each customer's calendar has it.\n"
        f"- `reference/`: customers, prices, taxes and terms; the tables that are not here are billfold's defaults.\n"
        f"{_operations(world)}\n"
        f"- Delivered at {world.received_at:%Y-%m-%dT%H:%M:%SZ}; invoices are issued on {world.issue_date}.",
        f"Look first at **{showcase.billing_account_id}**, {showcase.legal_name}: three projects, graduated traffic, "
        "10 % off machines, a bonus before tax for AI models, prepaid credit after tax, and VAT.",
        _boundaries(accounts),
        _outcomes(world),
        _refused(world),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _operations(world: "SampleWorld") -> str:
    if world.operations_file is None:
        return "- No operations: in this later month nobody does anything but use."
    return "- `operations/`: credit that was granted and promo codes that were accepted."


def _boundaries(accounts: Sequence[Account]) -> str:
    meanings = {
        "price": "their contract price changes",
        "discount": "a discount begins",
        "grant": "a grant begins or ends",
        "project": "a project moves to another account",
    }
    kinds = Counter(account.boundary for account in accounts if account.boundary)
    lines = [
        f"- {kinds[kind]} account(s) whose month is cut because {meaning}, such as "
        f"{next(account.billing_account_id for account in accounts if account.boundary == kind)}"
        for kind, meaning in meanings.items()
        if kinds[kind]
    ]
    return "## Cut inside the month\n\n" + "\n".join(lines) if lines else ""


def _outcomes(world: "SampleWorld") -> str:
    if not world.expected:
        return f"## What ingest should report\n\nlanded {world.landed:,}, accepted {world.rows:,}, and nothing else."
    rejected = sum(count for outcome, count in world.outcomes.items() if outcome.startswith("R_"))
    lines = [f"| {each.file} | {each.outcome} | {each.count} | {each.meaning} |" for each in world.expected]
    return (
        "## What ingest should report\n\n"
        f"landed {world.landed:,} = accepted {world.rows:,} + duplicate {world.outcomes['duplicate']} "
        f"+ superseded {world.outcomes['superseded']} + rejected {rejected}, when all files are read together. "
        "Of equal rows in two files, which one is the duplicate is decided by the files' digests.\n\n"
        "| file | outcome | rows | what it is |\n|---|---|---:|---|\n" + "\n".join(lines)
    )


def _refused(world: "SampleWorld") -> str:
    if not world.refused:
        return ""
    lines = [f"| {operation_id} | {code} |" for operation_id, code in world.refused]
    return "## Operations that should be refused\n\n| operation | reason |\n|---|---|\n" + "\n".join(lines)
