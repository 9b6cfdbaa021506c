"""Policy `late_usage`: whether a period whose invoice is issued still takes usage (X4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.ingest_usage import ingest_usage
from flows.lake import tables
from tests.flows.backfill.touching import ACME, BETA, PERIODS, RECEIVED, Billed, billed, record

SEPTEMBER, OCTOBER, NOVEMBER = PERIODS
REASON = (
    "the record starts in a period that takes no more usage: found charge_period_start '2026-09-30T10:00:00Z', "
    "in 2026-09, whose invoice is issued, and policy late_usage is reject; void the invoice, then ingest with "
    "--retry-rejects"
)


@pytest.fixture
def world(tmp_path: Path) -> Billed:
    """September is invoiced to all."""
    world = billed(tmp_path)
    world.issue(SEPTEMBER)
    return world


def waiting(world: Billed) -> list[tuple[str, str, str]]:
    """Id, reason code and reason of the rejects that wait."""
    rejects = world.lake.snapshot().read("rejects").sort("usage_record_id")
    return rejects.select("usage_record_id", "reason_code", "reason").rows()


def test_late_usage_of_an_issued_period_is_rejected_with_what_to_do(world: Billed) -> None:
    world.add("billing_policies", "beta,late_usage,reject,2026-01-01,")
    result = world.ingest(
        record("late", BETA, "disk", "2026-09-30"),
        record("open", BETA, "disk", "2026-10-01"),
        record("other", ACME, "vm", "2026-09-30"),
    )
    assert waiting(world) == [("late", "R_TOO_OLD", REASON)]
    assert (result.accepted, result.rejected) == (2, 1), "beta's October is a draft, and acme's policy is correct"


def test_without_the_policy_an_issued_period_takes_usage(world: Billed) -> None:
    world.ingest(record("late", BETA, "disk", "2026-09-30"))
    assert waiting(world) == []


def test_the_policy_of_the_period_decides_not_that_of_today(world: Billed) -> None:
    world.issue(OCTOBER)
    world.add("billing_policies", ",late_usage,reject,2026-10-01,2026-10-31")
    world.ingest(record("september", BETA, "disk", "2026-09-30"), record("october", BETA, "disk", "2026-10-31"))
    assert [record_id for record_id, _, _ in waiting(world)] == ["october"]


def test_the_period_is_that_of_the_account_s_zone(world: Billed) -> None:
    """22:30 UTC on 30 September is October in Berlin, whose invoice is not issued."""
    world.add("billing_policies", ",late_usage,reject,2026-01-01,")
    evening = {"charge_period_start": "2026-09-30T22:30:00Z", "charge_period_end": "2026-09-30T23:00:00Z"}
    world.ingest(
        record("berlin", ACME, "vm", "2026-09-30", **evening), record("utc", BETA, "disk", "2026-09-30", **evening)
    )
    assert [record_id for record_id, _, _ in waiting(world)] == ["utc"]


def test_what_was_rejected_lands_once_its_invoice_is_voided(world: Billed) -> None:
    world.add("billing_policies", "beta,late_usage,reject,2026-01-01,")
    world.ingest(record("late", BETA, "disk", "2026-09-30"))

    def retry() -> int:
        return ingest_usage(world.lake, world.reference(), [], received_at=RECEIVED, retry_rejects=True).accepted

    assert retry() == 0, "the invoice stands"
    invoices = world.lake.snapshot().read("invoices", state="issued", billing_period=SEPTEMBER)
    number = dict(invoices.select("billing_account_id", "invoice_number").iter_rows())[BETA]
    voided = {
        "operation_id": "void",
        "operation": "void_invoice",
        "billing_account_id": BETA,
        "invoice_number": number,
        "occurred_at": "2026-12-05T00:00:00Z",
    }
    assert world.operate(voided) == {"void": "accepted"}
    assert retry() == 1
    assert (BETA, SEPTEMBER, "late usage") in world.touched()


# --- next_invoice ------------------------------------------------------------


def counts(world: Billed) -> dict[str, tuple[str, str | None]]:
    """Of each record that this test landed: the period it counts in, and from when, where that is not its start."""
    files = world.lake.snapshot().files("usage_records")
    rows = [
        (row["usage_record_id"], (entry.partition["billing_period"], row["counted_at"]))
        for entry in files
        for row in tables.read_parquet("stored_usage", [world.lake.path(entry)]).iter_rows(named=True)
    ]
    return {name: (period, at and at.isoformat()) for name, (period, at) in rows if name.startswith("late")}


def test_late_usage_counts_from_the_first_instant_of_the_next_period_without_an_invoice(world: Billed) -> None:
    world.add("billing_policies", "acme,late_usage,next_invoice,2026-01-01,")
    world.ingest(
        record("late-acme", ACME, "vm", "2026-09-15"),
        record("late-beta", BETA, "disk", "2026-09-15"),
        record("late-october", ACME, "vm", "2026-10-15"),
    )
    assert counts(world) == {
        "late-acme": ("2026-10", "2026-09-30T22:00:00+00:00"),  # midnight in Berlin
        "late-beta": ("2026-09", None),  # the policy is acme's
        "late-october": ("2026-10", None),  # its invoice is a draft
    }
    touched = {(account, period) for account, period, _ in world.touched()}
    assert touched == {(ACME, OCTOBER), (BETA, SEPTEMBER)}


def test_late_usage_passes_over_every_period_whose_invoice_is_issued(world: Billed) -> None:
    world.issue(OCTOBER)
    world.add("billing_policies", ",late_usage,next_invoice,2026-01-01,")
    world.ingest(record("late", BETA, "disk", "2026-09-15"))
    assert counts(world) == {"late": ("2026-11", "2026-11-01T00:00:00+00:00")}


@pytest.mark.parametrize("ends", ["sku", "account"])
def test_late_usage_of_what_is_no_more_corrects_its_own_period(world: Billed, ends: str) -> None:
    world.add("billing_policies", ",late_usage,next_invoice,2026-01-01,")
    table, row = {"sku": ("skus", "disk,Disk,"), "account": ("billing_accounts", "beta,north,")}[ends]
    world.say(table, "valid_from\n", "valid_from,valid_until\n")
    world.say(table, ",2026-01-01\n", ",2026-01-01,\n")
    (line,) = [one for one in (world.reference_folder / f"{table}.csv").read_text().splitlines() if row in one]
    world.say(table, line, f"{line}2026-09-30")
    world.ingest(record("late", BETA, "disk", "2026-09-15"))
    assert counts(world) == {"late": ("2026-09", None)}


def test_the_same_record_again_is_a_duplicate_wherever_it_counts(world: Billed) -> None:
    world.add("billing_policies", ",late_usage,next_invoice,2026-01-01,")
    world.ingest(record("late", BETA, "disk", "2026-09-15"))
    again = world.ingest(record("late", BETA, "disk", "2026-09-15"), record("late-too", BETA, "disk", "2026-09-16"))
    assert (again.accepted, again.duplicate) == (1, 1)


def test_a_revision_of_invoiced_usage_takes_it_from_its_month_and_counts_in_the_next(world: Billed) -> None:
    """What was invoiced goes back by a credit note; what it is now is on the next invoice (G7)."""
    world.ingest(record("late", BETA, "disk", "2026-09-15"))
    world.add("billing_policies", ",late_usage,next_invoice,2026-01-01,")
    world.ingest(record("late", BETA, "disk", "2026-09-15", revision="1"))
    assert counts(world) == {"late": ("2026-10", "2026-10-01T00:00:00+00:00")}
