"""Whom late usage touches: the accounts of its records, in the periods they are billed in (X4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.bill_period import bill_period
from tests.flows.backfill.touching import ACME, BETA, GAMMA, KNOWN, PERIODS, Billed, billed, record

SEPTEMBER, OCTOBER, NOVEMBER = PERIODS
LATE = "late usage"


@pytest.fixture
def world(tmp_path: Path) -> Billed:
    return billed(tmp_path)


def test_usage_that_lands_after_its_month_was_billed_touches_its_account_and_month(world: Billed) -> None:
    """19:00 UTC on 31 October is half past midnight in Kolkata, and still October in Berlin."""
    evening = {"charge_period_start": "2026-10-31T19:00:00Z", "charge_period_end": "2026-10-31T20:00:00Z"}
    world.ingest(
        record("1", GAMMA, "vm", "2026-10-31", **evening),
        record("2", ACME, "vm", "2026-10-31", **evening),
        record("next", ACME, "vm", "2026-12-01"),
        record(f"beta-disk-{OCTOBER}", BETA, "disk", f"{OCTOBER}-10", "120000"),
    )
    assert world.touched() == {(GAMMA, NOVEMBER, LATE), (ACME, OCTOBER, LATE)}, "one is a duplicate, one of December"


def test_a_higher_revision_touches_its_account_alone_though_the_file_of_all_is_written_anew(world: Billed) -> None:
    """acme-web-2026-10 of 5 October, 40 hours, becomes 41."""
    revised = record(f"acme-web-{OCTOBER}", ACME, "vm", "2026-10-05", "41", sub_account_id="web", revision="1")
    world.ingest(revised)
    assert world.touched() == {(ACME, OCTOBER, LATE)}


def test_a_higher_revision_in_another_month_touches_both_months(world: Billed) -> None:
    moved = record(f"gamma-disk-{OCTOBER}", GAMMA, "disk", "2026-11-02", "50", revision="1")
    world.ingest(moved)
    assert world.touched() == {(GAMMA, OCTOBER, LATE), (GAMMA, NOVEMBER, LATE)}


def test_a_higher_revision_that_says_the_same_touches_nobody(world: Billed) -> None:
    world.ingest(record(f"beta-disk-{OCTOBER}", BETA, "disk", f"{OCTOBER}-10", "120000", revision="1"))
    assert world.touched() == set()


def test_a_late_record_that_runs_into_the_next_months_touches_them_where_records_are_split(world: Billed) -> None:
    """From 29 September to 2 November: gamma's are split, acme's belong to September. beta's end in their month."""
    long = {"charge_period_end": "2026-11-02T10:00:00Z"}
    world.ingest(
        record("1", GAMMA, "vm", "2026-09-29", **long),
        record("2", ACME, "vm", "2026-09-29", **long),
        record("3", BETA, "disk", "2026-09-29"),
    )
    assert world.touched() == {
        (GAMMA, SEPTEMBER, LATE),
        (GAMMA, OCTOBER, LATE),
        (GAMMA, NOVEMBER, LATE),
        (ACME, SEPTEMBER, LATE),
        (BETA, SEPTEMBER, LATE),
    }


def test_a_bill_counts_what_is_late_but_not_for_what_is_issued(world: Billed) -> None:
    """L4: a bill leaves an account alone whose invoice is issued."""
    world.issue(NOVEMBER, BETA)
    world.ingest(record("1", GAMMA, "disk", "2026-11-29"), record("2", BETA, "disk", "2026-11-30"))
    assert world.touched() == {(GAMMA, NOVEMBER, LATE), (BETA, NOVEMBER, LATE)}
    world.bill(NOVEMBER)
    assert world.touched() == {(BETA, NOVEMBER, LATE)}


def test_a_month_to_date_draft_does_not_count_as_a_bill(world: Billed) -> None:
    world.ingest(record("late", BETA, "disk", "2026-10-30"), record("next", BETA, "disk", "2026-12-01"))
    bill_period(world.lake, world.reference(), period="2026-12", until=KNOWN.replace(year=2026, month=12, day=2))
    assert world.touched() == {(BETA, OCTOBER, LATE)}


def test_a_backfill_is_complete_for_the_periods_that_it_names(world: Billed) -> None:
    world.ingest(record("1", BETA, "disk", "2026-10-30"), record("2", BETA, "disk", "2026-11-29"))
    lake = world.lake
    digest = world.reference().digest
    inputs = {"periods": [SEPTEMBER, OCTOBER], "reference_digest": digest, "known_as_of": KNOWN}
    lake.commit(lake.head(), run_id="b" * 32, command="backfill", inputs=inputs, added=[])
    assert world.touched() == {(BETA, NOVEMBER, LATE)}
