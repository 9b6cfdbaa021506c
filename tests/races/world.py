"""A small month to race on, and what races may be about: late usage, operations, issues, bills, backfills.

Nine accounts of one seller use ten machine hours each at 0.50 in October; `a1` has a bonus of 4.00 before tax, `a2`
credit of 4.00 after it. Every file has ids of its own but `late-a` and `late-b`, which share one record.
"""

# ruff: noqa: E501 - a table is read across, not folded

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.flows.billing.months import EXAMPLE

ACCOUNTS = tuple(f"a{place}" for place in range(1, 10))
RECEIVED = ("--received-at", "2026-11-02T06:00:00Z")
LATER = ("--received-at", "2026-12-02T06:00:00Z")
ISSUED_ON = ("--issue-date", "2026-11-03")

USAGE = "usage_record_id,billing_account_id,resource_id,sku_id,charge_period_start,charge_period_end,consumed_quantity,consumed_unit"


def write_world(folder: Path) -> None:
    """Reference tables, usage and operations."""
    shutil.copytree(EXAMPLE / "reference", folder / "reference")
    accounts = (folder / "reference" / "billing_accounts.csv").open("a")
    with accounts as file:
        file.writelines(
            f'{one},north,{one} GmbH,"Markt 2, Köln, DE",EUR,Europe/Berlin,DE,business,14,false,500,2026-01-01\n'
            for one in ACCOUNTS
        )
    machines = [usage(f"october-{one}", one, "2026-10-05", 10) for one in ACCOUNTS]
    write_usage(folder / "october.csv", *machines)
    write_usage(folder / "november.csv", *(usage(f"november-{one}", one, "2026-11-05", 20) for one in ACCOUNTS))
    shared = usage("late-of-both", "a3", "2026-10-21", 2)
    write_usage(folder / "late-a.csv", usage("late-a1", "a1", "2026-10-20", 3), shared)
    write_usage(folder / "late-b.csv", usage("late-b2", "a2", "2026-10-20", 4), shared)
    write_usage(folder / "late-c.csv", usage("late-c4", "a4", "2026-10-22", 6))
    credit = {"kind": "bonus", "window_start": "2026-10-01", "window_end": "2026-12-31", "amount": "4.00"}
    write_operations(
        folder / "credit.jsonl",
        {"operation_id": "bonus-a1", "operation": "grant_credit", "billing_account_id": "a1", **credit},
        {
            "operation_id": "credit-a2",
            "operation": "grant_credit",
            "billing_account_id": "a2",
            **credit,
            "kind": "credit",
        },
    )
    write_operations(
        folder / "late-bonus.jsonl",
        {"operation_id": "late-bonus", "operation": "grant_credit", "billing_account_id": "a5", **credit},
    )
    write_operations(
        folder / "payment.jsonl",
        {"operation_id": "paid-a6", "operation": "record_payment", "billing_account_id": "a6", "amount": "6.00"},
    )


def usage(record: str, account: str, day: str, hours: int) -> str:
    return f"{record},{account},vm,vm-small,{day}T00:00:00Z,{day}T01:00:00Z,{hours},hour"


def write_usage(path: Path, *rows: str) -> None:
    path.write_text("\n".join([USAGE, *rows]) + "\n")


def write_operations(path: Path, *rows: dict[str, str]) -> None:
    """Operations of staff in the middle of October."""
    common = {"actor": "operator", "occurred_at": "2026-10-15T08:00:00Z"}
    path.write_text("".join(f"{json.dumps({**common, **row})}\n" for row in rows))


class Place:
    """A folder with a lake and its world, and the commands that may be run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = folder / "lake"

    def copied(self, folder: Path) -> Place:
        """The same in another folder."""
        shutil.copytree(self.folder, folder)
        return Place(folder)

    def _in(self, *words: str | Path) -> tuple[str, ...]:
        return (*map(str, words), "--lake", str(self.lake), "--json")

    def init(self) -> tuple[str, ...]:
        return ("init", str(self.lake), "--quiet")

    def ingest(self, name: str) -> tuple[str, ...]:
        return self._in("ingest", self.folder / f"{name}.csv", *(LATER if name == "november" else RECEIVED))

    def operations(self, name: str) -> tuple[str, ...]:
        return self._in("operations", self.folder / f"{name}.jsonl", *RECEIVED)

    def bill(self, period: str) -> tuple[str, ...]:
        return self._in("bill", "--period", period)

    def issue(self, account: str | None = None) -> tuple[str, ...]:
        only = ("--account", account) if account else ()
        return self._in("issue", "--period", "2026-10", *ISSUED_ON, *RECEIVED, *only)

    def backfill(self) -> tuple[str, ...]:
        return self._in("backfill", "--issue-date", "2026-12-02", *LATER)

    def views(self) -> tuple[str, ...]:
        return self._in("views")

    def here(self, command: tuple[str, ...], other: Place) -> tuple[str, ...]:
        """A command of another place, in this one."""
        return tuple(word.replace(str(other.folder), str(self.folder)) for word in command)
