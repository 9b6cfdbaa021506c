"""Rejects are shown with what they would be worth at list price, and the drafts they would touch (U6)."""

# ruff: noqa: E501 - a table is read across, not folded

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.worked import RECEIVED, REFERENCE, Said, billfold, line_with, write_reference
from tests.flows.reference.world import as_csv, rows_of

BAD = """
    usage_record_id | billing_account_id | sub_account_id | sku_id | charge_period_start  | charge_period_end    | consumed_quantity | consumed_unit
    good            | acme               |                | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 100               | hour
    negative        | acme               |                | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | -3                | hour
    future-1        | acme               |                | vm     | 2026-12-05T00:00:00Z | 2026-12-05T01:00:00Z | 10                | hour
    future-2        | bolt               |                | disk   | 2026-11-30T23:30:00Z | 2026-12-01T01:00:00Z | 5                 | GB
    future-3        | seoul              |                | mails  | 2026-12-05T00:00:00Z | 2026-12-05T01:00:00Z | 800               | mail
    future-4        | seoul              |                | mails  | 2026-12-06T00:00:00Z | 2026-12-06T01:00:00Z | 400               | mail
    future-5        | mumbai             |                | disk   | 2026-12-05T00:00:00Z | 2026-12-05T01:00:00Z | 9                 | GB
    future-6        | mumbai             |                | vm     | 2026-12-05T00:00:00Z | 2026-12-05T01:00:00Z | 1                 | hour
    nobody          | nobody             |                | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 1                 | hour
    unknown-sku     | acme               |                | vmm    | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 1                 | hour
    no-number       | acme               |                | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 1e3               | hour
    no-unit         | acme               |                | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 1                 | parsec
    twice           | acme               |                | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 7                 | hour
    twice           | bolt               |                | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 8                 | hour
    no-zone         | acme               |                | vm     | 2026-10-05T00:00:00  | 2026-10-05T01:00:00Z | 1                 | hour
    no-project      | acme               | ghost          | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 4                 | hour
    backwards       | acme               |                | vm     | 2026-10-05T01:00:00Z | 2026-10-05T00:00:00Z | 2                 | hour
    both            | acme               | ghost          | vm     | 2026-10-05T01:00:00Z | 2026-10-05T00:00:00Z | 6                 | hour
"""


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A lake with one good row and many bad ones, and what ingest said."""
    folder = tmp_path_factory.mktemp("rejects")
    write_reference(folder / "reference")
    lake = folder / "lake"
    billfold("init", lake)
    short = "short,row\n"
    (folder / "bad.csv").write_text(as_csv(rows_of(BAD)) + short, encoding="utf-8")
    return lake, billfold("ingest", folder / "bad.csv", "--lake", lake, "--received-at", RECEIVED)


def groups(lake: Path, *options: str) -> dict[tuple[str, str | None], dict[str, Any]]:
    rows = json.loads(billfold("show", "rejects", "--json", "--lake", lake, *options).out)
    return {(row["reason_code"], row["billing_currency"]): row for row in rows}


def test_a_group_shows_what_its_rows_would_cost_at_list_price(landed: tuple[Path, Said]):
    found = groups(landed[0])
    assert {key: (row["row_count"], row["estimated_list_cost"]) for key, row in found.items()} == {
        ("R_FUTURE", "EUR"): (2, "12.50"),  # 10 hours at 1, 5 GB at 500 per 1,000
        ("R_FUTURE", "INR"): (2, "150249.03"),  # the machine alone: disk has no price in INR
        ("R_FUTURE", "KRW"): (2, "550"),  # 1,200 mails together: 1,000 at 0.5 and 200 at 0.25
        ("R_DUPLICATE_CONFLICT", "EUR"): (2, "15.00"),  # 7 and 8 hours
        ("R_NEGATIVE_QUANTITY", "EUR"): (1, "-3.00"),
        ("R_MULTIPLE", "EUR"): (1, "6.00"),
        ("R_TIME_REVERSED", "EUR"): (1, "2.00"),
        ("R_UNKNOWN_PROJECT", "EUR"): (1, "4.00"),
        ("R_BAD_NUMBER", "EUR"): (1, None),
        ("R_NAIVE_TIMESTAMP", "EUR"): (1, None),
        ("R_UNIT_MISMATCH", "EUR"): (1, None),
        ("R_UNKNOWN_SKU", "EUR"): (1, None),
        ("R_COLUMN_COUNT", None): (1, None),
        ("R_UNKNOWN_ACCOUNT", None): (1, None),
    }


def test_a_group_says_how_many_rows_have_no_estimate_and_why(landed: tuple[Path, Said]):
    found = groups(landed[0])
    assert {
        key: (row["without_estimate_count"], row["without_estimate"])
        for key, row in found.items()
        if row["without_estimate_count"]
    } == {
        ("R_FUTURE", "INR"): (1, "no price: 1"),
        ("R_BAD_NUMBER", "EUR"): (1, "no number: 1"),
        ("R_NAIVE_TIMESTAMP", "EUR"): (1, "no time: 1"),
        ("R_UNIT_MISMATCH", "EUR"): (1, "no unit: 1"),
        ("R_UNKNOWN_SKU", "EUR"): (1, "no SKU: 1"),
        ("R_COLUMN_COUNT", None): (1, "not readable: 1"),
        ("R_UNKNOWN_ACCOUNT", None): (1, "no account: 1"),
    }


def test_a_group_names_the_drafts_it_would_touch(landed: tuple[Path, Said]):
    """The month is that of the account: 23:30 UTC on 30 November is December in Berlin."""
    found = groups(landed[0])
    assert found["R_FUTURE", "EUR"]["drafts"] == ["acme 2026-12", "bolt 2026-12"]
    assert found["R_FUTURE", "KRW"]["drafts"] == ["seoul 2026-12"]
    assert found["R_DUPLICATE_CONFLICT", "EUR"]["drafts"] == ["acme 2026-10", "bolt 2026-10"]
    assert found["R_BAD_NUMBER", "EUR"]["drafts"] == ["acme 2026-10"]
    assert found["R_NAIVE_TIMESTAMP", "EUR"]["drafts"] == found["R_UNKNOWN_ACCOUNT", None]["drafts"] == []


def test_rejects_can_be_asked_of_one_account_and_of_one_month(landed: tuple[Path, Said]):
    assert groups(landed[0], "--account", "bolt")["R_FUTURE", "EUR"]["estimated_list_cost"] == "2.50"
    assert set(groups(landed[0], "--period", "2026-12")) == {
        ("R_FUTURE", "EUR"),
        ("R_FUTURE", "INR"),
        ("R_FUTURE", "KRW"),
    }


def test_screen_spreadsheet_and_program_say_the_same(landed: tuple[Path, Said]):
    lake, _ = landed
    page = billfold("show", "rejects", "--lake", lake).out
    cells = list(csv.DictReader(io.StringIO(billfold("show", "rejects", "--csv", "--lake", lake).out)))
    rows = groups(lake)
    assert len(cells) == len(rows)
    for cell, row in zip(cells, rows.values(), strict=True):
        assert (cell["reason_code"], cell["estimated_list_cost"]) == (
            row["reason_code"],
            row["estimated_list_cost"] or "",
        )
    assert line_with(page, ["R_FUTURE", "EUR", "12.50"])
    assert line_with(page, ["R_FUTURE", "INR", "1,50,249.03"])


def test_ingest_says_what_the_rejects_of_its_delivery_would_be_worth(landed: tuple[Path, Said], tmp_path: Path):
    _, said = landed
    assert said.code == 3, said.both
    assert line_with(said.out, ["R_FUTURE", "EUR", "12.50", "acme 2026-12"])
    another = write_reference(tmp_path / "reference").parent / "lake"
    billfold("init", another)
    for name, row in (("first", "future-1 "), ("second", "future-2 ")):
        one = [line for line in BAD.splitlines() if "usage_record_id" in line or row in line]
        (tmp_path / f"{name}.csv").write_text(as_csv(rows_of("\n".join(one))), encoding="utf-8")
        said = billfold("ingest", tmp_path / f"{name}.csv", "--lake", another, "--received-at", RECEIVED, "--json")
    (group,) = json.loads(said.out)["rejects"]
    assert (group["reason_code"], group["row_count"], group["estimated_list_cost"]) == ("R_FUTURE", 1, "2.50")
    assert groups(another)["R_FUTURE", "EUR"]["estimated_list_cost"] == "12.50"


def test_a_contract_and_a_closed_account_count_as_they_last_were(tmp_path: Path):
    """A contract of 0.8 an hour; the account ended on 1 October and uses 5 hours after, 4.00."""
    accounts = REFERENCE["billing_accounts"].replace("| valid_from", "| valid_from | valid_until")
    accounts = accounts.replace("| 2025-01-01", "| 2025-01-01 | 2026-10-01")
    prices = """
        sku_price_id | sku_id | billing_account_id | billing_currency | price_model | list_unit_price | per_quantity | valid_from
        vm-eur       | vm     |                    | EUR              | unit        | 1               | 1            | 2025-01-01
        vm-acme      | vm     | acme               | EUR              | unit        | 0.8             | 1            | 2025-01-01
    """
    write_reference(
        tmp_path / "reference",
        billing_accounts=accounts,
        sku_prices=prices,
        price_tiers="sku_price_id | up_to | unit_price",
        discounts="discount_id | kind | value | priority | valid_from",
    )
    late = """
        usage_record_id | billing_account_id | sku_id | charge_period_start  | charge_period_end    | consumed_quantity | consumed_unit
        late            | acme               | vm     | 2026-10-05T00:00:00Z | 2026-10-05T01:00:00Z | 5                 | hour
    """
    (tmp_path / "late.csv").write_text(as_csv(rows_of(late)), encoding="utf-8")
    lake = tmp_path / "lake"
    billfold("init", lake)
    said = billfold("ingest", tmp_path / "late.csv", "--lake", lake, "--received-at", RECEIVED)
    assert said.code == 3, said.both
    (row,) = groups(lake).values()
    assert (row["reason_code"], row["estimated_list_cost"], row["drafts"]) == (
        "R_ACCOUNT_CLOSED",
        "4.00",
        ["acme 2026-10"],
    )


def test_what_landed_again_is_no_reject_any_more(tmp_path: Path):
    write_reference(tmp_path / "reference")
    lake = tmp_path / "lake"
    billfold("init", lake)
    one = [line for line in BAD.splitlines() if "usage_record_id" in line or "future-1" in line]
    (tmp_path / "one.csv").write_text(as_csv(rows_of("\n".join(one))), encoding="utf-8")
    billfold("ingest", tmp_path / "one.csv", "--lake", lake, "--received-at", RECEIVED)
    assert groups(lake)["R_FUTURE", "EUR"]["row_count"] == 1
    billfold("ingest", "--retry-rejects", "--lake", lake, "--received-at", "2026-12-20T00:00:00Z")
    assert groups(lake) == {}


def test_a_row_that_is_no_usage_has_no_estimate_and_touches_no_draft(tmp_path: Path):
    """A foreign file: its names are kept, and read again, as those of billfold."""
    write_reference(tmp_path / "reference")
    lake = tmp_path / "lake"
    billfold("init", lake)
    (tmp_path / "foreign.csv").write_text(
        "Id,Customer,Kind,Product,At,Hours\n"
        "a,acme,Usage,vm,2026-12-05T00:00:00Z,10\n"
        "b,acme,Tax,vm,2026-10-05T00:00:00Z,3\n"
        "c,acme,Usage,vm,2026-10-05T00:00:00Z,3\n",
        encoding="utf-8",
    )
    (tmp_path / "foreign.toml").write_text(
        'only = { column = "Kind", values = ["Usage"] }\n[fields]\nusage_record_id = "Id"\nbilling_account_id = "Customer"\n'
        'sku_id = "Product"\ncharge_period_start = "At"\ncharge_period_end = "At"\nconsumed_unit = { constant = "hour" }\n'
        '[[usage]]\nconsumed_quantity = { column = "Hours", multiply = "0.5" }\n',
        encoding="utf-8",
    )
    said = billfold(
        *("ingest", tmp_path / "foreign.csv", "--mapping", tmp_path / "foreign.toml"),
        *("--lake", lake, "--received-at", RECEIVED),
    )
    assert said.code == 3, said.both
    found = groups(lake)
    assert found["R_FUTURE", "EUR"]["estimated_list_cost"] == "5.00"  # 10 × 0.5 at 1
    no_usage = found["R_NOT_USAGE", "EUR"]
    assert (no_usage["estimated_list_cost"], no_usage["without_estimate"], no_usage["drafts"]) == (
        None,
        "not usage: 1",
        [],
    )
